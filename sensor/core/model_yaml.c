/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Written by hand: every value is a JSON string, which YAML 1.2 takes as a double-quoted scalar. Read with libfyaml, aliases
 * refused (see config.c). */
#include "sensor/core/model_yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/jsonl.h"
#include "base/utf8.h"

#define YAML_BYTES_MAX (1U << 20)

/* ---- out ------------------------------------------------------------------------------------------------------------ */
struct lines {
	char **text;
	size_t count, cap;
	enum fact_kind k;
	bool failed;
};

static void add_line(const struct fact *f, void *arg)
{
	struct lines *l = arg;
	const char *second;
	size_t n = fact_fields(f->key, &second);
	struct jsonl j;
	char *text;

	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	jsonl_str(&j, "dimension", fact_kind_name(l->k));
	jsonl_arr(&j, "fact");
	jsonl_strn(&j, NULL, f->key, n);
	if (f->key[n])
		jsonl_str(&j, NULL, second);
	jsonl_arr_end(&j);
	jsonl_str(&j, "source", fact_source_name(f->sources));
	if (f->where)
		jsonl_str(&j, "where", f->where);
	jsonl_obj_end(&j);
	text = jsonl_take(&j, NULL);
	jsonl_done(&j);
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		char **p = reallocarray(l->text, cap, sizeof(*p));

		if (p) {
			l->text = p;
			l->cap = cap;
		}
	}
	if (!text || l->count == l->cap) {
		free(text);
		l->failed = true;
		return;
	}
	l->text[l->count++] = text;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put_scalar(FILE *f, const char *key, const char *value)
{
	struct jsonl j;
	const char *text;

	jsonl_init(&j);
	jsonl_str(&j, NULL, value);
	text = jsonl_text(&j, NULL);
	fprintf(f, "%s: %s\n", key, text ? text : "\"\"");
	jsonl_done(&j);
}

char *model_yaml_write(const struct model *m, size_t *ret_len)
{
	struct lines l = { .count = 0 };
	char *out = NULL;
	FILE *f;

	for (int k = 0; k < FACT_KIND_MAX; k++) {
		l.k = (enum fact_kind)k;
		model_each_fact(m, l.k, add_line, &l);
	}
	if (l.count)
		qsort(l.text, l.count, sizeof(*l.text), by_text);
	f = l.failed ? NULL : open_memstream(&out, ret_len);
	if (f) {
		fputs("# A model of Pierglass: what is normal for a workload. Read back with \"pierglass model import\".\n", f);
		put_scalar(f, "workload", model_workload(m));
		put_scalar(f, "image", model_image(m));
		fputs("states:\n", f);
		for (int k = 0; k < FACT_KIND_MAX; k++)
			fprintf(f, "  %s: %s\n", fact_kind_name((enum fact_kind)k), model_state_name(model_dimension_state(m, (enum fact_kind)k)));
		fputs(l.count ? "facts:\n" : "facts: []\n", f);
		for (size_t i = 0; i < l.count; i++)
			fprintf(f, "  - %s\n", l.text[i]);
		if (fclose(f)) {
			free(out);
			out = NULL;
		}
	}
	for (size_t i = 0; i < l.count; i++)
		free(l.text[i]);
	free(l.text);
	return out;
}

/* ---- in --------------------------------------------------------------------------------------------------------------- */
struct fact_in {
	int kind;
	char key[FACT_KEY_MAX];
	char where[400];
};

struct reading {
	char workload[MODEL_WORKLOAD_LEN], image[MODEL_IMAGE_LEN];
	int states[FACT_KIND_MAX]; /* -1: not said */
	struct fact_in *facts;
	size_t count, cap;
	char *err;
	size_t err_len;
};

static int line_of(struct fy_node *n)
{
	struct fy_token *t = fy_node_is_scalar(n) ? fy_node_get_scalar_token(n) : NULL;
	const struct fy_mark *mark = t ? fy_token_start_mark(t) : NULL;

	return mark ? mark->line + 1 : 0;
}

static int refuse(struct reading *r, struct fy_node *n, const char *what)
{
	if (n && line_of(n))
		snprintf(r->err, r->err_len, "line %d: %s", line_of(n), what);
	else
		snprintf(r->err, r->err_len, "%s", what);
	return -EINVAL;
}

static bool text_of(struct fy_node *n, char *ret, size_t len)
{
	const char *s;
	size_t l;

	if (!n || !fy_node_is_scalar(n) || fy_node_is_alias(n))
		return false;
	s = fy_node_get_scalar(n, &l);
	if (!s || l >= len)
		return false;
	for (size_t i = 0; i < l; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	memcpy(ret, s, l);
	ret[l] = '\0';
	return true;
}

static struct fy_node *value_of(struct fy_node *map, const char *key)
{
	void *iter = NULL;
	struct fy_node_pair *p;
	char text[32];

	while ((p = fy_node_mapping_iterate(map, &iter)))
		if (text_of(fy_node_pair_key(p), text, sizeof(text)) && !strcmp(text, key))
			return fy_node_pair_value(p);
	return NULL;
}

static int read_fact(struct reading *r, struct fy_node *n)
{
	char kind[32], a[FACT_KEY_MAX / 2], b[FACT_KEY_MAX / 2];
	struct fy_node *list, *where;
	struct fact_in *f;
	void *iter = NULL;
	bool two = false;

	if (!fy_node_is_mapping(n))
		return refuse(r, n, "a fact is a mapping: {dimension: ..., fact: [..., ...]}");
	if (!text_of(value_of(n, "dimension"), kind, sizeof(kind)) || fact_kind_of(kind) < 0)
		return refuse(r, n, "a fact without a known \"dimension\"");
	list = value_of(n, "fact");
	if (!list || !fy_node_is_sequence(list) || !text_of(fy_node_sequence_iterate(list, &iter), a, sizeof(a)) || !a[0])
		return refuse(r, list, "a fact's \"fact\" is a list of one or two texts");
	n = fy_node_sequence_iterate(list, &iter);
	if (n) {
		two = text_of(n, b, sizeof(b));
		if (!two || fy_node_sequence_iterate(list, &iter))
			return refuse(r, n, "a fact's \"fact\" is a list of one or two texts");
	}
	if (r->count == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 256;

		f = reallocarray(r->facts, cap, sizeof(*f));
		if (!f)
			return -ENOMEM;
		r->facts = f;
		r->cap = cap;
	}
	f = &r->facts[r->count++];
	f->kind = fact_kind_of(kind);
	fact_key(f->key, a, two ? b : NULL);
	where = value_of(fy_node_get_parent(list) ? fy_node_get_parent(list) : list, "where");
	if (!where || !text_of(where, f->where, sizeof(f->where)))
		snprintf(f->where, sizeof(f->where), "import");
	return 0;
}

static int read_states(struct reading *r, struct fy_node *n)
{
	struct fy_node_pair *p;
	void *iter = NULL;
	char key[32], value[32];

	if (!fy_node_is_mapping(n))
		return refuse(r, n, "\"states\" is a mapping of dimensions");
	while ((p = fy_node_mapping_iterate(n, &iter))) {
		int k = text_of(fy_node_pair_key(p), key, sizeof(key)) ? fact_kind_of(key) : -1, s;

		if (k < 0 || !text_of(fy_node_pair_value(p), value, sizeof(value)))
			return refuse(r, fy_node_pair_key(p), "no such dimension in \"states\"");
		for (s = 0; s < MODEL_STATE_MAX && strcmp(value, model_state_name((enum model_state)s)) != 0; s++)
			;
		if (s == MODEL_STATE_MAX)
			return refuse(r, fy_node_pair_value(p), "a state is learning, monitoring or locked");
		r->states[k] = s;
	}
	return 0;
}

static int read_root(struct reading *r, struct fy_node *root)
{
	struct fy_node *n, *facts;
	void *iter = NULL;
	int e;

	if (!root || !fy_node_is_mapping(root))
		return refuse(r, root, "a model is a mapping with \"workload\" and \"facts\"");
	if (!text_of(value_of(root, "workload"), r->workload, sizeof(r->workload)) || !r->workload[0])
		return refuse(r, root, "\"workload\" is missing or no text");
	n = value_of(root, "image");
	if (n && !text_of(n, r->image, sizeof(r->image)))
		return refuse(r, n, "\"image\" is no text");
	n = value_of(root, "states");
	if (n && (e = read_states(r, n)) < 0)
		return e;
	facts = value_of(root, "facts");
	if (!facts || !fy_node_is_sequence(facts))
		return refuse(r, facts ? facts : root, "\"facts\" is a list");
	while ((n = fy_node_sequence_iterate(facts, &iter))) {
		e = read_fact(r, n);
		if (e < 0)
			return e;
	}
	return 0;
}

static int take(struct models *ms, const struct reading *r, uint64_t now_ns)
{
	struct model *m;
	bool made;
	int e = 0;

	m = models_find(ms, r->workload);
	if (!m || (r->image[0] && strcmp(model_image(m), r->image) != 0))
		m = models_get(ms, r->workload, r->image, now_ns, &made);
	if (!m)
		return -ENOSPC;
	for (size_t i = 0; !e && i < r->count; i++)
		e = model_vouch(m, (enum fact_kind)r->facts[i].kind, r->facts[i].key, FACT_HUMAN, r->facts[i].where, now_ns);
	for (int k = 0; !e && k < FACT_KIND_MAX; k++)
		if (r->states[k] >= 0 && r->states[k] != (int)model_dimension_state(m, (enum fact_kind)k))
			model_set_state(m, (enum fact_kind)k, (enum model_state)r->states[k], now_ns);
	return e;
}

int model_yaml_read(struct models *ms, const char *text, size_t len, uint64_t now_ns, char ret_workload[MODEL_WORKLOAD_LEN],
		    uint64_t *ret_facts, char *err, size_t err_len)
{
	struct reading r = { .err = err, .err_len = err_len };
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET };
	struct fy_document *doc;
	uint32_t ch;
	int e;

	for (size_t i = 0, l; i < len; i += l) {
		l = utf8_decode((const unsigned char *)text + i, len - i, &ch);
		if (!l || !ch)
			return refuse(&r, NULL, "the text is no UTF-8");
	}
	if (!len || len > YAML_BYTES_MAX)
		return refuse(&r, NULL, "the text is empty or longer than 1 MiB");
	memset(r.states, -1, sizeof(r.states));
	doc = fy_document_build_from_string(&cfg, text, len);
	e = doc ? read_root(&r, fy_document_root(doc)) : refuse(&r, NULL, "the text is no valid YAML");
	fy_document_destroy(doc);
	if (!e) {
		e = take(ms, &r, now_ns);
		if (e < 0)
			snprintf(err, err_len, "the model is full: at most %d facts a dimension", MODEL_FACTS_MAX);
	}
	if (!e) {
		snprintf(ret_workload, MODEL_WORKLOAD_LEN, "%s", r.workload);
		*ret_facts = r.count;
	}
	free(r.facts);
	return e;
}
