/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API's own part of hostile input: a request's arguments, and names of containers, programs and protocols on their way
 * into JSON, into a graph's text and onto a terminal. Input: chunks that end in NUL. (HTTP itself is libmicrohttpd's; the
 * API over a real socket is tested in tests/unit/test_api.c.) The rooms are taken in as source. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/core/api_query.c"
#include "sensor/core/json_views.c"
#define text fuzz_export_text
#define strings fuzz_export_strings
#include "sensor/core/export_text.c"
#include "tools/pierglass/cli_text.c"

/* What these rooms ask of others. */
int core_event_kind_of(const char *name)
{
	return strcmp(name, "exec") ? -1 : 0;
}

void json_exe_keys(struct jsonl *j, const struct core_exe *e)
{
}

void json_container_files(struct jsonl *j, struct core *c, const struct ident_container *k)
{
}

void json_declared(struct jsonl *j, struct core *c, const struct ident_container *ct)
{
}

const char *core_loss_name(enum core_loss l)
{
	return "loss";
}

const char *core_attribution_name(enum core_attribution a)
{
	return "unknown";
}

static void check_arguments(const char *name, const char *value)
{
	struct api_query q;
	char err[128] = "";

	for (unsigned allowed = 0; allowed < 16; allowed++) {
		api_query_init(&q);
		if (api_query_add(&q, allowed, name, value, err, sizeof(err))) {
			if (!err[0])
				abort();
			continue;
		}
		if (q.limit < 1 || q.limit > API_FLOWS_MAX || q.format >= MAP_FORMAT_MAX || !memchr(q.workload, '\0', sizeof(q.workload)))
			abort();
	}
}

static void check_json(const char *a, const char *b)
{
	struct core_flow_view v = { .l4 = (uint8_t)a[0], .app = a, .host = b, .info = a, .state = b, .engine = a, .app_confidence = (uint8_t)b[0] };
	json_error_t e;
	struct jsonl j;
	json_t *o;

	snprintf(v.client.id, sizeof(v.client.id), "%s", a);
	snprintf(v.server.id, sizeof(v.server.id), "%s", b);
	v.client.exe = a;
	v.server.network = b;
	jsonl_init(&j);
	json_flow(&j, &v, b, a, b, a);
	o = json_loads(jsonl_text(&j, NULL), JSON_REJECT_DUPLICATES, &e);
	if (!o)
		abort();
	json_decref(o);
	jsonl_done(&j);
}

static void check_texts(const char *s)
{
	size_t len, width;

	for (int form = TEXT_PLAIN; form <= TEXT_MERMAID; form++) {
		struct text_out t = { 0 };
		char *out;

		text_name(&t, (enum text_form)form, s);
		out = text_take(&t, &len);
		if (!out || strlen(out) != len)
			abort();
		for (size_t i = 0, l; i < len; i += l) {
			uint32_t c = 0;

			l = utf8_decode((unsigned char *)out + i, len - i, &c);
			if (!l || c < 0x20 || (c >= 0x7f && c < 0xa0))
				abort();
		}
		if (form == TEXT_XML && strpbrk(out, "<>\"'"))
			abort();
		free(out);
	}
	for (size_t max = 0; max < 12; max += 3) {
		char *out = cli_clean(s, max, &width);

		if (!out || (max && width > max))
			abort();
		for (const char *p = out; *p; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				abort();
		free(out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 2), *a = copy, *b;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = copy[size + 1] = '\0';
	b = memchr(copy, '\0', size);
	b = b ? b + 1 : copy + size;
	check_arguments(a, b);
	check_json(a, b);
	check_texts(a);
	check_texts(b);
	free(copy);
	return 0;
}
