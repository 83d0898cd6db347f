/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ruleset as text. */
#include "enforce/nft_plan.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct text {
	FILE *f;
	const struct plan *plan; /* NULL: none */
	const struct plan_hold *holds;
	uint32_t hold_count;
	bool ct, v4, v6;
};

static uint32_t mark_of(const struct text *t, unsigned bits)
{
	return (t->plan->mark & -t->plan->mark) * bits;
}

static void prefix_text(const uint8_t addr[16], unsigned bits, char ret[64])
{
	char a[46] = "";
	bool v4 = plan_addr_is_v4(addr);

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? addr + 12 : addr, a, sizeof(a));
	snprintf(ret, 64, "%s/%u", a, v4 ? bits - 96 : bits);
}

static const char *ip(unsigned family)
{
	return family == 4 ? "ip" : "ip6";
}

static bool wanted(const struct text *t, unsigned family)
{
	return family == 4 ? t->v4 : t->v6;
}

/* ---- sets ------------------------------------------------------------------------------------------------------------ */
static void set_text(struct text *t, const char *name, const char *type, const char *data, const char *flags)
{
	fprintf(t->f, "\t%s %s {\n\t\ttype %s%s%s\n", data ? "map" : "set", name, type, data ? " : " : "", data ? data : "");
	if (flags)
		fprintf(t->f, "\t\tflags %s\n", flags);
	fprintf(t->f, "\t}\n");
}

static void sets_of_family(struct text *t, unsigned fam)
{
	static const struct {
		const char *name, *more;
		bool map, timeout, plan;
	} sets[] = { { "gate", "", true, true, false },
		     { "pair", " . ADDR", false, true, false },
		     { "flow", " . ADDR . inet_proto . inet_service", false, true, false },
		     { "port", " . inet_proto . inet_service", false, true, false },
		     { "out", "", true, true, true },
		     { "in", "", true, true, true },
		     { "src", "", true, true, true },
		     { "dst", "", true, true, true },
		     { "known", "", false, false, true },
		     { "resolver", "", false, false, true } };
	const char *addr = fam == 4 ? "ipv4_addr" : "ipv6_addr";

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		const char *more = strncmp(sets[i].more, " . ADDR", 7) ? sets[i].more : sets[i].more + 7;
		char name[PLAN_NAME_MAX], type[96];

		if (sets[i].plan && !t->plan)
			continue;
		snprintf(name, sizeof(name), "%s%u", sets[i].name, fam);
		snprintf(type, sizeof(type), "%s%s%s%s", addr, more == sets[i].more ? "" : " . ", more == sets[i].more ? "" : addr, more);
		set_text(t, name, type, sets[i].map ? "verdict" : NULL, sets[i].timeout ? "timeout" : NULL);
	}
}

static void sets_of_workload(struct text *t, unsigned w)
{
	char name[PLAN_NAME_MAX], type[64];

	for (unsigned fam = 4; fam <= 6; fam += 2)
		for (int dir = PLAN_IN; wanted(t, fam) && dir <= PLAN_OUT; dir++)
			for (int proto = 0; proto < 2; proto++) {
				snprintf(name, sizeof(name), "w%u_%s%u%s", w, dir == PLAN_IN ? "in" : "out", fam, proto ? "p" : "");
				snprintf(type, sizeof(type), "ipv%u_addr . inet_proto%s", fam, proto ? "" : " . inet_service");
				set_text(t, name, type, "verdict", NULL);
			}
}

/* Prefixes of one kind and family as an interval set. */
static void prefix_set(struct text *t, const char *name, enum plan_kind kind, unsigned fam)
{
	const char *sep = "\t\telements = { ";

	fprintf(t->f, "\tset %s%u {\n\t\ttype ipv%u_addr\n\t\tflags interval\n\t\tauto-merge\n", name, fam, fam);
	for (uint32_t i = 0; i < t->plan->count; i++) {
		const struct plan_rec *r = &t->plan->recs[i];
		char a[64];

		if (r->kind != kind || plan_addr_is_v4(r->addr) != (fam == 4))
			continue;
		prefix_text(r->addr, r->bits, a);
		fprintf(t->f, "%s%s", sep, a);
		sep = ", ";
	}
	fprintf(t->f, "%s\t}\n", *sep == ',' ? " }\n" : "");
}

static void objects_text(struct text *t)
{
	for (unsigned fam = 4; fam <= 6; fam += 2) {
		if (!wanted(t, fam))
			continue;
		sets_of_family(t, fam);
		if (t->plan) {
			prefix_set(t, "nets", PLAN_NET, fam);
			prefix_set(t, "always", PLAN_ALWAYS, fam);
		}
	}
	fprintf(t->f, "\tcounter blocked {\n\t}\n\tcounter quarantined {\n\t}\n");
	if (!t->plan)
		return;
	set_text(t, "serves", "inet_proto . inet_service", "verdict", "timeout");
	fprintf(t->f, "\tcounter unknown {\n\t}\n");
	if (t->ct && plan_has_checks(t->plan))
		fprintf(t->f, "\tcounter queued_open {\n\t}\n\tcounter queued_closed {\n\t}\n\tcounter recognised {\n\t}\n");
	for (uint32_t i = 0; i < t->plan->count; i++) {
		const struct plan_rec *r = &t->plan->recs[i];

		if (r->kind == PLAN_WORKLOAD) {
			sets_of_workload(t, r->workload);
			fprintf(t->f, "\tcounter r%u_in {\n\t}\n\tcounter r%u_out {\n\t}\n", r->workload, r->workload);
		} else if (r->kind == PLAN_EDGE) {
			fprintf(t->f, "\tcounter e%u {\n\t}\n", r->edge);
		}
	}
}

/* ---- what is held ------------------------------------------------------------------------------------------------------ */
static void gate_rules(struct text *t, bool from, bool to)
{
	for (unsigned fam = 4; fam <= 6; fam += 2) {
		if (wanted(t, fam) && from)
			fprintf(t->f, "\t\t%s saddr vmap @gate%u\n", ip(fam), fam);
		if (wanted(t, fam) && to)
			fprintf(t->f, "\t\t%s daddr vmap @gate%u\n", ip(fam), fam);
	}
}

static void held_chains(struct text *t)
{
	static const char *const ways[2][2] = { { "saddr", "daddr" }, { "daddr", "saddr" } };
	static const char *const ports[2] = { "dport", "sport" };

	fprintf(t->f, "\tchain cut {\n\t\tcounter name \"blocked\"\n%s\t}\n",
		t->ct ? "\t\tmeta l4proto tcp reject with tcp reset\n\t\treject with icmpx type port-unreachable\n" : "\t\tdrop\n");
	fprintf(t->f, "\tchain blocked {\n");
	for (unsigned fam = 4; fam <= 6; fam += 2)
		for (unsigned w = 0; wanted(t, fam) && w < 2; w++) {
			const char *a = ways[w][0], *b = ways[w][1], *f = ip(fam);

			fprintf(t->f, "\t\t%s %s . %s %s @pair%u goto cut\n", f, a, f, b, fam);
			for (unsigned p = 0; p < 2; p++) {
				fprintf(t->f, "\t\t%s %s . %s %s . meta l4proto . th %s @flow%u goto cut\n", f, a, f, b, ports[p], fam);
				fprintf(t->f, "\t\t%s %s . meta l4proto . th %s @port%u goto cut\n", f, a, ports[p], fam);
			}
		}
	fprintf(t->f, "\t}\n\tchain quarantine {\n");
	for (uint32_t i = 0; i < t->hold_count; i++) {
		const struct plan_hold *h = &t->holds[i];
		unsigned fam = plan_addr_is_v4(h->peer) ? 4 : 6;
		bool told = false;
		char a[64];

		for (uint32_t k = 0; k < i && !told; k++)
			told = t->holds[k].quarantine && t->holds[k].analyst_bits == h->analyst_bits && !memcmp(t->holds[k].peer, h->peer, 16);
		if (!h->quarantine || !h->analyst_bits || told || !wanted(t, fam))
			continue;
		prefix_text(h->peer, h->analyst_bits, a);
		fprintf(t->f, "\t\t%s saddr %s accept\n\t\t%s daddr %s accept\n", ip(fam), a, ip(fam), a);
	}
	/* nd-router-solicit … nd-neighbor-advert */
	if (t->v6)
		fprintf(t->f, "\t\ticmpv6 type { 133, 134, 135, 136 } accept\n");
	fprintf(t->f, "\t\tcounter name \"quarantined\" drop\n\t}\n");
}

/* ---- edges --------------------------------------------------------------------------------------------------------------- */
static bool closed_bit(const struct text *t)
{
	return __builtin_popcount(t->plan->mark) >= 4;
}

static void edge_chain(struct text *t, const struct plan_rec *r, bool closed)
{
	fprintf(t->f, "\tchain e%u {\n\t\tcounter name \"e%u\"\n", r->edge, r->edge);
	if (t->ct)
		fprintf(t->f, "\t\tct mark set ct mark or 0x%08x\n", mark_of(t, PLAN_MARK_ALLOWED | (r->flags & PLAN_CHECK ? PLAN_MARK_CHECK : 0) |
									  (r->flags & PLAN_CHECK && closed && closed_bit(t) ? PLAN_MARK_CLOSED : 0)));
	fprintf(t->f, "\t\treturn\n\t}\n");
}

static void refuse_chain(struct text *t)
{
	fprintf(t->f, "\tchain refuse {\n");
	if (t->ct)
		fprintf(t->f, "\t\tct mark set ct mark and 0x%08x\n", ~mark_of(t, PLAN_MARK_ALLOWED | PLAN_MARK_CHECK));
	/* An address on the engine's networks that nobody has said anything of yet: it is tried again when it is known. */
	for (unsigned fam = 4; fam <= 6; fam += 2)
		for (int d = 0; wanted(t, fam) && d < 2; d++)
			fprintf(t->f, "\t\t%s %s @nets%u %s %s != @known%u counter name \"unknown\" drop\n", ip(fam), d ? "daddr" : "saddr", fam, ip(fam),
				d ? "daddr" : "saddr", fam);
	if (t->ct)
		fprintf(t->f, "\t\tmeta l4proto tcp reject with tcp reset\n\t\treject with icmpx type port-unreachable\n\t}\n");
	else
		fprintf(t->f, "\t\tdrop\n\t}\n");
}

/* Edges of one direction, the peer being in one field, the server's port in another. */
static void lookups(struct text *t, unsigned w, int dir, const char *peer, const char *port, const uint16_t *workload_of, const uint8_t *dir_of)
{
	const char *d = dir == PLAN_IN ? "in" : "out";

	for (unsigned fam = 4; fam <= 6; fam += 2) {
		if (!wanted(t, fam))
			continue;
		fprintf(t->f, "\t\t%s %s . meta l4proto . th %s vmap @w%u_%s%u\n", ip(fam), peer, port, w, d, fam);
		fprintf(t->f, "\t\t%s %s . meta l4proto vmap @w%u_%s%up\n", ip(fam), peer, w, d, fam);
	}
	for (uint32_t i = 0; i < t->plan->count; i++) {
		const struct plan_rec *r = &t->plan->recs[i];
		char who[160], what[64] = "", a[64];

		if ((r->kind != PLAN_PEER && r->kind != PLAN_ANYBODY) || plan_is_element(r) || workload_of[r->edge] != w || dir_of[r->edge] != dir)
			continue;
		if (r->l4)
			snprintf(what, sizeof(what), r->port_lo == r->port_hi ? " meta l4proto %u th %s %u" : " meta l4proto %u", r->l4, port, r->port_lo);
		for (unsigned fam = 4; fam <= 6; fam += 2) {
			if (!wanted(t, fam) || (r->kind == PLAN_PEER && plan_addr_is_v4(r->addr) != (fam == 4)))
				continue;
			prefix_text(r->addr, r->bits, a);
			if (r->kind == PLAN_PEER)
				snprintf(who, sizeof(who), "%s %s %s", ip(fam), peer, a);
			else
				snprintf(who, sizeof(who), "%s %s != @nets%u", ip(fam), peer, fam);
			fprintf(t->f, "\t\t%s%s goto e%u\n", who, what, r->edge);
		}
	}
}

/* A name's new address may become known after the packet that asks for it: dropped, it is sent again; refused, it is not. */
static void maybe_rules(struct text *t, unsigned w)
{
	for (uint32_t i = 0; i < t->plan->count; i++) {
		const struct plan_rec *r = &t->plan->recs[i];
		char what[64] = "";

		if (r->kind != PLAN_MAYBE || r->workload != w)
			continue;
		if (r->l4)
			snprintf(what, sizeof(what), r->port_lo == r->port_hi ? " meta l4proto %u th dport %u" : " meta l4proto %u", r->l4, r->port_lo);
		for (unsigned fam = 4; fam <= 6; fam += 2)
			if (wanted(t, fam))
				fprintf(t->f, "\t\t%s daddr != @nets%u%s counter name \"unknown\" drop\n", ip(fam), fam, what);
	}
}

static void workload_chains(struct text *t, const struct plan_rec *r, const uint16_t *workload_of, const uint8_t *dir_of)
{
	unsigned w = r->workload;

	fprintf(t->f, "\tchain w%u_in {\n", w);
	lookups(t, w, PLAN_IN, "saddr", "dport", workload_of, dir_of);
	fprintf(t->f, "\t\tcounter name \"r%u_in\" goto refuse\n\t}\n\tchain w%u_out {\n", w, w);
	lookups(t, w, PLAN_OUT, "daddr", "dport", workload_of, dir_of);
	maybe_rules(t, w);
	fprintf(t->f, "\t\tcounter name \"r%u_out\" goto refuse\n\t}\n", w);
	if (t->ct && !(r->flags & PLAN_CUT))
		return;
	fprintf(t->f, "\tchain w%u_src {\n", w);
	lookups(t, w, PLAN_OUT, "daddr", "dport", workload_of, dir_of);
	lookups(t, w, PLAN_IN, "daddr", "sport", workload_of, dir_of);
	fprintf(t->f, "\t\tcounter name \"r%u_out\" goto refuse\n\t}\n\tchain w%u_dst {\n", w, w);
	lookups(t, w, PLAN_IN, "saddr", "dport", workload_of, dir_of);
	lookups(t, w, PLAN_OUT, "saddr", "sport", workload_of, dir_of);
	fprintf(t->f, "\t\tcounter name \"r%u_in\" goto refuse\n\t}\n", w);
}

/* SYN and ACK without a byte of payload, as the stacks there are send them: 20 bytes of header, and 0, 12, 20, 24 or 28 of options.
 * The answer to a SYN is queued: it says where both sides begin. */
static void empty_chain(struct text *t)
{
	static const unsigned words[] = { 5, 8, 10, 11, 12 };

	fprintf(t->f, "\tchain empty {\n");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		fprintf(t->f, "\t\tip hdrlength 5 tcp doff %u ip length %u accept\n", words[i], 20 + 4 * words[i]);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		fprintf(t->f, "\t\tip6 nexthdr 6 tcp doff %u ip6 length %u accept\n", words[i], 4 * words[i]);
	fprintf(t->f, "\t}\n");
}

/* Packets of connections whose protocol is not known yet. Where the kernel has no `queue` of nftables' own, nfq_rules.c puts the
 * rule at the head of q_open and q_closed; until it stands, each is dealt with as when nobody decides. */
static void check_chains(struct text *t)
{
	unsigned first = t->plan->queue ? t->plan->queue : PLAN_QUEUE;
	char queue[2][64] = { "", "" };

	if (!t->ct || !plan_has_checks(t->plan)) {
		fprintf(t->f, "\tchain check {\n\t}\n");
		return;
	}
	if (t->plan->native_queue) {
		snprintf(queue[0], sizeof(queue[0]), "\t\tqueue num %u bypass\n", first);
		snprintf(queue[1], sizeof(queue[1]), "\t\tqueue num %u\n", first + 1);
	}
	empty_chain(t);
	fprintf(t->f, "\tchain q_open {\n%s\t\taccept\n\t}\n\tchain q_closed {\n%s\t\tdrop\n\t}\n", queue[0], queue[1]);
	/* What the first bytes are was plain to see where they came out of the container (sensor/bpf/first.bpf.h). */
	fprintf(t->f, "\tchain check {\n\t\tmeta mark and 0x%08x == 0x%08x counter name \"recognised\" goto decided\n", t->plan->mark,
		mark_of(t, PLAN_MARK_CHECK));
	fprintf(t->f, "\t\ttcp flags & (fin | syn | rst | ack) == { syn, ack } jump empty\n");
	if (closed_bit(t))
		fprintf(t->f, "\t\tct mark and 0x%08x != 0 counter name \"queued_closed\" goto q_closed\n", mark_of(t, PLAN_MARK_CLOSED));
	fprintf(t->f, "\t\tcounter name \"queued_open\" goto q_open\n\t}\n");
	/* What was decided comes back with a packet mark of the same bits. */
	fprintf(t->f, "\tchain decided {\n\t\tmeta mark set meta mark and 0x%08x\n\t\tct mark set ct mark and 0x%08x or 0x%08x\n\t\taccept\n\t}\n",
		~t->plan->mark, ~t->plan->mark, mark_of(t, PLAN_MARK_ALLOWED));
	fprintf(t->f, "\tchain wrong {\n\t\tmeta mark set meta mark and 0x%08x\n\t\tct mark set ct mark and 0x%08x or 0x%08x\n\t\tgoto refuse\n\t}\n",
		~t->plan->mark, ~t->plan->mark, mark_of(t, PLAN_MARK_REFUSED));
}

static bool plan_chains(struct text *t)
{
	_cleanup_free_ uint16_t *workload_of = calloc(PLAN_EDGES_MAX, sizeof(*workload_of));
	_cleanup_free_ uint8_t *dir_of = calloc(PLAN_EDGES_MAX, 1);
	bool closed[PLAN_WORKLOADS_MAX] = { false };

	if (!workload_of || !dir_of)
		return false;
	for (uint32_t i = 0; i < t->plan->count; i++)
		if (t->plan->recs[i].kind == PLAN_WORKLOAD)
			closed[t->plan->recs[i].workload] = t->plan->recs[i].flags & PLAN_CLOSED;
	refuse_chain(t);
	for (uint32_t i = 0; i < t->plan->count; i++)
		if (t->plan->recs[i].kind == PLAN_EDGE) {
			workload_of[t->plan->recs[i].edge] = t->plan->recs[i].workload;
			dir_of[t->plan->recs[i].edge] = t->plan->recs[i].dir;
			edge_chain(t, &t->plan->recs[i], closed[t->plan->recs[i].workload]);
		}
	for (uint32_t i = 0; i < t->plan->count; i++)
		if (t->plan->recs[i].kind == PLAN_WORKLOAD)
			workload_chains(t, &t->plan->recs[i], workload_of, dir_of);
	check_chains(t);
	return true;
}

/* ---- hooks ----------------------------------------------------------------------------------------------------------------- */
static void maps(struct text *t, const char *from, const char *to)
{
	for (unsigned fam = 4; fam <= 6; fam += 2) {
		if (wanted(t, fam) && from)
			fprintf(t->f, "\t\t%s saddr vmap @%s%u\n", ip(fam), from, fam);
	}
	for (unsigned fam = 4; fam <= 6; fam += 2) {
		if (wanted(t, fam) && to)
			fprintf(t->f, "\t\t%s daddr vmap @%s%u\n", ip(fam), to, fam);
	}
}

/* What is never refused, whatever the model says. */
static void always_rules(struct text *t)
{
	if (t->v4)
		fprintf(t->f, "\t\tip daddr { 224.0.0.0/4, 255.255.255.255 } accept\n\t\tip saddr @always4 accept\n\t\tip daddr @always4 accept\n"
			      "\t\tip daddr @resolver4 meta l4proto { 6, 17 } th dport 53 accept\n");
	if (t->v6)
		fprintf(t->f, "\t\tip6 daddr ff00::/8 accept\n\t\tip6 saddr @always6 accept\n\t\tip6 daddr @always6 accept\n"
			      "\t\tip6 daddr @resolver6 meta l4proto { 6, 17 } th dport 53 accept\n");
}

static void icmp_rules(struct text *t)
{
	/* unreachable, source quench, time exceeded, parameter problem; their IPv6 kin, neighbour and group control. Without
	 * connection tracking an echo's reply cannot be told by its question. */
	if (t->v4)
		fprintf(t->f, "\t\ticmp type { %s3, 4, 11, 12 } accept\n", t->ct ? "" : "0, ");
	if (t->v6)
		fprintf(t->f, "\t\ticmpv6 type { 1, 2, 3, 4, %s130, 131, 132, 133, 134, 135, 136, 143 } accept\n", t->ct ? "" : "129, ");
}

#define NOT_SYN "meta l4proto tcp tcp flags & (fin | syn | rst | ack) != syn"

static bool any_cut(const struct text *t)
{
	for (uint32_t i = 0; t->plan && i < t->plan->count; i++)
		if (t->plan->recs[i].kind == PLAN_WORKLOAD && (t->plan->recs[i].flags & PLAN_CUT))
			return true;
	return false;
}

static void decided_rules(struct text *t)
{
	unsigned allowed = mark_of(t, PLAN_MARK_ALLOWED), check = mark_of(t, PLAN_MARK_ALLOWED | PLAN_MARK_CHECK), no = mark_of(t, PLAN_MARK_REFUSED);

	fprintf(t->f, "\t\tct mark and 0x%08x == 0x%08x accept\n", t->plan->mark, allowed);
	if (plan_has_checks(t->plan))
		fprintf(t->f, "\t\tct mark and 0x%08x == 0x%08x tcp flags & (fin | syn | rst | ack) == syn goto again\n", no, no);
	fprintf(t->f, "\t\tct mark and 0x%08x == 0x%08x goto refuse\n", no, no);
	if (plan_has_checks(t->plan)) {
		fprintf(t->f, "\t\tmeta mark and 0x%08x == 0x%08x goto decided\n", t->plan->mark, allowed);
		fprintf(t->f, "\t\tmeta mark and 0x%08x == 0x%08x goto wrong\n", t->plan->mark, no);
	}
	fprintf(t->f, "\t\tct mark and 0x%08x == 0x%08x goto check\n", check, check);
}

/* A new connection of the ports of one that was refused: the server still has that one, and so has connection tracking. It is judged
 * as any other; the server tells by its answer that it does not know it, and forgets the old one. */
static void again_chain(struct text *t)
{
	unsigned check = mark_of(t, PLAN_MARK_ALLOWED | PLAN_MARK_CHECK);

	fprintf(t->f, "\tchain again {\n\t\tct mark set ct mark and 0x%08x\n", ~t->plan->mark);
	maps(t, "out", "in");
	fprintf(t->f, "\t\tct mark and 0x%08x == 0x%08x goto check\n\t\taccept\n\t}\n", check, check);
}

static int priority(const struct text *t)
{
	return PLAN_PRIORITY - (t->plan ? (int)t->plan->earlier : 0);
}

static void forward_chain(struct text *t)
{
	bool cut = t->ct && any_cut(t);

	if (cut) {
		fprintf(t->f, "\tchain underway {\n");
		always_rules(t);
		maps(t, "src", "dst");
		fprintf(t->f, "\t\taccept\n\t}\n");
	}
	if (t->ct && t->plan && plan_has_checks(t->plan))
		again_chain(t);
	fprintf(t->f, "\tchain forward {\n\t\ttype filter hook forward priority %d; policy accept;\n", priority(t));
	gate_rules(t, true, true);
	if (!t->plan) {
		fprintf(t->f, "\t}\n");
		return;
	}
	if (t->ct)
		decided_rules(t);
	icmp_rules(t);
	if (t->ct) {
		fprintf(t->f, "\t\tct state established,related %s\n", cut ? "goto underway" : "accept");
		fprintf(t->f, "\t\t" NOT_SYN " %s\n", cut ? "goto underway" : "accept");
		always_rules(t);
	} else {
		/* The first fragment was judged, or it will be. */
		if (t->v4)
			fprintf(t->f, "\t\tip frag-off & 0x1fff != 0 accept\n");
		if (t->v6)
			fprintf(t->f, "\t\tfrag frag-off != 0 accept\n");
		fprintf(t->f, "\t\t" NOT_SYN " accept\n");
		always_rules(t);
		fprintf(t->f, "\t\tmeta l4proto != tcp goto eitherway\n");
	}
	maps(t, "out", "in");
	if (t->ct)
		fprintf(t->f, "\t\tct mark and 0x%08x == 0x%08x goto check\n", mark_of(t, PLAN_MARK_ALLOWED | PLAN_MARK_CHECK),
			mark_of(t, PLAN_MARK_ALLOWED | PLAN_MARK_CHECK));
	fprintf(t->f, "\t}\n");
}

/* The node's own traffic with containers is nobody's business but for those in quarantine; what comes in for containers on the
 * host network is theirs. */
static void local_chains(struct text *t)
{
	fprintf(t->f, "\tchain input {\n\t\ttype filter hook input priority %d; policy accept;\n\t\tiifname \"lo\" accept\n", priority(t));
	gate_rules(t, true, false);
	if (t->plan) {
		fprintf(t->f, "\t\tct state established,related accept\n\t\t" NOT_SYN " accept\n");
		icmp_rules(t);
		if (t->v4)
			fprintf(t->f, "\t\tip saddr @always4 accept\n");
		if (t->v6)
			fprintf(t->f, "\t\tip6 saddr @always6 accept\n");
		fprintf(t->f, "\t\tmeta l4proto . th dport vmap @serves\n");
	}
	fprintf(t->f, "\t}\n\tchain output {\n\t\ttype filter hook output priority %d; policy accept;\n\t\toifname \"lo\" accept\n", priority(t));
	gate_rules(t, false, true);
	fprintf(t->f, "\t}\n");
}

/* ---- elements ------------------------------------------------------------------------------------------------------------------ */
static void key_text(FILE *f, const struct plan_elem *e)
{
	unsigned addr_len = e->family == 4 ? 4 : e->family == 6 ? 16 : 0, at = 0;
	bool first = true;
	char a[46];

	while (at < e->key_len) {
		unsigned rest = e->key_len - at;
		/* Behind the addresses (one, or two in "pair" and "flow") come protocol and port. */
		bool addr = addr_len && (at == 0 || (at == addr_len && (e->set == SET_PAIR || e->set == SET_FLOW)));

		fputs(first ? "" : " . ", f);
		first = false;
		if (addr) {
			inet_ntop(addr_len == 4 ? AF_INET : AF_INET6, e->key + at, a, sizeof(a));
			fputs(a, f);
			at += addr_len;
		} else if (rest == 4 && e->set != SET_PEER_PROTO) {
			fprintf(f, "%u", (unsigned)(e->key[at] << 8 | e->key[at + 1]));
			at += 4;
		} else {
			fprintf(f, "%u", e->key[at]);
			at += 4;
		}
	}
}

static void elems_text(struct text *t, const struct plan_elems *es, enum nft_family family)
{
	char set[PLAN_NAME_MAX] = "", now[PLAN_NAME_MAX], chain[PLAN_NAME_MAX];

	for (uint32_t i = 0; i < es->count; i++) {
		const struct plan_elem *e = &es->v[i];
		char verdict = plan_elem_verdict(e, chain);

		if (e->family && !wanted(t, e->family))
			continue;
		if (strcmp(set, plan_elem_set(e, now))) {
			fprintf(t->f, "%sadd element %s " PLAN_TABLE " %s { ", set[0] ? " }\n" : "", nft_family_name(family), now);
			memcpy(set, now, sizeof(set));
		} else {
			fputs(", ", t->f);
		}
		key_text(t->f, e);
		if (e->timeout_s)
			fprintf(t->f, " timeout %us", e->timeout_s);
		if (verdict)
			fprintf(t->f, " : %s %s", verdict == 'j' ? "jump" : "goto", chain);
	}
	if (set[0])
		fputs(" }\n", t->f);
}

char *nft_plan_text(const struct plan *p, const struct plan_hold *holds, uint32_t hold_count, enum nft_family family, bool v4, bool v6)
{
	struct text t = { .plan = p, .holds = holds, .hold_count = hold_count, .ct = family == NFT_FAMILY_INET, .v4 = v4, .v6 = v6 };
	const char *fam = nft_family_name(family);
	struct plan_elems es;
	char *text = NULL;
	size_t len = 0;
	bool well = true;

	if (plan_elems_make(p, holds, hold_count, !t.ct, &es) < 0)
		return NULL;
	t.f = open_memstream(&text, &len);
	if (!t.f) {
		plan_elems_free(&es);
		return NULL;
	}
	fprintf(t.f, "table %s " PLAN_TABLE "\ndelete table %s " PLAN_TABLE "\ntable %s " PLAN_TABLE " {\n", fam, fam, fam);
	objects_text(&t);
	held_chains(&t);
	if (p)
		well = plan_chains(&t);
	if (p && !t.ct) {
		fprintf(t.f, "\tchain eitherway {\n");
		maps(&t, "src", "dst");
		fprintf(t.f, "\t}\n");
	}
	forward_chain(&t);
	if (t.ct)
		local_chains(&t);
	fprintf(t.f, "}\n");
	elems_text(&t, &es, family);
	plan_elems_free(&es);
	if (ferror(t.f))
		well = false;
	if (fclose(t.f) || !well) {
		free(text);
		return NULL;
	}
	return text;
}
