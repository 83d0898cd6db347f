/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watches of configuration files: on a directory of the test's own, which answers in the opener's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/watch/files_priv.h"

static struct files *files;
static struct files_container *ct;
static char root[64];
static int pair[2] = { -1, -1 };

static const char *at_root(const char *path)
{
	static char full[256];

	snprintf(full, sizeof(full), "%s%s", root, path);
	return full;
}

static void make_dir(const char *path)
{
	assert_int_equal(mkdir(at_root(path), 0755), 0);
}

static void move(const char *from, const char *to)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", at_root(from));
	assert_int_equal(rename(path, at_root(to)), 0);
}

static void write_file(const char *path)
{
	_cleanup_close_ int fd = open(at_root(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
}

/* Everything that was asked, as the opener would. */
static void answer_all(void)
{
	struct files_ask *q;

	while ((q = files->asks)) {
		struct msg_place_wd m = { .wd = -1 };
		char path[256];

		files->asks = q->next;
		files->ask_count--;
		if (q->kind == ASK_DIR) {
			snprintf(path, sizeof(path), "%s", at_root(q->path));
			if (q->b == 0)
				*(strrchr(path, '/') + 1) = '\0';
			m.wd = inotify_add_watch(files->inotify, path, IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MOVE | IN_MOVE_SELF | IN_DELETE_SELF);
			drift_dir_answer(files, q, m.wd < 0 ? -ENOENT : 0, &m, m.wd < 0 ? 0 : sizeof(m));
		}
		free(q->path);
		free(q);
	}
}

/* As if it was long idle: asks as seldom as it ever does. Returns the time. */
static uint64_t idle(void)
{
	uint64_t t = clock_mono_ns();

	for (unsigned i = 0; i < 10; i++) {
		t = t > ct->drift_next_ns ? t : ct->drift_next_ns;
		drift_retry(files, t);
		answer_all();
	}
	assert_true(ct->drift_wait_ns > 30 * NSEC_PER_SEC);
	return t;
}

/* The next look at what is not there, at most so long after t as it always was. */
static void soon(uint64_t t)
{
	drift_retry(files, t + DRIFT_RETRY_NS);
	answer_all();
}

static int setup(void **state)
{
	files = calloc(1, sizeof(*files));
	ct = calloc(1, sizeof(*ct));
	if (!files || !ct || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	snprintf(root, sizeof(root), "/tmp/pg-drift.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	files->epoll = epoll_create1(EPOLL_CLOEXEC);
	files->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	files->fanotify = -1;
	files_link_init(&files->core, files->epoll, TAG_CORE);
	files_link_init(&files->opener, files->epoll, TAG_OPENER);
	files_link_open(&files->opener, pair[0]);
	ct->watch = 1;
	HASH_ADD(hh, files->containers, watch, sizeof(ct->watch), ct);
	make_dir("/etc");
	write_file("/etc/main.conf");
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	drift_forget(files, ct);
	answer_all();
	drift_retry(files, UINT64_MAX / 2);
	answer_all();
	HASH_CLEAR(hh, files->containers);
	free(ct);
	files_link_close(&files->opener);
	close_fd(&pair[1]);
	close_fd(&files->inotify);
	close_fd(&files->epoll);
	free(files);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void watch_both(void)
{
	static const char paths[] = "/etc/main.conf\0/etc/conf.d/";

	drift_set(files, ct, paths, sizeof(paths), 2);
	answer_all();
	assert_int_equal(files->stats.drift_events, 0);
}

/* A directory that was not there is moved in with all that it holds. */
static void test_a_directory_comes(void **state)
{
	uint64_t t;

	watch_both();
	t = idle();
	make_dir("/tmp-conf.d");
	write_file("/tmp-conf.d/x.conf");
	move("/tmp-conf.d", "/etc/conf.d");
	drift_read(files);
	soon(t);
	assert_int_equal(files->stats.drift_events, 1); /* the directory */
	write_file("/etc/conf.d/y.conf");
	drift_read(files);
	assert_int_equal(files->stats.drift_events, 3); /* created, written */
}

/* Another directory takes the place of one that is watched. */
static void test_a_directory_is_replaced(void **state)
{
	uint64_t t;
	uint32_t told;

	make_dir("/etc/conf.d");
	watch_both();
	t = idle();
	move("/etc/conf.d", "/etc/old");
	make_dir("/etc/conf.d");
	write_file("/etc/conf.d/x.conf");
	drift_read(files);
	told = files->stats.drift_events;
	assert_true(told > 0);
	soon(t);
	assert_true(files->stats.drift_events > told);
	told = files->stats.drift_events;
	write_file("/etc/conf.d/x.conf");
	drift_read(files);
	assert_true(files->stats.drift_events > told);
}

/* What could not even be asked for does not wait for longer and longer. */
static void test_nobody_to_ask(void **state)
{
	const int fd = files->opener.fd;
	uint64_t t = clock_mono_ns();

	files->opener.fd = -1;
	watch_both();
	for (unsigned i = 0; i < 10; i++)
		drift_retry(files, t += DRIFT_RETRY_NS);
	files->opener.fd = fd;
	soon(t);
	write_file("/etc/main.conf");
	drift_read(files);
	assert_true(files->stats.drift_events > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_directory_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_directory_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_to_ask, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
