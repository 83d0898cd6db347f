/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts of processes and listeners: programs that containers start, ports they open. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/declared.h"
#include "sensor/core/model_priv.h"
#include "sensor/watch/applet.h"

/* A datagram socket on a port above the system's may be a client's that chose its port itself, as resolvers do: those are
 * gone soon. A program that is known for it gets more time. */
#define UDP_SETTLE_NS NSEC_PER_SEC
#define UDP_SETTLE_KNOWN_NS (7 * NSEC_PER_SEC)
/* A client sends as soon as it is bound: what says nothing waits for others. Of a program that runs here anyway less surely so. */
#define UDP_SILENT_NS (40 * NSEC_PER_MSEC)
#define UDP_SILENT_KNOWN_NS (45 * NSEC_PER_MSEC)
#define PORT_SYSTEM 1024
#define NAMELESS_NS (300 * 1000000ULL)

static bool is_engine(const struct core *c, uint32_t pid)
{
	for (unsigned i = 0; i < c->engine_count; i++)
		if (c->engines[i].pid && c->engines[i].pid == pid)
			return true;
	return false;
}

/* ---- waiting ------------------------------------------------------------------------------------------------- */
static void wait_add(struct core *c, const struct waiting *w, uint64_t due_ns, uint64_t until_ns)
{
	struct core_model *cm = c->model;
	struct waiting *copy;

	if (cm->waiting_count >= WAITING_MAX || !(copy = malloc(sizeof(*copy)))) {
		core_lost(c, LOSS_MODEL_WAITING, 1);
		return;
	}
	*copy = *w;
	copy->next = NULL;
	copy->due_ns = due_ns;
	copy->until_ns = until_ns;
	*cm->waiting_end = copy;
	cm->waiting_end = &copy->next;
	cm->waiting_count++;
	cm->silent_count += copy->silent_ns != 0;
}

/* ---- processes ------------------------------------------------------------------------------------------------- */
struct exe_search {
	const char *exe;
	bool found;
};

static void exe_cb(const struct fact *f, void *arg)
{
	struct exe_search *s = arg;
	const char *parent;
	size_t n = fact_fields(f->key, &parent);

	if (applet_same(s->exe, strlen(s->exe), f->key, n))
		s->found = true;
}

static void exe_copy(char *ret, size_t len, const char *name)
{
	snprintf(ret, len, "%.*s", (int)applet_exe_len(name, strlen(name)), name);
}

bool model_knows_program(const struct model *m, const char *exe)
{
	struct exe_search s = { .exe = exe };

	model_each_fact(m, FACT_PROCESS, exe_cb, &s);
	return s.found;
}

static void tell_process(struct core *c, const struct ident_container *ct, const struct model *m, const struct waiting *w, const char *key,
			 bool exe_known)
{
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));
	const char *by = !strcmp(w->parent, FACT_RUNTIME) ? "by the engine (docker exec, or the container's start)" : w->parent;

	if (!f)
		return;
	f->kind = FINDING_PROCESS_NEW;
	f->fact_kind = FACT_PROCESS;
	f->pid = w->ev.tgid;
	f->start_boot_ns = w->ev.start_boot_ns;
	f->observed_ns = w->ev.ts_ns ? clock_mono_to_wall_ns(w->ev.ts_ns) : 0;
	snprintf(f->key, sizeof(f->key), "process\t%s", key);
	snprintf(f->fact, sizeof(f->fact), "%s", key);
	exe_copy(f->process, sizeof(f->process), w->exe);
	exe_copy(f->parent, sizeof(f->parent), w->parent);
	snprintf(f->observed, sizeof(f->observed), "%s was started in %s%s%s", w->exe, ct->name, by == w->parent ? " by " : " ", by);
	if (exe_known) {
		snprintf(f->why, sizeof(f->why), "%s is known here, but it was never started by %s.", w->exe, w->parent);
		model_expect_facts(f, m, FACT_PROCESS, false, w->exe);
	} else {
		snprintf(f->why, sizeof(f->why), "%s never ran in %s.", w->exe, model_workload(m));
		model_expect_facts(f, m, FACT_PROCESS, true, w->parent);
		if (!f->expected_count)
			model_expect_facts(f, m, FACT_PROCESS, false, NULL);
	}
	model_tell(c, ct, m, FACT_PROCESS, f);
}

void model_on_refused(struct core *c, const struct ident_container *ct, const char *exe, uint32_t pid)
{
	const struct process *p = processes_get(c->procs, processes_find(c->procs, pid, 0));
	bool inside = p && core_container_of_cgroup(c, p->cgroup) == ct && !p->entered;
	struct model *m = model_of(c, ct);
	_cleanup_free_ struct finding *f = m ? calloc(1, sizeof(*f)) : NULL;
	char key[FACT_KEY_MAX];

	if (!f)
		return;
	f->kind = FINDING_PROCESS_NEW;
	f->fact_kind = FACT_PROCESS;
	f->refused = true;
	f->pid = pid;
	f->observed_ns = clock_wall_ns();
	snprintf(f->process, sizeof(f->process), "%s", exe);
	snprintf(f->parent, sizeof(f->parent), "%s", inside ? p->exe : FACT_RUNTIME);
	fact_key(key, f->process, f->parent);
	snprintf(f->key, sizeof(f->key), "process\t%s", key);
	snprintf(f->fact, sizeof(f->fact), "%s", key);
	snprintf(f->observed, sizeof(f->observed), "%s was refused in %s, before it began%s%s", f->process, ct->name, inside ? "; it was to be run by " : "",
		 inside ? f->parent : "");
	snprintf(f->why, sizeof(f->why), "%s never ran in %s.", f->process, model_workload(m));
	model_expect_facts(f, m, FACT_PROCESS, true, f->parent);
	if (!f->expected_count)
		model_expect_facts(f, m, FACT_PROCESS, false, NULL);
	model_tell(c, ct, m, FACT_PROCESS, f);
}

static void tell_fileless(struct core *c, const struct ident_container *ct, const struct waiting *w)
{
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));

	if (!f)
		return;
	f->kind = FINDING_PROCESS_FILELESS;
	f->fact_kind = -1;
	f->pid = w->ev.tgid;
	f->start_boot_ns = w->ev.start_boot_ns;
	f->observed_ns = clock_mono_to_wall_ns(w->ev.ts_ns);
	snprintf(f->key, sizeof(f->key), "fileless\t%s\t%s", w->exe, w->parent);
	snprintf(f->process, sizeof(f->process), "%s", w->exe);
	snprintf(f->parent, sizeof(f->parent), "%s", w->parent);
	snprintf(f->observed, sizeof(f->observed), "A program that is in no file was started in %s by %s: %s", ct->name, w->parent, w->exe);
	snprintf(f->why, sizeof(f->why), "Programs come from files of the image; this one was run out of memory (memfd).");
	model_expect(f, "programs from files of the image");
	model_on_finding(c, ct, f);
}

static void judge_process(struct core *c, const struct ident_container *ct, const struct waiting *w)
{
	struct model *m = model_of(c, ct);
	const struct process *p;
	struct model_seen s;
	char key[FACT_KEY_MAX];
	bool from_engine = !strcmp(w->parent, FACT_RUNTIME), known;

	if (!m || !w->exe[0])
		return;
	if ((w->ev.flags & PG_EVF_MEMFD) && w->ev.type == PG_EV_EXEC) {
		/* The engine's runtime runs a copy of itself when it puts a process into a container. */
		if (config_checks(&c->config, CHECK_FILELESS) && (!from_engine || !strstr(w->exe, "runc")))
			tell_fileless(c, ct, w);
		return;
	}
	s = model_seen_of(ct, clock_wall_ns());
	fact_key(key, w->exe, w->parent);
	known = model_knows_program(m, w->exe);
	p = processes_get(c->procs, processes_find(c->procs, w->ev.tgid, w->ev.start_boot_ns));
	if (p && w->ev.type == PG_EV_EXEC && config_checks(&c->config, CHECK_PROCESS) &&
	    model_on_script(c, ct, m, p, known, from_engine, w->ev.ts_ns))
		return;
	if (model_match(m, FACT_PROCESS, key) || model_dimension_state(m, FACT_PROCESS) == MODEL_LEARNING) {
		model_see(m, FACT_PROCESS, key, &s, NULL);
		return;
	}
	/* It may run for the first time after learning ended. */
	if (p && model_is_health(c, ct, p)) {
		model_vouch(m, FACT_PROCESS, key, FACT_DECLARED, "image:healthcheck", s.now_ns);
		return;
	}
	/* A known program from another parent: of interest when it is a shell that a server starts, not when a daemon's first parent
	 * ended early, or somebody ran it by docker exec, or it was found running and its parent is gone; or which applet of a known
	 * file one of both is could not be told. */
	if (known && (applet_is_unknown(w->exe) || applet_is_unknown(w->parent)))
		return;
	if (known && (from_engine || w->parent_is_init || w->ev.type == PG_EV_PROCESS || !fact_exe_is_interpreter(w->exe)))
		return;
	if (config_checks(&c->config, CHECK_PROCESS))
		tell_process(c, ct, m, w, key, known);
}

/* ---- listeners ------------------------------------------------------------------------------------------------------ */
static bool is_loopback(const uint8_t a[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }, one[16] = { [15] = 1 };

	return !memcmp(a, mapped, 12) ? a[12] == 127 : !memcmp(a, one, 16);
}

struct port_search {
	const char *port, *exe;
	unsigned owners, declared;
	bool same;
};

static void port_cb(const struct fact *f, void *arg)
{
	struct port_search *s = arg;
	const char *exe;
	size_t n = fact_fields(f->key, &exe);

	if (strlen(s->port) != n || memcmp(f->key, s->port, n))
		return;
	if (!strcmp(exe, FACT_ANY))
		s->declared++;
	else
		s->owners++;
	if (applet_same(exe, strlen(exe), s->exe, strlen(s->exe)))
		s->same = true;
}

static void listener_port(const struct pg_event *ev, char ret[48])
{
	char port[24];

	snprintf(ret, 48, "%s%s", fact_port(port, ev->proto, ntohs(ev->port)), is_loopback(ev->addr) ? " (loopback)" : "");
}

static void tell_listener(struct core *c, const struct ident_container *ct, const struct model *m, const struct waiting *w, const char *port,
			  const char *key, bool squatted)
{
	bool other = strcmp(model_workload(m), ct->workload) != 0;
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));

	if (!f)
		return;
	f->kind = squatted ? FINDING_LISTENER_SQUATTED : FINDING_LISTENER_NEW;
	f->fact_kind = FACT_LISTENER;
	f->pid = w->ev.tgid;
	f->start_boot_ns = w->ev.start_boot_ns;
	f->observed_ns = w->ev.ts_ns ? clock_mono_to_wall_ns(w->ev.ts_ns) : 0;
	snprintf(f->key, sizeof(f->key), "listener\t%s", key);
	snprintf(f->fact, sizeof(f->fact), "%s", key);
	exe_copy(f->process, sizeof(f->process), w->exe);
	exe_copy(f->parent, sizeof(f->parent), w->parent);
	snprintf(f->observed, sizeof(f->observed), "%s listens on %s in %s", w->exe[0] ? w->exe : "An unknown program", port, ct->name);
	if (squatted) {
		snprintf(f->why, sizeof(f->why), "%s belongs to another program %s%s.", port, other ? "of the same network namespace, in " : "here",
			 other ? model_workload(m) : "");
		if (other)
			snprintf(f->objector, sizeof(f->objector), "%s", model_workload(m));
		model_expect_facts(f, m, FACT_LISTENER, false, port);
	} else {
		bool meant;
		const char *where = declared_listener(c, ct, w->ev.proto, w->ev.addr, ntohs(w->ev.port), &meant);

		snprintf(f->why, sizeof(f->why), "%s has no listener on %s.", model_workload(m), port);
		if (where[0] && !meant)
			snprintf(f->why, sizeof(f->why), "The configuration declares it now (%.160s), but did not when %.160s was learned: it was edited "
				 "since.", where, model_workload(m));
		model_expect_facts(f, m, FACT_LISTENER, false, NULL);
	}
	model_tell(c, ct, m, FACT_LISTENER, f);
}

/* Of containers that share a network namespace one may take the port of the other: of the one that the namespace was made for. */
static bool judge_shared(struct core *c, const struct ident_container *ct, const struct waiting *w, const char *port, const char *key)
{
	const struct ident_container *owner = ident_by_netns(c->ident, w->ev.netns_cookie);
	struct port_search p = { .port = port, .exe = w->exe };
	struct model *m;

	if (!owner || owner == ct || owner->remote || !w->exe[0] || !strcmp(owner->workload, ct->workload))
		return false;
	m = model_of(c, owner);
	if (!m || model_dimension_state(m, FACT_LISTENER) == MODEL_LEARNING || model_match(m, FACT_LISTENER, key))
		return false;
	model_each_fact(m, FACT_LISTENER, port_cb, &p);
	if (!p.owners || p.same)
		return false;
	if (config_checks(&c->config, CHECK_SQUATTED))
		tell_listener(c, ct, m, w, port, key, true);
	return true;
}

struct chosen_search {
	char ports[32];
	bool found;
};

static void chosen_cb(const struct fact *f, void *arg)
{
	struct chosen_search *s = arg;
	const char *exe;
	size_t n = fact_fields(f->key, &exe);

	if (strlen(s->ports) == n && !memcmp(f->key, s->ports, n))
		s->found = true;
}

/* Above the ports that services have, where some program of this workload listens now here, now there. */
static bool is_chosen_port(const struct model *m, const char *port)
{
	const char *slash = strchr(port, '/');
	struct chosen_search s = { .found = false };

	if (!slash || strtoul(slash + 1, NULL, 10) < FACT_EPHEMERAL_FIRST)
		return false;
	snprintf(s.ports, sizeof(s.ports), "%.8s/" FACT_EPHEMERAL, slash - port == 3 && port[0] == 'u' ? "udp" : "tcp");
	model_each_fact(m, FACT_LISTENER, chosen_cb, &s);
	return s.found;
}

static void judge_listener(struct core *c, const struct ident_container *ct, const struct waiting *w)
{
	struct model *m = model_of(c, ct);
	char key[FACT_KEY_MAX], port[48];
	struct port_search p = { .port = port, .exe = w->exe };
	struct model_seen s;

	if (!m)
		return;
	listener_port(&w->ev, port);
	s = model_seen_of(ct, clock_wall_ns());
	fact_key(key, port, w->exe);
	if (!is_loopback(w->ev.addr))
		model_listens(m);
	if (!w->exe[0] && model_dimension_state(m, FACT_LISTENER) == MODEL_LEARNING)
		return; /* nobody's port is no fact */
	if (!model_match(m, FACT_LISTENER, key) && judge_shared(c, ct, w, port, key))
		return;
	if (model_match(m, FACT_LISTENER, key) || model_dimension_state(m, FACT_LISTENER) == MODEL_LEARNING) {
		model_see(m, FACT_LISTENER, key, &s, NULL);
		return;
	}
	model_each_fact(m, FACT_LISTENER, port_cb, &p);
	if ((!w->exe[0] && (p.owners || is_chosen_port(m, port))) || (w->exe[0] && p.same))
		return; /* the port is known, its program could not be told; or only its applet */
	if (!p.owners && p.declared)
		return; /* declared, whoever it is: configuration names ports, not programs */
	if (config_checks(&c->config, p.owners ? CHECK_SQUATTED : CHECK_LISTENER))
		tell_listener(c, ct, m, w, port, key, p.owners > 0);
}

static const char *listener_program(struct core *c, const struct listener *l, const char *exe, char *ret, size_t len)
{
	const struct process *p = processes_get(c->procs, processes_find(c->procs, l->tgid, l->start_boot_ns));

	return applet_name(exe, p && !strcmp(p->exe, exe) ? p->args : "", ret, len);
}

void model_listener_source(struct core *c, const struct ident_container *ct, const struct listener *l, const char *exe, const char **ret_source,
			   const char **ret_because)
{
	bool meant = false;
	const char *where = c->declared ? declared_listener(c, ct, l->proto, l->addr, l->port, &meant) : "";
	struct pg_event ev = { .proto = l->proto, .port = htons(l->port) };
	struct model *m = c->model ? model_of(c, ct) : NULL;
	char key[FACT_KEY_MAX], port[48], name[PG_TEXT_MAX + 48];
	const struct fact *f = NULL;

	memcpy(ev.addr, l->addr, sizeof(ev.addr));
	listener_port(&ev, port);
	if (m)
		f = model_match(m, FACT_LISTENER, fact_key(key, port, listener_program(c, l, exe, name, sizeof(name))));
	*ret_because = where;
	if (where[0] && meant) {
		*ret_source = "declared";
	} else if (f && f->sources) {
		*ret_source = fact_source_name(f->sources);
		if (f->where)
			*ret_because = f->where;
	} else {
		*ret_source = "none";
	}
}

/* ---- judging --------------------------------------------------------------------------------------------------------- */
static bool is_process_event(const struct pg_event *ev)
{
	return ev->type == PG_EV_EXEC || ev->type == PG_EV_PROCESS;
}

static const struct ident_container *owner_of(struct core *c, const struct pg_event *ev)
{
	const struct ident_container *ct = core_container_of_cgroup(c, ev->cgroup);

	/* A socket that somebody outside holds in a container's namespace is that container's. */
	if (!ct && !is_process_event(ev))
		ct = ident_by_netns(c->ident, ev->netns_cookie);
	/* Listed but not yet looked at: whose model it is, its image says. */
	return ct && (ct->remote || !ct->image_id[0]) ? NULL : ct;
}

/* True: done with. */
static bool judge(struct core *c, const struct waiting *w)
{
	const struct ident_container *ct = owner_of(c, &w->ev);

	if (!ct || !c->priv->synced)
		return false;
	if (is_process_event(&w->ev))
		judge_process(c, ct, w);
	else
		judge_listener(c, ct, w);
	return true;
}

static void process_names(struct core *c, struct waiting *w)
{
	const struct process *p = processes_get(c->procs, processes_find(c->procs, w->ev.tgid, w->ev.start_boot_ns)), *parent;
	const struct ident_container *ct;

	if (!p)
		return;
	applet_name(p->exe, p->args, w->exe, sizeof(w->exe));
	parent = processes_get(c->procs, p->parent);
	ct = core_container_of_cgroup(c, p->cgroup);
	if (!parent || p->entered || (parent->cgroup != p->cgroup && (!ct || core_container_of_cgroup(c, parent->cgroup) != ct))) {
		snprintf(w->parent, sizeof(w->parent), "%s", FACT_RUNTIME);
		return;
	}
	applet_name(parent->exe, parent->args, w->parent, sizeof(w->parent));
	w->parent_is_init = ct && ct->pid && parent->tgid == ct->pid;
}

void model_on_process(struct core *c, const struct pg_event *ev)
{
	uint64_t now = clock_mono_ns();
	struct waiting w;

	if (!c->model || !(core_container_of_cgroup(c, ev->cgroup) || engines_cgroup_is_container(c, ev->cgroup) || !c->priv->synced))
		return;
	memset(&w, 0, sizeof(w));
	w.ev = *ev;
	process_names(c, &w);
	if (!judge(c, &w))
		wait_add(c, &w, now, now + WAIT_NS);
}

/* "udp/ephemeral": sockets of this program were gone as soon as they were there. */
static void udp_key(const struct waiting *w, char ret[FACT_KEY_MAX])
{
	fact_key(ret, "udp/" FACT_EPHEMERAL, w->exe);
}

/* When it is judged at the latest, from now; *ret_silent: earlier, if it sends nothing until then. */
static uint64_t udp_settles(struct core *c, const struct waiting *w, uint64_t *ret_silent)
{
	const struct ident_container *ct = owner_of(c, &w->ev);
	const struct model *m = ct ? model_of(c, ct) : NULL;
	char key[FACT_KEY_MAX];

	*ret_silent = 0;
	if (!m)
		return UDP_SETTLE_NS;
	udp_key(w, key);
	if (model_match(m, FACT_LISTENER, key))
		return UDP_SETTLE_KNOWN_NS;
	if (w->exe[0] && !(w->ev.flags & PG_EVF_ITER) && model_dimension_state(m, FACT_LISTENER) != MODEL_LEARNING)
		*ret_silent = model_knows_program(m, w->exe) ? UDP_SILENT_KNOWN_NS : UDP_SILENT_NS;
	return UDP_SETTLE_NS;
}

static void udp_was_short(struct core *c, const struct waiting *w)
{
	const struct ident_container *ct = owner_of(c, &w->ev);
	struct model *m = ct ? model_of(c, ct) : NULL;
	char key[FACT_KEY_MAX];
	struct model_seen s;

	if (!m || !w->exe[0])
		return;
	udp_key(w, key);
	s = model_seen_of(ct, clock_wall_ns());
	model_see(m, FACT_LISTENER, key, &s, NULL);
}

void model_on_listener(struct core *c, const struct pg_event *ev)
{
	uint64_t now = clock_mono_ns(), due = now, silent;
	struct waiting w;

	if (!c->model || is_engine(c, ev->tgid))
		return;
	memset(&w, 0, sizeof(w));
	w.ev = *ev;
	process_names(c, &w);
	if (!w.exe[0]) /* who it was may be told in a moment */
		due += NAMELESS_NS;
	if (ev->proto == IPPROTO_UDP && ntohs(ev->port) >= PORT_SYSTEM) { /* if it is still there then */
		due += udp_settles(c, &w, &silent);
		w.silent_ns = silent ? now + silent : 0;
	}
	if (due == now && judge(c, &w))
		return;
	if (due != now || engines_cgroup_is_container(c, ev->cgroup) || !c->priv->synced)
		wait_add(c, &w, due, due + WAIT_NS);
}

void model_on_sent(struct core *c, uint64_t cookie)
{
	struct core_model *cm = c->model;

	for (struct waiting *w = cm && cm->silent_count ? cm->waiting : NULL; w; w = w->next)
		if (w->silent_ns && w->ev.cookie == cookie) {
			w->silent_ns = 0;
			cm->silent_count--;
			return;
		}
}

struct cookie_search {
	uint64_t cookie;
	bool open;
};

static void cookie_cb(const struct listener *l, void *arg)
{
	struct cookie_search *s = arg;

	if (l->cookie == s->cookie && !l->closed_mono_ns)
		s->open = true;
}

static bool is_still_open(struct core *c, uint64_t cookie)
{
	struct cookie_search s = { .cookie = cookie };

	listeners_each(c->listeners, cookie_cb, &s);
	return s.open;
}

void model_waiting_tick(struct core *c, uint64_t now_ns)
{
	struct core_model *cm = c->model;

	for (struct waiting **at = &cm->waiting, *w; (w = *at);) {
		bool over = now_ns >= w->until_ns;

		if (now_ns >= w->due_ns && !w->exe[0])
			process_names(c, w);
		if (now_ns >= w->due_ns && w->ev.proto == IPPROTO_UDP && !is_process_event(&w->ev) && !is_still_open(c, w->ev.cookie)) {
			udp_was_short(c, w);
			over = true;
		} else if (now_ns >= w->due_ns && judge(c, w)) {
			over = true;
		} else if (w->silent_ns && now_ns >= w->silent_ns) {
			w->silent_ns = 0;
			cm->silent_count--;
			over = is_still_open(c, w->ev.cookie) && judge(c, w);
		}
		if (!over) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		if (!w->next)
			cm->waiting_end = at;
		cm->silent_count -= w->silent_ns != 0;
		free(w);
		cm->waiting_count--;
	}
}

/* ---- presence ------------------------------------------------------------------------------------------------------------ */
static void presence_listener(const struct core_listener_view *v, void *arg)
{
	struct core *c = arg;
	struct pg_event ev = { .proto = v->l->proto, .port = htons(v->l->port) };
	struct model *m;
	struct model_seen s;
	char key[FACT_KEY_MAX], port[48], name[PG_TEXT_MAX + 48];

	if (!strcmp(v->workload, "engine resolver") || v->container->remote)
		return;
	m = model_of(c, v->container);
	if (!m)
		return;
	memcpy(ev.addr, v->l->addr, sizeof(ev.addr));
	listener_port(&ev, port);
	fact_key(key, port, listener_program(c, v->l, v->exe, name, sizeof(name)));
	s = model_seen_of(v->container, clock_wall_ns());
	if (model_match(m, FACT_LISTENER, key))
		model_see(m, FACT_LISTENER, key, &s, NULL);
}

static void presence_process(uint32_t index, const struct process *p, void *arg)
{
	struct core *c = arg;
	const struct ident_container *ct = p->exit_mono_ns || !p->cgroup ? NULL : core_container_of_cgroup(c, p->cgroup);
	struct waiting w;
	struct model *m;
	struct model_seen s;
	char key[FACT_KEY_MAX];

	if (!ct || ct->remote)
		return;
	m = model_of(c, ct);
	if (!m || model_dimension_state(m, FACT_PROCESS) != MODEL_LEARNING)
		return;
	memset(&w, 0, sizeof(w));
	w.ev.tgid = p->tgid;
	w.ev.start_boot_ns = p->start_boot_ns;
	process_names(c, &w);
	fact_key(key, w.exe, w.parent);
	s = model_seen_of(ct, clock_wall_ns());
	/* Only what an exec made known: a fork has its parent's program, and its parent is itself. */
	if (model_match(m, FACT_PROCESS, key))
		model_see(m, FACT_PROCESS, key, &s, NULL);
}

void model_presence(struct core *c)
{
	core_each_listener(c, presence_listener, c);
	processes_each(c->procs, presence_process, c);
}
