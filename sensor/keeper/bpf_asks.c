/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program with which core asks about many flows at once: loaded here, run there. */
#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "sensor/keeper/bpf_private.h"
/* skeletons use abi.h's types */
#include "sensor/bpf/asks.skel.h"

void asks_open(struct bpf_loader *l)
{
	struct asks_bpf *s = asks_bpf__open();
	int r = s ? 0 : -errno;

	if (!r)
		r = object_load(l, s->obj);
	if (!r)
		l->ask_prog = r = object_program_fd(s->obj, "flow_ask");
	asks_bpf__destroy(s);
	loader_feature(l, "flow_asks", r >= 0, "core reads the flow table entry by entry: a connection costs it more");
}

int bpf_loader_ask_fd(const struct bpf_loader *l)
{
	return l->ask_prog >= 0 ? l->ask_prog : -EOPNOTSUPP;
}

void asks_close(struct bpf_loader *l)
{
	close_fd(&l->ask_prog);
}

int bpf_loader_listed(struct bpf_loader *l, uint32_t pages)
{
	return pages && pages <= PG_LISTED_PAGES_MAX ? listed_pages_make(pages) : -EINVAL;
}
