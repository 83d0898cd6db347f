/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting a packet into its flow, exactly once and never silently not: for every packet offered here,
 * SEEN = COUNTED + NOT_IP + MALFORMED + REFUSED_FULL + REFUSED_HALF. Also: the flow's owner, and its first bytes. */
#ifndef PG_BPF_FLOW_BPF_H
#define PG_BPF_FLOW_BPF_H

#include "sensor/bpf/listed.bpf.h"
#include "sensor/bpf/owner.bpf.h"
#include "sensor/bpf/parse.bpf.h"

volatile const pg_u32 half_open_max;
volatile const pg_u32 flows_max; /* entries of flows */

/* Where a packet was met. Exactly one of send_if and recv_if is not 0. */
struct place {
	u32 send_if; /* it was sent by the container behind this interface */
	u32 recv_if; /* it goes to the container behind this interface, and was counted nowhere else */
	u32 via_if;  /* recv_if: the interface it came in by, 0: from this node */
	u16 made;    /* out: its flow's entry was made with it, and has it counted */
	u16 flood;   /* out, with made: core says that unanswered flows come in floods */
};

/* ---- owner --------------------------------------------------------------------------------------- */
struct sender {
	u64 start_ns; /* of the process */
	u32 tgid;     /* 0: unknown */
};

static __always_inline void sender_from(struct sender *s, struct pg_owner *o)
{
	s->start_ns = o->start_boot_ns;
	s->tgid = o->tgid;
	if (!(o->flags & OWNER_JOINED))
		__sync_fetch_and_or(&o->flags, OWNER_JOINED);
}

static __always_inline bool owner_find(struct sender *s, u64 cookie)
{
	struct young_socket *y = young_find(cookie);
	struct pg_owner *o;

	if (y) {
		sender_from(s, &y->owner);
		if (y->cookie == cookie)
			return true;
		s->tgid = 0; /* closed, and another socket's since */
	}
	o = bpf_map_lookup_elem(&sockets, &cookie);
	if (!o)
		o = bpf_map_lookup_elem(&closed_sockets, &cookie);
	if (o)
		sender_from(s, o);
	return o;
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

/* The socket's cookie, 0: unknown. */
static __noinline u64 sender_find(struct __sk_buff *skb, struct sender *s)
{
	u64 cookie = bpf_get_socket_cookie(skb), listener;

	s->start_ns = 0;
	s->tgid = 0;
	if (!cookie || owner_find(s, cookie))
		return cookie;
	listener = listener_cookie(skb);
	if (listener)
		owner_find(s, listener);
	return cookie;
}

static __noinline int flow_join_owner(struct __sk_buff *skb, struct pg_flow *f, u32 dir)
{
	struct sender s;
	u64 cookie = sender_find(skb, &s);

	if (!cookie || dir > 1)
		return 0;
	f->cookie[dir] = cookie;
	if (!s.tgid)
		return 0;
	f->owner_start_ns[dir] = s.start_ns;
	f->owner_tgid[dir] = s.tgid;
	return 0;
}

/* ---- a new flow ------------------------------------------------------------------------------------ */
static __always_inline void count_refused(const struct packet *p, u32 packets, u32 bytes)
{
	count_add(packets, p->segs);
	count_add(bytes, p->bytes);
}

/* Tells core the key, and gives the flow its serial: about 25 ns; found by reading the map it would cost core that for every
 * entry, every time. */
static __always_inline u32 news_put(struct pg_flow_gauge *g, const struct flow_key *key, u64 now)
{
	u32 n = __sync_fetch_and_add(&g->news, 1), i = n & (PG_NEWS_SLOTS - 1);
	struct pg_flow_news *s = bpf_map_lookup_elem(&flow_news, &i);

	if (!s)
		return 0;
	s->seq = 0;
	barrier();
	s->key = *key;
	s->ts_ns = now;
	__sync_lock_test_and_set(&s->seq, n + 1); /* a full barrier */
	return n + 1;
}

static __always_inline u32 first_flags(const struct packet *p, u32 dir)
{
	u32 flags = dir ? PG_FLOW_FIRST_DIR : 0;

	if (p->key.claimant_if)
		flags |= PG_FLOW_CLAIMED;
	if (p->key.proto == IPPROTO_TCP) {
		if (!(p->tcp_flags & TCP_SYN))
			flags |= PG_FLOW_MIDSTREAM;
		else if (!(p->tcp_flags & TCP_ACK))
			flags |= PG_FLOW_SYN_SEEN | (dir ? PG_FLOW_SYN_DIR : 0);
	}
	if (p->what & PACKET_FRAGMENT)
		flags |= PG_FLOW_FRAGMENTS;
	return flags;
}

/* The entry as the first packet makes it. No variable index into the stack: the verifier refuses how clang writes it. */
static __always_inline void flow_fresh(struct pg_flow *f, const struct packet *p, const struct place *at, const struct sender *s, u64 cookie)
{
	u16 start = p->tcp_flags & TCP_SYN ? p->seq + 1 : 0;

	if (p->dir & 1) {
		f->packets[1] = p->segs;
		f->bytes[1] = p->bytes;
		f->tcp_flags[1] = p->tcp_flags;
		f->start[1] = start;
		f->end_if[0] = at->recv_if;
		f->end_if[1] = at->send_if;
		f->via_if[1] = at->via_if;
		f->cookie[1] = cookie;
		f->owner_start_ns[1] = s->start_ns;
		f->owner_tgid[1] = s->tgid;
	} else {
		f->packets[0] = p->segs;
		f->bytes[0] = p->bytes;
		f->tcp_flags[0] = p->tcp_flags;
		f->start[0] = start;
		f->end_if[0] = at->send_if;
		f->end_if[1] = at->recv_if;
		f->via_if[0] = at->via_if;
		f->cookie[0] = cookie;
		f->owner_start_ns[0] = s->start_ns;
		f->owner_tgid[0] = s->tgid;
	}
}

/* The end that is not the container's: the receiver of what it sends, the sender of what it gets. */
static __always_inline u32 listed_of(struct __sk_buff *skb, const struct packet *p, const struct place *at)
{
	const u8 *far = !(p->dir & 1) == !!at->send_if ? p->key.addr[1] : p->key.addr[0];
	u64 high, low;

	__builtin_memcpy(&high, far, 8);
	__builtin_memcpy(&low, far + 8, 8);
	return (u32)listed_flags(skb, high, low, at->send_if | at->recv_if);
}

static __always_inline struct pg_flow_share *share_at(u32 slot)
{
	return bpf_map_lookup_elem(&flow_shares, &slot);
}

static __always_inline void share_take(struct pg_flow_share *s, const struct packet *p, u32 ifindex)
{
	if (s->ifindex != ifindex || s->ns != p->key.ns) {
		s->ifindex = ifindex;
		s->ns = p->key.ns;
		s->refused = 0;
	}
}

/* Whether there is room for one more of those that are not answered yet, of all; when there were this many before. */
static __always_inline bool half_is_full(const struct pg_flow_gauge *g, u64 opened, u64 mine)
{
	s64 left = (s64)half_open_max - (s64)(opened - g->promoted - g->reaped_half);

	return left <= 0 || (s64)mine >= PG_SHARE_HALF * left;
}

static __always_inline bool table_is_full(const struct pg_flow_gauge *g, u64 opened, u64 mine)
{
	s64 left = (s64)flows_max - (s64)(opened - g->reaped);

	return left <= 0 || (s64)mine >= PG_SHARE_ALL * left;
}

/* One more flow is booked, in all and in its share, unless there is no room: then the packet is counted as refused. */
static __always_inline bool flow_book(struct pg_flow_gauge *g, struct pg_flow_share *s, const struct packet *p, u32 ifindex)
{
	u64 opened = __sync_fetch_and_add(&g->opened, 1), half = __sync_fetch_and_add(&s->half, 1);

	share_take(s, p, ifindex);
	if (half_is_full(g, opened, half))
		count_refused(p, PG_CTR_REFUSED_HALF, PG_CTR_REFUSED_HALF_BYTES);
	else if (table_is_full(g, opened, half + s->two_way))
		count_refused(p, PG_CTR_REFUSED_FULL, PG_CTR_REFUSED_FULL_BYTES);
	else
		return true;
	__sync_fetch_and_add(&g->opened, -1);
	__sync_fetch_and_add(&s->half, -1);
	__sync_fetch_and_add(&s->refused, p->segs);
	return false;
}

/* The first packet of a flow: its entry is made with all that this packet says, in one go (at->made). Or another CPU was
 * faster: its entry, and the packet is still to be counted. NULL: refused, and counted as that. */
static __noinline struct pg_flow *flow_begin(struct __sk_buff *skb, struct packet *p, struct place *at)
{
	u32 ifindex = at->send_if ?: at->recv_if, slot = if_slot_of(ifindex, p->key.ns), zero = 0;
	struct pg_flow_share *share = share_at(slot);
	struct pg_flow fresh = {}, *f;
	struct pg_flow_gauge *g;
	struct sender s;
	u64 cookie;
	long r;

	g = bpf_map_lookup_elem(&flow_gauge, &zero);
	if (!g || !share || !flow_book(g, share, p, ifindex))
		return NULL;
	at->flood = g->flooded != 0;
	cookie = sender_find(skb, &s);
	flow_fresh(&fresh, p, at, &s, cookie);
	fresh.first_ns = fresh.last_ns = bpf_ktime_get_ns();
	fresh.flags = first_flags(p, p->dir & 1) | listed_of(skb, p, at) | slot << PG_FLOW_SHARE_SHIFT;
	r = bpf_map_update_elem(&flows, &p->key, &fresh, BPF_NOEXIST);
	if (r) {
		__sync_fetch_and_add(&g->opened, -1);
		__sync_fetch_and_add(&share->half, -1);
	}
	at->made = !r;
	f = r && r != -EEXIST ? NULL : bpf_map_lookup_elem(&flows, &p->key);
	if (!r) {
		u32 serial = news_put(g, &p->key, fresh.first_ns);

		count_add(PG_CTR_COUNTED, p->segs);
		if (f)
			f->serial = serial;
	} else if (!f) {
		count_refused(p, PG_CTR_REFUSED_FULL, PG_CTR_REFUSED_FULL_BYTES);
		__sync_fetch_and_add(&share->refused, p->segs);
	}
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
SAMPLE_OF(2048);

#define SAMPLE_PUT(bytes)                                                                        \
	({                                                                                       \
		struct sample_##bytes *_s = bpf_ringbuf_reserve(&samples, sizeof(*_s), 0);       \
		int _r = -2;                                                                     \
		if (_s && bpf_skb_load_bytes(skb, off, _s->payload, bounded(cap, bytes)) == 0) { \
			_s->head = *head;                                                        \
			bpf_ringbuf_submit(_s, samples_wake_flags(head->ts_ns));                 \
			_r = 0;                                                                  \
		} else if (_s) {                                                                 \
			bpf_ringbuf_discard(_s, BPF_RB_NO_WAKEUP);                               \
			_r = -1;                                                                 \
		}                                                                                \
		_r;                                                                              \
	})

/* Ring records have a few fixed sizes, so that the payload is copied once, straight into the ring. cap_len says how much
 * of the record is payload; what follows it in the record is undefined. A global function: verified once. */
__noinline int sample_put(struct __sk_buff *skb, struct pg_sample *head, u32 off)
{
	u32 cap;
	int r;

	if (!head)
		return -1;
	cap = head->cap_len;
	if (cap == 0 || cap > PG_SAMPLE_MAX)
		return -1;
	if (cap <= 16)
		r = SAMPLE_PUT(16);
	else if (cap <= 64)
		r = SAMPLE_PUT(64);
	else if (cap <= 256)
		r = SAMPLE_PUT(256);
	else if (cap <= 512)
		r = SAMPLE_PUT(512);
	else if (cap <= 1024)
		r = SAMPLE_PUT(1024);
	else
		r = SAMPLE_PUT(2048);
	if (r == -2)
		count_add(PG_CTR_SAMPLE_LOST, 1);
	else if (r == 0)
		count_add(PG_CTR_SAMPLES, 1);
	return r;
}

/* A stream may come byte by byte, so a direction's segments are limited in bytes, its datagrams in number too. */
static __always_inline u32 budget_of(const struct packet *p)
{
	return p->key.proto == IPPROTO_UDP ? PG_SAMPLE_DATAGRAM_BUDGET : PG_SAMPLE_BUDGET;
}

static __always_inline bool budget_used(const struct packet *p, u32 bytes, u32 count)
{
	return bytes >= budget_of(p) || (count >= PG_SAMPLE_COUNT_MAX && p->key.proto == IPPROTO_UDP);
}

static __always_inline bool is_for_inspector(const struct packet *p)
{
	return p->payload_len && (p->key.proto == IPPROTO_TCP || p->key.proto == IPPROTO_UDP);
}

/* Small pieces beyond a direction's first PG_SAMPLE_COUNT_MAX get what the ring has to spare: however many there are, three
 * quarters of it stay for first packets. */
static __always_inline bool ring_has_spare(void)
{
	return bpf_ringbuf_query(&samples, BPF_RB_AVAIL_DATA) < PG_SAMPLES_SPARE_BYTES;
}

/* Who sent it, where it stands in the stream or the datagram. */
static __always_inline void sample_describe(struct pg_sample *head, const struct packet *p, const struct pg_flow *f)
{
	u32 dir = p->dir & 1, flags = f->flags;
	bool client = !(flags & PG_FLOW_FIRST_DIR) == !dir;

	if (flags & PG_FLOW_SYN_SEEN) {
		head->flags |= PG_SAMPLE_SYN_DIR_KNOWN;
		client = !(flags & PG_FLOW_SYN_DIR) == !dir;
	}
	if (client)
		head->flags |= PG_SAMPLE_CLIENT_SENT;
	head->tcp_seq = p->seq;
	if (p->what & PACKET_FRAGMENT) {
		head->flags |= PG_SAMPLE_FRAGMENT;
		head->fragment = p->frag;
	} else if (p->tcp_flags & TCP_SYN) {
		head->tcp_seq++;
	}
	if (f->tcp_flags[dir] & TCP_SYN) {
		head->flags |= PG_SAMPLE_START_KNOWN;
		head->start = f->start[dir];
	}
}

static __always_inline bool is_inspected(u32 serial)
{
	u32 zero = 0;
	struct pg_inspected *t = bpf_map_lookup_elem(&inspected, &zero);

	return serial && t && t->serial[serial & (PG_INSPECTED_SLOTS - 1)] == serial;
}

static __noinline int flow_sample(struct __sk_buff *skb, struct packet *p, struct pg_flow *f)
{
	struct pg_sample head = { .version = PG_ABI_VERSION, .ts_ns = bpf_ktime_get_ns(), .payload_len = p->payload_len };
	u32 dir = p->dir & 1, cap = p->payload_len, used = f->sampled[dir], taken = f->samples[dir], max;

	if (is_inspected(f->serial)) {
		__sync_fetch_and_or(&f->flags, PG_FLOW_INSPECTED);
		return 0;
	}
	if (taken >= PG_SAMPLE_COUNT_MAX && !ring_has_spare()) {
		count_add(PG_CTR_SAMPLE_LOST, 1);
		return 0;
	}
	max = p->key.proto == IPPROTO_UDP && !(p->what & PACKET_FRAGMENT) ? PG_SAMPLE_MAX : PG_SAMPLE_STREAM_MAX;
	if (max > budget_of(p) - used)
		max = budget_of(p) - used;
	if (cap > max)
		cap = max;
	if (cap < p->payload_len)
		head.flags |= PG_SAMPLE_CUT;
	if (budget_used(p, used + cap, taken + 1))
		head.flags |= PG_SAMPLE_LAST;
	sample_describe(&head, p, f);
	head.dir = dir;
	head.cap_len = cap;
	head.end_if[0] = f->end_if[0];
	head.end_if[1] = f->end_if[1];
	head.key = p->key;
	head.flow_serial = f->serial;
	if (sample_put(skb, &head, p->payload_off))
		return 0; /* the budget is for what the inspector got */
	f->sampled[dir] = used + cap;
	if (taken < 255)
		f->samples[dir] = taken + 1;
	if ((head.flags & PG_SAMPLE_LAST) && budget_used(p, f->sampled[!dir], f->samples[!dir]))
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
			struct pg_flow_share *share;

			share = share_at(flags >> PG_FLOW_SHARE_SHIFT);
			if (g && share) {
				__sync_fetch_and_add(&g->promoted, 1);
				__sync_fetch_and_add(&share->half, -1);
				__sync_fetch_and_add(&share->two_way, 1);
			}
		}
	}
	if (p->tcp_flags) {
		if ((p->tcp_flags | f->tcp_flags[dir]) != f->tcp_flags[dir]) {
			if (p->tcp_flags & TCP_SYN & ~f->tcp_flags[dir])
				f->start[dir] = p->seq + 1;
			f->tcp_flags[dir] |= p->tcp_flags;
		}
		if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && !(flags & PG_FLOW_SYN_SEEN))
			add = PG_FLOW_SYN_SEEN | (dir ? PG_FLOW_SYN_DIR : 0);
	}
	if ((p->what & PACKET_FRAGMENT) && !(flags & PG_FLOW_FRAGMENTS))
		add |= PG_FLOW_FRAGMENTS;
	if (add)
		__sync_fetch_and_or(&f->flags, add);
}

static __always_inline void flow_count(struct __sk_buff *skb, struct packet *p, struct pg_flow *f)
{
	u32 dir = p->dir & 1, tick = bpf_jiffies64();
	u64 before, now;

	before = __sync_fetch_and_add(&f->packets[dir], p->segs);
	__sync_fetch_and_add(&f->bytes[dir], p->bytes);
	if (f->tick != tick) { /* the clock's call is dearer than this, and it moves no oftener */
		f->tick = tick;
		now = bpf_ktime_get_coarse_ns();
		if (now > f->last_ns)
			f->last_ns = now;
	}
	flow_mark(f, p);
	/* The owner may become known late (iterators run after the hooks are in place): asked again now and then. */
	if (!f->owner_tgid[dir] && (!before || !(before & 15)))
		flow_join_owner(skb, f, dir);
	if (is_for_inspector(p) && !(f->flags & PG_FLOW_INSPECTED) && !budget_used(p, f->sampled[dir], f->samples[dir]))
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

static __always_inline bool flow_is_dropped(const struct packet *p, const struct pg_flow *f)
{
	if (!(f->flags & PG_FLOW_DROPPED))
		return false;
	count_add(PG_CTR_LISTED_DROPPED, p->segs);
	return true;
}

/* f: the flow's entry, NULL: none yet. Whether the packet goes no further. */
static __always_inline bool flow_account(struct __sk_buff *skb, struct packet *p, struct place *at, struct pg_flow *f)
{
	if (!f) {
		f = flow_begin(skb, p, at);
		if (!f)
			return false;
		if (at->made) {
			/* While very many flows wait for an answer, an unanswered datagram's first bytes tell little for what
			 * they cost: they give way. The answer's are taken, and the next one's. */
			if (at->flood && p->key.proto == IPPROTO_UDP)
				count_add(PG_CTR_SAMPLE_LOST, 1);
			else if (is_for_inspector(p))
				flow_sample(skb, p, f);
			return flow_is_dropped(p, f);
		}
	}
	flow_count(skb, p, f);
	return flow_is_dropped(p, f);
}

static __always_inline bool account_sent(struct __sk_buff *skb, struct packet *p, u32 send_if)
{
	struct place at = { .send_if = send_if };

	count_seen(p);
	return flow_account(skb, p, &at, flow_of_sender(p, &at));
}

static __always_inline bool account_received(struct __sk_buff *skb, struct packet *p, struct pg_flow *f, u32 recv_if, u32 via_if)
{
	struct place at = { .recv_if = recv_if, .via_if = via_if };
	u32 dir = p->dir & 1;

	count_seen(p);
	if (f && via_if && !f->via_if[dir])
		f->via_if[dir] = via_if;
	return flow_account(skb, p, &at, f);
}

#endif
