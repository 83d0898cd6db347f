/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys that make an interface known to the programs, and the statistics they keep of it: in a slot of an array where
 * that is free (cheaper per packet), else in a hash. A reader adds both. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "sensor/keeper/bpf_private.h"

static bool slot_is(const struct pg_if_slot *s, uint16_t ns, uint32_t ifindex)
{
	return s->key.ifindex == ifindex && s->key.ns == ns;
}

/* One value per possible CPU, zeroed. */
static void *per_cpu_new(size_t size, int *ret_cpus)
{
	*ret_cpus = libbpf_num_possible_cpus();
	return *ret_cpus < 1 ? NULL : calloc((size_t)*ret_cpus, size);
}

/* Only for an interface without statistics and without programs: writing the slot would race with their counting. */
static void slot_take(struct bpf_loader *l, const struct pg_if_key *key)
{
	uint32_t i = if_slot_of(key->ifindex, key->ns);
	_cleanup_free_ struct pg_if_slot *v = NULL;
	int cpus;

	v = per_cpu_new(sizeof(*v), &cpus);
	if (!v || bpf_map_lookup_elem(l->maps.fd[MAP_IF_SLOTS], &i, v) || v[0].key.ifindex)
		return;
	memset(v, 0, (size_t)cpus * sizeof(*v));
	for (int c = 0; c < cpus; c++)
		v[c].key = *key;
	bpf_map_update_elem(l->maps.fd[MAP_IF_SLOTS], &i, v, BPF_ANY);
}

static void slot_free(struct bpf_loader *l, uint16_t ns, uint32_t ifindex)
{
	uint32_t i = if_slot_of(ifindex, ns);
	_cleanup_free_ struct pg_if_slot *v = NULL;
	int cpus;

	v = per_cpu_new(sizeof(*v), &cpus);
	if (!v || bpf_map_lookup_elem(l->maps.fd[MAP_IF_SLOTS], &i, v) || !slot_is(&v[0], ns, ifindex))
		return;
	memset(v, 0, (size_t)cpus * sizeof(*v));
	bpf_map_update_elem(l->maps.fd[MAP_IF_SLOTS], &i, v, BPF_ANY);
}

int if_keys_put(struct bpf_loader *l, uint16_t ns, uint32_t ifindex, enum pg_if_role role, uint32_t vni)
{
	struct pg_if_key key = { .ifindex = ifindex, .ns = ns };
	struct pg_if value = { .role = role, .vni = vni };
	_cleanup_free_ struct pg_if_stats *zero = NULL;
	int cpus;

	zero = per_cpu_new(sizeof(*zero), &cpus);
	if (!zero)
		return -ENOMEM;
	if (bpf_map_update_elem(l->maps.fd[MAP_IF_STATS], &key, zero, BPF_NOEXIST) == 0)
		slot_take(l, &key);
	else if (errno != EEXIST)
		return -errno;
	return bpf_map_update_elem(l->maps.fd[MAP_INTERFACES], &key, &value, BPF_ANY) ? -errno : 0;
}

void if_keys_delete(struct bpf_loader *l, uint16_t ns, uint32_t ifindex)
{
	struct pg_if_key key = { .ifindex = ifindex, .ns = ns };

	bpf_map_delete_elem(l->maps.fd[MAP_INTERFACES], &key);
	bpf_map_delete_elem(l->maps.fd[MAP_IF_STATS], &key);
	slot_free(l, ns, ifindex);
}

static void delete_unknown_of(struct bpf_loader *l, enum map_id map)
{
	struct pg_if_key key, next, *at = NULL;
	int fd = l->maps.fd[map];

	while (bpf_map_get_next_key(fd, at, &next) == 0) {
		if (at && !links_knows(l, key.ns, key.ifindex))
			if_keys_delete(l, key.ns, key.ifindex);
		key = next;
		at = &key;
	}
	if (at && !links_knows(l, key.ns, key.ifindex))
		if_keys_delete(l, key.ns, key.ifindex);
}

void if_keys_delete_unknown(struct bpf_loader *l)
{
	delete_unknown_of(l, MAP_INTERFACES);
	delete_unknown_of(l, MAP_IF_STATS);
}

static void stats_add(struct pg_if_stats *to, const struct pg_if_stats *s)
{
	to->in_skbs += s->in_skbs;
	to->in_raw_bytes += s->in_raw_bytes;
	to->in_packets += s->in_packets;
	to->in_bytes += s->in_bytes;
	to->out_skbs += s->out_skbs;
	to->out_raw_bytes += s->out_raw_bytes;
	to->out_packets += s->out_packets;
	to->out_bytes += s->out_bytes;
}

int if_stats_sum(struct bpf_loader *l, uint16_t ns, uint32_t ifindex, struct pg_if_stats *ret)
{
	struct pg_if_key key = { .ifindex = ifindex, .ns = ns };
	_cleanup_free_ struct pg_if_stats *hash = NULL;
	_cleanup_free_ struct pg_if_slot *slot = NULL;
	uint32_t i = if_slot_of(ifindex, ns);
	int cpus;

	hash = per_cpu_new(sizeof(*hash), &cpus);
	slot = per_cpu_new(sizeof(*slot), &cpus);
	if (!hash || !slot)
		return -ENOMEM;
	if (bpf_map_lookup_elem(l->maps.fd[MAP_IF_STATS], &key, hash) || bpf_map_lookup_elem(l->maps.fd[MAP_IF_SLOTS], &i, slot))
		return -errno;
	memset(ret, 0, sizeof(*ret));
	for (int c = 0; c < cpus; c++) {
		stats_add(ret, &hash[c]);
		if (slot_is(&slot[c], ns, ifindex))
			stats_add(ret, &slot[c].stats);
	}
	return 0;
}
