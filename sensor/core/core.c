/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Core's state: made, kept moving, shown to subscribers, ended. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/actions.h"
#include "sensor/core/api.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/declared.h"
#include "sensor/core/evidence.h"
#include "sensor/core/exports.h"
#include "sensor/core/feeds.h"
#include "sensor/core/images.h"
#include "sensor/core/model.h"
#include "sensor/core/policy.h"
#include "sensor/core/refuse.h"
#include "sensor/core/store.h"

#define TICK_MS 50
#define STORE_EVERY_S 2 /* what a killed core forgets */
#define NODES_MAX 20000
#define PROCESSES_MAX 65536
#define LISTENERS_MAX 65536
#define DNS_PER_CONTAINER 1024
#define DNS_TOTAL 65536

const char *core_loss_name(enum core_loss l)
{
	switch (l) {
	case LOSS_FLOW_TABLE_FULL:
		return "flow_table_full";
	case LOSS_HALF_OPEN_BUDGET:
		return "half_open_budget";
	case LOSS_MALFORMED:
		return "malformed";
	case LOSS_SAMPLE_RING:
		return "sample_ring";
	case LOSS_EVENT_RING:
		return "event_ring";
	case LOSS_SOCKET_MAP:
		return "socket_map";
	case LOSS_VTEP_MAP:
		return "vtep_map";
	case LOSS_LATE_ATTACH:
		return "late_attach";
	case LOSS_NOT_HOOKED:
		return "not_hooked";
	case LOSS_USER_FLOW_TABLE:
		return "user_flow_table";
	case LOSS_LABELS_DROPPED:
		return "labels_dropped";
	case LOSS_INSPECTOR_EVICTED:
		return "inspector_evicted";
	case LOSS_INSPECTOR_PIECES:
		return "inspector_pieces";
	case LOSS_PROCESS_TABLE:
		return "process_table";
	case LOSS_LISTENER_TABLE:
		return "listener_table";
	case LOSS_EDGE_TABLE:
		return "edge_table";
	case LOSS_EVENT_THROTTLED:
		return "event_throttled";
	case LOSS_EVENT_UNNAMED:
		return "event_unnamed";
	case LOSS_ENGINE_GAPS:
		return "engine_gaps";
	case LOSS_ENGINE_ANSWERS:
		return "engine_answers";
	case LOSS_CONTAINER_LATE:
		return "container_late";
	case LOSS_CONTAINER_TABLE:
		return "container_table";
	case LOSS_BAD_VERSION:
		return "bad_version";
	case LOSS_FILE_QUEUE:
		return "file_queue";
	case LOSS_FILE_THROTTLED:
		return "file_throttled";
	case LOSS_FILE_HASH:
		return "file_hash";
	case LOSS_STORE:
		return "store";
	case LOSS_UNSAVED:
		return "unsaved";
	case LOSS_HISTORY:
		return "history";
	case LOSS_API_STREAM:
		return "api_stream";
	case LOSS_MODEL_WAITING:
		return "model_waiting";
	case LOSS_FINDINGS:
		return "findings";
	case LOSS_ACTIONS:
		return "actions";
	case LOSS_EVIDENCE:
		return "evidence";
	case LOSS_PROTOCOL_UNCHECKED:
		return "protocol_unchecked";
	case LOSS_EXEC_UNJUDGED:
		return "exec_unjudged";
	case LOSS_EXPORT:
		return "export";
	case LOSS_MAX:
		break;
	}
	return "unknown";
}

const char *core_attribution_name(enum core_attribution a)
{
	switch (a) {
	case ATTR_UNKNOWN:
		return "unknown";
	case ATTR_ITERATOR:
		return "iterator";
	case ATTR_LISTENER:
		return "listener";
	case ATTR_EXACT:
		return "exact";
	case ATTR_MAX:
		break;
	}
	return "unknown";
}

void core_lost(struct core *c, enum core_loss what, uint64_t n)
{
	c->losses[what] += n;
}

int core_map_fd(const struct core *c, const char *name)
{
	for (unsigned i = 0; i < c->priv->map_count; i++)
		if (strcmp(c->priv->maps[i].name, name) == 0)
			return c->priv->maps[i].fd;
	return -1;
}

/* ---- subscribers ------------------------------------------------------------------------------------------------ */
int core_subscribe_flows(struct core *c, core_flow_cb cb, void *arg)
{
	for (int i = 0; i < CORE_SUBSCRIBERS_MAX; i++)
		if (!c->priv->subscribers[i].cb) {
			c->priv->subscribers[i] = (struct core_subscriber){ cb, arg };
			c->priv->subscriber_count++;
			return i;
		}
	return -EBUSY;
}

void core_unsubscribe_flows(struct core *c, int handle)
{
	if (handle < 0 || handle >= CORE_SUBSCRIBERS_MAX || !c->priv->subscribers[handle].cb)
		return;
	c->priv->subscribers[handle].cb = NULL;
	c->priv->subscriber_count--;
}

void core_announce(struct core *c, struct flow *f, const char *what)
{
	struct core_flow_view v;
	bool made = false;

	if (f->joined == JOIN_REAR) {
		f = flow_front(c, f);
		if (!f || !(f->state & FLOW_ANNOUNCED))
			return;
	}
	model_on_flow(c, f, what);
	if (strcmp(what, "new") == 0 && core_event_wanted(c, CORE_EVENT_CONNECT)) {
		core_view_flow(c, f, &v);
		made = true;
		events_flow(c, f, &v);
	}
	for (int i = 0; c->priv->subscriber_count && i < CORE_SUBSCRIBERS_MAX; i++) {
		if (!c->priv->subscribers[i].cb)
			continue;
		if (!made) {
			core_view_flow(c, f, &v);
			made = true;
		}
		c->priv->subscribers[i].cb(&v, what, c->priv->subscribers[i].arg);
	}
}

/* ---- the mark: up to when an earlier core had counted ------------------------------------------------------------- */
/* The store keeps, in the same transaction as the edges, the boot id and a monotonic time: flows that began before were added
 * to the stored edges by an earlier core (in this boot), so that a restart counts nothing twice. */
struct mark {
	char boot_id[40];
	uint64_t mono_ns;
};

static bool boot_id_read(char ret[40])
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, 39);

	if (n < 36)
		return false;
	ret[36] = '\0';
	memset(ret + 36, 0, 4);
	return true;
}

static uint64_t mark_read(struct core *c)
{
	char boot[40];
	struct mark m;

	if (!store_get_mark(c->store, &m, sizeof(m)) || !boot_id_read(boot))
		return 0;
	return memcmp(m.boot_id, boot, sizeof(boot)) == 0 ? m.mono_ns : 0;
}

static void mark_write(struct core *c)
{
	struct mark m = { .mono_ns = flows_read_until(c) };

	if (m.mono_ns && boot_id_read(m.boot_id))
		store_set_mark(c->store, &m, sizeof(m));
}

/* ---- timers ------------------------------------------------------------------------------------------------------- */
static void core_tick(uv_timer_t *t)
{
	struct core *c = t->data;

	c->priv->wall_minus_mono_ns = clock_wall_ns() - clock_mono_ns();
	if (c->priv->events_busy) {
		c->priv->events_busy--;
		events_consume(c);
	}
	if (!c->priv->configured)
		return;
	engines_tick(c);
	events_waiting(c, clock_mono_ns());
	if (c->priv->ready)
		flows_scan(c, false);
	model_tick(c, clock_mono_ns());
	policy_tick(c, clock_mono_ns());
	actions_tick(c, clock_mono_ns());
	declared_tick(c, clock_mono_ns());
	evidence_tick(c, clock_mono_ns());
	exports_tick(c, clock_mono_ns());
}

void core_save(struct core *c)
{
	history_flush(c);
	positions_save(c);
	mark_write(c);
	positions_saved(c, store_tick(c->store, c) == 0);
	model_save(c);
}

static void core_second(uv_timer_t *t)
{
	struct core *c = t->data;
	uint64_t now = clock_mono_ns();
	static unsigned turns; /* of this one loop */

	if (!c->priv->configured)
		return;
	counters_read(c);
	events_second(c);
	ledger_second(c, now);
	listeners_expire(c->listeners, now);
	processes_expire(c->procs, now);
	cached_names_expire(c, now);
	ident_expire(c->ident, now);
	files_tick(c, now);
	refuse_second(c);
	feeds_tick(c, now);
	fetch_tick(c);
	geo_tick(c, now);
	banner_tick(c, now);
	if (++turns % STORE_EVERY_S == 0)
		core_save(c);
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */
int core_open_tables(struct core *c)
{
	int r;

	/* The kernel's table is the limit; ours holds besides what waits to be taken out. */
	c->flows = flow_table_new((size_t)c->config.flows_max + c->config.flows_max / 4 + 1024);
	c->topo = topo_new(NODES_MAX, c->config.edges_max);
	c->procs = processes_new(PROCESSES_MAX);
	c->listeners = listeners_new(LISTENERS_MAX);
	c->dns = dns_names_new(DNS_PER_CONTAINER, DNS_TOTAL);
	if (!c->flows || !c->topo || !c->procs || !c->listeners || !c->dns) {
		log_error("not enough memory for the tables (limits.flows: %u)", c->config.flows_max);
		return -ENOMEM;
	}
	r = syscalls_start(c);
	if (r < 0)
		return r;
	r = store_open(c->state_dir, &c->config, &c->store);
	if (r < 0)
		log_warn("nothing can be stored in %s: %s, ignoring: the map is kept in memory only", c->state_dir, strerror(-r));
	if (c->store && store_warning(c->store))
		log_warn("%s", store_warning(c->store));
	if (c->store && store_load(c->store, c) > 0)
		c->priv->baseline_ns = mark_read(c);
	if (c->priv->baseline_ns)
		positions_load(c);
	r = core_model_open(c);
	if (r == 0)
		r = core_policy_open(c);
	if (r == 0)
		r = actions_open(c);
	if (r >= 0)
		r = fetch_open(c);
	if (r >= 0)
		r = geo_start(c);
	if (r >= 0)
		r = declared_open(c);
	if (r == 0)
		r = evidence_open(c);
	if (r == 0)
		r = refuse_open(c);
	if (r == 0)
		r = exports_open(c);
	return r < 0 ? r : core_feeds_open(c);
}

int core_open(struct core *c, uv_loop_t *loop)
{
	struct core_private *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	c->priv = p;
	p->loop = loop;
	p->config_fd = p->api_fd = -1;
	p->next_seq = 1;
	p->strings = strpool_new();
	p->cgroups = cgroup_names_new();
	p->bus = event_bus_new();
	p->images = core_images_new();
	p->ledger = ledger_new();
	p->history = history_new();
	p->positions = positions_new();
	p->cpus = libbpf_num_possible_cpus();
	p->per_cpu = calloc(p->cpus > 0 ? (size_t)p->cpus : 1, sizeof(*p->per_cpu));
	c->start_wall_ns = clock_wall_ns();
	c->start_mono_ns = clock_mono_ns();
	p->wall_minus_mono_ns = c->start_wall_ns - c->start_mono_ns;
	c->ident = ident_new(c->node);
	if (!p->strings || !p->cgroups || !p->bus || !p->ledger || !p->history || !p->positions || !p->per_cpu || !c->ident ||
	    !p->images || files_start(c) < 0)
		return -ENOMEM;
	uv_timer_init(loop, &p->tick);
	uv_timer_init(loop, &p->second);
	p->tick.data = p->second.data = c;
	uv_timer_start(&p->tick, core_tick, TICK_MS, TICK_MS);
	uv_timer_start(&p->second, core_second, 1000, 1000);
	return 0;
}

static void core_free_tables(struct core *c)
{
	flow_table_free(c->flows);
	topo_free(c->topo);
	processes_free(c->procs);
	listeners_free(c->listeners);
	dns_names_free(c->dns);
	ident_free(c->ident);
	for (struct core_hook *h = c->hooks, *next; h; h = next) {
		next = h->next;
		free(h);
	}
}

void core_close(struct core *c)
{
	struct core_private *p = c->priv;

	uv_close((uv_handle_t *)&p->tick, NULL);
	uv_close((uv_handle_t *)&p->second, NULL);
	api_close(c->api);
	if (p->configured) {
		if (p->ready)
			flows_scan(c, true);
		core_save(c);
		engines_stop(c);
		flows_stop(c);
	}
	history_free(c);
	positions_free(p->positions);
	cached_names_free(c);
	events_stop(c);
	core_feeds_close(c);
	exports_close(c);
	refuse_close(c);
	evidence_close(c);
	actions_close(c);
	core_policy_close(c);
	fetch_close(c);
	geo_stop(c);
	declared_close(c);
	core_model_close(c);
	syscalls_stop(c);
	store_close(c->store);
	peer_close(p->keeper);
	peer_close(p->broker);
	peer_close(p->inspector);
	/* Lets the closed handles go; bounded, since nothing keeps the loop alive any more. */
	for (int i = 0; i < 100 && uv_run(p->loop, UV_RUN_NOWAIT); i++)
		;
	for (unsigned i = 0; i < p->map_count; i++)
		close(p->maps[i].fd);
	files_stop(c);
	joins_free(c);
	pairs_free(c);
	core_free_tables(c);
	cgroup_names_free(p->cgroups);
	event_bus_free(p->bus);
	core_images_free(p->images);
	ledger_free(p->ledger);
	strpool_free(p->strings);
	free(p->per_cpu);
	free(p->early_labels);
	free(p);
	c->priv = NULL;
}
