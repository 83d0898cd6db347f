/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/heads.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sensor/bpf/abi.h"

#define SENDERS 256u   /* power of two; senders whose numbers meet share a place */
#define RESCAN 32      /* drops between two looks for the largest sender */
#define OUT_BYTES 65536

struct record {
	struct record *next;
	uint32_t len;
	unsigned char data[]; /* struct pg_sample, payload */
};
struct sender {
	struct record *first, *last;
	uint64_t bytes;
};
struct heads {
	uint64_t max, bytes, dropped;
	struct sender senders[SENDERS];
	unsigned largest, drops;
};

struct heads *heads_new(void)
{
	return calloc(1, sizeof(struct heads));
}

static void drop_first(struct heads *h, struct sender *s)
{
	struct record *r = s->first;
	size_t cost = sizeof(*r) + r->len;

	s->first = r->next;
	if (!s->first)
		s->last = NULL;
	s->bytes -= cost;
	h->bytes -= cost;
	free(r);
}

static void make_room(struct heads *h, uint64_t max)
{
	while (h->bytes > max) {
		struct sender *s;

		if (!h->senders[h->largest].first || h->drops++ % RESCAN == 0)
			for (unsigned i = 0; i < SENDERS; i++)
				if (h->senders[i].bytes > h->senders[h->largest].bytes)
					h->largest = i;
		s = &h->senders[h->largest];
		if (!s->first)
			return;
		drop_first(h, s);
		h->dropped++;
	}
}

void heads_set(struct heads *h, uint64_t max_bytes)
{
	h->max = max_bytes;
	make_room(h, max_bytes);
}

void heads_free(struct heads *h)
{
	if (h)
		make_room(h, 0);
	free(h);
}

void heads_add(struct heads *h, const void *record, size_t len)
{
	struct pg_sample s;
	struct sender *sender;
	struct record *r;

	if (!h->max || len < sizeof(s))
		return;
	memcpy(&s, record, sizeof(s));
	if (s.version != PG_ABI_VERSION || s.cap_len > len - sizeof(s) || s.dir > 1)
		return;
	len = sizeof(s) + s.cap_len;
	r = malloc(sizeof(*r) + len);
	if (!r) {
		h->dropped++;
		return;
	}
	r->next = NULL;
	r->len = (uint32_t)len;
	memcpy(r->data, record, len);
	sender = &h->senders[(s.end_if[s.dir] * 2654435761U ^ s.key.ns * 40503U) & (SENDERS - 1)];
	if (sender->last)
		sender->last->next = r;
	else
		sender->first = r;
	sender->last = r;
	sender->bytes += sizeof(*r) + len;
	h->bytes += sizeof(*r) + len;
	make_room(h, h->max);
}

uint64_t heads_bytes(const struct heads *h)
{
	return h->bytes;
}

/* ---- secrets ------------------------------------------------------------------------------------------------------------- */
static const struct secret {
	const char *key;
	bool line; /* the whole rest of the line; else up to a separator */
} secrets[] = {
	{ "authorization:", true }, { "cookie:", true },   { "x-api-key:", true }, { "x-auth-token:", true }, { "password=", false },
	{ "passwd=", false },	    { "pwd=", false },	   { "pass=", false },	   { "token=", false },	      { "secret=", false },
	{ "api_key=", false },	    { "apikey=", false },  { "\"password\":", false }, { "\"token\":", false }, { "\"secret\":", false },
	{ "pass ", true },	    { "auth ", true },
};

static size_t mask_value(uint8_t *p, size_t at, size_t len, bool line)
{
	while (at < len && (p[at] == ' ' || p[at] == '\t'))
		at++;
	for (; at < len && p[at] != '\r' && p[at] != '\n' && p[at]; at++) {
		if (!line && (p[at] == '&' || p[at] == ';' || p[at] == ' ' || p[at] == ','))
			break;
		p[at] = 'x';
	}
	return at;
}

void heads_mask(uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		char c = (char)tolower(p[at]);

		for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
			size_t n = strlen(secrets[i].key);
			bool word = secrets[i].key[n - 1] == ' '; /* a command: at a line's begin only */

			if (c != secrets[i].key[0] || len - at < n || strncasecmp((const char *)p + at, secrets[i].key, n) != 0 ||
			    (word && at && p[at - 1] != '\n'))
				continue;
			at = mask_value(p, at + n, len, secrets[i].line);
			break;
		}
	}
}

/* ---- handing out ------------------------------------------------------------------------------------------------------------ */
struct out {
	int fd;
	size_t len;
	unsigned char buf[OUT_BYTES];
};

static int out_flush(struct out *o)
{
	size_t at = 0;

	while (at < o->len) {
		ssize_t n = write(o->fd, o->buf + at, o->len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	o->len = 0;
	return 0;
}

static bool is_wanted(const struct record *r, const struct msg_heads *want)
{
	struct pg_sample s;

	memcpy(&s, r->data, sizeof(s));
	for (uint32_t i = 0; i < want->count && i < HEADS_ADDRESSES_MAX; i++)
		if (!memcmp(s.key.addr[0], want->addr[i], 16) || !memcmp(s.key.addr[1], want->addr[i], 16))
			return true;
	return false;
}

static int by_time(const void *a, const void *b)
{
	const struct record *const *x = a, *const *y = b;
	struct pg_sample s, t;

	memcpy(&s, (*x)->data, sizeof(s));
	memcpy(&t, (*y)->data, sizeof(t));
	return s.ts_ns < t.ts_ns ? -1 : s.ts_ns > t.ts_ns;
}

static int put_record(struct out *o, const struct record *r, unsigned keep)
{
	unsigned char *at;
	struct pg_sample s;
	uint32_t len = r->len;
	int err = o->len + sizeof(len) + len > sizeof(o->buf) ? out_flush(o) : 0;

	if (err < 0 || sizeof(len) + len > sizeof(o->buf))
		return err;
	memcpy(&s, r->data, sizeof(s));
	if (keep == 2) { /* none: headers only */
		s.cap_len = 0;
		len = sizeof(s);
	}
	at = o->buf + o->len;
	memcpy(at, &len, sizeof(len));
	memcpy(at + sizeof(len), &s, sizeof(s));
	memcpy(at + sizeof(len) + sizeof(s), r->data + sizeof(s), len - sizeof(s));
	if (keep == 1)
		heads_mask(at + sizeof(len) + sizeof(s), len - sizeof(s));
	o->len += sizeof(len) + len;
	return 0;
}

int heads_dump(struct heads *h, const struct msg_heads *want, unsigned keep, int fd, struct msg_heads_done *ret)
{
	_cleanup_free_ struct record **all = NULL;
	_cleanup_free_ struct out *o = malloc(sizeof(*o));
	size_t count = 0, cap = 0;
	int r = 0;

	*ret = (struct msg_heads_done){ .dropped = h->dropped };
	if (!o)
		return -ENOMEM;
	o->fd = fd;
	o->len = 0;
	for (unsigned i = 0; i < SENDERS; i++)
		for (struct record *rec = h->senders[i].first; rec; rec = rec->next) {
			if (!is_wanted(rec, want))
				continue;
			if (count == cap) {
				struct record **more = reallocarray(all, cap ? cap * 2 : 1024, sizeof(struct record *));

				if (!more)
					return -ENOMEM;
				all = more;
				cap = cap ? cap * 2 : 1024;
			}
			all[count++] = rec;
		}
	if (count)
		qsort(all, count, sizeof(struct record *), by_time);
	for (size_t i = 0; i < count && r == 0; i++) {
		r = put_record(o, all[i], keep);
		ret->records++;
		ret->bytes += all[i]->len;
	}
	return r < 0 ? r : out_flush(o);
}
