/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system-call filters: for each program the lists it may use, as data. Default: EPERM, logged by the kernel. The keeper's
 * filter is inherited by all its children, so it is the union of every list. */
#include "sensor/sandbox_filter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifdef PG_SAN
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

/* Reading and writing what is open, waiting, time, memory, signals of one's own, ending. */
static const int calls_basic[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(close),
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek), SCMP_SYS(dup), SCMP_SYS(fcntl),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(membarrier),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	SCMP_SYS(futex), SCMP_SYS(futex_waitv), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(getrusage), SCMP_SYS(sysinfo), SCMP_SYS(uname),
	SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getrandom),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu),
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_create), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime), SCMP_SYS(eventfd2),
	SCMP_SYS(signalfd4), SCMP_SYS(pipe2), SCMP_SYS(pipe),
	SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
	SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
};

/* Files, as far as the program's user (and Landlock) lets it. */
static const int calls_files[] = {
	SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(getcwd), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename),
	SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range), SCMP_SYS(fchmod),
	SCMP_SYS(chmod), SCMP_SYS(fchmodat), SCMP_SYS(flock), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(preadv),
	SCMP_SYS(copy_file_range), SCMP_SYS(sendfile), SCMP_SYS(utimensat), SCMP_SYS(umask), SCMP_SYS(msync),
	SCMP_SYS(fadvise64), SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch),
	SCMP_SYS(linkat), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(close_range), SCMP_SYS(memfd_create),
};

static const int calls_accept[] = { SCMP_SYS(accept), SCMP_SYS(accept4) };

/* Threads of this process; making one is in clone_rules(). */
static const int calls_threads[] = {
	SCMP_SYS(set_tid_address), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler), SCMP_SYS(sched_setscheduler),
	SCMP_SYS(sched_get_priority_max), SCMP_SYS(sched_get_priority_min), SCMP_SYS(get_robust_list), SCMP_SYS(getpriority),
};

/* What files needs beside its descriptors: names and status of what they point to. It can open nothing. */
static const int calls_descriptors[] = {
	SCMP_SYS(statx), SCMP_SYS(readlinkat), SCMP_SYS(readlink), SCMP_SYS(fadvise64),
};

/* What fetch needs beside its sockets: the resolver's files and certificates (Landlock), a file in memory for what came. */
static const int calls_fetch[] = {
	SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(connect), SCMP_SYS(bind),
	SCMP_SYS(memfd_create), SCMP_SYS(ftruncate),
};

/* The opener's own: paths are opened and marked. */
static const int calls_opener[] = {
	SCMP_SYS(statx), SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(openat2), SCMP_SYS(fanotify_mark), SCMP_SYS(inotify_add_watch),
	SCMP_SYS(inotify_rm_watch), SCMP_SYS(getxattr), SCMP_SYS(getdents64), SCMP_SYS(readlinkat), SCMP_SYS(fstatfs),
	SCMP_SYS(socketpair),
};

/* The keeper's own. execve and ptrace are not among them. */
static const int calls_keeper[] = {
	SCMP_SYS(arch_prctl), SCMP_SYS(set_tid_address), SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(bind), SCMP_SYS(listen),
	SCMP_SYS(connect), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root),
	SCMP_SYS(chroot), SCMP_SYS(chdir), SCMP_SYS(fchdir), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(wait4),
	SCMP_SYS(waitid), SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_send_signal), SCMP_SYS(kill), SCMP_SYS(tgkill),
	SCMP_SYS(setsid), SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setgroups),
	SCMP_SYS(getgroups), SCMP_SYS(getresuid), SCMP_SYS(getresgid), SCMP_SYS(capset), SCMP_SYS(capget), SCMP_SYS(prctl),
	SCMP_SYS(seccomp), SCMP_SYS(chown), SCMP_SYS(fchown), SCMP_SYS(lchown), SCMP_SYS(fchownat),
	SCMP_SYS(name_to_handle_at), SCMP_SYS(openat2), SCMP_SYS(prlimit64), SCMP_SYS(setrlimit), SCMP_SYS(getrlimit),
	SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self),
	SCMP_SYS(socketpair), SCMP_SYS(ioctl), SCMP_SYS(clone), SCMP_SYS(setpriority), SCMP_SYS(fanotify_init),
	SCMP_SYS(fanotify_mark), SCMP_SYS(getxattr), SCMP_SYS(getpgid), SCMP_SYS(getsid), SCMP_SYS(memfd_create), SCMP_SYS(mknodat), SCMP_SYS(symlinkat),
};

/* What the sanitizers' runtimes need beyond that: maps of the process, a tracer thread for the leak check, reports. */
static const int calls_sanitizer[] = {
	SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(stat),
	SCMP_SYS(getdents64), SCMP_SYS(getdents),
	SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(clone), SCMP_SYS(wait4), SCMP_SYS(prctl), SCMP_SYS(arch_prctl),
	SCMP_SYS(prlimit64), SCMP_SYS(getrlimit), SCMP_SYS(tgkill), SCMP_SYS(kill), SCMP_SYS(ptrace), SCMP_SYS(ioctl),
	SCMP_SYS(set_tid_address), SCMP_SYS(socketpair), SCMP_SYS(dup2), SCMP_SYS(access), SCMP_SYS(sched_getparam),
};

/* No honest library calls these after start: who does is no longer our program. */
static const int calls_deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(unshare),
	SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(fsopen), SCMP_SYS(fsmount),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime), SCMP_SYS(adjtimex), SCMP_SYS(open_by_handle_at), SCMP_SYS(userfaultfd),
	SCMP_SYS(perf_event_open), SCMP_SYS(io_uring_setup), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),
	SCMP_SYS(setuid), SCMP_SYS(setresuid), SCMP_SYS(kcmp), SCMP_SYS(pidfd_getfd), SCMP_SYS(vfork), SCMP_SYS(fork),
};

/* The same for the keeper, who may do more. */
static const int calls_deadly_keeper[] = {
	SCMP_SYS(execve), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot),
	SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(adjtimex),
	SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),
	SCMP_SYS(kcmp), SCMP_SYS(pidfd_getfd),
};

static int allow(scmp_filter_ctx f, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);

		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

static int deadly(scmp_filter_ctx f, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, calls[i], 0);

		/* In a sanitised build some of them are allowed before. */
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

/* The calls that are fine with some arguments only, for all but the keeper. */
static int narrow_rules(scmp_filter_ctx f)
{
	static const unsigned long ioctls[] = { FIONBIO, FIONREAD, FIOCLEX, 0x5401 /* TCGETS: isatty() */ };
	static const int prctls[] = { PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, 0x53564d41 /* PR_SET_VMA: names of heaps */ };
	int r = 0;

	/* W^X for good: no page becomes executable any more. */
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* Signals and limits: only one's own, and limits only to read. */
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	for (size_t i = 0; i < ARRAY_SIZE(ioctls); i++)
		r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, ioctls[i]));
	for (size_t i = 0; i < ARRAY_SIZE(prctls); i++)
		r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)prctls[i]));
	return r ? -EINVAL : 0;
}

/* Threads, no processes. glibc tries clone3 first, whose flags a filter cannot see, and falls back to clone on ENOSYS. */
static int clone_rules(scmp_filter_ctx f)
{
	int r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	return r < 0 ? r :
		       seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
					SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
}

/* Maps that were passed: look up, change, iterate; ask what kind they are. Core may run a program that was passed to it.
 * Nothing is made, loaded or attached. */
static int bpf_rules(scmp_filter_ctx f, bool run)
{
	static const int cmds[] = {
		BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_OBJ_GET_INFO_BY_FD,
		BPF_MAP_LOOKUP_AND_DELETE_ELEM, BPF_MAP_LOOKUP_BATCH, BPF_MAP_LOOKUP_AND_DELETE_BATCH, BPF_MAP_UPDATE_BATCH,
		BPF_MAP_DELETE_BATCH, BPF_PROG_TEST_RUN /* last */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cmds) - !run; i++) {
		int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1,
					 SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)cmds[i]));
		if (r < 0)
			return r;
	}
	return 0;
}

/* Connections over IP: no raw socket, nothing that listens. */
static int inet_rules(scmp_filter_ctx f)
{
	static const int families[] = { AF_INET, AF_INET6 }, types[] = { SOCK_STREAM, SOCK_DGRAM };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		for (size_t k = 0; k < ARRAY_SIZE(types); k++)
			r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
					      SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)families[i]),
					      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, (scmp_datum_t)types[k]));
	return r ? -EINVAL : 0;
}

static int keeper_rules(scmp_filter_ctx f)
{
	static const int families[] = { AF_UNIX, AF_NETLINK }, raw[] = { AF_INET, AF_INET6 };
	int r = 0;

	r |= allow(f, calls_files, ARRAY_SIZE(calls_files));
	r |= allow(f, calls_accept, ARRAY_SIZE(calls_accept));
	r |= allow(f, calls_threads, ARRAY_SIZE(calls_threads));
	r |= allow(f, calls_keeper, ARRAY_SIZE(calls_keeper));
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)families[i]));
	r |= inet_rules(f); /* fetch's, who inherits this filter; the keeper itself opens none of these */
	for (size_t i = 0; i < ARRAY_SIZE(raw); i++) /* enforce/nfq_reset.c */
		r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)raw[i]),
				      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW), SCMP_A2(SCMP_CMP_MASKED_EQ, 0xffffffff, IPPROTO_RAW));
	/* Only a program whose descriptor was opened at start: no path is ever executed. */
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(execveat), 1,
			      SCMP_A4(SCMP_CMP_MASKED_EQ, 0xffffffff, 0x1000 /* AT_EMPTY_PATH */));
	r |= seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r ? -EINVAL : 0;
}

/* The resolver also asks which addresses this node has. */
static int fetch_rules(scmp_filter_ctx f)
{
	int r = allow(f, calls_fetch, ARRAY_SIZE(calls_fetch));

	if (r == 0)
		r = allow(f, calls_threads, ARRAY_SIZE(calls_threads));
	if (r == 0)
		r = inet_rules(f);
	if (r == 0) /* journald, syslog */
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, AF_UNIX),
				     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, AF_NETLINK),
				     SCMP_A2(SCMP_CMP_MASKED_EQ, 0xffffffff, 0 /* NETLINK_ROUTE */));
	return r;
}

static int program_rules(scmp_filter_ctx f, enum sandbox_program p)
{
	int r = allow(f, calls_basic, ARRAY_SIZE(calls_basic));

	if (r < 0)
		return r;
	if (sanitized) {
		r = allow(f, calls_sanitizer, ARRAY_SIZE(calls_sanitizer));
		if (r < 0)
			return r;
	}
	if (p == SANDBOX_KEEPER) {
		r = keeper_rules(f);
		return r < 0 ? r : deadly(f, calls_deadly_keeper, ARRAY_SIZE(calls_deadly_keeper));
	}
	r = sanitized ? 0 : narrow_rules(f);
	if (r == 0 && p == SANDBOX_CORE)
		r = allow(f, calls_files, ARRAY_SIZE(calls_files));
	if (r == 0 && (p == SANDBOX_FILES || p == SANDBOX_VERDICT))
		r = allow(f, calls_descriptors, ARRAY_SIZE(calls_descriptors));
	if (r == 0 && p == SANDBOX_OPENER)
		r = allow(f, calls_opener, ARRAY_SIZE(calls_opener));
	if (r == 0 && p == SANDBOX_CORE)
		r = allow(f, calls_accept, ARRAY_SIZE(calls_accept));
	if (r == 0 && p == SANDBOX_CORE)
		r = allow(f, calls_threads, ARRAY_SIZE(calls_threads));
	if (r == 0 && !sanitized && (p == SANDBOX_CORE || p == SANDBOX_BROKER || p == SANDBOX_FETCH))
		r = clone_rules(f);
	if (r == 0 && p == SANDBOX_FETCH)
		r = fetch_rules(f);
	/* libcurl 7.88 calls connect() on the connections the keeper gave it, although told that they are connected, and takes
	 * this for "look whether it is writable"; nothing is ever connected. */
	if (r == 0 && p == SANDBOX_BROKER)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EINPROGRESS), SCMP_SYS(connect), 0);
	if (r == 0 && (p == SANDBOX_CORE || p == SANDBOX_INSPECTOR))
		r = bpf_rules(f, p == SANDBOX_CORE);
	return r < 0 ? r : deadly(f, calls_deadly, ARRAY_SIZE(calls_deadly));
}

int sandbox_filter_load(enum sandbox_program p)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!f)
		return -ENOMEM;
	/* Log every refusal where the kernel can; a kernel without that flag filters all the same. */
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_LOG, 1);
	r = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 1);
	if (r == 0)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = program_rules(f, p);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r;
}
