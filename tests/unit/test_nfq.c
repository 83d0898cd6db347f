/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NFQUEUE's messages (whole, cut at every byte, with foreign attributes), the kernel's table of queues, first bytes of connections in
 * any order, and what the inspector answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include "appid/allowed.h"
#include "base/cleanup.h"
#include "enforce/nfq_conns.h"
#include "enforce/nfq_msg.h"
#include "enforce/nfq_reset.h"
#include "enforce/nfq_sock.h"
#include "sensor/bpf/first_bytes.h"

/* ---- messages -------------------------------------------------------------------------------------------------------- */
struct tcp {
	uint32_t seq, ack;
	uint8_t flags;
	const char *text;
};
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static size_t tcp_put(uint8_t *p, bool v6, const struct tcp *t)
{
	size_t ip = v6 ? 40 : 20, n = t->text ? strlen(t->text) : 0;
	uint32_t seq = htonl(t->seq), ack = htonl(t->ack);

	memset(p, 0, ip + 20);
	if (v6) {
		p[0] = 0x60;
		p[4] = (uint8_t)((20 + n) >> 8);
		p[5] = (uint8_t)(20 + n);
		p[6] = IPPROTO_TCP;
		p[7] = 64;
		p[23] = 1;
		p[39] = 2;
	} else {
		p[0] = 0x45;
		p[2] = (uint8_t)((40 + n) >> 8);
		p[3] = (uint8_t)(40 + n);
		p[8] = 64;
		p[9] = IPPROTO_TCP;
		memcpy(p + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	}
	p[ip] = 0x9c, p[ip + 1] = 0x40; /* 40000 */
	p[ip + 3] = 80;
	memcpy(p + ip + 4, &seq, 4);
	memcpy(p + ip + 8, &ack, 4);
	p[ip + 12] = 0x50;
	p[ip + 13] = t->flags;
	if (n)
		memcpy(p + ip + 20, t->text, n);
	return ip + 20 + n;
}

static struct nlmsghdr *packet_put(void *buf, const uint8_t *ip, size_t len, bool v6, uint32_t mark)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfqnl_msg_packet_hdr head = { .packet_id = htonl(77), .hw_protocol = htons(v6 ? 0x86dd : 0x0800), .hook = 2 };
	struct nfgenmsg *gen;

	nlh->nlmsg_type = (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET;
	gen = mnl_nlmsg_put_extra_header(nlh, sizeof(*gen));
	gen->res_id = htons(20551);
	mnl_attr_put(nlh, NFQA_PACKET_HDR, sizeof(head), &head);
	if (mark)
		mnl_attr_put_u32(nlh, NFQA_MARK, htonl(mark));
	mnl_attr_put_u32(nlh, NFQA_CAP_LEN, htonl(5000));
	mnl_attr_put_u32(nlh, 200, 1); /* of a later kernel */
	mnl_attr_put(nlh, NFQA_PAYLOAD, len, ip);
	return nlh;
}

static void test_packet(void **state)
{
	const struct tcp t = { .seq = 1000, .ack = 9, .flags = ACK, .text = "GET / HTTP/1.1\r\n" };

	for (int v6 = 0; v6 < 2; v6++) {
		_Alignas(8) char buf[2048];
		uint8_t ip[256];
		size_t len = tcp_put(ip, v6, &t);
		struct nlmsghdr *nlh = packet_put(buf, ip, len, v6, 0xab);
		struct nfq_packet p;
		struct nfq_segment s;

		assert_true(nfq_packet_parse(nlh, &p));
		assert_int_equal(p.queue, 20551);
		assert_int_equal(p.id, 77);
		assert_int_equal(p.mark, 0xab);
		assert_int_equal(p.wire_len, 5000);
		assert_int_equal(bytes_left(&p.data), len);
		p.wire_len = (uint32_t)len;
		assert_true(nfq_segment_parse(&p, &s));
		assert_int_equal(s.sport, 40000);
		assert_int_equal(s.dport, 80);
		assert_int_equal(s.seq, 1000);
		assert_int_equal(s.ack, 9);
		assert_true(s.has_ack && !s.syn && !s.fin && !s.rst);
		assert_int_equal(s.payload_len, strlen(t.text));
		assert_memory_equal(s.payload.p, t.text, strlen(t.text));
		assert_int_equal(s.dst[15], 2);
	}
}

/* Nothing beyond what is there is read (this test is run with the address sanitizer, too), nothing cut is taken for whole. */
static void test_cut(void **state)
{
	const struct tcp t = { .seq = 1, .flags = ACK, .text = "0123456789" };
	_Alignas(8) char buf[2048];
	uint8_t ip[256];

	for (int v6 = 0; v6 < 2; v6++) {
		size_t len = tcp_put(ip, v6, &t), head = (v6 ? 40 : 20) + 20;
		struct nlmsghdr *nlh;
		uint32_t whole;

		for (size_t n = 0; n <= len; n++) {
			uint8_t *copy = malloc(n ? n : 1);
			struct nfq_packet p = { .ethertype = v6 ? 0x86dd : 0x0800, .wire_len = (uint32_t)len };
			struct nfq_segment s;

			memcpy(copy, ip, n);
			p.data = bytes_of(copy, n);
			if (nfq_segment_parse(&p, &s) != (n >= head))
				fail_msg("%zu bytes of %zu", n, len);
			if (n >= head) {
				assert_int_equal(bytes_left(&s.payload), n - head);
				assert_int_equal(s.payload_len, 10);
			}
			free(copy);
		}
		nlh = packet_put(buf, ip, len, v6, 0);
		whole = nlh->nlmsg_len - (uint32_t)(MNL_ALIGN(len) - len);
		for (uint32_t n = MNL_NLMSG_HDRLEN; n < whole; n++) {
			struct nlmsghdr *cut = malloc(n);
			struct nfq_packet p;

			memcpy(cut, buf, n);
			cut->nlmsg_len = n;
			if (nfq_packet_parse(cut, &p) && bytes_left(&p.data) == len)
				fail_msg("a message cut to %u of %u bytes was taken for whole", n, whole);
			free(cut);
		}
	}
}

static void test_odd_segments(void **state)
{
	struct nfq_packet p = { .ethertype = 0x0800 };
	const struct tcp t = { .seq = 1, .flags = ACK, .text = "x" };
	uint8_t ip[256];
	struct nfq_segment s;
	size_t len = tcp_put(ip, false, &t);

	p.data = bytes_of(ip, len);
	p.wire_len = (uint32_t)len;
	ip[32] = 0x40; /* a header of 16 bytes */
	assert_false(nfq_segment_parse(&p, &s));
	ip[32] = 0xf0; /* one that is longer than the packet */
	assert_false(nfq_segment_parse(&p, &s));
	ip[32] = 0x50;
	assert_true(nfq_segment_parse(&p, &s));
	ip[7] = 1; /* a later fragment */
	assert_false(nfq_segment_parse(&p, &s));
	ip[7] = 0;
	ip[9] = 132;
	assert_false(nfq_segment_parse(&p, &s));
	ip[9] = IPPROTO_UDP;
	assert_true(nfq_segment_parse(&p, &s));
	assert_int_equal(s.payload_len, 13);
	p.ethertype = 0x0806;
	assert_false(nfq_segment_parse(&p, &s));
}

static void test_verdict_bytes(void **state)
{
	_Alignas(8) char buf[2 * NFQ_VERDICT_BYTES];
	struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)buf;
	size_t n = nfq_verdict_put(buf, 20550, 0x01020304, NF_REPEAT, 0x00100000);

	assert_true(n <= NFQ_VERDICT_BYTES && n == nlh->nlmsg_len && !(n % 4));
	assert_int_equal(nlh->nlmsg_type, (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_VERDICT);
	assert_memory_equal(buf + 16, "\0\0\x50\x46\x0c\0\x02\0\0\0\0\x04\x01\x02\x03\x04\x08\0\x03\0\0\x10\0\0", 24);
	assert_true(nfq_verdict_put(buf, 1, 2, NF_ACCEPT, 0) == 32);
	assert_true(nfq_batch_put(buf, 1, 2, NF_DROP) == 32);
	assert_int_equal(nlh->nlmsg_type, (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_VERDICT_BATCH);
}

static void test_state(void **state)
{
	static const char text[] = "    5   1234     0 2 65531     0     0        1  1\n20550  17465    12 2  1280     3     4      998  1\n"
				   "20551  17465     0 2  1280     0     0 4294967295  1\n";
	struct nfq_state s[2];

	assert_int_equal(nfq_state_parse(text, 20550, s), 0);
	assert_int_equal(s[0].waiting, 12);
	assert_int_equal(s[0].last_id, 998);
	assert_int_equal(s[0].dropped_full, 3);
	assert_int_equal(s[0].dropped_user, 4);
	assert_int_equal(s[1].last_id, UINT32_MAX);
	assert_int_equal(nfq_state_parse(text, 20551, s), -ENOENT); /* half of it */
	assert_int_equal(nfq_state_parse("", 1, s), -ENOENT);
	assert_int_equal(nfq_state_parse("1 2 3\n\n1", 1, s), -ENOENT);
}

/* ---- connections ------------------------------------------------------------------------------------------------------ */
static struct nfq_conns *conns;
static struct nfq_conn *conn;

static int conns_begin(void **state)
{
	const struct nfq_key k = { .l4 = IPPROTO_TCP, .port = { 40000, 80 } };

	conns = nfq_conns_new(42);
	conn = conns ? nfq_conns_add(conns, &k) : NULL;
	return conn ? 0 : -1;
}

static int conns_end(void **state)
{
	nfq_conns_free(conns);
	return 0;
}

static enum nfq_take take(unsigned side, uint32_t seq, uint32_t ack, unsigned flags, const char *text)
{
	struct nfq_segment s = { .l4 = IPPROTO_TCP, .seq = seq + !!(flags & SYN), .ack = ack, .syn = flags & SYN, .fin = flags & FIN, .rst = flags & RST,
				 .has_ack = flags & ACK, .payload = bytes_of(text, strlen(text)), .payload_len = (uint32_t)strlen(text) };

	return nfq_conn_take(conn, side, &s);
}

static void head_is(unsigned side, const char *text)
{
	assert_int_equal(conn->side[side].len, strlen(text));
	assert_memory_equal(conn->side[side].head, text, strlen(text));
}

static void test_in_order(void **state)
{
	assert_int_equal(take(0, 0xfffffffe, 0, SYN, ""), NFQ_NOTHING); /* sequence numbers wrap */
	assert_int_equal(take(1, 500, 0xffffffff, SYN | ACK, ""), NFQ_NOTHING);
	assert_int_equal(take(0, 0xffffffff, 501, ACK, ""), NFQ_NOTHING);
	assert_int_equal(take(0, 0xffffffff, 501, ACK, "GET"), NFQ_NEW);
	assert_int_equal(take(0, 6, 501, ACK, "later"), NFQ_GAP);
	assert_int_equal(take(0, 2, 501, ACK, " / H"), NFQ_NEW);
	head_is(0, "GET / H");
	assert_int_equal(take(0, 2, 501, ACK, " / H"), NFQ_NOTHING); /* sent again */
	assert_int_equal(take(0, 0, 501, ACK, "ET / HTTP"), NFQ_NEW);  /* some of it */
	head_is(0, "GET / HTTP");
	assert_int_equal(take(0, 0, 501, ACK, "XX / HTTP"), NFQ_OTHER);
	assert_int_equal(take(0, 0xffffffff, 501, ACK, "SSH-2.0-OpenSSH"), NFQ_OTHER);
	assert_int_equal(take(1, 501, 9, ACK, "HTTP/1.1"), NFQ_NEW);
	head_is(1, "HTTP/1.1");
	head_is(0, "GET / HTTP");
}

/* Whoever wants other bytes to be judged than the server reads. */
static void test_moved_beginnings(void **state)
{
	assert_int_equal(take(0, 99, 0, SYN, ""), NFQ_NOTHING);
	assert_int_equal(take(0, 100, 0, ACK, "GET /"), NFQ_GAP); /* before the server answered */
	assert_int_equal(take(1, 499, 4711, SYN | ACK, ""), NFQ_OTHER); /* an answer to another SYN */
	assert_int_equal(take(1, 499, 100, SYN | ACK, ""), NFQ_NOTHING);
	/* A SYN in the midst: what it says begins nothing that the server did not answer. */
	assert_int_equal(take(0, 199, 0, SYN, ""), NFQ_NOTHING);
	assert_int_equal(take(0, 200, 0, ACK, "GET / HTTP/1.1\r\n"), NFQ_GAP);
	assert_int_equal(conn->side[0].len, 0);
	assert_int_equal(take(0, 100, 0, ACK, "SSH-2.0"), NFQ_GAP);
}

static void test_fast_open(void **state)
{
	assert_int_equal(take(0, 99, 0, SYN, "GET / "), NFQ_NEW);
	head_is(0, "GET / ");
	assert_int_equal(take(0, 99, 0, SYN, "GET / "), NFQ_NOTHING);
	assert_int_equal(take(1, 499, 106, SYN | ACK, ""), NFQ_NOTHING);
	assert_int_equal(take(0, 106, 500, ACK, "HTTP"), NFQ_NEW);
	head_is(0, "GET / HTTP");
}

static void test_adopted(void **state)
{
	/* The answer to a SYN alone says where both begin (the SYN is not queued), also for a new connection of the same ports. */
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(take(1, 499 + i, 100 + 10 * i, SYN | ACK, ""), NFQ_NOTHING);
		assert_int_equal(take(0, 103 + 10 * i, 500, ACK, "late"), NFQ_GAP);
		assert_int_equal(take(0, 100 + 10 * i, 500, ACK, "GET"), NFQ_NEW);
		head_is(0, "GET");
	}
	/* While something waits for an answer it is not moved. */
	conn->held[conn->held_count++] = (struct nfq_held){ .id = 1 };
	assert_int_equal(take(1, 999, 300, SYN | ACK, ""), NFQ_OTHER);
	head_is(0, "GET");
}

/* Of one whose beginning was not seen the first bytes that are seen are its first; a probe of a kept-alive connection is none. */
static void test_unseen_beginning(void **state)
{
	assert_int_equal(take(0, 100, 500, ACK, "GET"), NFQ_NEW);
	assert_int_equal(take(0, 99, 500, ACK, "x"), NFQ_NOTHING);
	assert_int_equal(take(0, 99, 500, ACK, "xGET /"), NFQ_OTHER);
	head_is(0, "GET");
}

static void test_long(void **state)
{
	char text[QUEUE_HEAD_MAX + 100];
	struct nfq_segment cut = { .l4 = IPPROTO_TCP, .seq = 0, .payload_len = 60000 };

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(take(1, 0, 0, ACK, "HTTP"), NFQ_NEW);
	assert_int_equal(take(1, 4, 0, ACK, text), NFQ_NEW);
	assert_int_equal(conn->side[1].len, QUEUE_HEAD_MAX);
	assert_true(conn->side[1].full);
	assert_int_equal(take(1, 4 + (uint32_t)strlen(text), 0, ACK, "more"), NFQ_NEW);
	assert_int_equal(conn->side[1].len, QUEUE_HEAD_MAX);
	assert_int_equal(take(1, 4 + (uint32_t)strlen(text), 0, ACK, "most"), NFQ_NOTHING); /* not kept: cannot be compared */
	/* A segment of many, of which the beginning was captured. */
	cut.payload = bytes_of("GET / HTTP/1.1", 14);
	assert_int_equal(nfq_conn_take(conn, 0, &cut), NFQ_NEW);
	head_is(0, "GET / HTTP/1.1");
	assert_true(conn->side[0].full);
	assert_int_equal(conn->side[0].next, 60000);
}

static void test_table(void **state)
{
	struct nfq_key k = { .l4 = IPPROTO_TCP, .port = { 1, 80 } };
	struct nfq_conn *c, *first = NULL;

	for (unsigned i = 0; i < NFQ_CONNS_MAX + 100; i++) {
		memcpy(k.addr[0], &i, sizeof(i));
		assert_null(nfq_conns_find(conns, &k));
		c = nfq_conns_add(conns, &k);
		assert_non_null(c);
		assert_ptr_equal(nfq_conns_find(conns, &k), c);
		first = first ? first : c;
	}
	assert_int_equal(nfq_conns_count(conns), NFQ_CONNS_MAX); /* the oldest made room */
	memset(k.addr, 0, sizeof(k.addr));
	assert_null(nfq_conns_find(conns, &k));
	/* Those that wait for an answer do not. */
	for (unsigned i = 100; i < NFQ_CONNS_MAX + 100; i++) {
		memcpy(k.addr[0], &i, sizeof(i));
		c = nfq_conns_find(conns, &k);
		assert_non_null(c);
		c->held_count = 1;
		nfq_conns_asked(conns, c, i);
	}
	k.ns = 3;
	assert_null(nfq_conns_add(conns, &k));
	/* Questions in their order; more than there are slots for: the earlier ones are not found, and are late. */
	c = nfq_conns_oldest_ask(conns);
	assert_int_equal(c->asked_ns, 100);
	assert_null(nfq_conns_by_ask(conns, c->ask_id));
	k.ns = 0;
	c = nfq_conns_find(conns, &k);
	assert_ptr_equal(nfq_conns_by_ask(conns, c->ask_id), c);
	nfq_conns_answered(conns, c);
	assert_null(nfq_conns_by_ask(conns, c->ask_id));
	nfq_conns_drop_ns(conns, 0);
	assert_int_equal(nfq_conns_count(conns), 0);
	assert_null(nfq_conns_oldest_ask(conns));
}

/* ---- what the inspector says --------------------------------------------------------------------------------------------- */
struct ask {
	struct msg_queue_ask head;
	char bytes[2 * QUEUE_HEAD_MAX];
};

static int answer(const char *allowed, const char *client, size_t client_len, const char *server, size_t server_len, bool datagram, char app[40])
{
	struct ask m = { .head = { .id = 7, .port = { 40000, 53 }, .len = { (uint16_t)client_len, (uint16_t)server_len }, .datagram = datagram, .count = 1 } };
	struct msg_queue_answer a;

	m.head.app[0] = queue_app_hash(allowed);
	memcpy(m.bytes, client, client_len);
	memcpy(m.bytes + client_len, server, server_len);
	if (!allowed_answer(&m, sizeof(m.head) + client_len + server_len, &a))
		return -1;
	assert_int_equal(a.id, 7);
	memcpy(app, a.app, 40);
	return a.what;
}
#define SAYS(allowed, client, server) answer(allowed, client, sizeof(client) - 1, server, sizeof(server) - 1, false, app)

static void test_answers(void **state)
{
	char app[40];

	assert_int_equal(SAYS("HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""), QUEUE_FITS);
	assert_int_equal(SAYS("HTTP", "GE", ""), QUEUE_MORE);
	assert_int_equal(SAYS("HTTP", "SSH-2.0-OpenSSH_9.2p1\r\n", ""), QUEUE_WRONG);
	assert_string_equal(app, "SSH");
	assert_int_equal(SAYS("HTTP", "", "SSH-2.0-OpenSSH_9.2p1\r\n"), QUEUE_WRONG); /* the server speaks first */
	assert_int_equal(SAYS("SSH", "", "SSH-2.0-OpenSSH_9.2p1\r\n"), QUEUE_FITS);
	assert_int_equal(SAYS("HTTP", "\x01\x02\x03\x04garbage of nobody", ""), QUEUE_WRONG);
	assert_int_equal(SAYS("HTTP", "S", ""), QUEUE_MORE); /* SEARCH, SUBSCRIBE */
	assert_int_equal(SAYS("HTTP2", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""), QUEUE_FITS); /* its kin: upgraded on the way */
	assert_int_equal(SAYS("TLS", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""), QUEUE_WRONG);
	assert_int_equal(SAYS("Skype", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""), QUEUE_CANNOT);
	assert_int_equal(SAYS("HTTP", "", ""), QUEUE_WRONG);
	assert_int_equal(SAYS("LDAP", "\x30\x0c\x02\x01\x01\x60", ""), QUEUE_CANNOT); /* a bind: only STARTTLS is known here */
	assert_int_equal(SAYS("FTP_CONTROL", "", "2"), QUEUE_MORE); /* its greeting begins as another's */
	assert_int_equal(answer("Syslog", "<13>Oct 11 22:14:15 a su: b", 27, "", 0, true, app), QUEUE_CANNOT); /* as datagrams it is nobody's */
	assert_int_equal(answer("DNS", "\x12\x34\x01\0\0\1\0\0\0\0\0\0\2db\4shop\0\0\1\0\1", 25, "", 0, true, app), QUEUE_FITS);
	assert_int_equal(answer("DNS", "GET / HTTP/1.1\r\n\r\n", 18, "", 0, true, app), QUEUE_WRONG);
}

/* ---- the other end of a refused connection -------------------------------------------------------------------------------------- */
static void test_reset(void **state)
{
	static const char *const ends[][2] = { { "::ffff:172.30.0.5", "::ffff:172.30.0.2" }, { "fd60::5", "fd60::2" } };

	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct nfq_reset r = { .sport = 40000, .dport = 7000, .seq = 0xfffffff0 };
		uint8_t buf[NFQ_RESET_BYTES];
		struct nfq_packet p = { .ethertype = v6 ? 0x86dd : 0x0800 };
		unsigned head = v6 ? 40 : 20, addr = v6 ? 8 : 12;
		struct nfq_segment s;
		uint32_t sum = IPPROTO_TCP + 20;
		size_t len;

		assert_int_equal(inet_pton(AF_INET6, ends[v6][0], r.src), 1);
		assert_int_equal(inet_pton(AF_INET6, ends[v6][1], r.dst), 1);
		len = nfq_reset_put(buf, &r);
		assert_int_equal(len, head + 20);
		p.data = bytes_of(buf, len);
		p.wire_len = (uint32_t)len;
		assert_true(nfq_segment_parse(&p, &s));
		assert_true(s.rst && !s.syn && !s.fin && !s.has_ack && !s.payload_len);
		assert_memory_equal(s.src, r.src, 16);
		assert_memory_equal(s.dst, r.dst, 16);
		assert_int_equal(s.sport, 40000);
		assert_int_equal(s.dport, 7000);
		assert_int_equal(s.seq, 0xfffffff0);
		for (size_t i = addr; i < len; i += 2) /* both addresses and all of TCP */
			sum += (uint32_t)buf[i] << 8 | buf[i + 1];
		assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	}
}

/* ---- the short cut in the kernel -------------------------------------------------------------------------------------------- */
static const struct {
	const char *app, *bytes;
	size_t len;
	bool server;
} firsts[] = {
#define FIRST(app, bytes) { app, bytes, sizeof(bytes) - 1, false }
#define FIRST_SERVER(app, bytes) { app, bytes, sizeof(bytes) - 1, true }
	FIRST("HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	FIRST("HTTP", "POST /index.php?a=b&c=%20d HTTP/1.0\r\n\r\n"),
	FIRST("HTTP", "DELETE /a HTTP/1.1\r\n"),
	FIRST("HTTP", "PATCH /a HTTP/1.1\r\nHost: b\r\n\r\n"),
	FIRST("HTTP", "HEAD /healthz HTTP/1.1\r\n"),
	FIRST("HTTP", "PUT /a HTTP/1.1\r\nHost: b\r\n\r\nbody"),
	FIRST("TLS", "\x16\3\1\2\0\1\0\1\xfc\3\3" "01234567890123456789012345678901"),
	FIRST("PostgreSQL", "\0\0\0\x08\x04\xd2\x16\x2f"),
	FIRST("PostgreSQL", "\0\0\0\x21\0\3\0\0user\0app\0database\0shop\0"),
	FIRST("Redis", "*1\r\n$4\r\nPING\r\n"),
	FIRST("Redis", "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"),
	FIRST("MongoDB", "\x40\0\0\0\1\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x2b\0\0\0\x10hello\0\1\0\0\0"),
	FIRST("SSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
	FIRST_SERVER("SSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
	FIRST_SERVER("MySQL", "\x4a\0\0\0\x0a" "8.0.36\0\1\0\0\0saltsalt\0\xff\xff\x21\2\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0saltsaltsalt\0mysql_native_password\0"),
};

static const char *first_name(uint32_t bits)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = { { FIRST_HTTP, "HTTP" }, { FIRST_TLS, "TLS" }, { FIRST_POSTGRESQL, "PostgreSQL" }, { FIRST_REDIS, "Redis" },
		      { FIRST_MONGODB, "MongoDB" }, { FIRST_SSH, "SSH" }, { FIRST_MYSQL, "MySQL" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].bit == bits)
			return names[i].name;
	return "";
}

/* What it says of these bytes the recogniser says, too. Whether it said anything. */
static bool first_agrees(const uint8_t *bytes, size_t len, bool server)
{
	uint8_t b[FIRST_BYTES_MAX] = { 0 };
	size_t n = len < sizeof(b) ? len : sizeof(b);
	char app[40];
	uint32_t is;

	memcpy(b, bytes, n);
	is = server ? first_of_server(b, (uint32_t)n) : first_of_client(b, (uint32_t)n);
	if (!is)
		return false;
	if (answer(first_name(is), server ? "" : (const char *)bytes, server ? 0 : len, server ? (const char *)bytes : "", server ? len : 0, false, app) !=
	    QUEUE_FITS)
		fail_msg("%s in the kernel is %s to the recogniser", first_name(is), app);
	return true;
}

static void test_first_bytes(void **state)
{
	unsigned said = 0, seed = 20261122;

	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		uint8_t b[FIRST_BYTES_MAX] = { 0 };

		memcpy(b, firsts[i].bytes, firsts[i].len);
		assert_string_equal(first_name(firsts[i].server ? first_of_server(b, (uint32_t)firsts[i].len) : first_of_client(b, (uint32_t)firsts[i].len)),
				    firsts[i].app);
		assert_true(first_agrees((const uint8_t *)firsts[i].bytes, firsts[i].len, firsts[i].server));
		for (size_t len = 1; len < firsts[i].len; len++)
			(void)first_agrees((const uint8_t *)firsts[i].bytes, len, firsts[i].server);
	}
	for (unsigned turn = 0; turn < (getenv("FULL") ? 20000000u : 300000u); turn++) {
		size_t i = (unsigned)rand_r(&seed) % ARRAY_SIZE(firsts), len = firsts[i].len;
		uint8_t b[FIRST_BYTES_MAX];

		memcpy(b, firsts[i].bytes, len);
		for (unsigned k = 1 + (unsigned)rand_r(&seed) % 3; k; k--) /* mostly in the head, where it matters */
			b[(unsigned)rand_r(&seed) % (rand_r(&seed) & 1 ? len : 12) % len] = (uint8_t)(rand_r(&seed) >> 4);
		if (!(rand_r(&seed) & 7))
			len = 1 + (unsigned)rand_r(&seed) % len;
		said += first_agrees(b, len, firsts[i].server);
	}
	assert_in_range(said, 1000, 20000000);
	/* what it does not say */
	assert_false(first_agrees((const uint8_t *)"GET /", 5, false));
	assert_false(first_agrees((const uint8_t *)"GET / RTSP/1.0\r\n", 16, false));
	assert_false(first_agrees((const uint8_t *)"SSH-2", 5, false));
}

static void test_malformed_questions(void **state)
{
	struct ask m = { .head = { .len = { 4, 0 } } };
	struct msg_queue_answer a;

	for (size_t n = 0; n < sizeof(m.head) + 4; n++)
		assert_false(allowed_answer(&m, n, &a));
	assert_true(allowed_answer(&m, sizeof(m.head) + 4, &a));
	assert_false(allowed_answer(&m, sizeof(m.head) + 5, &a));
	m.head.count = QUEUE_APPS_MAX + 1;
	assert_false(allowed_answer(&m, sizeof(m.head) + 4, &a));
	m.head.count = 0;
	m.head.len[1] = 0xffff;
	assert_false(allowed_answer(&m, sizeof(m), &a));
}

int main(void)
{
#define WITH_CONN(f) cmocka_unit_test_setup_teardown(f, conns_begin, conns_end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packet),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_odd_segments),
		cmocka_unit_test(test_verdict_bytes),
		cmocka_unit_test(test_state),
		WITH_CONN(test_in_order),
		WITH_CONN(test_moved_beginnings),
		WITH_CONN(test_fast_open),
		WITH_CONN(test_adopted),
		WITH_CONN(test_unseen_beginning),
		WITH_CONN(test_long),
		WITH_CONN(test_table),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_first_bytes),
		cmocka_unit_test(test_malformed_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
