/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/geo_data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { DEPTH_MAX = 64 };

static uint64_t big_endian(const uint8_t *p, uint32_t len)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

/* Control bytes: type and size. *at moves past them. */
static int control_read(const struct geo_reader *r, uint32_t *at, unsigned *ret_type, uint32_t *ret_size, uint8_t *ret_control)
{
	static const uint32_t base[] = { 29, 285, 65821 };
	uint32_t size;
	unsigned type;

	if (*at >= r->len)
		return -EBADMSG;
	*ret_control = r->section[(*at)++];
	type = *ret_control >> 5;
	if (!type) {
		if (*at >= r->len || r->section[*at] > GEO_FLOAT - 7)
			return -EBADMSG;
		type = 7U + r->section[(*at)++];
		if (type < GEO_INT32)
			return -EBADMSG;
	}
	size = *ret_control & 31;
	if (type != GEO_POINTER && size >= 29) {
		uint32_t n = size - 28;

		if (n > r->len - *at)
			return -EBADMSG;
		size = base[n - 1] + (uint32_t)big_endian(r->section + *at, n);
		*at += n;
	}
	*ret_type = type;
	*ret_size = size;
	return 0;
}

static int pointer_read(const struct geo_reader *r, uint8_t control, uint32_t *at, uint32_t *ret)
{
	static const uint32_t base[] = { 0, 2048, 526336, 0 };
	unsigned n = (control >> 3 & 3) + 1;
	uint64_t v;

	if (n > r->len - *at)
		return -EBADMSG;
	v = big_endian(r->section + *at, n);
	if (n < 4)
		v |= (uint64_t)(control & 7) << 8 * n;
	*at += n;
	v += base[n - 1];
	if (v >= r->len)
		return -EBADMSG;
	*ret = (uint32_t)v;
	return 0;
}

static int scalar_read(struct geo_value *v, const uint8_t *p, uint32_t size)
{
	static const uint8_t longest[] = { [GEO_UINT16] = 2, [GEO_UINT32] = 4, [GEO_INT32] = 4, [GEO_UINT64] = 8, [GEO_UINT128] = 16 };
	uint64_t n;
	uint32_t n32;
	float f;

	switch (v->type) {
	case GEO_UINT16:
	case GEO_UINT32:
	case GEO_UINT64:
	case GEO_INT32:
	case GEO_UINT128:
		if (size > longest[v->type])
			return -EBADMSG;
		v->number = size <= 8 ? big_endian(p, size) : 0;
		if (v->type == GEO_INT32)
			v->number = (uint64_t)(int64_t)(int32_t)v->number;
		return 0;
	case GEO_DOUBLE:
		if (size != 8)
			return -EBADMSG;
		n = big_endian(p, 8);
		memcpy(&v->real, &n, 8);
		return 0;
	case GEO_FLOAT:
		if (size != 4)
			return -EBADMSG;
		n32 = (uint32_t)big_endian(p, 4);
		memcpy(&f, &n32, 4);
		v->real = (double)f;
		return 0;
	case GEO_STRING:
	case GEO_BYTES:
		return 0;
	default:
		return -EBADMSG;
	}
}

int geo_value_read(struct geo_reader *r, uint32_t offset, struct geo_value *ret, uint32_t *ret_next)
{
	uint32_t at = offset, size, next;
	struct geo_value v = { 0 };
	uint8_t control;
	unsigned type;
	int rc;

	if (!r->budget)
		return -E2BIG;
	r->budget--;
	rc = control_read(r, &at, &type, &size, &control);
	if (rc < 0)
		return rc;
	next = 0;
	if (type == GEO_POINTER) {
		rc = pointer_read(r, control, &at, &offset);
		if (rc < 0)
			return rc;
		next = at;
		at = offset;
		rc = control_read(r, &at, &type, &size, &control);
		if (rc < 0 || type == GEO_POINTER)
			return -EBADMSG;
	}
	v.type = (enum geo_type)type;
	v.len = size;
	v.inside = at;
	if (type == GEO_BOOL) {
		v.number = size;
		rc = size > 1 ? -EBADMSG : 0;
	} else if (type == GEO_MAP || type == GEO_ARRAY) {
		/* Each value takes a byte at least. */
		rc = size > r->len - at ? -EBADMSG : 0;
	} else {
		if (size > r->len - at)
			return -EBADMSG;
		v.bytes = r->section + at;
		rc = scalar_read(&v, v.bytes, size);
		at += size;
	}
	if (rc < 0)
		return rc;
	*ret = v;
	*ret_next = next ? next : at;
	return 0;
}

static int inside_skip(struct geo_reader *r, const struct geo_value *v, unsigned depth, uint32_t *at);

/* Of a map or array that stands here (is not pointed to) the end is behind what is in it. */
static int skip(struct geo_reader *r, uint32_t offset, unsigned depth, uint32_t *ret_next)
{
	struct geo_value v;
	uint32_t next;
	int rc;

	if (depth > DEPTH_MAX)
		return -EBADMSG;
	rc = geo_value_read(r, offset, &v, &next);
	if (rc < 0)
		return rc;
	if ((v.type == GEO_MAP || v.type == GEO_ARRAY) && next == v.inside) {
		rc = inside_skip(r, &v, depth, &next);
		if (rc < 0)
			return rc;
	}
	*ret_next = next;
	return 0;
}

static int inside_skip(struct geo_reader *r, const struct geo_value *v, unsigned depth, uint32_t *at)
{
	uint64_t n = v->type == GEO_MAP ? 2ULL * v->len : v->len;
	int rc = 0;

	for (uint64_t i = 0; i < n && rc == 0; i++)
		rc = skip(r, *at, depth + 1, at);
	return rc;
}

int geo_value_skip(struct geo_reader *r, uint32_t offset, uint32_t *ret_next)
{
	return skip(r, offset, 0, ret_next);
}

int geo_value_at(struct geo_reader *r, uint32_t offset, const char *const *path, struct geo_value *ret)
{
	struct geo_value v, key;
	uint32_t next;
	int rc = geo_value_read(r, offset, &v, &next);

	for (; rc == 0 && *path; path++) {
		uint32_t at = v.inside, i = 0;

		if (v.type != GEO_MAP)
			return -ENOENT;
		for (; i < v.len; i++) {
			rc = geo_value_read(r, at, &key, &at);
			if (rc < 0 || key.type != GEO_STRING)
				return rc < 0 ? rc : -EBADMSG;
			if (key.len == strlen(*path) && !memcmp(key.bytes, *path, key.len))
				break;
			rc = geo_value_skip(r, at, &at);
			if (rc < 0)
				return rc;
		}
		if (i == v.len)
			return -ENOENT;
		rc = geo_value_read(r, at, &v, &next);
	}
	if (rc == 0)
		*ret = v;
	return rc;
}

/* ---- as JSON ------------------------------------------------------------------------------------------------------------------ */
static void string_put(FILE *f, const uint8_t *p, uint32_t len)
{
	uint32_t c;

	fputc('"', f);
	while (len) {
		size_t n = utf8_decode(p, len, &c);

		if (!n) {
			fputs("\\ufffd", f);
			n = 1;
		} else if (n > 1) {
			fwrite(p, 1, n, f);
		} else if (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f) {
			fprintf(f, "\\u%04x", *p);
		} else {
			fputc(*p, f);
		}
		p += n;
		len -= (uint32_t)n;
	}
	fputc('"', f);
}

static int json_put(FILE *f, struct geo_reader *r, uint32_t offset, unsigned depth, uint32_t *ret_next);

static int inside_put(FILE *f, struct geo_reader *r, const struct geo_value *v, unsigned depth, uint32_t *at)
{
	struct geo_value key;
	int rc = 0;

	fputc(v->type == GEO_MAP ? '{' : '[', f);
	for (uint32_t i = 0; i < v->len && rc == 0; i++) {
		if (i)
			fputc(',', f);
		if (v->type == GEO_MAP) {
			rc = geo_value_read(r, *at, &key, at);
			if (rc < 0 || (key.type != GEO_STRING && key.type != GEO_BYTES))
				return rc < 0 ? rc : -EBADMSG;
			string_put(f, key.bytes, key.len);
			fputc(':', f);
		}
		rc = json_put(f, r, *at, depth + 1, at);
	}
	fputc(v->type == GEO_MAP ? '}' : ']', f);
	return rc;
}

static void scalar_put(FILE *f, const struct geo_value *v)
{
	switch (v->type) {
	case GEO_STRING:
		string_put(f, v->bytes, v->len);
		break;
	case GEO_BYTES:
		fputc('"', f);
		for (uint32_t i = 0; i < v->len; i++)
			fprintf(f, "%02X", v->bytes[i]);
		fputc('"', f);
		break;
	case GEO_UINT128:
		fputs("\"0x", f);
		for (uint32_t i = v->len; i < 16; i++)
			fputs("00", f);
		for (uint32_t i = 0; i < v->len; i++)
			fprintf(f, "%02x", v->bytes[i]);
		fputc('"', f);
		break;
	case GEO_BOOL:
		fputs(v->number ? "true" : "false", f);
		break;
	case GEO_INT32:
		fprintf(f, "%lld", (long long)v->number);
		break;
	case GEO_DOUBLE:
	case GEO_FLOAT:
		if (v->real - v->real == 0) /* a number */
			fprintf(f, "%.9g", v->real);
		else
			fputs("null", f);
		break;
	default:
		fprintf(f, "%llu", (unsigned long long)v->number);
	}
}

static int json_put(FILE *f, struct geo_reader *r, uint32_t offset, unsigned depth, uint32_t *ret_next)
{
	struct geo_value v;
	uint32_t next, at;
	bool here;
	int rc;

	if (depth > DEPTH_MAX)
		return -EBADMSG;
	rc = geo_value_read(r, offset, &v, &next);
	if (rc < 0)
		return rc;
	if (v.type == GEO_MAP || v.type == GEO_ARRAY) {
		here = next == v.inside;
		at = v.inside;
		rc = inside_put(f, r, &v, depth, &at);
		next = here ? at : next;
	} else {
		scalar_put(f, &v);
	}
	*ret_next = next;
	return rc;
}

int geo_value_json(struct geo_reader *r, uint32_t offset, char **ret)
{
	uint32_t next;
	size_t len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);
	int rc;

	if (!f)
		return -ENOMEM;
	rc = json_put(f, r, offset, 0, &next);
	if (fclose(f) && rc == 0)
		rc = -ENOMEM;
	if (rc < 0)
		free(text);
	else
		*ret = text;
	return rc;
}
