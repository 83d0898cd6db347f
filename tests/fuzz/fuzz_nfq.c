/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages about queued packets: what the kernel hands the verdict process with a container's bytes in it, the connections made
 * of them, the kernel's table of queues, and the question that the inspector is asked. First byte: which of them. */
#include <linux/netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "appid/allowed.h"
#include "enforce/nfq_conns.h"
#include "enforce/nfq_msg.h"
#include "enforce/nfq_sock.h"

/* A message in memory of exactly its size. */
static void message(const uint8_t *data, size_t size)
{
	struct nlmsghdr *nlh = size >= sizeof(*nlh) ? malloc(size) : NULL;
	struct nfq_segment s;
	struct nfq_packet p;

	if (!nlh)
		return;
	memcpy(nlh, data, size);
	nlh->nlmsg_len = (uint32_t)size;
	if (nfq_packet_parse(nlh, &p))
		(void)nfq_segment_parse(&p, &s);
	free(nlh);
}

/* Segments as: flags, sequence number, length, bytes. Whatever comes, a head is never longer than what was said. */
static void talk(const uint8_t *data, size_t size)
{
	const struct nfq_key k = { .l4 = 6 };
	struct nfq_conns *conns = nfq_conns_new(1);
	struct nfq_conn *c = conns ? nfq_conns_add(conns, &k) : NULL;

	while (c && size >= 8) {
		struct nfq_segment s = { .l4 = 6, .syn = data[0] & 2, .fin = data[0] & 1, .rst = data[0] & 4, .has_ack = data[0] & 16 };
		size_t n = data[3] < size - 8 ? data[3] : size - 8;
		unsigned side = data[0] >> 7;

		s.seq = (uint32_t)data[1] * (data[0] & 32 ? 0x1000000u : 1u);
		s.ack = data[2];
		s.payload = bytes_of(data + 8, n);
		s.payload_len = (uint32_t)n + (data[0] & 64 ? (uint32_t)data[4] << 8 : 0);
		(void)nfq_conn_take(c, side, &s);
		if (c->side[side].len > sizeof(c->side[side].head) || (c->side[side].known && c->side[side].len > c->side[side].next - c->side[side].first))
			abort();
		data += 8 + n;
		size -= 8 + n;
	}
	nfq_conns_free(conns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg_queue_answer a;
	struct nfq_state s[2];
	char *text;

	if (!size)
		return 0;
	switch (data[0] & 3) {
	case 0:
		message(data + 1, size - 1);
		break;
	case 1:
		talk(data + 1, size - 1);
		break;
	case 2:
		if (allowed_answer(data + 1, size - 1, &a) && (a.what >= QUEUE_WHAT_MAX || !memchr(a.app, 0, sizeof(a.app))))
			abort();
		break;
	default:
		text = malloc(size);
		if (!text)
			break;
		memcpy(text, data + 1, size - 1);
		text[size - 1] = '\0';
		(void)nfq_state_parse(text, 20550, s);
		free(text);
	}
	return 0;
}
