/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YAML (1.1 and 1.2; JSON is a part of it) through libfyaml, copied into a tree with limits: aliases are followed, but the tree
 * cannot outgrow its bound. */
#include <libfyaml.h>
#include <string.h>

#include "appid/config/conf_text.h"
#include "base/utf8.h"

enum { NODES_MAX = 50000 };

struct yaml {
	struct conf *c;
	struct conf_file *f;
	struct fy_document *doc;
	unsigned nodes;
};

static void document_free(void *doc)
{
	fy_document_destroy(doc);
}

static unsigned line_of(struct fy_node *n)
{
	struct fy_token *t = n && fy_node_is_scalar(n) ? fy_node_get_scalar_token(n) : NULL;
	const struct fy_mark *m = t ? fy_token_start_mark(t) : NULL;

	return m ? (unsigned)m->line + 1 : 0;
}

static const char *scalar(struct yaml *y, struct fy_node *n)
{
	size_t len = 0;
	const char *s = n ? fy_node_get_scalar(n, &len) : NULL;

	return s ? conf_strndup(y->c, s, strnlen(s, len)) : "";
}

static void copy(struct yaml *y, struct fy_node *from, struct conf_node *to, unsigned depth);

static struct conf_node *child(struct yaml *y, struct conf_node ***end, const char *name, unsigned line)
{
	struct conf_node *n = conf_alloc(y->c, sizeof(*n));

	if (++y->nodes > NODES_MAX)
		conf_leave(y->c, "more than 50000 YAML nodes");
	conf_tick(y->c);
	n->name = name;
	n->file = y->f;
	n->line = line;
	**end = n;
	*end = &n->next;
	return n;
}

static void copy_mapping(struct yaml *y, struct fy_node *from, struct conf_node *to, unsigned depth)
{
	struct conf_node **end = &to->children;
	struct fy_node_pair *pair;
	void *it = NULL;

	while ((pair = fy_node_mapping_iterate(from, &it))) {
		struct fy_node *key = fy_node_pair_key(pair);

		copy(y, fy_node_pair_value(pair), child(y, &end, scalar(y, key && fy_node_is_scalar(key) ? key : NULL), line_of(key)),
		     depth + 1);
	}
}

static void copy(struct yaml *y, struct fy_node *from, struct conf_node *to, unsigned depth)
{
	struct conf_node **end = &to->children;
	struct fy_node *item;
	void *it = NULL;

	if (depth > CONF_DEPTH)
		conf_leave(y->c, "YAML more than 32 deep");
	if (from && fy_node_is_alias(from))
		from = fy_node_resolve_alias(from);
	if (!from)
		return;
	if (fy_node_is_scalar(from)) {
		to->value = scalar(y, from);
	} else if (fy_node_is_mapping(from)) {
		copy_mapping(y, from, to, depth);
	} else {
		while ((item = fy_node_sequence_iterate(from, &it)))
			copy(y, item, child(y, &end, NULL, line_of(item)), depth + 1);
	}
}

/* libfyaml 0.7 takes a byte that is no UTF-8 for the end of the file, and in an unknown directive it stays there for ever: such bytes
 * become '?', which in comments, where they mostly are, means nothing. */
static const char *as_utf8(struct conf *c, const char *text, size_t len)
{
	char *copy = NULL;
	uint32_t ch;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode((const unsigned char *)text + i, len - i, &ch);
		if (n)
			continue;
		if (!copy)
			copy = memcpy(conf_alloc(c, len + 1), text, len);
		copy[i] = '?';
		n = 1;
	}
	return copy ? copy : text;
}

struct conf_node *conf_yaml(struct conf *c, struct conf_file *f)
{
	/* Before anything that an end of the reading would leave behind. */
	const char *text = as_utf8(c, f->text, f->len);
	/* Its errors quote the file: nobody's log is the place for that. */
	const struct fy_diag_cfg silent = { .fp = NULL, .level = FYET_MAX, .module_mask = 0 };
	struct fy_diag *diag = fy_diag_create(&silent);
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_AUTO | FYPCF_ALLOW_DUPLICATE_KEYS, .diag = diag };
	struct yaml y = { .c = c, .f = f, .doc = fy_document_build_from_string(&cfg, text, f->len) };
	struct conf_node *root = NULL;

	fy_diag_unref(diag);

	if (!y.doc) {
		conf_unread(c, f->path, "no YAML");
		return NULL;
	}
	conf_owns(c, document_free, y.doc);
	if (fy_document_root(y.doc)) {
		root = conf_alloc(c, sizeof(*root));
		root->file = f;
		copy(&y, fy_document_root(y.doc), root, 0);
	}
	conf_owns(c, NULL, NULL);
	fy_document_destroy(y.doc);
	return root;
}
