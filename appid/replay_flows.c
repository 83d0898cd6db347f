/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/replay_flows.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appid/inspector.h"
#include "appid/ndpi_engine.h"
#include "appid/replay_frags.h"
#include "appid/replay_label.h"
#include "appid/stream_head.h"
#include "base/clock.h"
#include "base/strpool.h"
#include "flows/flow_table.h"

enum {
	DOMAINS_MAX = 65535,      /* VLANs and VNIs told apart; flow_key.ns is 16 bits wide */
	DOMAIN_SLOTS = 1 << 17,
	FLUSH_AT = 64,            /* flows whose labels wait */
	TICK_EVERY = 64,          /* samples, or: */
	TICK_NS = 5000000,        /* the inspector judges what it has when capture time goes on, as it does live: */
	FLUSH_NS = 50000,         /* segments further apart than this are not one batch */
	INSPECTED_FLOWS = 16384,  /* at a time; the oldest is decided when there are more */
	INSPECTED_BYTES = 24 << 20,
	/* The inspector's patience is made for a kernel that goes on sending: 10 s, then a flow is given up. Here waiting costs
	 * nothing, so its clock runs slower than the capture's. */
	SLOWER = 64,
	SAMPLED_BYTES = STREAM_HEAD_WINDOW, /* of a direction */
	TINY_BYTES = 4096,        /* a budget of packets is not spent before so many bytes of both directions were seen, */
	TINY_TIMES = 100,         /* or so many times the packets */
	TH_FIN = 1, TH_SYN = 2, TH_RST = 4, TH_ACK = 16,
};
/* flow.state: how far a flow is. STARTS_0 << d: the SYN of direction d was seen, end_if[d] is the sequence number of its first
 * byte; BEGUN_0 << d: that byte was handed to the inspector; ACKED_0 << d: the other end has it, captured or not.
 * flow.owner[d]: bytes of direction d that were handed over. */
enum { STATE_DONE = 1, STATE_STARTS_0 = 2, STATE_BEGUN_0 = 8, STATE_ACKED_0 = 32 };

struct domain {
	uint32_t vni;
	uint8_t has_vni, vlan_count;
	uint16_t vlan[2];
};

struct replay {
	struct replay_options opt;
	struct flow_table *table;
	struct ndpi_engine *engine;
	struct inspector *insp;
	struct replay_frags *frags;
	struct domain *domains;
	uint16_t *domain_slots; /* index + 1; 0: free */
	unsigned domain_count, domain_last;
	unsigned samples;
	uint64_t clock_ns;      /* the latest time seen */
	uint64_t ticked_ns, flushed_ns;
	struct replay_stats stats;
	char app[40];           /* of the row given out */
	struct strpool *strings; /* facts: many flows say the same */
	struct flow *said;      /* the flow that was last spoken of */
};

const char *replay_skip_name(enum replay_skip s)
{
	switch (s) {
	case REPLAY_SKIP_NOT_IP:
		return "not IP";
	case REPLAY_SKIP_CUT:
		return "cut by the snap length";
	case REPLAY_SKIP_MALFORMED:
		return "malformed";
	case REPLAY_SKIP_LINK_TYPE:
		return "unsupported link type";
	case REPLAY_SKIP_NO_FIRST:
		return "fragments without their first";
	case REPLAY_SKIP_FLOWS_FULL:
		return "too many flows";
	case REPLAY_SKIP_MAX:
		break;
	}
	return "unknown";
}

/* ---- networks told apart: VLAN and VNI -> a number for flow_key.ns --------------------------------------------- */
static bool domain_is(const struct domain *d, const struct domain *other)
{
	return !memcmp(d, other, sizeof(*d));
}

static uint16_t domain_number(struct replay *r, const struct replay_packet *p)
{
	struct domain d = { .vni = p->has_vni ? p->vni : 0, .has_vni = p->has_vni, .vlan_count = p->vlan_count };
	uint64_t h;

	for (unsigned i = 0; i < p->vlan_count; i++)
		d.vlan[i] = p->vlan[i];
	if (r->domain_count && domain_is(&r->domains[r->domain_last], &d))
		return (uint16_t)(r->domain_last + 1);
	h = (((uint64_t)d.vni << 26 | (uint64_t)d.vlan[0] << 14 | (uint64_t)d.vlan[1] << 2 | d.vlan_count) ^ (uint64_t)d.has_vni << 60) *
	    0x9e3779b97f4a7c15ULL >> (64 - 17);
	for (unsigned i = 0; i < DOMAIN_SLOTS; i++, h = (h + 1) % DOMAIN_SLOTS) {
		unsigned n = r->domain_slots[h];

		if (n && !domain_is(&r->domains[n - 1], &d))
			continue;
		if (!n && r->domain_count == DOMAINS_MAX)
			break;
		if (!n) {
			r->domains[r->domain_count] = d;
			n = r->domain_slots[h] = (uint16_t)++r->domain_count;
		}
		r->domain_last = n - 1;
		return (uint16_t)n;
	}
	return DOMAINS_MAX; /* the last one also stands for all that have no number */
}

/* ---- labels ---------------------------------------------------------------------------------------------------- */
/* Facts come before the label of the same flow, and that often while one of its packets is looked at. */
static struct flow *flow_spoken_of(struct replay *r, const struct flow_key *key)
{
	if (!r->said || memcmp(&r->said->key, key, sizeof(*key)))
		r->said = flow_table_find(r->table, key);
	return r->said;
}

static void on_label(const struct msg_label *l, void *arg)
{
	struct replay *r = arg;
	struct flow *f = flow_spoken_of(r, &l->key);

	if (!f)
		return;
	f->edge = replay_label_merge(f->edge, l);
	if (l->final && l->confidence >= LABEL_OWN)
		f->state |= STATE_DONE;
}

static void on_facts(const struct flow_key *key, const char *text, size_t len, void *arg)
{
	struct replay *r = arg;
	struct flow *f = flow_spoken_of(r, key);

	if (f)
		f->edge = replay_label_facts(f->edge, r->strings, text);
}

static void on_dns(const struct msg_dns *d, void *arg)
{
}

static void on_enough(const struct flow_key *key, uint32_t serial, void *arg)
{
}

/* ---- what the inspector gets to see -------------------------------------------------------------------------------- */
static void tick(struct replay *r)
{
	r->ticked_ns = r->flushed_ns = r->clock_ns;
	inspector_tick(r->insp, r->clock_ns / SLOWER);
}

/* The direction's first byte is known, and it was seen or may still come: the other end has not said that it has it. */
static bool start_may_come(struct flow *f, unsigned dir, uint32_t seq)
{
	if (!(f->state & STATE_STARTS_0 << dir))
		return false;
	if ((int32_t)(seq - f->end_if[dir]) <= 0)
		f->state |= (uint8_t)(STATE_BEGUN_0 << dir);
	return f->state & STATE_BEGUN_0 << dir || !(f->state & STATE_ACKED_0 << dir);
}

static void sample(struct replay *r, struct flow *f, const struct packet_view *v, uint64_t ts_ns)
{
	const uint8_t *data = v->payload;
	uint32_t left = v->payload_cap_len, wire = v->payload_len, seq = v->tcp_seq + !!(v->tcp_flags & TH_SYN);
	bool tcp = f->key.proto == IPPROTO_TCP;
	uint32_t max = tcp ? PG_SAMPLE_STREAM_MAX : PG_SAMPLE_MAX;
	uint8_t flags = v->dir == f->client_end || f->client_end > 1 ? PG_SAMPLE_CLIENT_SENT : 0;

	if (f->flags & PG_FLOW_SYN_SEEN)
		flags |= PG_SAMPLE_SYN_DIR_KNOWN;
	if (tcp && start_may_come(f, v->dir, seq))
		flags |= PG_SAMPLE_START_KNOWN;
	do {
		struct pg_sample s = { .version = PG_ABI_VERSION, .dir = v->dir, .ts_ns = ts_ns / SLOWER, .payload_len = wire,
				       .key = f->key, .tcp_seq = tcp ? seq : 0, .start = (uint16_t)f->end_if[v->dir] };

		s.cap_len = (uint16_t)(left > max ? max : left);
		s.flags = flags;
		if (tcp && left > max) /* the rest follows in a sample of its own */
			s.payload_len = s.cap_len;
		if (s.cap_len < s.payload_len)
			s.flags |= PG_SAMPLE_CUT;
		f->owner[v->dir] += s.cap_len;
		if (f->owner[v->dir] >= SAMPLED_BYTES)
			s.flags |= PG_SAMPLE_LAST;
		inspector_sample(r->insp, &s, data);
		data += s.cap_len;
		left -= s.cap_len;
		wire -= s.payload_len;
		seq += s.cap_len;
	} while (tcp && left && f->owner[v->dir] < SAMPLED_BYTES && !(f->state & STATE_DONE));
	if (inspector_pending(r->insp) >= FLUSH_AT)
		inspector_flush(r->insp);
	if (++r->samples % TICK_EVERY == 0)
		tick(r);
}

/* ndpiReader's budget, in packets. Where those were tiny segments it has seen next to nothing: then it is one of bytes. */
static bool budget_is_spent(const struct replay *r, const struct flow *f)
{
	uint64_t packets = f->packets[0] + f->packets[1];

	if (f->key.proto != IPPROTO_TCP)
		return packets > r->opt.udp_packets;
	return packets > r->opt.tcp_packets &&
	       (f->owner[0] + f->owner[1] >= TINY_BYTES || packets > (uint64_t)r->opt.tcp_packets * TINY_TIMES);
}

static bool wants_sample(struct replay *r, struct flow *f, const struct packet_view *v)
{
	if (f->state & STATE_DONE || (f->key.proto != IPPROTO_TCP && f->key.proto != IPPROTO_UDP))
		return false;
	if (budget_is_spent(r, f)) {
		f->state |= STATE_DONE;
		return false;
	}
	return v->payload && v->payload_cap_len && f->owner[v->dir] < SAMPLED_BYTES;
}

static void time_passes(struct replay *r)
{
	if (r->clock_ns - r->flushed_ns < FLUSH_NS)
		return;
	if (r->clock_ns - r->ticked_ns >= TICK_NS) {
		tick(r);
		return;
	}
	r->flushed_ns = r->clock_ns;
	inspector_flush(r->insp);
}

/* ---- counting --------------------------------------------------------------------------------------------------------- */
static void direction_note(struct flow *f, const struct packet_view *v, bool bare)
{
	uint8_t starts = (uint8_t)(STATE_STARTS_0 << v->dir);

	if (f->key.proto != IPPROTO_TCP)
		return;
	if (v->tcp_flags & TH_ACK && !bare && f->state & STATE_STARTS_0 << !v->dir && (int32_t)(v->tcp_ack - f->end_if[!v->dir]) > 0)
		f->state |= (uint8_t)(STATE_ACKED_0 << !v->dir);
	if (!(v->tcp_flags & TH_SYN))
		return;
	if (!bare && !(f->state & starts) && !f->owner[v->dir]) {
		f->state |= starts;
		f->end_if[v->dir] = v->tcp_seq + 1;
	}
	if (f->flags & PG_FLOW_SYN_SEEN)
		return;
	f->flags |= PG_FLOW_SYN_SEEN;
	f->client_end = v->tcp_flags & TH_ACK ? !v->dir : v->dir;
}

/* Completes the key; returns its hash. */
static uint32_t flow_hash(struct replay *r, struct replay_packet *p)
{
	struct flow_key *key = &p->view.key;

	if (key->proto == IPPROTO_ICMP || key->proto == IPPROTO_ICMPV6) /* both ports are the same: the order stays */
		key->port[0] = key->port[1] = 0;
	key->ns = domain_number(r, p);
	return flow_table_hash(r->table, key);
}

static void flow_add_hashed(struct replay *r, struct replay_packet *p, uint32_t hash, uint32_t packets, uint64_t bytes, uint64_t first_ns,
			    uint64_t last_ns)
{
	struct packet_view *v = &p->view;
	bool made;
	struct flow *f = flow_table_get_hashed(r->table, &v->key, hash, &made);

	if (!f) {
		r->stats.skipped[REPLAY_SKIP_FLOWS_FULL] += packets;
		return;
	}
	if (made) {
		f->first_ns = first_ns;
		f->client_end = v->dir;
	}
	if (first_ns < f->first_ns)
		f->first_ns = first_ns;
	if (last_ns > f->last_ns)
		f->last_ns = last_ns;
	f->packets[v->dir] += packets;
	f->bytes[v->dir] += bytes;
	r->stats.counted += packets;
	r->stats.counted_bytes += bytes;
	r->stats.too_deep += p->too_deep ? packets : 0;
	r->stats.bare += p->bare ? packets : 0;
	r->stats.tunnelled += p->layers ? packets : 0;
	r->stats.cut_payloads += v->payload_cap_len < v->payload_len ? packets : 0;
	direction_note(f, v, p->bare);
	time_passes(r);
	if (wants_sample(r, f, v))
		sample(r, f, v, last_ns);
}

static void flow_add(struct replay *r, struct replay_packet *p, uint32_t packets, uint64_t bytes, uint64_t first_ns, uint64_t last_ns)
{
	flow_add_hashed(r, p, flow_hash(r, p), packets, bytes, first_ns, last_ns);
}

static void linktype_note(struct replay_stats *s, int linktype)
{
	for (unsigned i = 0; i < s->linktypes_unknown_count; i++)
		if (s->linktypes_unknown[i] == linktype)
			return;
	if (s->linktypes_unknown_count < sizeof(s->linktypes_unknown) / sizeof(s->linktypes_unknown[0]))
		s->linktypes_unknown[s->linktypes_unknown_count++] = (uint16_t)linktype;
}

static void skip_note(struct replay *r, enum replay_outcome o, uint32_t packets)
{
	static const enum replay_skip of[REPLAY_OUTCOME_MAX] = {
		[REPLAY_NOT_IP] = REPLAY_SKIP_NOT_IP,	    [REPLAY_CUT] = REPLAY_SKIP_CUT,
		[REPLAY_MALFORMED] = REPLAY_SKIP_MALFORMED, [REPLAY_LINK_TYPE] = REPLAY_SKIP_LINK_TYPE,
		[REPLAY_FRAGMENT] = REPLAY_SKIP_MALFORMED,
	};

	r->stats.skipped[of[o]] += packets;
}

/* ---- fragments ---------------------------------------------------------------------------------------------------------- */
static void fragment_add(struct replay *r, struct replay_packet *p, uint64_t ts_ns);

static void datagram_add(struct replay *r, const struct replay_datagram *d)
{
	struct replay_packet p = d->around;
	enum replay_outcome o;
	uint8_t layers = p.layers;

	r->stats.fragments += d->packets;
	if (!d->has_first) {
		r->stats.skipped[REPLAY_SKIP_NO_FIRST] += d->packets;
		return;
	}
	r->stats.joined += d->whole;
	o = replay_unwrap_ip(&p, d->ip, r->opt.vxlan_port);
	if (p.layers > layers && (o == REPLAY_OK || o == REPLAY_FRAGMENT)) /* what was in the tunnel is one packet */
		r->stats.absorbed += d->packets - 1;
	if (o == REPLAY_FRAGMENT && p.layers > layers) /* fragments inside a tunnel inside fragments */
		fragment_add(r, &p, d->last_ns);
	else if (o != REPLAY_OK)
		skip_note(r, o, d->packets);
	else if (p.layers > layers)
		flow_add(r, &p, 1, p.frame_len, d->first_ns, d->last_ns);
	else
		flow_add(r, &p, d->packets, d->bytes, d->first_ns, d->last_ns);
}

/* A datagram's bytes stay where they are until the next one is given out, so what comes out is dealt with first. Depth is
 * bounded: each round goes at least one tunnel deeper. */
static void fragment_add(struct replay *r, struct replay_packet *p, uint64_t ts_ns)
{
	struct replay_datagram d;
	int n = replay_frags_add(r->frags, p, domain_number(r, p), ts_ns, &d);

	if (n < 0)
		r->stats.skipped[REPLAY_SKIP_MALFORMED]++;
	else if (n > 0)
		datagram_add(r, &d);
}

static void fragments_expire(struct replay *r, uint64_t ts_ns)
{
	struct replay_datagram d;

	while (replay_frags_old(r->frags, ts_ns, &d))
		datagram_add(r, &d);
}

/* ---- packets -------------------------------------------------------------------------------------------------------------- */
/* A packet whose headers were read. */
struct unwrapped {
	struct replay_packet packet;
	enum replay_outcome outcome;
	uint32_t hash; /* REPLAY_OK: of its flow */
};

static void packet_add(struct replay *r, const struct capture_packet *c, struct unwrapped *u)
{
	uint64_t ts_ns = c->ts_ns ? c->ts_ns : r->clock_ns;
	enum replay_outcome o = u->outcome;

	if (ts_ns > r->clock_ns)
		r->clock_ns = ts_ns;
	if (!r->stats.packets || ts_ns < r->stats.first_ns)
		r->stats.first_ns = ts_ns;
	if (ts_ns > r->stats.last_ns)
		r->stats.last_ns = ts_ns;
	r->stats.packets++;
	r->stats.bytes += c->wire_len;
	if (o == REPLAY_OK) {
		flow_add_hashed(r, &u->packet, u->hash, 1, u->packet.frame_len, ts_ns, ts_ns);
	} else if (o == REPLAY_FRAGMENT) {
		fragments_expire(r, ts_ns);
		fragment_add(r, &u->packet, ts_ns);
	} else {
		skip_note(r, o, 1);
		if (o == REPLAY_LINK_TYPE)
			linktype_note(&r->stats, c->linktype);
	}
}

/* A flow's place and record are seldom in the cache: they are fetched while the batch's other packets are dealt with. */
void replay_packets(struct replay *r, const struct capture_packet *c, unsigned count)
{
	struct unwrapped batch[REPLAY_BATCH];

	for (unsigned i = 0; i < count; i++) {
		struct unwrapped *u = &batch[i];

		u->outcome = replay_unwrap(c[i].linktype, c[i].data, c[i].cap_len, c[i].wire_len, r->opt.vxlan_port, &u->packet);
		if (u->outcome != REPLAY_OK)
			continue;
		u->hash = flow_hash(r, &u->packet);
		flow_table_near_index(r->table, u->hash);
	}
	for (unsigned i = 0; i < count; i++)
		if (batch[i].outcome == REPLAY_OK)
			flow_table_near_record(r->table, batch[i].hash);
	for (unsigned i = 0; i < count; i++)
		packet_add(r, &c[i], &batch[i]);
}

void replay_packet(struct replay *r, const struct capture_packet *c)
{
	replay_packets(r, c, 1);
}

void replay_finish(struct replay *r)
{
	fragments_expire(r, UINT64_MAX);
	inspector_tick(r->insp, r->clock_ns / SLOWER);
	inspector_finish(r->insp);
	r->stats.flows = flow_table_count(r->table);
}

uint64_t replay_fact_ns(uint64_t ns, void *unused)
{
	return ns * SLOWER;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------- */
/* Multicast (RFC 5771, RFC 4291 2.7) or the limited broadcast: nobody sends from there. */
static bool is_group(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(addr, mapped, 12))
		return addr[0] == 0xff;
	return addr[12] >> 4 == 0xe || be32_at(addr + 12) == 0xffffffff;
}

/* Who is the client: who sent the SYN; else as the protocol says; else who has the port that is no service's; else who
 * spoke first. */
static unsigned client_of(const struct flow *f, const struct replay_label *l)
{
	unsigned first = f->client_end;

	if (f->flags & PG_FLOW_SYN_SEEN)
		return first;
	if (is_group(f->key.addr[0]) != is_group(f->key.addr[1]))
		return is_group(f->key.addr[0]);
	if (l && l->confidence >= LABEL_PARTIAL && l->server_end < 2)
		return !l->server_end;
	if (ntohs(f->key.port[first]) < 1024 && ntohs(f->key.port[!first]) >= 1024 && f->key.port[first])
		return !first;
	return first;
}

static void row_app(struct replay *r, const struct flow *f, const struct replay_label *l, struct replay_row *row)
{
	const char *app = replay_proto_app(f->key.proto);

	row->host = row->info = row->facts = "";
	if (l) {
		row->facts = l->facts;
		row->host = l->text + l->host_at;
		row->info = l->text + l->info_at;
	}
	if (app) {
		row->app = app;
		row->confidence = label_confidence_name(LABEL_DPI);
	} else if (l && l->confidence > LABEL_UNKNOWN) {
		row->app = l->text;
		row->confidence = label_confidence_name(l->confidence);
	} else if ((f->key.proto == IPPROTO_TCP || f->key.proto == IPPROTO_UDP) && (!l || !l->text[0]) && r->engine &&
		   ndpi_engine_guess_port(r->engine, &f->key, r->app, sizeof(r->app))) {
		row->app = r->app;
		row->confidence = label_confidence_name(LABEL_PORT_GUESS);
	} else {
		row->app = "Unknown";
		row->confidence = label_confidence_name(LABEL_UNKNOWN);
	}
}

struct each {
	struct replay *r;
	bool (*cb)(const struct replay_row *row, void *arg);
	void *arg;
};

static bool each_flow(struct flow *f, void *arg)
{
	const struct each *e = arg;
	const struct replay_label *l = f->edge;
	const struct domain *d = &e->r->domains[f->key.ns - 1];
	unsigned c = client_of(f, l);
	struct replay_row row = {
		.sport = ntohs(f->key.port[c]), .dport = ntohs(f->key.port[!c]), .proto = f->key.proto,
		.bytes_to_server = f->bytes[c], .bytes_to_client = f->bytes[!c],
		.packets_to_server = f->packets[c], .packets_to_client = f->packets[!c],
		.first_ns = f->first_ns, .last_ns = f->last_ns,
		.has_vni = d->has_vni, .vni = d->vni, .vlan_count = d->vlan_count, .vlan = { d->vlan[0], d->vlan[1] },
	};

	memcpy(row.src, f->key.addr[c], 16);
	memcpy(row.dst, f->key.addr[!c], 16);
	row_app(e->r, f, l, &row);
	return e->cb(&row, e->arg);
}

void replay_each(struct replay *r, bool (*cb)(const struct replay_row *row, void *arg), void *arg)
{
	struct each e = { r, cb, arg };

	flow_table_each(r->table, each_flow, &e);
}

/* ---- life -------------------------------------------------------------------------------------------------------------------- */
struct replay *replay_new(const struct replay_options *options, struct ndpi_engine *engine, uint64_t seed)
{
	const struct inspector_limits limits = { .flows = options->inspected ? options->inspected : INSPECTED_FLOWS,
						 .head_bytes = INSPECTED_BYTES, .seed = seed, .forget = true };
	struct replay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->opt = *options;
	r->opt.flows_max = r->opt.flows_max ? r->opt.flows_max : 8u << 20;
	r->opt.tcp_packets = r->opt.tcp_packets ? r->opt.tcp_packets : 80;
	r->opt.udp_packets = r->opt.udp_packets ? r->opt.udp_packets : 24;
	r->engine = engine;
	r->table = flow_table_new(r->opt.flows_max);
	r->frags = replay_frags_new();
	r->domains = calloc(DOMAINS_MAX, sizeof(*r->domains));
	r->domain_slots = calloc(DOMAIN_SLOTS, sizeof(*r->domain_slots));
	r->insp = inspector_new(&limits, &(struct inspector_sink){ on_label, on_dns, on_enough, r, on_facts }, engine);
	r->strings = strpool_new();
	if (r->table && r->frags && r->domains && r->domain_slots && r->insp && r->strings)
		return r;
	replay_free(r);
	return NULL;
}

static bool flow_forget(struct flow *f, void *arg)
{
	free(f->edge);
	f->edge = NULL;
	return true;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	inspector_free(r->insp);
	if (r->table)
		flow_table_each(r->table, flow_forget, NULL);
	flow_table_free(r->table);
	replay_frags_free(r->frags);
	free(r->domains);
	free(r->domain_slots);
	strpool_free(r->strings);
	free(r);
}

const struct replay_stats *replay_stats(const struct replay *r)
{
	return &r->stats;
}
