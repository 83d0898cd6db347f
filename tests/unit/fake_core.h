/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A core without kernel and engine, for tests of what reads core: real identity, topology and flow table, a fixed list of
 * flows and listeners. Include it in one file of a program; core.c must not be linked (all of core.h is here). */
#ifndef PG_TESTS_FAKE_CORE_H
#define PG_TESTS_FAKE_CORE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/actions.h"
#include "sensor/core/evidence.h"
#include "sensor/core/refuse.h"
#include "sensor/core/core.h"
#include "sensor/core/declared.h"
#include "sensor/core/files.h"
#include "sensor/core/events.h"
#include "sensor/core/feeds.h"
#include "sensor/core/api_priv.h"
#include "sensor/core/policy.h"
#include "sensor/core/geo.h"

#define FAKE_SUBSCRIBERS 4

static struct {
	struct core_flow_view *flows;
	size_t flow_count;
	struct listener listeners[8];
	struct core_listener_view listener_views[8];
	size_t listener_count;
	struct { core_flow_cb cb; void *arg; } subs[FAKE_SUBSCRIBERS];
	struct { core_event_cb cb; void *arg; unsigned kinds; } event_subs[FAKE_SUBSCRIBERS];
	unsigned refreshed;
	struct process process;
	struct core_syscalls syscalls;
} fake;

/* For tests that say what a hostile container would call itself. */
#define FAKE_HOSTILE "\x1b[31mevil\"\\<script>alert(1)</script>&amp;\n\t\xff\xfe\xe2\x80\xae|`;#%s%n"

const char *core_loss_name(enum core_loss l)
{
	static const char *const names[LOSS_MAX] = {
		"flow_table_full", "half_open_budget", "malformed", "sample_ring", "event_ring", "socket_map", "vtep_map", "late_attach", "not_hooked",
		"user_flow_table", "labels_dropped", "inspector_evicted", "inspector_pieces", "process_table", "listener_table", "edge_table", "event_throttled", "event_unnamed", "file_queue", "file_throttled", "file_hash", "engine_gaps",
		"engine_answers", "container_late", "container_table",
		"bad_version", "store", "unsaved", "history", "api_stream", "model_waiting", "findings", "actions", "evidence", "exec_unjudged",
		"protocol_unchecked", "export",
	};
	return names[l];
}

/* Policy has tests of its own. */
const char *policy_edge_verdict(struct core *c, const struct policy_edge_in *e)
{
	return "none";
}

int api_policy_check(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len)
{
	return 0;
}

void api_policy_body(struct api *a, enum api_path p, const struct api_query *q, struct api_body *ret)
{
	ret->text = strdup("{}\n");
	ret->len = 3;
}

int api_policy_post(struct api *a, enum api_path p, const struct api_query *q, char *err, size_t err_len, struct api_body *ret)
{
	snprintf(err, err_len, "no policy here");
	return -EPERM;
}

const char *core_attribution_name(enum core_attribution a)
{
	static const char *const names[ATTR_MAX] = { "unknown", "iterator", "listener", "exact" };

	return names[a];
}

void core_each_flow(struct core *c, void (*cb)(const struct core_flow_view *v, void *arg), void *arg)
{
	for (size_t i = 0; i < fake.flow_count; i++)
		cb(&fake.flows[i], arg);
}

void core_each_listener(struct core *c, void (*cb)(const struct core_listener_view *v, void *arg), void *arg)
{
	for (size_t i = 0; i < fake.listener_count; i++)
		cb(&fake.listener_views[i], arg);
}

void json_declared(struct jsonl *j, struct core *c, const struct ident_container *ct)
{
	static const char *const lists[] = { "command", "exposed", "volumes", "links", "depends_on", "listeners", "upstreams", "files", "unread" };
	static const char *const texts[] = { "app", "version", "user", "healthcheck" };

	jsonl_obj(j, "declared");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		jsonl_str(j, texts[i], FAKE_HOSTILE);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		jsonl_arr(j, lists[i]);
		jsonl_arr_end(j);
	}
	jsonl_u64(j, "watched", 0);
	jsonl_time(j, "read_at", 0);
	jsonl_u64(j, "read_ms", 0);
	jsonl_obj_end(j);
}

int core_subscribe_flows(struct core *c, core_flow_cb cb, void *arg)
{
	for (int i = 0; i < FAKE_SUBSCRIBERS; i++)
		if (!fake.subs[i].cb) {
			fake.subs[i].cb = cb;
			fake.subs[i].arg = arg;
			return i;
		}
	return -ENOSPC;
}

void core_unsubscribe_flows(struct core *c, int handle)
{
	fake.subs[handle].cb = NULL;
}

int core_subscribe_events(struct core *c, unsigned kinds, core_event_cb cb, void *arg)
{
	for (int i = 0; i < FAKE_SUBSCRIBERS; i++)
		if (!fake.event_subs[i].cb) {
			fake.event_subs[i].cb = cb;
			fake.event_subs[i].arg = arg;
			fake.event_subs[i].kinds = kinds;
			return i;
		}
	return -EBUSY;
}

void core_unsubscribe_events(struct core *c, int handle)
{
	if (handle >= 0)
		fake.event_subs[handle].cb = NULL;
}

void core_each_process(struct core *c, const struct ident_container *k,
		       void (*cb)(const struct process *p, const struct core_process_counts *n, void *arg), void *arg)
{
	if (fake.process.exe)
		cb(&fake.process, &(struct core_process_counts){ .client = 2, .server = 3 }, arg);
}

void core_container_ledger(struct core *c, const struct ident_container *k, struct core_ledger_view *ret)
{
	*ret = (struct core_ledger_view){ .produced = 10, .delivered = 8, .ring_lost = 1, .throttled = 1, .received = 8 };
}

struct fake_each_container {
	void (*cb)(const struct ident_container *k, const struct core_container_counts *n, void *arg);
	void *arg;
};

static void fake_each_container_cb(const struct ident_container *k, void *arg)
{
	const struct fake_each_container *e = arg;
	struct core_container_counts n = { 3, 1, 2, 1000, 2000, { .produced = 0 } };

	core_container_ledger(NULL, k, &n.events);
	e->cb(k, &n, e->arg);
}

void core_each_container(struct core *c, void (*cb)(const struct ident_container *k, const struct core_container_counts *n, void *arg),
			 void *arg)
{
	ident_each_container(c->ident, fake_each_container_cb, &(struct fake_each_container){ cb, arg });
}

void core_each_syscalls(struct core *c, const char *workload,
			void (*cb)(const char *workload, const struct core_syscalls *s, void *arg), void *arg)
{
	cb(workload[0] ? workload : "shop/web", &fake.syscalls, arg);
}

bool core_files_state(struct core *c, const struct ident_container *ct, struct core_files_state *ret)
{
	*ret = (struct core_files_state){ .settled = true, .marks = 3, .events = 5, .closes = 70 };
	return true;
}

void core_each_exe(struct core *c, const struct ident_container *ct, void (*cb)(const struct core_exe *e, void *arg), void *arg)
{
	const struct core_exe e = { .path = "/usr/sbin/" FAKE_HOSTILE, .answered = true, .origin = FILES_ORIGIN_IMAGE, .layer = "sha256:00" };

	cb(&e, arg);
}

void core_each_feed(struct core *c, void (*cb)(const struct core_feed_view *v, void *arg), void *arg)
{
	const struct core_feed_view v = { .path = "/etc/feeds/" FAKE_HOSTILE, .name = FAKE_HOSTILE, .format = "lines", .state = "used", .why = "",
					  .entries = { 3 }, .hits = 1 };

	cb(&v, arg);
}

bool core_geo(const struct core *c, const uint8_t addr[16], struct geo_entry *ret)
{
	*ret = (struct geo_entry){ .country = "XX", .asn = 64500, .as_org = FAKE_HOSTILE };
	return true;
}

void core_feeds_kernel(const struct core *c, size_t *ret_ranges, size_t *ret_bytes)
{
	*ret_ranges = 7;
	*ret_bytes = 4096;
}

int core_feeds_update(struct core *c, const char *name, bool force)
{
	return !name[0] || !strcmp(name, "list");
}

int core_feeds_ask(struct core *c, const char *text, core_feed_cb cb, void *arg)
{
	const struct core_feed_view v = { .path = "/etc/feeds/list", .name = "list", .format = "lines", .state = "used", .why = "" };
	const struct feed_hit h = { .kind = IND_DOMAIN, .line = 7, .text = "bad.example.org", .category = FAKE_HOSTILE };

	if (!strcmp(text, "bad.example.org"))
		cb(&v, &h, arg);
	return IND_DOMAIN;
}

const struct action_counts *action_counts(const struct core *c)
{
	static const struct action_counts n = { .done = { [ACTION_KILL] = 1 } };

	return &n;
}

void evidence_counts_get(const struct core *c, struct evidence_counts *ret)
{
	*ret = (struct evidence_counts){ .made = 1, .bytes = 4096, .max_bytes = 1 << 20 };
}

void evidence_list(struct core *c, struct jsonl *j)
{
	jsonl_arr(j, NULL);
	jsonl_arr_end(j);
}

int evidence_begin(struct core *c, const struct ident_container *ct, const struct finding *f, char ret_id[EVIDENCE_ID_LEN])
{
	snprintf(ret_id, EVIDENCE_ID_LEN, "%s", f->incident);
	return 0;
}

int evidence_file(struct core *c, const char *id, const char *name)
{
	return -ENOENT;
}

void refuse_counts_get(const struct core *c, struct refuse_counts *ret)
{
	*ret = (struct refuse_counts){ .containers = 1 };
}

struct model_store;
void syscalls_save(struct core *c, struct model_store *store);
__attribute__((weak)) void syscalls_save(struct core *c, struct model_store *store) { }
const struct core_exe *core_script_of(struct core *c, const struct ident_container *ct, const struct process *p)
{
	return NULL;
}

void core_lost(struct core *c, enum core_loss what, uint64_t n)
{
	c->losses[what] += n;
}

void core_refresh(struct core *c)
{
	fake.refreshed++;
}

/* Rooms that may not be there yet when this is built. */
__attribute__((weak)) size_t processes_count(const struct processes *p) { return 0; }
__attribute__((weak)) size_t listeners_count(const struct listeners *l) { return 0; }
__attribute__((weak)) unsigned dns_names_count(const struct dns_names *d) { return 0; }

static inline void fake_emit(const struct core_flow_view *v, const char *what)
{
	for (int i = 0; i < FAKE_SUBSCRIBERS; i++)
		if (fake.subs[i].cb)
			fake.subs[i].cb(v, what, fake.subs[i].arg);
}

static inline void fake_emit_event(const struct core_event_view *v)
{
	for (int i = 0; i < FAKE_SUBSCRIBERS; i++)
		if (fake.event_subs[i].cb && (fake.event_subs[i].kinds & 1U << v->kind))
			fake.event_subs[i].cb(v, fake.event_subs[i].arg);
}

static inline void fake_addr4(const char *text, uint8_t ret[16])
{
	memset(ret, 0, 16);
	ret[10] = ret[11] = 0xff;
	inet_pton(AF_INET, text, ret + 12);
}

static inline void fake_container(struct core *c, const char *id, const char *name, const char *project, const char *service,
				  const char *addr)
{
	struct ident_container *k = calloc(1, sizeof(*k));

	snprintf(k->id, sizeof(k->id), "%s", id);
	snprintf(k->name, sizeof(k->name), "%s", name);
	snprintf(k->image, sizeof(k->image), "%s:latest", service);
	snprintf(k->network_mode, sizeof(k->network_mode), "%s_default", project);
	snprintf(k->compose_project, sizeof(k->compose_project), "%s", project);
	snprintf(k->compose_service, sizeof(k->compose_service), "%s", service);
	k->state = IDENT_RUNNING;
	k->pid = 4242;
	k->endpoint_count = 1;
	snprintf(k->endpoints[0].network_name, sizeof(k->endpoints[0].network_name), "%s_default", project);
	memset(k->endpoints[0].network_id, 'a', IDENT_ID_LEN - 1);
	fake_addr4(addr, k->endpoints[0].addr4);
	memcpy(k->endpoints[0].mac, "\x02\x42\xac\x12\x00\x02", 6);
	k->port_count = 1;
	k->ports[0] = (struct ident_port){ .proto = IPPROTO_TCP, .container_port = 80, .host_port = 8080 };
	k->created_wall_ns = k->started_wall_ns = 1790000000123456789ULL;
	ident_put_container(c->ident, k);
	free(k);
}

static const struct ident_container *fake_find_result;
static inline void fake_find_cb(const struct ident_container *k, void *arg)
{
	if (!strcmp(k->name, arg))
		fake_find_result = k;
}

static inline const struct ident_container *fake_find(struct core *c, const char *name)
{
	fake_find_result = NULL;
	ident_each_container(c->ident, fake_find_cb, (void *)(uintptr_t)name);
	return fake_find_result;
}

static inline void fake_edge_seen(struct core *c, const char *client, enum topo_kind ck, const char *server, enum topo_kind sk, uint8_t l4,
				  uint16_t port, const char *app, uint8_t confidence, uint64_t bytes, uint64_t first_ns, uint64_t last_ns)
{
	struct topo_delta d = {
		.client = { .id = client, .workload = ck == TOPO_WORKLOAD ? client : "", .engine = "eng1", .node = "node1", .kind = ck,
			    .container = ck == TOPO_WORKLOAD ? client : NULL, .network = "shop_default" },
		.server = { .id = server, .workload = sk == TOPO_WORKLOAD ? server : "", .engine = "eng1", .node = "node1", .kind = sk,
			    .container = sk == TOPO_WORKLOAD ? server : NULL, .network = "shop_default",
			    .address = sk == TOPO_EXTERNAL ? "192.0.2.7" : NULL },
		.l4 = l4, .port = port, .app = app, .app_confidence = confidence,
		.client_exe = "/usr/bin/client", .server_exe = "/usr/sbin/server", .host = app && !strcmp(app, "HTTP") ? "shop.example" : NULL,
		.bytes_to_server = bytes, .bytes_to_client = bytes * 3, .packets_to_server = bytes / 100 + 1,
		.packets_to_client = bytes / 50 + 1, .new_flows = 2,
		.first_seen_ns = first_ns, .last_seen_ns = last_ns,
	};

	topo_add(c->topo, &d);
}

static inline void fake_edge(struct core *c, const char *client, enum topo_kind ck, const char *server, enum topo_kind sk, uint8_t l4,
			     uint16_t port, const char *app, uint8_t confidence, uint64_t bytes)
{
	fake_edge_seen(c, client, ck, server, sk, l4, port, app, confidence, bytes, 1790000000000000001ULL, 1790000100000000002ULL);
}

static inline void fake_flow(struct core_flow_view *v, uint64_t id, const char *client, const struct ident_container *cc, const char *ca,
			     uint16_t cp, const char *server, const struct ident_container *sc, const char *sa, uint16_t sp, const char *app)
{
	*v = (struct core_flow_view){
		.id = id, .flows = 1, .l4 = IPPROTO_TCP, .app = app, .app_confidence = LABEL_DPI, .host = "shop.example", .info = "GET /",
		.bytes_to_server = 1234, .bytes_to_client = 98765, .packets_to_server = 12, .packets_to_client = 70,
		.first_seen_ns = 1790000000000000001ULL + id * NSEC_PER_SEC, .last_seen_ns = 1790000001000000002ULL + id * NSEC_PER_SEC,
		.state = "established", .vni = 0, .ns = 1, .engine = "eng1", .published_port = 0,
	};
	snprintf(v->client.id, sizeof(v->client.id), "%s", client);
	snprintf(v->server.id, sizeof(v->server.id), "%s", server);
	v->client.kind = cc ? TOPO_WORKLOAD : TOPO_EXTERNAL;
	v->server.kind = sc ? TOPO_WORKLOAD : TOPO_EXTERNAL;
	v->client.container = cc;
	v->server.container = sc;
	snprintf(v->client.addr, sizeof(v->client.addr), "%s", ca);
	snprintf(v->server.addr, sizeof(v->server.addr), "%s", sa);
	v->client.port = cp;
	v->server.port = sp;
	v->client.exe = "/usr/bin/curl";
	v->server.exe = "/usr/sbin/apache2";
	v->client.pid = 100;
	v->server.pid = 200;
	v->client.attribution = ATTR_EXACT;
	v->server.attribution = ATTR_LISTENER;
	v->client.network = v->server.network = "shop_default";
}

static inline struct core *fake_core_new(const char *run_dir, const char *state_dir)
{
	struct core *c = calloc(1, sizeof(*c));

	config_defaults(&c->config);
	snprintf(c->node, sizeof(c->node), "node1");
	snprintf(c->run_dir, sizeof(c->run_dir), "%s", run_dir);
	snprintf(c->state_dir, sizeof(c->state_dir), "%s", state_dir);
	c->ident = ident_new(c->node);
	c->flows = flow_table_new(1024);
	c->topo = topo_new(4096, 32768);
	c->engine_count = 1;
	snprintf(c->engines[0].socket, sizeof(c->engines[0].socket), "/var/run/docker.sock");
	snprintf(c->engines[0].name, sizeof(c->engines[0].name), "eng1");
	snprintf(c->engines[0].version, sizeof(c->engines[0].version), "20.10.24");
	snprintf(c->engines[0].api_version, sizeof(c->engines[0].api_version), "1.41");
	c->engines[0].up = true;
	c->engines[0].connects = 1;
	c->start_wall_ns = clock_wall_ns();
	c->start_mono_ns = clock_mono_ns();
	c->programs[PROGRAM_KEEPER] = (struct msg_program){ .program = PROGRAM_KEEPER, .running = 1, .pid = 10, .starts = 1, .since_mono_ns = 5 };
	c->programs[PROGRAM_CORE] = (struct msg_program){ .program = PROGRAM_CORE, .running = 1, .pid = 11, .starts = 1, .since_mono_ns = 5 };
	c->programs[PROGRAM_INSPECT_PACKETS] =
		(struct msg_program){ .program = PROGRAM_INSPECT_PACKETS, .running = 1, .pid = 12, .starts = 2, .last_status = 9, .since_mono_ns = 5 };
	c->feature_count = 2;
	c->features[0] = (struct msg_feature){ .present = 1, .name = "btf" };
	c->features[1] = (struct msg_feature){ .present = 0, .name = "tcx", .consequence = "clsact filters are used instead" };
	return c;
}

static inline void fake_core_free(struct core *c)
{
	while (c->hooks) {
		struct core_hook *h = c->hooks;

		c->hooks = h->next;
		free(h);
	}
	ident_free(c->ident);
	flow_table_free(c->flows);
	topo_free(c->topo);
	free(fake.flows);
	memset(&fake, 0, sizeof(fake));
	free(c);
}

static inline void fake_hook(struct core *c, uint16_t ns, uint32_t ifindex, const char *name, unsigned how, int error)
{
	struct ident_link l = { .ns = ns, .ifindex = ifindex, .kind = IDENT_LINK_VETH };
	struct core_hook *h = calloc(1, sizeof(*h));

	snprintf(l.name, sizeof(l.name), "%s", name);
	ident_put_link(c->ident, &l);
	h->hook = (struct msg_hook){ .ns = ns, .ifindex = ifindex, .how = (uint8_t)how, .error = error };
	h->next = c->hooks;
	c->hooks = h;
}

/* A shop: web -> app -> db, cache; a client from outside; a resolver. */
static inline void fake_populate(struct core *c)
{
	struct ident_ns ns = { .ns = 1, .kind = IDENT_NS_NODE };
	struct ident_network net = { .driver = "bridge", .scope = "local", .name = "shop_default", .bridge_name = "br-shop", .subnet_count = 1 };
	const struct ident_container *web, *db;

	ident_put_ns(c->ident, &ns);
	memset(net.id, 'a', IDENT_ID_LEN - 1);
	fake_addr4("172.18.0.0", net.subnets[0].addr);
	net.subnets[0].prefix_len = 96 + 16;
	fake_addr4("172.18.0.1", net.subnets[0].gateway);
	ident_put_network(c->ident, &net);
	fake_container(c, "1111111111111111111111111111111111111111111111111111111111111111", "shop_web_1", "shop", "web", "172.18.0.2");
	fake_container(c, "2222222222222222222222222222222222222222222222222222222222222222", "shop_app_1", "shop", "app", "172.18.0.3");
	fake_container(c, "3333333333333333333333333333333333333333333333333333333333333333", "shop_db_1", "shop", "db", "172.18.0.4");
	fake_hook(c, 1, 7, "veth12ab34c", MSG_HOOK_TCX, 0);
	fake_hook(c, 1, 9, "veth56de78f", MSG_HOOK_CLSACT, 0);
	fake_edge(c, "ext:198.51.100.9", TOPO_EXTERNAL, "shop/web", TOPO_WORKLOAD, IPPROTO_TCP, 80, "HTTP", LABEL_DPI, 400000);
	fake_edge(c, "shop/web", TOPO_WORKLOAD, "shop/app", TOPO_WORKLOAD, IPPROTO_TCP, 8080, "HTTP", LABEL_DPI, 300000);
	fake_edge(c, "shop/app", TOPO_WORKLOAD, "shop/db", TOPO_WORKLOAD, IPPROTO_TCP, 3306, "MySQL", LABEL_DPI, 90000000);
	fake_edge(c, "shop/app", TOPO_WORKLOAD, "shop/cache", TOPO_WORKLOAD, IPPROTO_TCP, 6379, "Redis", LABEL_PORT_GUESS, 1000);
	fake_edge(c, "shop/app", TOPO_WORKLOAD, "ext:api.pay.example", TOPO_EXTERNAL, IPPROTO_TCP, 443, "TLS", LABEL_DPI, 5000);
	fake_edge(c, "shop/web", TOPO_WORKLOAD, "gateway:shop_default", TOPO_GATEWAY, IPPROTO_ICMP, 0x0800, "ICMP", LABEL_DPI, 84);
	web = fake_find(c, "shop_web_1");
	db = fake_find(c, "shop_db_1");
	free(fake.flows); /* populated again */
	fake.flows = calloc(3, sizeof(*fake.flows));
	fake.flow_count = 3;
	fake_flow(&fake.flows[0], 1, "ext:198.51.100.9", NULL, "198.51.100.9", 51234, "shop/web", web, "172.18.0.2", 80, "HTTP");
	fake_flow(&fake.flows[1], 2, "shop/app", fake_find(c, "shop_app_1"), "172.18.0.3", 40000, "shop/db", db, "172.18.0.4", 3306, "MySQL");
	fake_flow(&fake.flows[2], 3, "shop/web", web, "172.18.0.2", 40001, "ext:api.pay.example", NULL, "2001:db8::7", 443, "TLS");
	fake.listener_count = 1;
	fake.listeners[0] = (struct listener){ .cookie = 1, .port = 80, .proto = IPPROTO_TCP, .tgid = 200, .from_iter = true, .flows = 3,
					       .app = "HTTP", .app_confidence = LABEL_DPI, .info = "Apache/2.4.57" };
	fake.listener_views[0] = (struct core_listener_view){ .source = "none", .l = &fake.listeners[0], .container = web, .exe = "/usr/sbin/apache2",
							      .workload = "shop/web", .addr = "0.0.0.0", .since_ns = c->start_wall_ns,
							      .engine = "eng1" };
}

#endif
