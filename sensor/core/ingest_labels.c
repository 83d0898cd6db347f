/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the inspector says: labels and details of flows, names that containers looked up. Its strings come from packets
 * through an unprivileged program: bounded again here. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/evidence.h"
#include "sensor/core/policy.h"
#include "sensor/core/feeds_priv.h"
#include "sensor/core/redact.h"
#include "sensor/facts.h"

static const char *label_str(struct core *c, const char *old, const char *s)
{
	const char *r;

	if (!*s)
		return old; /* keeps what an earlier label said */
	r = strpool_get(c->priv->strings, s);
	if (!r)
		return old;
	strpool_put(c->priv->strings, old);
	return r;
}

#define EARLY_LABELS_MAX 2048

static void label_keep(struct core *c, const struct msg_label *l)
{
	struct core_private *p = c->priv;

	if (!p->early_labels)
		p->early_labels = calloc(EARLY_LABELS_MAX, sizeof(*p->early_labels));
	if (!p->early_labels || p->early_label_count == EARLY_LABELS_MAX) {
		p->labels_unmatched++;
		return;
	}
	p->early_labels[p->early_label_count++] = *l;
}

/* The flow, with room for what is said about it. NULL: there is none. */
static struct flow *flow_with_detail(struct flow *f)
{
	struct flow_detail *d;

	if (!f || f->detail)
		return f;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->app = d->host = d->info = d->facts = "";
	f->detail = d;
	return f;
}

/* The flow that something was said about. NULL: nobody knows it. */
static struct flow *flow_said(struct core *c, const struct flow_key *key)
{
	struct flow *f = flow_table_find(c->flows, key);

	return flow_with_detail(f ? f : flows_fetch(c, key));
}

static void facts_take(struct core *c, const struct flow_key *key, const char *text)
{
	struct flow *f = flow_said(c, key), *front;
	char login[16];

	if (!f)
		return;
	front = flow_with_detail(flow_front(c, f));
	if (front && !front->detail->facts[0])
		front->detail->facts = label_str(c, front->detail->facts, text);
	f->detail->facts = label_str(c, f->detail->facts, text);
	if (facts_get(text, FACT_LOGIN, login, sizeof(login)))
		model_login_refused(c, front ? front : f);
	if (f->state & FLOW_LISTENED) {
		struct listener *li = flow_listener(c, f, !f->client_end);

		if (li)
			listeners_facts(c->listeners, li, text);
	}
}

static void facts_message(struct core *c, struct bytes b)
{
	char text[FACTS_MAX];
	struct msg_facts m;

	while (bytes_copy(&b, &m, sizeof(m)) && m.len < sizeof(text) && bytes_copy(&b, text, m.len)) {
		text[m.len] = '\0';
		if (!c->priv->synced || !facts_valid(text, m.len))
			continue;
		redact_facts(text, c->config.payload_keep);
		facts_take(c, &m.key, text);
	}
}

static void label_put(struct core *c, struct flow *f, const struct msg_label *l)
{
	struct flow_detail *d = f->detail;

	if (l->app[0] && l->confidence >= d->confidence) {
		d->app = label_str(c, d->app, l->app);
		d->confidence = l->confidence;
	}
	d->host = label_str(c, d->host, l->host);
	d->info = label_str(c, d->info, l->info);
	flow_renamed(c, f);
	if (f->state & FLOW_LISTENED) {
		struct listener *li = flow_listener(c, f, !f->client_end);

		if (li)
			listeners_label(c->listeners, li, d->app, d->confidence, d->info);
	}
}

void labels_share(struct core *c, struct flow *to, const struct flow *from)
{
	const struct flow_detail *d = from->detail;

	if (!d || !flow_with_detail(to))
		return;
	if (d->confidence > to->detail->confidence) {
		to->detail->app = label_str(c, to->detail->app, d->app);
		to->detail->confidence = d->confidence;
		to->detail->host = label_str(c, to->detail->host, d->host);
		to->detail->info = label_str(c, to->detail->info, d->info);
		flow_renamed(c, to);
	}
	if (!to->detail->facts[0])
		to->detail->facts = label_str(c, to->detail->facts, d->facts);
}

static void label_take(struct core *c, struct msg_label *l)
{
	struct flow *f = flow_said(c, &l->key), *front;

	l->app[sizeof(l->app) - 1] = l->host[sizeof(l->host) - 1] = l->info[sizeof(l->info) - 1] = '\0';
	if (l->confidence >= LABEL_CONFIDENCE_MAX)
		l->confidence = LABEL_UNKNOWN;
	if (!f) {
		c->priv->labels_unmatched++;
		return;
	}
	redact_info(l->info, c->config.payload_keep);
	label_put(c, f, l);
	front = flow_with_detail(flow_front(c, f));
	if (front && l->confidence > front->detail->confidence)
		label_put(c, front, l);
	if (f->state & FLOW_ANNOUNCED)
		core_announce(c, f, "labelled");
}

void labels_early(struct core *c)
{
	struct core_private *p = c->priv;

	for (unsigned i = 0; i < p->early_label_count; i++)
		label_take(c, &p->early_labels[i]);
	free(p->early_labels);
	p->early_labels = NULL;
	p->early_label_count = 0;
}

/* The container that asked: by the namespace of its loopback, or by the interface the question came from. */
static const struct ident_container *dns_asker(struct core *c, const struct msg_dns *d)
{
	const struct ident_ns *ns = ident_ns_get(c->ident, d->key.ns);
	unsigned e = d->client_end & 1;
	struct ident_end end;

	if (ns && ns->kind == IDENT_NS_CONTAINER)
		return ident_by_netns(c->ident, ns->cookie);
	ident_resolve(c->ident, d->key.ns, d->end_if[e], d->key.addr[e], d->key.proto, 0, &end);
	return end.container;
}

static void dns_take(struct core *c, struct msg_dns *d)
{
	static const uint8_t none[16];
	const struct ident_container *ct = dns_asker(c, d);

	d->name[sizeof(d->name) - 1] = '\0';
	if (!ct || !d->name[0])
		return;
	model_on_dns(c, ct, d);
	feeds_match_name(c, ct, d->name);
	if (d->question || memcmp(d->addr, none, 16) == 0)
		return;
	if (dns_names_put(c->dns, name_scope(ct), d->addr, d->name, d->ttl_s, clock_mono_ns()) == 0) {
		c->priv->dns_generation++;
		policy_touch(c);
	}
}

void labels_message(const struct ipc_hdr *hdr, const void *body, int fd, void *arg)
{
	struct core *c = arg;
	const char *p = body;

	if (fd >= 0)
		close(fd);
	switch ((enum msg_type)hdr->type) {
	case MSG_LABEL:
		for (size_t at = 0; hdr->len - at >= sizeof(struct msg_label); at += sizeof(struct msg_label)) {
			struct msg_label l;

			memcpy(&l, p + at, sizeof(l));
			if (c->priv->synced)
				label_take(c, &l);
			else
				label_keep(c, &l);
		}
		break;
	case MSG_DNS:
		for (size_t at = 0; hdr->len - at >= sizeof(struct msg_dns); at += sizeof(struct msg_dns)) {
			struct msg_dns d;

			memcpy(&d, p + at, sizeof(d));
			dns_take(c, &d);
		}
		break;
	case MSG_HEADS:
		evidence_ring_answer(c, hdr, body);
		break;
	case MSG_FACTS:
		facts_message(c, bytes_of(body, hdr->len));
		break;
	case MSG_INSPECT_STATS:
		if (hdr->len >= sizeof(c->inspect_stats)) {
			memcpy(&c->inspect_stats, p, sizeof(c->inspect_stats));
			c->losses[LOSS_LABELS_DROPPED] = c->inspect_stats.results_dropped;
			c->losses[LOSS_INSPECTOR_EVICTED] = c->inspect_stats.evicted;
			c->losses[LOSS_INSPECTOR_PIECES] = c->inspect_stats.pieces_dropped;
		}
		break;
	default:
		break;
	}
}
