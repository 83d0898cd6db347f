/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may run a program: what the verdict process asks, remembers, and answers when nobody says anything. A pair of sockets stands for
 * fanotify's group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "enforce/exec_verdict.h"
#include "sensor/msg.h"

#define PID 4711
#define LATER (EXEC_WAIT_MS * NSEC_PER_MSEC + 1)

static struct {
	struct exec_verdict *v;
	int kernel;
	char path[64];
	struct msg_exec_ask ask;
	unsigned asked, denied;
	uint64_t now;
} t;

static int take(void *arg, uint16_t type, const void *body, size_t len)
{
	assert_true(len > sizeof(t.ask) && len < 4200);
	memcpy(&t.ask, body, sizeof(t.ask));
	t.asked += type == MSG_EXEC_ASK;
	t.denied += type == MSG_EXEC_DENIED;
	return 0;
}

static int begin(void **state)
{
	int pair[2];

	memset(&t, 0, sizeof(t));
	t.now = NSEC_PER_SEC;
	snprintf(t.path, sizeof(t.path), "/tmp/pg-exec-verdict-%d", getpid());
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
		return -1;
	t.kernel = pair[1];
	t.v = exec_verdict_new(take, NULL);
	if (!t.v)
		return -1;
	exec_verdict_group(t.v, pair[0]);
	return 0;
}

static int end(void **state)
{
	exec_verdict_free(t.v);
	close(t.kernel);
	unlink(t.path);
	return 0;
}

/* Somebody is about to run a file of this content. */
static void event(const char *content, bool closed)
{
	struct fanotify_event_metadata m = { .event_len = sizeof(m), .vers = FANOTIFY_METADATA_VERSION, .metadata_len = sizeof(m),
					     .mask = FAN_OPEN_EXEC_PERM, .pid = PID };
	struct msg_exec_place place = { .watch = 1, .closed = closed };
	struct statx st;
	int fd = open(t.path, O_RDWR | O_CREAT | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	if (content)
		assert_int_equal(pwrite(fd, content, strlen(content), 0), strlen(content));
	assert_int_equal(statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st), 0);
	place.mnt_id = (uint32_t)st.stx_mnt_id;
	exec_verdict_places(t.v, &place, sizeof(place));
	m.fd = fd;
	assert_int_equal(send(t.kernel, &m, sizeof(m), 0), sizeof(m));
	exec_verdict_read(t.v, t.now);
}

/* 1: allowed, 0: refused, -1: no answer. */
static int answered(void)
{
	struct fanotify_response r;

	return recv(t.kernel, &r, sizeof(r), MSG_DONTWAIT) == sizeof(r) ? r.response == FAN_ALLOW : -1;
}

static void test_nobody_says_anything(void **state)
{
	static const char *const what[] = { "#!/bin/sh\n", "\177ELF" };

	for (unsigned i = 0; i < 4; i++) { /* scripts, too: one may be listed */
		event(what[i & 1], i & 2);
		assert_int_equal(answered(), -1);
		assert_int_equal(t.ask.script, !(i & 1));
		t.now += LATER;
		(void)exec_verdict_tick(t.v, t.now);
		assert_int_equal(answered(), !(i & 2));
		unlink(t.path);
	}
	assert_int_equal(t.asked, 4);
	assert_int_equal(exec_verdict_stats(t.v)->late_allowed, 2);
	assert_int_equal(exec_verdict_stats(t.v)->late_denied, 2);
}

static void test_answers(void **state)
{
	for (unsigned allow = 0; allow < 2; allow++) {
		struct msg_exec_answer a = { .allow = (uint8_t)allow };
		struct msg_exec_forget all = { 0 };

		event(allow ? NULL : "#!/bin/sh\n", false);
		assert_int_equal(answered(), -1);
		a.id = t.ask.id;
		exec_verdict_answer(t.v, &a, sizeof(a));
		assert_int_equal(answered(), allow);
		event(NULL, false); /* the same file, and it is remembered */
		assert_int_equal(answered(), allow);
		assert_int_equal(t.asked, allow + 1);
		assert_int_equal(t.denied, 1);
		exec_verdict_forget(t.v, &all, sizeof(all));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nobody_says_anything, begin, end),
		cmocka_unit_test_setup_teardown(test_answers, begin, end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
