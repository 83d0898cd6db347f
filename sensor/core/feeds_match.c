/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What containers do, held against the feeds: addresses when a flow begins, names when they are looked up or said in a
 * conversation's first bytes, digests when a file is run or written. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/events.h"
#include "sensor/core/feeds_priv.h"
#include "sensor/core/model.h"
#include "sensor/core/refuse.h"

struct match {
	struct core *c;
	const struct ident_container *ct;
	struct finding *f;      /* what is known before it is held against a feed */
	const char *thing;      /* "198.51.100.7", "bad.example.org", a digest */
	bool hit;               /* a feed lists it */
	uint8_t last[16];       /* scratch */
};

static void tell(const struct core_feed_view *v, const struct feed_hit *h, void *arg)
{
	static const enum finding_kind kinds[IND_KINDS] = { FINDING_INTEL_IP, FINDING_INTEL_DOMAIN, FINDING_INTEL_FILE, FINDING_INTEL_DOMAIN };
	struct match *m = arg;
	struct finding *f;
	char entry[120];

	if (!feed_hit_counts(h))
		return; /* context: `feed check` shows it */
	m->hit = true;
	f = malloc(sizeof(*f));
	if (!f)
		return;
	*f = *m->f;
	f->kind = kinds[h->kind];
	f->fact_kind = -1;
	for (unsigned i = 0; i < m->c->feeds->count; i++)
		if (!strcmp(m->c->feeds->feeds[i].path, v->path))
			m->c->feeds->feeds[i].hits++;
	if (h->kind == IND_IP) {
		char first[46], last[46];

		indicator_ip_text(h->first, first);
		indicator_ip_text(h->last, last);
		snprintf(entry, sizeof(entry), h->match == MATCH_EXACT ? "%s" : "%s-%s", first, last);
	} else {
		snprintf(entry, sizeof(entry), "%s", h->text[0] ? h->text : m->thing);
	}
	snprintf(f->key, sizeof(f->key), "intel\t%s\t%.600s\t%.300s", finding_name(f->kind), m->thing, f->process);
	snprintf(f->why, sizeof(f->why), "%.200s is listed: %.200s line %u: %.110s%s%.48s%s (confidence %u).", m->thing, v->path, h->line, entry,
		 h->category[0] ? " (" : "", h->category, h->category[0] ? ")" : "", h->confidence);
	f->expected_count = 1;
	snprintf(f->expected[0], sizeof(f->expected[0]), "nothing that a reputation feed lists (%.300s)", v->name);
	model_on_finding(m->c, m->ct, f);
	free(f);
}

static void ask(struct match *m)
{
	if (!config_checks(&m->c->config, CHECK_LISTED))
		return;
	m->f = m->f ? m->f : calloc(1, sizeof(*m->f));
	if (m->f)
		(void)core_feeds_ask(m->c, m->thing, tell, m);
}

/* ---- flows --------------------------------------------------------------------------------------------------------------- */
static void end_match(struct core *c, const struct core_flow_view *v, const struct core_end_view *far, const struct core_end_view *near)
{
	const char *name = strncmp(far->id, "ext:", 4) ? "" : far->id + 4;
	struct match m = { .c = c, .ct = near->container, .thing = far->addr };
	bool out = near == &v->client;

	m.f = calloc(1, sizeof(*m.f));
	if (!m.f)
		return;
	m.f->pid = near->pid;
	snprintf(m.f->process, sizeof(m.f->process), "%s", near->exe);
	snprintf(m.f->peer, sizeof(m.f->peer), "%.380s", far->id);
	m.f->observed_ns = v->first_seen_ns;
	if (indicator_ip(far->addr, strlen(far->addr), m.f->peer_addr, m.last)) {
		m.f->peer_l4 = v->l4;
		m.f->peer_port_be = htons(v->server.port);
	}
	snprintf(m.f->observed, sizeof(m.f->observed), out ? "%.180s connected to %.180s on port %u%s%.80s" : "%.180s was reached by %.180s on port %u%s%.80s",
		 near->id, far->id, v->server.port, near->exe[0] ? " with " : "", near->exe);
	if (!feeds_kernel_says_no(c->feeds, v))
		ask(&m);
	if (out && name[0] && strcmp(name, far->addr) != 0) {
		m.thing = name;
		ask(&m);
	}
	if (out && v->host[0] && strcmp(v->host, name) != 0) {
		char host[INDICATOR_NAME_MAX + 1];
		size_t len = strcspn(v->host, ":");

		if (len < sizeof(host)) {
			memcpy(host, v->host, len);
			host[len] = '\0';
			m.thing = host;
			ask(&m);
		}
	}
	free(m.f);
}

static void on_flow(const struct core_flow_view *v, const char *what, void *arg)
{
	if (v->server.kind == TOPO_EXTERNAL && v->client.container)
		end_match(arg, v, &v->server, &v->client);
	else if (v->client.kind == TOPO_EXTERNAL && v->server.container)
		end_match(arg, v, &v->client, &v->server);
}

static void on_flow_again(const struct core_flow_view *v, void *arg)
{
	on_flow(v, "again", arg);
}

void feeds_match_again(struct core *c)
{
	struct core_feeds *f = c->feeds;
	uint64_t since = f->kernel_since_ns;

	if (f->flows < 0)
		return;
	f->kernel_since_ns = 0; /* what began before the table is asked for here */
	core_each_flow(c, on_flow_again, c);
	f->kernel_since_ns = since;
}

/* ---- names ---------------------------------------------------------------------------------------------------------------- */
void feeds_match_name(struct core *c, const struct ident_container *ct, const char *name)
{
	struct match m = { .c = c, .ct = ct, .thing = name };

	if (!c->feeds || !c->feeds->count || !ct)
		return;
	m.f = calloc(1, sizeof(*m.f));
	if (!m.f)
		return;
	m.f->observed_ns = clock_wall_ns();
	snprintf(m.f->peer, sizeof(m.f->peer), "%.380s", name);
	snprintf(m.f->observed, sizeof(m.f->observed), "%.180s looked up %.180s", ct->workload, name);
	ask(&m);
	free(m.f);
}

/* ---- files ---------------------------------------------------------------------------------------------------------------- */
static void on_event(const struct core_event_view *v, void *arg)
{
	struct core *c = arg;
	struct match m = { .c = c, .ct = v->container, .thing = v->digest };

	if (!v->digest || !v->digest[0])
		return;
	m.f = calloc(1, sizeof(*m.f));
	if (!m.f)
		return;
	m.f->pid = v->pid ? v->pid : v->p ? v->p->tgid : 0;
	m.f->observed_ns = v->time_ns;
	snprintf(m.f->process, sizeof(m.f->process), "%s", v->p ? v->p->exe : v->written ? "" : v->text);
	snprintf(m.f->peer, sizeof(m.f->peer), "%.380s", v->text);
	snprintf(m.f->observed, sizeof(m.f->observed), "%.300s was %s in %.180s", v->text, v->written ? "written" : "run", v->container->name);
	ask(&m);
	refuse_file(c, v->container, v->text, v->digest, m.hit);
	free(m.f);
}

void feeds_match_refused(struct core *c, const struct ident_container *ct, const char *path, const char *digest, uint32_t pid)
{
	struct match m = { .c = c, .ct = ct, .thing = digest, .f = calloc(1, sizeof(*m.f)) };

	if (!m.f)
		return;
	m.f->refused = true;
	m.f->pid = pid;
	m.f->observed_ns = clock_wall_ns();
	snprintf(m.f->process, sizeof(m.f->process), "%s", path);
	snprintf(m.f->peer, sizeof(m.f->peer), "%.380s", path);
	snprintf(m.f->observed, sizeof(m.f->observed), "%.300s was refused in %.180s, before it began", path, ct->name);
	ask(&m);
	free(m.f);
}

int feeds_match_start(struct core *c)
{
	struct core_feeds *f = c->feeds;

	f->events = core_subscribe_events(c, 1U << CORE_EVENT_EXE, on_event, c);
	f->flows = core_subscribe_flows(c, on_flow, c);
	return f->events < 0 ? f->events : f->flows < 0 ? f->flows : 0;
}

void feeds_match_stop(struct core *c)
{
	struct core_feeds *f = c->feeds;

	if (f->events >= 0)
		core_unsubscribe_events(c, f->events);
	if (f->flows >= 0)
		core_unsubscribe_flows(c, f->flows);
	f->events = f->flows = -1;
}
