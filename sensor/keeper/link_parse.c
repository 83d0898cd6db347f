/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/link_parse.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

bool link_msg_ok(const struct nlmsghdr *nlh, int left)
{
	return left >= (int)MNL_NLMSG_HDRLEN && nlh->nlmsg_len <= (uint32_t)left && MNL_ALIGN(nlh->nlmsg_len) <= (uint32_t)left &&
	       mnl_nlmsg_ok(nlh, left);
}

/* Collects the attributes of one level; unknown types are skipped, of doubles the last one counts. */
struct attrs {
	const struct nlattr **by_type;
	size_t count;
};

static int attr_cb(const struct nlattr *a, void *data)
{
	struct attrs *t = data;
	uint16_t type = mnl_attr_get_type(a);

	if (type < t->count)
		t->by_type[type] = a;
	return MNL_CB_OK;
}

static bool attr_u32(const struct nlattr *a, uint32_t *ret)
{
	if (!a || mnl_attr_get_payload_len(a) < sizeof(uint32_t))
		return false;
	*ret = mnl_attr_get_u32(a);
	return true;
}

/* Strings need not be terminated. */
static void attr_str(const struct nlattr *a, char *out, size_t out_len)
{
	size_t n = a ? strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)) : 0;

	if (n >= out_len)
		n = out_len - 1;
	if (n)
		memcpy(out, mnl_attr_get_payload(a), n);
	out[n] = 0;
}

static uint8_t link_kind(const char *kind)
{
	static const struct {
		const char *name;
		uint8_t kind;
	} kinds[] = {
		{ "veth", MSG_LINK_VETH },	 { "bridge", MSG_LINK_BRIDGE },	  { "vxlan", MSG_LINK_VXLAN },
		{ "macvlan", MSG_LINK_MACVLAN }, { "ipvlan", MSG_LINK_IPVLAN },	  { "macvtap", MSG_LINK_MACVLAN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kind, kinds[i].name))
			return kinds[i].kind;
	return MSG_LINK_OTHER;
}

static void parse_linkinfo(const struct nlattr *linkinfo, struct link_info *l)
{
	const struct nlattr *info[IFLA_INFO_MAX + 1] = { 0 }, *data[IFLA_VXLAN_MAX + 1] = { 0 };
	struct attrs it = { info, ARRAY_SIZE(info) }, dt = { data, ARRAY_SIZE(data) };
	char kind[16];

	if (!linkinfo || mnl_attr_parse_nested(linkinfo, attr_cb, &it) < 0)
		return;
	attr_str(info[IFLA_INFO_KIND], kind, sizeof(kind));
	if (!kind[0])
		return;
	l->plain = false;
	l->kind = link_kind(kind);
	if (l->kind == MSG_LINK_VXLAN && info[IFLA_INFO_DATA] && mnl_attr_parse_nested(info[IFLA_INFO_DATA], attr_cb, &dt) >= 0)
		(void)attr_u32(data[IFLA_VXLAN_ID], &l->vni);
}

int link_parse(const struct nlmsghdr *nlh, struct link_info *ret)
{
	const struct nlattr *tb[IFLA_MAX + 1] = { 0 };
	struct attrs t = { tb, ARRAY_SIZE(tb) };
	const struct ifinfomsg *ifi;
	struct link_info l = { .peer_nsid = -1, .plain = true };
	uint32_t nsid;

	if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*ifi))
		return -EBADMSG;
	ifi = mnl_nlmsg_get_payload(nlh);
	/* A bridge speaks of its ports as AF_BRIDGE: an RTM_DELLINK of that kind means "no longer a port". */
	if (ifi->ifi_family != AF_UNSPEC)
		return -EAFNOSUPPORT;
	if (ifi->ifi_index <= 0 || mnl_attr_parse(nlh, sizeof(*ifi), attr_cb, &t) < 0)
		return -EBADMSG;
	l.ifindex = (uint32_t)ifi->ifi_index;
	l.up = (ifi->ifi_flags & (IFF_UP | IFF_LOWER_UP)) == (IFF_UP | IFF_LOWER_UP);
	attr_str(tb[IFLA_IFNAME], l.name, sizeof(l.name));
	(void)attr_u32(tb[IFLA_MASTER], &l.master);
	(void)attr_u32(tb[IFLA_LINK], &l.peer_ifindex);
	if (attr_u32(tb[IFLA_LINK_NETNSID], &nsid))
		l.peer_nsid = (int32_t)nsid;
	if (tb[IFLA_ADDRESS] && mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) == sizeof(l.mac))
		memcpy(l.mac, mnl_attr_get_payload(tb[IFLA_ADDRESS]), sizeof(l.mac));
	if (ifi->ifi_flags & IFF_LOOPBACK) {
		l.kind = MSG_LINK_LO;
		l.plain = false;
	} else {
		parse_linkinfo(tb[IFLA_LINKINFO], &l);
	}
	*ret = l;
	return 0;
}

int addr_parse(const struct nlmsghdr *nlh, struct addr_info *ret)
{
	const struct nlattr *tb[IFA_MAX + 1] = { 0 }, *a;
	struct attrs t = { tb, ARRAY_SIZE(tb) };
	const struct ifaddrmsg *ifa;
	struct addr_info r = { 0 };
	size_t len;

	if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*ifa))
		return -EBADMSG;
	ifa = mnl_nlmsg_get_payload(nlh);
	if (mnl_attr_parse(nlh, sizeof(*ifa), attr_cb, &t) < 0)
		return -EBADMSG;
	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return -EAFNOSUPPORT;
	len = ifa->ifa_family == AF_INET ? 4 : 16;
	/* Point to point: ADDRESS is the far end, LOCAL ours. IPv6 has no LOCAL otherwise. */
	a = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!a || mnl_attr_get_payload_len(a) != len || ifa->ifa_prefixlen > len * 8)
		return -EBADMSG;
	memcpy(r.addr + 16 - len, mnl_attr_get_payload(a), len);
	if (len == 4)
		r.addr[10] = r.addr[11] = 0xff;
	r.prefix_len = (uint8_t)(ifa->ifa_prefixlen + (len == 4 ? 96 : 0));
	r.ifindex = ifa->ifa_index;
	r.wide = ifa->ifa_scope < RT_SCOPE_LINK;
	*ret = r;
	return 0;
}

int nsid_parse(const struct nlmsghdr *nlh, int32_t *ret_nsid)
{
	const struct nlattr *tb[NETNSA_MAX + 1] = { 0 };
	struct attrs t = { tb, ARRAY_SIZE(tb) };
	uint32_t nsid;

	if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct rtgenmsg) ||
	    mnl_attr_parse(nlh, sizeof(struct rtgenmsg), attr_cb, &t) < 0 || !attr_u32(tb[NETNSA_NSID], &nsid))
		return -EBADMSG;
	*ret_nsid = (int32_t)nsid;
	return 0;
}
