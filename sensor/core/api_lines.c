/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/api_lines.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line *line_new(const char *before, const char *text, size_t len)
{
	size_t b = strlen(before);
	struct line *l = malloc(sizeof(*l) + b + len + 2);

	if (!l)
		return NULL;
	*l = (struct line){ .refs = 1, .data = b, .len = b + len + 2 };
	memcpy(l->text, before, b);
	memcpy(l->text + b, text, len);
	memcpy(l->text + b + len, "\n\n", 2); /* end of the event */
	return l;
}

void line_put(struct line *l)
{
	if (l && !--l->refs)
		free(l);
}

static void drop_oldest(struct line_ring *r)
{
	r->bytes -= r->lines[r->head]->len;
	line_put(r->lines[r->head]);
	r->head = (r->head + 1) % LINES_KEPT;
	r->count--;
}

void ring_clear(struct line_ring *r)
{
	while (r->count)
		drop_oldest(r);
}

void ring_id(const struct line_ring *r, char ret[LINE_ID_LEN])
{
	snprintf(ret, LINE_ID_LEN, "%llx-%llu", (unsigned long long)r->epoch, (unsigned long long)r->number);
}

struct line *ring_add(struct line_ring *r, const char *data, size_t len)
{
	char before[LINE_ID_LEN + 16], id[LINE_ID_LEN];
	struct line *l;

	r->number++;
	ring_id(r, id);
	snprintf(before, sizeof(before), "id: %s\ndata: ", id);
	l = data ? line_new(before, data, len) : NULL;
	if (!l) {
		ring_clear(r);
		return NULL;
	}
	l->number = r->number;
	while (r->count && (r->count == LINES_KEPT || r->bytes + l->len > LINES_KEPT_BYTES))
		drop_oldest(r);
	r->lines[(r->head + r->count++) % LINES_KEPT] = l;
	r->bytes += l->len;
	l->refs++;
	return l;
}

int ring_find(const struct line_ring *r, const char *id, uint64_t *ret_number)
{
	unsigned long long epoch, number;
	char *end;

	if (!isxdigit((unsigned char)id[0]) || strlen(id) >= LINE_ID_LEN)
		return -ESTALE;
	errno = 0;
	epoch = strtoull(id, &end, 16);
	if (errno || *end != '-' || !isdigit((unsigned char)end[1]))
		return -ESTALE;
	number = strtoull(end + 1, &end, 10);
	if (errno || *end || epoch != r->epoch || number > r->number || r->number - number > r->count)
		return -ESTALE;
	*ret_number = number;
	return 0;
}

struct line *ring_line(const struct line_ring *r, uint64_t number)
{
	uint64_t back = r->number - number;

	if (number > r->number || back >= r->count)
		return NULL;
	return r->lines[(r->head + r->count - 1 - (unsigned)back) % LINES_KEPT];
}
