/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From inside each sandbox: every forbidden thing is tried in a process of its own, and must fail or be killed. Needs root,
 * as the keeper has it. Each program's control case shows that the attempt would work outside of the sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/sandbox.h"

enum { NOBODY = 65534 };

/* What a child says by its exit code. */
enum { DONE, REFUSED, ENTER_FAILED, BECOME_FAILED };

/* Descriptors made before entering, for what a program is handed. */
static int map_fd = -1, pair_fd[2] = { -1, -1 }, self_fd = -1;

static int try_open(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int try_open_dot(void)
{
	return open(".", O_RDONLY | O_DIRECTORY);
}

static int try_create(void)
{
	return openat(AT_FDCWD, "/new", O_CREAT | O_WRONLY, 0600);
}

static int try_socket_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int try_listen(void)
{
	return listen(pair_fd[0], 1) == 0 || errno != EPERM ? 0 : -1;
}

static int try_socket_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int try_socket_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static int try_socket_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int try_connect(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/nonexistent" };
	int r = connect(pair_fd[0], (struct sockaddr *)&a, sizeof(a));

	/* ENOENT or EISCONN would mean that the call was let through. The broker's filter answers EINPROGRESS for libcurl's sake. */
	return r < 0 && (errno == EPERM || errno == EINPROGRESS) ? -1 : 0;
}

static int try_execve(void)
{
	char *argv[] = { (char *)"true", NULL };

	return execve("/bin/true", argv, NULL);
}

static int try_execveat_fd(void)
{
	char *argv[] = { (char *)"true", NULL };

	return (int)syscall(SYS_execveat, self_fd, "", argv, NULL, AT_EMPTY_PATH);
}

static int try_execveat_path(void)
{
	char *argv[] = { (char *)"true", NULL };

	return (int)syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0);
}

static int try_ptrace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int try_fork(void)
{
	pid_t p = fork();

	if (p == 0)
		_exit(0);
	if (p > 0)
		waitpid(p, NULL, 0);
	return p;
}

static int try_clone3(void)
{
	char args[64] = { 0 };
	long p = syscall(SYS_clone3, args, sizeof(args));

	if (p == 0)
		_exit(0);
	return (int)p;
}

static void *thread_main(void *arg)
{
	return arg;
}

static int try_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, thread_main, NULL))
		return -1;
	return pthread_join(t, NULL) ? -1 : 0;
}

static int try_mount(void)
{
	/* A file system that does not exist: let through, the answer is ENODEV; nothing is ever mounted. */
	return mount("none", "/tmp/pg-test-sandbox-state", "pg-no-such-fs", 0, NULL) < 0 && errno != ENODEV ? -1 : 0;
}

static int try_prog_load(void)
{
	struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr a = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .insns = (uintptr_t)insns,
			     .license = (uintptr_t)"GPL" };

	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a));
}

static int try_map_create(void)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a));
}

static int try_map_update(void)
{
	uint32_t k = 0, v = 7;
	union bpf_attr a = { .map_fd = (uint32_t)map_fd, .key = (uintptr_t)&k, .value = (uintptr_t)&v };

	return (int)syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &a, sizeof(a));
}

static int try_send(void)
{
	return (int)send(pair_fd[1], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int try_kill_parent(void)
{
	return kill(getppid(), 0);
}

static int try_mmap_exec(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int try_setuid_root(void)
{
	return setresuid(0, 0, 0);
}

/* In a chroot nobody may make a user namespace (user_namespaces(7)), but root another one. */
static int try_unshare(void)
{
	return unshare(CLONE_NEWUSER) == 0 ? 0 : unshare(CLONE_NEWUTS);
}

static int try_setns(void)
{
	return setns(self_fd, CLONE_NEWNET);
}

static int try_big_memory(void)
{
	char *p = mmap(NULL, 512UL << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static int try_module(void)
{
	return (int)syscall(SYS_init_module, "", 0, "");
}

static int try_settime(void)
{
	return (int)syscall(SYS_clock_settime, 99, NULL);
}

static int try_state_write(void)
{
	return open("/tmp/pg-test-sandbox-state/f", O_CREAT | O_WRONLY, 0600);
}

static int try_outside_write(void)
{
	return open("/tmp/pg-test-sandbox-outside", O_CREAT | O_WRONLY, 0666);
}

static int enter_inspector(void)
{
	return sandbox_enter_inspector(0);
}

static int enter_core(void)
{
	return sandbox_enter_core("/tmp/pg-test-sandbox-state");
}

struct sandbox_kind {
	const char *name;
	uid_t uid; /* 0: stay root */
	int cap, cap2; /* -1: none */
	int (*enter)(void);
};
static const struct sandbox_kind inspector = { "inspector", NOBODY, CAP_SYS_ADMIN, CAP_SYS_CHROOT, enter_inspector };
static const struct sandbox_kind core = { "core", NOBODY, -1, -1, enter_core };
static const struct sandbox_kind broker = { "broker", NOBODY, -1, -1, sandbox_enter_broker };
static const struct sandbox_kind verdict = { "verdict", NOBODY, CAP_NET_ADMIN, -1, sandbox_enter_verdict };
static const struct sandbox_kind files = { "files", NOBODY, -1, -1, sandbox_enter_files };
static const struct sandbox_kind fetch = { "fetch", NOBODY, -1, -1, sandbox_enter_fetch };
static const struct sandbox_kind opener = { "opener", NOBODY, CAP_SYS_ADMIN, -1, sandbox_enter_opener };

static int enter_replay(void)
{
	return sandbox_enter_replay(1ULL << 40);
}

static int enter_replay_small(void)
{
	return sandbox_enter_replay(256ULL << 20);
}

static const struct sandbox_kind replay = { "replay", NOBODY, -1, -1, enter_replay };
static const struct sandbox_kind replay_root = { "replay by root", 0, -1, -1, enter_replay };
static const struct sandbox_kind replay_small = { "replay with little memory", NOBODY, -1, -1, enter_replay_small };
static const struct sandbox_kind keeper = { "keeper", 0, -1, -1, sandbox_enter_keeper };

static int kind_become(const struct sandbox_kind *k)
{
	const int caps[] = { k->cap, k->cap2 };

	return sandbox_become(k->uid, k->uid, caps, (size_t)((k->cap >= 0) + (k->cap2 >= 0)));
}

/* Runs what inside k's sandbox. Returns the wait status. */
static int run(const struct sandbox_kind *k, int (*what)(void))
{
	int status;
	pid_t p = fork();

	if (p == 0) {
		if (k->uid && kind_become(k) < 0)
			_exit(BECOME_FAILED);
		if (k->enter() < 0)
			_exit(ENTER_FAILED);
		_exit(what() < 0 ? REFUSED : DONE);
	}
	assert_true(p > 0);
	assert_int_equal(waitpid(p, &status, 0), p);
	return status;
}

static bool refused(int status)
{
	return (WIFEXITED(status) && WEXITSTATUS(status) == REFUSED) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

#define CASE(f, in_inspector, in_core, in_broker, in_verdict, in_keeper, in_fetch) \
	{ #f, f, { in_inspector, in_core, in_broker, in_verdict, in_keeper, in_fetch } }
static const struct {
	const char *name;
	int (*what)(void);
	bool works[6];
} cases[] = {
	CASE(try_open, 0, 1, 0, 0, 1, 0),
	CASE(try_open_dot, 0, 0, 0, 0, 1, 0),
	CASE(try_create, 0, 0, 0, 0, 1, 0),
	CASE(try_state_write, 0, 1, 0, 0, 1, 0),
	CASE(try_outside_write, 0, 0, 0, 0, 1, 0),
	CASE(try_socket_inet, 0, 0, 0, 0, 1, 1),
	CASE(try_socket_unix, 0, 0, 0, 0, 1, 0),
	CASE(try_socket_netlink, 0, 0, 0, 0, 1, 1),
	CASE(try_socket_packet, 0, 0, 0, 0, 0, 0),
	CASE(try_connect, 0, 0, 0, 0, 1, 1),
	CASE(try_execve, 0, 0, 0, 0, 0, 0),
	CASE(try_execveat_fd, 0, 0, 0, 0, 1, 0),
	CASE(try_execveat_path, 0, 0, 0, 0, 0, 0),
	CASE(try_ptrace, 0, 0, 0, 0, 0, 0),
	CASE(try_fork, 0, 0, 0, 0, 1, 0),
	CASE(try_clone3, 0, 0, 0, 0, 0, 0),
	CASE(try_thread, 0, 1, 1, 0, 1, 1),
	CASE(try_mount, 0, 0, 0, 0, 1, 0),
	CASE(try_prog_load, 0, 0, 0, 0, 1, 0),
	CASE(try_map_create, 0, 0, 0, 0, 1, 0),
	CASE(try_map_update, 1, 1, 0, 0, 1, 0),
	CASE(try_send, 1, 1, 1, 1, 1, 1),
	CASE(try_kill_parent, 0, 0, 0, 0, 1, 0),
	CASE(try_mmap_exec, 0, 0, 0, 0, 1, 0),
	CASE(try_setuid_root, 0, 0, 0, 0, 1, 0),
	CASE(try_unshare, 0, 0, 0, 0, 1, 0),
	CASE(try_setns, 0, 0, 0, 0, 0, 0),
	CASE(try_big_memory, 0, 1, 1, 1, 1, 1),
	CASE(try_module, 0, 0, 0, 0, 0, 0),
	CASE(try_settime, 0, 0, 0, 0, 0, 0),
};

static void check_kind(const struct sandbox_kind *k, size_t column)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int status = run(k, cases[i].what);
		bool works = WIFEXITED(status) && WEXITSTATUS(status) == DONE;

		if (cases[i].works[column] ? works : refused(status))
			continue;
		fail_msg("%s: %s: wait status %#x, expected it to %s", k->name, cases[i].name, (unsigned)status,
			 cases[i].works[column] ? "work" : "be refused");
	}
}

static void test_inspector(void **state)
{
	check_kind(&inspector, 0);
}

static void test_core(void **state)
{
	check_kind(&core, 1);
}

static void test_broker(void **state)
{
	check_kind(&broker, 2);
}

/* Whoever starts it: it may do what the verdict process may without its capability. */
static void test_replay(void **state)
{
	check_kind(&replay, 3);
	check_kind(&replay_root, 3);
	assert_true(refused(run(&replay_small, try_big_memory)));
}

static void test_verdict(void **state)
{
	check_kind(&verdict, 3);
}

static int try_open_resolver(void)
{
	return open("/etc/hosts", O_RDONLY);
}

/* Names and certificates, connections; not this node's files, nothing that waits for connections. */
static void test_fetch(void **state)
{
	int status;

	check_kind(&fetch, 5);
	status = run(&fetch, try_open_resolver);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == DONE);
	assert_true(refused(run(&fetch, try_listen)));
}

/* Opens nothing: what it reads is handed to it. */
static void test_files(void **state)
{
	check_kind(&files, 3);
}

/* Opens what it is asked to, and can do nothing else with what it may. */
static void test_opener(void **state)
{
	static int (*const never[])(void) = { try_socket_inet, try_socket_unix, try_connect,   try_execve,   try_execveat_fd, try_ptrace,
					      try_fork,	       try_thread,	try_mount,     try_prog_load, try_map_create, try_map_update,
					      try_kill_parent, try_mmap_exec,	try_setuid_root, try_unshare, try_setns,      try_module };

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (!refused(run(&opener, never[i])))
			fail_msg("opener: call %zu of the list is let through", i);
	assert_int_equal(WEXITSTATUS(run(&opener, try_open)), DONE);
	assert_int_equal(WEXITSTATUS(run(&opener, try_send)), DONE);
}

static void test_keeper(void **state)
{
	check_kind(&keeper, 4);
}

/* Without CAP_SYS_ADMIN the inspector must refuse to run rather than run with the file system in reach. */
static void test_inspector_needs_cap(void **state)
{
	static const struct sandbox_kind bare = { "bare", NOBODY, -1, -1, enter_inspector };
	int status = run(&bare, try_send);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), ENTER_FAILED);
}

static uint64_t status_field(const char *text, const char *name, int base)
{
	const char *p = strstr(text, name);

	assert_non_null(p);
	return strtoull(p + strlen(name), NULL, base);
}

/* What the kernel says about a process in its sandbox. */
static void check_status(const struct sandbox_kind *k, uint64_t caps)
{
	char path[64], text[4096];
	int ready[2], hold[2], fd;
	ssize_t n;
	pid_t p;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	p = fork();
	if (p == 0) {
		char c;

		close(hold[1]);
		if (k->uid && kind_become(k) < 0)
			_exit(BECOME_FAILED);
		if (k->enter() < 0)
			_exit(ENTER_FAILED);
		if (write(ready[1], "x", 1) != 1 || read(hold[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(ready[1]);
	close(hold[0]);
	assert_int_equal(read(ready[0], text, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)p);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = 0;
	close(fd);
	close(hold[1]);
	close(ready[0]);
	waitpid(p, NULL, 0);
	assert_int_equal(status_field(text, "\nSeccomp:", 10), 2);
	assert_int_equal(status_field(text, "\nNoNewPrivs:", 10), 1);
	assert_int_equal(status_field(text, "\nCapEff:", 16), caps);
	assert_int_equal(status_field(text, "\nCapPrm:", 16), caps);
	assert_int_equal(status_field(text, "\nCapAmb:", 16), 0);
	assert_int_equal(status_field(text, "\nCapInh:", 16), 0);
	assert_int_equal(status_field(text, "\nCapBnd:", 16), 0);
	assert_int_equal(status_field(text, "\nUid:", 10), k->uid);
}

static void test_status(void **state)
{
	check_status(&inspector, 0);
	check_status(&core, 0);
	check_status(&broker, 0);
	check_status(&replay, 0);
	check_status(&verdict, 1ULL << CAP_NET_ADMIN);
}

/* The attempts are real: outside of any sandbox, as root, they work. */
static int enter_nothing(void)
{
	return 0;
}

static void test_control(void **state)
{
	static const struct sandbox_kind free_root = { "control", 0, -1, -1, enter_nothing };
	static int (*const works[])(void) = { try_open, try_socket_inet, try_socket_unix, try_execve, try_execveat_fd,
					      try_execveat_path, try_ptrace, try_fork, try_prog_load, try_map_create,
					      try_map_update, try_kill_parent, try_mmap_exec, try_big_memory, try_thread };

	for (size_t i = 0; i < ARRAY_SIZE(works); i++) {
		int status = run(&free_root, works[i]);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != DONE)
			fail_msg("control %zu: %#x", i, (unsigned)status);
	}
}

static int setup(void **state)
{
	map_fd = try_map_create();
	self_fd = open("/bin/true", O_PATH | O_CLOEXEC);
	mkdir("/tmp/pg-test-sandbox-state", 0755);
	if (chown("/tmp/pg-test-sandbox-state", NOBODY, NOBODY) < 0)
		return -1;
	return map_fd < 0 || self_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair_fd) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	unlink("/tmp/pg-test-sandbox-state/f");
	unlink("/tmp/pg-test-sandbox-outside");
	unlink("/new");
	rmdir("/tmp/pg-test-sandbox-state");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control),	     cmocka_unit_test(test_inspector), cmocka_unit_test(test_inspector_needs_cap),
		cmocka_unit_test(test_core),	     cmocka_unit_test(test_broker),    cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_opener),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_keeper),	     cmocka_unit_test(test_status),    cmocka_unit_test(test_replay),
	};

#ifdef PG_SAN
	/* DECISIONS 17: the filters of sanitised builds are wider on purpose; the plain build proves the sandbox. */
	(void)tests;
	puts("1..1\nok 1 - sandbox: proved by the build without sanitizers");
	return 0;
#else
	return cmocka_run_group_tests(tests, setup, teardown);
#endif
}
