/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serves the fake core at DIR/api.sock until SIGTERM or SIGINT, at most five minutes; a flow is announced every 50 ms.
 * mode "hostile": names of containers, nodes and protocols are what an attacker would choose; "large":
 * 15,000 edges and 100,000 flows; "many": 2,000 workloads in 60 stacks and 20,000 edges, of which 200 a second carry something,
 * and a stack that was not there every 2 s (for tools/bench/api.py). */
#ifndef PG_TESTS_API_SERVE_H
#define PG_TESTS_API_SERVE_H

static void serve_stop(uv_signal_t *h, int sig)
{
	uv_stop(h->loop);
}

static void serve_end(uv_timer_t *h)
{
	uv_stop(h->loop);
}

static void fake_first_container(const struct ident_container *k, void *arg)
{
	*(const struct ident_container **)arg = k;
}

static void serve_emit(uv_timer_t *h)
{
	static const char *const what[] = { "new", "labelled", "closed" };
	static unsigned i;

	static struct process p = { .tgid = 4243, .exe = "/bin/" FAKE_HOSTILE, .script = FAKE_HOSTILE, .cwd = "/" FAKE_HOSTILE, .args = "a\x1f" FAKE_HOSTILE "\x1f", .comm = "e\"v<" };
	struct core_event_view v = { .kind = (enum core_event_kind)(i % CORE_EVENT_MAX), .time_ns = 1790000000000000000ULL, .p = i % 3 ? &p : NULL,
				     .text = i % CORE_EVENT_MAX == CORE_EVENT_THROTTLE ? "start" : FAKE_HOSTILE, .name = i % CORE_EVENT_MAX == CORE_EVENT_SYSCALL ? FAKE_HOSTILE : NULL, .detail = i % CORE_EVENT_MAX == CORE_EVENT_FILE || i % CORE_EVENT_MAX == CORE_EVENT_EXE ? "tmpfs" : "written" };

	if (!fake.process.exe)
		fake.process = p;
	v.container = fake_find((struct core *)h->data, "shop_web_1");
	if (!v.container)
		ident_each_container(((struct core *)h->data)->ident, fake_first_container, &v.container);
	if (v.container)
		fake_emit_event(&v);
	if (fake.flow_count)
		fake_emit(&fake.flows[i % fake.flow_count], what[i / 3 % 3]);
	i++;
}

static void serve_hostile(struct core *c)
{
	fake_container(c, "4444444444444444444444444444444444444444444444444444444444444444", FAKE_HOSTILE, FAKE_HOSTILE, FAKE_HOSTILE,
		       "172.18.0.9");
	fake_edge(c, FAKE_HOSTILE "/a", TOPO_WORKLOAD, FAKE_HOSTILE "/b", TOPO_WORKLOAD, IPPROTO_UDP, 53, FAKE_HOSTILE, LABEL_DPI, 10);
	fake_flow(&fake.flows[2], 3, FAKE_HOSTILE, fake_find(c, FAKE_HOSTILE), "172.18.0.9", 1, FAKE_HOSTILE, NULL, "192.0.2.1", 2, FAKE_HOSTILE);
	fake.flows[2].host = fake.flows[2].info = fake.flows[2].client.exe = FAKE_HOSTILE;
	fake.listener_views[0].exe = FAKE_HOSTILE;
	fake.listener_views[0].workload = FAKE_HOSTILE;
	snprintf(c->features[1].consequence, sizeof(c->features[1].consequence), "%s", FAKE_HOSTILE);
	snprintf(c->engines[0].version, sizeof(c->engines[0].version), "%.40s", FAKE_HOSTILE);
}

/* As much as the limits allow: to see how long an answer takes. */
static void serve_large(struct core *c)
{
	char client[32], server[32];

	for (unsigned i = 0; i < 15000; i++) {
		snprintf(client, sizeof(client), "c%u/app", i % 150);
		snprintf(server, sizeof(server), "s%u/app", i / 150);
		fake_edge(c, client, TOPO_WORKLOAD, server, TOPO_WORKLOAD, IPPROTO_TCP, 80, "HTTP", LABEL_DPI, i);
	}
	free(fake.flows);
	fake.flow_count = 100000;
	fake.flows = calloc(fake.flow_count, sizeof(*fake.flows));
	for (unsigned i = 0; i < fake.flow_count; i++)
		fake_flow(&fake.flows[i], i, "a/b", NULL, "192.0.2.1", 1, "c/d", NULL, "192.0.2.2", 2, "HTTP");
}

enum { MANY_WORKLOADS = 2000, MANY_EDGES = 20000, MANY_STACKS = 60, MANY_EACH = 10 };

static void many_edge(struct core *c, unsigned i, uint64_t bytes, uint64_t first_ns, uint64_t last_ns)
{
	unsigned a = i % MANY_WORKLOADS, step = 1 + i / MANY_WORKLOADS, b = (a + (step % 5 ? MANY_STACKS * step : 7 * step + 1)) % MANY_WORKLOADS;
	char client[40], server[40];

	snprintf(client, sizeof(client), "stack-%02u/service-%03u", a % MANY_STACKS, a / MANY_STACKS);
	snprintf(server, sizeof(server), "stack-%02u/service-%03u", b % MANY_STACKS, b / MANY_STACKS);
	fake_edge_seen(c, client, TOPO_WORKLOAD, server, TOPO_WORKLOAD, IPPROTO_TCP, (uint16_t)(80 + i / MANY_WORKLOADS), "HTTP", LABEL_DPI, bytes, first_ns, last_ns);
}

static void many_go_on(uv_timer_t *h)
{
	struct core *c = h->data;
	static unsigned i, turn;
	uint64_t now = clock_wall_ns();
	char name[40];

	for (unsigned k = 0; k < MANY_EACH; k++, i++)
		many_edge(c, (i * 7919) % MANY_EDGES, 1000, now, now);
	if (turn++ % 40)
		return;
	snprintf(name, sizeof(name), "new-%03u/service", turn / 40);
	fake_edge_seen(c, name, TOPO_WORKLOAD, "stack-00/service-000", TOPO_WORKLOAD, IPPROTO_TCP, 80, "HTTP", LABEL_DPI, 1000, now, now);
}

static int api_serve(const char *dir, const char *mode)
{
	struct core *c = fake_core_new(dir, dir);
	uv_timer_t emit, end, more;
	uv_signal_t term, intr;
	uv_loop_t loop;
	char sock[108];

	signal(SIGPIPE, SIG_IGN);
	fake_populate(c);
	if (mode && !strcmp(mode, "hostile"))
		serve_hostile(c);
	if (mode && !strcmp(mode, "large"))
		serve_large(c);
	snprintf(sock, sizeof(sock), "%s/api.sock", dir);
	uv_loop_init(&loop);
	store_open(dir, &c->config, &c->store);
	if (api_open(c, &loop, listen_at(sock), &c->api))
		return 1;
	uv_timer_init(&loop, &emit);
	emit.data = c;
	uv_timer_start(&emit, serve_emit, 50, 50);
	uv_timer_init(&loop, &more);
	more.data = c;
	if (mode && !strcmp(mode, "many")) {
		for (unsigned i = 0; i < MANY_EDGES; i++)
			many_edge(c, i, 1000 + i, 1790000000000000001ULL, 1790000100000000002ULL);
		uv_timer_start(&more, many_go_on, 50, 50);
	}
	uv_timer_init(&loop, &end);
	uv_timer_start(&end, serve_end, 300000, 0);
	uv_signal_init(&loop, &term);
	uv_signal_start(&term, serve_stop, SIGTERM);
	uv_signal_init(&loop, &intr);
	uv_signal_start(&intr, serve_stop, SIGINT);
	uv_run(&loop, UV_RUN_DEFAULT);
	api_close(c->api);
	uv_close((uv_handle_t *)&emit, NULL);
	uv_close((uv_handle_t *)&more, NULL);
	uv_close((uv_handle_t *)&end, NULL);
	uv_close((uv_handle_t *)&term, NULL);
	uv_close((uv_handle_t *)&intr, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	store_tick(c->store, c);
	store_close(c->store);
	fake_core_free(c);
	unlink(sock);
	return 0;
}

#endif
