/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pierglass-inspect: where bytes that containers wrote are parsed, in a process that can do no harm.
 *   pierglass-inspect packets     labels flows from the sample ring
 *   pierglass-inspect documents   parses what core hands over: reputation feeds (sensor/msg_documents.h)
 *   pierglass-inspect scan …       reads configuration for the command line, which starts it (scan_main.c)
 *   pierglass-inspect replay …     reads captures for the command line, which starts it (replay_main.c)
 *   pierglass-inspect geo …        asks GeoIP databases for the command line (intel/geo_main.c)
 *   pierglass-inspect feed …       reads reputation feeds for the command line (intel/feed_main.c)
 * The first two are started by the keeper with an ipc socket at descriptor CHILD_FD_KEEPER. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "appid/allowed.h"
#include "appid/config_job.h"
#include "appid/digest_text.h"
#include "appid/facts_out.h"
#include "appid/heads.h"
#include "appid/inspector.h"
#include "appid/ndpi_engine.h"
#include "appid/replay.h"
#include "appid/scan.h"
#include "appid/results.h"
#include "appid/sample_ring.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "intel/feed_job.h"
#include "intel/feed_main.h"
#include "intel/geo_main.h"
#include "sensor/msg.h"
#include "sensor/sandbox.h"

enum {
	BATCH = 2048,         /* records between two looks at the sockets */
	PENDING_MAX = 512,    /* labels that wait within a batch: fewer, larger messages */
	BACKLOG_LABELS = 8192, /* 2.8 MB at most */
	BACKLOG_DNS = 4096,
	BACKLOG_FACTS = 2 << 20, /* bytes */
	BUSY_MS = 20,         /* while there is traffic the ring is looked at this often, and wakes nobody */
};
#define MEMORY_PACKETS (96ULL << 20)
#define HEADS_BYTES_MAX (24ULL << 20) /* of these */
#define MEMORY_DOCUMENTS (256ULL << 20)

struct program {
	int keeper, core, verdict;
	int samples_fd;
	struct pg_inspected *inspected; /* NULL: not given */
	struct sample_ring *ring;
	struct inspector *insp;
	struct heads *heads; /* the packet ring of evidence */
	unsigned heads_keep;
	struct ndpi_engine *engine;
	struct results labels, answers;
	struct facts_out facts;
	uint64_t marks_failed, stats_ns;
	struct msg_inspect_stats stats_sent;
	unsigned idle_rounds;
	bool quit;
};

/* A document that is being read for core. */
struct document_job {
	int core;
	uint32_t seq;
};

/* ---- what the inspector says --------------------------------------------------------------------- */
static void on_label(const struct msg_label *l, void *arg)
{
	struct program *p = arg;

	results_put(&p->labels, l);
}

static void on_facts(const struct flow_key *key, const char *text, size_t len, void *arg)
{
	struct program *p = arg;

	facts_out_put(&p->facts, key, text, len);
}

static void on_dns(const struct msg_dns *d, void *arg)
{
	struct program *p = arg;

	results_put(&p->answers, d);
}

static void on_enough(const struct flow_key *key, uint32_t serial, void *arg)
{
	struct program *p = arg;

	if (p->inspected && serial)
		inspected_mark(p->inspected, serial);
	else
		p->marks_failed++;
}

static void on_record(const void *data, size_t len, void *arg)
{
	struct program *p = arg;

	heads_add(p->heads, data, len);
	inspector_record(p->insp, data, len);
	if (inspector_pending(p->insp) >= PENDING_MAX) {
		inspector_flush(p->insp);
		if (p->core >= 0 && p->labels.count >= PENDING_MAX && facts_out_send(&p->facts, p->core) == 0)
			(void)results_send(&p->labels, p->core); /* what does not go now goes at the end of the batch */
	}
}

/* ---- sockets ------------------------------------------------------------------------------------- */
static void core_lost(struct program *p)
{
	close_fd(&p->core);
}

static void core_send(struct program *p)
{
	int r;

	if (p->core < 0)
		return;
	r = facts_out_send(&p->facts, p->core);
	if (r == 0)
		r = results_send(&p->labels, p->core);
	if (r == 0)
		r = results_send(&p->answers, p->core);
	if (r < 0 && r != -EAGAIN)
		core_lost(p);
}

/* Fills *ret; false: nothing changed since they were sent. */
static bool stats_changed(const struct program *p, struct msg_inspect_stats *ret)
{
	inspector_stats(p->insp, ret);
	ret->results_dropped = p->labels.dropped + p->answers.dropped + p->facts.dropped;
	ret->marks_failed = p->marks_failed;
	return memcmp(ret, &p->stats_sent, sizeof(*ret)) != 0;
}

static void stats_send(struct program *p, uint64_t now)
{
	struct msg_inspect_stats s;

	if (p->core < 0 || now - p->stats_ns < NSEC_PER_SEC || !stats_changed(p, &s))
		return;
	p->stats_ns = now;
	if (ipc_send(p->core, MSG_INSPECT_STATS, 0, 0, &s, sizeof(s), -1) == 0)
		p->stats_sent = s;
}

static void take_samples(struct program *p, int *fd)
{
	int r;

	sample_ring_close(p->ring);
	p->ring = NULL;
	close_fd(&p->samples_fd);
	p->samples_fd = take_fd(fd);
	r = sample_ring_open(p->samples_fd, on_record, p, &p->ring);
	if (r < 0)
		log_error("cannot read the sample ring: %s", strerror(-r));
	p->idle_rounds = 0;
}

static void on_fd(struct program *p, const struct msg_fd *m, int *fd)
{
	int r;

	if (m->kind == MSG_FD_CORE) {
		close_fd(&p->core);
		p->core = take_fd(fd);
		memset(&p->stats_sent, 0, sizeof(p->stats_sent)); /* a new core knows nothing */
		(void)fcntl(p->core, F_SETFL, fcntl(p->core, F_GETFL) | O_NONBLOCK);
	} else if (m->kind == MSG_FD_VERDICT) {
		close_fd(&p->verdict);
		p->verdict = take_fd(fd);
		(void)fcntl(p->verdict, F_SETFL, fcntl(p->verdict, F_GETFL) | O_NONBLOCK);
	} else if (m->kind == MSG_FD_MAP && p->insp && !strncmp(m->name, "samples", sizeof(m->name))) {
		take_samples(p, fd);
	} else if (m->kind == MSG_FD_MAP && p->insp && !strncmp(m->name, "inspected", sizeof(m->name))) {
		inspected_close(p->inspected);
		p->inspected = NULL;
		r = inspected_open(*fd, &p->inspected);
		if (r < 0)
			log_error("cannot tell the kernel what was inspected: %s", strerror(-r));
	}
}

static void keeper_read(struct program *p)
{
	static uint8_t body[IPC_BODY_MAX];
	struct ipc_hdr h;

	for (;;) {
		_cleanup_close_ int fd = -1;
		struct msg_fd m;
		int r = ipc_recv(p->keeper, &h, body, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -EPROTO)
			continue;
		if (r <= 0) { /* the keeper is gone */
			p->quit = true;
			return;
		}
		switch (h.type) {
		case MSG_PING:
			(void)ipc_send(p->keeper, MSG_PONG, h.seq, 0, NULL, 0, -1);
			break;
		case MSG_QUIT:
			p->quit = true;
			return;
		case MSG_FD:
			if (h.len == sizeof(m) && fd >= 0) {
				memcpy(&m, body, sizeof(m));
				on_fd(p, &m, &fd);
			}
			break;
		}
	}
}

static void heads_message(struct program *p, const struct ipc_hdr *h, const void *body, int fd)
{
	struct msg_heads_set set;
	struct msg_heads_done done;
	struct msg_heads want;
	int r;

	if (h->type == MSG_HEADS_SET && h->len == sizeof(set)) {
		memcpy(&set, body, sizeof(set));
		p->heads_keep = set.keep;
		heads_set(p->heads, set.max_bytes < HEADS_BYTES_MAX ? set.max_bytes : HEADS_BYTES_MAX);
	} else if (h->type == MSG_HEADS && h->len == sizeof(want) && fd >= 0) {
		memcpy(&want, body, sizeof(want));
		r = heads_dump(p->heads, &want, p->heads_keep, fd, &done);
		(void)ipc_send(p->core, MSG_HEADS, h->seq, r, &done, sizeof(done), -1);
	}
}

/* What core says: what is kept of packets, and to hand it out. */
static void core_read(struct program *p)
{
	static uint8_t body[IPC_BODY_MAX];
	struct ipc_hdr h;

	for (;;) {
		_cleanup_close_ int fd = -1;
		int r = ipc_recv(p->core, &h, body, &fd);

		if (r == -EAGAIN)
			return;
		if (r <= 0 && r != -EPROTO) {
			core_lost(p);
			return;
		}
		if (r > 0 && p->heads)
			heads_message(p, &h, body, fd);
	}
}

/* A packet waits for each answer. One that cannot be sent is late. */
static void verdict_read(struct program *p)
{
	static uint8_t body[IPC_BODY_MAX];
	struct msg_queue_answer answer;
	struct ipc_hdr h;

	for (int n = 0; n < 256 && p->verdict >= 0; n++) {
		_cleanup_close_ int fd = -1;
		int r = ipc_recv(p->verdict, &h, body, &fd);

		if (r == -EAGAIN)
			return;
		if (r <= 0 && r != -EPROTO)
			close_fd(&p->verdict);
		else if (r == 1 && h.type == MSG_QUEUE_ASK && allowed_answer(body, h.len, &answer))
			(void)ipc_send(p->verdict, MSG_QUEUE_ANSWER, 0, 0, &answer, sizeof(answer), -1);
	}
}

/* ---- the packets instance ------------------------------------------------------------------------ */
/* One look at the ring. Returns how many milliseconds may pass until the next. */
static int ring_turn(struct program *p)
{
	int n = p->ring ? sample_ring_consume(p->ring, BATCH) : 0;

	if (n < 0) {
		log_error("reading the sample ring failed: %s", strerror(-n));
		sample_ring_close(p->ring);
		p->ring = NULL;
		n = 0;
	}
	p->idle_rounds = n ? 0 : p->idle_rounds + 1;
	return n >= BATCH ? 0 : n > BATCH / 4 ? BUSY_MS / 4 : BUSY_MS;
}

static int timeout_ms(const struct program *p, int busy_ms, bool idle, uint64_t now)
{
	struct msg_inspect_stats s;
	uint64_t next = inspector_next_ns(p->insp, now);
	int ms = next == UINT64_MAX ? -1 : (int)(next / NSEC_PER_MSEC) + 1;

	if (!idle && (ms < 0 || ms > busy_ms))
		ms = busy_ms;
	if (ms < 0 && p->core >= 0 && stats_changed(p, &s))
		ms = 1000;
	return ms;
}

static void packets_loop(struct program *p)
{
	int busy_ms = BUSY_MS;

	while (!p->quit) {
		uint64_t now = clock_mono_ns();
		bool idle = p->idle_rounds >= 2;
		struct pollfd fds[4] = {
			{ .fd = p->keeper, .events = POLLIN },
			{ .fd = p->core, .events = (short)(POLLIN | (p->labels.count || p->answers.count || p->facts.len ? POLLOUT : 0)) },
			/* While busy the ring is read by the clock: no wake-up per record. */
			{ .fd = idle && p->ring ? sample_ring_fd(p->ring) : -1, .events = POLLIN },
			{ .fd = p->verdict, .events = POLLIN },
		};

		if (poll(fds, 4, timeout_ms(p, busy_ms, idle || !p->ring, now)) < 0 && errno != EINTR) {
			log_error("poll: %s", strerror(errno));
			return;
		}
		if (fds[0].revents)
			keeper_read(p);
		if (p->verdict >= 0 && fds[3].fd == p->verdict && fds[3].revents)
			verdict_read(p);
		if (p->core >= 0 && fds[1].fd == p->core && fds[1].revents & (POLLIN | POLLHUP | POLLERR))
			core_read(p);
		busy_ms = ring_turn(p);
		inspector_flush(p->insp);
		now = clock_mono_ns();
		inspector_tick(p->insp, now);
		core_send(p);
		stats_send(p, now);
	}
}

static int packets_run(struct program *p)
{
	const struct inspector_sink sink = { .label = on_label, .dns = on_dns, .enough = on_enough, .facts = on_facts, .arg = p };
	struct inspector_limits limits = { 0 };

	if (getrandom(&limits.seed, sizeof(limits.seed), 0) != sizeof(limits.seed)) {
		log_error("no random numbers: %s", strerror(errno));
		return 1;
	}
	p->engine = ndpi_engine_new();
	if (!p->engine)
		log_error("libndpi cannot be used (its version is not the one this was built for), going on with own recognisers");
	p->insp = inspector_new(&limits, &sink, p->engine);
	p->heads = heads_new();
	if (!p->insp || !p->heads) {
		log_error("no memory");
		return 1;
	}
	results_init(&p->labels, MSG_LABEL, sizeof(struct msg_label), BACKLOG_LABELS);
	results_init(&p->answers, MSG_DNS, sizeof(struct msg_dns), BACKLOG_DNS);
	facts_out_init(&p->facts, BACKLOG_FACTS);
	packets_loop(p);
	heads_free(p->heads);
	inspector_free(p->insp);
	ndpi_engine_free(p->engine);
	sample_ring_close(p->ring);
	inspected_close(p->inspected);
	results_done(&p->labels);
	results_done(&p->answers);
	facts_out_done(&p->facts);
	return 0;
}

/* ---- the documents instance ---------------------------------------------------------------------- */
/* Blocks until core takes it: a document is read no faster than its answer is. */
static int part_send(const void *body, size_t len, void *arg)
{
	const struct document_job *j = arg;
	struct pollfd p = { .fd = j->core, .events = POLLOUT };
	int r;

	while ((r = ipc_send(j->core, MSG_DOCUMENT_PART, j->seq, 0, body, len, -1)) == -EAGAIN)
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
	return r;
}

static void document_read(struct program *p, const struct ipc_hdr *h, const void *body, int fd)
{
	struct document_job j = { p->core, h->seq };
	struct pollfd out = { .fd = p->core, .events = POLLOUT };
	union {
		struct msg_feed_end feed;
		struct msg_config_end config;
	} end = { .feed = { 0 } };
	size_t end_len = sizeof(end.feed);
	struct msg_document m;
	int r = -EINVAL;

	if (h->len >= sizeof(m) && fd >= 0) {
		memcpy(&m, body, sizeof(m));
		if (m.kind == MSG_DOCUMENT_FEED && h->len == sizeof(m)) {
			r = feed_job(fd, &m, IPC_BODY_MAX, part_send, &j, &end.feed);
		} else if (m.kind == MSG_DOCUMENT_CONFIG) {
			end_len = sizeof(end.config);
			r = config_job(fd, (const uint8_t *)body + sizeof(m), h->len - sizeof(m), IPC_BODY_MAX, part_send, &j, &end.config);
		}
	}
	while (ipc_send(p->core, MSG_DOCUMENT_END, h->seq, r, &end, end_len, -1) == -EAGAIN)
		if (poll(&out, 1, -1) < 0 && errno != EINTR)
			return;
}

static void documents_core_read(struct program *p)
{
	static uint8_t body[IPC_BODY_MAX];
	_cleanup_close_ int fd = -1;
	struct ipc_hdr h;
	int r = ipc_recv(p->core, &h, body, &fd);

	if (r == 1 && h.type == MSG_DOCUMENT)
		document_read(p, &h, body, fd);
	else if (r <= 0 && r != -EPROTO && r != -EAGAIN)
		core_lost(p);
}

static int documents_run(struct program *p)
{
	while (!p->quit) {
		struct pollfd fds[2] = { { .fd = p->keeper, .events = POLLIN }, { .fd = p->core, .events = POLLIN } };

		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			log_error("poll: %s", strerror(errno));
			return 1;
		}
		if (fds[0].revents)
			keeper_read(p);
		if (p->core >= 0 && fds[1].fd == p->core && fds[1].revents)
			documents_core_read(p);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct program p = { .keeper = CHILD_FD_KEEPER, .core = -1, .verdict = -1, .samples_fd = -1 };
	bool packets = argc == 2 && !strcmp(argv[1], "packets"), documents = argc == 2 && !strcmp(argv[1], "documents");
	int r;

	log_init("pierglass-inspect", LOG_LVL_INFO);
	if (argc >= 2 && !strcmp(argv[1], "replay"))
		return replay_main(argc - 1, argv + 1);
	if (argc >= 2 && !strcmp(argv[1], "feed"))
		return feed_main(argc - 1, argv + 1);
	if (argc >= 2 && !strcmp(argv[1], "geo"))
		return geo_main(argc - 1, argv + 1);
	if (argc >= 2 && !strcmp(argv[1], "scan"))
		return scan_main(argc - 1, argv + 1);
	if (!packets && !documents) {
		fprintf(stderr, "usage: pierglass-inspect packets|documents (started by pierglassd)\n");
		return 2;
	}
	if (fcntl(p.keeper, F_GETFD) < 0) {
		fprintf(stderr, "pierglass-inspect: descriptor %d is not open; pierglassd starts this program\n", p.keeper);
		return 2;
	}
	digest_init(); /* reads its configuration */
	r = sandbox_enter_inspector(packets ? MEMORY_PACKETS : MEMORY_DOCUMENTS);
	if (r < 0) {
		log_error("cannot enter the sandbox: %s", strerror(-r));
		return 1;
	}
	(void)fcntl(p.keeper, F_SETFL, fcntl(p.keeper, F_GETFL) | O_NONBLOCK);
	return packets ? packets_run(&p) : documents_run(&p);
}
