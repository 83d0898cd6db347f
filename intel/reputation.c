/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranges are made disjoint when the set is sealed, so that asking is one binary search; names and URLs are in an open
 * addressed table over one text arena; digests are sorted. */
#include "intel/reputation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { CATEGORY_MASK = 0x7fff, NOTE_RANGE = 0x8000 };
struct note {
	uint32_t line;
	uint16_t category;  /* index + 1, 0 none; NOTE_RANGE: the entry is more than one address */
	uint8_t confidence;
	uint8_t flags;      /* enum indicator_flag, enum never_block << 4 */
};

struct range4 {
	uint32_t first, last;
	struct note note;
};
struct range6 {
	uint8_t first[16], last[16];
	struct note note;
};
struct name {
	uint32_t at; /* in the arena, NUL-terminated */
	struct note note;
};
struct digest {
	uint8_t bytes[HASH_LEN_MAX];
	struct note note;
	uint8_t algo;
};

/* A growing array. */
struct array {
	void *p;
	size_t count, room;
};

struct feed_set {
	struct array v4, v6, names, urls, digests, categories; /* categories: struct name */
	struct array arena;
	uint32_t *name_slots, *url_slots; /* index + 1; 0 free */
	size_t name_slot_count, url_slot_count;
	const struct never_range *own;
	unsigned own_count;
	size_t kinds[IND_KINDS], never;
	uint64_t seed;
	bool sealed, no_memory;
};

const char *feed_match_name(enum feed_match m)
{
	static const char *const names[] = { "exact", "within", "below", "host" };

	return m < ARRAY_SIZE(names) ? names[m] : "?";
}

struct feed_set *feed_set_new(const struct never_range *own, unsigned own_count, uint64_t seed)
{
	struct feed_set *s = calloc(1, sizeof(*s));

	if (s) {
		s->own = own;
		s->seed = seed;
		s->own_count = own_count;
	}
	return s;
}

void feed_set_free(struct feed_set *s)
{
	if (!s)
		return;
	free(s->v4.p);
	free(s->v6.p);
	free(s->names.p);
	free(s->urls.p);
	free(s->digests.p);
	free(s->categories.p);
	free(s->arena.p);
	free(s->name_slots);
	free(s->url_slots);
	free(s);
}

/* ---- adding ------------------------------------------------------------------------------------------------------------- */
static void *array_add(struct array *a, size_t size, size_t n)
{
	void *p;

	if (a->count + n > a->room) {
		size_t room = a->room ? a->room + a->room / 2 + n : 64 + n;

		if (room > UINT32_MAX)
			return NULL;
		p = realloc(a->p, room * size);
		if (!p)
			return NULL;
		a->p = p;
		a->room = room;
	}
	p = (char *)a->p + a->count * size;
	a->count += n;
	return p;
}

static uint32_t text_add(struct feed_set *s, const char *text, size_t len)
{
	uint32_t at = (uint32_t)s->arena.count;
	char *p = array_add(&s->arena, 1, len + 1);

	if (!p) {
		s->no_memory = true;
		return 0;
	}
	memcpy(p, text, len);
	p[len] = '\0';
	return at;
}

static const char *text_at(const struct feed_set *s, uint32_t at)
{
	return (const char *)s->arena.p + at;
}

/* Feeds have a few dozen categories; beyond 250 they are not kept. */
static uint16_t category_of(struct feed_set *s, const char *text, size_t len)
{
	struct name *c = s->categories.p;
	size_t n = s->categories.count;

	if (!len)
		return 0;
	for (size_t i = 0; i < n; i++) {
		const char *t = text_at(s, c[i].at);

		if (strlen(t) == len && !memcmp(t, text, len))
			return (uint16_t)(i + 1);
	}
	c = n < 250 ? array_add(&s->categories, sizeof(*c), 1) : NULL;
	if (!c)
		return 0;
	c->at = text_add(s, text, len);
	return (uint16_t)(n + 1);
}

static bool is_v4(const uint8_t a[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	return memcmp(a, mapped, sizeof(mapped)) == 0;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool range_add(struct feed_set *s, const struct indicator *i, struct note n)
{
	enum never_block never = never_block_check(i->first, i->last, s->own, s->own_count);
	struct range4 *r4;
	struct range6 *r6;

	n.flags |= (uint8_t)(never << 4);
	n.category |= memcmp(i->first, i->last, 16) ? NOTE_RANGE : 0;
	s->never += never != NEVER_NO;
	if (is_v4(i->first) && is_v4(i->last)) {
		r4 = array_add(&s->v4, sizeof(*r4), 1);
		if (r4)
			*r4 = (struct range4){ be32(i->first + 12), be32(i->last + 12), n };
		return r4 != NULL;
	}
	r6 = array_add(&s->v6, sizeof(*r6), 1);
	if (r6) {
		memcpy(r6->first, i->first, 16);
		memcpy(r6->last, i->last, 16);
		r6->note = n;
	}
	return r6 != NULL;
}

static bool name_add(struct feed_set *s, struct array *a, const struct indicator *i, struct note n)
{
	struct name *e = array_add(a, sizeof(*e), 1);

	if (e)
		*e = (struct name){ text_add(s, i->text, i->text_len), n };
	return e != NULL;
}

static bool digest_add(struct feed_set *s, const struct indicator *i, struct note n)
{
	struct digest *d = array_add(&s->digests, sizeof(*d), 1);

	if (d) {
		memcpy(d->bytes, i->digest, sizeof(d->bytes));
		d->note = n;
		d->algo = (uint8_t)i->algo;
	}
	return d != NULL;
}

void feed_set_add(const struct indicator *i, void *set)
{
	struct feed_set *s = set;
	struct note n = { .line = i->line, .confidence = i->confidence, .flags = i->flags & 0x0f };
	bool good = false;

	if (s->sealed)
		return;
	n.category = category_of(s, i->category, i->category_len);
	switch (i->kind) {
	case IND_IP:
		good = range_add(s, i, n);
		break;
	case IND_DOMAIN:
		good = name_add(s, &s->names, i, n);
		break;
	case IND_URL:
		good = name_add(s, &s->urls, i, n);
		break;
	case IND_HASH:
		good = digest_add(s, i, n);
		break;
	case IND_KINDS:
		return;
	}
	s->no_memory |= !good;
	s->kinds[i->kind]++;
}

/* ---- sealing ------------------------------------------------------------------------------------------------------------ */
/* Beginning first; of those that begin together the widest first: it is the outer one. */
static int order4(const void *a, const void *b)
{
	const struct range4 *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->last != y->last ? (x->last > y->last ? -1 : 1) : 0;
}

/* A range of either family while sets are sealed: as a number, so that "one past the last" is a sum. */
typedef unsigned __int128 wide_addr;
struct wide {
	wide_addr first, last;
	struct note note;
};

static wide_addr wide_of(const uint8_t p[16])
{
	wide_addr v = 0;

	for (int i = 0; i < 16; i++)
		v = v << 8 | p[i];
	return v;
}

static void wide_write(wide_addr v, uint8_t ret[16])
{
	for (int i = 15; i >= 0; i--, v >>= 8)
		ret[i] = (uint8_t)v;
}

static struct wide wide_load(const struct array *a, bool six, size_t i)
{
	const struct range4 *r4 = a->p;
	const struct range6 *r6 = a->p;

	if (six)
		return (struct wide){ wide_of(r6[i].first), wide_of(r6[i].last), r6[i].note };
	return (struct wide){ r4[i].first, r4[i].last, r4[i].note };
}

static int wide_store(struct array *a, bool six, wide_addr first, wide_addr last, struct note note)
{
	void *p = array_add(a, six ? sizeof(struct range6) : sizeof(struct range4), 1);

	if (!p)
		return -ENOMEM;
	if (six) {
		struct range6 *r = p;

		wide_write(first, r->first);
		wide_write(last, r->last);
		r->note = note;
	} else {
		*(struct range4 *)p = (struct range4){ (uint32_t)first, (uint32_t)last, note };
	}
	return 0;
}

/* Ranges open at a moment form a stack, the innermost on top; each piece of the line belongs to the top of the stack. A piece
 * ends where the next range begins or the top ends. */
static int pieces_make(const struct array *in, bool six, struct array *stack, struct array *out)
{
	wide_addr at = 0;
	size_t i = 0;
	int r = 0;

	while (r == 0 && (i < in->count || stack->count)) {
		const struct wide *top = stack->count ? (struct wide *)stack->p + stack->count - 1 : NULL;
		struct wide coming = i < in->count ? wide_load(in, six, i) : (struct wide){ 0 };
		struct wide *open;

		if (top && top->last < at) { /* over, below another that ended later */
			stack->count--;
			continue;
		}
		if (i < in->count && (!top || coming.first <= at)) {
			if (!top)
				at = coming.first;
			open = array_add(stack, sizeof(*open), 1);
			if (!open)
				return -ENOMEM;
			*open = coming;
			i++;
		} else if (top) {
			wide_addr end = i < in->count && coming.first <= top->last ? coming.first - 1 : top->last;

			r = wide_store(out, six, at, end, top->note);
			at = end + 1;
			if (!at) /* past the highest address: all that is open ended with it */
				break;
		}
	}
	return r;
}

static int flatten(struct array *a, bool six)
{
	struct array out = { 0 }, stack = { 0 };
	int r = pieces_make(a, six, &stack, &out);

	free(stack.p);
	if (r < 0) {
		free(out.p);
		return r;
	}
	free(a->p);
	*a = out;
	return 0;
}

static int order6(const void *a, const void *b)
{
	const struct range6 *x = a, *y = b;
	int d = memcmp(x->first, y->first, 16);

	return d ? d : -memcmp(x->last, y->last, 16);
}

static int order_digest(const void *a, const void *b)
{
	const struct digest *x = a, *y = b;

	return x->algo != y->algo ? (x->algo < y->algo ? -1 : 1) : memcmp(x->bytes, y->bytes, HASH_LEN_MAX);
}

/* FNV-1a from a start that a feed's author does not know. */
static uint64_t text_hash(const struct feed_set *s, const char *p, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ s->seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)p[i]) * 0x100000001b3ULL;
	return h ^ h >> 29;
}

static const struct name *slot_find(const struct feed_set *s, const struct array *a, const uint32_t *slots, size_t count,
				    const char *p, size_t len)
{
	const struct name *names = a->p;
	size_t i;

	if (!count)
		return NULL;
	for (i = text_hash(s, p, len) & (count - 1); slots[i]; i = (i + 1) & (count - 1)) {
		const char *t = text_at(s, names[slots[i] - 1].at);

		if (!strncmp(t, p, len) && !t[len])
			return &names[slots[i] - 1];
	}
	return NULL;
}

/* Of several entries with the same text the first that is sure of itself stays: a name of its own beats the host of a URL. */
static bool is_better(const struct note *a, const struct note *b)
{
	return (a->flags & IND_URL_HOST) < (b->flags & IND_URL_HOST) || (a->flags & IND_SUBDOMAINS) > (b->flags & IND_SUBDOMAINS);
}

static int slots_make(const struct feed_set *s, const struct array *a, uint32_t **ret, size_t *ret_count)
{
	struct name *names = a->p;
	size_t count = 16;
	uint32_t *slots;

	if (!a->count)
		return 0;
	while (count < 2 * a->count)
		count <<= 1;
	slots = calloc(count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t n = 0; n < a->count; n++) {
		const char *t = text_at(s, names[n].at);
		size_t len = strlen(t), i;

		for (i = text_hash(s, t, len) & (count - 1); slots[i]; i = (i + 1) & (count - 1)) {
			struct name *other = &names[slots[i] - 1];

			if (strcmp(text_at(s, other->at), t) != 0)
				continue;
			if (is_better(&names[n].note, &other->note))
				slots[i] = (uint32_t)n + 1;
			break;
		}
		if (!slots[i])
			slots[i] = (uint32_t)n + 1;
	}
	*ret = slots;
	*ret_count = count;
	return 0;
}

int feed_set_seal(struct feed_set *s)
{
	int r;

	if (s->no_memory)
		return -ENOMEM;
	if (s->v4.count)
		qsort(s->v4.p, s->v4.count, sizeof(struct range4), order4);
	if (s->v6.count)
		qsort(s->v6.p, s->v6.count, sizeof(struct range6), order6);
	if (s->digests.count)
		qsort(s->digests.p, s->digests.count, sizeof(struct digest), order_digest);
	r = flatten(&s->v4, false);
	if (r == 0)
		r = flatten(&s->v6, true);
	if (r == 0)
		r = slots_make(s, &s->names, &s->name_slots, &s->name_slot_count);
	if (r == 0)
		r = slots_make(s, &s->urls, &s->url_slots, &s->url_slot_count);
	s->own = NULL;
	s->own_count = 0;
	s->sealed = r == 0;
	return r;
}

size_t feed_set_count(const struct feed_set *s, enum indicator_kind k)
{
	return k < IND_KINDS ? s->kinds[k] : 0;
}

size_t feed_set_never(const struct feed_set *s)
{
	return s->never;
}

size_t feed_set_bytes(const struct feed_set *s)
{
	return sizeof(*s) + s->v4.room * sizeof(struct range4) + s->v6.room * sizeof(struct range6) +
	       (s->names.room + s->urls.room + s->categories.room) * sizeof(struct name) + s->digests.room * sizeof(struct digest) +
	       s->arena.room + (s->name_slot_count + s->url_slot_count) * sizeof(uint32_t);
}

/* ---- asking ------------------------------------------------------------------------------------------------------------- */
static void hit_note(const struct feed_set *s, enum indicator_kind kind, const struct note *n, struct feed_hit *ret)
{
	const struct name *c = s->categories.p;
	unsigned category = n->category & CATEGORY_MASK;

	*ret = (struct feed_hit){ .kind = kind, .line = n->line, .confidence = n->confidence, .flags = n->flags & 0x0f,
				  .never = (enum never_block)(n->flags >> 4), .text = "",
				  .category = category ? text_at(s, c[category - 1].at) : "",
				  .match = n->category & NOTE_RANGE ? MATCH_WITHIN : MATCH_EXACT };
}

static void mapped_write(uint32_t v4, uint8_t ret[16])
{
	const uint8_t a[16] = { [10] = 0xff, 0xff, (uint8_t)(v4 >> 24), (uint8_t)(v4 >> 16), (uint8_t)(v4 >> 8), (uint8_t)v4 };

	memcpy(ret, a, 16);
}

static bool find4(const struct feed_set *s, uint32_t a, struct feed_hit *ret)
{
	const struct range4 *r = s->v4.p;
	size_t lo = 0, hi = s->v4.count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r[mid].first <= a)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || r[lo - 1].last < a)
		return false;
	hit_note(s, IND_IP, &r[lo - 1].note, ret);
	mapped_write(r[lo - 1].first, ret->first);
	mapped_write(r[lo - 1].last, ret->last);
	return true;
}

static bool find6(const struct feed_set *s, const uint8_t a[16], struct feed_hit *ret)
{
	const struct range6 *r = s->v6.p;
	size_t lo = 0, hi = s->v6.count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(r[mid].first, a, 16) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || memcmp(r[lo - 1].last, a, 16) < 0)
		return false;
	hit_note(s, IND_IP, &r[lo - 1].note, ret);
	memcpy(ret->first, r[lo - 1].first, 16);
	memcpy(ret->last, r[lo - 1].last, 16);
	return true;
}

bool feed_set_ip(const struct feed_set *s, const uint8_t addr[16], struct feed_hit *ret)
{
	return is_v4(addr) ? find4(s, be32(addr + 12), ret) : find6(s, addr, ret);
}

void feed_set_each_ip(const struct feed_set *s, void (*cb)(const uint8_t first[16], const uint8_t last[16], const struct feed_hit *h, void *arg),
		      void *arg)
{
	const struct range4 *r4 = s->v4.p;
	const struct range6 *r6 = s->v6.p;
	struct feed_hit h;

	for (size_t i = 0; i < s->v4.count; i++) {
		hit_note(s, IND_IP, &r4[i].note, &h);
		mapped_write(r4[i].first, h.first);
		mapped_write(r4[i].last, h.last);
		cb(h.first, h.last, &h, arg);
	}
	for (size_t i = 0; i < s->v6.count; i++) {
		hit_note(s, IND_IP, &r6[i].note, &h);
		cb(r6[i].first, r6[i].last, &h, arg);
	}
}

bool feed_set_domain(const struct feed_set *s, const char *name, size_t len, struct feed_hit *ret)
{
	char low[INDICATOR_NAME_MAX + 1];
	const char *p = low;
	const struct name *n;

	len = indicator_domain(name, len, low);
	for (bool below = false; len; below = true) {
		const char *dot;

		n = slot_find(s, &s->names, s->name_slots, s->name_slot_count, p, len);
		if (n && (!below || n->note.flags & IND_SUBDOMAINS)) {
			hit_note(s, IND_DOMAIN, &n->note, ret);
			ret->text = text_at(s, n->at);
			ret->match = n->note.flags & IND_URL_HOST ? MATCH_HOST : below ? MATCH_BELOW : MATCH_EXACT;
			return true;
		}
		dot = memchr(p, '.', len);
		if (!dot)
			break;
		len -= (size_t)(dot + 1 - p);
		p = dot + 1;
	}
	return false;
}

bool feed_set_hash(const struct feed_set *s, enum hash_algo algo, const uint8_t *digest, struct feed_hit *ret)
{
	struct digest key = { .algo = (uint8_t)algo };
	const struct digest *d;

	if (algo >= HASH_ALGOS || !s->digests.count)
		return false;
	memcpy(key.bytes, digest, hash_algo_len(algo));
	d = bsearch(&key, s->digests.p, s->digests.count, sizeof(key), order_digest);
	if (!d)
		return false;
	hit_note(s, IND_HASH, &d->note, ret);
	return true;
}

bool feed_set_url(const struct feed_set *s, const char *url, size_t len, struct feed_hit *ret)
{
	char low[INDICATOR_URL_MAX];
	const struct name *n;
	const char *host;
	uint8_t a[16], b[16];
	size_t host_len;

	if (len > sizeof(low) || !indicator_url(url, len, &host, &host_len))
		return false;
	memcpy(low, url, len);
	for (size_t i = 0; i < (size_t)(host + host_len - url); i++)
		if (low[i] >= 'A' && low[i] <= 'Z')
			low[i] = (char)(low[i] + 'a' - 'A');
	n = slot_find(s, &s->urls, s->url_slots, s->url_slot_count, low, len);
	if (n) {
		hit_note(s, IND_URL, &n->note, ret);
		ret->text = text_at(s, n->at);
		return true;
	}
	/* the host by itself: not because another URL on it is listed */
	if (indicator_ip(host, host_len, a, b) ? feed_set_ip(s, a, ret) :
						feed_set_domain(s, host, host_len, ret) && !(ret->flags & IND_URL_HOST)) {
		ret->match = MATCH_HOST;
		return true;
	}
	return false;
}
