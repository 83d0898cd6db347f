/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP/1, HTTP/2 in clear, and the services that are known by what they say over them: gRPC, etcd, Elasticsearch. */
#include <stdio.h>

#include "appid/detail_private.h"
#include "appid/http2_head.h"
#include "appid/http_head.h"
#include "appid/text.h"

enum { BODY_ENOUGH = 600 }; /* bytes of an answer in which a service says who it is */

static void request(struct detail *t, const struct http_head *h)
{
	struct bytes host = h->host, target = h->target;

	if (text_starts_nocase(target, "http://")) {
		const uint8_t *slash;

		target.p += 7;
		slash = memchr(target.p, '/', bytes_left(&target));
		if (!bytes_left(&host))
			host = (struct bytes){ target.p, slash ? slash : target.end };
		target.p = slash ? slash : target.end;
	}
	if (text_starts(h->method, "CONNECT") && !bytes_left(&host))
		host = target;
	detail_host(t, host);
	detail_fact(t, FACT_HTTP_METHOD, h->method, 16);
	facts_add_str(&t->facts, FACT_HTTP_HOST, t->host);
	detail_fact(t, FACT_HTTP_USER_AGENT, h->user_agent, 120);
	if (!bytes_left(&h->method))
		return;
	detail_info(t, "", h->method, 16);
	text_append_str(t->info, sizeof(t->info), " ");
	text_append(t->info, sizeof(t->info), target.p, bytes_left(&target) < 60 ? bytes_left(&target) : 60);
	detail_info(t, "agent ", h->user_agent, 32);
}

static void response(struct detail *t, const struct http_head *h)
{
	char status[16];

	snprintf(status, sizeof(status), "%u", h->status);
	detail_info_str(t, "", status);
	facts_add_str(&t->facts, FACT_HTTP_STATUS, status);
	detail_info(t, "server ", h->server, 40);
	detail_fact(t, FACT_HTTP_SERVER, h->server, 80);
}

/* ---- services over HTTP/1 ------------------------------------------------------------------------ */
/* The value of "name": "value" in JSON text; name with its quotes. */
static struct bytes json_value(struct bytes b, const char *name)
{
	size_t n = strlen(name);

	for (; bytes_left(&b) > n; b.p++) {
		struct bytes v = b;
		const uint8_t *end;

		if (!text_starts(v, name))
			continue;
		v.p += n;
		while (bytes_left(&v) && (*v.p == ' ' || *v.p == ':'))
			v.p++;
		if (!bytes_left(&v) || *v.p != '"')
			continue;
		v.p++;
		end = memchr(v.p, '"', bytes_left(&v));
		if (end)
			return (struct bytes){ v.p, end };
	}
	return (struct bytes){ 0 };
}

static bool body_has(struct bytes body, const char *s)
{
	return bytes_left(&body) && text_contains_nocase(body, s);
}

/* A path as the search engines have it: "/", "/_bulk", "/index/_search". */
static bool search_path(struct bytes target)
{
	return (bytes_left(&target) == 1 && *target.p == '/') || text_contains_nocase(target, "/_");
}

static bool etcd_path(struct bytes target)
{
	return text_starts(target, "/v2/keys") || text_starts(target, "/v2/members") || text_starts(target, "/v3/") ||
	       text_starts(target, "/v3beta/") || text_starts(target, "/v3alpha/") || text_starts(target, "/version");
}

static enum app_id service(const struct http_head *ask, const struct http_head *answer)
{
	struct bytes body = answer->body;
	bool asked = bytes_left(&ask->target) > 0;

	if (ask->etcd || answer->etcd || body_has(body, "\"etcdserver\":") ||
	    (asked && etcd_path(ask->target) && body_has(body, "\"cluster_id\":") && body_has(body, "\"raft_term\":")))
		return APP_HTTP_ETCD;
	if (body_has(body, "\"lucene_version\"") || body_has(body, "You Know, for Search"))
		return body_has(body, "opensearch") ? APP_HTTP_OPENSEARCH : APP_HTTP_ELASTICSEARCH;
	if (answer->elastic)
		return APP_HTTP_ELASTICSEARCH;
	if (asked && text_contains_nocase(ask->target, "/_") &&
	    (body_has(body, "\"_shards\":{") || (body_has(body, "\"took\":") && body_has(body, "\"timed_out\":")) ||
	     (body_has(body, "\"cluster_name\":") && body_has(body, "\"number_of_nodes\":"))))
		return APP_HTTP_ELASTICSEARCH;
	return APP_UNKNOWN;
}

/* Could the answer's body still say which service this is? */
static bool body_awaited(const struct http_head *ask, const struct http_head *answer)
{
	size_t want = BODY_ENOUGH, len = 0;

	if (answer->kind != HTTP_RESPONSE || !text_contains_nocase(answer->content_type, "json") || !bytes_left(&ask->target) ||
	    !bytes_left(&answer->content_type) || (!search_path(ask->target) && !etcd_path(ask->target)) || text_starts(ask->method, "HEAD"))
		return false;
	for (const uint8_t *p = answer->content_length.p; p && p < answer->content_length.end && *p >= '0' && *p <= '9' && len < want; p++)
		len = len * 10 + (size_t)(*p - '0');
	if (bytes_left(&answer->content_length) && len < want)
		want = len;
	return bytes_left(&answer->body) < want;
}

static void service_read(const struct http_head *ask, const struct http_head *answer, bool last, struct detail *t)
{
	enum app_id app = service(ask, answer);
	struct bytes version = { 0 };

	if (app == APP_UNKNOWN) {
		t->complete &= last || !body_awaited(ask, answer);
		return;
	}
	t->app = app;
	if (app == APP_HTTP_ETCD)
		version = json_value(answer->body, "\"etcdserver\"");
	else if (body_has(answer->body, "\"lucene_version\""))
		version = json_value(answer->body, "\"number\"");
	if (bytes_left(&version))
		detail_version(t, version, 40);
	else
		t->complete &= last || !body_awaited(ask, answer);
}

void detail_http(const struct detail_in *in, struct detail *t)
{
	struct http_head h[2];
	int ask = -1, answer = -1;
	bool over[2];

	for (unsigned i = 0; i < 2; i++) {
		http_head_parse(in->said[i], in->whole[i], &h[i]);
		over[i] = h[i].complete || in->whole[i];
		if (h[i].kind == HTTP_REQUEST) {
			request(t, &h[i]);
			if (t->app == APP_HTTP && text_starts_nocase(h[i].content_type, "application/ocsp-")) /* RFC 6960 A.1 */
				t->app = APP_HTTP_OCSP;
			ask = (int)i;
		}
	}
	t->complete = over[0] && over[1];
	for (unsigned i = 0; i < 2; i++)
		if (h[i].kind == HTTP_RESPONSE) {
			response(t, &h[i]);
			answer = (int)i;
		}
	if (t->app == APP_HTTP && answer >= 0 && h[answer].status != 101) {
		const struct http_head none = { 0 };

		service_read(ask >= 0 ? &h[ask] : &none, &h[answer], in->whole[answer], t);
	}
}

/* ---- HTTP/2 -------------------------------------------------------------------------------------- */
static void add(struct detail *t, enum fact what, const char *value, size_t max)
{
	facts_add(&t->facts, what, value, strlen(value), max);
}

/* "/package.Service/Method" */
static void grpc_read(const char *path, struct detail *t)
{
	const char *end = path[0] == '/' ? strchr(path + 1, '/') : NULL;

	t->app = APP_GRPC;
	if (!end)
		return;
	facts_add(&t->facts, FACT_GRPC_SERVICE, path + 1, (size_t)(end - path - 1), 100);
	if (!strncmp(path, "/etcdserverpb.", 14) || !strncmp(path, "/v3lockpb.", 10) || !strncmp(path, "/v3electionpb.", 14))
		t->app = APP_GRPC_ETCD;
}

static bool is_grpc(const struct http2_head *h)
{
	return !strncmp(h->content_type, "application/grpc", 16);
}

static void http2_request(const struct http2_head *h, struct detail *t)
{
	const char *path = h->path;
	size_t n = strcspn(path, "?");

	detail_host(t, bytes_of(h->authority, strlen(h->authority)));
	add(t, FACT_HTTP_METHOD, h->method, 16);
	facts_add_str(&t->facts, FACT_HTTP_HOST, t->host);
	add(t, FACT_HTTP_USER_AGENT, h->user_agent, 95);
	if (!h->method[0] && !path[0])
		return;
	detail_info_str(t, "", h->method[0] ? h->method : "?");
	text_append_str(t->info, sizeof(t->info), " ");
	text_append(t->info, sizeof(t->info), path, n < 80 ? n : 80);
	detail_info(t, "agent ", bytes_of(h->user_agent, strlen(h->user_agent)), 32);
}

void detail_http2(const struct detail_in *in, struct detail *t)
{
	struct http2_head h[2];
	bool over[2];

	for (unsigned i = 0; i < 2; i++) {
		http2_head_parse(in->said[i], &h[i]);
		over[i] = h[i].complete || in->whole[i];
		if (h[i].path[0] || h[i].method[0])
			http2_request(&h[i], t);
		if (is_grpc(&h[i]) && t->app == APP_HTTP2)
			t->app = APP_GRPC;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (h[i].status[0]) {
			detail_info_str(t, "", h[i].status);
			add(t, FACT_HTTP_STATUS, h[i].status, 3);
			detail_info(t, "server ", bytes_of(h[i].server, strlen(h[i].server)), 40);
			add(t, FACT_HTTP_SERVER, h[i].server, 80);
		}
		if (t->app == APP_GRPC && h[i].path[0])
			grpc_read(h[i].path, t);
	}
	t->complete = over[0] && over[1];
}
