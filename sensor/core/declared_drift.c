/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was meant, and what differs from it: declared facts, config.drift. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/strpool.h"
#include "sensor/core/declared_priv.h"

#define TOLD_MAX 4        /* differences that a finding names */
#define LISTENERS_MAX 256 /* of a container that become facts */

/* ---- what was meant -------------------------------------------------------------------------------------------------- */
static struct base *base_find(struct core *c, const struct ident_container *ct, bool make)
{
	struct base_key k;
	struct base *b;

	memset(&k, 0, sizeof(k));
	snprintf(k.workload, sizeof(k.workload), "%s", ct->workload);
	snprintf(k.image, sizeof(k.image), "%s", ct->image_id);
	HASH_FIND(hh, c->declared->bases, &k, sizeof(k), b);
	if (b || !make || HASH_COUNT(c->declared->bases) >= DECLARED_BASES_MAX)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->key = k;
	HASH_ADD(hh, c->declared->bases, key, sizeof(b->key), b);
	if (b->hh.tbl)
		return b;
	free(b);
	return NULL;
}

static bool base_has(const struct base *b, const struct setting *s)
{
	struct base_entry *e;

	if (!b)
		return false;
	HASH_FIND_PTR(b->entries, &s->key, e);
	return e;
}

static void base_add(struct core *c, struct base *b, const struct setting *s)
{
	struct base_entry *e;

	if (base_has(b, s) || HASH_COUNT(b->entries) >= 2 * DECLARED_SETTINGS_MAX)
		return;
	e = calloc(1, sizeof(*e));
	if (!e)
		return;
	e->key = strpool_get(c->priv->strings, s->key);
	HASH_ADD_PTR(b->entries, key, e);
	if (e->hh.tbl)
		return;
	strpool_put(c->priv->strings, e->key);
	free(e);
}

static void base_free(struct core *c, struct base *b)
{
	struct base_entry *e, *tmp;

	HASH_ITER(hh, b->entries, e, tmp) {
		HASH_DEL(b->entries, e);
		strpool_put(c->priv->strings, e->key);
		free(e);
	}
	HASH_DEL(c->declared->bases, b);
	free(b);
}

void bases_free(struct core *c)
{
	struct base *b, *tmp;

	HASH_ITER(hh, c->declared->bases, b, tmp)
		base_free(c, b);
}

bool declared_is_meant(struct core *c, const struct ident_container *ct, const struct setting *s)
{
	return base_has(base_find(c, ct, false), s);
}

/* Kinds whose difference is one of behaviour. */
static bool is_judged(const struct setting *s)
{
	return s->kind == SETTING_APP || s->kind == SETTING_LISTENER || s->kind == SETTING_UPSTREAM || s->kind == SETTING_PLACE ||
	       s->kind == SETTING_LINE;
}

/* ---- facts ------------------------------------------------------------------------------------------------------------- */
bool declared_listener_key(const struct setting *s, char ret[48])
{
	struct in6_addr a6;
	struct in_addr a4;
	bool loopback = (inet_pton(AF_INET, s->b, &a4) == 1 && (ntohl(a4.s_addr) >> 24) == 127) ||
			(inet_pton(AF_INET6, s->b, &a6) == 1 && IN6_IS_ADDR_LOOPBACK(&a6));

	if (s->kind != SETTING_LISTENER || !s->number || s->number > 65535 || (strcmp(s->a, "tcp") != 0 && strcmp(s->a, "udp") != 0))
		return false;
	snprintf(ret, 48, "%.8s/%u%s", s->a, s->number, loopback ? " (loopback)" : "");
	return true;
}

struct fact_search {
	const char *key, *where;
	bool same, declared;
};

static void fact_cb(const struct fact *f, void *arg)
{
	struct fact_search *s = arg;

	s->declared |= !!(f->sources & FACT_DECLARED);
	if (!strcmp(f->key, s->key))
		s->same = (f->sources & FACT_DECLARED) && !strcmp(f->where ? f->where : "", s->where);
}

static bool has_declared(const struct model *m, enum fact_kind k)
{
	struct fact_search s = { .key = "", .where = "" };

	model_each_fact(m, k, fact_cb, &s);
	return s.declared;
}

static void declare_listeners(struct core *c, const struct ident_container *ct, const struct settings *set, const struct model *m)
{
	unsigned count = 0;

	for (unsigned i = 0; i < set->count && count < LISTENERS_MAX; i++) {
		const struct setting *s = &set->list[i];
		char port[48], key[FACT_KEY_MAX];
		struct fact_search f = { .key = key, .where = s->where };

		if (!declared_listener_key(s, port) || !declared_is_meant(c, ct, s))
			continue;
		count++;
		fact_key(key, port, FACT_ANY);
		model_each_fact(m, FACT_LISTENER, fact_cb, &f);
		if (!f.same)
			(void)model_declare(c, ct, FACT_LISTENER, key, s->where);
	}
}

static bool same_model(const struct ident_container *a, const struct ident_container *b)
{
	return !strcmp(a->workload, b->workload) && !strcmp(a->image_id, b->image_id);
}

/* While it is learned: what is read now is meant. What an earlier reading said and this one does not (a start script that writes the
 * configuration) is declared no longer. */
static void adopt(struct core *c, struct declared *d, const struct ident_container *ct, const struct settings *old, const struct model *m)
{
	struct base *b = base_find(c, ct, true);
	bool lost = false;

	if (!b)
		return;
	for (unsigned i = 0; i < d->now.count; i++)
		if (is_judged(&d->now.list[i]))
			base_add(c, b, &d->now.list[i]);
	for (unsigned i = 0; i < old->count && !lost; i++)
		lost = (old->list[i].kind == SETTING_LISTENER || old->list[i].kind == SETTING_UPSTREAM) && !settings_has(&d->now, &old->list[i]);
	if (lost) {
		struct declared *e, *tmp;

		model_undeclare(c, ct);
		c->declared->edges_due = true;
		HASH_ITER(hh, c->declared->all, e, tmp) {
			const struct ident_container *other = e != d && e->read_ns ? declared_container(c, e) : NULL;

			if (other && same_model(ct, other))
				declare_listeners(c, other, &e->now, m);
		}
	}
	declare_listeners(c, ct, &d->now, m);
}

/* An earlier core learned this model; what it declared is in its facts. */
static bool is_fact(const struct model *m, const struct setting *s)
{
	char port[48], key[FACT_KEY_MAX];
	const struct fact *f;

	if (!declared_listener_key(s, port))
		return s->kind != SETTING_LISTENER;
	f = model_match(m, FACT_LISTENER, fact_key(key, port, FACT_ANY));
	return f && f->sources & (FACT_DECLARED | FACT_HUMAN);
}

/* ---- differences -------------------------------------------------------------------------------------------------------- */
struct diff {
	const struct setting *added[TOLD_MAX], *removed[TOLD_MAX];
	unsigned added_count, removed_count; /* of behaviour */
	const struct setting *line_added[TOLD_MAX], *line_removed[TOLD_MAX];
	unsigned lines_added, lines_removed; /* of text */
	uint64_t hash;
};

static void diff_add(const struct setting **list, unsigned *count, const struct setting *s, struct diff *x)
{
	if (*count < TOLD_MAX)
		list[*count] = s;
	(*count)++;
	for (const char *p = s->key; *p; p++)
		x->hash = (x->hash ^ (unsigned char)*p) * 0x100000001b3ULL;
}

static void diff_make(const struct declared *d, const struct settings *old, const struct base *b, bool removals, struct diff *x)
{
	memset(x, 0, sizeof(*x));
	x->hash = 0xcbf29ce484222325ULL;
	for (unsigned i = 0; i < d->now.count; i++) {
		const struct setting *s = &d->now.list[i];

		if (!is_judged(s) || base_has(b, s) || settings_has(old, s))
			continue;
		if (s->kind == SETTING_LINE)
			diff_add(x->line_added, &x->lines_added, s, x);
		else
			diff_add(x->added, &x->added_count, s, x);
	}
	for (unsigned i = 0; removals && i < old->count; i++) {
		const struct setting *s = &old->list[i];

		if (!is_judged(s) || !base_has(b, s) || settings_has(&d->now, s))
			continue;
		x->hash ^= 1;
		if (s->kind == SETTING_LINE)
			diff_add(x->line_removed, &x->lines_removed, s, x);
		else
			diff_add(x->removed, &x->removed_count, s, x);
	}
}

static size_t say(char *to, size_t at, size_t len, char sign, const struct setting *s)
{
	char text[360], where[SETTING_TEXT_MAX + 16];
	const char *w = setting_where(s, where, sizeof(where));
	int n;

	setting_text(s, text, sizeof(text));
	n = snprintf(to + at, len - at, "%s%c %s%s%.120s%s", at ? ", " : "", sign, text, w[0] ? " (" : "", w, w[0] ? ")" : "");
	return n < 0 || (size_t)n >= len - at ? len - 1 : at + (size_t)n;
}

/* The behaviour that changed; where none did, the lines. */
static void say_all(const struct diff *x, char *to, size_t len)
{
	bool lines = !x->added_count && !x->removed_count;
	const struct setting *const *added = lines ? x->line_added : x->added, *const *removed = lines ? x->line_removed : x->removed;
	unsigned a = lines ? x->lines_added : x->added_count, r = lines ? x->lines_removed : x->removed_count;
	size_t at = 0;

	to[0] = '\0';
	for (unsigned i = 0; i < a && i < TOLD_MAX; i++)
		at = say(to, at, len, '+', added[i]);
	for (unsigned i = 0; i < r && i < TOLD_MAX; i++)
		at = say(to, at, len, '-', removed[i]);
	if (a > TOLD_MAX || r > TOLD_MAX)
		snprintf(to + at, len - at, ", and more");
}

static void expect_settings(struct finding *f, const struct declared *d, const struct settings *old, const struct base *b, const struct diff *x)
{
	char text[360];

	for (unsigned i = 0; i < x->removed_count && i < TOLD_MAX; i++) {
		setting_text(x->removed[i], text, sizeof(text));
		model_expect(f, "%.250s (declared: %.120s)", text, x->removed[i]->where);
	}
	for (unsigned i = 0; i < d->now.count && f->expected_count + 1 < FINDING_EXPECTED_MAX; i++) {
		const struct setting *s = &d->now.list[i];

		if (s->kind != SETTING_LISTENER || !base_has(b, s))
			continue;
		setting_text(s, text, sizeof(text));
		model_expect(f, "%.250s (declared: %.120s)", text, s->where);
	}
	for (unsigned i = 0; !f->expected_count && i < x->lines_removed && i < TOLD_MAX; i++) {
		char where[SETTING_TEXT_MAX + 16];

		setting_text(x->line_removed[i], text, sizeof(text));
		model_expect(f, "%.250s (declared: %.120s)", text, setting_where(x->line_removed[i], where, sizeof(where)));
	}
	if (!f->expected_count)
		model_expect(f, "the configuration as it was when %.200s was learned", d->now.count ? f->workload : "it");
}

static void tell(struct core *c, const struct declared *d, const struct ident_container *ct, const struct model *m, const struct settings *old,
		 const struct base *b, const struct diff *x)
{
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));
	const struct declared_trigger *t = &d->judged;
	char said[400];

	if (!f)
		return;
	if (!config_checks(&c->config, CHECK_DRIFT))
		return;
	f->kind = FINDING_CONFIG_DRIFT;
	f->fact_kind = -1;
	f->pid = t->pid;
	f->observed_ns = t->at_mono_ns ? clock_mono_to_wall_ns(t->at_mono_ns) : 0;
	say_all(x, said, sizeof(said));
	snprintf(f->workload, sizeof(f->workload), "%s", ct->workload);
	snprintf(f->key, sizeof(f->key), "drift\t%.512s\t%016llx", t->path, (unsigned long long)x->hash);
	snprintf(f->process, sizeof(f->process), "%s", t->process);
	if (t->at_mono_ns)
		snprintf(f->observed, sizeof(f->observed), "%.160s in %.60s was %s%s%.60s: %s", t->path, ct->name, t->change,
			 t->process[0] ? " by " : "", t->process, said);
	else
		snprintf(f->observed, sizeof(f->observed), "%.60s is configured otherwise than its workload: %s", ct->name, said);
	if (x->added_count || x->removed_count)
		snprintf(f->why, sizeof(f->why), "The effective configuration changed while it runs: %s. What is not in the image or its "
			 "mounts when a workload is learned, is not meant.", said);
	else
		snprintf(f->why, sizeof(f->why), "%u lines came and %u went that are no comments; none of them changes what it listens on, calls or "
			 "serves.", x->lines_added, x->lines_removed);
	expect_settings(f, d, old, b, x);
	model_tell(c, ct, m, FACT_FILE, f);
}

bool declared_judge(struct core *c, struct declared *d, const struct settings *old)
{
	const struct ident_container *ct = declared_container(c, d);
	struct model *m = ct ? model_of(c, ct) : NULL;
	bool startup = ct && ct->started_wall_ns && clock_wall_ns() < ct->started_wall_ns + STARTUP_NS;
	struct base *b;
	struct diff x;

	if (!m)
		return false;
	b = base_find(c, ct, false);
	if (model_dimension_state(m, FACT_FILE) == MODEL_LEARNING) {
		adopt(c, d, ct, old, m);
		return false;
	}
	if (!b) {
		/* A core that was restarted: what it declared before, its model still has. */
		bool facts = has_declared(m, FACT_LISTENER);

		b = base_find(c, ct, true);
		for (unsigned i = 0; b && i < d->now.count; i++)
			if (is_judged(&d->now.list[i]) && (!facts || is_fact(m, &d->now.list[i])))
				base_add(c, b, &d->now.list[i]);
	}
	if (!b)
		return false;
	diff_make(d, old, b, d->was_read && !startup, &x);
	if (x.added_count + x.removed_count + x.lines_added + x.lines_removed) {
		if (!d->confirm && !x.added_count && !x.lines_added)
			return true;
		tell(c, d, ct, m, old, b, &x);
	}
	declare_listeners(c, ct, &d->now, m);
	return false;
}
