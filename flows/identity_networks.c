/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identity registry, feeding: networks as the engines say. */
#include "flows/identity_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool subnet_broadcast(const uint8_t addr[16], unsigned prefix_len, uint8_t ret[16])
{
	unsigned i;

	if (!addr_is_v4(addr) || prefix_len < 96 || prefix_len > 126) /* RFC 3021: a /31 has none */
		return false;
	memcpy(ret, addr, 16);
	for (i = prefix_len; i < 128; i++)
		ret[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	return true;
}

static int network_index(struct identity *id, struct network_rec *rec, index_change change)
{
	struct index_key key;
	uint8_t bcast[16];
	unsigned i;
	size_t len;
	int r = 0;

	for (i = 0; i < rec->n.subnet_count; i++) {
		if (!addr_is_any(rec->n.subnets[i].gateway)) {
			len = ident_index_key_addr(&key, INDEX_GATEWAY, rec->n.engine, rec->n.subnets[i].gateway);
			r |= change(id, &key, len, rec, 0);
		}
		if (subnet_broadcast(rec->n.subnets[i].addr, rec->n.subnets[i].prefix_len, bcast)) {
			len = ident_index_key_addr(&key, INDEX_BROADCAST, rec->n.engine, bcast);
			r |= change(id, &key, len, rec, 0);
		}
	}
	return r ? -ENOMEM : 0;
}

static void network_leave_index(struct identity *id, struct network_rec *rec)
{
	if (rec->indexed)
		network_index(id, rec, ident_index_del);
	rec->indexed = false;
}

static void network_forget(struct identity *id, struct network_rec *rec)
{
	network_leave_index(id, rec);
	HASH_DELETE(hh, id->networks, rec);
	free(rec);
	id->net_changes++;
	id->generation++;
}

struct network_rec *ident_network_find(const struct identity *id, unsigned engine, const char *nid)
{
	struct network_rec *rec;
	struct object_key key;

	ident_object_key(&key, engine, nid);
	HASH_FIND(hh, id->networks, &key, sizeof(key), rec);
	return rec;
}

bool ident_network_contains(const struct ident_network *n, const uint8_t addr[16])
{
	unsigned i, bits, bytes;

	for (i = 0; i < n->subnet_count; i++) {
		bytes = n->subnets[i].prefix_len / 8;
		bits = n->subnets[i].prefix_len % 8;
		if (n->subnets[i].prefix_len > 128 || !n->subnets[i].prefix_len || memcmp(n->subnets[i].addr, addr, bytes))
			continue;
		if (!bits || !((n->subnets[i].addr[bytes] ^ addr[bytes]) >> (8 - bits)))
			return true;
	}
	return false;
}

int ident_put_network(struct identity *id, const struct ident_network *n)
{
	struct network_rec *rec = ident_network_find(id, n->engine, n->id);
	struct ident_network now = *n;

	if (now.subnet_count > ARRAY_SIZE(now.subnets))
		now.subnet_count = ARRAY_SIZE(now.subnets);
	/* The engine's rule for bridges that were given no name of their own. */
	if (!now.bridge_name[0] && !strcmp(now.driver, "bridge"))
		snprintf(now.bridge_name, sizeof(now.bridge_name), "br-%.12s", now.id);
	if (!rec) {
		rec = calloc(1, sizeof(*rec));
		if (!rec)
			return -ENOMEM;
		ident_object_key(&rec->key, n->engine, n->id);
		HASH_ADD_KEYPTR(hh, id->networks, &rec->key, sizeof(rec->key), rec);
		if (!rec->hh.tbl) {
			free(rec);
			return -ENOMEM;
		}
	}
	if (!now.peer_count) { /* the list of networks does not name them, only a look at one does */
		now.peer_count = rec->n.peer_count;
		memcpy(now.peers, rec->n.peers, sizeof(now.peers));
	}
	rec->seen = true;
	id->engines |= engine_bit(n->engine);
	if (rec->indexed && !rec->gone && memcmp(&rec->n, &now, sizeof(now)) == 0)
		return 0;
	network_leave_index(id, rec);
	rec->n = now;
	rec->gone = false;
	rec->gone_ns = 0;
	rec->indexed = true;
	id->net_changes++;
	id->generation++;
	return network_index(id, rec, ident_index_add);
}

void ident_network_set_gone(struct identity *id, struct network_rec *rec)
{
	if (rec->gone)
		return;
	rec->gone = true;
	network_leave_index(id, rec);
	id->net_changes++;
	id->generation++;
}

void ident_network_gone(struct identity *id, unsigned engine, const char *nid)
{
	struct network_rec *rec = ident_network_find(id, engine, nid);

	if (rec)
		ident_network_set_gone(id, rec);
}

void ident_networks_expire(struct identity *id, uint64_t now_mono_ns)
{
	struct network_rec *n, *tmp;

	HASH_ITER(hh, id->networks, n, tmp) {
		if (!n->gone)
			continue;
		if (!n->gone_ns)
			n->gone_ns = now_mono_ns ? now_mono_ns : 1;
		else if (now_mono_ns >= n->gone_ns + IDENT_LINGER_NS)
			network_forget(id, n);
	}
}

void ident_networks_free(struct identity *id)
{
	struct network_rec *n, *tmp;

	HASH_ITER(hh, id->networks, n, tmp)
		network_forget(id, n);
}
