/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/nfq_msg.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/in.h>
#include <string.h>

#include "flows/packet_view.h"

static void number(const uint8_t *p, uint32_t len, uint32_t *ret)
{
	if (len == 4)
		*ret = be32_at(p);
}

bool nfq_packet_parse(const struct nlmsghdr *nlh, struct nfq_packet *ret)
{
	struct nfqnl_msg_packet_hdr head;
	struct nfgenmsg gen;
	bool has_head = false;
	struct bytes left;

	if (nlh->nlmsg_type != ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET) || nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(gen))
		return false;
	memcpy(&gen, mnl_nlmsg_get_payload(nlh), sizeof(gen));
	*ret = (struct nfq_packet){ .queue = ntohs(gen.res_id) };
	left = bytes_of((const uint8_t *)nlh + MNL_NLMSG_HDRLEN + sizeof(gen), nlh->nlmsg_len - MNL_NLMSG_HDRLEN - sizeof(gen));
	for (struct nlattr a; bytes_left(&left) >= sizeof(a);) {
		const uint8_t *p = left.p + MNL_ATTR_HDRLEN;
		uint32_t len;

		memcpy(&a, left.p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > bytes_left(&left))
			return false;
		len = a.nla_len - (uint32_t)sizeof(a);
		if (!bytes_skip(&left, MNL_ALIGN(a.nla_len)))
			left.p = left.end; /* the last one is not filled up */
		switch (a.nla_type & NLA_TYPE_MASK) {
		case NFQA_PACKET_HDR:
			if (len < sizeof(head))
				return false;
			memcpy(&head, p, sizeof(head));
			ret->id = ntohl(head.packet_id);
			ret->ethertype = ntohs(head.hw_protocol);
			has_head = true;
			break;
		case NFQA_PAYLOAD:
			ret->data = (struct bytes){ p, p + len };
			break;
		case NFQA_CAP_LEN:
			number(p, len, &ret->wire_len);
			break;
		case NFQA_MARK:
			number(p, len, &ret->mark);
			break;
		default:
			break;
		}
	}
	if (ret->wire_len < bytes_left(&ret->data))
		ret->wire_len = (uint32_t)bytes_left(&ret->data);
	return has_head;
}

static bool tcp_parse(struct packet_part *p, struct nfq_segment *ret)
{
	const uint8_t *h = p->cap.p;
	uint32_t off;

	if (bytes_left(&p->cap) < 20)
		return false;
	off = (uint32_t)(h[12] >> 4) * 4;
	if (off < 20 || off > p->wire_len)
		return false;
	ret->fin = h[13] & 1;
	ret->syn = h[13] & 2;
	ret->rst = h[13] & 4;
	ret->has_ack = h[13] & 0x10;
	ret->seq = be32_at(h + 4) + ret->syn;
	ret->ack = be32_at(h + 8);
	ret->payload_len = p->wire_len - off;
	if (off <= bytes_left(&p->cap))
		ret->payload = (struct bytes){ h + off, p->cap.end };
	return true;
}

bool nfq_segment_parse(const struct nfq_packet *q, struct nfq_segment *ret)
{
	struct packet_part p = { .cap = q->data, .wire_len = q->wire_len };
	struct packet_ip ip;

	*ret = (struct nfq_segment){ .l4 = 0 };
	if (packet_take_ip(&p, q->ethertype, &ip) != PACKET_OK || ip.frag_later || (ip.proto != IPPROTO_TCP && ip.proto != IPPROTO_UDP))
		return false;
	memcpy(ret->src, ip.src, 16);
	memcpy(ret->dst, ip.dst, 16);
	ret->l4 = ip.proto;
	p = ip.payload;
	if (bytes_left(&p.cap) < 8)
		return false;
	ret->sport = be16_at(p.cap.p);
	ret->dport = be16_at(p.cap.p + 2);
	if (ip.proto == IPPROTO_TCP)
		return tcp_parse(&p, ret);
	ret->payload = (struct bytes){ p.cap.p + 8, p.cap.end };
	ret->payload_len = p.wire_len - 8;
	return true;
}

static struct nlmsghdr *head_put(void *buf, uint16_t type, uint16_t queue)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *gen;

	nlh->nlmsg_type = (uint16_t)((NFNL_SUBSYS_QUEUE << 8) | type);
	nlh->nlmsg_flags = NLM_F_REQUEST;
	gen = mnl_nlmsg_put_extra_header(nlh, sizeof(*gen));
	gen->nfgen_family = AF_UNSPEC;
	gen->version = NFNETLINK_V0;
	gen->res_id = htons(queue);
	return nlh;
}

static size_t verdict_put(void *buf, uint16_t type, uint16_t queue, uint32_t id, uint32_t verdict, uint32_t mark)
{
	struct nfqnl_msg_verdict_hdr v = { .verdict = htonl(verdict), .id = htonl(id) };
	struct nlmsghdr *nlh = head_put(buf, type, queue);

	mnl_attr_put(nlh, NFQA_VERDICT_HDR, sizeof(v), &v);
	if (mark)
		mnl_attr_put_u32(nlh, NFQA_MARK, htonl(mark));
	return nlh->nlmsg_len;
}

size_t nfq_verdict_put(void *buf, uint16_t queue, uint32_t id, uint32_t verdict, uint32_t mark)
{
	return verdict_put(buf, NFQNL_MSG_VERDICT, queue, id, verdict, mark);
}

size_t nfq_batch_put(void *buf, uint16_t queue, uint32_t id, uint32_t verdict)
{
	return verdict_put(buf, NFQNL_MSG_VERDICT_BATCH, queue, id, verdict, 0);
}
