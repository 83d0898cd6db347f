/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings as the documents inspector tells them: nothing of them is trusted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strpool.h"
#include "sensor/core/declared_priv.h"

static void setting_done(struct core *c, struct setting *s)
{
	strpool_put(c->priv->strings, s->a);
	strpool_put(c->priv->strings, s->b);
	strpool_put(c->priv->strings, s->c);
	strpool_put(c->priv->strings, s->where);
	strpool_put(c->priv->strings, s->key);
}

void settings_free(struct core *c, struct settings *s)
{
	for (unsigned i = 0; i < s->count; i++)
		setting_done(c, &s->list[i]);
	free(s->list);
	free(s->keys);
	memset(s, 0, sizeof(*s));
}

/* Control bytes and NULs become '?': these texts end in JSON, terminals and keys. */
static const char *text_take(struct core *c, const uint8_t *p, size_t len)
{
	char text[SETTING_TEXT_MAX + 1];
	const char *s;

	for (size_t i = 0; i < len; i++)
		text[i] = p[i] < 0x20 || p[i] == 0x7f ? '?' : (char)p[i];
	text[len] = '\0';
	s = strpool_get(c->priv->strings, text);
	return s ? s : "";
}

static const char *key_make(struct core *c, const struct setting *s)
{
	char key[3 * SETTING_TEXT_MAX + 64];
	const char *k;

	switch (s->kind) {
	case SETTING_APP:
		snprintf(key, sizeof(key), "app\t%s", s->a);
		break;
	case SETTING_LISTENER:
		snprintf(key, sizeof(key), "listener\t%s\t%s\t%u", s->a, s->b, s->number);
		break;
	default:
		snprintf(key, sizeof(key), "%u\t%s\t%s\t%s", (unsigned)s->kind, s->a, s->b, s->kind == SETTING_LINE ? s->c : "");
	}
	k = strpool_get(c->priv->strings, key);
	return k ? k : "";
}

static bool room(struct settings *s)
{
	unsigned cap = s->cap ? s->cap * 2 : 64;
	struct setting *more;

	if (s->count < s->cap)
		return true;
	if (s->count >= DECLARED_SETTINGS_MAX)
		return false;
	more = reallocarray(s->list, cap, sizeof(*more));
	if (!more)
		return false;
	s->list = more;
	s->cap = cap;
	return true;
}

void settings_take(struct core *c, struct settings *set, const uint8_t *p, size_t len)
{
	while (len >= sizeof(struct msg_setting)) {
		struct msg_setting m;
		struct setting *s;
		const char **at[SETTING_TEXTS];
		size_t all = 0;

		memcpy(&m, p, sizeof(m));
		p += sizeof(m);
		len -= sizeof(m);
		for (int i = 0; i < SETTING_TEXTS; i++) {
			if (m.len[i] > SETTING_TEXT_MAX)
				return;
			all += m.len[i];
		}
		if (all > len || m.kind >= SETTING_KINDS)
			return;
		if (!room(set)) {
			set->unsent++;
			return;
		}
		s = &set->list[set->count++];
		*s = (struct setting){ .kind = (enum msg_setting_kind)m.kind, .number = m.number };
		at[0] = &s->a;
		at[1] = &s->b;
		at[2] = &s->c;
		at[3] = &s->where;
		for (int i = 0; i < SETTING_TEXTS; i++) {
			*at[i] = text_take(c, p, m.len[i]);
			p += m.len[i];
		}
		len -= all;
		s->key = key_make(c, s);
	}
}

static int by_pointer(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (const char *const *)a, y = (uintptr_t) * (const char *const *)b;

	return x < y ? -1 : x > y;
}

/* Keys are of the pool: the same text is the same pointer. */
void settings_seal(struct settings *s)
{
	s->keys = s->count ? calloc(s->count, sizeof(*s->keys)) : NULL;
	for (unsigned i = 0; s->keys && i < s->count; i++)
		s->keys[i] = s->list[i].key;
	if (s->keys)
		qsort(s->keys, s->count, sizeof(*s->keys), by_pointer);
}

bool settings_has(const struct settings *s, const struct setting *what)
{
	if (s->keys)
		return bsearch(&what->key, s->keys, s->count, sizeof(*s->keys), by_pointer);
	for (unsigned i = 0; i < s->count; i++)
		if (s->list[i].key == what->key)
			return true;
	return false;
}

const char *setting_where(const struct setting *s, char *buf, size_t len)
{
	if (s->kind != SETTING_LINE)
		return s->where;
	if (s->number)
		snprintf(buf, len, "%s:%u", s->a, s->number);
	else
		snprintf(buf, len, "%s", s->a);
	return buf;
}

void setting_text(const struct setting *s, char *ret, size_t len)
{
	const char *in = s->c[0] ? s->c : "";

	switch (s->kind) {
	case SETTING_APP:
		snprintf(ret, len, "runs %.100s", s->a);
		break;
	case SETTING_LISTENER:
		snprintf(ret, len, "listens on %.8s %.100s:%u%s%.60s%s", s->a, s->b, s->number, in[0] ? " (" : "", in, in[0] ? ")" : "");
		break;
	case SETTING_UPSTREAM:
		snprintf(ret, len, "uses %.40s %.200s", s->a, s->b);
		break;
	case SETTING_PLACE:
		snprintf(ret, len, "%.40s: %.200s", s->a, s->b);
		break;
	case SETTING_LINE:
		snprintf(ret, len, s->b[0] ? "a line \"%.60s …\"" : "a line", s->b);
		break;
	case SETTING_WATCH:
	case SETTING_NOTE:
	case SETTING_UNREAD:
	case SETTING_KINDS:
		snprintf(ret, len, "%.200s", s->a);
	}
}
