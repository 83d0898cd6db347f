/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's part of the loss ledger: its counters, summed over the processors. */
#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "sensor/core/core_priv.h"

void counters_read(struct core *c)
{
	static const struct {
		enum pg_counter ctr;
		enum core_loss loss;
	} losses[] = {
		{ PG_CTR_REFUSED_FULL, LOSS_FLOW_TABLE_FULL }, { PG_CTR_REFUSED_HALF, LOSS_HALF_OPEN_BUDGET },
		{ PG_CTR_MALFORMED, LOSS_MALFORMED },	       { PG_CTR_SAMPLE_LOST, LOSS_SAMPLE_RING },
		{ PG_CTR_EVENT_LOST, LOSS_EVENT_RING },	       { PG_CTR_EVENT_THROTTLED, LOSS_EVENT_THROTTLED },
		{ PG_CTR_SOCKET_REFUSED, LOSS_SOCKET_MAP },    { PG_CTR_VTEP_REFUSED, LOSS_VTEP_MAP },
		{ PG_CTR_NOT_HOOKED, LOSS_NOT_HOOKED },
	};
	int fd = core_map_fd(c, "counters");
	uint64_t *per_cpu = c->priv->per_cpu;

	if (fd < 0 || !per_cpu)
		return;
	for (uint32_t i = 0; i < PG_CTR_MAX; i++) {
		uint64_t sum = 0;

		if (bpf_map_lookup_elem(fd, &i, per_cpu) != 0)
			continue;
		for (int cpu = 0; cpu < c->priv->cpus; cpu++)
			sum += per_cpu[cpu];
		c->counters[i] = sum;
	}
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		c->losses[losses[i].loss] = c->counters[losses[i].ctr];
}
