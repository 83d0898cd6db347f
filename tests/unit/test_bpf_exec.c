/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments and scripts of an exec, raw and packet sockets, first uses of system calls: as the kernel's programs tell them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/bpf_fixture.h"
#include "tests/unit/bpf_events.h"

#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define SKIP_UNLESS(f) \
	if (!(f))      \
	skip()

static int setup(void **state)
{
	fx = fixture_new();
	if (!fx)
		return 0;
	return fixture_net(fx) || own_cgroup_enter() || fixture_loader_with(fx, 0, 0, false) || bpf_loader_attach_global(fx->loader) ||
	       bpf_loader_syscalls(fx->loader, true);
}

static int teardown(void **state)
{
	fixture_free(fx);
	own_cgroup_leave();
	return 0;
}

static bool tgid_is(const struct pg_event *e, const char *text, void *arg)
{
	return e->tgid == *(uint32_t *)arg;
}

/* A process in the first container's namespace. */
static pid_t child_in_container(void (*run)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		ns_go(fx->container[0]);
		run();
		_exit(1);
	}
	return pid;
}

static unsigned run_and_wait(struct wanted *w, void (*run)(void))
{
	static uint32_t pid;
	unsigned n;

	events_drop();
	pid = (uint32_t)child_in_container(run);
	w->arg = &pid;
	n = events_wait(w);
	waitpid((pid_t)pid, NULL, 0);
	return n;
}

/* The working directory stands at text + at: ours, since the child began in it. */
static void assert_cwd(const struct wanted *w, size_t at)
{
	char cwd[PG_CWD_MAX];

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(w->event.cwd_len, strlen(cwd));
	assert_memory_equal(w->text + at, cwd, w->event.cwd_len);
}

static void run_echo(void)
{
	execl("/bin/echo", "echo", "", "a b", "x\ny", "\xff\xfe", (char *)NULL);
}

static void test_exec_args(void **state)
{
	static const char args[] = "echo\0\0a b\0x\ny\0\xff\xfe"; /* and the array's own NUL */
	struct wanted w = { .type = PG_EV_EXEC, .is = tgid_is };

	SKIP_UNLESS(fx);
	assert_int_equal(run_and_wait(&w, run_echo), 1);
	assert_int_equal(w.event.script_len, 0);
	assert_int_equal(w.event.flags & (PG_EVF_ARGS_CUT | PG_EVF_TEXT_CUT | PG_EVF_NS_INIT), 0);
	assert_cwd(&w, w.event.path_len);
	assert_int_equal(w.text_len - w.event.path_len - w.event.cwd_len, sizeof(args));
	assert_memory_equal(w.text + w.event.path_len + w.event.cwd_len, args, sizeof(args));
	assert_int_not_equal(w.event.parent_cgroup, 0);
	assert_int_equal(w.event.parent_cgroup, w.event.cgroup);
}

static void run_long(void)
{
	static char big[65536];

	memset(big, 'A', sizeof(big) - 1);
	execl("/bin/true", "true", big, "last", (char *)NULL);
}

static void test_exec_long_args(void **state)
{
	struct wanted w = { .type = PG_EV_EXEC, .is = tgid_is };

	SKIP_UNLESS(fx);
	assert_int_equal(run_and_wait(&w, run_long), 1);
	assert_int_equal(w.event.flags & PG_EVF_ARGS_CUT, PG_EVF_ARGS_CUT);
	assert_int_equal(w.text_len, w.event.path_len + w.event.cwd_len + PG_ARGS_MAX);
	assert_memory_equal(w.text + w.event.path_len + w.event.cwd_len, "true\0AAAA", 9);
}

static char script[128], script_path[PG_TEXT_MAX + 16];

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void run_script(void)
{
	execl(script, "ignored", "arg", (char *)NULL);
}

static char script_dir[PG_TEXT_MAX];

static void run_relative(void)
{
	if (chdir(script_dir) == 0)
		execl("./run.sh", "ignored", (char *)NULL);
}

static void run_alone(void)
{
	if (chdir("/") == 0)
		execl("/bin/true", "true", (char *)NULL);
}

static void run_in_root(void)
{
	if (chdir("/") == 0)
		execl("/bin/true", "true", "x", (char *)NULL);
}

static void test_exec_cwd(void **state)
{
	struct wanted w = { .type = PG_EV_EXEC, .is = tgid_is };
	size_t len;

	SKIP_UNLESS(fx);
	assert_int_equal(run_and_wait(&w, run_alone), 1);
	assert_int_equal(w.event.cwd_len, 0); /* no argument: no script */
	assert_int_equal(run_and_wait(&w, run_in_root), 1);
	assert_int_equal(w.event.cwd_len, 1);
	assert_memory_equal(w.text + w.event.path_len, "/true\0x", 8);

	snprintf(script_dir, sizeof(script_dir), "%s/deep er", fx->dir);
	assert_int_equal(mkdir(script_dir, 0755), 0);
	snprintf(script, sizeof(script), "%s/run.sh", script_dir);
	write_file(script, "#!/bin/sh -e\n:\n");
	assert_int_equal(run_and_wait(&w, run_relative), 1);
	unlink(script);
	assert_int_equal(w.event.script_len, 8);
	assert_memory_equal(w.text + w.event.path_len, "./run.sh", 8);
	assert_int_equal(w.event.cwd_len, strlen(script_dir));
	assert_memory_equal(w.text + w.event.path_len + 8, script_dir, w.event.cwd_len);
	assert_memory_equal(w.text + w.event.path_len + 8 + w.event.cwd_len, "/bin/sh\0-e\0./run.sh", 20);
	rmdir(script_dir);

	/* longer than what is kept: none, never a part of one */
	len = strlen(script_dir);
	memset(script_dir + len, 'x', 200);
	script_dir[len + 200] = '\0';
	assert_int_equal(mkdir(script_dir, 0755), 0);
	len = strlen(script_dir);
	memset(script_dir + len, 'y', 100);
	script_dir[len] = '/';
	script_dir[len + 100] = '\0';
	assert_int_equal(mkdir(script_dir, 0755), 0);
	snprintf(script_path, sizeof(script_path), "%s/run.sh", script_dir);
	write_file(script_path, "#!/bin/sh -e\n:\n");
	assert_int_equal(run_and_wait(&w, run_relative), 1);
	unlink(script_path);
	assert_int_equal(w.event.script_len, 8);
	assert_int_equal(w.event.cwd_len, 0);
	assert_memory_equal(w.text + w.event.path_len + 8, "/bin/sh\0-e\0./run.sh", 20);
	rmdir(script_dir);
	script_dir[len] = '\0';
	rmdir(script_dir);
}

static void test_exec_script(void **state)
{
	struct wanted w = { .type = PG_EV_EXEC, .is = tgid_is };
	char want[128];
	int n;

	SKIP_UNLESS(fx);
	snprintf(script, sizeof(script), "%s/run.sh", fx->dir);
	write_file(script, "#!/bin/sh -e\n:\n");
	n = snprintf(want, sizeof(want), "%s/bin/sh|-e|%s|arg|", script, script);
	for (char *p = strchr(want, '|'); p; p = strchr(p + 1, '|'))
		*p = '\0';
	assert_int_equal(run_and_wait(&w, run_script), 1);
	unlink(script);
	assert_int_equal(w.event.script_len, strlen(script));
	assert_int_equal(w.text_len - w.event.path_len, n);
	assert_memory_equal(w.text + w.event.path_len, want, n);
}

/* ---- raw sockets ------------------------------------------------------------------------------------------- */
static void run_raw(void)
{
	socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	_exit(0);
}

static void run_packet(void)
{
	syscall(SYS_socket, AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(3));
	_exit(0);
}

/* socketcall(SYS_SOCKET) of the 32-bit table; its arguments must lie in the lower 4 GiB. Ends 1 where there is no such table. */
static void run_packet_ia32(void)
{
	uint32_t *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long r = 102;

	if (args == MAP_FAILED)
		_exit(1);
	memcpy(args, (uint32_t[]){ AF_PACKET, SOCK_RAW, 0 }, 12);
	__asm__ volatile("int $0x80" : "+a"(r) : "b"(1), "c"(args) : "memory");
	_exit(r < 0);
}

/* IORING_OP_SOCKET; flags: IOSQE_ASYNC has a worker thread of the process do it. */
static void socket_by_uring(int family, int type, uint8_t flags)
{
	struct io_uring_params p = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 2, &p);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	char *sq, *cq;

	sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*cqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (ring < 0 || sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED)
		_exit(2);
	*sqe = (struct io_uring_sqe){ .opcode = 45 /* IORING_OP_SOCKET, Linux 5.19 */, .fd = family, .off = (uint64_t)type, .flags = flags };
	*(uint32_t *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((uint32_t *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		_exit(3);
	cqe = (void *)(cq + p.cq_off.cqes);
	_exit(cqe->res < 0 ? 4 : 0);
}

static void run_packet_uring(void)
{
	socket_by_uring(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static void run_packet_uring_async(void)
{
	socket_by_uring(AF_PACKET, SOCK_RAW, IOSQE_ASYNC);
}

static void run_raw_uring(void)
{
	socket_by_uring(AF_INET, SOCK_RAW, 0); /* without a protocol it is refused: nothing to tell */
}

static void run_plain_uring(void)
{
	socket_by_uring(AF_INET, SOCK_STREAM, 0);
}

static void run_packet_refused(void)
{
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		_exit(1);
	syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0);
	_exit(0);
}

static void run_plain(void)
{
	socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); /* ping needs no raw socket */
	socket(AF_INET, SOCK_STREAM, 0);
	_exit(0);
}

static void test_raw_sockets(void **state)
{
	struct wanted w = { .type = PG_EV_RAW, .is = tgid_is };

	SKIP_UNLESS(fx);
	assert_int_equal(run_and_wait(&w, run_raw), 1);
	assert_int_equal(w.event.family, AF_INET6);
	assert_int_equal(w.event.sock_type, SOCK_RAW);
	assert_int_equal(w.event.proto, IPPROTO_ICMPV6);
	assert_int_not_equal(w.event.cookie, 0);
	assert_int_equal(w.event.netns_cookie, ns_cookie(fx->home, fx->container[0]));
	assert_int_equal(run_and_wait(&w, run_packet), 1);
	assert_int_equal(w.event.family, AF_PACKET);
	assert_int_equal(w.event.sock_type, SOCK_DGRAM);
	w.none = true;
	assert_int_equal(run_and_wait(&w, run_plain), 0);
	assert_int_equal(run_and_wait(&w, run_packet_refused), 0);
}

static void test_packet_socket_other_ways(void **state)
{
	struct wanted w = { .type = PG_EV_RAW, .is = tgid_is };
	static void (*const ways[])(void) = { run_packet_uring, run_packet_uring_async };

	SKIP_UNLESS(fx);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		assert_int_equal(run_and_wait(&w, ways[i]), 1);
		assert_int_equal(w.event.family, AF_PACKET);
		assert_int_equal(w.event.sock_type, SOCK_RAW);
		assert_int_equal(w.event.netns_cookie, ns_cookie(fx->home, fx->container[0]));
		assert_int_equal(w.count, 1);
	}
	w.none = true;
	assert_int_equal(run_and_wait(&w, run_raw_uring), 0);
	assert_int_equal(run_and_wait(&w, run_plain_uring), 0);
	if (!run_and_wait(&w, run_packet_ia32))
		printf("# this kernel has no 32-bit system calls\n");
}

/* ---- system calls ------------------------------------------------------------------------------------------ */
static uint16_t wanted_call;

static bool syscall_is(const struct pg_event *e, const char *text, void *arg)
{
	return e->syscall == wanted_call && e->arch == PG_ARCH_NATIVE;
}

static void run_rare(void)
{
	syscall(SYS_mincore, NULL, 0, NULL);
	syscall(SYS_mincore, NULL, 0, NULL);
	syscall(SYS_lookup_dcookie, 1, NULL, 0);
	_exit(0);
}

static void test_syscall_first_use(void **state)
{
	struct wanted w = { .type = PG_EV_SYSCALL, .is = syscall_is };

	SKIP_UNLESS(fx);
	wanted_call = SYS_mincore;
	assert_int_equal(run_and_wait(&w, run_rare), 1);
	assert_int_equal(w.count, 1);
	assert_int_equal(w.event.tgid, *(uint32_t *)w.arg);
	assert_int_equal(w.event.flags & (PG_EVF_RUNTIME | PG_EVF_FILTERED), 0);
	w.none = true;
	assert_int_equal(run_and_wait(&w, run_rare), 0); /* no first use any more */
	assert_int_equal(bpf_loader_syscalls(fx->loader, false), 0);
	assert_int_equal(bpf_loader_syscalls(fx->loader, false), 0);
	wanted_call = SYS_swapoff;
	assert_int_equal(bpf_loader_syscalls(fx->loader, true), 0);
}

static char cgroup_dir[160];

static void go_cgroup(void)
{
	char path[192];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup_dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		_exit(1);
	close(fd);
}

/* Put into the cgroup from outside. The exec makes the cgroup's calls be followed. */
static void run_entered(void)
{
	pid_t pid;

	go_cgroup();
	pid = fork();
	if (!pid) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	pid = fork(); /* and who it starts */
	if (!pid)
		run_rare();
	waitpid(pid, NULL, 0);
	_exit(0);
}

/* As docker exec does: there is a first process already. */
static void run_outside(void)
{
	pid_t first, pid;
	int ready[2];
	char c;

	if (pipe(ready) || unshare(CLONE_NEWPID))
		_exit(1);
	first = fork();
	if (!first) {
		go_cgroup();
		close(ready[0]);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		_exit(1);
	pid = fork();
	if (!pid)
		run_entered();
	waitpid(pid, NULL, 0);
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	_exit(0);
}

/* A container's first process. */
static void run_first(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		_exit(1);
	pid = fork();
	if (!pid) {
		go_cgroup();
		pid = fork();
		if (!pid)
			run_rare();
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	_exit(0);
}

static void test_syscall_of_docker_exec_hides_none(void **state)
{
	struct wanted w = { .type = PG_EV_SYSCALL, .is = syscall_is };

	SKIP_UNLESS(fx);
	assert_string_not_equal(own_cgroup, "");
	snprintf(cgroup_dir, sizeof(cgroup_dir), "%s/exec", own_cgroup);
	assert_int_equal(mkdir(cgroup_dir, 0755), 0);
	wanted_call = SYS_mincore;
	assert_int_equal(run_and_wait(&w, run_outside), 1);
	assert_int_equal(w.event.flags & PG_EVF_OUTSIDE, PG_EVF_OUTSIDE);
	w.none = true;
	assert_int_equal(run_and_wait(&w, run_outside), 0);
	w.none = false;
	assert_int_equal(run_and_wait(&w, run_first), 1);
	assert_int_equal(w.event.flags & PG_EVF_OUTSIDE, 0);
	w.none = true;
	assert_int_equal(run_and_wait(&w, run_first), 0);
	for (int i = 0; i < 100 && rmdir(cgroup_dir); i++)
		usleep(20000);
}

/* In the node's pid namespace all come from outside: the calls are simply the container's, and cost nothing the second time. */
static void test_syscall_without_a_first_process(void **state)
{
	struct wanted w = { .type = PG_EV_SYSCALL, .is = syscall_is };

	SKIP_UNLESS(fx);
	snprintf(cgroup_dir, sizeof(cgroup_dir), "%s/node-pids", own_cgroup);
	assert_int_equal(mkdir(cgroup_dir, 0755), 0);
	wanted_call = SYS_mincore;
	assert_int_equal(run_and_wait(&w, run_entered), 1);
	assert_int_equal(w.event.flags & PG_EVF_OUTSIDE, 0);
	w.none = true;
	assert_int_equal(run_and_wait(&w, run_entered), 0);
	for (int i = 0; i < 100 && rmdir(cgroup_dir); i++)
		usleep(20000);
}

static void run_ia32(void)
{
	/* int 0x80, number 20: getpid */
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory");
	_exit(0);
}

static bool ia32_is(const struct pg_event *e, const char *text, void *arg)
{
	return e->syscall == 20 && e->arch == PG_ARCH_IA32;
}

static bool x32_is(const struct pg_event *e, const char *text, void *arg)
{
	return e->syscall == 39 && e->arch == PG_ARCH_X32;
}

static void run_x32(void)
{
	syscall(0x40000000 | SYS_getpid);
	_exit(0);
}

static void test_syscall_other_tables(void **state)
{
	struct wanted w = { .type = PG_EV_SYSCALL, .is = ia32_is };

	SKIP_UNLESS(fx);
	run_and_wait(&w, run_ia32);
	if (!w.count)
		printf("# this kernel has no 32-bit system calls\n");
	w.is = x32_is; /* seen also where the kernel then refuses it */
	assert_int_equal(run_and_wait(&w, run_x32), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_args),	   cmocka_unit_test(test_exec_long_args),
		cmocka_unit_test(test_exec_script),	   cmocka_unit_test(test_exec_cwd),
			   cmocka_unit_test(test_raw_sockets),
		cmocka_unit_test(test_packet_socket_other_ways),
		cmocka_unit_test(test_syscall_first_use), cmocka_unit_test(test_syscall_other_tables),
		cmocka_unit_test(test_syscall_of_docker_exec_hides_none),
		cmocka_unit_test(test_syscall_without_a_first_process),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
