/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper's loop, its queue to a child, and the supervision of children: ended, hung, deaf. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/keeper/program.h"

/* ---- loop --------------------------------------------------------------------------------------------- */

struct order {
	int at, fired[8];
};
static struct order order;

static void note_1(void *arg)
{
	order.fired[order.at++] = 1;
}

static void note_2(void *arg)
{
	order.fired[order.at++] = 2;
}

static void test_loop_timers(void **state)
{
	struct loop_timer a = { 0 }, b = { 0 }, c = { 0 };
	struct loop *l;

	memset(&order, 0, sizeof(order));
	assert_int_equal(loop_new(&l), 0);
	loop_timer_set(l, &a, 10 * NSEC_PER_MSEC, note_1, NULL);
	loop_timer_set(l, &b, 2 * NSEC_PER_MSEC, note_2, NULL);
	loop_timer_set(l, &c, 1 * NSEC_PER_MSEC, note_2, NULL);
	loop_timer_stop(l, &c);
	while (order.at < 2)
		assert_int_equal(loop_step(l, NSEC_PER_SEC), 0);
	assert_int_equal(order.fired[0], 2);
	assert_int_equal(order.fired[1], 1);
	loop_timer_stop(l, &a); /* not armed: fine */
	loop_free(l);
}

struct pair {
	struct loop *l;
	struct loop_source s[2];
	int calls;
};

/* Whoever is first removes both: the other must not be called with what is gone. */
static void remove_both(void *arg, uint32_t events)
{
	struct pair *p = arg;

	p->calls++;
	loop_remove(p->l, &p->s[0]);
	loop_remove(p->l, &p->s[1]);
}

static void test_loop_remove_in_callback(void **state)
{
	struct pair p = { .s = { LOOP_SOURCE_NONE, LOOP_SOURCE_NONE } };
	int a[2], b[2];

	assert_int_equal(loop_new(&p.l), 0);
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	assert_int_equal(loop_add(p.l, &p.s[0], a[0], EPOLLIN, remove_both, &p), 0);
	assert_int_equal(loop_add(p.l, &p.s[1], b[0], EPOLLIN, remove_both, &p), 0);
	assert_int_equal(write(a[1], "x", 1), 1);
	assert_int_equal(write(b[1], "x", 1), 1);
	assert_int_equal(loop_step(p.l, NSEC_PER_MSEC), 0);
	assert_int_equal(loop_step(p.l, NSEC_PER_MSEC), 0);
	assert_int_equal(p.calls, 1);
	loop_free(p.l);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

/* ---- outbox ------------------------------------------------------------------------------------------- */

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Order and descriptors survive a full queue. */
static void test_outbox_order(void **state)
{
	static unsigned char body[IPC_BODY_MAX];
	struct outbox o;
	int fds[2], sent = 0, got = 0, with_fd = 0, before = open_fds();

	assert_int_equal(ipc_pair(fds), 0);
	outbox_init(&o, fds[0], 4 << 20);
	while (o.bytes < 2U << 20) {
		memset(body, sent & 0xff, 1000);
		assert_int_equal(outbox_send(&o, 7, (uint32_t)sent, 0, body, 1000, sent % 100 ? -1 : STDERR_FILENO), 0);
		sent++;
	}
	assert_int_equal(outbox_flush(&o), -EAGAIN);
	for (;;) {
		struct ipc_hdr h;
		int fd = -1, r = ipc_recv(fds[1], &h, body, &fd);

		if (r == -EAGAIN) {
			if (outbox_flush(&o) == 0 && got == sent)
				break;
			continue;
		}
		assert_int_equal(r, 1);
		assert_int_equal(h.seq, got);
		assert_int_equal(body[999], got & 0xff);
		with_fd += fd >= 0;
		assert_true((fd >= 0) == (got % 100 == 0));
		close_fd(&fd);
		got++;
	}
	assert_int_equal(got, sent);
	assert_true(with_fd > 0);
	outbox_done(&o);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(open_fds(), before);
}

static void test_outbox_bound(void **state)
{
	static unsigned char body[60000];
	struct outbox o;
	int fds[2], r = 0, before = open_fds();

	assert_int_equal(ipc_pair(fds), 0);
	outbox_init(&o, fds[0], 1 << 20);
	for (int i = 0; i < 1000 && r == 0; i++)
		r = outbox_send(&o, 1, 0, 0, body, sizeof(body), i % 2 ? -1 : STDERR_FILENO);
	assert_int_equal(r, -ENOBUFS);
	assert_true(o.bytes <= 1 << 20);
	outbox_done(&o);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(open_fds(), before);
}

/* ---- programs ------------------------------------------------------------------------------------------ */

struct bed {
	struct loop *loop;
	struct program p;
	unsigned started, ended, messages;
	unsigned char last_body[64];
	size_t last_len;
};
static struct bed bed;

static void on_started(struct program *p, void *arg)
{
	bed.started++;
}

static void on_message(struct program *p, const struct ipc_hdr *h, const void *body, int *fd, void *arg)
{
	bed.messages++;
	bed.last_len = h->len < sizeof(bed.last_body) ? h->len : sizeof(bed.last_body);
	memcpy(bed.last_body, body, bed.last_len);
}

static void on_ended(struct program *p, void *arg)
{
	bed.ended++;
}

static void start(int (*child)(int sock), uint64_t hung_after_ns)
{
	static const struct program_events events = { on_started, on_message, on_ended };
	struct program_spec s = { .id = PROGRAM_VERDICT, .exe_fd = -1, .main = child, .uid = 65534, .gid = 65534,
				  .ping_every_ns = 20 * NSEC_PER_MSEC, .hung_after_ns = hung_after_ns, .backoff_max_ns = 200 * NSEC_PER_MSEC };

	memset(&bed, 0, sizeof(bed));
	assert_int_equal(loop_new(&bed.loop), 0);
	program_init(&bed.p, bed.loop, &s, &events, NULL);
	program_start(&bed.p);
}

static void stop(void)
{
	program_done(&bed.p);
	loop_free(bed.loop);
}

static void turn(uint64_t ms)
{
	uint64_t until = clock_mono_ns() + ms * NSEC_PER_MSEC;

	while (clock_mono_ns() < until)
		assert_int_equal(loop_step(bed.loop, 10 * NSEC_PER_MSEC), 0);
}

/* Answers pings, ends at MSG_QUIT; tells first who it is. */
static int child_good(int sock)
{
	static unsigned char body[IPC_BODY_MAX];
	struct stat st;
	uint32_t who[5] = { getuid(), (uint32_t)getsid(0) == (uint32_t)getpid(), 0, fstat(STDIN_FILENO, &st) == 0 && S_ISCHR(st.st_mode), 0 };

	for (int fd = 0; fd < 1024; fd++)
		who[2] += fcntl(fd, F_GETFD) >= 0;
	who[4] = (uint32_t)sock;
	ipc_send(sock, 1000, 0, 0, who, sizeof(who), -1);
	for (;;) {
		struct pollfd p = { .fd = sock, .events = POLLIN };
		struct ipc_hdr h;
		int fd, r;

		poll(&p, 1, -1);
		r = ipc_recv(sock, &h, body, &fd);
		if (r == 0 || (r == 1 && h.type == MSG_QUIT))
			return 0;
		if (r == 1 && h.type == MSG_PING)
			ipc_send(sock, MSG_PONG, h.seq, 0, NULL, 0, -1);
	}
}

static int child_hung(int sock)
{
	for (;;)
		if (pause() == 0)
			return 0;
}

static int child_fails(int sock)
{
	return 3;
}

static void test_program_child(void **state)
{
	uint32_t who[5];
	struct msg_program m;

	start(child_good, NSEC_PER_SEC);
	turn(300);
	assert_int_equal(bed.started, 1);
	assert_int_equal(bed.ended, 0);
	assert_int_equal(bed.p.hung, 0);
	assert_int_equal(bed.last_len, sizeof(who));
	memcpy(who, bed.last_body, sizeof(who));
	assert_int_equal(who[0], 65534);
	assert_int_equal(who[1], 1); /* a session of its own */
	assert_int_equal(who[2], 4); /* 0, 1, 2 and the socket: no other descriptor */
	assert_int_equal(who[3], 1);
	assert_int_equal(who[4], CHILD_FD_KEEPER);
	program_describe(&bed.p, &m);
	assert_int_equal(m.running, 1);
	assert_int_equal(m.pid, bed.p.pid);
	program_quit(&bed.p);
	turn(200);
	assert_int_equal(bed.ended, 1);
	assert_int_equal(bed.p.last_status, 0);
	turn(300);
	assert_int_equal(bed.started, 1); /* was told to quit: not started again */
	stop();
}

static void test_program_killed_comes_back(void **state)
{
	int before = open_fds(), during;

	start(child_good, NSEC_PER_SEC);
	turn(100);
	during = open_fds();
	for (unsigned i = 1; i <= 5; i++) {
		kill(bed.p.pid, SIGKILL);
		turn(400);
		assert_int_equal(bed.ended, i);
		assert_int_equal(bed.started, i + 1);
		assert_true(WIFSIGNALED(bed.p.last_status));
		assert_int_equal(open_fds(), during);
	}
	stop();
	assert_int_equal(open_fds(), before);
}

/* Closes its line, then still has something to save: it is let. */
static int child_saves(int sock)
{
	close(sock);
	usleep(300000);
	return 7;
}

static void test_program_may_save(void **state)
{
	start(child_saves, 100 * NSEC_PER_MSEC);
	turn(450);
	assert_true(bed.ended >= 1);
	assert_true(WIFEXITED(bed.p.last_status));
	assert_int_equal(WEXITSTATUS(bed.p.last_status), 7);
	stop();
}

/* 100 ms, then twice that, at most what is set: in a second a program that fails at once is started 4 to 7 times. */
static void test_program_backoff(void **state)
{
	start(child_fails, NSEC_PER_SEC);
	turn(1000);
	assert_in_range(bed.started, 4, 7);
	assert_int_equal(WEXITSTATUS(bed.p.last_status), 3);
	stop();
}

static void test_program_hung_is_killed(void **state)
{
	start(child_hung, 100 * NSEC_PER_MSEC);
	turn(600);
	assert_true(bed.p.hung >= 1);
	assert_true(bed.started >= 2);
	stop();
}

/* One that does not read: messages wait, then it is restarted, counted, and memory is given back. */
static void test_program_deaf_is_restarted(void **state)
{
	static unsigned char body[60000];

	start(child_hung, 60 * NSEC_PER_SEC);
	turn(50);
	for (int i = 0; i < 400 && !bed.p.overflows; i++)
		program_send(&bed.p, 1001, 0, 0, body, sizeof(body), -1);
	assert_int_equal(bed.p.overflows, 1);
	turn(300);
	assert_true(bed.started >= 2);
	assert_int_equal(bed.p.outbox.bytes, 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_timers),
		cmocka_unit_test(test_loop_remove_in_callback),
		cmocka_unit_test(test_outbox_order),
		cmocka_unit_test(test_outbox_bound),
		cmocka_unit_test(test_program_child),
		cmocka_unit_test(test_program_killed_comes_back),
		cmocka_unit_test(test_program_may_save),
		cmocka_unit_test(test_program_backoff),
		cmocka_unit_test(test_program_hung_is_killed),
		cmocka_unit_test(test_program_deaf_is_restarted),
	};

	log_init("test_program", LOG_LVL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
