/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/listed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- collecting ----------------------------------------------------------------------------------------------------------- */
static void *row_add(void *rows, size_t *count, size_t *room, size_t size, bool *no_memory)
{
	if (*count == *room) {
		size_t n = *room ? *room + *room / 2 : 1024;
		void *p = *no_memory ? NULL : realloc(*(void **)rows, n * size);

		if (!p) {
			*no_memory = true;
			return NULL;
		}
		*(void **)rows = p;
		*room = n;
	}
	return (char *)*(void **)rows + (*count)++ * size;
}

static uint64_t half(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static bool is_v4(uint64_t high, uint64_t low)
{
	return !high && low >> 32 == 0xffff;
}

void listed_add(struct listed_ranges *r, const uint8_t first[16], const uint8_t last[16])
{
	struct listed6 x = { { half(first), half(first + 8) }, { half(last), half(last + 8) } }, *p6;
	struct listed4 *p4;

	if (is_v4(x.first[0], x.first[1]) && is_v4(x.last[0], x.last[1])) {
		p4 = row_add(&r->v4, &r->count4, &r->room4, sizeof(*p4), &r->no_memory);
		if (p4)
			*p4 = (struct listed4){ (uint32_t)x.first[1], (uint32_t)x.last[1] };
	} else {
		p6 = row_add(&r->v6, &r->count6, &r->room6, sizeof(*p6), &r->no_memory);
		if (p6)
			*p6 = x;
	}
}

void listed_done(struct listed_ranges *r)
{
	free(r->v4);
	free(r->v6);
	*r = (struct listed_ranges){ 0 };
}

/* ---- sorting -------------------------------------------------------------------------------------------------------------- */
static int order4(const void *a, const void *b)
{
	const struct listed4 *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int compare(const uint64_t a[2], const uint64_t b[2])
{
	if (a[0] != b[0])
		return a[0] < b[0] ? -1 : 1;
	return a[1] < b[1] ? -1 : a[1] > b[1];
}

static int order6(const void *a, const void *b)
{
	const struct listed6 *x = a, *y = b;

	return compare(x->first, y->first);
}

/* What one feed gives is in order already. */
static void sort_unless_sorted(void *rows, size_t count, size_t size, int (*order)(const void *, const void *))
{
	for (size_t i = 1; i < count; i++)
		if (order((char *)rows + (i - 1) * size, (char *)rows + i * size) > 0) {
			qsort(rows, count, size, order);
			return;
		}
}

static void join4(struct listed_ranges *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count4; i++) {
		struct listed4 x = r->v4[i];

		if (n && (x.first <= r->v4[n - 1].last || x.first == r->v4[n - 1].last + 1)) {
			if (x.last > r->v4[n - 1].last)
				r->v4[n - 1].last = x.last;
		} else {
			r->v4[n++] = x;
		}
	}
	r->count4 = n;
}

static void join6(struct listed_ranges *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count6; i++) {
		struct listed6 x = r->v6[i];

		if (n && compare(x.first, r->v6[n - 1].last) <= 0) {
			if (compare(x.last, r->v6[n - 1].last) > 0)
				memcpy(r->v6[n - 1].last, x.last, sizeof(x.last));
		} else {
			r->v6[n++] = x;
		}
	}
	r->count6 = n;
}

int listed_seal(struct listed_ranges *r)
{
	if (r->no_memory)
		return -ENOMEM;
	sort_unless_sorted(r->v4, r->count4, sizeof(*r->v4), order4);
	sort_unless_sorted(r->v6, r->count6, sizeof(*r->v6), order6);
	join4(r);
	join6(r);
	return r->count4 > PG_LISTED_RANGES_MAX || r->count6 > PG_LISTED_RANGES_MAX ? -E2BIG : 0;
}

/* ---- the table -------------------------------------------------------------------------------------------------------------- */
enum { PER_PAGE4 = PG_LISTED_PAGE / 4, PER_PAGE6 = PG_LISTED_PAGE / 16 };

static uint32_t pages_of(size_t count, unsigned per_page)
{
	return (uint32_t)((count + per_page - 1) / per_page);
}

static struct pg_listed_head head_of(const struct listed_ranges *r)
{
	struct pg_listed_head h = { .count4 = (uint32_t)r->count4, .count6 = (uint32_t)r->count6, .index4 = PG_LISTED_FIXED };

	h.first4 = h.index4 + PG_LISTED_INDEX_PAGES;
	h.last4 = h.first4 + pages_of(r->count4, PER_PAGE4);
	h.first6 = h.last4 + pages_of(r->count4, PER_PAGE4);
	h.last6 = h.first6 + pages_of(r->count6, PER_PAGE6);
	return h;
}

uint32_t listed_pages(const struct listed_ranges *r)
{
	return head_of(r).last6 + pages_of(r->count6, PER_PAGE6);
}

/* Pages lie one after the other: a row of numbers is one array. */
static void bit_set(struct pg_listed_page *pages, uint32_t page, uint32_t bit)
{
	((uint32_t *)(pages + page))[bit >> 5] |= 1U << (bit & 31);
}

static void write4(const struct listed_ranges *r, const struct pg_listed_head *h, struct pg_listed_page *pages)
{
	uint32_t *index = pages[h->index4].w, *first = pages[h->first4].w, *last = pages[h->last4].w, top = 0;

	for (uint32_t i = 0; i < r->count4; i++) {
		struct listed4 x = r->v4[i];

		for (; top <= x.first >> 16; top++)
			index[top] = i;
		first[i] = x.first;
		last[i] = x.last;
		for (uint32_t n = x.first >> 8; n <= x.last >> 8; n++)
			bit_set(pages, PG_LISTED_BITS4, n);
	}
	for (; top <= 65536; top++)
		index[top] = (uint32_t)r->count4;
}

static void bits6(const struct listed6 *x, struct pg_listed_page *pages)
{
	uint64_t from = x->first[0] >> 32, to = x->last[0] >> 32;

	if (x->first[0] >> 16 == x->last[0] >> 16) {
		bit_set(pages, PG_LISTED_BITS6, pg_listed_hash(x->first[0], 48));
		return;
	}
	/* Feeds name nothing wider than /19; joined ranges may be, and then every bit is set sooner or later. */
	for (uint64_t n = from; n <= to && n - from < 1U << 24; n++)
		bit_set(pages, PG_LISTED_BITS6, pg_listed_hash(n << 32, 32));
}

static void write6(const struct listed_ranges *r, const struct pg_listed_head *h, struct pg_listed_page *pages)
{
	uint64_t *first = pages[h->first6].d, *last = pages[h->last6].d;

	for (uint32_t i = 0; i < r->count6; i++) {
		memcpy(first + 2 * i, r->v6[i].first, 16);
		memcpy(last + 2 * i, r->v6[i].last, 16);
		bits6(&r->v6[i], pages);
	}
}

void listed_write(const struct listed_ranges *r, struct pg_listed_page *pages)
{
	struct pg_listed_head h = head_of(r);

	memcpy(pages, &h, sizeof(h));
	write4(r, &h, pages);
	write6(r, &h, pages);
}

/* ---- asking ----------------------------------------------------------------------------------------------------------------- */
static bool bit_get(const struct pg_listed_page *pages, uint32_t page, uint32_t bit)
{
	return ((const uint32_t *)(pages + page))[bit >> 5] >> (bit & 31) & 1;
}

static bool find4(const struct pg_listed_page *pages, const struct pg_listed_head *h, uint32_t addr)
{
	const uint32_t *index = pages[h->index4].w, *first = pages[h->first4].w, *last = pages[h->last4].w;
	uint32_t lo = index[addr >> 16], hi = index[(addr >> 16) + 1];

	while (lo < hi) {
		uint32_t mid = lo + ((hi - lo) >> 1);

		if (first[mid] <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && last[lo - 1] >= addr;
}

static bool find6(const struct pg_listed_page *pages, const struct pg_listed_head *h, const uint64_t addr[2])
{
	const uint64_t *first = pages[h->first6].d, *last = pages[h->last6].d;
	uint32_t lo = 0, hi = h->count6;

	while (lo < hi) {
		uint32_t mid = lo + ((hi - lo) >> 1);

		if (compare(first + 2 * mid, addr) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && compare(last + 2 * (lo - 1), addr) >= 0;
}

bool listed_find(const struct pg_listed_page *pages, const uint8_t addr[16])
{
	const uint64_t a[2] = { half(addr), half(addr + 8) };
	struct pg_listed_head h;

	memcpy(&h, pages, sizeof(h));
	if (is_v4(a[0], a[1]))
		return bit_get(pages, PG_LISTED_BITS4, (uint32_t)a[1] >> 8) && find4(pages, &h, (uint32_t)a[1]);
	return (bit_get(pages, PG_LISTED_BITS6, pg_listed_hash(a[0], 48)) || bit_get(pages, PG_LISTED_BITS6, pg_listed_hash(a[0], 32))) &&
	       find6(pages, &h, a);
}
