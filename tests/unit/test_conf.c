/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of hostile roots, the shell that runs nothing, the shapes of configuration languages, limits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_json.h"
#include "base/ipc.h"
#include "base/root_files.h"
#include "base/root_ipc.h"

/* ---- a file system in memory ------------------------------------------------------------------------------ */
struct file {
	const char *path, *text;
};
static const struct file *files;
static uint64_t clock_step, clock_now;

static uint64_t now(void)
{
	return clock_now += clock_step;
}

static const struct file *find(const char *path)
{
	for (const struct file *f = files; f && f->path; f++)
		if (!strcmp(f->path, path))
			return f;
	return NULL;
}

static int fs_read(void *ctx, const char *path, char *buf, size_t cap, size_t *ret_len)
{
	const struct file *f = find(path);
	size_t n = f ? strlen(f->text) : 0;

	if (!f)
		return -ENOENT;
	*ret_len = n < cap ? n : cap;
	memcpy(buf, f->text, *ret_len);
	return n > cap ? -EFBIG : 0;
}

static int fs_list(void *ctx, const char *path, char *buf, size_t *ret_len)
{
	return -ENOENT;
}

static int fs_stat(void *ctx, const char *path, struct root_stat *ret)
{
	*ret = (struct root_stat){ .kind = ROOT_FILE };
	return find(path) ? 0 : -ENOENT;
}

static int fs_link(void *ctx, const char *path, char *buf, size_t cap)
{
	return -EINVAL;
}

/* The JSON of a scan; the caller frees it. */
static char *scan(const char *command, const struct file *these, uint64_t deadline)
{
	const struct conf_fs fs = { NULL, fs_read, fs_list, fs_stat, fs_link };
	struct conf *c = conf_new(&fs, now, deadline);
	struct conf_start s = { .command = command };
	struct jsonl j;
	char *text;

	files = these;
	clock_now = 0;
	jsonl_init(&j);
	conf_scan(c, &s);
	conf_json(c, &j);
	text = jsonl_take(&j, NULL);
	conf_free(c);
	assert_non_null(text);
	return text;
}

#define HAS(command, files, wanted)                                       \
	do {                                                              \
		char *_t = scan(command, files, 1000);                    \
		if (!strstr(_t, wanted))                                  \
			fail_msg("%s\nhas no %s:\n%s", command, wanted, _t); \
		free(_t);                                                 \
	} while (0)

static void test_shell_follows_what_can_be_known(void **state)
{
	static const struct file none[] = { { NULL, NULL } };

	HAS("memcached -l 127.0.0.1 -p 1", none, "\"port\":1,");
	HAS("P=2; memcached -p $P", none, "\"port\":2,");
	HAS("P=; memcached -p ${P:-3}", none, "\"port\":3,");
	HAS("set -- memcached -p 4; exec \"$@\"", none, "\"port\":4,");
	HAS("f() { memcached -p \"$1\"; }; f 5", none, "\"port\":5,");
	HAS("if [ a = b ]; then memcached -p 1; elif [ -z '' ]; then memcached -p 6; else memcached -p 2; fi", none, "\"port\":6,");
	HAS("case x7 in y*) memcached -p 1;; x?) memcached -p 7;; esac", none, "\"port\":7,");
	HAS("for i in 8 9; do memcached -p $i; done", none, "\"port\":9,");
	HAS("sh -c 'exec memcached -p \"$0\"' 10", none, "\"port\":10,");
	HAS("su u -s /bin/bash -c \"env A=1 nice -n 5 memcached -p 11\"", none, "\"port\":11,");
	HAS("tini -g -- gosu u:g dumb-init memcached -p 12", none, "\"port\":12,");
	HAS("[ $(id -u) = 0 ] && exec gosu u sh -c '[ $(id -u) = 0 ] || memcached -p 13'", none, "\"port\":13,");
	HAS("V=a.b.c; memcached -p ${#V}4 # memcached -p 1", none, "\"port\":54,");
	HAS("cat <<X >/dev/null\nmemcached -p 1\nX\nmemcached -p 15", none, "\"port\":15,");
	HAS("false && memcached -p 1 || memcached -p 16", none, "\"port\":16,");
}

static void test_shell_never_guesses(void **state)
{
	static const struct file none[] = { { NULL, NULL } };

	HAS("P=$(curl x); memcached -p $P", none, "\"listeners\":[]");
	HAS("$(cat /x) -p 1", none, "\"listeners\":[]");
	HAS("if grep x y; then P=1; fi; memcached -p ${P}", none, "\"listeners\":[]");
	HAS("P=1; if grep x y; then P=2; fi; memcached -p $P", none, "\"listeners\":[]");
	HAS("./unheard-of", none, "no reader for it");
}

static void test_readers_take_flags_before_files(void **state)
{
	static const struct file redis[] = { { "/r.conf", "port 1\nbind 10.0.0.1\n" }, { NULL, NULL } };
	static const struct file nginx[] = { { "/etc/nginx/nginx.conf", "http { server { listen 80; listen 10.0.0.1:80; } }" }, { NULL, NULL } };

	HAS("redis-server /r.conf", redis, "\"address\":\"10.0.0.1\",\"port\":1,\"app\":\"redis\",\"source\":\"/r.conf:1\"");
	HAS("redis-server /r.conf --port 2", redis, "\"port\":2,\"app\":\"redis\",\"source\":\"flag:--port 2\"");
	HAS("nginx", nginx,
			"\"listeners\":[{\"l4\":\"tcp\",\"address\":\"0.0.0.0\",\"port\":80,\"app\":\"nginx\",\"source\":\"/etc/nginx/nginx.conf:1\"}]");
}

static void test_time_limit_leaves_the_reader(void **state)
{
	static char text[400000];
	static const struct file big[] = { { "/etc/redis.conf", text }, { NULL, NULL } };
	char *t;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 10 == 9 ? '\n' : 'a';
	clock_step = 10;
	t = scan("redis-server /etc/redis.conf", big, 500);
	clock_step = 0;
	assert_non_null(strstr(t, "time limit"));
	free(t);
}

/* ---- a real directory ---------------------------------------------------------------------------------------- */
static void test_root_files_stay_inside(void **state)
{
	char dir[] = "/tmp/pgX-conf-XXXXXX", path[300], names[ROOT_LIST_BYTES], to[64];
	struct root_stat st;
	size_t len = 0;
	int root, fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/out", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/up", dir);
	assert_int_equal(symlink("../../../../etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/magic", dir);
	assert_int_equal(symlink("/proc/self/fd/0", path), 0);
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);

	root = root_open(dir);
	assert_true(root >= 0);
	assert_int_equal(root_open_file(root, "/out", &st), -ENOENT);
	assert_int_equal(root_open_file(root, "up", &st), -ENOENT);
	assert_int_equal(root_open_file(root, "../../../etc/passwd", &st), -ENOENT);
	assert_true(root_open_file(root, "magic", &st) < 0);
	assert_int_equal(root_open_file(root, "fifo", &st), -EMEDIUMTYPE);
	assert_int_equal(root_open_file(root, "/", &st), -EISDIR);
	fd = root_open_file(root, "//./file", &st);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(root_list(root, "/", names, &len), 0);
	assert_memory_equal(names, "fifo\0file\0magic\0out\0up", len);
	assert_int_equal(root_readlink(root, "out", to, sizeof(to)), 0);
	assert_string_equal(to, "/etc/passwd");
	assert_int_equal(root_readlink(root, "file", to, sizeof(to)), -EINVAL);
	close(root);
	for (const char *const *n = (const char *const[]){ "out", "up", "magic", "fifo", "file", NULL }; *n; n++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *n);
		unlink(path);
	}
	rmdir(dir);
}

static void test_root_serve_refuses_what_is_no_request(void **state)
{
	static char buf[IPC_BODY_MAX];
	int pair[2], root = root_open("/etc");

	assert_true(root >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(ipc_send(pair[0], 99, 0, 0, "x", 1, -1), 0);
	assert_int_equal(root_serve(pair[1], root, buf), -EPROTO);
	assert_int_equal(ipc_send(pair[0], 1, 0, 0, "a\0b", 3, -1), 0);
	assert_int_equal(root_serve(pair[1], root, buf), -EPROTO);
	assert_int_equal(ipc_send(pair[0], 1, 0, 0, buf, 5000, -1), 0);
	assert_int_equal(root_serve(pair[1], root, buf), -EPROTO);
	assert_int_equal(ipc_send(pair[0], 1, 0, 0, "passwd", 6, -1), 0);
	assert_int_equal(root_serve(pair[1], root, buf), 1);
	close(pair[0]);
	close(root);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shell_follows_what_can_be_known),
		cmocka_unit_test(test_shell_never_guesses),
		cmocka_unit_test(test_readers_take_flags_before_files),
		cmocka_unit_test(test_time_limit_leaves_the_reader),
		cmocka_unit_test(test_root_files_stay_inside),
		cmocka_unit_test(test_root_serve_refuses_what_is_no_request),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
