/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages from the keeper: descriptors, namespaces, links, hooks, the state of our programs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/actions.h"
#include "sensor/core/api.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/evidence.h"
#include "sensor/core/refuse.h"
#include "sensor/core/fetch.h"
#include "sensor/core/policy.h"

static void peer_lost(struct peer **p)
{
	peer_close(*p);
	*p = NULL;
}

static void inspector_gone(void *arg)
{
	struct core *c = arg;

	peer_lost(&c->priv->inspector); /* the keeper starts another and sends its socket */
}

static void keep_map(struct core *c, const char name[MSG_NAME_LEN], int fd)
{
	struct core_private *p = c->priv;

	for (unsigned i = 0; i < p->map_count; i++)
		if (strcmp(p->maps[i].name, name) == 0) {
			close(p->maps[i].fd);
			p->maps[i].fd = fd;
			return;
		}
	if (p->map_count == CORE_MAPS_MAX) {
		close(fd);
		return;
	}
	memcpy(p->maps[p->map_count].name, name, MSG_NAME_LEN); /* the caller terminated it */
	p->maps[p->map_count++].fd = fd;
}

static void take_fd_message(struct core *c, const struct msg_fd *m, int fd)
{
	struct core_private *p = c->priv;

	switch ((enum msg_fd_kind)m->kind) {
	case MSG_FD_MAP:
	case MSG_FD_PROGRAM:
		keep_map(c, m->name, fd);
		return;
	case MSG_FD_API_LISTENER:
		if (p->api_fd >= 0)
			close(p->api_fd);
		p->api_fd = fd;
		return;
	case MSG_FD_CONFIG:
		if (p->config_fd >= 0)
			close(p->config_fd);
		p->config_fd = fd;
		memcpy(p->config_name, m->name, sizeof(p->config_name));
		if (keeper_configure(c) < 0) {
			c->priv->exit_status = 2;
			uv_stop(p->loop);
		}
		return;
	case MSG_FD_BROKER:
		engines_broker(c, fd);
		return;
	case MSG_FD_FILES:
		files_connected(c, fd);
		return;
	case MSG_FD_FETCH:
		fetch_connected(c, fd);
		return;
	case MSG_FD_OPENER:
		evidence_opener(c, fd);
		return;
	case MSG_FD_VERDICT:
		refuse_verdict(c, fd);
		return;
	case MSG_FD_INSPECTOR:
		if (strcmp(m->name, "packets") != 0) {
			feeds_inspector(c, fd);
			return;
		}
		peer_close(p->inspector);
		p->inspector = NULL;
		if (peer_open(p->loop, fd, labels_message, inspector_gone, c, &p->inspector) == 0)
			evidence_ring_connected(c);
		return;
	case MSG_FD_CORE:
	case MSG_FD_FANOTIFY:
	case MSG_FD_INOTIFY:
	case MSG_FD_EXEC:
	case MSG_FD_QUEUE:
	case MSG_FD_RESET4:
	case MSG_FD_RESET6:
	case MSG_FD_MAX:
		break;
	}
	close(fd);
}

static void take_ns(struct core *c, const struct msg_ns *m)
{
	struct ident_ns ns = { .ns = m->ns, .engine = m->engine, .cookie = m->cookie };

	switch ((enum msg_ns_kind)m->kind) {
	case MSG_NS_OVERLAY:
		ns.kind = IDENT_NS_OVERLAY;
		break;
	case MSG_NS_CONTAINER:
		ns.kind = IDENT_NS_CONTAINER;
		break;
	default:
		ns.kind = IDENT_NS_NODE;
	}
	memcpy(ns.name, m->name, sizeof(ns.name) - 1);
	ident_put_ns(c->ident, &ns);
}

static void take_link(struct core *c, const struct msg_link *m)
{
	static const enum ident_link_kind kinds[MSG_LINK_KIND_MAX] = {
		[MSG_LINK_OTHER] = IDENT_LINK_OTHER,	 [MSG_LINK_VETH] = IDENT_LINK_VETH,
		[MSG_LINK_BRIDGE] = IDENT_LINK_BRIDGE,	 [MSG_LINK_VXLAN] = IDENT_LINK_VXLAN,
		[MSG_LINK_MACVLAN] = IDENT_LINK_MACVLAN, [MSG_LINK_IPVLAN] = IDENT_LINK_IPVLAN,
		[MSG_LINK_LO] = IDENT_LINK_LO,
	};
	struct ident_link l = { .ns = m->ns, .peer_ns = m->peer_ns, .ifindex = m->ifindex, .peer_ifindex = m->peer_ifindex,
				.master = m->master, .vni = m->vni,
				.kind = m->kind < MSG_LINK_KIND_MAX ? kinds[m->kind] : IDENT_LINK_OTHER };

	memcpy(l.mac, m->mac, sizeof(l.mac));
	memcpy(l.name, m->name, sizeof(l.name) - 1);
	ident_put_link(c->ident, &l);
}

/* Whether flows are counted at this interface: the host end of a container's veth. */
static bool counts_flows(struct core *c, const struct msg_hook *m)
{
	const struct ident_link *l = ident_link_get(c->ident, m->ns, m->ifindex);
	const struct ident_ns *ns = ident_ns_get(c->ident, m->ns);

	return l && l->kind == IDENT_LINK_VETH && ns && ns->kind != IDENT_NS_CONTAINER;
}

static void take_hook(struct core *c, const struct msg_hook *m)
{
	struct core_hook *h;
	uint64_t late = m->late_in_packets + m->late_out_packets, known = 0;

	for (h = c->hooks; h; h = h->next)
		if (h->hook.ns == m->ns && h->hook.ifindex == m->ifindex)
			break;
	if (!h) {
		h = calloc(1, sizeof(*h));
		if (!h)
			return;
		h->next = c->hooks;
		c->hooks = h;
	} else {
		known = h->hook.late_in_packets + h->hook.late_out_packets; /* the same hook is told again at each change of its link */
	}
	h->hook = *m;
	/* What passed before the sensor itself began is no loss; what passed a new interface before its hook is. */
	if (c->priv->ready && !m->adopted && m->how != MSG_HOOK_NONE && late > known && counts_flows(c, m))
		core_lost(c, LOSS_LATE_ATTACH, late - known);
}

static void forget_hooks(struct core *c, uint16_t ns, uint32_t ifindex)
{
	for (struct core_hook **at = &c->hooks, *h; (h = *at);) {
		if (h->hook.ns == ns && (!ifindex || h->hook.ifindex == ifindex)) {
			*at = h->next;
			free(h);
		} else {
			at = &h->next;
		}
	}
}

static void take_feature(struct core *c, const struct msg_feature *m)
{
	struct msg_feature *f = NULL;

	for (unsigned i = 0; i < c->feature_count; i++)
		if (strncmp(c->features[i].name, m->name, sizeof(m->name)) == 0)
			f = &c->features[i];
	if (!f) {
		if (c->feature_count == ARRAY_SIZE(c->features))
			return;
		f = &c->features[c->feature_count++];
	}
	*f = *m;
	f->name[sizeof(f->name) - 1] = '\0';
	f->consequence[sizeof(f->consequence) - 1] = '\0';
}

static void take_ready(struct core *c)
{
	struct core_private *p = c->priv;
	int r;

	r = flows_start(c);
	if (r >= 0)
		r = events_start(c);
	if (r < 0)
		log_error("cannot read the kernel's maps: %s", strerror(-r));
	if (!p->ready) {
		events_resync(c);
	}
	p->ready = true;
	p->ready_ns = clock_mono_ns();
	if (p->api_fd >= 0 && !c->api) {
		r = api_open(c, p->loop, p->api_fd, &c->api);
		p->api_fd = -1;
		if (r < 0)
			log_error("cannot serve the API: %s", strerror(-r));
	}
}

/* Body of a fixed-size message, or NULL if it is too short. */
#define BODY(type, name) \
	type name##_buf; \
	const type *name = hdr->len >= sizeof(type) ? (memcpy(&name##_buf, body, sizeof(type)), &name##_buf) : NULL

void keeper_message(const struct ipc_hdr *hdr, const void *body, int fd, void *arg)
{
	struct core *c = arg;
	BODY(struct msg_fd, mfd);
	BODY(struct msg_ns, mns);
	BODY(struct msg_link, mlink);
	BODY(struct msg_addr, maddr);
	BODY(struct msg_hook, mhook);
	BODY(struct msg_engine, mengine);
	BODY(struct msg_program, mprogram);
	BODY(struct msg_feature, mfeature);

	if (c->priv->exit_status) { /* the configuration was refused: nothing more is taken in on the way out */
		if (fd >= 0)
			close(fd);
		return;
	}
	/* Descriptors come first, the configuration's among them: at the first other message it is there, or there is none. */
	if (!c->priv->configured && hdr->type != MSG_FD && hdr->type != MSG_PING && hdr->type != MSG_QUIT && keeper_configure(c) < 0) {
		c->priv->exit_status = 2;
		uv_stop(c->priv->loop);
	}
	if (c->priv->exit_status) {
		if (fd >= 0)
			close(fd);
		return;
	}
	switch ((enum msg_type)hdr->type) {
	case MSG_PING:
		peer_send(c->priv->keeper, MSG_PONG, hdr->seq, NULL, 0);
		break;
	case MSG_QUIT:
		c->priv->stopping = true;
		uv_stop(c->priv->loop);
		break;
	case MSG_READY:
		take_ready(c);
		break;
	case MSG_FD:
		if (mfd && fd >= 0) {
			mfd_buf.name[sizeof(mfd_buf.name) - 1] = '\0';
			take_fd_message(c, mfd, fd);
			return;
		}
		break;
	case MSG_NS_ADD:
		if (mns)
			take_ns(c, mns);
		break;
	case MSG_NS_DEL:
		if (mns) {
			ident_del_ns(c->ident, mns->ns, clock_mono_ns());
			forget_hooks(c, mns->ns, 0);
		}
		break;
	case MSG_LINK_ADD:
		if (mlink)
			take_link(c, mlink);
		policy_touch(c);
		break;
	case MSG_LINK_DEL:
		if (mlink) {
			ident_del_link(c->ident, mlink->ns, mlink->ifindex, clock_mono_ns());
			forget_hooks(c, mlink->ns, mlink->ifindex);
		}
		break;
	case MSG_ADDR_ADD:
		if (maddr)
			ident_put_addr(c->ident, maddr->ns, maddr->ifindex, maddr->addr);
		policy_touch(c);
		break;
	case MSG_ADDR_DEL:
		if (maddr)
			ident_del_addr(c->ident, maddr->ns, maddr->ifindex, maddr->addr);
		break;
	case MSG_HOOK:
		if (mhook)
			take_hook(c, mhook);
		break;
	case MSG_ENGINE:
		if (mengine)
			engines_state(c, mengine);
		break;
	case MSG_PROGRAM:
		if (mprogram && mprogram->program == PROGRAM_VERDICT && !mprogram->running && c->programs[PROGRAM_VERDICT].running) {
			refuse_verdict_ended(c, mprogram);
			policy_queue_verdict_ended(c, mprogram);
		}
		if (mprogram && mprogram->program < PROGRAM_MAX)
			c->programs[mprogram->program] = *mprogram;
		break;
	case MSG_FEATURE:
		if (mfeature)
			take_feature(c, mfeature);
		break;
	case MSG_ITER:
		if (hdr->status == 0 && fd >= 0) {
			events_iterate(c, hdr->seq == c->priv->iter_seq[MSG_ITER_SOCKETS] ? MSG_ITER_SOCKETS : MSG_ITER_PROCESSES, fd);
			return;
		}
		log_warn("what was there before the sensor cannot be listed: %s, ignoring: it becomes known when it acts",
			 strerror(-hdr->status));
		break;
	case MSG_EXEC_STATS:
		refuse_keeper_stats(c, hdr, body);
		break;
	case MSG_CONTAIN_KILL:
	case MSG_CONTAIN_FREEZE:
		if (hdr->type == MSG_CONTAIN_FREEZE)
			evidence_keeper_answer(c, hdr);
		else
			actions_keeper_answer(c, hdr);
		break;
	case MSG_LISTED:
		feeds_kernel_answer(c, hdr, fd);
		return;
	case MSG_OPEN:
	case MSG_LISTEN:
		named_answer(c, hdr, fd);
		return;
	case MSG_POLICY_STATE:
	case MSG_POLICY_TAMPER:
	case MSG_POLICY_COUNTERS:
	case MSG_QUEUE_STATE:
		policy_message(c, hdr, body);
		break;
	case MSG_PROC_ARGS:
		events_args_answer(c, hdr, body);
		break;
	case MSG_SYSCALLS:
		if (hdr->status != 0)
			log_warn("system calls cannot be watched: %s, ignoring", strerror(-hdr->status));
		break;
	default:
		engines_keeper_answer(c, hdr, body);
		break;
	}
	if (fd >= 0)
		close(fd);
}

static void split_engines(const char *list, struct config *cfg)
{
	cfg->engine_count = 0;
	while (*list && cfg->engine_count < ARRAY_SIZE(cfg->engines)) {
		size_t n = strcspn(list, ",");

		if (n && n < sizeof(cfg->engines[0])) {
			memcpy(cfg->engines[cfg->engine_count], list, n);
			cfg->engines[cfg->engine_count++][n] = '\0';
		}
		list += n + (list[n] == ',');
	}
}

int keeper_configure(struct core *c)
{
	struct core_private *p = c->priv;
	struct msg_configure m = { 0 };
	struct config cfg;
	char err[512];
	int r;

	config_defaults(&cfg);
	if (p->config_fd >= 0) {
		r = config_read(&cfg, p->config_fd, p->config_name[0] ? p->config_name : "configuration", err, sizeof(err));
		close(p->config_fd);
		p->config_fd = -1;
		if (r < 0) {
			log_error("%s", err);
			return r;
		}
	}
	if (p->docker_list[0])
		split_engines(p->docker_list, &cfg);
	if (p->configured) /* tables and engines are made once, at start */
		return 0;
	c->config = cfg;
	if (cfg.node[0])
		memcpy(c->node, cfg.node, sizeof(c->node));
	p->configured = true;
	r = core_open_tables(c);
	if (r < 0)
		return r;
	m.engine_count = (uint8_t)cfg.engine_count;
	m.xdp = (uint8_t)cfg.xdp;
	m.vxlan_port = cfg.vxlan_port;
	m.half_open_max = cfg.half_open_max;
	m.flows_max = cfg.flows_max;
	m.fetch = core_wants_fetch(&cfg);
	memcpy(m.engines, cfg.engines, sizeof(m.engines));
	for (unsigned i = 0; i < cfg.uplink_count && i < ARRAY_SIZE(m.uplinks); i++)
		memcpy(m.uplinks[i], cfg.uplinks[i], sizeof(m.uplinks[i]));
	r = engines_start(c);
	if (r < 0)
		return r;
	return peer_send(p->keeper, MSG_CONFIGURE, p->next_seq++, &m, sizeof(m));
}
