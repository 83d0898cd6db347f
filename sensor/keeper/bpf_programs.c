/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs behind the hooks of interfaces. Each is loaded once and stands in its slot of the map programs. What is
 * attached is a stub: a dozen instructions that tell the program which namespace it is in and call it through the map. So a
 * new namespace costs the verifier nothing worth counting, and a successor replaces a program everywhere by one slot.
 *
 * The map is pinned, else the kernel would empty it together with the keeper's last descriptor, and every hook with it. A
 * stub that finds its slot empty lets the packet pass and counts it (PG_CTR_NOT_HOOKED). */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "sensor/keeper/bpf_private.h"
/* skeletons use abi.h's types */
#include "sensor/bpf/flow.skel.h"
#include "sensor/bpf/links.skel.h"
#include "sensor/bpf/lo.skel.h"

static const struct {
	const char *program; /* in its object */
	const char *stub;    /* at most 15 characters */
} hooks[HOOK_MAX] = {
	[HOOK_CONTAINER_IN] = { "container_ingress", "pg_container_i" },
	[HOOK_CONTAINER_OUT] = { "container_egress", "pg_container_e" },
	[HOOK_VXLAN_IN] = { "vxlan_ingress", "pg_vxlan_i" },
	[HOOK_VXLAN_OUT] = { "vxlan_egress", "pg_vxlan_e" },
	[HOOK_UPLINK_IN] = { "uplink_ingress", "pg_uplink_i" },
	[HOOK_UPLINK_OUT] = { "uplink_egress", "pg_uplink_e" },
	[HOOK_LO_OUT] = { "lo_egress", "pg_lo_e" },
};
_Static_assert(HOOK_MAX <= PG_HOOK_SLOTS && PG_HOOK_SLOTS <= 32, "slots");

int role_hooks(enum pg_if_role role, int *ret_in, int *ret_out)
{
	*ret_in = *ret_out = -1;
	switch (role) {
	case PG_IF_CONTAINER:
		*ret_in = HOOK_CONTAINER_IN;
		*ret_out = HOOK_CONTAINER_OUT;
		return 0;
	case PG_IF_VXLAN:
		*ret_in = HOOK_VXLAN_IN;
		*ret_out = HOOK_VXLAN_OUT;
		return 0;
	case PG_IF_UPLINK:
		*ret_in = HOOK_UPLINK_IN;
		*ret_out = HOOK_UPLINK_OUT;
		return 0;
	case PG_IF_LOOPBACK:
		*ret_out = HOOK_LO_OUT;
		return 0;
	case PG_IF_BRIDGE:
		return 0;
	case PG_IF_NONE:
	case PG_IF_MAX:
		break;
	}
	return -EINVAL;
}

/* ---- programs, once ------------------------------------------------------------------------------- */
/* Puts those of a loaded object's programs that belong to hooks into their slots. */
static int slots_fill(struct bpf_loader *l, struct bpf_object *o)
{
	for (uint32_t i = 0; i < HOOK_MAX; i++) {
		_cleanup_close_ int fd = object_program_fd(o, hooks[i].program);

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		if (bpf_map_update_elem(l->maps.fd[MAP_PROGRAMS], &i, &fd, BPF_ANY))
			return -errno;
		l->programs_set |= 1u << i;
	}
	return 0;
}

static int flow_load(struct bpf_loader *l)
{
	struct flow_bpf *s = flow_bpf__open();
	int r;

	if (!s)
		return -errno;
	s->rodata->half_open_max = l->half_open_max;
	s->rodata->flows_max = maps_flows_max(&l->maps);
	r = object_load(l, s->obj);
	if (!r)
		r = slots_fill(l, s->obj);
	flow_bpf__destroy(s);
	return r;
}

static int links_load(struct bpf_loader *l)
{
	struct links_bpf *s = links_bpf__open();
	int r;

	if (!s)
		return -errno;
	s->rodata->vxlan_port = l->vxlan_port;
	r = object_load(l, s->obj);
	if (!r)
		r = slots_fill(l, s->obj);
	links_bpf__destroy(s);
	return r;
}

static int lo_load(struct bpf_loader *l)
{
	struct lo_bpf *s = lo_bpf__open();
	int r;

	if (!s)
		return -errno;
	r = object_load(l, s->obj);
	if (!r)
		r = slots_fill(l, s->obj);
	lo_bpf__destroy(s);
	return r;
}

/* What an earlier keeper left in a slot works until then, but is not taken for ours. */
static int program_ensure(struct bpf_loader *l, int hook)
{
	if (l->programs_set & 1u << hook)
		return 0;
	switch (hook) {
	case HOOK_CONTAINER_IN:
	case HOOK_CONTAINER_OUT:
		return flow_load(l);
	case HOOK_LO_OUT:
		return lo_load(l);
	default:
		return links_load(l);
	}
}

/* ---- stubs, one for each namespace and hook --------------------------------------------------------- */
#define INSN(op, dst, src, offset, value) \
	{ .code = (op), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value) }
#define SET(reg, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, value)
#define COPY(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define ADD(dst, src) INSN(BPF_ALU64 | BPF_ADD | BPF_X, dst, src, 0, 0)
#define ADD_VALUE(reg, value) INSN(BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, value)
#define LOAD(size, dst, src, offset) INSN(BPF_LDX | BPF_MEM | (size), dst, src, offset, 0)
#define STORE(size, dst, offset, src) INSN(BPF_STX | BPF_MEM | (size), dst, src, offset, 0)
#define STORE_VALUE(size, dst, offset, value) INSN(BPF_ST | BPF_MEM | (size), dst, 0, offset, value)
#define SET_MAP(reg, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, reg, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define CALL(helper) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define SKIP_IF_ZERO(reg, count) INSN(BPF_JMP | BPF_JEQ | BPF_K, reg, 0, count, 0)
#define SKIP_UNLESS_ZERO(reg, count) INSN(BPF_JMP | BPF_JNE | BPF_K, reg, 0, count, 0)
#define RETURN INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* skb->cb[0] = ns; tail call; and if there is nothing to call: counters[PG_CTR_NOT_HOOKED] += packets; return TCX_NEXT
 * (TC_ACT_UNSPEC). Instructions by hand: nothing to open, relocate or look up in BTF. */
static int stub_load(struct bpf_loader *l, uint16_t ns, int hook)
{
	const struct bpf_insn code[] = {
		COPY(BPF_REG_6, BPF_REG_1),
		SET(BPF_REG_2, ns),
		STORE(BPF_W, BPF_REG_1, offsetof(struct __sk_buff, cb), BPF_REG_2), /* not by value: Linux 6.1 refuses that */
		SET_MAP(BPF_REG_2, l->maps.fd[MAP_PROGRAMS]),
		SET(BPF_REG_3, hook),
		CALL(BPF_FUNC_tail_call),
		STORE_VALUE(BPF_W, BPF_REG_10, -4, PG_CTR_NOT_HOOKED),
		COPY(BPF_REG_2, BPF_REG_10),
		ADD_VALUE(BPF_REG_2, -4),
		SET_MAP(BPF_REG_1, l->maps.fd[MAP_COUNTERS]),
		CALL(BPF_FUNC_map_lookup_elem),
		SKIP_IF_ZERO(BPF_REG_0, 6),
		LOAD(BPF_W, BPF_REG_1, BPF_REG_6, offsetof(struct __sk_buff, gso_segs)),
		SKIP_UNLESS_ZERO(BPF_REG_1, 1),
		SET(BPF_REG_1, 1),
		LOAD(BPF_DW, BPF_REG_2, BPF_REG_0, 0),
		ADD(BPF_REG_2, BPF_REG_1),
		STORE(BPF_DW, BPF_REG_0, 0, BPF_REG_2),
		SET(BPF_REG_0, -1),
		RETURN,
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, hooks[hook].stub, "GPL", code, ARRAY_SIZE(code), NULL);

	return fd < 0 ? -errno : fd;
}

static struct ns_stubs *stubs_of(struct bpf_loader *l, uint16_t ns)
{
	struct ns_stubs *s;

	for (s = l->stubs; s; s = s->next)
		if (s->ns == ns)
			return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	for (int i = 0; i < HOOK_MAX; i++)
		s->fd[i] = -1;
	s->ns = ns;
	s->next = l->stubs;
	l->stubs = s;
	return s;
}

static int stub_ensure(struct bpf_loader *l, struct ns_stubs *s, int hook)
{
	int r;

	if (hook < 0)
		return 0;
	r = program_ensure(l, hook);
	if (r || s->fd[hook] >= 0)
		return r;
	r = stub_load(l, s->ns, hook);
	if (r < 0)
		return r;
	s->fd[hook] = r;
	return 0;
}

int stubs_get(struct bpf_loader *l, uint16_t ns, enum pg_if_role role, const struct ns_stubs **ret)
{
	struct ns_stubs *s;
	int in, out, r;

	r = role_hooks(role, &in, &out);
	if (r)
		return r;
	s = stubs_of(l, ns);
	if (!s)
		return -ENOMEM;
	r = stub_ensure(l, s, in);
	if (!r)
		r = stub_ensure(l, s, out);
	*ret = s;
	return r;
}

static void stubs_free(struct ns_stubs *s)
{
	for (int i = 0; i < HOOK_MAX; i++)
		close_fd(&s->fd[i]);
	free(s);
}

void stubs_forget(struct bpf_loader *l, uint16_t ns)
{
	for (struct ns_stubs **p = &l->stubs; *p; p = &(*p)->next) {
		if ((*p)->ns == ns) {
			struct ns_stubs *gone = *p;

			*p = gone->next;
			stubs_free(gone);
			return;
		}
	}
}

void stubs_close(struct bpf_loader *l)
{
	while (l->stubs) {
		struct ns_stubs *s = l->stubs;

		l->stubs = s->next;
		stubs_free(s);
	}
}
