/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The early-drop program as XDP on an interface, as a pinned link. */
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "sensor/keeper/bpf_private.h"
/* skeletons use abi.h's types */
#include "sensor/bpf/xdp.skel.h"

static int program_load(struct bpf_loader *l)
{
	struct xdp_bpf *s;
	int r;

	if (l->xdp_prog >= 0)
		return 0;
	s = xdp_bpf__open();
	if (!s)
		return -errno;
	r = object_load(l, s->obj);
	if (!r) {
		r = object_program_fd(s->obj, "early_drop_xdp");
		if (r >= 0) {
			l->xdp_prog = r;
			r = 0;
		}
	}
	xdp_bpf__destroy(s);
	return r;
}

/* 1: adopted, 0: made. */
static int xdp_attach(struct bpf_loader *l, uint16_t ns, uint32_t ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];

	pin_path_link(l, ns, ifindex, "xdp", path);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		struct bpf_link_info info = {};
		uint32_t len = sizeof(info);

		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex == ifindex &&
		    !bpf_link_update(fd, l->xdp_prog, NULL))
			return 1;
		close_fd(&fd);
		unlink(path);
	}
	fd = bpf_link_create(l->xdp_prog, (int)ifindex, BPF_XDP, &opts);
	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

int bpf_loader_xdp_attach(struct bpf_loader *l, int netns_fd, uint16_t ns, uint32_t ifindex, bool generic, struct msg_hook *ret)
{
	int r;

	*ret = (struct msg_hook){ .ns = ns, .ifindex = ifindex };
	r = program_load(l);
	if (!r)
		r = namespace_enter(l, netns_fd);
	if (r) {
		ret->error = r;
		return r;
	}
	r = xdp_attach(l, ns, ifindex, generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	namespace_leave(l, netns_fd);
	if (r < 0) {
		ret->error = r;
		return r;
	}
	ret->how = generic ? MSG_HOOK_XDP_GENERIC : MSG_HOOK_XDP_NATIVE;
	ret->adopted = r > 0;
	links_note_xdp(l, ns, ifindex, true);
	return 0;
}

int bpf_loader_xdp_detach(struct bpf_loader *l, uint16_t ns, uint32_t ifindex)
{
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];

	pin_path_link(l, ns, ifindex, "xdp", path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	bpf_link_detach(fd);
	unlink(path);
	links_note_xdp(l, ns, ifindex, false);
	return 0;
}
