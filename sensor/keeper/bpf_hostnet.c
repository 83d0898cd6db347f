/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Containers on the host network: skb hooks on their cgroup, as pinned links, and the map that lets the veths' hooks know
 * what was counted there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "sensor/keeper/bpf_private.h"
/* skeletons use abi.h's types */
#include "sensor/bpf/hostnet.skel.h"

static void hostnet_pin_path(const struct bpf_loader *l, uint32_t pseudo, bool ingress, char ret[PIN_PATH_LEN])
{
	snprintf(ret, PIN_PATH_LEN, "%s/links/hostnet-%u-%s", l->pin_dir, pseudo, ingress ? "in" : "out");
}

static void hostnet_detach(struct bpf_loader *l, uint32_t pseudo, bool ingress)
{
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];

	hostnet_pin_path(l, pseudo, ingress, path);
	fd = bpf_obj_get(path);
	if (fd >= 0)
		bpf_link_detach(fd);
	unlink(path);
}

static int hostnet_attach(struct bpf_loader *l, int prog, int cgroup_fd, uint32_t pseudo, bool ingress)
{
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];

	hostnet_detach(l, pseudo, ingress); /* an earlier keeper's */
	fd = bpf_link_create(prog, cgroup_fd, ingress ? BPF_CGROUP_INET_INGRESS : BPF_CGROUP_INET_EGRESS, NULL);
	if (fd < 0)
		return -errno;
	hostnet_pin_path(l, pseudo, ingress, path);
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

static void hostnet_off(struct bpf_loader *l, uint32_t pseudo)
{
	hostnet_detach(l, pseudo, true);
	hostnet_detach(l, pseudo, false);
	for (struct hostnet_state **p = &l->hostnets; *p; p = &(*p)->next) {
		struct hostnet_state *gone = *p;

		if (gone->pseudo_ifindex != pseudo)
			continue;
		bpf_map_delete_elem(l->maps.fd[MAP_HOSTNET], &gone->cgroup);
		*p = gone->next;
		free(gone);
		return;
	}
}

/* The two programs, loaded with the first container that needs them. */
static int hostnet_load(struct bpf_loader *l)
{
	struct hostnet_bpf *s = l->hostnet_program;
	int r;

	if (s)
		return 0;
	s = hostnet_bpf__open();
	if (!s)
		return -errno;
	s->rodata->half_open_max = l->half_open_max;
	s->rodata->flows_max = maps_flows_max(&l->maps);
	r = object_load(l, s->obj);
	if (r)
		hostnet_bpf__destroy(s);
	else
		l->hostnet_program = s;
	return r;
}

/* The cgroup has its storage once a program is attached. */
static int hostnet_on(struct bpf_loader *l, int cgroup_fd, uint64_t cgroup, uint32_t pseudo, uint16_t ns)
{
	struct hostnet_id id = { .pseudo_ifindex = pseudo, .ns = ns };
	struct hostnet_bpf *s;
	int r;

	r = hostnet_load(l);
	if (r)
		return r;
	s = l->hostnet_program;
	r = hostnet_attach(l, bpf_program__fd(s->progs.hostnet_egress), cgroup_fd, pseudo, false);
	if (!r && bpf_map_update_elem(bpf_map__fd(s->maps.hostnet_ids), &cgroup, &id, BPF_ANY))
		r = -errno;
	if (!r)
		r = hostnet_attach(l, bpf_program__fd(s->progs.hostnet_ingress), cgroup_fd, pseudo, true);
	return r;
}

int bpf_loader_hostnet(struct bpf_loader *l, int cgroup_fd, uint32_t pseudo_ifindex, uint16_t ns, bool on)
{
	_cleanup_free_ struct hostnet_state *h = NULL;
	struct stat st;
	int r;

	if (pseudo_ifindex < PG_PSEUDO_IFINDEX_MIN || !ns)
		return -EINVAL;
	if (!on) {
		hostnet_off(l, pseudo_ifindex);
		return 0;
	}
	if (fstat(cgroup_fd, &st)) /* the inode number of a cgroup directory is its id */
		return -errno;
	for (h = l->hostnets; h; h = h->next) {
		if (h->pseudo_ifindex == pseudo_ifindex && h->cgroup == st.st_ino) {
			h = NULL;
			return 0;
		}
	}
	hostnet_off(l, pseudo_ifindex);
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->pseudo_ifindex = pseudo_ifindex;
	h->cgroup = st.st_ino;
	r = hostnet_on(l, cgroup_fd, h->cgroup, pseudo_ifindex, ns);
	if (!r && bpf_map_update_elem(l->maps.fd[MAP_HOSTNET], &h->cgroup, &pseudo_ifindex, BPF_ANY))
		r = -errno;
	if (r) {
		hostnet_off(l, pseudo_ifindex);
		return r;
	}
	h->next = l->hostnets;
	l->hostnets = take_ptr(h);
	return 0;
}

bool hostnet_knows(const struct bpf_loader *l, uint32_t pseudo)
{
	for (const struct hostnet_state *h = l->hostnets; h; h = h->next)
		if (h->pseudo_ifindex == pseudo)
			return true;
	return false;
}

void hostnet_close(struct bpf_loader *l, bool unpin)
{
	while (l->hostnets) {
		struct hostnet_state *h = l->hostnets;

		if (unpin) {
			hostnet_off(l, h->pseudo_ifindex);
			continue;
		}
		l->hostnets = h->next;
		free(h);
	}
	hostnet_bpf__destroy(l->hostnet_program);
	l->hostnet_program = NULL;
}
