/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz: a frame of any link type, perhaps longer on the wire than captured. Input: byte 0: link type (modulo), byte 1: how
 * many bytes the capture lacks, then the frame. Held against what must be true of any answer. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flows/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct packet_view *v, const uint8_t *frame, size_t len)
{
	struct flow_key back;

	if (memcmp(v->key.addr[0], v->key.addr[1], 16) > 0 || v->dir > 1 || v->key.claimant_if || v->key.pad || v->key.ns != 9)
		abort();
	if (v->payload && (v->payload < frame || v->payload + v->payload_cap_len > frame + len))
		abort();
	if (v->payload_cap_len > v->payload_len || v->payload_len > v->frame_len || v->vxlan_layers > DECODE_VXLAN_MAX ||
	    v->vlan_count > PACKET_VLAN_MAX || (v->frag_first && v->frag_later))
		abort();
	/* the other direction has the same key */
	flow_key_make(&back, 9, v->key.proto, v->key.addr[!v->dir], v->key.port[!v->dir], v->key.addr[v->dir], v->key.port[v->dir]);
	if (memcmp(&back, &v->key, sizeof(back)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_view v;
	enum packet_result r;
	uint8_t *frame;

	if (size < 2)
		return 0;
	frame = malloc(size - 2 ? size - 2 : 1); /* a copy of its own: reads beyond it are seen */
	if (!frame)
		return 0;
	memcpy(frame, data + 2, size - 2);
	r = decode_frame(frame, size - 2, size - 2 + data[1], data[0] % PACKET_LINK_MAX, DECODE_VXLAN_PORT, 9, &v);
	if (r == PACKET_OK)
		check(&v, frame, size - 2);
	if (r == PACKET_CUT && !data[1])
		abort();
	free(frame);
	return 0;
}
