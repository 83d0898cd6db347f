/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus of events: subscribers, and those events that wait until an engine has named their container. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/model.h"
#include "sensor/core/files.h"

#define WAITING_MAX 4096
#define WAITING_BYTES_MAX (4U << 20)

struct waiting_event {
	struct waiting_event *prev, *next;
	struct core_event_view v;
	struct process p;
	size_t bytes;
	char texts[]; /* everything that v and p point to */
};

struct event_bus {
	struct {
		core_event_cb cb;
		void *arg;
		unsigned kinds;
	} subscribers[CORE_EVENT_SUBSCRIBERS_MAX];
	unsigned wanted; /* of all */
	struct waiting_event *waiting;
	size_t waiting_bytes;
	bool flushing;
	struct core_events_stats stats;
};

struct event_bus *event_bus_new(void)
{
	return calloc(1, sizeof(struct event_bus));
}

static void waiting_drop(struct event_bus *b, struct waiting_event *w)
{
	DL_DELETE(b->waiting, w);
	b->waiting_bytes -= w->bytes;
	b->stats.waiting--;
	free(w);
}

void event_bus_free(struct event_bus *b)
{
	while (b && b->waiting)
		waiting_drop(b, b->waiting);
	free(b);
}

/* ---- subscribers ------------------------------------------------------------------------------------------------- */
static void wanted_update(struct event_bus *b)
{
	b->wanted = 0;
	for (unsigned i = 0; i < CORE_EVENT_SUBSCRIBERS_MAX; i++)
		if (b->subscribers[i].cb)
			b->wanted |= b->subscribers[i].kinds;
}

int core_subscribe_events(struct core *c, unsigned kinds, core_event_cb cb, void *arg)
{
	struct event_bus *b = c->priv->bus;

	for (int i = 0; i < CORE_EVENT_SUBSCRIBERS_MAX; i++)
		if (!b->subscribers[i].cb) {
			b->subscribers[i].cb = cb;
			b->subscribers[i].arg = arg;
			b->subscribers[i].kinds = kinds;
			wanted_update(b);
			return i;
		}
	return -EBUSY;
}

void core_unsubscribe_events(struct core *c, int handle)
{
	struct event_bus *b = c->priv->bus;

	if (handle < 0 || handle >= CORE_EVENT_SUBSCRIBERS_MAX)
		return;
	b->subscribers[handle].cb = NULL;
	wanted_update(b);
}

bool core_event_wanted(const struct core *c, enum core_event_kind k)
{
	return c->priv->bus->wanted & 1U << k;
}

void core_events_stats_get(const struct core *c, struct core_events_stats *ret)
{
	*ret = c->priv->bus->stats;
}

static void deliver(struct core *c, const struct core_event_view *v)
{
	struct event_bus *b = c->priv->bus;

	b->stats.published++;
	for (unsigned i = 0; i < CORE_EVENT_SUBSCRIBERS_MAX; i++)
		if (b->subscribers[i].cb && (b->subscribers[i].kinds & 1U << v->kind))
			b->subscribers[i].cb(v, b->subscribers[i].arg);
}

/* A process that came from outside into a container, and is not its first. */
static bool is_entry(struct core *c, const struct core_event_view *v)
{
	const struct process *parent;

	if (v->kind != CORE_EVENT_EXEC || !v->p || !v->p->entered || v->p->tgid == v->container->pid)
		return false;
	if (v->p->flags & PG_EVF_NS_INIT)
		return false;
	/* from one of the container's own cgroups into another */
	parent = processes_get(c->procs, v->p->parent);
	return !parent || core_container_of_cgroup(c, parent->cgroup) != v->container;
}

static void deliver_named(struct core *c, const struct core_event_view *v, const struct ident_container *ct)
{
	struct core_event_view named = *v;

	named.container = ct;
	named.entered = is_entry(c, &named);
	if (named.kind == CORE_EVENT_EXEC && !named.digest) {
		const struct core_exe *e = core_exe_of(c, ct, named.p);

		named.digest = e ? e->sha256 : NULL;
	}
	deliver(c, &named);
}

/* ---- waiting ---------------------------------------------------------------------------------------------------------- */
static size_t text_size(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static void text_take(const char **at, char **room)
{
	size_t n = text_size(*at);

	if (!n)
		return;
	memcpy(*room, *at, n);
	*at = *room;
	*room += n;
}

static struct waiting_event *waiting_new(const struct core_event_view *v)
{
	size_t n = text_size(v->name) + text_size(v->text) + text_size(v->detail) + text_size(v->digest);
	struct waiting_event *w;
	char *room;

	if (v->p)
		n += text_size(v->p->exe) + text_size(v->p->script) + text_size(v->p->cwd) + text_size(v->p->args);
	w = malloc(sizeof(*w) + n);
	if (!w)
		return NULL;
	w->v = *v;
	w->v.flow = NULL;
	w->bytes = sizeof(*w) + n;
	room = w->texts;
	text_take(&w->v.name, &room);
	text_take(&w->v.text, &room);
	text_take(&w->v.detail, &room);
	text_take(&w->v.digest, &room);
	if (v->p) {
		w->p = *v->p;
		w->v.p = &w->p;
		text_take(&w->p.exe, &room);
		text_take(&w->p.script, &room);
		text_take(&w->p.cwd, &room);
		text_take(&w->p.args, &room);
	}
	return w;
}

static void event_wait(struct core *c, const struct core_event_view *v)
{
	struct event_bus *b = c->priv->bus;
	struct waiting_event *w = NULL;

	if (b->stats.waiting < WAITING_MAX && b->waiting_bytes < WAITING_BYTES_MAX)
		w = waiting_new(v);
	if (!w) {
		b->stats.unnamed++;
		core_lost(c, LOSS_EVENT_UNNAMED, 1);
		model_on_unnamed(c, v->cgroup);
		return;
	}
	b->stats.waited++;
	b->stats.waiting++;
	b->waiting_bytes += w->bytes;
	DL_APPEND(b->waiting, w);
}

void events_waiting(struct core *c, uint64_t now_ns)
{
	struct event_bus *b = c->priv->bus;
	struct waiting_event *w, *tmp;

	if (b->flushing) /* a subscriber published */
		return;
	b->flushing = true;
	DL_FOREACH_SAFE(b->waiting, w, tmp) {
		const struct ident_container *ct = core_container_of_cgroup(c, w->v.cgroup);

		if (ct) {
			deliver_named(c, &w->v, ct);
		} else if (now_ns < w->v.mono_ns + CORE_EVENT_WAIT_NS) {
			continue;
		} else if (engines_cgroup_is_container(c, w->v.cgroup)) {
			b->stats.unnamed++;
			core_lost(c, LOSS_EVENT_UNNAMED, 1);
			model_on_unnamed(c, w->v.cgroup);
		} else {
			b->stats.foreign++;
		}
		waiting_drop(b, w);
	}
	b->flushing = false;
}

void core_publish_event(struct core *c, const struct core_event_view *v)
{
	struct event_bus *b = c->priv->bus;
	const struct ident_container *ct = v->container;

	if (!(b->wanted & 1U << v->kind))
		return;
	if (!ct)
		ct = core_container_of_cgroup(c, v->cgroup);
	if (!ct) {
		if (v->cgroup)
			event_wait(c, v);
		else
			b->stats.foreign++;
		return;
	}
	if (b->waiting) /* what the container did before comes before */
		events_waiting(c, clock_mono_ns());
	deliver_named(c, v, ct);
}
