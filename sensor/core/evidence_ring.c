/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ring.pcapng: what the inspector kept of the container's packets. A sample has no headers of its own: IP and transport headers are
 * made from the flow's record, and say so in the comment with container and process. Payload bytes go through as they come; the
 * framing around them is checked, since the inspector reads what containers send. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/version.h"
#include "enforce/pcapng.h"
#include "sensor/core/evidence_priv.h"
#include "sensor/msg_heads.h"

#define RECORD_MAX (sizeof(struct pg_sample) + PG_SAMPLE_MAX)
#define HEADERS_MAX 60

void evidence_ring_connected(struct core *c)
{
	struct msg_heads_set m = { .max_bytes = c->config.evidence_ring == EVIDENCE_RING_HEADS ? c->config.evidence_ring_bytes : 0,
				   .keep = c->config.payload_keep };

	peer_send(c->priv->inspector, MSG_HEADS_SET, 0, &m, sizeof(m));
}

static void add_address(struct msg_heads *m, const uint8_t addr[16])
{
	static const uint8_t none[16], none4[16] = { [10] = 0xff, [11] = 0xff };

	if (m->count < HEADS_ADDRESSES_MAX && memcmp(addr, none, 16) != 0 && memcmp(addr, none4, 16) != 0)
		memcpy(m->addr[m->count++], addr, 16);
}

bool evidence_ring_ask(struct evidence_job *job)
{
	struct core *c = job->core;
	struct msg_heads m = { .count = 0 };

	if (c->config.evidence_ring == EVIDENCE_RING_OFF)
		return false;
	for (unsigned i = 0; i < job->ct->endpoint_count && i < IDENT_ENDPOINTS_MAX; i++) {
		add_address(&m, job->ct->endpoints[i].addr4);
		add_address(&m, job->ct->endpoints[i].addr6);
	}
	job->raw = openat(job->dir, ".ring", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	(void)unlinkat(job->dir, ".ring", 0);
	if (job->raw < 0 || !m.count) {
		evidence_cut(job, "ring.pcapng: %s", job->raw < 0 ? strerror(errno) : "the container has no address");
		return false;
	}
	job->ring_seq = c->priv->next_seq++;
	if (peer_send_fd(c->priv->inspector, MSG_HEADS, job->ring_seq, &m, sizeof(m), job->raw) < 0) {
		job->ring_seq = 0;
		evidence_cut(job, "ring.pcapng: the inspector does not take the question");
		return false;
	}
	return true;
}

void evidence_ring_answer(struct core *c, const struct ipc_hdr *hdr, const void *body)
{
	struct msg_heads_done m;

	for (struct evidence_job *job = c->evidence ? c->evidence->jobs : NULL; job; job = job->next) {
		if (!job->ring_seq || job->ring_seq != hdr->seq)
			continue;
		job->ring_seq = 0;
		if (hdr->status < 0 || hdr->len != sizeof(m)) {
			evidence_cut(job, "ring.pcapng: %s", strerror(-hdr->status));
		} else {
			memcpy(&m, body, sizeof(m));
			job->ring_packets = m.records;
			job->ring_lost = m.dropped;
		}
		evidence_advance(job);
		return;
	}
}

/* ---- packets ------------------------------------------------------------------------------------------------------------ */
static bool is_v4(const uint8_t a[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(a, mapped, 12);
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint16_t ip_checksum(const uint8_t *h, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)h[i] << 8 | h[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* RFC 791, RFC 8200: addresses from the sender (end dir) to the other; rest: bytes behind this header on the wire. */
static size_t put_ip(uint8_t *h, const struct pg_sample *s, uint32_t rest)
{
	const uint8_t *from = s->key.addr[s->dir], *to = s->key.addr[!s->dir];

	if (is_v4(from)) {
		uint32_t total = rest + 20;

		memset(h, 0, 20);
		h[0] = 0x45;
		put16(h + 2, total > 65535 ? 65535 : total);
		h[8] = 64;
		h[9] = s->key.proto;
		memcpy(h + 12, from + 12, 4);
		memcpy(h + 16, to + 12, 4);
		put16(h + 10, ip_checksum(h, 20));
		return 20;
	}
	memset(h, 0, 40);
	h[0] = 0x60;
	put16(h + 4, rest > 65535 ? 65535 : rest);
	h[6] = s->key.proto;
	h[7] = 64;
	memcpy(h + 8, from, 16);
	memcpy(h + 24, to, 16);
	return 40;
}

/* RFC 9293, RFC 768. A fragment's payload has its transport header itself. */
static size_t put_transport(uint8_t *h, const struct pg_sample *s)
{
	if (s->flags & PG_SAMPLE_FRAGMENT)
		return 0;
	memcpy(h, &s->key.port[s->dir], 2);
	memcpy(h + 2, &s->key.port[!s->dir], 2);
	if (s->key.proto == IPPROTO_TCP) {
		memset(h + 4, 0, 16);
		put16(h + 4, s->tcp_seq >> 16);
		put16(h + 6, s->tcp_seq & 0xffff);
		h[12] = 5 << 4;
		h[13] = 0x18; /* PSH ACK */
		put16(h + 14, 65535);
		return 20;
	}
	if (s->key.proto != IPPROTO_UDP)
		return 0;
	put16(h + 4, s->payload_len + 8 > 65535 ? 65535 : s->payload_len + 8);
	put16(h + 6, 0);
	return 8;
}

struct ring {
	struct evidence_job *job;
	struct pcapng png;
	uint32_t interface[IDENT_ENDPOINTS_MAX + 1]; /* the last: an address that is no endpoint's */
	int fd;
	uint64_t written;
};

static int ring_put(void *arg, const void *data, size_t len)
{
	struct ring *r = arg;
	const char *p = data;

	while (len) {
		ssize_t n = write(r->fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static uint32_t interface_of(const struct ring *r, const uint8_t addr[16])
{
	const struct ident_container *ct = r->job->ct;

	for (unsigned i = 0; i < ct->endpoint_count && i < IDENT_ENDPOINTS_MAX; i++)
		if (!memcmp(addr, ct->endpoints[i].addr4, 16) || !memcmp(addr, ct->endpoints[i].addr6, 16))
			return r->interface[i];
	return r->interface[IDENT_ENDPOINTS_MAX];
}

/* The container's end of the flow, -1: it has none. */
static int end_of(const struct evidence_job *job, const struct pg_sample *s)
{
	struct ident_end end;

	for (unsigned e = 0; e < 2; e++) {
		ident_resolve(job->core->ident, s->key.ns, s->end_if[e], s->key.addr[e], s->key.proto, ntohs(s->key.port[e]), &end);
		if (end.container == job->ct)
			return (int)e;
	}
	return -1;
}

static void comment_of(struct ring *r, const struct pg_sample *s, unsigned end, char *ret, size_t len)
{
	struct core *c = r->job->core;
	const struct flow *f = flow_table_find(c->flows, &s->key);
	const struct process *p = NULL;
	uint32_t index;

	if (f && flow_process(c, f, end, &index) != ATTR_UNKNOWN)
		p = processes_get(c->procs, index);
	if (p)
		snprintf(ret, len, "container %s, process %s (pid %u), %s; headers made from the flow's record", r->job->ct->name, p->exe, p->tgid,
			 s->dir == end ? "sent" : "received");
	else
		snprintf(ret, len, "container %s, process not known, %s; headers made from the flow's record", r->job->ct->name,
			 s->dir == end ? "sent" : "received");
}

static int ring_record(struct ring *r, const unsigned char *record, size_t len)
{
	uint8_t head[HEADERS_MAX + 20], transport[20];
	char comment[700];
	struct pg_sample s;
	struct pcapng_packet k = { .comment = comment, .head = head };
	size_t ip, tl;
	int end;

	memcpy(&s, record, sizeof(s));
	if (s.version != PG_ABI_VERSION || s.dir > 1 || s.cap_len != len - sizeof(s) || is_v4(s.key.addr[0]) != is_v4(s.key.addr[1]))
		return 0;
	end = end_of(r->job, &s);
	if (end < 0)
		return 0;
	tl = put_transport(transport, &s);
	ip = put_ip(head, &s, (uint32_t)tl + s.payload_len);
	memcpy(head + ip, transport, tl);
	comment_of(r, &s, (unsigned)end, comment, sizeof(comment));
	k.interface = interface_of(r, s.key.addr[end]);
	k.time_ns = clock_mono_to_wall_ns(s.ts_ns);
	k.head_len = (uint32_t)(ip + tl);
	k.data = record + sizeof(s);
	k.cap_len = k.head_len + s.cap_len;
	k.len = k.head_len + (s.payload_len > s.cap_len ? s.payload_len : s.cap_len);
	r->written++;
	return pcapng_packet(&r->png, &k);
}

static int ring_begin(struct ring *r)
{
	const struct ident_container *ct = r->job->ct;
	char text[512];
	int e;

	snprintf(text, sizeof(text), "container %s (%s) on %s; first bytes of each flow and direction, to %u bytes (of datagrams %u)",
		 ct->name, ct->workload, r->job->core->node, (unsigned)PG_SAMPLE_BUDGET, (unsigned)PG_SAMPLE_DATAGRAM_BUDGET);
	e = pcapng_begin(&r->png, ring_put, r, "Linux", "pierglass " PIERGLASS_VERSION, text);
	for (unsigned i = 0; i < ct->endpoint_count && i < IDENT_ENDPOINTS_MAX && e == 0; i++) {
		snprintf(text, sizeof(text), "%s on network %s", ct->name, ct->endpoints[i].network_name);
		e = pcapng_interface(&r->png, PCAPNG_LINK_RAW, HEADERS_MAX + PG_SAMPLE_MAX, ct->endpoints[i].network_name, text, &r->interface[i]);
	}
	if (e == 0)
		e = pcapng_interface(&r->png, PCAPNG_LINK_RAW, HEADERS_MAX + PG_SAMPLE_MAX, "other", ct->name, &r->interface[IDENT_ENDPOINTS_MAX]);
	return e;
}

static int ring_records(struct ring *r)
{
	unsigned char record[RECORD_MAX];
	off_t at = 0;
	uint32_t len;
	int e = 0;

	while (e == 0 && pread(r->job->raw, &len, sizeof(len), at) == (ssize_t)sizeof(len)) {
		at += (off_t)sizeof(len);
		if (len < sizeof(struct pg_sample) || len > sizeof(record) || pread(r->job->raw, record, len, at) != (ssize_t)len)
			return -EBADMSG;
		at += (off_t)len;
		e = ring_record(r, record, len);
	}
	return e;
}

void evidence_ring_write(struct evidence_job *job)
{
	struct ring r = { .job = job, .fd = -1 };
	int e;

	if (job->raw < 0 || job->core->config.evidence_ring == EVIDENCE_RING_OFF)
		return;
	if (job->ring_seq)
		evidence_cut(job, "ring.pcapng: the inspector did not answer in time");
	r.fd = openat(job->dir, "ring.pcapng", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	e = r.fd < 0 ? -errno : ring_begin(&r);
	if (e == 0)
		e = ring_records(&r);
	if (e == 0)
		e = pcapng_statistics(&r.png, 0, clock_wall_ns(), r.written, job->ring_lost);
	if (e < 0)
		evidence_cut(job, "ring.pcapng: %s", strerror(-e));
	if (r.fd >= 0 && job->file_count < EV_FILES_MAX)
		snprintf(job->files[job->file_count++].name, sizeof(job->files[0].name), "ring.pcapng");
	close_fd(&r.fd);
	job->ring_packets = r.written;
}
