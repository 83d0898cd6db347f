/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs are loaded once, whatever the number of namespaces; hooks go on without a keeper; a successor's programs reach
 * the hooks that its predecessor made; and a hook without its program is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/bpf_fixture.h"

#include <linux/bpf.h>

#define NAMESPACES 50
#define SKIP_UNLESS(f) \
	if (!(f))      \
	skip()

static struct fixture *fx;

static int setup(void **state)
{
	fx = fixture_new();
	return fx ? fixture_net(fx) : 0;
}

static int teardown(void **state)
{
	fixture_free(fx);
	return 0;
}

static void loader_stop(bool unpin)
{
	bpf_loader_close(fx->loader, unpin);
	fx->loader = NULL;
}

/* From container c to the one after it. */
static void datagrams(int c, uint16_t port, unsigned n)
{
	static const char *const addr[] = { "10.77.0.2", "10.77.0.3", "10.77.0.4" };
	int a = bound_socket(fx, fx->container[c], SOCK_DGRAM, (struct end){ addr[c], port });

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(send_to(a, (struct end){ addr[c + 1], 99 }, "0123456789", 10), 0);
	close(a);
}

static uint64_t datagrams_counted(int c, uint16_t port)
{
	static const char *const addr[] = { "10.77.0.2", "10.77.0.3", "10.77.0.4" };
	struct pg_flow fl = {};
	struct flow_key k;
	int dir;

	k = key_of(fx->ns, IPPROTO_UDP, (struct end){ addr[c], port }, (struct end){ addr[c + 1], 99 }, &dir);
	return flow_get(fx, &k, &fl) ? fl.packets[dir] : 0;
}

/* Clsact filters live with the interface: closing the loader does not reach them. */
static void hooks_take_off(void)
{
	for (int i = 0; i < FIXTURE_CONTAINERS; i++)
		(void)bpf_loader_detach_link(fx->loader, fx->node, fx->ns, fx->veth[i]);
}

/* The largest of the programs that call through the map programs, in bytes of translated instructions. */
static uint32_t largest_stub(uint32_t programs_id)
{
	uint32_t id = 0, largest = 0;

	while (bpf_prog_get_next_id(id, &id) == 0) {
		uint32_t maps[64], len = sizeof(struct bpf_prog_info);
		struct bpf_prog_info info = { .map_ids = (uintptr_t)maps, .nr_map_ids = 64 };
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0)
			for (uint32_t i = 0; i < info.nr_map_ids && i < 64; i++)
				if (maps[i] == programs_id && info.xlated_prog_len > largest)
					largest = info.xlated_prog_len;
		close(fd);
	}
	return largest;
}

/* The id of what stands in a slot: another one would be a program loaded anew. */
static uint32_t program_in(uint32_t slot)
{
	uint32_t id = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_loader_map_fd(fx->loader, "programs"), &slot, &id), 0);
	return id;
}

/* No clock: what is loaded for a namespace are two stubs, and nothing that touches a flow. */
static void test_namespaces_are_cheap(void **state)
{
	uint32_t flows, programs, in, out;
	unsigned big, before;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	flows = map_id(fx, "flows");
	before = programs_using(flows, ""); /* of the whole node, not of a namespace */
	programs = map_id(fx, "programs");
	assert_int_equal(programs_using(programs, ""), 0);
	assert_int_equal(bpf_loader_prepare_ns(fx->loader, 0), -EINVAL);
	assert_int_equal(bpf_loader_prepare_ns(fx->loader, fx->ns), 0);
	big = programs_using(flows, "");
	assert_int_equal(big, before + 2);
	assert_int_equal(programs_using(programs, ""), 2);
	in = program_in(HOOK_CONTAINER_IN);
	out = program_in(HOOK_CONTAINER_OUT);
	for (unsigned i = 0; i < NAMESPACES; i++)
		assert_int_equal(bpf_loader_prepare_ns(fx->loader, (uint16_t)(1000 + i)), 0);
	assert_int_equal(programs_using(flows, ""), big);
	assert_int_equal(programs_using(programs, ""), 2 + 2 * NAMESPACES);
	assert_int_equal(program_in(HOOK_CONTAINER_IN), in);
	assert_int_equal(program_in(HOOK_CONTAINER_OUT), out);
	assert_in_range(largest_stub(programs), 8, 50 * 8);
	assert_int_equal(bpf_loader_prepare_ns(fx->loader, 1000), 0); /* again: there already */
	assert_int_equal(programs_using(programs, ""), 2 + 2 * NAMESPACES);
	for (unsigned i = 0; i < NAMESPACES; i++)
		bpf_loader_forget_ns(fx->loader, (uint16_t)(1000 + i));
	assert_int_equal(programs_wait(programs, "", 2), 2);
	loader_stop(true);
	assert_true(map_gone(flows));
	/* The map itself is not asked for: a descriptor taken while Linux (6.18) empties an array of programs may keep it for
	 * ever. It holds nothing any more: the programs have gone, and the flows with them. */
}

/* Two namespaces, one program: each one's packets are under its own number. */
static void test_number_of_each_namespace(void **state)
{
	struct msg_hook h;
	struct flow_key k;
	struct pg_flow fl;
	uint16_t other;
	uint32_t eth0;
	int dir;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(fixture_attach(fx), 0);
	assert_int_equal(bpf_loader_ns_number(fx->loader, ns_cookie(fx->home, fx->container[1]), &other), 0);
	assert_int_not_equal(other, fx->ns);
	eth0 = index_in(fx, fx->container[1], "eth0");
	assert_int_equal(bpf_loader_attach_link(fx->loader, fx->container[1], other, eth0, PG_IF_CONTAINER, 0, &h), 0);
	datagrams(0, 5100, 4);
	assert_int_equal(datagrams_counted(0, 5100), 4);
	k = key_of(other, IPPROTO_UDP, (struct end){ "10.77.0.2", 5100 }, (struct end){ "10.77.0.3", 99 }, &dir);
	assert_true(flow_get(fx, &k, &fl)); /* comes in there: as if sent by what is behind that interface */
	assert_int_equal(fl.packets[dir], 4);
	assert_int_equal(fl.end_if[dir], eth0);
	assert_balance(fx);
	bpf_loader_detach_link(fx->loader, fx->container[1], other, eth0);
	hooks_take_off();
	loader_stop(true);
}

/* Nobody holds a descriptor; the pins hold everything. */
static void without_a_keeper(bool no_tcx, uint16_t port)
{
	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, no_tcx), 0);
	assert_int_equal(fixture_attach(fx), 0);
	loader_stop(false);
	usleep(100000); /* programs and maps go a moment after their last reference */
	datagrams(0, port, 9);
	assert_int_equal(fixture_loader_with(fx, 0, 0, no_tcx), 0);
	assert_int_equal(datagrams_counted(0, port), 9);
	assert_int_equal(counter(fx, PG_CTR_NOT_HOOKED), 0);
	assert_int_equal(fixture_attach(fx), 0);
	hooks_take_off();
	loader_stop(true);
}

static void test_without_a_keeper_tcx(void **state)
{
	without_a_keeper(false, 5200);
}

static void test_without_a_keeper_clsact(void **state)
{
	without_a_keeper(true, 5201);
}

/* The successor attaches to one interface; the hooks of the others, still its predecessor's, call its programs, too. */
static void test_successor_replaces_programs(void **state)
{
	struct msg_hook h;
	uint32_t flows;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(fixture_attach(fx), 0);
	loader_stop(false);
	assert_int_equal(fixture_loader_with(fx, 0, 1, false), 0); /* one half-open flow and no more */
	flows = map_id(fx, "flows");
	datagrams(1, 5300, 3);
	datagrams(1, 5301, 3);
	assert_int_equal(datagrams_counted(1, 5300), 3); /* the predecessor's program and its limit */
	assert_int_equal(datagrams_counted(1, 5301), 3);
	assert_int_equal(bpf_loader_attach_link(fx->loader, fx->node, fx->ns, fx->veth[0], PG_IF_CONTAINER, 0, &h), 0);
	assert_int_equal(h.adopted, 1);
	assert_int_equal(programs_wait(flows, "container_ingre", 1), 1);
	datagrams(1, 5302, 3);
	assert_int_equal(datagrams_counted(1, 5302), 0);
	assert_true(counter(fx, PG_CTR_REFUSED_HALF) >= 3);
	assert_int_equal(counter(fx, PG_CTR_NOT_HOOKED), 0);
	assert_balance(fx);
	assert_int_equal(fixture_attach(fx), 0);
	hooks_take_off();
	loader_stop(true);
}

static void program_remove(uint32_t slot)
{
	assert_int_equal(bpf_map_delete_elem(bpf_loader_map_fd(fx->loader, "programs"), &slot), 0);
}

/* Traffic passes, and every packet is in the counter. */
static void test_missing_program_is_counted(void **state)
{
	uint64_t before, seen;
	char buf[16];
	int b;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(fixture_attach(fx), 0);
	assert_int_equal(run_in(fx->container[0], "ping -q -c1 10.77.0.3 >/dev/null"), 0); /* ARP done */
	b = bound_socket(fx, fx->container[1], SOCK_DGRAM, (struct end){ "10.77.0.3", 99 });
	usleep(50000);
	program_remove(HOOK_CONTAINER_IN);
	before = counter(fx, PG_CTR_NOT_HOOKED);
	seen = if_stats_of(fx, fx->ns, fx->veth[0]).in_skbs;
	datagrams(0, 5400, 7);
	for (int i = 0; i < 7; i++) {
		assert_true(readable(b, 2000));
		assert_int_equal(recv(b, buf, sizeof(buf), 0), 10);
	}
	assert_in_range(counter(fx, PG_CTR_NOT_HOOKED) - before, 7, 9); /* ARP may be asked again */
	assert_int_equal(if_stats_of(fx, fx->ns, fx->veth[0]).in_skbs, seen);
	close(b);
	hooks_take_off();
	loader_stop(true);
}

/* A skb that stands for several packets counts as that many. */
static void test_missing_program_counts_segments(void **state)
{
	static const uint8_t frame[60] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45 };
	struct __sk_buff ctx = { .ifindex = fx ? fx->veth[0] : 0, .gso_segs = 5, .gso_size = 10 };
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 3);
	uint64_t before;
	int stub, r;

	SKIP_UNLESS(fx);
	assert_int_equal(fixture_loader_with(fx, 0, 0, false), 0);
	assert_int_equal(fixture_attach(fx), 0);
	stub = fixture_program_of(fx, "in");
	assert_true(stub >= 0);
	program_remove(HOOK_CONTAINER_IN);
	before = counter(fx, PG_CTR_NOT_HOOKED);
	ns_go(fx->node);
	r = bpf_prog_test_run_opts(stub, &o);
	ns_go(fx->home);
	assert_int_equal(r, 0);
	assert_int_equal((int)o.retval, -1);
	assert_int_equal(counter(fx, PG_CTR_NOT_HOOKED) - before, 15);
	close(stub);
	hooks_take_off();
	loader_stop(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces_are_cheap),	    cmocka_unit_test(test_number_of_each_namespace),
		cmocka_unit_test(test_without_a_keeper_tcx),	    cmocka_unit_test(test_without_a_keeper_clsact),
		cmocka_unit_test(test_successor_replaces_programs), cmocka_unit_test(test_missing_program_is_counted),
		cmocka_unit_test(test_missing_program_counts_segments),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
