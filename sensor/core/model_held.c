/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Written executables wait a moment before they are judged: their digest is on the way, and what a feed lists explains the
 * write (intel.file absorbs file.new, DECISIONS 21). Bounded: with no room a fact is judged at once. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sensor/core/model_priv.h"

#define HELD_MAX 64
#define HELD_NS (250 * 1000000ULL) /* hashing a program takes some ms */

struct held {
	struct held *next;
	uint64_t due_ns;
	const struct ident_container *ct; /* referenced */
	struct model_fact_in in;          /* its strings are these: */
	char key[FACT_KEY_MAX], exe[520], parent[520], peer[384], observed[512];
};

static void copy(char *to, size_t len, const char *from, const char **ret)
{
	snprintf(to, len, "%s", from ? from : "");
	*ret = to;
}

void model_hold(struct core *c, const struct ident_container *ct, const struct model_fact_in *in)
{
	struct core_model *cm = c->model;
	struct held *h = cm->held_count < HELD_MAX && c->feeds && (c->config.feed_count || c->config.feed_url_count) ? malloc(sizeof(*h)) : NULL;

	if (!h) {
		model_on_fact(c, ct, in);
		return;
	}
	h->next = NULL;
	h->due_ns = clock_mono_ns() + HELD_NS;
	h->in = *in;
	h->in.at_mono_ns = in->at_mono_ns ? in->at_mono_ns : clock_mono_ns();
	h->in.flow = NULL; /* it may be gone by then */
	copy(h->key, sizeof(h->key), in->key, &h->in.key);
	copy(h->exe, sizeof(h->exe), in->exe, &h->in.exe);
	copy(h->parent, sizeof(h->parent), in->parent, &h->in.parent);
	copy(h->peer, sizeof(h->peer), in->peer, &h->in.peer);
	copy(h->observed, sizeof(h->observed), in->observed, &h->in.observed);
	h->ct = ct;
	ident_ref(c->ident, ct);
	*cm->held_end = h;
	cm->held_end = &h->next;
	cm->held_count++;
}

void model_held_tick(struct core *c, uint64_t now_ns)
{
	struct core_model *cm = c->model;
	struct held *h;

	while ((h = cm->held) && h->due_ns <= now_ns) {
		cm->held = h->next;
		if (!cm->held)
			cm->held_end = &cm->held;
		cm->held_count--;
		model_on_fact(c, h->ct, &h->in);
		ident_unref(c->ident, h->ct);
		free(h);
	}
}
