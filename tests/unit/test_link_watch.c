/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink messages to structs, the fixed rule, and the watch itself on real namespaces with hooks that only take notes. */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/keeper/link_parse.h"
#include "sensor/keeper/link_rule.h"
#include "sensor/keeper/link_watch_private.h"

/* ---- parsing ---------------------------------------------------------------------------------------- */

static char msg_buf[4096] __attribute__((aligned(8)));

static struct nlmsghdr *new_link(unsigned char family, int ifindex, unsigned flags, const char *name)
{
	struct nlmsghdr *n;
	struct ifinfomsg *i;

	memset(msg_buf, 0, sizeof(msg_buf));
	n = mnl_nlmsg_put_header(msg_buf);
	n->nlmsg_type = RTM_NEWLINK;
	i = mnl_nlmsg_put_extra_header(n, sizeof(*i));
	i->ifi_family = family;
	i->ifi_index = ifindex;
	i->ifi_flags = flags;
	mnl_attr_put_strz(n, IFLA_IFNAME, name);
	return n;
}

static void put_kind(struct nlmsghdr *n, const char *kind, uint32_t vni)
{
	struct nlattr *info = mnl_attr_nest_start(n, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(n, IFLA_INFO_KIND, kind);
	if (vni) {
		data = mnl_attr_nest_start(n, IFLA_INFO_DATA);
		mnl_attr_put_u32(n, IFLA_VXLAN_ID, vni);
		mnl_attr_nest_end(n, data);
	}
	mnl_attr_nest_end(n, info);
}

static void test_link_parse_veth(void **state)
{
	struct nlmsghdr *n = new_link(AF_UNSPEC, 7, IFF_UP | IFF_LOWER_UP, "veth1234567");
	struct link_info l;

	mnl_attr_put_u32(n, IFLA_MASTER, 3);
	mnl_attr_put_u32(n, IFLA_LINK, 6);
	mnl_attr_put_u32(n, IFLA_LINK_NETNSID, 2);
	mnl_attr_put(n, IFLA_ADDRESS, 6, "\x02\x42\x0a\x00\x00\x01");
	put_kind(n, "veth", 0);
	assert_int_equal(link_parse(n, &l), 0);
	assert_int_equal(l.ifindex, 7);
	assert_int_equal(l.master, 3);
	assert_int_equal(l.peer_ifindex, 6);
	assert_int_equal(l.peer_nsid, 2);
	assert_int_equal(l.kind, MSG_LINK_VETH);
	assert_true(l.up);
	assert_false(l.plain);
	assert_int_equal(l.mac[5], 1);
	assert_string_equal(l.name, "veth1234567");
}

static void test_link_parse_vxlan(void **state)
{
	struct nlmsghdr *n = new_link(AF_UNSPEC, 9, 0, "vxlan0");
	struct link_info l;

	put_kind(n, "vxlan", 4097);
	assert_int_equal(link_parse(n, &l), 0);
	assert_int_equal(l.kind, MSG_LINK_VXLAN);
	assert_int_equal(l.vni, 4097);
	assert_int_equal(l.peer_nsid, -1);
	assert_false(l.up);
}

static void test_link_parse_odd(void **state)
{
	struct link_info l = { .ifindex = 99 };
	struct nlmsghdr *n = new_link(AF_BRIDGE, 7, 0, "port");

	/* "No longer a port of the bridge" is not "gone". */
	assert_int_equal(link_parse(n, &l), -EAFNOSUPPORT);
	n = new_link(AF_UNSPEC, 0, 0, "zero");
	assert_int_equal(link_parse(n, &l), -EBADMSG);
	n = new_link(AF_UNSPEC, 5, 0, "cut");
	n->nlmsg_len = MNL_NLMSG_HDRLEN + 3;
	assert_int_equal(link_parse(n, &l), -EBADMSG);
	assert_int_equal(l.ifindex, 99);
	/* A name without an end, and an attribute too short for its number. */
	n = new_link(AF_UNSPEC, 5, IFF_LOOPBACK, "x");
	mnl_attr_put(n, IFLA_IFNAME, 40, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	mnl_attr_put(n, IFLA_MASTER, 2, "\x01\x01");
	assert_int_equal(link_parse(n, &l), 0);
	assert_string_equal(l.name, "aaaaaaaaaaaaaaa");
	assert_int_equal(l.master, 0);
	assert_int_equal(l.kind, MSG_LINK_LO);
}

static void test_addr_parse(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 10, 77, 0, 1 };
	struct nlmsghdr *n;
	struct ifaddrmsg *i;
	struct addr_info a;

	memset(msg_buf, 0, sizeof(msg_buf));
	n = mnl_nlmsg_put_header(msg_buf);
	n->nlmsg_type = RTM_NEWADDR;
	i = mnl_nlmsg_put_extra_header(n, sizeof(*i));
	*i = (struct ifaddrmsg){ .ifa_family = AF_INET, .ifa_prefixlen = 16, .ifa_index = 4, .ifa_scope = RT_SCOPE_UNIVERSE };
	mnl_attr_put(n, IFA_ADDRESS, 4, "\x0a\x4d\x00\x02"); /* point to point: the far end */
	mnl_attr_put(n, IFA_LOCAL, 4, "\x0a\x4d\x00\x01");
	assert_int_equal(addr_parse(n, &a), 0);
	assert_int_equal(a.prefix_len, 112);
	assert_memory_equal(a.addr, mapped, 16);
	assert_true(a.wide);
	i->ifa_scope = RT_SCOPE_LINK;
	assert_int_equal(addr_parse(n, &a), 0);
	assert_false(a.wide);
	i->ifa_prefixlen = 33;
	assert_int_equal(addr_parse(n, &a), -EBADMSG);
	i->ifa_family = AF_INET6; /* but 4 bytes of address */
	assert_int_equal(addr_parse(n, &a), -EBADMSG);
	i->ifa_family = AF_UNIX;
	assert_int_equal(addr_parse(n, &a), -EAFNOSUPPORT);
}

/* ---- the rule --------------------------------------------------------------------------------------- */

static void test_link_role(void **state)
{
	enum { NODE = MSG_NS_NODE, OVER = MSG_NS_OVERLAY, CONT = MSG_NS_CONTAINER };
	static const struct {
		uint8_t kind;
		bool plain;
		uint32_t master;
		int ns;
		bool addr, named;
		enum pg_if_role role;
	} t[] = {
		{ MSG_LINK_VETH, false, 3, NODE, false, false, PG_IF_CONTAINER },
		{ MSG_LINK_VETH, false, 3, OVER, false, false, PG_IF_CONTAINER },
		{ MSG_LINK_VETH, false, 3, NODE, true, false, PG_IF_CONTAINER },
		{ MSG_LINK_VETH, false, 0, NODE, false, false, PG_IF_NONE },
		{ MSG_LINK_VETH, false, 0, NODE, true, false, PG_IF_UPLINK },
		{ MSG_LINK_VETH, false, 0, OVER, true, false, PG_IF_NONE },
		{ MSG_LINK_VETH, false, 3, CONT, true, false, PG_IF_NONE },
		{ MSG_LINK_BRIDGE, false, 0, NODE, true, false, PG_IF_BRIDGE },
		{ MSG_LINK_BRIDGE, false, 0, OVER, true, false, PG_IF_BRIDGE },
		{ MSG_LINK_BRIDGE, false, 0, NODE, true, true, PG_IF_UPLINK },
		{ MSG_LINK_VXLAN, false, 2, OVER, false, false, PG_IF_VXLAN },
		{ MSG_LINK_VXLAN, false, 0, NODE, false, false, PG_IF_VXLAN },
		{ MSG_LINK_OTHER, true, 0, NODE, true, false, PG_IF_UPLINK },
		{ MSG_LINK_OTHER, true, 0, NODE, false, false, PG_IF_NONE },
		{ MSG_LINK_OTHER, true, 5, NODE, false, false, PG_IF_UPLINK },
		{ MSG_LINK_OTHER, false, 0, NODE, true, false, PG_IF_UPLINK },
		{ MSG_LINK_OTHER, false, 0, NODE, false, true, PG_IF_UPLINK },
		{ MSG_LINK_MACVLAN, false, 0, CONT, true, false, PG_IF_NONE },
		{ MSG_LINK_LO, false, 0, NODE, true, false, PG_IF_NONE },
		{ MSG_LINK_LO, false, 0, OVER, true, false, PG_IF_NONE },
		{ MSG_LINK_LO, false, 0, CONT, true, false, PG_IF_LOOPBACK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct link_info l = { .kind = t[i].kind, .plain = t[i].plain, .master = t[i].master };

		if (link_role(&l, (enum msg_ns_kind)t[i].ns, t[i].addr, t[i].named) != t[i].role)
			fail_msg("line %zu of the table", i);
	}
	assert_int_equal(netns_kind_of_name("1-ws3xf0abcd"), MSG_NS_OVERLAY);
	assert_int_equal(netns_kind_of_name("lb_ws3xf0abc"), MSG_NS_OVERLAY);
	assert_int_equal(netns_kind_of_name("ingress_sbox"), MSG_NS_OVERLAY);
	assert_int_equal(netns_kind_of_name("1234567890ab"), MSG_NS_CONTAINER);
	assert_true(netns_expects_veths(MSG_NS_NODE, ""));
	assert_true(netns_expects_veths(MSG_NS_OVERLAY, "1-ws3xf0abcd"));
	assert_false(netns_expects_veths(MSG_NS_OVERLAY, "lb_ws3xf0abc"));
	assert_false(netns_expects_veths(MSG_NS_CONTAINER, "1234567890ab"));
}

static void test_link_xdp(void **state)
{
	struct link_info veth = { .kind = MSG_LINK_VETH }, eth = { .plain = true }, vx = { .kind = MSG_LINK_VXLAN };

	assert_int_equal(link_xdp(&eth, PG_IF_UPLINK, MSG_XDP_OFF), LINK_XDP_NO);
	assert_int_equal(link_xdp(&eth, PG_IF_UPLINK, MSG_XDP_UPLINK), LINK_XDP_NATIVE);
	assert_int_equal(link_xdp(&veth, PG_IF_UPLINK, MSG_XDP_UPLINK), LINK_XDP_NO);
	assert_int_equal(link_xdp(&veth, PG_IF_UPLINK, MSG_XDP_ALL), LINK_XDP_NATIVE);
	assert_int_equal(link_xdp(&vx, PG_IF_VXLAN, MSG_XDP_UPLINK), LINK_XDP_NO);
	assert_int_equal(link_xdp(&vx, PG_IF_VXLAN, MSG_XDP_OVERLAY), LINK_XDP_GENERIC);
	assert_int_equal(link_xdp(&veth, PG_IF_CONTAINER, MSG_XDP_OVERLAY), LINK_XDP_NO);
	assert_int_equal(link_xdp(&eth, PG_IF_LOOPBACK, MSG_XDP_ALL), LINK_XDP_NO);
}

/* ---- the watch --------------------------------------------------------------------------------------- */

struct bed {
	struct loop *loop;
	struct link_watch *watch;
	pid_t ns_pid[3]; /* processes that hold a namespace each */
	unsigned attached, attached_before_up, forgotten_links, forgotten_ns, links_told, links_gone, fail_attach;
	uint16_t last_number;
};
static struct bed bed;

static int fake_number(void *arg, uint64_t cookie, uint16_t *ret)
{
	*ret = ++bed.last_number;
	return 0;
}

static int fake_attach(void *arg, int netns_fd, uint16_t ns, uint32_t ifindex, enum pg_if_role role, uint32_t vni, struct msg_hook *ret)
{
	if (bed.fail_attach) {
		bed.fail_attach--;
		return -ENOMEM;
	}
	if (role == PG_IF_CONTAINER) {
		struct netns *n = netns_by_number(bed.watch, ns);
		/* Not in the list yet while its namespace is first read. */
		struct link *l = n ? link_find(n, ifindex) : NULL;

		bed.attached++;
		bed.attached_before_up += l && !l->info.up;
	}
	ret->how = MSG_HOOK_TCX;
	return 0;
}

static int fake_detach(void *arg, int netns_fd, uint16_t ns, uint32_t ifindex)
{
	return 0;
}

static void fake_forget_link(void *arg, uint16_t ns, uint32_t ifindex)
{
	bed.forgotten_links++;
}

static void fake_forget_ns(void *arg, uint16_t ns)
{
	bed.forgotten_ns++;
}

static int fake_xdp(void *arg, int netns_fd, uint16_t ns, uint32_t ifindex, bool generic, struct msg_hook *ret)
{
	return 0;
}

static int fake_xdp_detach(void *arg, uint16_t ns, uint32_t ifindex)
{
	return 0;
}

static void fake_tell(void *arg, uint16_t type, const void *body, size_t len)
{
	bed.links_told += type == MSG_LINK_ADD;
	bed.links_gone += type == MSG_LINK_DEL;
}

static pid_t hold_namespace(void)
{
	int ready[2];
	char c;
	pid_t p;

	assert_int_equal(pipe(ready), 0);
	p = fork();
	if (p == 0) {
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return p;
}

static int open_namespace(int i)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)bed.ns_pid[i]);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void sh_in(int i, const char *script)
{
	char cmd[2048];

	snprintf(cmd, sizeof(cmd), "P1=%d P2=%d nsenter --net=/proc/%d/ns/net sh -ec '%s'", (int)bed.ns_pid[1], (int)bed.ns_pid[2],
		 (int)bed.ns_pid[i], script);
	if (system(cmd) != 0)
		fail_msg("failed: %s", cmd);
}

static void turn(void)
{
	uint64_t until = clock_mono_ns() + 100 * NSEC_PER_MSEC;

	while (clock_mono_ns() < until)
		assert_int_equal(loop_step(bed.loop, 20 * NSEC_PER_MSEC), 0);
}

static int setup(void **state)
{
	static const struct link_hooks hooks = { fake_number,	   NULL,	   fake_attach, fake_detach,
						 fake_forget_link, fake_forget_ns, fake_xdp,    fake_xdp_detach, NULL };
	static const struct link_watch_events events = { fake_tell, NULL };

	memset(&bed, 0, sizeof(bed));
	for (size_t i = 0; i < ARRAY_SIZE(bed.ns_pid); i++)
		bed.ns_pid[i] = hold_namespace();
	return loop_new(&bed.loop) < 0 || link_watch_new(bed.loop, &hooks, &events, &bed.watch) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	link_watch_free(bed.watch);
	loop_free(bed.loop);
	for (size_t i = 0; i < ARRAY_SIZE(bed.ns_pid); i++) {
		kill(bed.ns_pid[i], SIGKILL);
		waitpid(bed.ns_pid[i], NULL, 0);
	}
	return 0;
}

static struct link *link_by_name(const struct netns *ns, const char *name)
{
	struct link *l = ns->links;

	while (l && strcmp(l->info.name, name))
		l = l->next;
	return l;
}

/* The hook is on at the first sight of a master, while the link is still down. */
static void test_watch_attach_before_up(void **state)
{
	struct netns *ns;

	assert_int_equal(link_watch_get(bed.watch, open_namespace(0), MSG_NS_NODE, 0, "", &ns), 0);
	sh_in(0, "ip link add br0 type bridge; ip link add v1 type veth peer name p1; ip link set v1 master br0; sleep 0.1; ip link set v1 up");
	turn();
	assert_int_equal(bed.attached, 1);
	assert_int_equal(bed.attached_before_up, 1);
	assert_int_equal(link_by_name(ns, "v1")->role, PG_IF_CONTAINER);
	assert_int_equal(link_by_name(ns, "br0")->role, PG_IF_BRIDGE);
	sh_in(0, "ip link del v1");
	turn();
	assert_null(link_by_name(ns, "v1"));
	assert_true(bed.forgotten_links >= 1);
}

/* A failed attach is tried again at the link's next event. */
static void test_watch_attach_again(void **state)
{
	struct netns *ns;

	assert_int_equal(link_watch_get(bed.watch, open_namespace(0), MSG_NS_NODE, 0, "", &ns), 0);
	sh_in(0, "ip link add br0 type bridge; ip link add v1 type veth peer name p1");
	turn();
	bed.fail_attach = 1;
	sh_in(0, "ip link set v1 master br0");
	turn();
	assert_int_equal(bed.attached + (link_by_name(ns, "v1")->hook.how == MSG_HOOK_TCX), 2);
	sh_in(0, "ip link set v1 up");
	turn();
	assert_int_equal(link_by_name(ns, "v1")->hook.how, MSG_HOOK_TCX);
}

/* Both ends of a veth name each other, whichever namespace is known first, and after a move to another one. */
static void test_watch_peers(void **state)
{
	struct netns *node, *one, *two;
	struct link *v, *p;

	assert_int_equal(link_watch_get(bed.watch, open_namespace(0), MSG_NS_NODE, 0, "", &node), 0);
	sh_in(0, "ip link add br0 type bridge; ip link add v1 type veth peer name p1; ip link set v1 master br0; ip link set p1 netns $P1");
	turn();
	v = link_by_name(node, "v1");
	assert_non_null(v);
	assert_int_equal(v->peer_ns, 0);
	assert_int_equal(link_watch_get(bed.watch, open_namespace(1), MSG_NS_CONTAINER, 0, "one", &one), 0);
	p = link_by_name(one, "p1");
	assert_non_null(p);
	assert_int_equal(v->peer_ns, one->number);
	assert_int_equal(v->peer_ifindex, p->info.ifindex);
	assert_int_equal(p->peer_ns, node->number);
	assert_int_equal(p->peer_ifindex, v->info.ifindex);

	assert_int_equal(link_watch_get(bed.watch, open_namespace(2), MSG_NS_CONTAINER, 0, "two", &two), 0);
	sh_in(1, "ip link set p1 netns $P2");
	turn();
	p = link_by_name(two, "p1");
	assert_non_null(p);
	assert_null(link_by_name(one, "p1"));
	assert_int_equal(v->peer_ns, two->number);
	assert_int_equal(v->peer_ifindex, p->info.ifindex);

	link_watch_put(bed.watch, two);
	assert_int_equal(v->peer_ns, 0);
	assert_int_equal(bed.forgotten_ns, 1);
}

/* Many numbers of namespaces in use: the right one is found, also when a number is given again. */
static void test_watch_peer_number_reused(void **state)
{
	struct netns *node, *one, *two;

	assert_int_equal(link_watch_get(bed.watch, open_namespace(0), MSG_NS_NODE, 0, "", &node), 0);
	assert_int_equal(link_watch_get(bed.watch, open_namespace(1), MSG_NS_CONTAINER, 0, "one", &one), 0);
	sh_in(0, "ip link add br0 type bridge; ip link add v1 type veth peer name p1; ip link set v1 master br0; ip link set p1 netns $P1");
	turn();
	assert_int_equal(link_by_name(node, "v1")->peer_ns, one->number);
	/* Namespace one ends for good; its number in the node's namespace is free. */
	link_watch_put(bed.watch, one);
	kill(bed.ns_pid[1], SIGKILL);
	waitpid(bed.ns_pid[1], NULL, 0);
	bed.ns_pid[1] = hold_namespace();
	turn();
	usleep(200000);
	sh_in(0, "ip link add v2 type veth peer name p2; ip link set v2 master br0; ip link set p2 netns $P2");
	assert_int_equal(link_watch_get(bed.watch, open_namespace(2), MSG_NS_CONTAINER, 0, "two", &two), 0);
	turn();
	assert_int_equal(link_by_name(node, "v2")->peer_ns, two->number);
}

static void test_watch_same_namespace_twice(void **state)
{
	struct netns *a, *b;

	assert_int_equal(link_watch_get(bed.watch, open_namespace(0), MSG_NS_NODE, 0, "", &a), 0);
	assert_int_equal(link_watch_get(bed.watch, open_namespace(0), MSG_NS_CONTAINER, 1, "default", &b), 0);
	assert_ptr_equal(a, b);
	link_watch_put(bed.watch, b);
	assert_int_equal(bed.forgotten_ns, 0);
	link_watch_put(bed.watch, a);
	assert_int_equal(bed.forgotten_ns, 1);
	assert_int_not_equal(link_watch_get(bed.watch, open("/dev/null", O_RDONLY), MSG_NS_NODE, 0, "", &a), 0);
}

/* The kernel's event queue overflows: everything is read again, and what is known is what is there. */
static void test_watch_overflow(void **state)
{
	struct link_watch_stats st;
	struct netns *ns;
	int small = 1;

	assert_int_equal(link_watch_get(bed.watch, open_namespace(0), MSG_NS_NODE, 0, "", &ns), 0);
	assert_int_equal(setsockopt(ns->events_fd, SOL_SOCKET, SO_RCVBUFFORCE, &small, sizeof(small)), 0);
	sh_in(0, "ip link add br0 type bridge; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do"
		 " ip link add v$i type veth peer name p$i; ip link set v$i master br0; ip link del v$i;"
		 " ip link add v$i type veth peer name p$i; ip link set v$i master br0; done");
	turn();
	turn();
	link_watch_count(bed.watch, &st);
	assert_true(st.redumps >= 1);
	assert_int_equal(st.links, 1 + 1 + 40); /* lo, br0, 20 pairs */
	for (int i = 1; i <= 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "v%d", i);
		assert_int_equal(link_by_name(ns, name)->role, PG_IF_CONTAINER);
	}
}

/* Addresses make an uplink; a configured name makes one without. */
static void test_watch_uplinks(void **state)
{
	struct msg_configure c = { 0 };
	struct netns *ns;

	assert_int_equal(link_watch_get(bed.watch, open_namespace(0), MSG_NS_NODE, 0, "", &ns), 0);
	sh_in(0, "ip link add u1 type veth peer name u2; ip addr add 192.0.2.1/24 dev u1; ip link set lo up");
	turn();
	assert_int_equal(link_by_name(ns, "u1")->role, PG_IF_UPLINK);
	assert_int_equal(link_by_name(ns, "u2")->role, PG_IF_NONE);
	assert_int_equal(link_by_name(ns, "lo")->role, PG_IF_NONE);
	memcpy(c.uplinks[0], "u2", 3);
	link_watch_configure(bed.watch, &c);
	assert_int_equal(link_by_name(ns, "u2")->role, PG_IF_UPLINK);
	bed.links_told = 0;
	link_watch_snapshot(bed.watch);
	assert_int_equal(bed.links_told, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_parse_veth),
		cmocka_unit_test(test_link_parse_vxlan),
		cmocka_unit_test(test_link_parse_odd),
		cmocka_unit_test(test_addr_parse),
		cmocka_unit_test(test_link_role),
		cmocka_unit_test(test_link_xdp),
		cmocka_unit_test_setup_teardown(test_watch_attach_before_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_attach_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_peers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_peer_number_reused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_same_namespace_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_overflow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_uplinks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
