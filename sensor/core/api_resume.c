/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a line that was told before is one that a stream wants: by the line's own JSON, since what it was made of is gone. */
#include <jansson.h>
#include <string.h>

#include "base/when.h"
#include "sensor/core/api_lines.h"
#include "sensor/core/api_priv.h"
#include "sensor/core/events.h"

#define TIME_LEN 20 /* of the shortest RFC 3339 time that we write */

static void walk(struct jsonl *w, const char *key, const json_t *v)
{
	const char *k, *text;
	json_t *x;
	size_t i;
	uint64_t t;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		jsonl_obj(w, key);
		json_object_foreach((json_t *)v, k, x)
			walk(w, k, x);
		jsonl_obj_end(w);
		break;
	case JSON_ARRAY:
		jsonl_arr(w, key);
		json_array_foreach((json_t *)v, i, x)
			walk(w, NULL, x);
		jsonl_arr_end(w);
		break;
	case JSON_STRING:
		text = json_string_value(v);
		if (json_string_length(v) >= TIME_LEN && text[10] == 'T' && text[json_string_length(v) - 1] == 'Z' && !when_parse(text, 0, &t))
			jsonl_time(w, key, t);
		else
			jsonl_strn(w, key, text, json_string_length(v));
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		jsonl_f64(w, key, json_number_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		jsonl_bool(w, key, json_is_true(v));
		break;
	default:
		jsonl_null(w, key);
	}
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool end_is(const json_t *end, const char *workload)
{
	return !strcmp(text_at(end, "id"), workload) || !strcmp(text_at(end, "workload"), workload);
}

static bool workload_is(const json_t *o, const char *workload)
{
	const json_t *client = json_object_get(o, "client"), *server = json_object_get(o, "server");

	return client ? end_is(client, workload) || end_is(server, workload) : !strcmp(text_at(o, "workload"), workload);
}

static bool wants(const struct api_query *q, enum api_path p, struct filter *f, const json_t *o)
{
	struct jsonl *w;
	const char *k;
	json_t *x;
	int kind;

	if (q->workload[0] && !workload_is(o, q->workload))
		return false;
	if (q->container[0] && strcmp(text_at(o, "container"), q->container) != 0 && /* as json_container_is() */
	    (strlen(q->container) < 4 || strncmp(text_at(o, "container_id"), q->container, strlen(q->container)) != 0))
		return false;
	kind = p == API_EVENTS_STREAM ? core_event_kind_of(text_at(o, "event")) : -1;
	if (kind >= 0 && !(q->kinds & 1U << kind))
		return false;
	if (!f)
		return true;
	w = filter_writer(f);
	if (json_object_get(o, "client") && p == API_FLOWS_STREAM) {
		jsonl_str(w, "client", text_at(json_object_get(o, "client"), "id")); /* as filter_flow() does */
		jsonl_str(w, "server", text_at(json_object_get(o, "server"), "id"));
	}
	json_object_foreach((json_t *)o, k, x)
		walk(w, k, x);
	return filter_wants(f);
}

bool api_resume_wants(const struct api_query *q, enum api_path p, struct filter *f, const struct line *l)
{
	json_error_t e;
	json_t *o;
	bool r;

	if (p == API_MAP_STREAM)
		return true;
	o = json_loadb(l->text + l->data, l->len - l->data, 0, &e);
	r = o && wants(q, p, f, o);
	json_decref(o);
	return r;
}
