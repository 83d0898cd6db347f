/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What room each interface's flows take in the kernel's table, and what was refused to it (struct pg_flow_share). */
#include <errno.h>
#include <sys/mman.h>

#include "sensor/core/core_priv.h"

#define SHARES_SIZE (PG_IF_SLOTS * sizeof(struct pg_flow_share))

int shares_open(struct core *c)
{
	int fd = core_map_fd(c, "flow_shares");
	void *m = fd < 0 ? MAP_FAILED : mmap(NULL, SHARES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	c->priv->shares = m == MAP_FAILED ? NULL : m;
	return c->priv->shares ? 0 : -ENOENT;
}

void shares_close(struct core *c)
{
	if (c->priv->shares)
		munmap(c->priv->shares, SHARES_SIZE);
	c->priv->shares = NULL;
}

void shares_reaped(struct core *c, const struct pg_flow *v)
{
	struct pg_flow_share *s = c->priv->shares;

	if (!s)
		return;
	s += v->flags >> PG_FLOW_SHARE_SHIFT & (PG_IF_SLOTS - 1);
	__atomic_sub_fetch(v->flags & PG_FLOW_TWO_WAY ? &s->two_way : &s->half, 1, __ATOMIC_RELAXED);
}

void shares_of(struct core *c, const struct ident_container *k, struct core_ledger_view *ret)
{
	static const uint8_t any[16];

	for (unsigned i = 0; c->priv->shares && i < PG_IF_SLOTS; i++) {
		const struct pg_flow_share *s = &c->priv->shares[i];
		struct ident_end e;

		if (!s->ifindex)
			continue;
		ident_resolve(c->ident, s->ns, s->ifindex, any, 0, 0, &e);
		if (e.container != k)
			continue;
		ret->flows_one_way += s->half;
		ret->flows_two_way += s->two_way;
		ret->flows_refused += s->refused;
	}
}
