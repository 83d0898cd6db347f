/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scans: one client, many targets that its model does not know, in a short time. A small table of clients, the least recently
 * seen goes first; each remembers the last targets. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/model_priv.h"

#define CLIENTS 256
#define TARGETS 64
#define WITHIN_NS (20 * NSEC_PER_SEC)
#define HORIZONTAL 8 /* addresses */
#define VERTICAL 20  /* ports of one address */

struct target {
	uint8_t addr[16];
	uint16_t port;
	uint64_t at_ns;
};

struct client {
	uint64_t id, last_ns;
	unsigned next;
	struct target targets[TARGETS];
};

struct scans {
	struct client clients[CLIENTS];
};

struct scans *scans_new(void)
{
	return calloc(1, sizeof(struct scans));
}

void scans_free(struct scans *s)
{
	free(s);
}

static struct client *client_of(struct scans *s, uint64_t id)
{
	struct client *oldest = &s->clients[0];

	for (unsigned i = 0; i < CLIENTS; i++) {
		if (s->clients[i].id == id && s->clients[i].last_ns)
			return &s->clients[i];
		if (s->clients[i].last_ns < oldest->last_ns)
			oldest = &s->clients[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->id = id;
	return oldest;
}

static void target_put(struct client *c, const uint8_t addr[16], uint16_t port, uint64_t now_ns)
{
	for (unsigned i = 0; i < TARGETS; i++)
		if (c->targets[i].at_ns && c->targets[i].port == port && !memcmp(c->targets[i].addr, addr, 16)) {
			c->targets[i].at_ns = now_ns;
			return;
		}
	c->targets[c->next % TARGETS] = (struct target){ .port = port, .at_ns = now_ns };
	memcpy(c->targets[c->next++ % TARGETS].addr, addr, 16);
}

struct scan_verdict scans_add(struct scans *s, uint64_t id, const uint8_t addr[16], uint16_t port, uint64_t now_ns)
{
	struct client *c = client_of(s, id);
	struct scan_verdict v = { .targets = 0 };

	c->last_ns = now_ns;
	target_put(c, addr, port, now_ns);
	for (unsigned i = 0; i < TARGETS; i++) {
		const struct target *t = &c->targets[i];
		bool addr_before = false, port_before = false;

		if (!t->at_ns || now_ns - t->at_ns > WITHIN_NS)
			continue;
		for (unsigned j = 0; j < i; j++) {
			const struct target *u = &c->targets[j];

			if (!u->at_ns || now_ns - u->at_ns > WITHIN_NS || memcmp(u->addr, t->addr, 16))
				continue;
			addr_before = true;
			port_before = port_before || u->port == t->port;
		}
		v.targets += !addr_before;
		v.ports += !port_before && !memcmp(t->addr, addr, 16);
	}
	v.horizontal = v.targets >= HORIZONTAL;
	v.vertical = v.ports >= VERTICAL;
	return v;
}

void scans_drop(struct scans *s, uint64_t id, const uint8_t addr[16])
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct client *c = &s->clients[i];

		if (c->id != id || !c->last_ns)
			continue;
		for (unsigned t = 0; t < TARGETS; t++)
			if (c->targets[t].at_ns && !memcmp(c->targets[t].addr, addr, 16))
				c->targets[t].at_ns = 0;
		return;
	}
}
