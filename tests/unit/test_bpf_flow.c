/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows at container veths: exact counting, once, with the right ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "intel/indicator.h"
#include "sensor/core/listed.h"
#include "tests/unit/bpf_fixture.h"
#include "tests/unit/bpf_events.h"

#include <linux/if_packet.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define SKIP_UNLESS(f) \
	if (!(f))      \
	skip()

static int setup(void **state)
{
	fx = fixture_new();
	if (!fx)
		return 0;
	return fixture_net(fx) || fixture_loader_with(fx, 0, 0, getenv("BPF_NO_TCX") != NULL) || fixture_attach(fx);
}

static int teardown(void **state)
{
	fixture_free(fx);
	return 0;
}

/* The interface's own counters and ours say the same, since the hooks came with the interface. */
static void assert_raw_equal(int i)
{
	struct pg_if_stats s = if_stats_of(fx, fx->ns, fx->veth[i]);
	char path[80];
	unsigned long long v[4] = {};

	snprintf(path, sizeof(path), "%s/stats", fx->dir);
	assert_int_equal(run_in(fx->node, "ip -s -j link show dev veth%d | tr ',{}' '\\n' | "
				"sed -n 's/^\"\\(packets\\|bytes\\)\"://p' > %s", i, path), 0);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	/* rx bytes, rx packets, tx bytes, tx packets */
	assert_int_equal(fscanf(f, "%llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3]), 4);
	fclose(f);
	unlink(path);
	struct msg_hook h;
	assert_int_equal(bpf_loader_attach_link(fx->loader, fx->node, fx->ns, fx->veth[i], PG_IF_CONTAINER, 0, &h), 0);
	assert_int_equal(v[1], s.in_skbs + h.late_in_packets);
	assert_int_equal(v[0], s.in_raw_bytes + h.late_in_bytes);
	assert_int_equal(v[3], s.out_skbs + h.late_out_packets);
	assert_int_equal(v[2], s.out_raw_bytes + h.late_out_bytes);
}

static void udp_exact(struct end from, struct end to, unsigned l3)
{
	static const unsigned sizes[] = { 0, 1, 17, 500, 1400 };
	uint64_t want_bytes = 0, want_packets = 0;
	int dir, a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from), b = bound_socket(fx, fx->container[1], SOCK_DGRAM, to);
	struct flow_key k = key_of(fx->ns, IPPROTO_UDP, from, to, &dir);
	struct pg_flow fl;
	char buf[1500] = {};

	assert_true(a >= 0 && b >= 0);
	for (unsigned n = 0; n < 20; n++) {
		unsigned len = sizes[n % ARRAY_SIZE(sizes)];

		assert_int_equal(send_to(a, to, buf, len), 0);
		want_packets++;
		want_bytes += 14 + l3 + 8 + len;
		assert_true(readable(b, 1000));
		assert_int_equal(recv(b, buf, sizeof(buf), 0), len);
	}
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], want_packets);
	assert_int_equal(fl.bytes[dir], want_bytes);
	assert_int_equal(fl.packets[!dir], 0);
	assert_int_equal(fl.end_if[dir], fx->veth[0]);
	assert_int_equal(fl.end_if[!dir], 0);
	assert_int_equal(fl.flags & PG_FLOW_TWO_WAY, 0);
	assert_int_equal(!!(fl.flags & PG_FLOW_FIRST_DIR), dir);
	/* the answer */
	assert_int_equal(send_to(b, from, buf, 33), 0);
	assert_true(readable(a, 1000));
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[!dir], 1);
	assert_int_equal(fl.bytes[!dir], 14 + l3 + 8 + 33);
	assert_int_equal(fl.end_if[!dir], fx->veth[1]);
	assert_int_equal(fl.flags & PG_FLOW_TWO_WAY, PG_FLOW_TWO_WAY);
	close(a);
	close(b);
}

static void test_udp_exact_v4(void **state)
{
	SKIP_UNLESS(fx);
	udp_exact((struct end){ "10.77.0.2", 4000 }, (struct end){ "10.77.0.3", 4001 }, 20);
	udp_exact((struct end){ "10.77.0.2", 4003 }, (struct end){ "10.77.0.3", 4002 }, 20);
	assert_raw_equal(0);
	assert_raw_equal(1);
	assert_balance(fx);
}

/* ---- listed addresses ------------------------------------------------------------------------------------------------------ */
/* Puts a table of these into use; NULL: takes the table away. */
static void list_these(const char *const *texts, size_t count)
{
	int outer = bpf_loader_map_fd(fx->loader, "listed"), inner;
	struct listed_ranges r = { 0 };
	struct pg_listed_page *p;
	uint8_t first[16], last[16];
	uint32_t zero = 0, pages;

	if (!count) {
		assert_int_equal(bpf_map_delete_elem(outer, &zero), 0);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		assert_true(indicator_ip(texts[i], strlen(texts[i]), first, last));
		listed_add(&r, first, last);
	}
	assert_int_equal(listed_seal(&r), 0);
	pages = listed_pages(&r);
	inner = bpf_loader_listed(fx->loader, pages);
	assert_true(inner >= 0);
	p = mmap(NULL, (size_t)pages * PG_LISTED_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, inner, 0);
	assert_true(p != MAP_FAILED);
	listed_write(&r, p);
	munmap(p, (size_t)pages * PG_LISTED_PAGE);
	assert_int_equal(bpf_map_update_elem(outer, &zero, &inner, BPF_ANY), 0);
	close(inner);
	listed_done(&r);
}

/* One datagram between the two; its flow's flags. *ret_came: whether it arrived. */
static uint32_t sent_flags(struct end from, struct end to, bool *ret_came)
{
	int dir, a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from), b = bound_socket(fx, fx->container[1], SOCK_DGRAM, to);
	struct flow_key k = key_of(fx->ns, IPPROTO_UDP, from, to, &dir);
	struct pg_flow fl;

	assert_true(a >= 0 && b >= 0);
	assert_int_equal(send_to(a, to, "x", 1), 0);
	*ret_came = readable(b, 300);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 1);
	close(a);
	close(b);
	return fl.flags;
}

static void test_listed(void **state)
{
	static const char *const here[] = { "10.77.0.3", "fd77::/64", "198.51.100.0/24" }, *const near[] = { "10.77.0.4-10.77.0.255", "10.77.0.0-10.77.0.2",
													      "fd77::4", "fd77::2" };
	struct pg_if_key k;
	bool came;
	uint64_t until = UINT64_MAX;
	int drops;

	SKIP_UNLESS(fx);
	drops = bpf_loader_map_fd(fx->loader, "listed_drops");
	k = (struct pg_if_key){ .ifindex = fx->veth[0], .ns = fx->ns };
	assert_int_equal(sent_flags((struct end){ "10.77.0.2", 4101 }, (struct end){ "10.77.0.3", 4201 }, &came) & PG_FLOW_LISTED, 0);
	list_these(here, ARRAY_SIZE(here));
	assert_int_equal(sent_flags((struct end){ "10.77.0.2", 4102 }, (struct end){ "10.77.0.3", 4202 }, &came) & (PG_FLOW_LISTED | PG_FLOW_DROPPED),
			 PG_FLOW_LISTED);
	assert_true(came);
	assert_true(sent_flags((struct end){ "10.77.0.2", 4203 }, (struct end){ "10.77.0.3", 4103 }, &came) & PG_FLOW_LISTED);
	assert_true(sent_flags((struct end){ "fd77::2", 4104 }, (struct end){ "fd77::3", 4204 }, &came) & PG_FLOW_LISTED);
	assert_true(came);
	/* dropped, for as long as it was said */
	assert_int_equal(bpf_map_update_elem(drops, &k, &until, BPF_ANY), 0);
	assert_true(sent_flags((struct end){ "10.77.0.2", 4105 }, (struct end){ "10.77.0.3", 4205 }, &came) & PG_FLOW_DROPPED);
	assert_false(came);
	assert_true(sent_flags((struct end){ "fd77::2", 4106 }, (struct end){ "fd77::3", 4206 }, &came) & PG_FLOW_DROPPED);
	assert_false(came);
	until = 1;
	assert_int_equal(bpf_map_update_elem(drops, &k, &until, BPF_ANY), 0);
	assert_int_equal(sent_flags((struct end){ "10.77.0.2", 4107 }, (struct end){ "10.77.0.3", 4207 }, &came) & PG_FLOW_DROPPED, 0);
	assert_true(came);
	assert_int_equal(bpf_map_delete_elem(drops, &k), 0);
	/* another table in its place; none */
	list_these(near, ARRAY_SIZE(near));
	assert_int_equal(sent_flags((struct end){ "10.77.0.2", 4108 }, (struct end){ "10.77.0.3", 4208 }, &came) & PG_FLOW_LISTED, 0);
	assert_int_equal(sent_flags((struct end){ "fd77::2", 4109 }, (struct end){ "fd77::3", 4209 }, &came) & PG_FLOW_LISTED, 0);
	list_these(NULL, 0);
	assert_int_equal(sent_flags((struct end){ "10.77.0.2", 4110 }, (struct end){ "10.77.0.3", 4210 }, &came) & PG_FLOW_LISTED, 0);
	assert_balance(fx);
}

static void test_udp_exact_v6(void **state)
{
	SKIP_UNLESS(fx);
	udp_exact((struct end){ "fd77::2", 4000 }, (struct end){ "fd77::3", 4001 }, 40);
	assert_balance(fx);
}

static uint16_t local_port(int s)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	getsockname(s, (void *)&a, &len);
	return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port : ((struct sockaddr_in6 *)&a)->sin6_port);
}

/* Sends much with GSO; compares with what TCP itself says it sent: tcpi_segs_out packets, tcpi_bytes_sent payload. Every
 * segment has 32 bytes of TCP header (timestamps), the SYN 40. */
static void tcp_exact(struct end to, const char *from_addr, unsigned l3)
{
	int l = bound_socket(fx, fx->container[1], SOCK_STREAM, to), c, s, dir;
	struct tcp_info ic = {}, is = {};
	socklen_t len = sizeof(ic);
	size_t total = 3 << 20, got = 0, sent = 0;
	static char buf[1 << 16];
	struct flow_key k;
	struct pg_flow fl;

	assert_int_equal(listen(l, 1), 0);
	c = socket_in(fx, fx->container[0], strchr(to.addr, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect_to(c, to), 0);
	s = accept(l, NULL, NULL);
	assert_true(s >= 0);
	while (got < total) {
		ssize_t n;

		if (sent < total) {
			n = send(c, buf, total - sent < sizeof(buf) ? total - sent : sizeof(buf), MSG_DONTWAIT);
			if (n > 0)
				sent += (size_t)n;
		}
		n = recv(s, buf, sizeof(buf), sent < total ? MSG_DONTWAIT : 0);
		if (n > 0)
			got += (size_t)n;
	}
	usleep(100000); /* delayed ACKs */
	assert_int_equal(getsockopt(c, IPPROTO_TCP, TCP_INFO, &ic, &len), 0);
	len = sizeof(is);
	assert_int_equal(getsockopt(s, IPPROTO_TCP, TCP_INFO, &is, &len), 0);
	k = key_of(fx->ns, IPPROTO_TCP, (struct end){ from_addr, local_port(c) }, to, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], ic.tcpi_segs_out);
	assert_int_equal(fl.bytes[dir], total + (uint64_t)ic.tcpi_segs_out * (14 + l3 + 32) + 8);
	/* the listener's SYN-ACK is not in the accepted socket's count */
	assert_in_range(fl.packets[!dir], is.tcpi_segs_out, is.tcpi_segs_out + 1);
	assert_int_equal(fl.bytes[!dir], fl.packets[!dir] * (14 + l3 + 32) + 8);
	assert_int_equal(fl.flags & (PG_FLOW_SYN_SEEN | PG_FLOW_TWO_WAY | PG_FLOW_MIDSTREAM), PG_FLOW_SYN_SEEN | PG_FLOW_TWO_WAY);
	assert_int_equal(!!(fl.flags & PG_FLOW_SYN_DIR), dir);
	assert_int_equal(fl.tcp_flags[dir] & 0x17, 0x12);
	assert_int_equal(fl.end_if[dir], fx->veth[0]);
	assert_int_equal(fl.end_if[!dir], fx->veth[1]);
	close(c);
	close(s);
	close(l);
}

static void test_tcp_exact(void **state)
{
	SKIP_UNLESS(fx);
	tcp_exact((struct end){ "10.77.0.3", 80 }, "10.77.0.2", 20);
	tcp_exact((struct end){ "fd77::3", 80 }, "fd77::2", 40);
	assert_raw_equal(0);
	assert_raw_equal(1);
	assert_balance(fx);
}

static bool is_echo(const struct flow_key *k, const struct pg_flow *v)
{
	return (k->proto == IPPROTO_ICMP || (k->proto == IPPROTO_ICMPV6 && k->addr[1][0] == 0xfd && k->port[0] && v->packets[0] == 3)) &&
	       v->packets[0] == 3 && v->packets[1] == 3;
}

static void test_icmp_echo(void **state)
{
	SKIP_UNLESS(fx);
	flows_clear(fx);
	assert_int_equal(run_in(fx->container[0], "ping -q -c 3 -i 0.05 10.77.0.3 >/dev/null; "
				"ping -q -c 3 -i 0.05 fd77::3 > /dev/null"), 0);
	assert_int_equal(flows_count(fx, is_echo), 2);
	assert_balance(fx);
}

/* To and from the node: counted at the container's veth, once. */
static void test_node_peer(void **state)
{
	struct end node = { "10.77.0.1", 5000 }, c = { "10.77.0.2", 5001 };
	struct flow_key k;
	struct pg_flow fl;
	char buf[64] = {};
	int dir, a, b;

	SKIP_UNLESS(fx);
	k = key_of(fx->ns, IPPROTO_UDP, node, c, &dir);
	a = bound_socket(fx, fx->node, SOCK_DGRAM, node);
	b = bound_socket(fx, fx->container[0], SOCK_DGRAM, c);
	for (int i = 0; i < 5; i++)
		assert_int_equal(send_to(a, c, buf, 10), 0);
	assert_int_equal(send_to(b, node, buf, 20), 0);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 5);
	assert_int_equal(fl.bytes[dir], 5 * (14 + 28 + 10));
	assert_int_equal(fl.packets[!dir], 1);
	assert_int_equal(fl.end_if[dir], 0);
	assert_int_equal(fl.end_if[!dir], fx->veth[0]);
	assert_int_equal(fl.via_if[dir], 0);
	close(a);
	close(b);
	assert_balance(fx);
}

static void test_fragments(void **state)
{
	struct end from = { "10.77.0.2", 6000 }, to = { "10.77.0.3", 6001 };
	struct end from6 = { "fd77::2", 6000 }, to6 = { "fd77::3", 6001 };
	static char buf[4000];
	struct flow_key k;
	struct pg_flow fl;
	int dir, a, b;

	SKIP_UNLESS(fx);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from);
	b = bound_socket(fx, fx->container[1], SOCK_DGRAM, to);
	assert_int_equal(send_to(a, to, buf, sizeof(buf)), 0);
	assert_true(readable(b, 1000));
	k = key_of(fx->ns, IPPROTO_UDP, from, to, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 3);
	assert_int_equal(fl.bytes[dir], 4000 + 8 + 3 * 34);
	assert_int_equal(fl.flags & PG_FLOW_FRAGMENTS, PG_FLOW_FRAGMENTS);
	close(a);
	close(b);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from6);
	b = bound_socket(fx, fx->container[1], SOCK_DGRAM, to6);
	assert_int_equal(send_to(a, to6, buf, sizeof(buf)), 0);
	assert_true(readable(b, 1000));
	k = key_of(fx->ns, IPPROTO_UDP, from6, to6, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 3);
	assert_int_equal(fl.bytes[dir], 4000 + 8 + 3 * (14 + 40 + 8));
	close(a);
	close(b);
	assert_raw_equal(0);
	assert_balance(fx);
}

/* An Ethernet frame sent as it is by container 0, from its own MAC to container 1's. */
static void frame_send(const uint8_t *payload, size_t len, uint16_t ethertype)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = 6, .sll_protocol = htons(ethertype) };
	struct ifreq ifr = { .ifr_name = "eth0" };
	uint8_t frame[2000];
	int s = socket_in(fx, fx->container[0], AF_PACKET, SOCK_RAW, 0), peer = socket_in(fx, fx->container[1], AF_INET, SOCK_DGRAM, 0);

	assert_true(s >= 0 && peer >= 0 && len + 14 <= sizeof(frame));
	to.sll_ifindex = (int)index_in(fx, fx->container[0], "eth0");
	assert_int_equal(ioctl(peer, SIOCGIFHWADDR, &ifr), 0);
	memcpy(frame, ifr.ifr_hwaddr.sa_data, 6);
	assert_int_equal(ioctl(s, SIOCGIFHWADDR, &ifr), 0);
	memcpy(frame + 6, ifr.ifr_hwaddr.sa_data, 6);
	frame[12] = (uint8_t)(ethertype >> 8);
	frame[13] = (uint8_t)ethertype;
	memcpy(frame + 14, payload, len);
	assert_int_equal(sendto(s, frame, len + 14, 0, (void *)&to, sizeof(to)), (int)len + 14);
	close(s);
	close(peer);
}

/* 10.77.0.2:6000 -> 10.77.0.3:6001, 10 bytes of payload, after up to two further tags */
static const uint8_t ip_udp[] = {
	0x45, 0, 0, 38, 0, 1, 0, 0, 64, 17, 0, 0, 10, 77, 0, 2, 10, 77, 0, 3,
	0x17, 0x70, 0x17, 0x71, 0, 18, 0, 0, 'p', 'i', 'e', 'r', 'g', 'l', 'a', 's', 's', '!',
};

static void test_vlan(void **state)
{
	struct end from = { "10.77.0.2", 6000 }, to = { "10.77.0.3", 6001 };
	struct flow_key k;
	struct pg_flow before, fl;
	uint8_t p[64];
	int dir;

	SKIP_UNLESS(fx);
	k = key_of(fx->ns, IPPROTO_UDP, from, to, &dir);
	flows_clear(fx);
	frame_send(ip_udp, sizeof(ip_udp), 0x0800);
	assert_true(flow_get(fx, &k, &before));
	assert_int_equal(before.bytes[dir], 14 + sizeof(ip_udp));
	memcpy(p, "\0\5\x08\0", 4);
	memcpy(p + 4, ip_udp, sizeof(ip_udp));
	frame_send(p, 4 + sizeof(ip_udp), 0x8100);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 2);
	assert_int_equal(fl.bytes[dir], before.bytes[dir] + 18 + sizeof(ip_udp));
	before = fl;
	memcpy(p, "\0\5\x81\0\0\6\x08\0", 8);
	memcpy(p + 8, ip_udp, sizeof(ip_udp));
	frame_send(p, 8 + sizeof(ip_udp), 0x88a8);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 3);
	assert_int_equal(fl.bytes[dir], before.bytes[dir] + 22 + sizeof(ip_udp));
	assert_balance(fx);
}

static bool is_v4(const struct flow_key *k, const struct pg_flow *v)
{
	return k->addr[0][10] == 0xff && k->addr[0][11] == 0xff;
}

/* Hostile frames: never a flow that is not there, always in the balance. */
static void test_malformed(void **state)
{
	uint64_t malformed, not_ip;
	uint8_t p[64];

	SKIP_UNLESS(fx);
	malformed = counter(fx, PG_CTR_MALFORMED);
	not_ip = counter(fx, PG_CTR_NOT_IP);
	memcpy(p, ip_udp, sizeof(ip_udp));
	flows_clear(fx);
	frame_send(p, 10, 0x0800);          /* cut in the IP header */
	frame_send(p, 25, 0x0800);          /* tot_len beyond the end */
	p[0] = 0x44;
	frame_send(p, sizeof(ip_udp), 0x0800); /* ihl 16 */
	p[0] = 0x4f;
	frame_send(p, sizeof(ip_udp), 0x0800); /* ihl 60 > tot_len */
	p[0] = 0x65;
	frame_send(p, sizeof(ip_udp), 0x0800); /* version 6 under IPv4's ethertype */
	memcpy(p, ip_udp, sizeof(ip_udp));
	p[3] = 24;
	frame_send(p, sizeof(ip_udp), 0x0800); /* UDP header cut by tot_len */
	p[3] = 38;
	p[9] = IPPROTO_TCP;
	frame_send(p, sizeof(ip_udp), 0x0800); /* TCP header cut */
	frame_send(p, sizeof(ip_udp), 0x86dd); /* not IPv6 */
	assert_int_equal(counter(fx, PG_CTR_MALFORMED) - malformed, 8);
	frame_send(p, sizeof(ip_udp), 0x88cc); /* LLDP */
	assert_int_equal(counter(fx, PG_CTR_NOT_IP) - not_ip, 1);
	assert_int_equal(flows_count(fx, is_v4), 0);
	assert_balance(fx);
}

/* container 2 sends with container 0's address: an entry of its own, with the claimant's interface. */
static void test_spoofed_source(void **state)
{
	struct end from = { "10.77.0.2", 7000 }, to = { "10.77.0.3", 7001 };
	struct flow_key k;
	struct pg_flow fl;
	char buf[8] = {};
	int dir, a, b, c;

	SKIP_UNLESS(fx);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, from);
	b = bound_socket(fx, fx->container[1], SOCK_DGRAM, to);
	assert_int_equal(send_to(a, to, buf, 8), 0);
	assert_int_equal(run_in(fx->container[2], "ip addr add 10.77.0.2/32 dev lo"), 0);
	c = bound_socket(fx, fx->container[2], SOCK_DGRAM, from);
	assert_int_equal(send_to(c, to, buf, 8), 0);
	assert_int_equal(send_to(c, to, buf, 8), 0);
	k = key_of(fx->ns, IPPROTO_UDP, from, to, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 1);
	assert_int_equal(fl.end_if[dir], fx->veth[0]);
	k.claimant_if = fx->veth[2];
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 2);
	assert_int_equal(fl.flags & PG_FLOW_CLAIMED, PG_FLOW_CLAIMED);
	assert_int_equal(fl.end_if[dir], fx->veth[2]);
	close(a);
	close(b);
	close(c);
	assert_int_equal(run_in(fx->container[2], "ip addr del 10.77.0.2/32 dev lo"), 0);
	assert_balance(fx);
}

/* What the bridge floods makes no flow at those it is not for: broadcast from the node, and a unicast frame for a MAC that
 * its table does not know. */
static void test_flooded(void **state)
{
	struct end node = { "10.77.0.1", 5100 }, bcast = { "10.77.0.255", 5101 }, c0 = { "10.77.0.2", 5102 };
	struct flow_key k;
	struct pg_flow fl;
	int dir, a, one = 1;

	SKIP_UNLESS(fx);
	a = bound_socket(fx, fx->node, SOCK_DGRAM, node);
	setsockopt(a, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
	assert_int_equal(send_to(a, bcast, "x", 1), 0);
	k = key_of(fx->ns, IPPROTO_UDP, node, bcast, &dir);
	assert_false(flow_get(fx, &k, &fl));
	a = close(a) ? -1 : bound_socket(fx, fx->node, SOCK_DGRAM, node);
	assert_int_equal(run_in(fx->node, "ping -q -c 1 10.77.0.2 >/dev/null; ping -q -c 1 10.77.0.3 >/dev/null; "
				"ping -q -c 1 10.77.0.4 >/dev/null; ip neigh change 10.77.0.2 dev br0 nud permanent lladdr "
				"$(ip neigh show 10.77.0.2 dev br0 | sed 's/.*lladdr \\([0-9a-f:]*\\).*/\\1/'); "
				"bridge fdb flush dev veth0 2>/dev/null || ip link set veth0 type bridge_slave fdb_flush"), 0);
	assert_int_equal(send_to(a, c0, "x", 1), 0);
	k = key_of(fx->ns, IPPROTO_UDP, node, c0, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 1);
	assert_int_equal(fl.end_if[!dir], fx->veth[0]);
	close(a);
	assert_balance(fx);
}

static bool is_far(const struct pg_event *e, const char *text, void *arg)
{
	const uint8_t *prefix = arg;

	return !memcmp(e->addr, prefix, 15) && e->addr[15] > 100;
}

/* A container that looks for many neighbours which are not there: each but the first few is told, once. */
static void test_neighbours_asked_for(void **state)
{
	uint8_t v4[16] = { [10] = 0xff, 0xff, 10, 77, 0 }, v6[16] = { 0xfd, 0x77 };
	struct wanted w = { .type = PG_EV_ARP, .is = is_far, .arg = v4 };

	SKIP_UNLESS(fx);
	events_drop();
	run_in(fx->container[0], "for i in 101 102 103 104 105 106 107 108 109 110; do ping -q -c 1 -W 1 10.77.0.$i >/dev/null & done; wait");
	assert_true(events_wait(&w) > 0);
	assert_int_equal(w.event.cookie, (uint64_t)fx->ns << 32 | fx->veth[0]);
	assert_int_equal(w.event.cgroup, 0);
	assert_int_equal(w.event.text_len, 0);
	w.arg = v6;
	run_in(fx->container[1], "for i in a1 a2 a3 a4 a5 a6 a7 a8 a9 aa; do ping -q -c 1 -W 1 fd77::$i >/dev/null & done; wait");
	assert_true(events_wait(&w) > 0);
	assert_int_equal(w.event.cookie, (uint64_t)fx->ns << 32 | fx->veth[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_udp_exact_v4), cmocka_unit_test(test_udp_exact_v6), cmocka_unit_test(test_tcp_exact),
		cmocka_unit_test(test_icmp_echo),    cmocka_unit_test(test_node_peer),	  cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_vlan),	     cmocka_unit_test(test_spoofed_source), cmocka_unit_test(test_flooded),
		cmocka_unit_test(test_malformed),    cmocka_unit_test(test_neighbours_asked_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
