/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the kernel about many flows at once: the program flow_ask answers them in one system call; where the kernel has
 * no such program, one or two calls for each flow do. */
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/log.h"
#include "sensor/core/core_priv.h"

struct flow_asks {
	struct pg_flow_ask *ask; /* PG_ASKS_MAX */
	int flows_fd, servers_fd, prog_fd;   /* prog_fd -1: there is none, ask is plain memory */
};

int asks_open(struct core *c, struct flow_asks **ret)
{
	const size_t size = PG_ASKS_MAX * sizeof(struct pg_flow_ask);
	struct flow_asks *a = calloc(1, sizeof(*a));
	int map = core_map_fd(c, "flow_asks");

	if (!a)
		return -ENOMEM;
	a->flows_fd = core_map_fd(c, "flows");
	a->servers_fd = core_map_fd(c, "servers");
	a->prog_fd = map < 0 ? -1 : core_map_fd(c, "flow_ask");
	a->ask = MAP_FAILED;
	if (a->prog_fd >= 0)
		a->ask = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (a->ask == MAP_FAILED) {
		a->prog_fd = -1;
		a->ask = calloc(1, size);
	}
	if (!a->ask) {
		free(a);
		return -ENOMEM;
	}
	*ret = a;
	return 0;
}

void asks_close(struct flow_asks *a)
{
	if (!a)
		return;
	if (a->prog_fd >= 0)
		munmap(a->ask, PG_ASKS_MAX * sizeof(struct pg_flow_ask));
	else
		free(a->ask);
	free(a);
}

struct pg_flow_ask *asks_at(struct flow_asks *a, unsigned i)
{
	return &a->ask[i];
}

static void ask_server(const struct flow_asks *a, struct pg_flow_ask *q)
{
	uint64_t cookie = q->v.cookie[!(q->v.flags & PG_FLOW_SYN_DIR)];
	uint32_t slot = (uint32_t)cookie & (PG_SERVER_SLOTS - 1);

	if (q->key.proto != IPPROTO_TCP || !(q->v.flags & PG_FLOW_SYN_SEEN) || !cookie || a->servers_fd < 0 ||
	    bpf_map_lookup_elem(a->servers_fd, &slot, &q->server) || q->server.cookie != cookie)
		q->server.tgid = 0;
}

static bool may_reap(const struct pg_flow_ask *q, uint32_t which)
{
	if (!q->reap_before_ns || q->v.last_ns > q->reap_before_ns)
		return false;
	return which == PG_ASK_ANY || (q->key.proto != IPPROTO_TCP && !(q->v.flags & PG_FLOW_TWO_WAY));
}

static void ask_alone(const struct flow_asks *a, struct pg_flow_ask *q)
{
	const uint32_t which = q->result;

	q->result = bpf_map_lookup_elem(a->flows_fd, &q->key, &q->v) ? PG_ASK_GONE : PG_ASK_FOUND;
	if (q->result == PG_ASK_FOUND && may_reap(q, which))
		q->result = bpf_map_lookup_and_delete_elem(a->flows_fd, &q->key, &q->v) ? PG_ASK_GONE : PG_ASK_REAPED;
	if (q->result != PG_ASK_GONE)
		ask_server(a, q);
}

void asks_run(struct flow_asks *a, unsigned count)
{
	struct pg_ask_args args = { .count = count };
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = &args, .ctx_size_in = sizeof(args));

	if (a->prog_fd >= 0 && count) {
		if (bpf_prog_test_run_opts(a->prog_fd, &o) == 0)
			return;
		log_debug("flow_ask: %s", strerror(errno));
	}
	for (unsigned i = 0; i < count; i++)
		ask_alone(a, &a->ask[i]);
}
