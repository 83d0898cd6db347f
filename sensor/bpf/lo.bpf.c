/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lo inside a container's namespace, egress: the answers of the engine's resolver (127.0.0.11 port 53, UDP; the engine
 * rewrites the port behind it before this hook) go to the inspector, because they never cross the veth. Nothing else is
 * looked at: no flows, no counters of lo. Loaded once (ns_of()). */
#include "sensor/bpf/parse.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define TC_NEXT (-1)
#define RESOLVER bpf_htonl(0x7f00000b) /* 127.0.0.11 */

struct lo_sample {
	struct pg_sample head;
	u8 payload[PG_SAMPLE_STREAM_MAX];
};

static __noinline int answer_take(struct __sk_buff *skb, struct packet *p)
{
	struct lo_sample *s;
	u32 cap = p->payload_len, flags = PG_SAMPLE_LOOPBACK;

	if (cap > PG_SAMPLE_STREAM_MAX) {
		cap = PG_SAMPLE_STREAM_MAX;
		flags |= PG_SAMPLE_CUT;
	}
	if (!cap)
		return 0;
	s = bpf_ringbuf_reserve(&samples, sizeof(*s), 0);
	if (!s) {
		count_add(PG_CTR_SAMPLE_LOST, 1);
		return 0;
	}
	if (bpf_skb_load_bytes(skb, p->payload_off, s->payload, bounded(cap, PG_SAMPLE_STREAM_MAX))) {
		bpf_ringbuf_discard(s, BPF_RB_NO_WAKEUP);
		return 0;
	}
	s->head = (struct pg_sample){
		.version = PG_ABI_VERSION,
		.dir = p->dir & 1,
		.flags = flags,
		.ts_ns = bpf_ktime_get_ns(),
		.payload_len = p->payload_len,
		.cap_len = cap,
	};
	s->head.end_if[0] = p->dir ? skb->ifindex : 0; /* the client's end: the namespace's own lo */
	s->head.end_if[1] = p->dir ? 0 : skb->ifindex;
	s->head.key = p->key;
	bpf_ringbuf_submit(s, samples_wake_flags(bpf_ktime_get_ns()));
	count_add(PG_CTR_SAMPLES, 1);
	return 0;
}

SEC("tc")
int lo_egress(struct __sk_buff *skb)
{
	struct ipv4_wire ip;
	struct packet p;
	__be16 sport;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HDR_LEN, &ip, sizeof(ip)))
		return TC_NEXT;
	if (ip.src != RESOLVER || ip.proto != IPPROTO_UDP || ip.ver_ihl != 0x45)
		return TC_NEXT;
	if (bpf_skb_load_bytes(skb, ETH_HDR_LEN + sizeof(ip), &sport, 2) || sport != bpf_htons(53))
		return TC_NEXT;
	if (packet_parse_l2(&p, skb, 0, ns_of(skb)) == PARSE_OK)
		answer_take(skb, &p);
	return TC_NEXT;
}
