/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which services' first bytes the programs in the kernel may recognise (sensor/bpf/first.bpf.h). What they mark is heeded only where
 * the rules of a plan check a connection, so they may be told before those rules stand. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/bpf/first_bytes.h"
#include "sensor/keeper/guard_private.h"

/* Names as models have them. */
static pg_u32 first_app_of(uint32_t app)
{
	static const struct {
		const char *name;
		pg_u32 bit;
	} apps[] = { { "HTTP", FIRST_HTTP }, { "TLS", FIRST_TLS }, { "PostgreSQL", FIRST_POSTGRESQL }, { "Redis", FIRST_REDIS },
		     { "MongoDB", FIRST_MONGODB }, { "SSH", FIRST_SSH }, { "MySQL", FIRST_MYSQL } };

	for (size_t i = 0; i < ARRAY_SIZE(apps); i++)
		if (queue_app_hash(apps[i].name) == app)
			return apps[i].bit;
	return 0;
}

static int row_cmp(const void *a, const void *b)
{
	return memcmp(&((const struct checked_row *)a)->key, &((const struct checked_row *)b)->key, sizeof(struct pg_checked_key));
}

void guard_checked(struct guard *g, const struct plan *p)
{
	_cleanup_free_ struct checked_row *rows = NULL;
	uint32_t count = 0, n = 0;

	if (!g->all->events.checked)
		return;
	rows = p && p->count ? calloc(p->count, sizeof(*rows)) : NULL;
	for (uint32_t i = 0; rows && i < p->count; i++) {
		const struct plan_rec *r = &p->recs[i];
		pg_u32 app = r->kind == PLAN_PROTOCOL && r->l4 == IPPROTO_TCP ? first_app_of(r->app) : 0;

		if (!app)
			continue;
		rows[count].key = (struct pg_checked_key){ .port = htons(r->port_lo), .ns = g->ns };
		memcpy(rows[count].key.addr, r->addr, 16);
		rows[count++].value = (struct pg_checked){ .mark = p->mark, .apps = app };
	}
	if (count)
		qsort(rows, count, sizeof(*rows), row_cmp);
	for (uint32_t i = 1; i < count; i++)
		if (row_cmp(&rows[n], &rows[i]))
			rows[++n] = rows[i];
		else
			rows[n].value.apps |= rows[i].value.apps;
	g->all->events.checked(g->all->events.arg, g->ns, rows, count ? n + 1 : 0);
}
