/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees: blocks in braces, and looking things up. YAML and XML are in conf_yaml.c and conf_xml.c. */
#include <ctype.h>
#include <string.h>

#include "appid/config/conf_text.h"

enum { NODES_MAX = 200000 };

struct blocks {
	struct conf *c;
	struct conf_file *f;
	unsigned flags;
	const char *p;
	unsigned line, nodes;
	const char **words; /* of the statement being read: room for CONF_WORDS */
	unsigned count;
};

static void skip_line(struct blocks *b)
{
	b->p += strcspn(b->p, "\n");
}

static void skip_comment(struct blocks *b)
{
	const char *end = strstr(b->p + 2, "*/");

	if (!end)
		end = b->p + strlen(b->p) - 2;
	for (; b->p < end + 2 && *b->p; b->p++)
		b->line += *b->p == '\n';
}

/* Blanks and comments. True: a line ended on the way. */
static bool skip(struct blocks *b)
{
	bool ended = false;

	for (;; conf_tick(b->c)) {
		if (*b->p == '\n') {
			b->line++;
			ended = true;
			b->p++;
		} else if (*b->p == '\\' && (b->flags & CONF_BLOCK_LINES) && b->p[1] == '\n') {
			b->p += 2;
			b->line++;
		} else if (isspace((unsigned char)*b->p)) {
			b->p++;
		} else if (*b->p == '#' || ((b->flags & CONF_BLOCK_SLASHES) && b->p[0] == '/' && b->p[1] == '/')) {
			skip_line(b);
		} else if ((b->flags & CONF_BLOCK_SLASHES) && b->p[0] == '/' && b->p[1] == '*') {
			skip_comment(b);
		} else {
			return ended;
		}
	}
}

static bool ends_word(const struct blocks *b, char ch)
{
	return !ch || isspace((unsigned char)ch) || ch == ';' || ch == '{' || ch == '}' || ((b->flags & CONF_BLOCK_EQUALS) && ch == '=');
}

/* One word, quotes off. "${name}" keeps its braces. */
static const char *word(struct blocks *b)
{
	const char *begin = b->p;
	size_t n = 0;
	char *out;
	char quote = 0;

	if ((b->flags & CONF_BLOCK_EQUALS) && *b->p == '=') {
		b->p++;
		return "=";
	}
	if (*b->p == '"' || (*b->p == '\'' && (b->flags & CONF_BLOCK_SINGLE))) {
		quote = *b->p++;
		while (*b->p && *b->p != quote)
			b->p += *b->p == '\\' && b->p[1] ? 2 : 1;
		out = conf_alloc(b->c, (size_t)(b->p - begin) + 1);
		for (const char *p = begin + 1; p < b->p; p++) {
			b->line += *p == '\n';
			out[n++] = *p == '\\' && p + 1 < b->p && (p[1] == quote || p[1] == '\\') ? *++p : *p;
		}
		b->p += *b->p != '\0';
		return out;
	}
	while (!ends_word(b, *b->p)) {
		if (b->p[0] == '$' && b->p[1] == '{') {
			b->p += strcspn(b->p, "}\n");
			b->p += *b->p == '}';
		} else {
			b->p += *b->p == '\\' && b->p[1] && b->p[1] != '\n' ? 2 : 1;
		}
	}
	return conf_strndup(b->c, begin, (size_t)(b->p - begin));
}

static struct conf_node *node_new(struct blocks *b, unsigned line)
{
	struct conf_node *n = conf_alloc(b->c, sizeof(*n));

	if (++b->nodes > NODES_MAX)
		conf_leave(b->c, "more than 200000 statements");
	n->words = conf_alloc(b->c, (b->count + 1) * sizeof(*n->words));
	memcpy(n->words, b->words, b->count * sizeof(*n->words));
	n->count = b->count;
	n->name = b->count ? b->words[0] : "";
	n->file = b->f;
	n->line = line;
	b->count = 0;
	return n;
}

static struct conf_node *statements(struct blocks *b, unsigned depth)
{
	struct conf_node *first = NULL, **end = &first, *n;
	unsigned line = 0;

	if (depth > CONF_DEPTH)
		conf_leave(b->c, "blocks more than 32 deep");
	for (;;) {
		bool ended = skip(b);

		if (b->count && (*b->p == '\0' || *b->p == '}' || *b->p == ';' ||
				 (ended && (b->flags & CONF_BLOCK_LINES) && *b->p != '{'))) {
			*end = n = node_new(b, line);
			end = &n->next;
		}
		if (*b->p == '\0')
			return first;
		if (*b->p == '}') {
			b->p++;
			return first;
		}
		if (*b->p == ';') {
			b->p++;
		} else if (*b->p == '{') {
			b->p++;
			*end = n = node_new(b, b->count ? line : b->line);
			end = &n->next;
			n->block = true;
			n->children = statements(b, depth + 1);
		} else {
			line = b->count ? line : b->line;
			if (b->count + 1 < CONF_WORDS)
				b->words[b->count++] = word(b);
			else
				(void)word(b);
		}
	}
}

struct conf_node *conf_blocks(struct conf *c, struct conf_file *f, unsigned flags)
{
	const char *words[CONF_WORDS];
	struct blocks b = { .c = c, .f = f, .flags = flags, .p = f->text, .line = 1, .words = words };
	struct conf_node *first = NULL, **end = &first;

	/* A closing brace too many ends nothing. */
	while (*b.p) {
		*end = statements(&b, 0);
		while (*end)
			end = &(*end)->next;
	}
	return first;
}

/* ---- looking things up ------------------------------------------------------------------------------------- */
const struct conf_node *conf_node_find(const struct conf_node *n, const char *path)
{
	const struct conf_node *found = NULL, *below;

	for (const struct conf_node *child = n ? n->children : NULL; child; child = child->next) {
		size_t len = child->name ? strlen(child->name) : 0;

		if (!len || strncmp(child->name, path, len) != 0)
			continue;
		if (!path[len])
			found = child;
		else if (path[len] == '.' && (below = conf_node_find(child, path + len + 1)))
			found = below;
	}
	return found;
}

const char *conf_node_value(const struct conf_node *n, const char *path)
{
	const struct conf_node *found = conf_node_find(n, path);

	return found ? found->value : NULL;
}

const char *conf_node_attr(const struct conf_node *n, const char *name)
{
	for (unsigned i = 0; i + 1 < n->count; i += 2)
		if (!strcmp(n->words[i], name))
			return n->words[i + 1];
	return NULL;
}

const char *conf_node_at(struct conf *c, const struct conf_node *n)
{
	return conf_at(c, n->file, n->line);
}

unsigned conf_node_list(struct conf *c, const struct conf_node *n, const char **argv)
{
	unsigned count = 0;

	if (!n)
		return argv[0] = NULL, 0;
	if (!n->children)
		return conf_split_list(c, n->value, ",", argv);
	for (const struct conf_node *child = n->children; child && count + 1 < CONF_WORDS; child = child->next)
		if (child->value)
			argv[count++] = child->value;
	argv[count] = NULL;
	return count;
}
