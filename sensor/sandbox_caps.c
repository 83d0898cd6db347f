/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capabilities and identity, through libcap-ng. Apart from sandbox.c so that core, which starts with nothing, need not
 * link the library. */
#include "sensor/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

#include "base/cleanup.h"

static int caps_select(const int *caps, size_t cap_count, capng_type_t sets)
{
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < cap_count; i++)
		if (capng_update(CAPNG_ADD, sets, (unsigned)caps[i]) < 0)
			return -EINVAL;
	return 0;
}

int sandbox_become(uid_t uid, gid_t gid, const int *caps, size_t cap_count)
{
	int r;

	/* The kernel's view first: libcap-ng reads the bounding set from it. */
	if (capng_get_caps_process() < 0)
		return -EPERM;
	r = caps_select(caps, cap_count, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE);
	if (r < 0)
		return r;
	/* Sets gid, groups, uid and the capability sets, and empties the bounding set, in the order that works. */
	if (capng_change_id((int)uid, (int)gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) < 0)
		return -EPERM;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (size_t i = 0; i < cap_count; i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)caps[i], 0, 0) < 0)
			return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int sandbox_keep_caps(const int *caps, size_t cap_count)
{
	capng_select_t bounds;
	int have[CAP_LAST_CAP + 1], r;
	size_t have_count = 0;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	if (capng_get_caps_process() < 0)
		return -EPERM;
	/* Emptying the bounding set needs CAP_SETPCAP; who has it not has had it emptied by the keeper. */
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS;
	for (size_t i = 0; i < cap_count && have_count < ARRAY_SIZE(have); i++)
		if (capng_have_capability(CAPNG_PERMITTED, (unsigned)caps[i]))
			have[have_count++] = caps[i];
	r = caps_select(have, have_count, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
	if (r < 0)
		return r;
	return capng_apply(bounds) < 0 ? -EPERM : 0;
}
