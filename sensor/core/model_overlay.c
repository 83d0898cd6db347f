/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong below the networks: VXLAN from somebody who is no member, or in clear where the network is said to be encrypted;
 * packets whose source is not the container's that sent them. None of it needs learning. */
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "sensor/core/model_priv.h"

#define LOOK_NS (NSEC_PER_SEC / 4)
#define PATIENCE_NS (1300 * 1000000ULL) /* a new node's record is on the way */
#define VTEPS_MAX 8192
#define VNIS_MAX 1024 /* once known: what is sent to a network that was just removed is no attack */

struct vtep {
	struct pg_vtep_key key;
	uint64_t first_ns;    /* monotonic; of this look at it */
	bool told, clear_told;
	UT_hash_handle hh;
};

struct overlays {
	struct vtep *vteps;
	uint32_t vnis[VNIS_MAX];
	unsigned vni_count;
	uint64_t looked_ns;
};

/* ---- what the engines say --------------------------------------------------------------------------------- */
struct asked {
	uint32_t vni;
	const uint8_t *remote;
	const struct ident_network *network; /* of that VNI; NULL: none */
	struct ident_network copy;
	unsigned members; /* known at all, of any overlay */
	bool is_member, cut, foreign; /* foreign: the VNI is of a tunnel that is not an engine's */
};

static void network_cb(const struct ident_network *n, void *arg)
{
	struct asked *a = arg;

	if (strcmp(n->driver, "overlay") != 0)
		return;
	if (n->vni == a->vni && a->vni) {
		a->copy = *n;
		a->network = &a->copy;
	}
	a->members += n->peer_count;
	a->cut |= n->peer_count == IDENT_PEERS_MAX;
	for (unsigned i = 0; i < n->peer_count; i++)
		a->is_member |= !memcmp(n->peers[i], a->remote, 16);
}

static void remote_cb(const struct ident_container *ct, void *arg)
{
	struct asked *a = arg;
	char text[64];

	if (!ct->remote || !ct->node[0])
		return;
	name_addr_text(a->remote, text);
	a->is_member |= !strcmp(text, ct->node);
}

static void link_cb(const struct ident_link *l, void *arg)
{
	struct asked *a = arg;

	if (l->kind == IDENT_LINK_VXLAN && l->vni == a->vni && !a->network)
		a->foreign = true;
}

static void ask(struct core *c, struct asked *a)
{
	char text[64];

	ident_each_network(c->ident, network_cb, a);
	ident_each_container(c->ident, remote_cb, a);
	name_addr_text(a->remote, text);
	for (unsigned i = 0; i < c->engine_count; i++)
		a->is_member |= !strcmp(text, c->engines[i].swarm_addr);
	if (!a->network)
		ident_each_link(c->ident, link_cb, a);
}

static bool vni_was_known(struct overlays *o, uint32_t vni, bool is_now)
{
	for (unsigned i = 0; i < o->vni_count; i++)
		if (o->vnis[i] == vni)
			return true;
	if (is_now && o->vni_count < VNIS_MAX)
		o->vnis[o->vni_count++] = vni;
	return is_now;
}

/* ---- findings ------------------------------------------------------------------------------------------------ */
static struct finding *begin(enum finding_kind kind, const struct pg_vtep_key *k, const struct pg_vtep *v, char remote[64])
{
	struct finding *f = calloc(1, sizeof(*f));

	name_addr_text(k->remote, remote);
	if (!f)
		return NULL;
	f->kind = kind;
	f->fact_kind = -1;
	f->observed_ns = clock_mono_to_wall_ns(v->first_ns);
	snprintf(f->key, sizeof(f->key), "vxlan\t%s\t%u", remote, k->vni);
	snprintf(f->peer, sizeof(f->peer), "ext:%s", remote);
	snprintf(f->workload, sizeof(f->workload), "overlay");
	return f;
}

static void tell_foreign(struct core *c, const struct pg_vtep_key *k, const struct pg_vtep *v, const struct asked *a)
{
	char remote[64];
	_cleanup_free_ struct finding *f = begin(FINDING_OVERLAY_FOREIGN_VTEP, k, v, remote);

	if (!f)
		return;
	snprintf(f->observed, sizeof(f->observed), "%llu VXLAN packets for VNI %u%s%.100s came from %s", (unsigned long long)v->packets[0], k->vni,
		 a->network ? ", network " : "", a->network ? a->network->name : "", remote);
	if (a->network || a->is_member)
		snprintf(f->why, sizeof(f->why), "%s",
			 a->network ? "That address is no node of the Swarm: it can put frames into the network as if it were one."
				    : "No network of the engine has this VNI.");
	else
		snprintf(f->why, sizeof(f->why), "That address is no node of the Swarm, and no network of the engine has this VNI.");
	model_expect(f, "VXLAN from the %u member addresses that the engine names", a->members);
	model_on_finding(c, NULL, f);
}

static void tell_clear(struct core *c, const struct pg_vtep_key *k, const struct pg_vtep *v, const struct asked *a)
{
	char remote[64];
	_cleanup_free_ struct finding *f = begin(FINDING_OVERLAY_CLEARTEXT, k, v, remote);

	if (!f)
		return;
	snprintf(f->observed, sizeof(f->observed), "Frames of network %.100s (VNI %u) passed the uplink in clear, %s %s", a->network->name, k->vni,
		 v->packets[1] ? "sent to" : "received from", remote);
	snprintf(f->why, sizeof(f->why), "%.100s was created with --opt encrypted: nothing of it may be readable on the wire.", a->network->name);
	model_expect(f, "ESP only");
	model_on_finding(c, NULL, f);
}

/* ---- looking --------------------------------------------------------------------------------------------------- */
static struct vtep *vtep_of(struct overlays *o, const struct pg_vtep_key *k, uint64_t now_ns)
{
	struct vtep *t;

	HASH_FIND(hh, o->vteps, k, sizeof(*k), t);
	if (t || HASH_COUNT(o->vteps) >= VTEPS_MAX || !(t = calloc(1, sizeof(*t))))
		return t;
	t->key = *k;
	t->first_ns = now_ns;
	HASH_ADD(hh, o->vteps, key, sizeof(t->key), t);
	return t;
}

static void judge(struct core *c, struct overlays *o, const struct pg_vtep_key *k, const struct pg_vtep *v, uint64_t now_ns)
{
	struct vtep *t = vtep_of(o, k, now_ns);
	struct asked *a;
	bool vni_known;

	if (!t || (t->told && t->clear_told))
		return;
	a = calloc(1, sizeof(*a));
	if (!a)
		return;
	a->vni = k->vni;
	a->remote = k->remote;
	ask(c, a);
	vni_known = vni_was_known(o, k->vni, a->network != NULL);
	if (!t->clear_told && a->network && a->network->encrypted) {
		t->clear_told = true;
		tell_clear(c, k, v, a);
	}
	/* Without the members' list nobody can be said not to be on it. */
	if (!t->told && v->packets[0] && now_ns - t->first_ns >= PATIENCE_NS && !a->foreign && !a->cut && a->members &&
	    (!a->is_member || !vni_known)) {
		t->told = true;
		tell_foreign(c, k, v, a);
	} else if (!t->told && v->packets[0] && !a->is_member && a->network) {
		engines_want_remote(c, a->network->engine, a->network->id);
	}
	free(a);
}

void model_overlay_tick(struct core *c, uint64_t now_ns)
{
	struct core_model *cm = c->model;
	struct pg_vtep_key k, *at = NULL;
	int fd = core_map_fd(c, "vteps");
	struct pg_vtep v;

	if (fd < 0 || !config_checks(&c->config, CHECK_VTEP))
		return;
	if (!cm->overlays && !(cm->overlays = calloc(1, sizeof(*cm->overlays))))
		return;
	if (now_ns < cm->overlays->looked_ns + LOOK_NS)
		return;
	cm->overlays->looked_ns = now_ns;
	for (unsigned n = 0; n < VTEPS_MAX && bpf_map_get_next_key(fd, at, &k) == 0; n++, at = &k)
		if (!bpf_map_lookup_elem(fd, &k, &v))
			judge(c, cm->overlays, &k, &v, now_ns);
}

void model_overlay_forget(struct core *c)
{
	struct overlays *o = c->model->overlays;
	struct vtep *t, *tmp;

	if (!o)
		return;
	HASH_ITER(hh, o->vteps, t, tmp) {
		HASH_DEL(o->vteps, t);
		free(t);
	}
	free(o);
	c->model->overlays = NULL;
}

/* ---- spoofed sources ---------------------------------------------------------------------------------------------- */
void model_spoofed(struct core *c, const struct flow *f)
{
	_cleanup_free_ struct finding *fi = NULL;
	char source[64], target[64];
	const struct process *p;
	struct ident_end end;
	uint32_t index;

	for (unsigned e = 0; e < 2 && config_checks(&c->config, CHECK_SPOOFED); e++) {
		if (!f->end_if[e] || !f->packets[e])
			continue;
		ident_resolve(c->ident, f->key.ns, f->end_if[e], f->key.addr[e], f->key.proto, ntohs(f->key.port[e]), &end);
		if (!end.spoofed || !end.container || end.container->gone_mono_ns)
			continue;
		fi = calloc(1, sizeof(*fi));
		if (!fi)
			return;
		name_addr_text(f->key.addr[e], source);
		name_addr_text(f->key.addr[!e], target);
		fi->kind = FINDING_IDENTITY_SPOOFED;
		fi->fact_kind = -1;
		fi->observed_ns = clock_mono_to_wall_ns(f->first_ns);
		snprintf(fi->key, sizeof(fi->key), "spoofed\t%s", source);
		snprintf(fi->peer, sizeof(fi->peer), "ext:%s", target);
		if (flow_process(c, f, e, &index) != ATTR_UNKNOWN && (p = processes_get(c->procs, index))) {
			fi->pid = p->tgid;
			snprintf(fi->process, sizeof(fi->process), "%s", p->exe);
		}
		snprintf(fi->observed, sizeof(fi->observed), "%.100s sent to %s with the source address %s", end.container->name, target, source);
		snprintf(fi->why, sizeof(fi->why), "That address is not %.100s's, and it is no router.", end.container->name);
		for (unsigned i = 0; i < end.container->endpoint_count && i < 4; i++) {
			char own[64];

			name_addr_text(end.container->endpoints[i].addr4, own);
			model_expect(fi, "%s on %.100s", own, end.container->endpoints[i].network_name);
		}
		model_on_finding(c, end.container, fi);
		return;
	}
}
