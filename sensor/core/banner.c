/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the operator reads at start: which engines are watched, what was attached, what cannot be seen, how to look. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/core_priv.h"

#define NO_ENGINE_NS (2 * NSEC_PER_SEC)  /* an engine that has not answered by then (the hooks are ready) is worth a line */
#define SETTLE_NS (500 * NSEC_PER_MSEC)  /* hooks follow the first listing within this */

struct banner_count {
	unsigned engine, containers, networks;
};

static void count_container(const struct ident_container *ct, void *arg)
{
	struct banner_count *n = arg;

	if (ct->engine == n->engine && !ct->remote && !ct->gone_mono_ns && ct->pid)
		n->containers++;
}

static void count_network(const struct ident_network *net, void *arg)
{
	struct banner_count *n = arg;

	if (net->engine == n->engine)
		n->networks++;
}

static const char *run_option(const struct core *c, char *buf, size_t len)
{
	if (strcmp(c->run_dir, "/run/pierglass") == 0)
		return "";
	snprintf(buf, len, "--run %s ", c->run_dir);
	return buf;
}

static void banner_hooks(struct core *c)
{
	unsigned by_how[MSG_HOOK_HOW_MAX] = { 0 };
	char run[300];

	for (struct core_hook *h = c->hooks; h; h = h->next)
		if (h->hook.how < MSG_HOOK_HOW_MAX)
			by_how[h->hook.how]++;
	log_info("attached to %u interfaces by TCX, %u by clsact, %u by XDP; %u could not be attached", by_how[MSG_HOOK_TCX],
		 by_how[MSG_HOOK_CLSACT], by_how[MSG_HOOK_XDP_NATIVE] + by_how[MSG_HOOK_XDP_GENERIC], by_how[MSG_HOOK_NONE]);
	for (unsigned i = 0; i < c->feature_count; i++)
		if (!c->features[i].present)
			log_info("not here: %s: %s", c->features[i].name, c->features[i].consequence);
	log_info("cannot see: macvlan and ipvlan networks, processes talking inside one container, the far node's processes, what is in tunnels of containers");
	log_info("look: pierglass %smap | flows -f | listeners | containers | status", run_option(c, run, sizeof(run)));
}

void banner_tick(struct core *c, uint64_t now_ns)
{
	struct core_private *p = c->priv;
	bool any = false;

	for (unsigned i = 0; i < c->engine_count; i++) {
		struct core_engine *e = &c->engines[i];
		struct banner_count n = { .engine = i };

		any = any || e->resyncs;
		if (e->resyncs && !(p->banner_engines & 1u << i)) {
			p->banner_engines |= 1u << i;
			p->banner_at_ns = now_ns + SETTLE_NS;
			ident_each_container(c->ident, count_container, &n);
			ident_each_network(c->ident, count_network, &n);
			log_info("watching engine %s (Docker %s) at %s: %u running containers, %u networks", e->name, e->version,
				 e->socket, n.containers, n.networks);
		}
		if (!e->up && !e->resyncs && !(p->banner_waiting & 1u << i) && p->ready && now_ns - p->ready_ns > NO_ENGINE_NS) {
			p->banner_waiting |= 1u << i;
			log_info("no engine answers at %s yet (%s): waiting for it. Start it (for example: systemctl start docker), "
				 "or see the sensor on an engine of its own: make demo", e->socket, strerror(e->error < 0 ? -e->error : ENOTCONN));
		}
	}
	if (any && p->banner_at_ns && now_ns >= p->banner_at_ns) {
		p->banner_at_ns = 0;
		if (!p->banner_shown)
			banner_hooks(c);
		p->banner_shown = true;
	}
}
