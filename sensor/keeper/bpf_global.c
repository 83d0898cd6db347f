/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hooks that belong to no interface: sockets (cgroup hooks at the v2 root, inet_sock_set_state), processes, and the
 * iterators. The pins are what holds the links; a successor replaces the programs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/keeper/bpf_private.h"
/* skeletons use abi.h's types */
#include "sensor/bpf/accepted.skel.h"
#include "sensor/bpf/iterators.skel.h"
#include "sensor/bpf/processes.skel.h"
#include "sensor/bpf/sockets.skel.h"
#include "sensor/bpf/syscalls.skel.h"
#include "sensor/bpf/unix.skel.h"
#include "sensor/bpf/uring.skel.h"

static void global_pin_path(const struct bpf_loader *l, const struct bpf_program *p, char ret[PIN_PATH_LEN])
{
	snprintf(ret, PIN_PATH_LEN, "%s/links/global-%s", l->pin_dir, bpf_program__name(p));
}

static bool is_cgroup_program(const struct bpf_program *p)
{
	return strncmp(bpf_program__section_name(p), "cgroup", 6) == 0;
}

/* A cgroup link's program can be exchanged in place; a tracepoint's cannot: the new one is attached before the old goes
 * (for that moment an event may come twice, never not at all). */
static int program_attach(struct bpf_loader *l, const struct bpf_program *p, int cgroup_fd)
{
	_cleanup_close_ int old = -1, link = -1;
	char path[PIN_PATH_LEN];
	int prog = bpf_program__fd(p);

	global_pin_path(l, p, path);
	old = bpf_obj_get(path);
	if (is_cgroup_program(p)) {
		if (old >= 0 && !bpf_link_update(old, prog, NULL))
			return 0;
		link = bpf_link_create(prog, cgroup_fd, bpf_program__expected_attach_type(p), NULL);
	} else {
		link = bpf_raw_tracepoint_open(NULL, prog);
	}
	if (link < 0)
		return -errno;
	unlink(path);
	return bpf_obj_pin(link, path) ? -errno : 0;
}

/* Attaches all loaded programs of an object; *ret_done counts them. Returns the first error. */
static int programs_attach(struct bpf_loader *l, struct bpf_object *o, int cgroup_fd, unsigned *ret_done)
{
	struct bpf_program *p;
	int first = 0;

	bpf_object__for_each_program(p, o) {
		int r;

		if (!bpf_program__autoload(p))
			continue;
		r = program_attach(l, p, cgroup_fd);
		if (r)
			log_debug("bpf: %s: %s", bpf_program__name(p), strerror(-r));
		if (r && !first)
			first = r;
		if (!r)
			(*ret_done)++;
	}
	return first;
}

static void programs_leave_out(struct bpf_object *o, bool cgroup, bool others)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, o)
		if (is_cgroup_program(p) ? cgroup : others)
			bpf_program__set_autoload(p, false);
}

/* Inode number of one of the node's own namespaces: init's, or ours where init's may not be looked at. */
static uint32_t node_namespace(const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/1/ns/%s", name);
	if (stat(path, &st) == 0)
		return (uint32_t)st.st_ino;
	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return stat(path, &st) == 0 ? (uint32_t)st.st_ino : 0;
}

/* The cgroup hooks and the tracepoint of one object, each half without the other if need be. */
static int sockets_attach(struct bpf_loader *l, int cgroup_fd, bool cgroup, unsigned *ret_done)
{
	struct sockets_bpf *s = sockets_bpf__open();
	int r;

	if (!s)
		return -errno;
	programs_leave_out(s->obj, !cgroup, cgroup);
	s->rodata->node_mnt_ns = node_namespace("mnt");
	s->rodata->node_net_ns = node_namespace("net");
	r = object_load(l, s->obj);
	if (!r)
		r = programs_attach(l, s->obj, cgroup_fd, ret_done);
	sockets_bpf__destroy(s);
	return r;
}

static int accepted_attach(struct bpf_loader *l, unsigned *ret_done)
{
	struct accepted_bpf *s = accepted_bpf__open();
	int r;

	if (!s)
		return -errno;
	r = object_load(l, s->obj);
	if (!r)
		r = programs_attach(l, s->obj, -1, ret_done);
	accepted_bpf__destroy(s);
	return r;
}

static int processes_attach(struct bpf_loader *l, unsigned *ret_done)
{
	struct processes_bpf *s = processes_bpf__open();
	int r;

	if (!s)
		return -errno;
	s->rodata->node_mnt_ns = node_namespace("mnt");
	s->rodata->node_net_ns = node_namespace("net");
	r = object_load(l, s->obj);
	if (!r)
		r = programs_attach(l, s->obj, -1, ret_done);
	processes_bpf__destroy(s);
	return r;
}

/* One of its two programs: the kernel has the tracepoint by one of its names. */
static int uring_attach_one(struct bpf_loader *l, bool newer, unsigned *ret_done)
{
	struct uring_bpf *s = uring_bpf__open();
	int r;

	if (!s)
		return -errno;
	bpf_program__set_autoload(newer ? s->progs.uring_submit_sqe : s->progs.uring_submit_req, false);
	s->rodata->node_mnt_ns = node_namespace("mnt");
	s->rodata->node_net_ns = node_namespace("net");
	r = object_load(l, s->obj);
	if (!r)
		r = programs_attach(l, s->obj, -1, ret_done);
	uring_bpf__destroy(s);
	return r;
}

static int uring_attach(struct bpf_loader *l, unsigned *ret_done)
{
	int r = uring_attach_one(l, true, ret_done);

	return r ? uring_attach_one(l, false, ret_done) : 0;
}

#define CGROUP_UNIX_CONNECT 49 /* enum bpf_attach_type, from Linux 6.7; libbpf 1.1 does not know it */

static int unix_attach(struct bpf_loader *l, int cgroup_fd, unsigned *ret_done)
{
	struct unix_bpf *s = unix_bpf__open();
	int r;

	if (!s)
		return -errno;
	bpf_program__set_type(s->progs.unix_connect, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
	bpf_program__set_expected_attach_type(s->progs.unix_connect, (enum bpf_attach_type)CGROUP_UNIX_CONNECT);
	s->rodata->node_mnt_ns = node_namespace("mnt");
	s->rodata->node_net_ns = node_namespace("net");
	r = object_load(l, s->obj);
	if (!r)
		r = programs_attach(l, s->obj, cgroup_fd, ret_done);
	unix_bpf__destroy(s);
	return r;
}

int bpf_loader_syscalls(struct bpf_loader *l, bool on)
{
	struct syscalls_bpf *s;
	char path[PIN_PATH_LEN];
	unsigned done = 0;
	int r;

	if (!on) {
		snprintf(path, sizeof(path), "%s/links/global-syscall_enter", l->pin_dir);
		return unlink(path) && errno != ENOENT ? -errno : 0;
	}
	s = syscalls_bpf__open();
	if (!s)
		return -errno;
	r = object_load(l, s->obj);
	if (!r)
		r = programs_attach(l, s->obj, -1, &done);
	syscalls_bpf__destroy(s);
	return r;
}

static int iter_link_make(struct bpf_object *o, const char *name)
{
	_cleanup_close_ int prog = object_program_fd(o, name);
	int fd;

	if (prog < 0)
		return prog;
	fd = bpf_link_create(prog, 0, BPF_TRACE_ITER, NULL);
	return fd < 0 ? -errno : fd;
}

static int iterators_open(struct bpf_loader *l)
{
	struct iterators_bpf *s = iterators_bpf__open();
	int r;

	if (!s)
		return -errno;
	s->rodata->node_mnt_ns = node_namespace("mnt");
	s->rodata->node_net_ns = node_namespace("net");
	r = object_load(l, s->obj);
	if (!r) {
		l->iter_link[MSG_ITER_PROCESSES] = r = iter_link_make(s->obj, "iter_processes");
		if (r >= 0)
			l->iter_link[MSG_ITER_SOCKETS] = r = iter_link_make(s->obj, "iter_sockets");
		if (r >= 0)
			l->iter_pass_map = r = fcntl(bpf_map__fd(s->maps.bss), F_DUPFD_CLOEXEC, 3);
		r = r < 0 ? r : 0;
	}
	iterators_bpf__destroy(s);
	return r;
}

int bpf_loader_attach_global(struct bpf_loader *l)
{
	_cleanup_close_ int cgroup = cgroup2_root_open();
	unsigned done = 0;
	int r, first = 0;

	r = sockets_attach(l, -1, false, &done);
	loader_feature(l, "tp_btf", r == 0, "TCP connections get no process and listening sockets are known from the iterators only");
	first = r;
	r = cgroup < 0 ? cgroup : sockets_attach(l, cgroup, true, &done);
	loader_feature(l, "cgroup_socket_hooks", r == 0,
		       "UDP, ping and raw sockets get no process, UDP listeners are known from the iterators only");
	first = first ?: r;
	r = accepted_attach(l, &done);
	loader_feature(l, "accepted_by", r == 0, "accepted connections are attributed to the process that opened "
		"the listener, not to the one that serves them");
	first = first ?: r;
	r = cgroup < 0 ? cgroup : unix_attach(l, cgroup, &done);
	loader_feature(l, "unix_connect", r == 0, "a container's use of the engine's socket is not seen (Linux 6.7 and later have the hook)");
	r = uring_attach(l, &done);
	loader_feature(l, "uring_sockets", r == 0, "a packet socket that a program makes by io_uring is not told (no tracepoint io_uring_submit_req "
		"or io_uring_submit_sqe); what it sends is counted");
	r = processes_attach(l, &done);
	loader_feature(l, "process_events", r == 0, "processes are known from the iterators only, short ones are not seen");
	first = first ?: r;
	r = l->iter_link[0] >= 0 ? 0 : iterators_open(l);
	loader_feature(l, "iterators", r == 0, "processes and listeners that were there before the sensor are not known");
	return done ? 0 : first;
}

int bpf_loader_iter(struct bpf_loader *l, enum msg_iter_kind kind)
{
	uint32_t zero = 0;
	int fd;

	if (kind != MSG_ITER_PROCESSES && kind != MSG_ITER_SOCKETS)
		return -EINVAL;
	if (l->iter_link[kind] < 0)
		return -EOPNOTSUPP;
	if (kind == MSG_ITER_SOCKETS) {
		l->iter_pass++;
		if (bpf_map_update_elem(l->iter_pass_map, &zero, &l->iter_pass, BPF_ANY))
			return -errno;
	}
	fd = bpf_iter_create(l->iter_link[kind]);
	return fd < 0 ? -errno : fd;
}

void iter_close(struct bpf_loader *l)
{
	close_fd(&l->iter_link[MSG_ITER_PROCESSES]);
	close_fd(&l->iter_link[MSG_ITER_SOCKETS]);
	close_fd(&l->iter_pass_map);
}
