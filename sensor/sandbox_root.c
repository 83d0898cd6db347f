/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two programs that start with a capability: the inspector (to leave the file system) and the verdict process (to
 * keep CAP_NET_ADMIN and nothing else). */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/sandbox.h"
#include "sensor/sandbox_filter.h"

/* A private mount namespace whose only mount is an empty tmpfs. /proc serves as the mount point since it is there
 * wherever the sensor runs. In a chroot, whose "/" is no mount, the old mounts stay, with no path from here to them. */
static int root_empty(void)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	bool in_chroot = false;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		if (errno != EINVAL || mount(NULL, "/proc", NULL, MS_PRIVATE, NULL) < 0)
			return -errno;
		in_chroot = true;
	}
	if (mount("none", "/proc", "tmpfs", flags, "size=4k,nr_inodes=2,mode=0555") < 0)
		return -errno;
	if (chdir("/proc") < 0)
		return -errno;
	if (in_chroot) {
		if (chroot(".") < 0)
			return -errno;
	} else if (syscall(SYS_pivot_root, ".", ".") == 0) {
		/* Old and new root are stacked at "/"; the old one, on top, is what "." now reaches to unmount. */
		if (umount2(".", MNT_DETACH) < 0)
			return -errno;
	} else {
		/* The root of an initramfs cannot be pivoted: move over it. */
		if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
			return -errno;
	}
	if (chdir("/") < 0)
		return -errno;
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) < 0)
		return -errno;
	return 0;
}

static int limits_inspector(uint64_t mem_max_bytes)
{
	struct rlimit files = { 64, 64 }, procs = { 0, 0 };
	/* RLIMIT_DATA counts private writable memory: heap and stacks, not the shared rings. */
	struct rlimit mem = { mem_max_bytes, mem_max_bytes };

	if (setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_NPROC, &procs) < 0 || setrlimit(RLIMIT_DATA, &mem) < 0)
		return -errno;
	return 0;
}

int sandbox_enter_inspector(uint64_t mem_max_bytes)
{
	static const int optional[] = { CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS };
	int r;

	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		if (unshare(optional[i]) < 0)
			log_debug("sandbox: namespace %#x, ignoring: %m", (unsigned)optional[i]);
#ifndef PG_SAN
	r = root_empty();
	if (r < 0)
		return r;
	r = limits_inspector(mem_max_bytes ? mem_max_bytes : 256ULL << 20);
	if (r < 0)
		return r;
#else
	(void)root_empty;
	(void)limits_inspector;
	(void)mem_max_bytes;
#endif
	r = sandbox_keep_caps(NULL, 0);
	if (r == 0)
		r = sandbox_common();
	return r < 0 ? r : sandbox_filter_load(SANDBOX_INSPECTOR);
}

int sandbox_enter_replay(uint64_t mem_max_bytes)
{
	int r;

#ifndef PG_SAN
	r = limits_inspector(mem_max_bytes);
	if (r < 0)
		return r;
#endif
	r = sandbox_keep_caps(NULL, 0);
	if (r == 0)
		r = sandbox_common();
	return r < 0 ? r : sandbox_filter_load(SANDBOX_REPLAY);
}

int sandbox_enter_verdict(void)
{
	static const int keep[] = { CAP_NET_ADMIN };
	int r = sandbox_keep_caps(keep, ARRAY_SIZE(keep));

	if (r == 0)
		r = sandbox_common();
	return r < 0 ? r : sandbox_filter_load(SANDBOX_VERDICT);
}

int sandbox_enter_opener(void)
{
	static const int keep[] = { CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH };
	int r = sandbox_keep_caps(keep, ARRAY_SIZE(keep));

	if (r == 0)
		r = sandbox_common();
	return r < 0 ? r : sandbox_filter_load(SANDBOX_OPENER);
}
