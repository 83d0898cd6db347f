/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink datagrams: every message of the buffer goes to the parser of its type, as in link_watch.c. */
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/keeper/link_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Aligned as a receive buffer is, and exactly as long as what came. */
	void *buf = malloc(size ? size : 1);
	const struct nlmsghdr *n = buf;
	int left = (int)size;

	if (!buf)
		return 0;
	memcpy(buf, data, size);
	for (; link_msg_ok(n, left); n = mnl_nlmsg_next(n, &left)) {
		struct link_info l;
		struct addr_info a;
		int32_t nsid;

		switch (n->nlmsg_type) {
		case RTM_NEWLINK:
		case RTM_DELLINK:
			if (link_parse(n, &l) == 0 && (strnlen(l.name, sizeof(l.name)) == sizeof(l.name) || !l.ifindex))
				abort();
			break;
		case RTM_NEWADDR:
		case RTM_DELADDR:
			if (addr_parse(n, &a) == 0 && a.prefix_len > 128)
				abort();
			break;
		case RTM_NEWNSID:
		case RTM_DELNSID:
			(void)nsid_parse(n, &nsid);
			break;
		default:
			break;
		}
	}
	free(buf);
	return 0;
}
