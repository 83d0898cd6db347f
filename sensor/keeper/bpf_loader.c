/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loader's life: bpffs, maps, features, namespace numbers, closing. Interfaces: bpf_attach.c. */
#include "sensor/keeper/bpf_loader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/keeper/bpf_private.h"

#define HALF_OPEN_DEFAULT 65536u
#define VXLAN_PORT_DEFAULT 4789
#define TCX_INGRESS 46

static _Thread_local char open_error[256];

static void error_set(const char *fmt, ...) _printf_(1, 2);
static void error_set(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(open_error, sizeof(open_error), fmt, ap);
	va_end(ap);
}

const char *bpf_loader_error(void)
{
	return open_error;
}

/* The end of a long message is what matters: the verifier's reason stands there. */
static int print_debug(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	int len;

	if (level == LIBBPF_DEBUG || log_max_level() < LOG_LVL_DEBUG)
		return 0;
	len = vasprintf(&text, fmt, ap);
	if (len < 0) {
		text = NULL;
		return 0;
	}
	log_debug("%s", len > 900 ? text + len - 900 : text);
	return 0;
}

/* ---- helpers of the other files ------------------------------------------------------------------- */
void loader_feature(struct bpf_loader *l, const char *name, bool present, const char *consequence)
{
	struct msg_feature *f = NULL;

	for (unsigned i = 0; i < l->feature_count; i++)
		if (strcmp(l->features[i].name, name) == 0)
			f = &l->features[i];
	if (!f) {
		if (l->feature_count == FEATURES_MAX)
			return;
		f = &l->features[l->feature_count++];
	}
	memset(f, 0, sizeof(*f));
	f->present = present;
	snprintf(f->name, sizeof(f->name), "%s", name);
	snprintf(f->consequence, sizeof(f->consequence), "%s", present ? "" : consequence);
}

int namespace_enter(struct bpf_loader *l, int fd)
{
	if (fd < 0)
		return 0;
	return setns(fd, CLONE_NEWNET) ? -errno : 0;
}

void namespace_leave(struct bpf_loader *l, int fd)
{
	if (fd < 0)
		return;
	if (setns(l->home_ns, CLONE_NEWNET)) {
		log_error("cannot return to the own network namespace: %s", strerror(errno));
		abort();
	}
}

int object_load(struct bpf_loader *l, struct bpf_object *o)
{
	int r = maps_share(&l->maps, o);

	return r ? r : bpf_object__load(o);
}

int object_program_fd(struct bpf_object *o, const char *name)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o, name);
	int fd;

	if (!p || bpf_program__fd(p) < 0)
		return -ENOENT;
	fd = fcntl(bpf_program__fd(p), F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}

void pin_path_link(const struct bpf_loader *l, uint16_t ns, uint32_t ifindex, const char *what, char ret[PIN_PATH_LEN])
{
	snprintf(ret, PIN_PATH_LEN, "%s/links/%u-%u-%s", l->pin_dir, ns, ifindex, what);
}

/* ---- bpffs ------------------------------------------------------------------------------------------ */
static bool is_bpffs(const char *path)
{
	struct statfs s;

	return statfs(path, &s) == 0 && (unsigned long)s.f_type == BPF_FS_MAGIC;
}

static int mkdir_parents(const char *path)
{
	char p[256];

	if ((size_t)snprintf(p, sizeof(p), "%s", path) >= sizeof(p))
		return -ENAMETOOLONG;
	for (char *c = p + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		if (mkdir(p, 0755) && errno != EEXIST)
			return -errno;
		*c = '/';
	}
	return mkdir(p, 0700) && errno != EEXIST ? -errno : 0;
}

static int bpffs_open(struct bpf_loader *l)
{
	char links[PIN_PATH_LEN];
	int r = mkdir_parents(l->pin_dir);

	if (r) {
		error_set("cannot make %s: %s", l->pin_dir, strerror(-r));
		return r;
	}
	if (!is_bpffs(l->pin_dir)) {
		if (mount("pierglass", l->pin_dir, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700")) {
			r = -errno;
			error_set("cannot mount a bpffs on %s: %s", l->pin_dir, strerror(-r));
			return r;
		}
		l->mounted = true;
	}
	snprintf(links, sizeof(links), "%s/links", l->pin_dir);
	if (mkdir(links, 0700) && errno != EEXIST) {
		r = -errno;
		error_set("cannot make %s: %s", links, strerror(-r));
		return r;
	}
	return 0;
}

/* Calls cb for the name of every pin below links/. */
static void pins_each(struct bpf_loader *l, void (*cb)(struct bpf_loader *l, const char *name, const char *path))
{
	char dir[PIN_PATH_LEN], path[PIN_PATH_LEN + 264];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/links", l->pin_dir);
	d = opendir(dir);
	if (!d)
		return;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		cb(l, e->d_name, path);
	}
	closedir(d);
}

/* "<ns>-<ifindex>-<what>" */
static bool pin_name_parse(const char *name, uint16_t *ret_ns, uint32_t *ret_ifindex)
{
	unsigned long ns, ifindex;
	char *end;

	ns = strtoul(name, &end, 10);
	if (end == name || *end != '-' || ns > UINT16_MAX)
		return false;
	name = end + 1;
	ifindex = strtoul(name, &end, 10);
	if (end == name || *end != '-' || ifindex > UINT32_MAX)
		return false;
	*ret_ns = (uint16_t)ns;
	*ret_ifindex = (uint32_t)ifindex;
	return true;
}

static void pin_remove(struct bpf_loader *l, const char *name, const char *path)
{
	unlink(path);
}

static void pin_remove_unknown(struct bpf_loader *l, const char *name, const char *path)
{
	uint16_t ns;
	uint32_t ifindex;

	if (strncmp(name, "hostnet-", 8) == 0) {
		if (!hostnet_knows(l, (uint32_t)strtoul(name + 8, NULL, 10)))
			unlink(path);
		return;
	}
	if (pin_name_parse(name, &ns, &ifindex) && !links_knows(l, ns, ifindex))
		unlink(path);
}

void bpf_loader_adoption_done(struct bpf_loader *l)
{
	pins_each(l, pin_remove_unknown);
	if_keys_delete_unknown(l);
}

/* ---- namespace numbers ------------------------------------------------------------------------------- */
int bpf_loader_ns_number(struct bpf_loader *l, uint64_t netns_cookie, uint16_t *ret)
{
	int fd = l->maps.fd[MAP_NETNS_NUMBERS];
	uint64_t last_key = 0;
	uint32_t n = 0;

	if (!netns_cookie)
		return -EINVAL;
	if (bpf_map_lookup_elem(fd, &netns_cookie, &n) == 0) {
		*ret = (uint16_t)n;
		return 0;
	}
	if (bpf_map_lookup_elem(fd, &last_key, &n) && errno != ENOENT)
		return -errno;
	if (n >= UINT16_MAX)
		return -ENOSPC;
	n++;
	if (bpf_map_update_elem(fd, &last_key, &n, BPF_ANY) || bpf_map_update_elem(fd, &netns_cookie, &n, BPF_ANY))
		return -errno;
	*ret = (uint16_t)n;
	return 0;
}

void ns_number_forget(struct bpf_loader *l, uint16_t ns)
{
	int fd = l->maps.fd[MAP_NETNS_NUMBERS];
	uint64_t key, *at = NULL, next;
	uint32_t n;

	while (bpf_map_get_next_key(fd, at, &next) == 0) {
		key = next;
		at = &key;
		if (key && bpf_map_lookup_elem(fd, &key, &n) == 0 && n == ns) {
			bpf_map_delete_elem(fd, &key);
			return;
		}
	}
}

/* ---- features ------------------------------------------------------------------------------------------ */
static bool probe_tcx(int prog_fd)
{
	int fd = bpf_link_create(prog_fd, 0x7fffffff, TCX_INGRESS, NULL);

	if (fd >= 0) {
		close(fd);
		return true;
	}
	return errno == ENODEV; /* it looked for the interface: it knows the attach type */
}

/* A program that does nothing, to ask the kernel with. */
static int probe_program(void)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "pg_probe", "GPL", nothing, ARRAY_SIZE(nothing), NULL);
}

static int features_probe(struct bpf_loader *l)
{
	_cleanup_close_ int prog = probe_program(), cgroup = -1;
	int r = prog < 0 ? -errno : 0;

	if (r) {
		error_set(r == -EPERM ? "the kernel refuses to load eBPF programs (root and CAP_BPF are needed)" :
					"the kernel cannot load eBPF programs: %s", strerror(-r));
		return r == -EPERM || r == -EACCES ? r : -ENOTSUP;
	}
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		error_set("this kernel has no BTF (/sys/kernel/btf/vmlinux; CONFIG_DEBUG_INFO_BTF)");
		return -ENOTSUP;
	}
	loader_feature(l, "btf", true, "");
	loader_feature(l, "bpffs", true, "");
	loader_feature(l, "ringbuf", true, "");
	l->tcx = probe_tcx(prog);
	loader_feature(l, "tcx", l->tcx, "clsact filters are used: they stay on an interface until they are taken off there");
	cgroup = cgroup2_root_open();
	loader_feature(l, "cgroup2", cgroup >= 0,
		       "no cgroup v2 hierarchy is mounted: programs behind UDP flows and host-network containers are not seen");
	return 0;
}

void bpf_loader_each_feature(const struct bpf_loader *l, void (*cb)(const struct msg_feature *f, void *arg), void *arg)
{
	for (unsigned i = 0; i < l->feature_count; i++)
		cb(&l->features[i], arg);
}

void bpf_loader_adopted(const struct bpf_loader *l, unsigned *ret_adopted, unsigned *ret_replaced)
{
	*ret_adopted = l->maps.adopted;
	*ret_replaced = l->maps.replaced;
}

int bpf_loader_map_fd(const struct bpf_loader *l, const char *name)
{
	return maps_fd(&l->maps, name);
}

/* ---- open, close ----------------------------------------------------------------------------------------- */
static struct bpf_loader *loader_new(const struct bpf_loader_options *o)
{
	struct bpf_loader *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	snprintf(l->pin_dir, sizeof(l->pin_dir), "%s", o->pin_dir);
	l->home_ns = l->xdp_prog = l->iter_link[0] = l->iter_link[1] = l->iter_pass_map = l->ask_prog = -1;
	for (int i = 0; i < MAP_MAX; i++)
		l->maps.fd[i] = -1;
	l->vxlan_port = o->vxlan_port ?: VXLAN_PORT_DEFAULT;
	l->half_open_max = o->half_open_max ?: (o->flows_max ? o->flows_max / 2 : HALF_OPEN_DEFAULT);
	return l;
}

static int loader_start(struct bpf_loader *l, const struct bpf_loader_options *o)
{
	int r;

	l->home_ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (l->home_ns < 0) {
		r = -errno;
		error_set("cannot open /proc/thread-self/ns/net: %s", strerror(-r));
		return r;
	}
	r = features_probe(l);
	if (!r)
		r = bpffs_open(l);
	if (r)
		return r;
	r = maps_open(&l->maps, l->pin_dir, o->flows_max);
	if (r)
		error_set("cannot make the eBPF maps: %s", strerror(-r));
	else if (o->no_tcx)
		l->tcx = false;
	if (!r)
		asks_open(l);
	return r;
}

int bpf_loader_open(const struct bpf_loader_options *o, struct bpf_loader **ret)
{
	struct bpf_loader *l;
	int r;

	open_error[0] = '\0';
	if (!o->pin_dir || strlen(o->pin_dir) >= sizeof(l->pin_dir) - 1) {
		error_set("the pin directory is missing or its path too long");
		return -EINVAL;
	}
	libbpf_set_print(print_debug);
	l = loader_new(o);
	if (!l)
		return -ENOMEM;
	r = loader_start(l, o);
	if (r) {
		bool mounted = l->mounted;

		bpf_loader_close(l, false);
		if (mounted)
			umount2(o->pin_dir, MNT_DETACH);
		return r;
	}
	*ret = l;
	return 0;
}

void bpf_loader_close(struct bpf_loader *l, bool unpin)
{
	char links[PIN_PATH_LEN];

	if (!l)
		return;
	iter_close(l);
	asks_close(l);
	hostnet_close(l, unpin);
	links_close(l, unpin);
	close_fd(&l->xdp_prog);
	if (unpin)
		pins_each(l, pin_remove);
	maps_close(&l->maps, l->pin_dir, unpin);
	if (unpin) {
		snprintf(links, sizeof(links), "%s/links", l->pin_dir);
		rmdir(links);
		if (is_bpffs(l->pin_dir))
			umount2(l->pin_dir, MNT_DETACH);
		rmdir(l->pin_dir);
	}
	close_fd(&l->home_ns);
	free(l);
}
