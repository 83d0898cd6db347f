/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds of every format (first byte), sealed and asked: whatever a feed holds, each of its own entries is found again. */
#include <stdlib.h>
#include <string.h>

#include "intel/feed.h"
#include "intel/reputation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct feed_set *set;
	uint8_t first[64][16], last[64][16];
	size_t count;
};

static void take(const struct indicator *i, void *arg)
{
	struct seen *s = arg;

	if (i->kind >= IND_KINDS || (i->kind == IND_IP && memcmp(i->first, i->last, 16) > 0))
		abort();
	if ((i->kind == IND_DOMAIN && !i->text_len) || i->text_len > INDICATOR_URL_MAX || i->category_len > INDICATOR_CATEGORY_MAX)
		abort();
	if (i->kind == IND_IP && s->count < 64) {
		memcpy(s->first[s->count], i->first, 16);
		memcpy(s->last[s->count++], i->last, 16);
	}
	feed_set_add(i, s->set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s = { .set = feed_set_new(NULL, 0, 7) };
	struct feed_report report;
	struct feed_hit hit;
	char *text;
	int r;

	if (!size || !s.set) {
		feed_set_free(s.set);
		return 0;
	}
	text = malloc(size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	r = feed_parse(text, size - 1, (enum feed_format)(data[0] % FEED_FORMATS), 1700000000, take, &s, &report);
	if ((r == 0) != !report.refused)
		abort();
	if (feed_set_seal(s.set) < 0)
		abort();
	for (size_t i = 0; i < s.count; i++)
		if (!feed_set_ip(s.set, s.first[i], &hit) || !feed_set_ip(s.set, s.last[i], &hit))
			abort();
	feed_set_domain(s.set, text, size - 1, &hit);
	feed_set_url(s.set, text, size - 1, &hit);
	feed_set_free(s.set);
	free(text);
	return 0;
}
