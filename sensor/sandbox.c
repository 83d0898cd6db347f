/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entering the sandbox: what core, broker and keeper do. The inspector and the verdict process, which hold capabilities at
 * first, are in sandbox_root.c. */
#include "sensor/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/sandbox_filter.h"

int sandbox_common(void)
{
	struct rlimit none = { 0, 0 };

	/* Set by the keeper before exec too; a change of credentials clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
#ifndef PG_SAN /* the leak check traces its own process */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
#endif
	return 0;
}

#define LL_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define LL_WRITE                                                                                                     \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |            \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG)
#define LL_ALL                                                                                                       \
	(LL_READ | LL_WRITE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static int landlock_allow(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr at = { .allowed_access = access };
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	at.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &at, 0) < 0)
		return -errno;
	return 0;
}

/* Files: everything in the state directory, reading where libraries look (time zones, host databases). A kernel without
 * Landlock leaves it at the user's permissions. */
static int landlock_core(const char *state_dir)
{
	static const char *const readable[] = { "/etc", "/usr/share", "/proc/self", "/dev/null", "/dev/urandom" };
	struct landlock_ruleset_attr at = { .handled_access_fs = LL_ALL };
	_cleanup_close_ int ruleset = (int)syscall(SYS_landlock_create_ruleset, &at, sizeof(at), 0);
	int r;

	if (ruleset < 0) {
		log_debug("sandbox: no Landlock here, ignoring: %m");
		return 0;
	}
	r = landlock_allow(ruleset, state_dir, LL_READ | LL_WRITE);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++)
		/* A file takes no directory right: EINVAL. Then only reading. */
		if (landlock_allow(ruleset, readable[i], LL_READ) == -EINVAL)
			(void)landlock_allow(ruleset, readable[i], LANDLOCK_ACCESS_FS_READ_FILE);
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return -errno;
	return 0;
}

/* What resolving a name and checking a certificate need, as it stands now: a file that is replaced later is another one. */
static int landlock_fetch(void)
{
	static const char *const readable[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
						"/etc/ssl", "/etc/pki", "/usr/lib/ssl", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
						"/etc/localtime", "/dev/null", "/dev/urandom" };
	struct landlock_ruleset_attr at = { .handled_access_fs = LL_ALL };
	_cleanup_close_ int ruleset = (int)syscall(SYS_landlock_create_ruleset, &at, sizeof(at), 0);

	if (ruleset < 0) {
		log_debug("sandbox: no Landlock here, ignoring: %m");
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++)
		if (landlock_allow(ruleset, readable[i], LL_READ) == -EINVAL)
			(void)landlock_allow(ruleset, readable[i], LANDLOCK_ACCESS_FS_READ_FILE);
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

int sandbox_enter_fetch(void)
{
	int r = sandbox_common();

	if (r == 0)
		r = landlock_fetch();
	return r < 0 ? r : sandbox_filter_load(SANDBOX_FETCH);
}

int sandbox_enter_core(const char *state_dir)
{
	int r = sandbox_common();

	if (r == 0 && state_dir)
		r = landlock_core(state_dir);
	return r < 0 ? r : sandbox_filter_load(SANDBOX_CORE);
}

int sandbox_enter_broker(void)
{
	int r = sandbox_common();

	return r < 0 ? r : sandbox_filter_load(SANDBOX_BROKER);
}

int sandbox_enter_files(void)
{
	int r = sandbox_common();

	return r < 0 ? r : sandbox_filter_load(SANDBOX_FILES);
}

int sandbox_enter_keeper(void)
{
	return sandbox_filter_load(SANDBOX_KEEPER);
}
