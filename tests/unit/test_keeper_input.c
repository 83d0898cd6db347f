/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the keeper takes from outside: its command line, an engine's pid file, core's commands. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/ipc.h"
#include "sensor/keeper/commands.h"
#include "sensor/keeper/engine.h"
#include "sensor/keeper/options.h"
#include "sensor/msg.h"

static int parse(struct options *o, char *err, size_t err_len, const char *const *args)
{
	char *argv[16] = { (char *)"pierglassd" };
	int argc = 1;

	while (*args)
		argv[argc++] = (char *)(uintptr_t)*args++;
	return options_parse(o, argc, argv, err, err_len);
}

static void test_options_defaults(void **state)
{
	static const char *const none[] = { NULL };
	struct options o;
	char err[256];

	assert_int_equal(parse(&o, err, sizeof(err), none), 0);
	assert_string_equal(o.config, "/etc/pierglass/pierglass.yaml");
	assert_string_equal(o.state, "/var/lib/pierglass");
	assert_string_equal(o.run, "/run/pierglass");
	assert_string_equal(o.user, "pierglass");
	assert_false(o.config_given || o.docker_given || o.user_given || o.verbose || o.help || o.version);
}

static void test_options_given(void **state)
{
	static const char *const all[] = { "--config", "/c", "--state=/s", "--run", "/r", "--docker", "/a.sock,/b.sock", "--verbose",
					   "--user", "nobody", "--node=n1", NULL };
	struct options o;
	char err[256];

	assert_int_equal(parse(&o, err, sizeof(err), all), 0);
	assert_string_equal(o.config, "/c");
	assert_string_equal(o.state, "/s");
	assert_string_equal(o.docker, "/a.sock,/b.sock");
	assert_string_equal(o.node, "n1");
	assert_true(o.config_given && o.docker_given && o.user_given && o.verbose);
}

static void test_options_wrong(void **state)
{
	static const struct {
		const char *args[4];
		const char *message;
	} t[] = {
		{ { "--frobnicate" }, "unknown option --frobnicate (see --help)" },
		{ { "-x" }, "unknown option -x (see --help)" },
		{ { "extra" }, "unexpected argument 'extra' (see --help)" },
		{ { "--state" }, "option --state wants a value" },
		{ { "--state=" }, "option --state wants a value" },
		{ { "--docker", "relative.sock" }, "--docker wants absolute paths of sockets with commas between, not 'relative.sock'" },
		{ { "--docker", "/a,,/b" }, "--docker wants absolute paths of sockets with commas between, not '/a,,/b'" },
		{ { "--docker", "/a," }, "--docker wants absolute paths of sockets with commas between, not '/a,'" },
		{ { "--docker", "/1,/2,/3,/4,/5,/6,/7,/8,/9" }, "--docker: at most 8 engines" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct options o = { .state = "untouched" };
		char err[256] = "";

		assert_int_equal(parse(&o, err, sizeof(err), t[i].args), -EINVAL);
		assert_string_equal(err, t[i].message);
		assert_string_equal(o.state, "untouched");
	}
}

static void test_options_long_socket(void **state)
{
	char path[200] = "/";
	const char *args[] = { "--docker", path, NULL };
	struct options o;
	char err[256];

	memset(path + 1, 'a', 106);
	assert_int_equal(parse(&o, err, sizeof(err), args), 0);
	path[107] = 'a';
	assert_int_equal(parse(&o, err, sizeof(err), args), -EINVAL);
	assert_string_equal(err, "--docker: a path of a socket has at most 107 bytes");
}

static void test_engine_pid_of_text(void **state)
{
	static const struct {
		const char *text;
		uint32_t pid;
	} t[] = {
		{ "1234", 1234 }, { "1234\n", 1234 }, { "1234 \n", 1234 },	  { "", 0 },	   { "\n", 0 },
		{ "-5", 0 },	  { "+5", 0 },	     { "12x", 0 },		  { " 12", 0 },	   { "99999999999999999999", 0 },
		{ "2147483648", 0 }, { "2147483647", 2147483647 }, { "0", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(engine_pid_of_text(t[i].text), t[i].pid);
}

static void test_cgroup_path(void **state)
{
	char buf[16];

	assert_string_equal(command_cgroup_path("/docker/abc", 11, buf, sizeof(buf)), "docker/abc");
	assert_string_equal(command_cgroup_path("docker", 7, buf, sizeof(buf)), "docker");
	assert_string_equal(command_cgroup_path("//x\0junk", 8, buf, sizeof(buf)), "x");
	assert_string_equal(command_cgroup_path("/", 1, buf, sizeof(buf)), ".");
	assert_string_equal(command_cgroup_path("", 0, buf, sizeof(buf)), ".");
	assert_null(command_cgroup_path("0123456789abcdef", 16, buf, sizeof(buf)));
}

/* Without a loader: the commands that only read, and everything that must be refused before it gets that far. */
static int command(struct commands *c, uint16_t type, const void *body, size_t len, struct command_answer *a)
{
	struct ipc_hdr h = { .version = IPC_VERSION, .type = type, .seq = 1, .len = (uint32_t)len };

	return commands_run(c, &h, body, a);
}

static void test_commands_read(void **state)
{
	struct msg_pid me = { (uint32_t)getpid() };
	struct msg_cgroup_id id;
	struct command_answer a;
	struct commands c;

	commands_init(&c, NULL);
	assert_int_equal(command(&c, MSG_CGROUP_OF, &me, sizeof(me), &a), 0);
	assert_int_equal(a.status, 0);
	assert_true(a.len > 3);
	assert_int_equal(command(&c, MSG_PROC_EXE, &me, sizeof(me), &a), 0);
	assert_int_equal(a.status, 0);
	assert_non_null(memmem(a.body, a.len, "test_keeper_input", 17));
	assert_int_equal(command(&c, MSG_CGROUP_ID, "/", 1, &a), 0);
	assert_int_equal(a.status, 0);
	memcpy(&id, a.body, sizeof(id));
	assert_int_equal(id.id, 1); /* the root of a cgroup hierarchy */
	commands_done(&c);
}

static void test_commands_refused(void **state)
{
	struct msg_pid zero = { 0 }, gone = { 0x7ffffffe }, huge = { 0x80000000 };
	struct msg_iter iter = { 77 };
	struct msg_hostnet net = { .on = 1, .pseudo_ifindex = 5, .ns = 1, .cgroup_path = "/docker/x" };
	struct command_answer a;
	struct commands c;

	commands_init(&c, NULL);
#define REFUSED(type, body, n, expected)                                    \
	do {                                                                \
		assert_int_equal(command(&c, type, body, n, &a), 0);        \
		assert_int_equal(a.status, expected);                       \
		assert_int_equal(a.len, 0);                                 \
		assert_int_equal(a.fd, -1);                                 \
	} while (0)
	REFUSED(MSG_CGROUP_OF, &zero, sizeof(zero), -EINVAL);
	REFUSED(MSG_CGROUP_OF, &huge, sizeof(huge), -EINVAL);
	REFUSED(MSG_CGROUP_OF, &zero, 3, -EINVAL);
	REFUSED(MSG_CGROUP_OF, &gone, sizeof(gone), -ENOENT);
	REFUSED(MSG_PROC_EXE, &gone, sizeof(gone), -ENOENT);
	REFUSED(MSG_CGROUP_ID, "/../../etc", 11, -EXDEV);
	REFUSED(MSG_CGROUP_ID, "docker/../../../etc", 20, -ENOENT);
	REFUSED(MSG_CGROUP_ID, "cgroup.procs", 13, -ENOTDIR);
	REFUSED(MSG_CGROUP_ID, "no/such/thing", 14, -ENOENT);
	REFUSED(MSG_ITER, &iter, sizeof(iter), -EINVAL);
	REFUSED(MSG_ITER, &iter, 1, -EINVAL);
	REFUSED(MSG_HOSTNET, &net, sizeof(net), -EINVAL); /* a real interface's index */
	net.pseudo_ifindex = 0x80000001;
	net.ns = 0;
	REFUSED(MSG_HOSTNET, &net, sizeof(net), -EINVAL);
	net.ns = 1;
	memcpy(net.cgroup_path, "/", 2); /* the whole machine is no container */
	REFUSED(MSG_HOSTNET, &net, sizeof(net), -EINVAL);
	memset(net.cgroup_path, 'x', sizeof(net.cgroup_path)); /* not terminated */
	REFUSED(MSG_HOSTNET, &net, sizeof(net), -EINVAL);
	memcpy(net.cgroup_path, "/no/such", 9);
	REFUSED(MSG_HOSTNET, &net, sizeof(net), -ENOENT);
	/* Not in the table: nobody's business. */
	assert_int_equal(command(&c, MSG_LABEL, NULL, 0, &a), -ENOSYS);
	assert_int_equal(command(&c, MSG_CGROUP_PATH_OF_PID, NULL, 0, &a), -ENOSYS);
	assert_int_equal(command(&c, 65535, NULL, 0, &a), -ENOSYS);
	commands_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_defaults),  cmocka_unit_test(test_options_given),	  cmocka_unit_test(test_options_wrong),
		cmocka_unit_test(test_options_long_socket), cmocka_unit_test(test_engine_pid_of_text), cmocka_unit_test(test_cgroup_path),
		cmocka_unit_test(test_commands_read),	  cmocka_unit_test(test_commands_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
