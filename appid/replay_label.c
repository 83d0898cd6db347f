/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/replay_label.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	uint8_t proto;
	const char *name, *app; /* app: nDPI's */
} protos[] = {
	{ 1, "icmp", "ICMP" },	   { 2, "igmp", "IGMP" },      { 4, "ipip", "IP_in_IP" }, { 6, "tcp", NULL },
	{ 8, "egp", "EGP" },	   { 17, "udp", NULL },	       { 41, "ipv6", "IP_in_IP" }, { 47, "gre", "GRE" },
	{ 50, "esp", "IPsec" },	   { 51, "ah", "IPsec" },      { 58, "icmpv6", "ICMPV6" }, { 88, "eigrp", NULL },
	{ 89, "ospf", "OSPF" },	   { 103, "pim", "IP_PIM" },   { 112, "vrrp", "VRRP" },	   { 113, "pgm", "IP_PGM" },
	{ 132, "sctp", "SCTP" },   { 136, "udplite", NULL },   { 33, "dccp", NULL },
};

const char *replay_proto_app(uint8_t proto)
{
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (protos[i].proto == proto)
			return protos[i].app;
	return NULL;
}

const char *replay_proto_name(uint8_t proto)
{
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (protos[i].proto == proto)
			return protos[i].name;
	return NULL;
}

/* A flow may be judged again after a long silence, from its middle: that takes nothing away from what was known, and "own" is
 * as sure as "dpi". */
static bool better(const struct replay_label *old, const struct msg_label *said)
{
	bool was_sure = old->confidence >= LABEL_OWN, is_sure = said->confidence >= LABEL_OWN;

	if (was_sure != is_sure)
		return is_sure;
	return is_sure ? !old->final : said->confidence >= old->confidence;
}

struct replay_label *replay_label_merge(struct replay_label *old, const struct msg_label *said)
{
	size_t app = strnlen(said->app, sizeof(said->app) - 1), host = strnlen(said->host, sizeof(said->host) - 1);
	size_t info = strnlen(said->info, sizeof(said->info) - 1);
	struct replay_label *l;

	if (old && !better(old, said))
		return old;
	l = calloc(1, sizeof(*l) + app + host + info + 3);
	if (!l)
		return old;
	l->confidence = said->confidence;
	l->server_end = said->server_end;
	l->final = said->final;
	l->facts = old ? old->facts : "";
	l->host_at = (uint8_t)(app + 1);
	l->info_at = (uint8_t)(app + host + 2);
	memcpy(l->text, said->app, app);
	memcpy(l->text + l->host_at, said->host, host);
	memcpy(l->text + l->info_at, said->info, info);
	free(old);
	return l;
}

struct replay_label *replay_label_facts(struct replay_label *old, struct strpool *pool, const char *text)
{
	const char *pooled;

	/* What is said of the middle of a flow takes nothing away from what its begin said. */
	if (old && old->final && old->confidence >= LABEL_OWN)
		return old;
	pooled = strpool_get(pool, text);
	if (!pooled)
		return old;
	if (!old) {
		old = calloc(1, sizeof(*old) + 1);
		if (!old) {
			strpool_put(pool, pooled);
			return NULL;
		}
		old->server_end = 0xff;
		old->facts = "";
	}
	strpool_put(pool, old->facts);
	old->facts = pooled;
	return old;
}
