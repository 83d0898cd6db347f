/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper's policy message: records as core sends them, checked, then made into elements, text and differences. What passes the
 * check must be carried out without a fault. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "enforce/nft_plan.h"

static void plan_of(const uint8_t *data, size_t size, struct plan *ret)
{
	*ret = (struct plan){ .mark = 0x00f00000 };
	for (; size >= sizeof(struct plan_rec) && ret->count < 256; data += sizeof(struct plan_rec), size -= sizeof(struct plan_rec)) {
		struct plan_rec r;

		memcpy(&r, data, sizeof(r));
		r.kind %= PLAN_KIND_MAX + 1;
		r.workload %= 8;
		r.edge %= 16;
		if (plan_add(ret, &r) < 0)
			return;
	}
	plan_sort(ret);
}

static int diff_cb(const struct plan_rec *r, bool added, void *arg)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan_hold holds[2];
	struct plan a, b;
	char err[200];

	if (size < sizeof(holds))
		return 0;
	memcpy(holds, data, sizeof(holds));
	for (unsigned i = 0; i < 2; i++)
		if (holds[i].analyst_bits > 128 || (plan_addr_is_v4(holds[i].peer) && holds[i].analyst_bits < 96))
			holds[i].analyst_bits = 0;
	data += sizeof(holds);
	size -= sizeof(holds);
	plan_of(data, size, &a);
	plan_of(data + size / 3, size - size / 3, &b);
	if (plan_check(&a, err, sizeof(err)) == 0) {
		for (int f = 0; f < NFT_FAMILY_MAX; f++)
			free(nft_plan_text(&a, holds, 2, (enum nft_family)f, true, f));
		if (a.count)
			(void)plan_judge(&a, a.recs[0].addr, a.recs[a.count - 1].addr, 6, 80);
	}
	(void)plan_is_update(&a, &b);
	(void)plan_diff(&a, &b, diff_cb, NULL);
	plan_free(&a);
	plan_free(&b);
	return 0;
}
