/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/pcapng.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0aU
#define BLOCK_INTERFACE 1U
#define BLOCK_STATISTICS 5U
#define BLOCK_PACKET 6U
enum { OPT_END = 0, OPT_COMMENT = 1, SHB_OS = 3, SHB_APPLICATION = 4, IF_NAME = 2, IF_DESCRIPTION = 3, IF_TSRESOL = 9, ISB_RECEIVED = 4, ISB_DROPPED = 5 };
#define OPTION_MAX 65535u

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static size_t text_len(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	return n < OPTION_MAX ? n : OPTION_MAX;
}

static size_t option_size(size_t n)
{
	return n ? 4 + padded(n) : 0;
}

static int put(struct pcapng *p, const void *data, size_t len)
{
	return len ? p->write(p->arg, data, len) : 0;
}

static int put_padding(struct pcapng *p, size_t len)
{
	static const char zero[4];

	return put(p, zero, padded(len) - len);
}

static int put_u32(struct pcapng *p, uint32_t v)
{
	v = htole32(v);
	return put(p, &v, sizeof(v));
}

static int put_option(struct pcapng *p, uint16_t code, const void *data, size_t len)
{
	uint16_t head[2] = { htole16(code), htole16((uint16_t)len) };
	int r;

	if (!len)
		return 0;
	r = put(p, head, sizeof(head));
	if (r == 0)
		r = put(p, data, len);
	return r < 0 ? r : put_padding(p, len);
}

/* The block's type and length; after the body comes block_end() with the same length. */
static int block_begin(struct pcapng *p, uint32_t type, size_t total)
{
	int r = put_u32(p, type);

	return r < 0 ? r : put_u32(p, (uint32_t)total);
}

static int options_end(struct pcapng *p, size_t options, size_t total)
{
	int r = options ? put_u32(p, OPT_END) : 0;

	return r < 0 ? r : put_u32(p, (uint32_t)total);
}

int pcapng_begin(struct pcapng *p, pcapng_write write, void *arg, const char *os, const char *application, const char *comment)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		int64_t section_len; /* not said */
	} body = { htole32(0x1a2b3c4dU), htole16(1), htole16(0), -1 };
	size_t options = option_size(text_len(os)) + option_size(text_len(application)) + option_size(text_len(comment));
	size_t total = 12 + sizeof(body) + options + (options ? 4 : 0);
	int r;

	*p = (struct pcapng){ .write = write, .arg = arg };
	r = block_begin(p, BLOCK_SECTION, total);
	if (r == 0)
		r = put(p, &body, sizeof(body));
	if (r == 0)
		r = put_option(p, SHB_OS, os, text_len(os));
	if (r == 0)
		r = put_option(p, SHB_APPLICATION, application, text_len(application));
	if (r == 0)
		r = put_option(p, OPT_COMMENT, comment, text_len(comment));
	return r < 0 ? r : options_end(p, options, total);
}

int pcapng_interface(struct pcapng *p, uint16_t link, uint32_t snaplen, const char *name, const char *description, uint32_t *ret)
{
	const struct {
		uint16_t link, reserved;
		uint32_t snaplen;
	} body = { htole16(link), 0, htole32(snaplen) };
	const uint8_t nano = 9;
	size_t options = option_size(text_len(name)) + option_size(text_len(description)) + option_size(1);
	size_t total = 12 + sizeof(body) + options + 4;
	int r = block_begin(p, BLOCK_INTERFACE, total);

	if (r == 0)
		r = put(p, &body, sizeof(body));
	if (r == 0)
		r = put_option(p, IF_NAME, name, text_len(name));
	if (r == 0)
		r = put_option(p, IF_DESCRIPTION, description, text_len(description));
	if (r == 0)
		r = put_option(p, IF_TSRESOL, &nano, 1);
	if (r == 0)
		r = options_end(p, options, total);
	if (r == 0)
		*ret = p->interfaces++;
	return r;
}

int pcapng_packet(struct pcapng *p, const struct pcapng_packet *k)
{
	const uint32_t body[5] = { htole32(k->interface), htole32((uint32_t)(k->time_ns >> 32)), htole32((uint32_t)k->time_ns),
				   htole32(k->cap_len), htole32(k->len) };
	size_t options = option_size(text_len(k->comment));
	size_t total = 12 + sizeof(body) + padded(k->cap_len) + options + (options ? 4 : 0);
	int r;

	if (k->interface >= p->interfaces || k->head_len > k->cap_len || total > UINT32_MAX)
		return -EINVAL;
	r = block_begin(p, BLOCK_PACKET, total);
	if (r == 0)
		r = put(p, body, sizeof(body));
	if (r == 0)
		r = put(p, k->head, k->head_len);
	if (r == 0)
		r = put(p, k->data, k->cap_len - k->head_len);
	if (r == 0)
		r = put_padding(p, k->cap_len);
	if (r == 0)
		r = put_option(p, OPT_COMMENT, k->comment, text_len(k->comment));
	return r < 0 ? r : options_end(p, options, total);
}

int pcapng_statistics(struct pcapng *p, uint32_t interface, uint64_t time_ns, uint64_t received, uint64_t dropped)
{
	const uint32_t body[3] = { htole32(interface), htole32((uint32_t)(time_ns >> 32)), htole32((uint32_t)time_ns) };
	const uint64_t counts[2] = { htole64(received), htole64(dropped) };
	const size_t options = 2 * option_size(sizeof(counts[0])), total = 12 + sizeof(body) + options + 4;
	int r = block_begin(p, BLOCK_STATISTICS, total);

	if (r == 0)
		r = put(p, body, sizeof(body));
	if (r == 0)
		r = put_option(p, ISB_RECEIVED, &counts[0], sizeof(counts[0]));
	if (r == 0)
		r = put_option(p, ISB_DROPPED, &counts[1], sizeof(counts[1]));
	return r < 0 ? r : options_end(p, options, total);
}
