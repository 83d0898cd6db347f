/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the eBPF tests: a node namespace with a bridge, container namespaces behind veths, and a loader whose pins live in a
 * private mount namespace. Everything goes with the process, also when it crashes. Needs root; else the tests skip.
 * The test includes cmocka before. */
#ifndef PG_TESTS_BPF_FIXTURE_H
#define PG_TESTS_BPF_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/bpf/abi.h"
#include "sensor/bpf/private.h"
#include "sensor/keeper/bpf_loader.h"

#define FIXTURE_CONTAINERS 3
#define FIXTURE_CPUS 256
#define FIXTURE_UNUSED __attribute__((unused))

struct fixture {
	int home, node;
	int container[FIXTURE_CONTAINERS]; /* namespaces */
	uint32_t veth[FIXTURE_CONTAINERS]; /* host ends, in the node namespace */
	uint32_t bridge;
	uint16_t ns;
	char dir[64], pin_dir[96];
	struct bpf_loader *loader;
};

FIXTURE_UNUSED static void ns_go(int fd)
{
	if (setns(fd, CLONE_NEWNET)) {
		perror("setns");
		abort();
	}
}

FIXTURE_UNUSED static int ns_self(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

FIXTURE_UNUSED static int ns_make(int home)
{
	int fd;

	if (unshare(CLONE_NEWNET))
		return -1;
	fd = ns_self();
	ns_go(home);
	return fd;
}

FIXTURE_UNUSED static uint64_t ns_cookie(int home, int ns)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	int s;

	ns_go(ns);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	getsockopt(s, SOL_SOCKET, 71 /* SO_NETNS_COOKIE */, &cookie, &len);
	close(s);
	ns_go(home);
	return cookie;
}

/* Runs a shell command in a namespace (tests may; the product may not). Returns its exit status. */
FIXTURE_UNUSED static int run_in(int ns, const char *fmt, ...) _printf_(2, 3);
FIXTURE_UNUSED static int run_in(int ns, const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;
	int status;
	pid_t pid;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	pid = fork();
	if (pid == 0) {
		ns_go(ns);
		execl("/bin/sh", "sh", "-ec", cmd, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fprintf(stderr, "# command failed (%d): %s\n", status, cmd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

FIXTURE_UNUSED static int socket_in(struct fixture *f, int ns, int family, int type, int proto)
{
	int s;

	ns_go(ns);
	s = socket(family, type | SOCK_CLOEXEC, proto);
	ns_go(f->home);
	return s;
}

FIXTURE_UNUSED static uint32_t index_in(struct fixture *f, int ns, const char *name)
{
	uint32_t i;

	ns_go(ns);
	i = if_nametoindex(name);
	ns_go(f->home);
	return i;
}

/* No link-local address, hence no router solicitations; multicast reports at once: nothing is sent but what the test sends. */
#define FIXTURE_QUIET(dev)                                                                                  \
	"ip link set " dev " addrgenmode none; for v in mldv1 mldv2; do "                                   \
	"echo 1 > /proc/sys/net/ipv6/conf/" dev "/${v}_unsolicited_report_interval; done; "

/* Containers get 10.77.0.(2+i)/24 and fd77::(2+i)/64 on eth0, the bridge 10.77.0.1 and fd77::1. */
FIXTURE_UNUSED static int fixture_net(struct fixture *f)
{
	f->node = ns_make(f->home);
	if (run_in(f->node, "ip link set lo up; ip link add br0 type bridge mcast_snooping 0; "
			    FIXTURE_QUIET("br0") "ip addr add 10.77.0.1/24 dev br0; "
			    "ip addr add fd77::1/64 dev br0 nodad; ip link set br0 up"))
		return -1;
	f->bridge = index_in(f, f->node, "br0");
	for (int i = 0; i < FIXTURE_CONTAINERS; i++) {
		char name[16];

		f->container[i] = ns_make(f->home);
		snprintf(name, sizeof(name), "veth%d", i);
		if (run_in(f->node, "ip link add %s type veth peer name eth0 netns /proc/%d/fd/%d; ip link set %s addrgenmode none; "
			   "ip link set %s master br0 up", name, getpid(), f->container[i], name, name) ||
		    run_in(f->container[i], "ip link set lo up; " FIXTURE_QUIET("eth0") "ip addr add 10.77.0.%d/24 dev eth0; "
			   "ip addr add fd77::%d/64 dev eth0 nodad; ip link set eth0 up; ip route add default via 10.77.0.1", 2 + i, 2 + i))
			return -1;
		f->veth[i] = index_in(f, f->node, name);
	}
	usleep(100000);
	return 0;
}

FIXTURE_UNUSED static int fixture_loader_with(struct fixture *f, uint32_t flows_max, uint32_t half_open_max, bool no_tcx)
{
	struct bpf_loader_options o = { .pin_dir = f->pin_dir, .flows_max = flows_max, .half_open_max = half_open_max, .no_tcx = no_tcx };
	int r = bpf_loader_open(&o, &f->loader);

	if (r) {
		fprintf(stderr, "# loader: %d %s\n", r, bpf_loader_error());
		return r;
	}
	return bpf_loader_ns_number(f->loader, ns_cookie(f->home, f->node), &f->ns);
}

FIXTURE_UNUSED static int fixture_attach(struct fixture *f)
{
	struct msg_hook h;
	int r;

	r = bpf_loader_attach_link(f->loader, f->node, f->ns, f->bridge, PG_IF_BRIDGE, 0, &h);
	for (int i = 0; i < FIXTURE_CONTAINERS && !r; i++)
		r = bpf_loader_attach_link(f->loader, f->node, f->ns, f->veth[i], PG_IF_CONTAINER, 0, &h);
	if (r)
		fprintf(stderr, "# attach: %s\n", strerror(-r));
	return r;
}

/* Namespaces and mounts of our own; NULL when not root. */
FIXTURE_UNUSED static struct fixture *fixture_new(void)
{
	struct fixture *f;

	if (geteuid() != 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (getenv("BPF_DEBUG"))
		log_init("test", LOG_LVL_DEBUG);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		free(f);
		return NULL;
	}
	f->home = ns_self();
	snprintf(f->dir, sizeof(f->dir), "/tmp/pg-bpf-test-%d", getpid());
	mkdir(f->dir, 0700);
	snprintf(f->pin_dir, sizeof(f->pin_dir), "%s/bpf", f->dir);
	return f;
}

FIXTURE_UNUSED static void fixture_free(struct fixture *f)
{
	if (!f)
		return;
	bpf_loader_close(f->loader, true);
	for (int i = 0; i < FIXTURE_CONTAINERS; i++)
		close(f->container[i]);
	close(f->node);
	close(f->home);
	rmdir(f->pin_dir);
	rmdir(f->dir);
	free(f);
}

/* ---- what the maps say ------------------------------------------------------------------------------ */
FIXTURE_UNUSED static uint64_t counter(struct fixture *f, enum pg_counter c)
{
	int cpus = libbpf_num_possible_cpus() < FIXTURE_CPUS ? libbpf_num_possible_cpus() : FIXTURE_CPUS;
	uint64_t v[FIXTURE_CPUS] = {}, sum = 0;
	uint32_t k = c;

	if (bpf_map_lookup_elem(bpf_loader_map_fd(f->loader, "counters"), &k, v))
		return UINT64_MAX;
	for (int i = 0; i < cpus; i++)
		sum += v[i];
	return sum;
}

FIXTURE_UNUSED static void assert_balance(struct fixture *f)
{
	assert_int_equal(counter(f, PG_CTR_SEEN), counter(f, PG_CTR_COUNTED) + counter(f, PG_CTR_NOT_IP) +
			 counter(f, PG_CTR_MALFORMED) + counter(f, PG_CTR_REFUSED_FULL) + counter(f, PG_CTR_REFUSED_HALF));
}

FIXTURE_UNUSED static struct pg_if_stats if_stats_of(struct fixture *f, uint16_t ns, uint32_t ifindex)
{
	struct pg_if_key k = { .ifindex = ifindex, .ns = ns };
	int cpus = libbpf_num_possible_cpus() < FIXTURE_CPUS ? libbpf_num_possible_cpus() : FIXTURE_CPUS;
	struct pg_if_stats v[FIXTURE_CPUS] = {}, s = {};

	struct pg_if_slot slot[FIXTURE_CPUS] = {};
	uint32_t at = if_slot_of(ifindex, ns);

	if (bpf_map_lookup_elem(bpf_loader_map_fd(f->loader, "if_stats"), &k, v))
		return s;
	bpf_map_lookup_elem(bpf_loader_map_fd(f->loader, "if_slots"), &at, slot);
	for (int i = 0; i < cpus; i++) {
		if (memcmp(&slot[i].key, &k, sizeof(k)) == 0) { /* each entry is used by one of the two */
			assert_int_equal(v[i].in_skbs + v[i].out_skbs, 0);
			v[i] = slot[i].stats;
		}
		s.in_skbs += v[i].in_skbs;
		s.in_raw_bytes += v[i].in_raw_bytes;
		s.in_packets += v[i].in_packets;
		s.in_bytes += v[i].in_bytes;
		s.out_skbs += v[i].out_skbs;
		s.out_raw_bytes += v[i].out_raw_bytes;
		s.out_packets += v[i].out_packets;
		s.out_bytes += v[i].out_bytes;
	}
	return s;
}

/* ---- what the kernel holds ----------------------------------------------------------------------------- */
FIXTURE_UNUSED static uint32_t map_id(struct fixture *f, const char *name)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(bpf_loader_map_fd(f->loader, name), &info, &len), 0);
	return info.id;
}

/* Programs of this name that use the map: ours, not those of a sensor that runs beside the test. */
FIXTURE_UNUSED static unsigned programs_using(uint32_t map, const char *name)
{
	uint32_t id = 0;
	unsigned n = 0;

	while (bpf_prog_get_next_id(id, &id) == 0) {
		uint32_t maps[64], len = sizeof(struct bpf_prog_info);
		struct bpf_prog_info info = { .map_ids = (uintptr_t)maps, .nr_map_ids = 64 };
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && strncmp(info.name, name, strlen(name)) == 0)
			for (uint32_t i = 0; i < info.nr_map_ids && i < 64; i++)
				n += maps[i] == map;
		close(fd);
	}
	return n;
}

/* Programs go away a moment after their last reference. */
FIXTURE_UNUSED static unsigned programs_wait(uint32_t map, const char *name, unsigned want)
{
	for (int i = 0; i < 500 && programs_using(map, name) != want; i++)
		usleep(20000);
	return programs_using(map, name);
}

/* A map lives as long as any program that uses it: when it is gone, so are all of them. The kernel takes its time: an array of
 * programs is emptied with a grace period for every program that calls through it. */
FIXTURE_UNUSED static bool map_gone(uint32_t id)
{
	for (int i = 0; i < 500; i++) {
		int fd = bpf_map_get_fd_by_id(id);

		if (fd < 0)
			return true;
		close(fd);
		usleep(20000);
	}
	return false;
}

/* What is attached to the first container's veth, "in" or "out": by its pinned link, else by its filter. -1: nothing. */
FIXTURE_UNUSED static int fixture_program_of(struct fixture *f, const char *what)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)f->veth[0],
		    .attach_point = strcmp(what, "in") == 0 ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = 0x5047, .priority = 0x5047);
	struct bpf_link_info info = {};
	uint32_t len = sizeof(info);
	char path[160];
	int link, r;

	snprintf(path, sizeof(path), "%s/links/%u-%u-%s", f->pin_dir, f->ns, f->veth[0], what);
	link = bpf_obj_get(path);
	if (link >= 0) {
		r = bpf_obj_get_info_by_fd(link, &info, &len);
		close(link);
		return r ? -1 : bpf_prog_get_fd_by_id(info.prog_id);
	}
	ns_go(f->node);
	r = bpf_tc_query(&hook, &filter);
	ns_go(f->home);
	return r ? -1 : bpf_prog_get_fd_by_id(filter.prog_id);
}

/* ---- traffic ---------------------------------------------------------------------------------------------- */
struct end {
	const char *addr;
	uint16_t port; /* host byte order */
};

/* The key of (from, to) and which direction from sends in. */
FIXTURE_UNUSED static struct flow_key key_of(uint16_t ns, uint8_t proto, struct end from, struct end to, int *ret_dir)
{
	struct flow_key k = { .ns = ns, .proto = proto };
	struct end e[2] = { from, to };
	uint8_t raw[2][18] = {};
	int swap;

	for (int i = 0; i < 2; i++) {
		if (inet_pton(AF_INET6, e[i].addr, raw[i]) != 1) {
			memset(raw[i], 0, 16);
			raw[i][10] = raw[i][11] = 0xff;
			inet_pton(AF_INET, e[i].addr, raw[i] + 12);
		}
		raw[i][16] = (uint8_t)(e[i].port >> 8);
		raw[i][17] = (uint8_t)e[i].port;
	}
	swap = memcmp(raw[0], raw[1], 18) > 0;
	for (int i = 0; i < 2; i++) {
		memcpy(k.addr[i], raw[i ^ swap], 16);
		memcpy(&k.port[i], raw[i ^ swap] + 16, 2);
	}
	*ret_dir = swap;
	return k;
}

FIXTURE_UNUSED static bool flow_get(struct fixture *f, const struct flow_key *k, struct pg_flow *ret)
{
	return bpf_map_lookup_elem(bpf_loader_map_fd(f->loader, "flows"), k, ret) == 0;
}

FIXTURE_UNUSED static unsigned flows_count(struct fixture *f, bool (*want)(const struct flow_key *k, const struct pg_flow *v))
{
	int fd = bpf_loader_map_fd(f->loader, "flows");
	struct flow_key k, *at = NULL;
	struct pg_flow v;
	unsigned n = 0;

	while (bpf_map_get_next_key(fd, at, &k) == 0) {
		at = &k;
		if (bpf_map_lookup_elem(fd, &k, &v) == 0 && (!want || want(&k, &v)))
			n++;
	}
	return n;
}

FIXTURE_UNUSED static void flows_clear(struct fixture *f)
{
	int fd = bpf_loader_map_fd(f->loader, "flows");
	struct flow_key k;

	while (bpf_map_get_next_key(fd, NULL, &k) == 0)
		bpf_map_delete_elem(fd, &k);
}

FIXTURE_UNUSED static void address_of(struct end e, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (strchr(e.addr, ':')) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(e.port);
		inet_pton(AF_INET6, e.addr, &v6->sin6_addr);
		*ret_len = sizeof(*v6);
	} else {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(e.port);
		inet_pton(AF_INET, e.addr, &v4->sin_addr);
		*ret_len = sizeof(*v4);
	}
}

FIXTURE_UNUSED static int bound_socket(struct fixture *f, int ns, int type, struct end e)
{
	struct sockaddr_storage a;
	socklen_t len;
	int s, one = 1;

	address_of(e, &a, &len);
	s = socket_in(f, ns, a.ss_family, type, 0);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (void *)&a, len)) {
		perror("# bind");
		close(s);
		return -1;
	}
	return s;
}

FIXTURE_UNUSED static int send_to(int s, struct end e, const void *p, size_t n)
{
	struct sockaddr_storage a;
	socklen_t len;

	address_of(e, &a, &len);
	return sendto(s, p, n, 0, (void *)&a, len) == (ssize_t)n ? 0 : -errno;
}

FIXTURE_UNUSED static int connect_to(int s, struct end e)
{
	struct sockaddr_storage a;
	socklen_t len;

	address_of(e, &a, &len);
	return connect(s, (void *)&a, len) ? -errno : 0;
}

FIXTURE_UNUSED static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

#endif
