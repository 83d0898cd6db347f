/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Engines: wires discovery (watch/docker_client) to the broker's socket and to identity, finds the cgroup of each container,
 * and has host-network containers counted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/declared.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/actions.h"
#include "sensor/core/images.h"
#include "sensor/core/policy.h"
#include "sensor/watch/cgroup_path.h"
#include "sensor/watch/docker_client.h"

#define CGROUPS_MAX 16384
#define PSEUDO_IF_FIRST 0x80000001u

/* ---- cgroups ---------------------------------------------------------------------------------------------------- */
struct cgroup_name {
	UT_hash_handle hh;
	uint64_t id;
	uint64_t seen_ns, gone_ns; /* gone 0: there */
	char cid[IDENT_ID_LEN];   /* innermost container of the path */
	char outer[IDENT_ID_LEN]; /* outermost: what our engine runs, when the inner one belongs to an engine inside it */
	bool top; /* the container's own cgroup, not one made below it */
	char path[CGROUP_PATH_LEN];
};

/* A question to the keeper that is under way. */
struct cgroup_ask {
	struct cgroup_ask *next;
	uint32_t seq;
	unsigned engine;
	char cid[IDENT_ID_LEN];
	char path[CGROUP_PATH_LEN];
};

/* A container on the host network whose traffic is counted at its cgroup. */
struct hostnet {
	struct hostnet *next;
	unsigned engine;
	uint32_t pseudo_ifindex;
	char cid[IDENT_ID_LEN];
	char path[CGROUP_PATH_LEN];
};

struct cgroup_names {
	struct cgroup_name *by_id;
	struct cgroup_ask *asks;
	struct hostnet *hostnets;
	unsigned refused;
};

struct cgroup_names *cgroup_names_new(void)
{
	return calloc(1, sizeof(struct cgroup_names));
}

void cgroup_names_free(struct cgroup_names *n)
{
	struct cgroup_name *g, *tmp;

	if (!n)
		return;
	HASH_ITER(hh, n->by_id, g, tmp) {
		HASH_DEL(n->by_id, g);
		free(g);
	}
	for (struct cgroup_ask *a = n->asks, *next; a; a = next) {
		next = a->next;
		free(a);
	}
	for (struct hostnet *h = n->hostnets, *next; h; h = next) {
		next = h->next;
		free(h);
	}
	free(n);
}

static const struct ident_container *container_on_any_engine(struct core *c, const char *cid)
{
	for (unsigned e = 0; e < c->engine_count; e++) {
		const struct ident_container *ct = ident_by_id(c->ident, e, cid);

		if (ct)
			return ct;
	}
	return NULL;
}

const struct ident_container *core_container_of_cgroup(struct core *c, uint64_t cgroup)
{
	const struct ident_container *ct = ident_by_cgroup(c->ident, cgroup);
	struct cgroup_name *g;

	if (ct)
		return ct;
	HASH_FIND(hh, c->priv->cgroups->by_id, &cgroup, sizeof(cgroup), g);
	ct = g ? container_on_any_engine(c, g->cid) : NULL;
	return g && !ct ? container_on_any_engine(c, g->outer) : ct;
}

bool engines_cgroup_is_container(struct core *c, uint64_t cgroup)
{
	struct cgroup_name *g;

	HASH_FIND(hh, c->priv->cgroups->by_id, &cgroup, sizeof(cgroup), g);
	return g != NULL;
}

/* Whether path ends with the container's id: then it is the container's own cgroup. */
static bool cgroup_is_top(const char *path, const char *cid)
{
	const char *last = strrchr(path, '/');

	return strstr(last ? last : path, cid) != NULL;
}

static void cgroup_prune(struct core *c, uint64_t now)
{
	struct cgroup_names *n = c->priv->cgroups;
	struct cgroup_name *g, *tmp;

	HASH_ITER(hh, n->by_id, g, tmp)
		if ((g->gone_ns && now - g->gone_ns > 60 * NSEC_PER_SEC) ||
		    (now - g->seen_ns > 60 * NSEC_PER_SEC && !container_on_any_engine(c, g->cid))) {
			HASH_DEL(n->by_id, g);
			free(g);
		}
}

static void hostnet_check(struct core *c, const struct ident_container *ct, const char *path);

void engines_cgroup_seen(struct core *c, uint64_t cgroup, const char *path)
{
	struct cgroup_names *n = c->priv->cgroups;
	const struct ident_container *ct;
	struct cgroup_name *g;
	char cid[IDENT_ID_LEN];

	if (!cgroup_path_container_id(path, cid))
		return;
	HASH_FIND(hh, n->by_id, &cgroup, sizeof(cgroup), g);
	if (!g) {
		if (HASH_COUNT(n->by_id) >= CGROUPS_MAX)
			cgroup_prune(c, clock_mono_ns());
		g = HASH_COUNT(n->by_id) >= CGROUPS_MAX ? NULL : calloc(1, sizeof(*g));
		if (!g) {
			n->refused++;
			return;
		}
		g->id = cgroup;
		HASH_ADD(hh, n->by_id, id, sizeof(g->id), g);
	}
	g->seen_ns = clock_mono_ns();
	memcpy(g->cid, cid, sizeof(g->cid));
	if (!cgroup_path_outer_container_id(path, g->outer))
		memcpy(g->outer, cid, sizeof(g->outer));
	snprintf(g->path, sizeof(g->path), "%s", path);
	g->top = cgroup_is_top(path, cid);
	ct = container_on_any_engine(c, cid);
	if (ct && g->top) {
		ident_set_cgroup(c->ident, ct->engine, cid, cgroup);
		hostnet_check(c, ct, g->path);
	}
}

/* Kernel ids are not given again within a boot; what is late of this one is still named, by identity. */
void engines_cgroup_gone(struct core *c, uint64_t cgroup)
{
	struct cgroup_names *n = c->priv->cgroups;
	struct cgroup_name *g;

	HASH_FIND(hh, n->by_id, &cgroup, sizeof(cgroup), g);
	if (g)
		g->gone_ns = clock_mono_ns();
}

static const struct cgroup_name *cgroup_of_container(struct core *c, const char *cid)
{
	struct cgroup_name *g, *tmp;

	HASH_ITER(hh, c->priv->cgroups->by_id, g, tmp)
		if (g->top && !g->gone_ns && strcmp(g->cid, cid) == 0)
			return g;
	return NULL;
}

static void cgroup_ask(struct core *c, const struct ident_container *ct)
{
	struct msg_pid pid = { .pid = ct->pid };
	struct cgroup_ask *a = calloc(1, sizeof(*a));

	if (!a)
		return;
	a->seq = c->priv->next_seq++;
	a->engine = ct->engine;
	memcpy(a->cid, ct->id, sizeof(a->cid));
	if (peer_send(c->priv->keeper, MSG_CGROUP_OF, a->seq, &pid, sizeof(pid)) < 0) {
		free(a);
		return;
	}
	a->next = c->priv->cgroups->asks;
	c->priv->cgroups->asks = a;
}

static struct cgroup_ask *cgroup_ask_take(struct core *c, uint32_t seq)
{
	for (struct cgroup_ask **at = &c->priv->cgroups->asks, *a; (a = *at); at = &a->next)
		if (a->seq == seq) {
			*at = a->next;
			return a;
		}
	return NULL;
}

static void cgroup_path_answer(struct core *c, struct cgroup_ask *a, const struct ipc_hdr *hdr, const void *body)
{
	if (hdr->status != 0 || cgroup_path_parse(body, hdr->len, a->path) < 0) {
		free(a); /* the process is gone: the cgroup event named it, or nobody needs it */
		return;
	}
	a->seq = c->priv->next_seq++;
	if (peer_send(c->priv->keeper, MSG_CGROUP_ID, a->seq, a->path, strlen(a->path) + 1) < 0) {
		free(a);
		return;
	}
	a->next = c->priv->cgroups->asks;
	c->priv->cgroups->asks = a;
}

void engines_keeper_answer(struct core *c, const struct ipc_hdr *hdr, const void *body)
{
	struct cgroup_ask *a;
	struct msg_cgroup_id id;

	if (hdr->type == MSG_HOSTNET && hdr->status != 0)
		log_warn("traffic of a host-network container cannot be counted: %s, ignoring", strerror(-hdr->status));
	if (hdr->type != MSG_CGROUP_OF && hdr->type != MSG_CGROUP_ID)
		return;
	a = cgroup_ask_take(c, hdr->seq);
	if (!a)
		return;
	if (hdr->type == MSG_CGROUP_OF) {
		cgroup_path_answer(c, a, hdr, body);
		return;
	}
	if (hdr->status == 0 && hdr->len >= sizeof(id)) {
		memcpy(&id, body, sizeof(id));
		/* A path that names another container is a pid that was reused meanwhile. */
		if (strstr(a->path, a->cid))
			engines_cgroup_seen(c, id.id, a->path);
	}
	free(a);
}

/* ---- host network ------------------------------------------------------------------------------------------------ */
bool engines_on_host_network(struct core *c, const struct ident_container *ct)
{
	/* "container:<id>" of one that is on the host network is on it too; chains are bounded by the engine. */
	for (int depth = 0; ct && depth < 4; depth++) {
		if (strcmp(ct->network_mode, "host") == 0)
			return true;
		if (strncmp(ct->network_mode, "container:", 10) != 0)
			return false;
		ct = ident_by_id(c->ident, ct->engine, ct->network_mode + 10);
	}
	return false;
}

static int hostnet_send(struct core *c, const struct hostnet *h, bool on)
{
	struct msg_hostnet m = { .on = on, .pseudo_ifindex = h->pseudo_ifindex };

	m.ns = h->engine < c->engine_count ? c->engines[h->engine].ns : 0;
	snprintf(m.cgroup_path, sizeof(m.cgroup_path), "%s", h->path);
	return peer_send(c->priv->keeper, MSG_HOSTNET, c->priv->next_seq++, &m, sizeof(m));
}

static void hostnet_check(struct core *c, const struct ident_container *ct, const char *path)
{
	struct cgroup_names *n = c->priv->cgroups;
	struct hostnet *h;

	if (!ct->pid || !engines_on_host_network(c, ct) || ct->engine >= c->engine_count || !c->engines[ct->engine].ns)
		return;
	for (h = n->hostnets; h; h = h->next)
		if (strcmp(h->cid, ct->id) == 0 && h->engine == ct->engine)
			return;
	h = calloc(1, sizeof(*h));
	if (!h)
		return;
	h->engine = ct->engine;
	h->pseudo_ifindex = c->priv->next_pseudo_if++;
	memcpy(h->cid, ct->id, sizeof(h->cid));
	snprintf(h->path, sizeof(h->path), "%s", path);
	h->next = n->hostnets;
	n->hostnets = h;
	ident_set_hostnet(c->ident, h->engine, h->cid, h->pseudo_ifindex);
	hostnet_send(c, h, true);
}

static void hostnet_drop(struct core *c, unsigned engine, const char *cid)
{
	for (struct hostnet **at = &c->priv->cgroups->hostnets, *h; (h = *at); at = &h->next)
		if (h->engine == engine && strcmp(h->cid, cid) == 0) {
			*at = h->next;
			hostnet_send(c, h, false);
			free(h);
			return;
		}
}

/* ---- what discovery tells ------------------------------------------------------------------------------------------ */
static int op_send(void *arg, uint32_t seq, const struct msg_docker_req *req)
{
	struct core *c = arg;

	return peer_send(c->priv->broker, MSG_DOCKER_REQ, seq, req, sizeof(*req));
}

static void op_put_container(void *arg, const struct ident_container *in)
{
	struct core *c = arg;
	const struct ident_container *ct;
	const struct cgroup_name *g;

	ident_put_container(c->ident, in);
	policy_touch(c);
	ct = ident_by_id(c->ident, in->engine, in->id);
	if (!ct || !ct->pid)
		return;
	files_container_up(c, ct);
	declared_up(c, ct);
	core_image_want(c, ct);
	g = cgroup_of_container(c, ct->id);
	if (g) {
		ident_set_cgroup(c->ident, ct->engine, ct->id, g->id);
		hostnet_check(c, ct, g->path);
	} else if (!ct->cgroup) {
		cgroup_ask(c, ct);
	}
}

static void op_container_gone(void *arg, unsigned engine, const char *id, uint64_t now_ns)
{
	hostnet_drop(arg, engine, id);
	files_container_gone(arg, engine, id);
	declared_gone(arg, engine, id);
	ident_container_gone(((struct core *)arg)->ident, engine, id, now_ns);
}

static void op_start(void *arg, unsigned engine, const char *id, struct docker_start *start)
{
	declared_start(arg, engine, id, start);
}

static void op_put_network(void *arg, const struct ident_network *n)
{
	ident_put_network(((struct core *)arg)->ident, n);
}

static void op_network_gone(void *arg, unsigned engine, const char *id)
{
	ident_network_gone(((struct core *)arg)->ident, engine, id);
}

static void op_put_remote(void *arg, unsigned engine, const char *network_id, const char *name, const uint8_t addr[16],
			  const char *node)
{
	ident_put_remote(((struct core *)arg)->ident, engine, network_id, name, addr, node);
}

static void op_resync_begin(void *arg, unsigned engine)
{
	ident_resync_begin(((struct core *)arg)->ident, engine);
}

static void op_resync_end(void *arg, unsigned engine, uint64_t now_ns)
{
	struct core *c = arg;

	ident_resync_end(c->ident, engine, now_ns);
	c->engines[engine].resyncs++;
}

static void op_engine_info(void *arg, const struct docker_engine_info *i)
{
	struct core *c = arg;
	struct core_engine *e;

	if (i->engine >= c->engine_count)
		return;
	e = &c->engines[i->engine];
	snprintf(e->name, sizeof(e->name), "%s", i->name);
	snprintf(e->id, sizeof(e->id), "%s", i->id);
	snprintf(e->version, sizeof(e->version), "%s", i->version);
	snprintf(e->api_version, sizeof(e->api_version), "%s", i->api_version);
	snprintf(e->swarm_node_id, sizeof(e->swarm_node_id), "%s", i->swarm_node_id);
	snprintf(e->swarm_addr, sizeof(e->swarm_addr), "%s", i->swarm_node_addr);
	e->swarm = i->swarm_active;
	e->manager = i->swarm_manager;
}

static void op_lost(void *arg, unsigned engine, enum docker_lost what, uint64_t n)
{
	struct core *c = arg;

	switch (what) {
	case DOCKER_LOST_GAP:
		if (engine < c->engine_count)
			c->engines[engine].gaps++;
		core_lost(c, LOSS_ENGINE_GAPS, 1);
		break;
	case DOCKER_LOST_LINE:
	case DOCKER_LOST_ANSWER:
		core_lost(c, LOSS_ENGINE_ANSWERS, 1);
		break;
	case DOCKER_LOST_LATE:
		core_lost(c, LOSS_CONTAINER_LATE, 1);
		break;
	case DOCKER_LOST_REFUSED:
		core_lost(c, LOSS_CONTAINER_TABLE, 1);
		break;
	case DOCKER_LOST_MAX:
		break;
	}
}

static void op_image(void *arg, unsigned engine, const char *image_id, int error, const char *json, size_t len)
{
	core_image_answer(arg, engine, image_id, error, json, len);
}

static void op_acted(void *arg, unsigned engine, enum docker_req what, const char *cid, int error)
{
	actions_engine_answer(arg, engine, what, cid, error);
}

int engines_act(struct core *c, unsigned engine, enum docker_req what, const char *cid)
{
	return engine < c->engine_count ? docker_client_act(c->priv->dockers[engine], what, cid, clock_mono_ns()) : -EINVAL;
}

static void op_log(void *arg, enum log_level lvl, const char *text)
{
	log_msg(lvl, "%s", text);
}

static const struct docker_client_ops docker_ops = {
	.send = op_send,
	.put_container = op_put_container,
	.container_gone = op_container_gone,
	.put_network = op_put_network,
	.network_gone = op_network_gone,
	.put_remote = op_put_remote,
	.resync_begin = op_resync_begin,
	.resync_end = op_resync_end,
	.engine_info = op_engine_info,
	.lost = op_lost,
	.log = op_log,
	.image = op_image,
	.acted = op_acted,
	.start = op_start,
};

void engines_want_remote(struct core *c, unsigned engine, const char *network_id)
{
	if (engine < c->engine_count)
		docker_client_want_remote(c->priv->dockers[engine], network_id, clock_mono_ns());
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */
int engines_start(struct core *c)
{
	c->engine_count = c->config.engine_count;
	for (unsigned i = 0; i < c->engine_count; i++) {
		snprintf(c->engines[i].socket, sizeof(c->engines[i].socket), "%s", c->config.engines[i]);
		c->engines[i].error = -ENOTCONN;
		c->priv->dockers[i] = docker_client_new(i, &docker_ops, c);
		if (!c->priv->dockers[i])
			return -ENOMEM;
	}
	c->priv->next_pseudo_if = PSEUDO_IF_FIRST;
	return 0;
}

void engines_stop(struct core *c)
{
	for (unsigned i = 0; i < MSG_ENGINES_MAX; i++) {
		docker_client_free(c->priv->dockers[i]);
		c->priv->dockers[i] = NULL;
	}
}

void engines_tick(struct core *c)
{
	for (unsigned i = 0; i < c->engine_count; i++) {
		struct docker_client_stats s;

		docker_client_tick(c->priv->dockers[i], clock_mono_ns());
		docker_client_stats(c->priv->dockers[i], &s);
		c->engines[i].connects = s.connects;
		c->engines[i].events = s.events;
	}
}

static void broker_message(const struct ipc_hdr *hdr, const void *body, int fd, void *arg)
{
	struct core *c = arg;
	struct msg_docker_chunk ch;

	if (fd >= 0)
		close(fd);
	if (hdr->type != MSG_DOCKER_CHUNK || hdr->len < sizeof(ch))
		return;
	memcpy(&ch, body, sizeof(ch));
	if (ch.engine >= c->engine_count || ch.len > hdr->len - sizeof(ch))
		return;
	docker_client_chunk(c->priv->dockers[ch.engine], hdr, &ch, (const char *)body + sizeof(ch), clock_mono_ns());
}

static void broker_gone(void *arg)
{
	struct core *c = arg;

	peer_close(c->priv->broker);
	c->priv->broker = NULL;
	for (unsigned i = 0; i < c->engine_count; i++)
		docker_client_broker_lost(c->priv->dockers[i], clock_mono_ns());
}

void engines_broker(struct core *c, int fd)
{
	if (c->priv->broker)
		broker_gone(c);
	if (peer_open(c->priv->loop, fd, broker_message, broker_gone, c, &c->priv->broker) < 0)
		return;
	for (unsigned i = 0; i < c->engine_count; i++)
		docker_client_broker_ready(c->priv->dockers[i], clock_mono_ns());
}

void engines_state(struct core *c, const struct msg_engine *m)
{
	struct core_engine *e;

	if (m->engine >= c->engine_count)
		return;
	e = &c->engines[m->engine];
	if (e->up != !!m->up)
		log_info(m->up ? "engine %s reached" : "engine %s lost", e->socket);
	e->up = m->up;
	e->error = m->error;
	e->ns = m->ns;
	e->pid = m->pid;
	e->up_since_mono_ns = m->up ? clock_mono_ns() : 0;
	docker_client_engine(c->priv->dockers[m->engine], m->up, clock_mono_ns());
}
