/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/export_text.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "sensor/core/json_views.h"

static bool text_room(struct text_out *t, size_t n)
{
	size_t cap = t->cap ? t->cap : 4096;
	char *p;

	if (t->failed)
		return false;
	while (cap - t->len < n + 1)
		cap *= 2;
	if (cap == t->cap)
		return true;
	p = realloc(t->buf, cap);
	if (!p) {
		t->failed = true;
		return false;
	}
	t->buf = p;
	t->cap = cap;
	return true;
}

static void text_put(struct text_out *t, const char *s, size_t n)
{
	if (!text_room(t, n))
		return;
	memcpy(t->buf + t->len, s, n);
	t->len += n;
}

void text_raw(struct text_out *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void text_f(struct text_out *t, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n > 0)
		text_put(t, buf, (size_t)n < sizeof(buf) ? (size_t)n : sizeof(buf) - 1);
}

char *text_take(struct text_out *t, size_t *ret_len)
{
	if (!text_room(t, 0)) {
		free(t->buf);
		return NULL;
	}
	t->buf[t->len] = '\0';
	*ret_len = t->len;
	return t->buf;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

static const char *escape_of(enum text_form form, uint32_t c)
{
	switch (form) {
	case TEXT_PLAIN:
		return NULL;
	case TEXT_DOT: /* Graphviz reads entities in labels, hence '&' */
		return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '&' ? "&amp;" : NULL;
	case TEXT_METRIC: /* a label's value */
		return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;
	case TEXT_XML:
		return c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : c == '\'' ? "&apos;" : NULL;
	case TEXT_MERMAID: /* inside "…": its own entities, by number */
		return c == '"' ? "#34;" : c == '#' ? "#35;" : c == '<' ? "#60;" : c == '>' ? "#62;" : c == '&' ? "#38;" :
		       c == ';' ? "#59;" : c == '`' ? "#96;" : c == '\\' ? "#92;" : c == '|' ? "#124;" : NULL;
	}
	return NULL;
}

void text_name(struct text_out *t, enum text_form form, const char *name)
{
	const unsigned char *p = (const unsigned char *)name;
	size_t n = strlen(name), cut = n;

	if (n > TEXT_NAME_MAX)
		cut = TEXT_NAME_MAX;
	for (size_t i = 0; i < cut;) {
		uint32_t c;
		size_t l = utf8_decode(p + i, n - i, &c);
		const char *e;

		if (!l) {
			text_raw(t, "\xef\xbf\xbd");
			i++;
			continue;
		}
		e = escape_of(form, c);
		if (is_control(c))
			text_raw(t, " ");
		else if (e)
			text_raw(t, e);
		else
			text_put(t, (const char *)p + i, l);
		i += l;
	}
	if (cut < n)
		text_raw(t, "\xe2\x80\xa6");
}

void text_edge_label(struct text_out *t, enum text_form form, const struct topo_edge *e)
{
	bool has_app = e->app[0] && strcmp(e->app, "Unknown");
	bool ports = e->l4 == IPPROTO_TCP || e->l4 == IPPROTO_UDP || e->l4 == IPPROTO_SCTP;
	char l4[JSON_L4_LEN];

	text_name(t, form, has_app ? e->app : json_l4_name(e->l4, l4));
	if (has_app && e->app_confidence <= LABEL_PORT_GUESS)
		text_raw(t, "?");
	if (ports)
		text_f(t, " :%u", e->port);
}

struct group_search {
	const char *id;
	const char *group;
};

static void is_group(const struct ident_container *k, void *arg)
{
	struct group_search *s = arg;
	const char *g = k->swarm_stack[0] ? k->swarm_stack : k->compose_project;
	size_t l = strlen(g);

	if (!s->group && l && !strncmp(s->id, g, l) && (s->id[l] == '/' || (k->swarm_stack[0] && s->id[l] == '_')))
		s->group = g;
}

const char *map_group_of(struct core *c, const struct map_view *m, const struct topo_node *n, char *buf, size_t len)
{
	struct group_search s = { .id = n->id };
	const char *slash = strchr(n->id, '/');
	size_t l, mates = 0;

	buf[0] = '\0';
	if (n->kind != TOPO_WORKLOAD && n->kind != TOPO_CONTAINER)
		return n->id;
	if (c->ident)
		ident_each_container(c->ident, is_group, &s);
	if (s.group) {
		snprintf(buf, len, "%s", s.group);
		return n->id + strlen(s.group) + 1;
	}
	/* Its containers are gone (a map of yesterday): then those that share the name before the slash. */
	if (!slash || slash == n->id || !slash[1])
		return n->id;
	l = (size_t)(slash - n->id) + 1;
	for (size_t i = 0; i < m->node_count && mates < 2; i++)
		mates += m->nodes[i]->kind == n->kind && !strncmp(m->nodes[i]->id, n->id, l);
	if (mates < 2)
		return n->id;
	snprintf(buf, len, "%.*s", (int)(l - 1), n->id);
	return slash + 1;
}
