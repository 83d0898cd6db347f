/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/ndpi_engine.h"

#include <arpa/inet.h>
#include <ndpi/ndpi_api.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "appid/text.h"

#define HOSTS_SAID 64
#define ADDRESSES_SAID 256
#define HOST_SAID_LEN 64 /* longer ones are not remembered */
#define L3_MAX 4500 /* bytes of a packet that is made for nDPI */

struct ndpi_engine {
	struct ndpi_detection_module_struct *mod;
	struct ndpi_flow_struct *flow; /* one for all: cleared before each question */
	uint8_t packet[L3_MAX];
	/* What was last said of a host's name: the same few are asked about again and again. */
	struct host_said {
		char host[HOST_SAID_LEN], app[32];
	} hosts[HOSTS_SAID];
	/* The same of a server's address; id NDPI_PROTOCOL_UNKNOWN: none. */
	struct address_said {
		uint32_t addr;
		uint16_t id;
	} addresses[ADDRESSES_SAID];
};

struct ndpi_engine *ndpi_engine_new(void)
{
	struct ndpi_engine *e = calloc(1, sizeof(*e));
	NDPI_PROTOCOL_BITMASK all;

	/* The flow is a plain struct, so a library with another layout must not be used. */
	if (!e || ndpi_get_api_version() != NDPI_API_VERSION ||
	    ndpi_detection_get_sizeof_ndpi_flow_struct() != sizeof(struct ndpi_flow_struct)) {
		free(e);
		return NULL;
	}
	e->mod = ndpi_init_detection_module(ndpi_dont_load_tor_hosts);
	e->flow = ndpi_flow_malloc(sizeof(*e->flow));
	if (!e->mod || !e->flow) {
		ndpi_engine_free(e);
		return NULL;
	}
	memset(e->flow, 0, sizeof(*e->flow));
	NDPI_BITMASK_SET_ALL(all);
	ndpi_set_protocol_detection_bitmask2(e->mod, &all);
	ndpi_finalize_initialization(e->mod);
	return e;
}

void ndpi_engine_free(struct ndpi_engine *e)
{
	if (!e)
		return;
	if (e->flow)
		ndpi_free_flow(e->flow); /* with what hangs on it */
	if (e->mod)
		ndpi_exit_detection_module(e->mod);
	free(e);
}

static bool key_is_v4(const struct flow_key *key)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(key->addr[0], mapped, 12) && !memcmp(key->addr[1], mapped, 12);
}

static size_t put_l3(uint8_t *p, const struct flow_key *key, unsigned dir, size_t l4_len)
{
	if (key_is_v4(key)) {
		struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = key->proto };

		ip.tot_len = htons((uint16_t)(sizeof(ip) + l4_len));
		memcpy(&ip.saddr, key->addr[dir] + 12, 4);
		memcpy(&ip.daddr, key->addr[!dir] + 12, 4);
		memcpy(p, &ip, sizeof(ip));
		return sizeof(ip);
	} else {
		struct ip6_hdr ip = { 0 };

		ip.ip6_flow = htonl(6u << 28);
		ip.ip6_plen = htons((uint16_t)l4_len);
		ip.ip6_nxt = key->proto;
		ip.ip6_hlim = 64;
		memcpy(&ip.ip6_src, key->addr[dir], 16);
		memcpy(&ip.ip6_dst, key->addr[!dir], 16);
		memcpy(p, &ip, sizeof(ip));
		return sizeof(ip);
	}
}

/* Makes the packet that would have carried this turn. seq: next sequence numbers of both directions, advanced here. */
static size_t put_packet(uint8_t *p, const struct flow_key *key, const struct ndpi_turn *t, bool padded, uint32_t seq[2])
{
	size_t have = bytes_left(&t->data), len = have, n;

	if (padded && t->wire_len > len)
		len = t->wire_len < L3_MAX - 60 ? t->wire_len : L3_MAX - 60;
	if (key->proto == IPPROTO_TCP) {
		struct tcphdr tcp = { .source = key->port[t->dir], .dest = key->port[!t->dir] };

		tcp.seq = htonl(seq[t->dir]);
		tcp.ack_seq = htonl(seq[!t->dir]);
		tcp.doff = 5;
		tcp.ack = 1;
		tcp.psh = 1;
		tcp.window = htons(65535);
		seq[t->dir] += (uint32_t)len;
		n = put_l3(p, key, t->dir, sizeof(tcp) + len);
		memcpy(p + n, &tcp, sizeof(tcp));
		n += sizeof(tcp);
	} else {
		struct udphdr udp = { .source = key->port[t->dir], .dest = key->port[!t->dir] };

		udp.len = htons((uint16_t)(sizeof(udp) + len));
		n = put_l3(p, key, t->dir, sizeof(udp) + len);
		memcpy(p + n, &udp, sizeof(udp));
		n += sizeof(udp);
	}
	memcpy(p + n, t->data.p, have);
	memset(p + n + have, 0, len - have);
	return n + len;
}

static void name_of(struct ndpi_engine *e, ndpi_protocol proto, char *ret, size_t size)
{
	char name[80] = "";

	ndpi_protocol2name(e->mod, proto, name, sizeof(name));
	text_sanitise(ret, size, name, strlen(name));
}

static void read_answer(struct ndpi_engine *e, ndpi_protocol proto, struct ndpi_answer *ret)
{
	const struct ndpi_flow_struct *f = e->flow;

	if (proto.app_protocol == NDPI_PROTOCOL_UNKNOWN && proto.master_protocol == NDPI_PROTOCOL_UNKNOWN)
		return;
	switch (f->confidence) {
	case NDPI_CONFIDENCE_DPI:
		ret->sure = NDPI_SURE_DPI;
		/* nDPI takes nearly anything on their ports; what is a message, our own reader has said before. */
		if (proto.app_protocol == NDPI_PROTOCOL_MDNS || proto.app_protocol == NDPI_PROTOCOL_LLMNR)
			ret->sure = NDPI_SURE_PARTIAL;
		break;
	case NDPI_CONFIDENCE_DPI_CACHE: /* said of an earlier flow of the same peers */
		ret->sure = NDPI_SURE_PARTIAL;
		break;
	default: /* by port or address: no identification */
		return;
	}
	name_of(e, proto, ret->app, sizeof(ret->app));
	text_sanitise(ret->host, sizeof(ret->host), f->host_server_name,
		      strnlen(f->host_server_name, sizeof(f->host_server_name)));
}

/* Z39.50's messages are context-specific, constructed tags (ANSI Z39.50 4.1.1: [20] and up); nDPI leaves out the class and
 * takes records of TLS for it. */
static bool may_be_z3950(const struct ndpi_turn *turns, unsigned count)
{
	return count && bytes_left(&turns[0].data) && (turns[0].data.p[0] & 0xe0) == 0xa0;
}

static void ask(struct ndpi_engine *e, const struct flow_key *key, const struct ndpi_turn *turns, unsigned count, bool last,
		bool padded, struct ndpi_answer *ret)
{
	uint32_t seq[2] = { 1000, 5000 };
	ndpi_protocol proto = { 0 };
	bool known = false;

	memset(ret, 0, sizeof(*ret));
	ret->server_end = 2;
	ndpi_free_flow_data(e->flow);
	memset(e->flow, 0, sizeof(*e->flow));
	/* Takes nearly any small binary message; recog_binary.c knows better. */
	NDPI_ADD_PROTOCOL_TO_BITMASK(e->flow->excluded_protocol_bitmask, NDPI_PROTOCOL_CASSANDRA);
	if (!may_be_z3950(turns, count))
		NDPI_ADD_PROTOCOL_TO_BITMASK(e->flow->excluded_protocol_bitmask, NDPI_PROTOCOL_Z3950);
	for (unsigned i = 0; i < count; i++) {
		size_t n;

		if (bytes_left(&turns[i].data) > L3_MAX - 60 || !bytes_left(&turns[i].data))
			continue;
		n = put_packet(e->packet, key, &turns[i], padded, seq);
		proto = ndpi_detection_process_packet(e->mod, e->flow, e->packet, (uint16_t)n, 1000 + i);
		known = proto.app_protocol != NDPI_PROTOCOL_UNKNOWN;
		if (known && !e->flow->check_extra_packets)
			break;
	}
	if (!known && last) {
		uint8_t guessed = 0;

		proto = ndpi_detection_giveup(e->mod, e->flow, 0, &guessed);
	}
	read_answer(e, proto, ret);
	ret->settled = known && !e->flow->check_extra_packets;
}

void ndpi_engine_ask(struct ndpi_engine *e, const struct flow_key *key, const struct ndpi_turn *turns, unsigned count, bool last,
		     struct ndpi_answer *ret)
{
	bool cut = false;

	for (unsigned i = 0; i < count; i++)
		cut |= turns[i].wire_len > bytes_left(&turns[i].data);
	/* Binary protocols hold the length in the packet against the packet's; text does not like zeros at its end. */
	ask(e, key, turns, count, last, true, ret);
	if (ret->sure == NDPI_SURE_NO && cut)
		ask(e, key, turns, count, last, false, ret);
}

bool ndpi_engine_guess_port(struct ndpi_engine *e, const struct flow_key *key, char *ret, size_t size)
{
	uint8_t user_defined = 0;
	uint16_t id = ndpi_guess_protocol_id(e->mod, e->flow, key->proto, ntohs(key->port[0]), ntohs(key->port[1]), &user_defined);
	const char *name;

	if (id == NDPI_PROTOCOL_UNKNOWN)
		return false;
	name = ndpi_get_proto_name(e->mod, id);
	if (!name)
		return false;
	text_sanitise(ret, size, name, strlen(name));
	return true;
}

bool ndpi_engine_address_app(struct ndpi_engine *e, const uint8_t addr[16], char *ret, size_t size)
{
	struct address_said *said;
	struct in_addr a;
	const char *name;

	memcpy(&a, addr + 12, 4);
	if (a.s_addr == 0 || addr[10] != 0xff || addr[11] != 0xff)
		return false;
	said = &e->addresses[a.s_addr * 0x9e3779b1u >> 24];
	if (said->addr != a.s_addr)
		*said = (struct address_said){ a.s_addr, ndpi_network_ptree_match(e->mod, &a) };
	if (said->id == NDPI_PROTOCOL_UNKNOWN)
		return false;
	name = ndpi_get_proto_name(e->mod, said->id);
	if (!name || !strcmp(name, "Unknown"))
		return false;
	text_sanitise(ret, size, name, strlen(name));
	return true;
}

static bool host_app(struct ndpi_engine *e, const char *host, size_t len, char *ret, size_t size)
{
	ndpi_protocol_match_result match = { 0 };
	char copy[256];
	const char *name;
	int id;

	if (!len || len >= sizeof(copy))
		return false;
	memcpy(copy, host, len + 1);
	id = ndpi_match_string_subprotocol(e->mod, copy, (unsigned)len, &match);
	if (id <= NDPI_PROTOCOL_UNKNOWN)
		return false;
	name = ndpi_get_proto_name(e->mod, (uint16_t)id);
	if (!name || !strcmp(name, "Unknown"))
		return false;
	text_sanitise(ret, size, name, strlen(name));
	return true;
}

bool ndpi_engine_host_app(struct ndpi_engine *e, const char *host, char *ret, size_t size)
{
	size_t len = strlen(host);
	struct host_said *s = &e->hosts[XXH3_64bits(host, len) % HOSTS_SAID];

	if (!len || len >= sizeof(s->host))
		return host_app(e, host, len, ret, size);
	if (strcmp(s->host, host)) {
		memcpy(s->host, host, len + 1);
		if (!host_app(e, host, len, s->app, sizeof(s->app)))
			s->app[0] = '\0';
	}
	if (!s->app[0])
		return false;
	text_sanitise(ret, size, s->app, strlen(s->app));
	return true;
}
