/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/openapi.json: OpenAPI 3.1, made from the tables by which requests are judged: what is not there is not understood. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/version.h"
#include "sensor/core/api_priv.h"

#define SCHEMA_BASE "https://pierglass.example/schema/" /* the $id of the files in /usr/share/pierglass/schema */

#define STREAM_HELP \
	"server-sent events, each \"data:\" a line of this schema, with an id; \"event: lost\": {\"lost\": lines not taken}; " \
	"\"event: reset\": what follows Last-Event-ID is not kept any more"

static const struct {
	unsigned arg;
	const char *name, *schema, *help;
} arguments[] = {
	{ API_ARG_LIMIT, "limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":20000}", "at most so many, the latest" },
	{ API_ARG_WORKLOAD, "workload", "{\"type\":\"string\"}", "only what concerns this workload (or node of the map)" },
	{ API_ARG_FORMAT, "format", "{\"enum\":[\"json\",\"dot\",\"graphml\",\"mermaid\",\"cytoscape\",\"node-graph\",\"html\"]}", "form of the map" },
	{ API_ARG_HISTORY, "history", "{\"enum\":[\"0\",\"1\"]}", "1: flows that ended, too" },
	{ API_ARG_KIND, "kind", "{\"type\":\"string\"}", "kinds of events, commas between" },
	{ API_ARG_CONTAINER, "container", "{\"type\":\"string\"}", "name or beginning of an id" },
	{ API_ARG_ID, "id", "{\"type\":\"string\"}", "id of a finding or a bundle" },
	{ API_ARG_DIMENSION, "dimension", "{\"type\":\"string\"}", "kind of behaviour; without it: all" },
	{ API_ARG_ALL, "all", "{\"enum\":[\"0\",\"1\"]}", "1: all of them" },
	{ API_ARG_THING, "thing", "{\"type\":\"string\"}", "an address, a name, a digest, a URL, a file's name" },
	{ API_ARG_SECONDS, "seconds", "{\"type\":\"integer\"}", "for so long" },
	{ API_ARG_PORT, "port", "{\"type\":\"string\"}", "protocol and port of the server: tcp/80" },
	{ API_ARG_FILTER, "filter", "{\"type\":\"string\",\"maxLength\":1024}", "an expression over the fields of what is answered: pierglass-filter(7)" },
	{ API_ARG_UNTIL, "until", "{\"type\":\"string\"}", "the map as it was from since to then, made of the history: 10m, 2h or 2026-11-22T10:30 (UTC)" },
	{ API_ARG_SINCE, "since", "{\"type\":\"string\"}", "what was last seen since: 10m, 2h, 3d or 2026-11-22T10:30 (UTC)" },
	{ API_ARG_POLICY, "established", "{\"enum\":[\"keep\",\"cut\"]}", "connections that there are already" },
	{ API_ARG_POLICY, "on_failure", "{\"enum\":[\"open\",\"closed\"]}", "what holds when the sensor is gone" },
	{ API_ARG_POLICY, "anyway", "{\"enum\":[\"0\",\"1\"]}", "1: though learning goes on" },
	{ API_ARG_FIELDS, "format", "{\"enum\":[\"plain\",\"ecs\",\"ocsf\"]}", "names of the fields" },
};

static void parameters(struct jsonl *j, enum api_path p)
{
	jsonl_arr(j, "parameters");
	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++) {
		if (!(api_path_args(p) & arguments[i].arg))
			continue;
		jsonl_obj(j, NULL);
		jsonl_str(j, "name", arguments[i].name);
		jsonl_str(j, "in", "query");
		jsonl_bool(j, "required", false);
		jsonl_str(j, "description", arguments[i].help);
		jsonl_raw(j, "schema", arguments[i].schema);
		jsonl_obj_end(j);
	}
	if (api_path_is_stream(p))
		jsonl_raw(j, NULL, "{\"name\":\"Last-Event-ID\",\"in\":\"header\",\"required\":false,\"description\":\"id of the last line that was "
				   "taken: what came since is told first\",\"schema\":{\"type\":\"string\"}}");
	jsonl_arr_end(j);
}

static void answer(struct jsonl *j, const char *status, const char *description, const char *type, const char *schema)
{
	char ref[96];

	jsonl_obj(j, status);
	jsonl_str(j, "description", description);
	jsonl_obj(j, "content");
	jsonl_obj(j, type);
	jsonl_obj(j, "schema");
	if (schema[0]) {
		snprintf(ref, sizeof(ref), SCHEMA_BASE "%s.json", schema);
		jsonl_str(j, "$ref", ref);
	}
	jsonl_obj_end(j);
	jsonl_obj_end(j);
	jsonl_obj_end(j);
	jsonl_obj_end(j);
}

static void path(struct jsonl *j, enum api_path p)
{
	const char *schema = api_path_schema(p);
	bool post = p >= API_PATH_FIRST_POST;

	jsonl_obj(j, api_path_name(p));
	jsonl_obj(j, post ? "post" : "get");
	jsonl_str(j, "summary", api_path_help(p));
	parameters(j, p);
	if (p == API_MODEL_IMPORT)
		jsonl_raw(j, "requestBody", "{\"required\":true,\"content\":{\"application/yaml\":{\"schema\":{\"type\":\"string\",\"maxLength\":1048576}}}}");
	jsonl_obj(j, "responses");
	if (api_path_is_stream(p))
		answer(j, "200", STREAM_HELP, "text/event-stream", schema);
	else
		answer(j, "200", "done", api_path_type(p), schema);
	answer(j, "400", "an argument is unknown or has a bad value", "application/json", "error");
	answer(j, "404", "there is no such thing", "application/json", "error");
	answer(j, "default", "it is refused: by TCP 401, 403 and 421, else 403 (policy), 405, 409, 413, 414, 431, 500 and 503", "application/json", "error");
	jsonl_obj_end(j);
	jsonl_obj_end(j);
	jsonl_obj_end(j);
}

void json_openapi(struct jsonl *j)
{
	jsonl_obj(j, NULL);
	jsonl_str(j, "openapi", "3.1.0");
	jsonl_obj(j, "info");
	jsonl_str(j, "title", "Pierglass");
	jsonl_str(j, "version", PIERGLASS_VERSION);
	jsonl_str(j, "description", "HTTP/1.1 over RUN/api.sock (mode 0660), and by TCP where api.listen is configured: then with "
				    "Authorization: Bearer TOKEN. Schemas: /usr/share/pierglass/schema.");
	jsonl_obj_end(j);
	jsonl_raw(j, "security", "[{\"token\":[]}]");
	jsonl_raw(j, "components", "{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}}}");
	jsonl_obj(j, "paths");
	for (unsigned p = 0; p < API_PATH_MAX; p++)
		path(j, (enum api_path)p);
	jsonl_obj_end(j);
	jsonl_obj_end(j);
}
