/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting a packet into its flow, exactly once and never silently not: for every packet offered here,
 * SEEN = COUNTED + NOT_IP + MALFORMED + REFUSED_FULL + REFUSED_HALF. Also: the flow's owner, and its first bytes. */
#ifndef PG_BPF_FLOW_BPF_H
#define PG_BPF_FLOW_BPF_H

#include "sensor/bpf/parse.bpf.h"

volatile const pg_u32 half_open_max;

/* Where a packet was met. Exactly one of send_if and recv_if is not 0. */
struct place {
	u32 send_if; /* it was sent by the container behind this interface */
	u32 recv_if; /* it goes to the container behind this interface, and was counted nowhere else */
	u32 via_if;  /* recv_if: the interface it came in by, 0: from this node */
};

/* ---- owner --------------------------------------------------------------------------------------- */
static __always_inline struct pg_owner *owner_find(u64 cookie)
{
	struct pg_owner *o = bpf_map_lookup_elem(&sockets, &cookie);

	return o ? o : bpf_map_lookup_elem(&closed_sockets, &cookie);
}

/* A SYN-ACK is sent before there is a socket: its owner is the listener's. */
static __always_inline u64 listener_cookie(struct __sk_buff *skb)
{
	struct tcp_request_sock *treq;
	struct bpf_sock *sk = skb->sk;
	struct sock *listener;

	if (!sk)
		return 0;
	treq = bpf_skc_to_tcp_request_sock(sk);
	if (!treq)
		return 0;
	listener = treq->req.req.__req_common.skc_listener;
	return listener ? (u64)BPF_CORE_READ(listener, __sk_common.skc_cookie.counter) : 0;
}

static __noinline int flow_join_owner(struct __sk_buff *skb, struct pg_flow *f, u32 dir)
{
	u64 cookie = bpf_get_socket_cookie(skb);
	struct pg_owner *o;

	if (!cookie || dir > 1)
		return 0;
	f->cookie[dir] = cookie;
	o = owner_find(cookie);
	if (!o) {
		cookie = listener_cookie(skb);
		o = cookie ? owner_find(cookie) : NULL;
	}
	if (!o)
		return 0;
	f->owner_start_ns[dir] = o->start_boot_ns;
	f->owner_tgid[dir] = o->tgid;
	if (!(o->flags & OWNER_JOINED))
		__sync_fetch_and_or(&o->flags, OWNER_JOINED);
	return 0;
}

/* ---- a new flow ------------------------------------------------------------------------------------ */
static __always_inline void count_refused(const struct packet *p, u32 packets, u32 bytes)
{
	count_add(packets, p->segs);
	count_add(bytes, p->bytes);
}

/* Tells core the key: about 25 ns; found by reading the map it would cost core that for every entry, every time. */
static __always_inline void news_put(struct pg_flow_gauge *g, const struct flow_key *key, u64 now)
{
	u32 n = __sync_fetch_and_add(&g->news, 1), i = n & (PG_NEWS_SLOTS - 1);
	struct pg_flow_news *s = bpf_map_lookup_elem(&flow_news, &i);

	if (!s)
		return;
	s->seq = 0;
	barrier();
	s->key = *key;
	s->ts_ns = now;
	__sync_lock_test_and_set(&s->seq, n + 1); /* a full barrier */
}

/* Makes the entry, or finds the one another CPU has just made. NULL: refused, and counted as that. */
static __noinline struct pg_flow *flow_make(struct packet *p, struct place *at)
{
	struct pg_flow fresh = {}, *f;
	struct pg_flow_gauge *g;
	u32 zero = 0, dir = p->dir & 1;
	u64 opened;
	long r;

	g = bpf_map_lookup_elem(&flow_gauge, &zero);
	if (!g)
		return NULL;
	opened = __sync_fetch_and_add(&g->opened, 1);
	if ((s64)(opened - g->promoted - g->reaped_half) >= (s64)half_open_max) {
		__sync_fetch_and_add(&g->opened, -1);
		count_refused(p, PG_CTR_REFUSED_HALF, PG_CTR_REFUSED_HALF_BYTES);
		return NULL;
	}
	fresh.first_ns = fresh.last_ns = bpf_ktime_get_ns();
	/* No variable index into the stack: the verifier refuses how clang writes it. */
	fresh.end_if[0] = dir ? at->recv_if : at->send_if;
	fresh.end_if[1] = dir ? at->send_if : at->recv_if;
	fresh.via_if[0] = dir ? 0 : at->via_if;
	fresh.via_if[1] = dir ? at->via_if : 0;
	if (dir)
		fresh.flags |= PG_FLOW_FIRST_DIR;
	if (p->key.claimant_if)
		fresh.flags |= PG_FLOW_CLAIMED;
	if (p->key.proto == IPPROTO_TCP && !(p->tcp_flags & 2))
		fresh.flags |= PG_FLOW_MIDSTREAM;
	r = bpf_map_update_elem(&flows, &p->key, &fresh, BPF_NOEXIST);
	if (r)
		__sync_fetch_and_add(&g->opened, -1);
	else
		news_put(g, &p->key, fresh.first_ns);
	f = r && r != -EEXIST ? NULL : bpf_map_lookup_elem(&flows, &p->key);
	if (!f)
		count_refused(p, PG_CTR_REFUSED_FULL, PG_CTR_REFUSED_FULL_BYTES);
	return f;
}

/* ---- first bytes ------------------------------------------------------------------------------------ */
#define SAMPLE_OF(bytes)                     \
	struct sample_##bytes {              \
		struct pg_sample head;       \
		u8 payload[bytes];           \
	}
SAMPLE_OF(16);
SAMPLE_OF(64);
SAMPLE_OF(256);
SAMPLE_OF(512);
SAMPLE_OF(1024);

/* Ring records have a few fixed sizes, so that the payload is copied once, straight into the ring. cap_len says how much
 * of the record is payload; what follows it in the record is undefined. */
static __always_inline int sample_emit(struct __sk_buff *skb, const struct packet *p, struct pg_sample *head, void *payload,
				       u32 cap, u32 max)
{
	if (cap > max || cap == 0)
		goto discard;
	if (bpf_skb_load_bytes(skb, p->payload_off, payload, bounded(cap, max)))
		goto discard;
	head->version = PG_ABI_VERSION;
	head->tcp_seq = p->seq;
	head->payload_len = p->payload_len;
	head->cap_len = cap;
	head->pad = 0;
	head->pad2 = 0;
	head->key = p->key;
	bpf_ringbuf_submit(head, samples_wake_flags(head->ts_ns));
	count_add(PG_CTR_SAMPLES, 1);
	return 0;
discard:
	bpf_ringbuf_discard(head, BPF_RB_NO_WAKEUP);
	return -1;
}

#define SAMPLE_TAKE(bytes)                                                                      \
	({                                                                                      \
		struct sample_##bytes *_s = bpf_ringbuf_reserve(&samples, sizeof(*_s), 0);      \
		int _r = -2;                                                                    \
		if (_s) {                                                                       \
			_s->head.dir = p->dir & 1;                                              \
			_s->head.flags = flags;                                                 \
			_s->head.end_if[0] = end_if0;                                           \
			_s->head.end_if[1] = end_if1;                                           \
			_s->head.ts_ns = bpf_ktime_get_ns();                                    \
			_r = sample_emit(skb, p, &_s->head, _s->payload, cap, bytes);           \
		}                                                                               \
		_r;                                                                             \
	})

static __noinline int sample_take(struct __sk_buff *skb, struct packet *p, u32 cap, u32 flags_ends[3])
{
	u32 flags = flags_ends[0], end_if0 = flags_ends[1], end_if1 = flags_ends[2];
	int r;

	if (cap <= 16)
		r = SAMPLE_TAKE(16);
	else if (cap <= 64)
		r = SAMPLE_TAKE(64);
	else if (cap <= 256)
		r = SAMPLE_TAKE(256);
	else if (cap <= 512)
		r = SAMPLE_TAKE(512);
	else
		r = SAMPLE_TAKE(1024);
	if (r == -2)
		count_add(PG_CTR_SAMPLE_LOST, 1);
	return r;
}

/* A stream may come byte by byte, so a direction's segments are limited in bytes, its datagrams in number too. */
static __always_inline bool budget_used(const struct packet *p, u32 bytes, u32 count)
{
	return bytes >= PG_SAMPLE_BUDGET || (count >= PG_SAMPLE_COUNT_MAX && p->key.proto == IPPROTO_UDP);
}

/* Small pieces beyond a direction's first PG_SAMPLE_COUNT_MAX get what the ring has to spare: however many there are, three
 * quarters of it stay for first packets. */
static __always_inline bool ring_has_spare(void)
{
	return bpf_ringbuf_query(&samples, BPF_RB_AVAIL_DATA) < PG_SAMPLES_SPARE_BYTES;
}

static __noinline int flow_sample(struct __sk_buff *skb, struct packet *p, struct pg_flow *f)
{
	u32 dir = p->dir & 1, cap = p->payload_len, flags = f->flags, args[3];
	u32 used = f->sampled[dir], taken = f->samples[dir];

	if (budget_used(p, used, taken))
		return 0;
	if (bpf_map_lookup_elem(&inspected, &p->key)) {
		bpf_map_delete_elem(&inspected, &p->key);
		__sync_fetch_and_or(&f->flags, PG_FLOW_INSPECTED);
		return 0;
	}
	if (taken >= PG_SAMPLE_COUNT_MAX && !ring_has_spare()) {
		count_add(PG_CTR_SAMPLE_LOST, 1);
		return 0;
	}
	if (cap > PG_SAMPLE_MAX)
		cap = PG_SAMPLE_MAX;
	if (cap > PG_SAMPLE_BUDGET - used)
		cap = PG_SAMPLE_BUDGET - used;
	args[0] = 0;
	if (flags & PG_FLOW_SYN_SEEN) {
		args[0] = PG_SAMPLE_SYN_DIR_KNOWN;
		if (!(flags & PG_FLOW_SYN_DIR) == !dir)
			args[0] |= PG_SAMPLE_CLIENT_SENT;
	} else if (!(flags & PG_FLOW_FIRST_DIR) == !dir) {
		args[0] |= PG_SAMPLE_CLIENT_SENT;
	}
	if (cap < p->payload_len)
		args[0] |= PG_SAMPLE_CUT;
	if (budget_used(p, used + cap, taken + 1))
		args[0] |= PG_SAMPLE_LAST;
	args[1] = f->end_if[0];
	args[2] = f->end_if[1];
	if (sample_take(skb, p, cap, args))
		return 0; /* the budget is for what the inspector got */
	f->sampled[dir] = used + cap;
	if (taken < 255)
		f->samples[dir] = taken + 1;
	if ((args[0] & PG_SAMPLE_LAST) && budget_used(p, f->sampled[!dir], f->samples[!dir]))
		__sync_fetch_and_or(&f->flags, PG_FLOW_INSPECTED);
	return 0;
}

/* ---- counting --------------------------------------------------------------------------------------- */
static __always_inline void flow_mark(struct pg_flow *f, const struct packet *p)
{
	u32 dir = p->dir & 1, add = 0, flags = f->flags;

	if (!(flags & PG_FLOW_TWO_WAY) && !(flags & PG_FLOW_FIRST_DIR) != !dir) {
		if (!(__sync_fetch_and_or(&f->flags, PG_FLOW_TWO_WAY) & PG_FLOW_TWO_WAY)) {
			u32 zero = 0;
			struct pg_flow_gauge *g = bpf_map_lookup_elem(&flow_gauge, &zero);

			if (g)
				__sync_fetch_and_add(&g->promoted, 1);
		}
	}
	if (p->tcp_flags) {
		if ((p->tcp_flags | f->tcp_flags[dir]) != f->tcp_flags[dir])
			f->tcp_flags[dir] |= p->tcp_flags;
		if ((p->tcp_flags & 0x12) == 2 && !(flags & PG_FLOW_SYN_SEEN))
			add = PG_FLOW_SYN_SEEN | (dir ? PG_FLOW_SYN_DIR : 0);
	}
	if (p->is_fragment && !(flags & PG_FLOW_FRAGMENTS))
		add |= PG_FLOW_FRAGMENTS;
	if (add)
		__sync_fetch_and_or(&f->flags, add);
}

static __always_inline void flow_count(struct __sk_buff *skb, struct packet *p, struct pg_flow *f)
{
	u32 dir = p->dir & 1;
	u64 before, now;

	before = __sync_fetch_and_add(&f->packets[dir], p->segs);
	__sync_fetch_and_add(&f->bytes[dir], p->bytes);
	now = bpf_ktime_get_coarse_ns();
	if (now > f->last_ns)
		f->last_ns = now;
	flow_mark(f, p);
	/* The owner may become known late (iterators run after the hooks are in place): asked again now and then. */
	if (!f->owner_tgid[dir] && (!before || !(before & 15)))
		flow_join_owner(skb, f, dir);
	if (p->payload_len && !(f->flags & PG_FLOW_INSPECTED) && (p->key.proto == IPPROTO_TCP || p->key.proto == IPPROTO_UDP))
		flow_sample(skb, p, f);
	count_add(PG_CTR_COUNTED, p->segs);
}

/* Whether the entry's end is this interface's; takes the end if nobody has it. */
static __always_inline bool flow_end_is(struct pg_flow *f, u32 end, u32 ifindex)
{
	u32 have = f->end_if[end & 1];

	if (have == ifindex)
		return true;
	if (have)
		return false;
	have = __sync_val_compare_and_swap(&f->end_if[end & 1], 0, ifindex);
	return !have || have == ifindex;
}

/* An end that only ever received is where the first copy of a frame went out, and a bridge that did not know the address yet
 * sent copies to every port: the end that answers is the real one. */
static __always_inline bool flow_end_corrected(struct pg_flow *f, u32 end, u32 ifindex)
{
	u32 have = f->end_if[end & 1];

	if (f->packets[end & 1])
		return false;
	return __sync_val_compare_and_swap(&f->end_if[end & 1], have, ifindex) == have;
}

static __always_inline void count_seen(const struct packet *p)
{
	count_add(PG_CTR_SEEN, p->segs);
	count_add(PG_CTR_SEEN_BYTES, p->bytes);
}

/* A packet that is no flow. */
static __always_inline void count_no_flow(const struct packet *p, int why)
{
	count_seen(p);
	count_add(why == PARSE_NOT_IP ? PG_CTR_NOT_IP : PG_CTR_MALFORMED, p->segs);
}

/* The packet was sent by the container behind send_if. Another interface's flow: an entry of its own for this claimant. */
static __always_inline struct pg_flow *flow_of_sender(struct packet *p, struct place *at)
{
	struct pg_flow *f = bpf_map_lookup_elem(&flows, &p->key);

	if (f && !flow_end_is(f, p->dir, at->send_if) && !flow_end_corrected(f, p->dir, at->send_if)) {
		p->key.claimant_if = at->send_if;
		f = bpf_map_lookup_elem(&flows, &p->key);
	}
	return f;
}

static __always_inline void account_sent(struct __sk_buff *skb, struct packet *p, u32 send_if)
{
	struct place at = { .send_if = send_if };
	struct pg_flow *f;

	count_seen(p);
	f = flow_of_sender(p, &at);
	if (!f)
		f = flow_make(p, &at);
	if (f)
		flow_count(skb, p, f);
}

static __always_inline void account_received(struct __sk_buff *skb, struct packet *p, struct pg_flow *f, u32 recv_if, u32 via_if)
{
	struct place at = { .recv_if = recv_if, .via_if = via_if };
	u32 dir = p->dir & 1;

	count_seen(p);
	if (!f)
		f = flow_make(p, &at);
	if (!f)
		return;
	if (via_if && !f->via_if[dir])
		f->via_if[dir] = via_if;
	flow_count(skb, p, f);
}

#endif
