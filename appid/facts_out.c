/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/facts_out.h"

#include <stdlib.h>
#include <string.h>

#include "base/ipc.h"
#include "sensor/facts.h"
#include "sensor/msg.h"

#define DATAGRAM_MAX 32000

void facts_out_init(struct facts_out *o, size_t max)
{
	memset(o, 0, sizeof(*o));
	o->max = max;
}

void facts_out_done(struct facts_out *o)
{
	free(o->buf);
	memset(o, 0, sizeof(*o));
}

static uint8_t *room(struct facts_out *o, size_t need)
{
	size_t cap = o->cap ? o->cap : 8192;
	uint8_t *p;

	if (o->len + need <= o->cap)
		return o->buf + o->len;
	while (cap < o->len + need)
		cap *= 2;
	if (cap > o->max)
		return NULL;
	p = realloc(o->buf, cap);
	if (!p)
		return NULL;
	o->buf = p;
	o->cap = cap;
	return o->buf + o->len;
}

void facts_out_put(struct facts_out *o, const struct flow_key *key, const char *text, size_t len)
{
	struct msg_facts m = { .key = *key, .len = (uint16_t)len };
	uint8_t *p;

	if (len >= FACTS_MAX)
		return;
	p = room(o, sizeof(m) + len);
	if (!p) {
		o->dropped++;
		return;
	}
	memcpy(p, &m, sizeof(m));
	memcpy(p + sizeof(m), text, len);
	o->len += sizeof(m) + len;
}

int facts_out_send(struct facts_out *o, int sock)
{
	size_t at = 0;
	int r = 0;

	while (at < o->len && r == 0) {
		size_t n = 0;

		while (at + n < o->len) {
			struct msg_facts m;

			memcpy(&m, o->buf + at + n, sizeof(m));
			if (n + sizeof(m) + m.len > DATAGRAM_MAX)
				break;
			n += sizeof(m) + m.len;
		}
		r = ipc_send(sock, MSG_FACTS, 0, 0, o->buf + at, n, -1);
		if (r == 0)
			at += n;
	}
	o->len -= at;
	if (at && o->len)
		memmove(o->buf, o->buf + at, o->len);
	return r;
}
