/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loader's life: a successor takes over, nothing stays behind, the other hooks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/bpf_fixture.h"

#include <signal.h>

#define SKIP_UNLESS(f) \
	if (!(f))      \
	skip()

#define PSEUDO 0x80000005u

static struct fixture *fx;
static char cgroup_path[128]; /* of test_hostnet, also when that fails half-way */

static int setup(void **state)
{
	fx = fixture_new();
	return fx ? fixture_net(fx) : 0;
}

static int teardown(void **state)
{
	fixture_free(fx);
	if (cgroup_path[0])
		rmdir(cgroup_path);
	return 0;
}

static void loader_restart(bool unpin, uint32_t flows_max, bool no_tcx)
{
	bpf_loader_close(fx->loader, unpin);
	fx->loader = NULL;
	assert_int_equal(fixture_loader_with(fx, flows_max, 0, no_tcx), 0);
}

static void loader_stop(void)
{
	bpf_loader_close(fx->loader, true);
	fx->loader = NULL;
}

struct wanted_feature {
	const char *name;
	bool present;
};

static void on_feature(const struct msg_feature *f, void *arg)
{
	struct wanted_feature *w = arg;

	if (strcmp(f->name, w->name) == 0)
		w->present = f->present;
	assert_true(f->present || f->consequence[0]);
}

static bool has_tcx(void)
{
	struct wanted_feature w = { .name = "tcx" };

	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	bpf_loader_each_feature(fx->loader, on_feature, &w);
	loader_stop();
	return w.present;
}

static void datagrams(uint16_t port, unsigned n)
{
	int a = bound_socket(fx, fx->container[0], SOCK_DGRAM, (struct end){ "10.77.0.2", port });

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(send_to(a, (struct end){ "10.77.0.3", 99 }, "0123456789", 10), 0);
	close(a);
}

static uint64_t datagrams_counted(uint16_t port)
{
	struct pg_flow fl = {};
	struct flow_key k;
	int dir;

	k = key_of(fx->ns, IPPROTO_UDP, (struct end){ "10.77.0.2", port }, (struct end){ "10.77.0.3", 99 }, &dir);
	return flow_get(fx, &k, &fl) ? fl.packets[dir] : 0;
}

static void keeper_dies(bool no_tcx)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (fixture_loader_with(fx, 0, 0, no_tcx) || fixture_attach(fx) || bpf_loader_attach_global(fx->loader))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* The keeper is killed; its hooks go on; the next one finds everything and nothing was missed. */
static void adoption(bool no_tcx, uint16_t port)
{
	unsigned adopted, replaced;
	uint32_t flows_id;
	struct pg_if_stats before, after;
	struct msg_hook h;

	keeper_dies(no_tcx);
	datagrams(port, 7);
	assert_int_equal(fixture_loader_with(fx, 0, 0, no_tcx), 0);
	flows_id = map_id(fx, "flows");
	bpf_loader_adopted(fx->loader, &adopted, &replaced);
	assert_true(adopted >= 15);
	assert_int_equal(replaced, 0);
	assert_int_equal(datagrams_counted(port), 7);
	before = if_stats_of(fx, fx->ns, fx->veth[0]);
	assert_true(before.in_skbs >= 7);
	datagrams(port, 3); /* before anything is attached again */
	assert_int_equal(bpf_loader_attach_link(fx->loader, fx->node, fx->ns, fx->veth[0], PG_IF_CONTAINER, 0, &h), 0);
	assert_int_equal(h.adopted, 1);
	assert_int_equal(h.how, no_tcx ? MSG_HOOK_CLSACT : MSG_HOOK_TCX);
	datagrams(port, 5);
	assert_int_equal(datagrams_counted(port), 15);
	after = if_stats_of(fx, fx->ns, fx->veth[0]);
	assert_in_range(after.in_skbs - before.in_skbs, 8, 12); /* the namespace's own IPv6 chatter */
	/* not asked for again: taken away */
	bpf_loader_adoption_done(fx->loader);
	assert_int_equal(if_stats_of(fx, fx->ns, fx->veth[1]).out_skbs, 0);
	assert_int_equal(bpf_loader_attach_link(fx->loader, fx->node, fx->ns, fx->veth[1], PG_IF_CONTAINER, 0, &h), 0);
	assert_int_equal(h.adopted, no_tcx); /* a filter lives with the interface, a link with its pin */
	if (!no_tcx)
		assert_true(h.late_out_packets >= 15);
	for (int i = 0; no_tcx && i < FIXTURE_CONTAINERS; i++) {
		bpf_loader_attach_link(fx->loader, fx->node, fx->ns, fx->veth[i], PG_IF_CONTAINER, 0, &h);
		assert_int_equal(bpf_loader_detach_link(fx->loader, fx->node, fx->ns, fx->veth[i]), 0);
	}
	loader_stop();
	assert_true(map_gone(flows_id));
}

static void test_adoption_tcx(void **state)
{
	SKIP_UNLESS(fx && has_tcx());
	adoption(false, 3000);
}

static void test_adoption_clsact(void **state)
{
	SKIP_UNLESS(fx);
	adoption(true, 3001);
}

static void test_unpin_leaves_nothing(void **state)
{
	uint32_t flows_id, sockets_id;
	bool tcx;

	SKIP_UNLESS(fx);
	tcx = has_tcx();
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(fixture_attach(fx), 0);
	assert_int_equal(bpf_loader_attach_global(fx->loader), 0);
	flows_id = map_id(fx, "flows");
	sockets_id = map_id(fx, "sockets");
	assert_int_equal(programs_using(flows_id, "container_ingre"), 1);
	assert_int_equal(programs_using(sockets_id, "socket_set_stat"), 1);
	assert_int_equal(bpf_loader_attach_global(fx->loader), 0); /* again: the old ones go */
	assert_int_equal(programs_wait(sockets_id, "socket_set_stat", 1), 1);
	assert_int_equal(programs_wait(sockets_id, "socket_release", 1), 1);
	for (int i = 0; !tcx && i < FIXTURE_CONTAINERS; i++) /* needed for clsact filters only: they are in other namespaces */
		assert_int_equal(bpf_loader_detach_link(fx->loader, fx->node, fx->ns, fx->veth[i]), 0);
	loader_stop();
	assert_true(map_gone(flows_id));
	assert_true(map_gone(sockets_id));
	assert_int_not_equal(access(fx->pin_dir, F_OK), 0);
}

static void test_other_size_is_replaced(void **state)
{
	unsigned adopted, replaced;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 1024, 0, false), 0);
	loader_restart(false, 4096, false);
	bpf_loader_adopted(fx->loader, &adopted, &replaced);
	assert_int_equal(replaced, 1);
	loader_stop();
}

static void test_ns_numbers(void **state)
{
	uint16_t a, b, again;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(bpf_loader_ns_number(fx->loader, 111, &a), 0);
	assert_int_equal(bpf_loader_ns_number(fx->loader, 222, &b), 0);
	assert_int_not_equal(a, b);
	bpf_loader_forget_ns(fx->loader, a);
	loader_restart(false, 0, false);
	assert_int_equal(bpf_loader_ns_number(fx->loader, 222, &again), 0);
	assert_int_equal(again, b);
	assert_int_equal(bpf_loader_ns_number(fx->loader, 111, &again), 0);
	assert_true(again > b); /* not given again */
	loader_stop();
}

/* ---- early drop ----------------------------------------------------------------------------------------- */
static void drop_put(const char *addr, unsigned prefix)
{
	struct pg_lpm_key k = { .prefix_len = prefix };
	struct flow_key at;
	uint32_t one = 1;
	int dir;

	at = key_of(0, 0, (struct end){ addr, 0 }, (struct end){ "ffff::", 1 }, &dir);
	memcpy(k.addr, at.addr[dir], 16);
	assert_int_equal(bpf_map_update_elem(bpf_loader_map_fd(fx->loader, "early_drop"), &k, &one, BPF_ANY), 0);
}

static void test_xdp_native(void **state)
{
	uint64_t dropped;
	struct msg_hook h;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(bpf_loader_xdp_attach(fx->loader, fx->node, fx->ns, fx->veth[0], false, &h), 0);
	assert_int_equal(h.how, MSG_HOOK_XDP_NATIVE);
	assert_int_equal(run_in(fx->container[0], "ping -q -c 1 -W 1 10.77.0.3 >/dev/null"), 0);
	drop_put("10.77.0.2", 128);
	drop_put("fd77::", 64);
	dropped = counter(fx, PG_CTR_XDP_DROPPED);
	assert_int_not_equal(run_in(fx->container[0], "ping -q -c 1 -W 1 10.77.0.3 >/dev/null 2>&1"), 0);
	assert_true(counter(fx, PG_CTR_XDP_DROPPED) >= dropped + 1);
	dropped = counter(fx, PG_CTR_XDP_DROPPED);
	assert_int_not_equal(run_in(fx->container[0], "ping -q -c 1 -W 1 fd77::3 >/dev/null 2>&1"), 0);
	assert_true(counter(fx, PG_CTR_XDP_DROPPED) > dropped);
	assert_int_equal(bpf_loader_xdp_detach(fx->loader, fx->ns, fx->veth[0]), 0);
	assert_int_equal(run_in(fx->container[0], "ping -q -c 1 -W 1 10.77.0.3 >/dev/null"), 0);
	loader_stop();
}

/* Two nodes joined by a veth, a VXLAN between them; container 2 plays the other node. */
static void test_vxlan(void **state)
{
	struct pg_vtep_key vk = { .vni = 4097 }, k;
	struct pg_vtep v = {};
	struct flow_key ends;
	uint32_t up, vx;
	uint64_t dropped;
	struct msg_hook h;
	struct pg_if_stats s;
	int dir;

	SKIP_UNLESS(fx);
	assert_int_equal(run_in(fx->node, "ip link add up0 type veth peer name up1 netns /proc/%d/fd/%d; ip addr add 10.9.0.1/24 dev up0; "
				"ip link set up0 up; ip link add vx0 type vxlan id 4097 local 10.9.0.1 remote 10.9.0.2 dstport 4789 dev up0; "
				"ip addr add 10.66.0.1/24 dev vx0; ip link set vx0 up", getpid(), fx->container[2]), 0);
	assert_int_equal(run_in(fx->container[2], "ip addr add 10.9.0.2/24 dev up1; ip link set up1 up; ip link add vx0 type vxlan "
				"id 4097 local 10.9.0.2 remote 10.9.0.1 dstport 4789 dev up1; ip addr add 10.66.0.2/24 dev vx0; ip link set vx0 up"), 0);
	up = index_in(fx, fx->node, "up0");
	vx = index_in(fx, fx->node, "vx0");
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(bpf_loader_attach_link(fx->loader, fx->node, fx->ns, up, PG_IF_UPLINK, 0, &h), 0);
	assert_int_equal(bpf_loader_attach_link(fx->loader, fx->node, fx->ns, vx, PG_IF_VXLAN, 4097, &h), 0);
	assert_int_equal(run_in(fx->node, "ping -q -c 4 -i 0.05 10.66.0.2 >/dev/null"), 0);
	ends = key_of(0, 0, (struct end){ "10.9.0.1", 0 }, (struct end){ "10.9.0.2", 0 }, &dir);
	vk.ns = fx->ns;
	memcpy(vk.local, ends.addr[dir], 16);
	memcpy(vk.remote, ends.addr[!dir], 16);
	k = vk;
	assert_int_equal(bpf_map_lookup_elem(bpf_loader_map_fd(fx->loader, "vteps"), &k, &v), 0);
	assert_true(v.packets[0] >= 4 && v.packets[1] >= 4);
	/* each ping: 14 + 20 + 8 + 8 outside of 14 + 84 */
	assert_true(v.bytes[1] >= 4 * 148 && v.bytes[1] <= v.packets[1] * 148);
	s = if_stats_of(fx, fx->ns, vx);
	assert_true(s.in_skbs >= 4 && s.out_skbs >= 4);
	s = if_stats_of(fx, fx->ns, up);
	assert_true(s.in_skbs >= 4 && s.out_skbs >= 4);
	assert_int_equal(flows_count(fx, NULL), 0);
	/* generic XDP on the vxlan device */
	assert_int_equal(bpf_loader_xdp_attach(fx->loader, fx->node, fx->ns, vx, true, &h), 0);
	assert_int_equal(h.how, MSG_HOOK_XDP_GENERIC);
	drop_put("10.66.0.0", 96 + 24);
	dropped = counter(fx, PG_CTR_XDP_DROPPED);
	assert_int_not_equal(run_in(fx->container[2], "ping -q -c 1 -W 1 10.66.0.1 >/dev/null 2>&1"), 0);
	assert_int_equal(counter(fx, PG_CTR_XDP_DROPPED), dropped + 1);
	loader_stop();
}

/* ---- host network ----------------------------------------------------------------------------------------- */
static int cgroup_make(char path[128])
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(path, 128, "%s/cgroup.controllers", roots[i]);
		if (access(path, F_OK))
			continue;
		snprintf(path, 128, "%s/pg-bpf-hostnet-%d", roots[i], getpid());
		if (mkdir(path, 0755))
			return -1;
		return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return -1;
}

static void test_hostnet(void **state)
{
	struct end node = { "10.77.0.1", 700 }, c = { "10.77.0.2", 701 };
	struct flow_key k;
	struct pg_flow fl;
	char path[128], buf[16];
	int cg, dir, a, status;
	pid_t pid;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(fixture_attach(fx), 0);
	cg = cgroup_make(path);
	memcpy(cgroup_path, path, sizeof(cgroup_path));
	assert_true(cg >= 0);
	assert_int_equal(bpf_loader_hostnet(fx->loader, cg, PSEUDO, fx->ns, true), 0);
	a = bound_socket(fx, fx->container[0], SOCK_DGRAM, c);
	pid = fork();
	if (pid == 0) {
		char procs[160];
		int s, f;

		snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
		f = open(procs, O_WRONLY);
		if (f < 0 || write(f, "0", 1) != 1)
			_exit(1);
		s = bound_socket(fx, fx->node, SOCK_DGRAM, node);
		for (int i = 0; i < 6; i++)
			if (send_to(s, c, "0123456789", 10))
				_exit(2);
		if (!readable(s, 2000) || recv(s, buf, sizeof(buf), 0) != 3)
			_exit(3);
		_exit(0);
	}
	for (int i = 0; i < 6; i++) {
		assert_true(readable(a, 2000));
		assert_int_equal(recv(a, buf, sizeof(buf), 0), 10);
	}
	assert_int_equal(send_to(a, node, "abc", 3), 0);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	k = key_of(fx->ns, IPPROTO_UDP, node, c, &dir);
	assert_true(flow_get(fx, &k, &fl));
	assert_int_equal(fl.packets[dir], 6); /* once: by the cgroup's hook, not at the veth */
	assert_int_equal(fl.bytes[dir], 6 * (14 + 28 + 10));
	assert_int_equal(fl.end_if[dir], PSEUDO);
	assert_int_equal(fl.packets[!dir], 1); /* once: at the veth */
	assert_int_equal(fl.end_if[!dir], fx->veth[0]);
	assert_balance(fx);
	assert_int_equal(bpf_loader_hostnet(fx->loader, -1, PSEUDO, fx->ns, false), 0);
	close(a);
	close(cg);
	for (int i = 0; i < 50 && rmdir(path); i++)
		usleep(20000);
	loader_stop();
}

/* ---- lo ------------------------------------------------------------------------------------------------------ */
struct answer {
	struct pg_sample head;
	char text[64];
	unsigned count;
};

static int on_answer(void *arg, void *data, size_t len)
{
	struct answer *a = arg;

	memcpy(&a->head, data, sizeof(a->head));
	memcpy(a->text, (char *)data + sizeof(a->head), a->head.cap_len < 63 ? a->head.cap_len : 63);
	a->count++;
	return 0;
}

static void test_lo_resolver(void **state)
{
	struct end resolver = { "127.0.0.11", 53 }, other = { "127.0.0.1", 53 }, client = { "127.0.0.1", 5555 };
	struct ring_buffer *r;
	struct answer got = {};
	struct msg_hook h;
	uint16_t ns;
	int a, b, c;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(bpf_loader_ns_number(fx->loader, ns_cookie(fx->home, fx->container[1]), &ns), 0);
	assert_int_equal(bpf_loader_attach_link(fx->loader, fx->container[1], ns, 1, PG_IF_LOOPBACK, 0, &h), 0);
	a = bound_socket(fx, fx->container[1], SOCK_DGRAM, resolver);
	b = bound_socket(fx, fx->container[1], SOCK_DGRAM, client);
	c = bound_socket(fx, fx->container[1], SOCK_DGRAM, other);
	assert_int_equal(send_to(b, resolver, "question", 8), 0);
	assert_int_equal(send_to(c, client, "not the engine's", 16), 0);
	assert_int_equal(send_to(a, client, "the answer", 10), 0);
	r = ring_buffer__new(bpf_loader_map_fd(fx->loader, "samples"), on_answer, &got, NULL);
	ring_buffer__poll(r, 100);
	ring_buffer__free(r);
	assert_int_equal(got.count, 1);
	assert_string_equal(got.text, "the answer");
	assert_int_equal(got.head.flags, PG_SAMPLE_LOOPBACK);
	assert_int_equal(got.head.key.ns, ns);
	assert_int_equal(got.head.key.port[got.head.dir], htons(53));
	assert_int_equal(got.head.end_if[!got.head.dir], 1);
	assert_int_equal(got.head.end_if[got.head.dir], 0);
	assert_int_equal(flows_count(fx, NULL), 0);
	close(a);
	close(b);
	close(c);
	loader_stop();
}

static void test_bad_arguments(void **state)
{
	struct msg_hook h;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(bpf_loader_map_fd(fx->loader, "nothing"), -ENOENT);
	assert_true(bpf_loader_attach_link(fx->loader, fx->node, fx->ns, 99999, PG_IF_CONTAINER, 0, &h) < 0);
	assert_int_equal(h.how, MSG_HOOK_NONE);
	assert_true(h.error < 0);
	assert_int_equal(bpf_loader_attach_link(fx->loader, fx->node, 0, fx->veth[0], PG_IF_CONTAINER, 0, &h), -EINVAL);
	assert_true(bpf_loader_attach_link(fx->loader, 0, fx->ns, fx->veth[0], PG_IF_CONTAINER, 0, &h) < 0); /* not a namespace */
	assert_int_equal(bpf_loader_detach_link(fx->loader, -1, fx->ns, 99999), -ENOENT);
	assert_int_equal(bpf_loader_iter(fx->loader, MSG_ITER_SOCKETS), -EOPNOTSUPP);
	assert_int_equal(ns_cookie(fx->home, fx->home), ns_cookie(fx->home, fx->home));
	loader_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adoption_tcx),	     cmocka_unit_test(test_adoption_clsact),
		cmocka_unit_test(test_unpin_leaves_nothing), cmocka_unit_test(test_other_size_is_replaced),
		cmocka_unit_test(test_ns_numbers),	     cmocka_unit_test(test_xdp_native),
		cmocka_unit_test(test_vxlan),		     cmocka_unit_test(test_hostnet),
		cmocka_unit_test(test_lo_resolver),	     cmocka_unit_test(test_bad_arguments),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
