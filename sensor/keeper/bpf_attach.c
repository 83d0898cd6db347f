/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hooks on interfaces: TCX links where the kernel has them, pinned; else clsact filters, which live with the interface.
 * What is attached is a stub (bpf_programs.c). An earlier keeper's is replaced by ours in place: no packet passes unseen. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/keeper/bpf_private.h"

#define TCX_INGRESS 46 /* enum bpf_attach_type of Linux 6.6; libbpf 1.1's header ends before it */
#define TCX_EGRESS 47
#define LINK_TYPE_TCX 11 /* enum bpf_link_type */
#define FILTER_HANDLE 0x5047 /* ours among the clsact filters of an interface: "PG" */
#define FILTER_PRIORITY 0x5047

/* ---- one hook of one interface --------------------------------------------------------------------- */
struct tcx_link_info { /* struct bpf_link_info of Linux 6.6 as far as it is needed */
	uint32_t type, id, prog_id, pad;
	uint32_t ifindex, attach_type;
	uint8_t rest[256];
};

/* Whether a pinned link still holds this interface; a link whose interface is gone says index 0. */
static bool tcx_link_is_on(int fd, uint32_t ifindex, uint32_t attach_type)
{
	struct tcx_link_info info = {};
	uint32_t len = sizeof(info);

	/* libbpf only passes the buffer on; a kernel with a shorter struct fills less. */
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	return info.type == LINK_TYPE_TCX && info.ifindex == ifindex && info.attach_type == attach_type;
}

/* 1: adopted, 0: made. */
static int tcx_attach(struct bpf_loader *l, uint16_t ns, uint32_t ifindex, bool ingress, int prog)
{
	uint32_t type = ingress ? TCX_INGRESS : TCX_EGRESS;
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];

	pin_path_link(l, ns, ifindex, ingress ? "in" : "out", path);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		if (tcx_link_is_on(fd, ifindex, type) && !bpf_link_update(fd, prog, NULL))
			return 1;
		close_fd(&fd);
		unlink(path);
	}
	fd = bpf_link_create(prog, (int)ifindex, type, NULL);
	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, path))
		return -errno; /* closing the link detaches it */
	return 0;
}

static void tcx_detach(struct bpf_loader *l, uint16_t ns, uint32_t ifindex, bool ingress)
{
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];

	pin_path_link(l, ns, ifindex, ingress ? "in" : "out", path);
	fd = bpf_obj_get(path);
	if (fd >= 0)
		bpf_link_detach(fd);
	unlink(path);
}

static int clsact_attach(uint32_t ifindex, bool ingress, int prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, query, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY, .prog_fd = prog,
		    .flags = BPF_TC_F_REPLACE);
	bool adopted;
	int r;

	r = bpf_tc_hook_create(&hook);
	if (r && r != -EEXIST)
		return r;
	adopted = r == -EEXIST && bpf_tc_query(&hook, &query) == 0;
	r = bpf_tc_attach(&hook, &opts);
	return r ? r : adopted;
}

static void clsact_detach(uint32_t ifindex, bool ingress)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	bpf_tc_detach(&hook, &opts);
}

static void hook_detach(struct bpf_loader *l, const struct link_state *s)
{
	tcx_detach(l, s->ns, s->ifindex, true);
	tcx_detach(l, s->ns, s->ifindex, false);
	if (s->hook.how == MSG_HOOK_CLSACT) {
		clsact_detach(s->ifindex, true);
		clsact_detach(s->ifindex, false);
	}
}

static int hook_attach_one(struct bpf_loader *l, struct link_state *s, bool ingress, int prog)
{
	int r = -EOPNOTSUPP;

	if (l->tcx) {
		r = tcx_attach(l, s->ns, s->ifindex, ingress, prog);
		if (r >= 0)
			s->hook.how = MSG_HOOK_TCX;
	} else {
		r = clsact_attach(s->ifindex, ingress, prog);
		if (r >= 0)
			s->hook.how = MSG_HOOK_CLSACT;
	}
	if (r > 0)
		s->hook.adopted = 1;
	return r < 0 ? r : 0;
}

static int hook_attach(struct bpf_loader *l, struct link_state *s)
{
	const struct ns_stubs *p;
	int in, out, r;

	r = role_hooks(s->role, &in, &out);
	if (r || out < 0)
		return r;
	r = stubs_get(l, s->ns, s->role, &p);
	if (!r && in >= 0)
		r = hook_attach_one(l, s, true, p->fd[in]);
	if (!r)
		r = hook_attach_one(l, s, false, p->fd[out]);
	if (r)
		hook_detach(l, s);
	return r;
}

/* ---- what the interface carried before us ------------------------------------------------------------ */
static uint64_t over(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* The interface's counters minus what our hooks have seen. Read twice until nothing moved in between (a few times). */
static void hook_late(struct bpf_loader *l, struct link_state *s)
{
	struct pg_if_stats a, b;
	struct link_stats i;

	for (int n = 0; n < 5; n++) {
		if (if_stats_sum(l, s->ns, s->ifindex, &a) || link_stats_read(s->ifindex, &i) ||
		    if_stats_sum(l, s->ns, s->ifindex, &b))
			return;
		s->hook.late_in_packets = over(i.rx_packets, b.in_skbs);
		s->hook.late_in_bytes = over(i.rx_bytes, b.in_raw_bytes);
		s->hook.late_out_packets = over(i.tx_packets, b.out_skbs);
		s->hook.late_out_bytes = over(i.tx_bytes, b.out_raw_bytes);
		if (memcmp(&a, &b, sizeof(a)) == 0)
			return;
	}
}

/* ---- links known to the loader ------------------------------------------------------------------------ */
static struct link_state *link_find(struct bpf_loader *l, uint16_t ns, uint32_t ifindex)
{
	for (struct link_state *s = l->links; s; s = s->next)
		if (s->ns == ns && s->ifindex == ifindex)
			return s;
	return NULL;
}

static void link_remove(struct bpf_loader *l, struct link_state *s)
{
	for (struct link_state **p = &l->links; *p; p = &(*p)->next) {
		if (*p == s) {
			*p = s->next;
			free(s);
			return;
		}
	}
}

static void link_pins_remove(struct bpf_loader *l, uint16_t ns, uint32_t ifindex)
{
	static const char *const what[] = { "in", "out", "xdp" };
	char path[PIN_PATH_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		pin_path_link(l, ns, ifindex, what[i], path);
		unlink(path);
	}
}

static struct link_state *link_make(struct bpf_loader *l, uint16_t ns, uint32_t ifindex, enum pg_if_role role)
{
	struct link_state *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ns = ns;
	s->ifindex = ifindex;
	s->role = role;
	s->hook.ns = ns;
	s->hook.ifindex = ifindex;
	s->next = l->links;
	l->links = s;
	return s;
}

int bpf_loader_attach_link(struct bpf_loader *l, int netns_fd, uint16_t ns, uint32_t ifindex, enum pg_if_role role,
			   uint32_t vni, struct msg_hook *ret)
{
	struct link_state *s = link_find(l, ns, ifindex);
	int r = 0;

	*ret = (struct msg_hook){ .ns = ns, .ifindex = ifindex, .error = -EINVAL };
	if (!ns || !ifindex || role <= PG_IF_NONE || role >= PG_IF_MAX)
		return -EINVAL;
	if (s && s->role == role) {
		*ret = s->hook;
		return if_keys_put(l, ns, ifindex, role, vni);
	}
	if (role != PG_IF_BRIDGE)
		r = namespace_enter(l, netns_fd);
	if (r) {
		ret->error = r;
		return r;
	}
	if (s) {
		hook_detach(l, s);
		link_remove(l, s);
	}
	s = link_make(l, ns, ifindex, role);
	r = s ? if_keys_put(l, ns, ifindex, role, vni) : -ENOMEM;
	if (!r)
		r = hook_attach(l, s);
	if (!r && role != PG_IF_BRIDGE)
		hook_late(l, s);
	if (role != PG_IF_BRIDGE)
		namespace_leave(l, netns_fd);
	if (r) {
		ret->error = r;
		if_keys_delete(l, ns, ifindex);
		if (s)
			link_remove(l, s);
		return r;
	}
	*ret = s->hook;
	return 0;
}

int bpf_loader_prepare_ns(struct bpf_loader *l, uint16_t ns)
{
	const struct ns_stubs *p;

	return ns ? stubs_get(l, ns, PG_IF_CONTAINER, &p) : -EINVAL;
}

int bpf_loader_detach_link(struct bpf_loader *l, int netns_fd, uint16_t ns, uint32_t ifindex)
{
	struct link_state *s = link_find(l, ns, ifindex);
	int r;

	if (!s)
		return -ENOENT;
	if (s->hook.how == MSG_HOOK_CLSACT) {
		r = namespace_enter(l, netns_fd);
		if (r)
			return r;
		hook_detach(l, s);
		namespace_leave(l, netns_fd);
	} else {
		hook_detach(l, s);
	}
	if (s->xdp)
		bpf_loader_xdp_detach(l, ns, ifindex);
	bpf_loader_forget_link(l, ns, ifindex);
	return 0;
}

void bpf_loader_forget_link(struct bpf_loader *l, uint16_t ns, uint32_t ifindex)
{
	struct link_state *s = link_find(l, ns, ifindex);

	if_keys_delete(l, ns, ifindex);
	link_pins_remove(l, ns, ifindex);
	if (s)
		link_remove(l, s);
}

void bpf_loader_forget_ns(struct bpf_loader *l, uint16_t ns)
{
	struct link_state *s, *next;

	for (s = l->links; s; s = next) {
		next = s->next;
		if (s->ns == ns)
			bpf_loader_forget_link(l, ns, s->ifindex);
	}
	stubs_forget(l, ns);
	ns_number_forget(l, ns);
}

bool links_knows(const struct bpf_loader *l, uint16_t ns, uint32_t ifindex)
{
	for (const struct link_state *s = l->links; s; s = s->next)
		if (s->ns == ns && s->ifindex == ifindex)
			return true;
	return false;
}

void links_note_xdp(struct bpf_loader *l, uint16_t ns, uint32_t ifindex, bool on)
{
	struct link_state *s = link_find(l, ns, ifindex);

	if (s)
		s->xdp = on;
}

void links_close(struct bpf_loader *l, bool unpin)
{
	while (l->links) {
		if (unpin) {
			hook_detach(l, l->links);
			link_pins_remove(l, l->links->ns, l->links->ifindex);
		}
		link_remove(l, l->links);
	}
	stubs_close(l);
}
