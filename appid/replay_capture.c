/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/replay_capture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	BUFFER_START = 1 << 18,
	BUFFER_MAX = CAPTURE_RECORD_MAX + (1 << 16),
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET_OLD = 2,
	BLOCK_PACKET_SIMPLE = 3,
	BLOCK_PACKET = 6,
	OPTION_TSRESOL = 9,
	OPTION_TSOFFSET = 14,
};

struct interface {
	int linktype;
	uint32_t snaplen;
	uint8_t tsresol; /* as in the file: power of 10, or of 2 if the top bit is set */
	int64_t tsoffset_s;
};

struct capture {
	capture_read_fn fn;
	void *arg;
	uint8_t *buf;
	size_t cap, at, end; /* unread: [at, end) */
	bool eof, swapped, ng;
	bool hold, held; /* what is in the buffer must not move; and this stopped us */
	/* pcap */
	unsigned record_header;
	uint32_t tick_ns;
	int linktype;
	/* pcapng */
	struct interface *ifs;
	unsigned if_count, if_cap;
	struct capture_stats stats;
};

const char *capture_end_name(enum capture_end e)
{
	switch (e) {
	case CAPTURE_OPEN:
		return "not read to its end";
	case CAPTURE_WHOLE:
		return "whole";
	case CAPTURE_CUT:
		return "ends inside a packet";
	case CAPTURE_DAMAGED:
		return "damaged";
	case CAPTURE_FAILED:
		return "cannot be read";
	case CAPTURE_END_MAX:
		break;
	}
	return "unknown";
}

/* ---- bytes ---------------------------------------------------------------------------------------------- */
static uint32_t u32(const struct capture *c, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return c->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t u16(const struct capture *c, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return c->swapped ? __builtin_bswap16(v) : v;
}

static int buffer_grow(struct capture *c, size_t need)
{
	size_t cap = c->cap;
	uint8_t *p;

	if (need <= cap)
		return 0;
	while (cap < need)
		cap *= 2;
	p = realloc(c->buf, cap);
	if (!p)
		return -ENOMEM;
	c->buf = p;
	c->cap = cap;
	return 0;
}

/* Makes n bytes readable at c->at. False: there are not so many, or reading failed (stats.end says so). n is at most
 * BUFFER_MAX. */
static bool want_slow(struct capture *c, size_t n)
{
	if (c->hold) {
		c->held = true;
		return false;
	}
	memmove(c->buf, c->buf + c->at, c->end - c->at);
	c->end -= c->at;
	c->at = 0;
	if (buffer_grow(c, n) < 0) {
		c->stats.end = CAPTURE_FAILED;
		c->stats.error = ENOMEM;
		return false;
	}
	while (c->end < n && !c->eof) {
		ssize_t got = c->fn(c->arg, c->buf + c->end, c->cap - c->end);

		if (got < 0) {
			c->stats.end = CAPTURE_FAILED;
			c->stats.error = (int)-got;
			c->eof = true;
		} else if (got == 0) {
			c->eof = true;
		} else {
			c->end += (size_t)got;
			c->stats.bytes += (uint64_t)got;
		}
	}
	return c->end >= n;
}

static bool want(struct capture *c, size_t n)
{
	return c->end - c->at >= n || want_slow(c, n);
}

static bool skip(struct capture *c, uint64_t n)
{
	while (n) {
		size_t step = n < BUFFER_START ? (size_t)n : BUFFER_START;

		if (!want(c, step))
			return false;
		c->at += step;
		n -= step;
	}
	return true;
}

/* No more records: why? left: bytes of a record that is not whole are there. */
static int ended(struct capture *c, bool left)
{
	if (c->stats.end == CAPTURE_OPEN && !c->held)
		c->stats.end = left ? CAPTURE_CUT : CAPTURE_WHOLE;
	return 0;
}

static int damaged(struct capture *c)
{
	if (c->stats.end == CAPTURE_OPEN)
		c->stats.end = CAPTURE_DAMAGED;
	return 0;
}

/* ---- pcap ----------------------------------------------------------------------------------------------- */
static bool pcap_begin(struct capture *c)
{
	static const struct {
		uint32_t magic;
		uint32_t tick_ns;
		unsigned record_header;
	} kinds[] = { { 0xa1b2c3d4, 1000, 16 }, { 0xa1b23c4d, 1, 16 }, { 0xa1b2cd34, 1000, 24 } };
	uint32_t magic;

	memcpy(&magic, c->buf + c->at, sizeof(magic));
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (magic != kinds[i].magic && __builtin_bswap32(magic) != kinds[i].magic)
			continue;
		c->swapped = magic != kinds[i].magic;
		c->tick_ns = kinds[i].tick_ns;
		c->record_header = kinds[i].record_header;
		return true;
	}
	return false;
}

static int pcap_next(struct capture *c, struct capture_packet *ret)
{
	const uint8_t *h;
	uint32_t cap_len, wire_len;

	if (!want(c, c->record_header))
		return ended(c, c->end > c->at);
	h = c->buf + c->at;
	cap_len = u32(c, h + 8);
	wire_len = u32(c, h + 12);
	if (cap_len > CAPTURE_RECORD_MAX)
		return damaged(c);
	if (!want(c, c->record_header + cap_len))
		return ended(c, true);
	h = c->buf + c->at;
	*ret = (struct capture_packet){ .ts_ns = u32(c, h) * NSEC_PER_SEC + (uint64_t)u32(c, h + 4) * c->tick_ns,
					.data = h + c->record_header,
					.cap_len = cap_len,
					.wire_len = wire_len < cap_len ? cap_len : wire_len,
					.linktype = c->linktype };
	c->at += c->record_header + cap_len;
	c->stats.packets++;
	return 1;
}

/* ---- pcapng --------------------------------------------------------------------------------------------- */
static bool section_begin(struct capture *c, const uint8_t *block, uint32_t len)
{
	if (len < 28)
		return false;
	c->if_count = 0;
	return true;
}

/* Options of an interface block (draft 4.2). */
static void interface_options(const struct capture *c, struct interface *i, const uint8_t *p, size_t len)
{
	while (len >= 4) {
		unsigned code = u16(c, p), n = u16(c, p + 2);
		size_t padded = (n + 3u) & ~3u;

		if (!code || padded > len - 4)
			return;
		if (code == OPTION_TSRESOL && n == 1)
			i->tsresol = p[4];
		if (code == OPTION_TSOFFSET && n == 8) {
			uint64_t lo = u32(c, p + (c->swapped ? 8 : 4)), hi = u32(c, p + (c->swapped ? 4 : 8));

			if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
				i->tsoffset_s = (int64_t)(lo << 32 | hi);
			else
				i->tsoffset_s = (int64_t)(hi << 32 | lo);
		}
		p += 4 + padded;
		len -= 4 + padded;
	}
}

static int interface_add(struct capture *c, const uint8_t *body, size_t len)
{
	struct interface i = { .tsresol = 6 };

	if (len < 8 || c->if_count >= CAPTURE_INTERFACES_MAX) {
		c->stats.bad_blocks++;
		return 0;
	}
	if (c->if_count == c->if_cap) {
		unsigned cap = c->if_cap ? c->if_cap * 2 : 8;
		struct interface *p = reallocarray(c->ifs, cap, sizeof(*p));

		if (!p)
			return -ENOMEM;
		c->ifs = p;
		c->if_cap = cap;
	}
	i.linktype = u16(c, body);
	i.snaplen = u32(c, body + 4);
	interface_options(c, &i, body + 8, len - 8);
	c->ifs[c->if_count++] = i;
	return 0;
}

static uint64_t time_ns(const struct interface *i, uint32_t high, uint32_t low)
{
	unsigned __int128 t = (uint64_t)high << 32 | low;
	unsigned power = i->tsresol & 0x7f;
	int64_t offset = i->tsoffset_s;

	if (i->tsresol & 0x80) {
		t = power > 63 ? 0 : (t * NSEC_PER_SEC) >> power;
	} else if (power <= 9) {
		for (; power < 9; power++)
			t *= 10;
	} else {
		for (; power > 9 && t; power--)
			t /= 10;
	}
	if (offset > 0)
		t += (unsigned __int128)offset * NSEC_PER_SEC;
	else if (offset < 0 && offset > -((int64_t)1 << 33) && t >= (unsigned __int128)-offset * NSEC_PER_SEC)
		t -= (unsigned __int128)-offset * NSEC_PER_SEC;
	/* Nothing in the far future: sums of times must not overflow. */
	return t > INT64_MAX ? INT64_MAX : (uint64_t)t;
}

/* The packet of a block whose body has len bytes. False: there is none in it. */
static bool block_packet(struct capture *c, uint32_t type, const uint8_t *b, size_t len, struct capture_packet *ret)
{
	uint32_t iface = 0, cap_len, wire_len, high = 0, low = 0;
	size_t header = type == BLOCK_PACKET_SIMPLE ? 4 : 20;

	if (len < header)
		return false;
	if (type == BLOCK_PACKET_SIMPLE) {
		wire_len = u32(c, b);
		cap_len = wire_len;
		if (c->if_count && c->ifs[0].snaplen && cap_len > c->ifs[0].snaplen)
			cap_len = c->ifs[0].snaplen;
	} else {
		iface = type == BLOCK_PACKET ? u32(c, b) : u16(c, b);
		high = u32(c, b + 4);
		low = u32(c, b + 8);
		cap_len = u32(c, b + 12);
		wire_len = u32(c, b + 16);
	}
	if (iface >= c->if_count || cap_len > len - header)
		return false;
	*ret = (struct capture_packet){ .ts_ns = type == BLOCK_PACKET_SIMPLE ? 0 : time_ns(&c->ifs[iface], high, low),
					.data = b + header,
					.cap_len = cap_len,
					.wire_len = wire_len < cap_len ? cap_len : wire_len,
					.linktype = c->ifs[iface].linktype };
	return true;
}

/* The byte order of a section stands in the section: known before its length is. */
static bool section_order(struct capture *c)
{
	uint32_t magic;

	memcpy(&magic, c->buf + c->at + 8, sizeof(magic));
	if (magic != 0x1a2b3c4d && magic != 0x4d3c2b1a)
		return false;
	c->swapped = magic != 0x1a2b3c4d;
	return true;
}

/* A block too long to be one of ours is passed over. */
static int ng_skip_block(struct capture *c, uint32_t type, uint32_t len)
{
	if (type == BLOCK_PACKET || type == BLOCK_PACKET_OLD || type == BLOCK_PACKET_SIMPLE || type == BLOCK_INTERFACE ||
	    type == BLOCK_SECTION)
		return damaged(c);
	c->stats.other_blocks++;
	return skip(c, len) ? 1 : ended(c, true);
}

static int ng_next(struct capture *c, struct capture_packet *ret)
{
	for (;;) {
		const uint8_t *b;
		uint32_t type, len;

		if (!want(c, 12))
			return ended(c, c->end > c->at);
		type = u32(c, c->buf + c->at);
		if (type == BLOCK_SECTION && !section_order(c))
			return damaged(c);
		len = u32(c, c->buf + c->at + 4);
		if (len < 12 || len % 4)
			return damaged(c);
		if (len > BUFFER_MAX && c->hold)
			return want_slow(c, len);
		if (len > BUFFER_MAX) {
			if (!ng_skip_block(c, type, len))
				return 0;
			continue;
		}
		if (!want(c, len))
			return ended(c, true);
		b = c->buf + c->at;
		c->at += len;
		if (type == BLOCK_SECTION) {
			if (!section_begin(c, b, len))
				return damaged(c);
		} else if (type == BLOCK_INTERFACE) {
			if (interface_add(c, b + 8, len - 12) < 0) {
				c->stats.end = CAPTURE_FAILED;
				c->stats.error = ENOMEM;
				return 0;
			}
		} else if (type == BLOCK_PACKET || type == BLOCK_PACKET_OLD || type == BLOCK_PACKET_SIMPLE) {
			if (block_packet(c, type, b + 8, len - 12, ret)) {
				c->stats.packets++;
				return 1;
			}
			c->stats.bad_blocks++;
		} else {
			c->stats.other_blocks++;
		}
	}
}

/* ---- life ------------------------------------------------------------------------------------------------ */
static int begin(struct capture *c)
{
	uint32_t magic;

	if (!want(c, 4))
		return c->stats.end == CAPTURE_FAILED ? -c->stats.error : c->end ? -EPROTONOSUPPORT : -ENODATA;
	memcpy(&magic, c->buf, sizeof(magic));
	c->ng = magic == BLOCK_SECTION;
	if (!c->ng && !pcap_begin(c))
		return -EPROTONOSUPPORT;
	if (!want(c, c->ng ? 12 : 24))
		return c->stats.end == CAPTURE_FAILED ? -c->stats.error : -EPROTONOSUPPORT;
	if (c->ng)
		return section_order(c) ? 0 : -EPROTONOSUPPORT;
	c->linktype = u32(c, c->buf + 20) & 0xffff; /* the rest: length of a frame check sequence */
	c->at += 24;
	return 0;
}

int capture_open(capture_read_fn fn, void *arg, struct capture **ret)
{
	struct capture *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->fn = fn;
	c->arg = arg;
	c->cap = BUFFER_START;
	c->buf = malloc(c->cap);
	r = c->buf ? begin(c) : -ENOMEM;
	if (r < 0) {
		capture_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

static ssize_t read_fd(void *arg, void *buf, size_t size)
{
	int fd = (int)(intptr_t)arg;
	ssize_t n;

	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int capture_open_fd(int fd, struct capture **ret)
{
	return capture_open(read_fd, (void *)(intptr_t)fd, ret);
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	free(c->ifs);
	free(c->buf);
	free(c);
}

int capture_next(struct capture *c, struct capture_packet *ret)
{
	if (c->stats.end != CAPTURE_OPEN)
		return 0;
	return c->ng ? ng_next(c, ret) : pcap_next(c, ret);
}

int capture_next_held(struct capture *c, struct capture_packet *ret)
{
	int r;

	c->hold = true;
	c->held = false;
	r = capture_next(c, ret);
	r = c->held ? -EAGAIN : r;
	c->hold = c->held = false;
	return r;
}

const struct capture_stats *capture_stats(const struct capture *c)
{
	return &c->stats;
}
