/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The maps: one table says what they are; made once, pinned, adopted by the next keeper if version, kind and sizes are the
 * same. All objects get these maps instead of the ones their own source declares. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/keeper/bpf_private.h"

#define FLOWS_MAX_DEFAULT 131072u
#define FLOWS_MAX_MIN 64u
#define FLOWS_MAX_MAX (1u << 24)

struct map_spec {
	const char *name;
	enum bpf_map_type type;
	uint32_t key_size, value_size;
	uint32_t max; /* 0: flows_max */
	uint32_t flags;
};

static const struct map_spec map_specs[MAP_MAX] = {
	/* Preallocated: a new flow costs 0.5 us less than with allocation (0.8 against 1.3, first packet, all included), and
	 * cannot fail for want of memory in a burst. 224 bytes an entry: 29 MB at the default. */
	[MAP_FLOWS] = { "flows", BPF_MAP_TYPE_HASH, sizeof(struct flow_key), sizeof(struct pg_flow), 0, 0 },
	[MAP_SAMPLES] = { "samples", BPF_MAP_TYPE_RINGBUF, 0, 0, PG_SAMPLES_RING_BYTES, 0 },
	[MAP_INSPECTED] = { "inspected", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pg_inspected), 1, BPF_F_MMAPABLE },
	[MAP_EVENTS] = { "events", BPF_MAP_TYPE_RINGBUF, 0, 0, PG_EVENTS_RING_BYTES, 0 },
	[MAP_COUNTERS] = { "counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, PG_CTR_MAX, 0 },
	[MAP_INTERFACES] = { "interfaces", BPF_MAP_TYPE_HASH, sizeof(struct pg_if_key), sizeof(struct pg_if), 16384,
			     BPF_F_NO_PREALLOC },
	[MAP_IF_STATS] = { "if_stats", BPF_MAP_TYPE_PERCPU_HASH, sizeof(struct pg_if_key), sizeof(struct pg_if_stats), 16384,
			   BPF_F_NO_PREALLOC },
	[MAP_IF_SLOTS] = { "if_slots", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct pg_if_slot), PG_IF_SLOTS, 0 },
	[MAP_SOCKETS] = { "sockets", BPF_MAP_TYPE_HASH, 8, sizeof(struct pg_owner), 131072, BPF_F_NO_PREALLOC },
	[MAP_SERVERS] = { "servers", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pg_server), PG_SERVER_SLOTS, 0 },
	[MAP_LEDGERS] = { "ledgers", BPF_MAP_TYPE_HASH, 8, sizeof(struct pg_ledger), 16384, BPF_F_NO_PREALLOC },
	[MAP_SYSCALLS] = { "syscalls", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pg_syscall_bucket), PG_SYSCALL_BUCKETS, 0 },
	[MAP_SYSCALLS_OUTSIDE] = { "syscalls_outside", BPF_MAP_TYPE_HASH, 8, sizeof(struct pg_syscall_set_bits), 16384, BPF_F_NO_PREALLOC },
	[MAP_HOSTNET] = { "hostnet", BPF_MAP_TYPE_HASH, 8, 4, 1024, BPF_F_NO_PREALLOC },
	[MAP_VTEPS] = { "vteps", BPF_MAP_TYPE_HASH, sizeof(struct pg_vtep_key), sizeof(struct pg_vtep), 8192, BPF_F_NO_PREALLOC },
	[MAP_FLOW_GAUGE] = { "flow_gauge", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pg_flow_gauge), 1, BPF_F_MMAPABLE },
	[MAP_FLOW_SHARES] = { "flow_shares", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pg_flow_share), PG_IF_SLOTS, BPF_F_MMAPABLE },
	[MAP_FLOW_NEWS] = { "flow_news", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pg_flow_news), PG_NEWS_SLOTS, BPF_F_MMAPABLE },
	[MAP_FLOW_ASKS] = { "flow_asks", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pg_flow_ask), PG_ASKS_MAX, BPF_F_MMAPABLE },
	[MAP_EARLY_DROP] = { "early_drop", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct pg_lpm_key), 4, 1u << 20, BPF_F_NO_PREALLOC },
	[MAP_LISTED] = { "listed", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0 },
	[MAP_LISTED_DROPS] = { "listed_drops", BPF_MAP_TYPE_HASH, sizeof(struct pg_if_key), 8, 16384, BPF_F_NO_PREALLOC },
	[MAP_CHECKED] = { "checked", BPF_MAP_TYPE_HASH, sizeof(struct pg_checked_key), sizeof(struct pg_checked), 16384, BPF_F_NO_PREALLOC },
	[MAP_CLOSED_SOCKETS] = { "closed_sockets", BPF_MAP_TYPE_LRU_HASH, 8, sizeof(struct pg_owner), 8192, 0 },
	[MAP_YOUNG_SOCKETS] = { "young_sockets", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct young_socket), YOUNG_SOCKETS, 0 },
	[MAP_FRAGMENTS] = { "fragments", BPF_MAP_TYPE_LRU_HASH, sizeof(struct fragment_key), sizeof(struct fragment_ports), 4096, 0 },
	[MAP_IF_MACS] = { "if_macs", BPF_MAP_TYPE_LRU_HASH, sizeof(struct if_mac_key), 1, 8192, 0 },
	[MAP_ARP_ASKED] = { "arp_asked", BPF_MAP_TYPE_LRU_HASH, sizeof(struct arp_asked_key), sizeof(struct arp_asked), 2048, 0 },
	[MAP_VOUCHED] = { "vouched", BPF_MAP_TYPE_LRU_HASH, 4, 8, 8192, 0 },
	[MAP_ARP_EVENTS] = { "arp_events", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct pg_event), 1, 0 },
	[MAP_WAKEUPS] = { "wakeups", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct ring_wakeups), 1, 0 },
	[MAP_ITER_SEEN] = { "iter_seen", BPF_MAP_TYPE_LRU_HASH, 8, 4, 65536, 0 },
	[MAP_NETNS_NUMBERS] = { "netns_numbers", BPF_MAP_TYPE_HASH, 8, 4, 65536, BPF_F_NO_PREALLOC },
	/* Emptied by the kernel when no descriptor and no pin is left: the pin keeps the hooks going between two keepers. */
	[MAP_PROGRAMS] = { "programs", BPF_MAP_TYPE_PROG_ARRAY, 4, 4, PG_HOOK_SLOTS, 0 },
	[MAP_ABI] = { "abi", BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0 },
};

static uint32_t flows_max_rounded(uint32_t want)
{
	uint32_t n = FLOWS_MAX_MIN;

	if (!want)
		want = FLOWS_MAX_DEFAULT;
	if (want > FLOWS_MAX_MAX)
		want = FLOWS_MAX_MAX;
	while (n < want)
		n <<= 1;
	return n;
}

static void map_pin_path(const char *pin_dir, enum map_id id, char ret[PIN_PATH_LEN])
{
	snprintf(ret, PIN_PATH_LEN, "%s/%s", pin_dir, map_specs[id].name);
}

static bool map_is_like(int fd, const struct map_spec *spec, uint32_t max)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	return info.type == spec->type && info.key_size == spec->key_size && info.value_size == spec->value_size &&
	       info.max_entries == max && (info.map_flags & (BPF_F_NO_PREALLOC | BPF_F_MMAPABLE)) == spec->flags;
}

int listed_pages_make(uint32_t pages)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pg_listed_pages", 4, sizeof(struct pg_listed_page), pages, &opts);

	return fd < 0 ? -errno : fd;
}

static int map_make(enum map_id id, uint32_t max)
{
	const struct map_spec *spec = &map_specs[id];
	char name[BPF_OBJ_NAME_LEN];
	_cleanup_close_ int inner = -1;
	int fd;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = spec->flags);

	if (spec->type == BPF_MAP_TYPE_ARRAY_OF_MAPS) {
		inner = listed_pages_make(1);
		if (inner < 0)
			return take_fd(&inner);
		opts.inner_map_fd = (uint32_t)inner;
	}
	snprintf(name, sizeof(name), "pg_%.12s", spec->name);
	fd = bpf_map_create(spec->type, name, spec->key_size, spec->value_size, max, &opts);
	return fd < 0 ? -errno : fd;
}

/* Whether the pinned maps are of this ABI version: else none of them may be adopted. */
static bool maps_are_ours(const char *pin_dir)
{
	char path[PIN_PATH_LEN];
	_cleanup_close_ int fd = -1;
	uint32_t zero = 0, version = 0;

	map_pin_path(pin_dir, MAP_ABI, path);
	fd = bpf_obj_get(path);
	return fd >= 0 && map_is_like(fd, &map_specs[MAP_ABI], 1) && !bpf_map_lookup_elem(fd, &zero, &version) &&
	       version == PG_ABI_VERSION;
}

static int map_open_one(struct maps *m, enum map_id id, const char *pin_dir, uint32_t max, bool adopt)
{
	char path[PIN_PATH_LEN];
	int fd, r;

	map_pin_path(pin_dir, id, path);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		if (adopt && map_is_like(fd, &map_specs[id], max)) {
			m->fd[id] = fd;
			m->adopted++;
			return 0;
		}
		close(fd);
		unlink(path);
		m->replaced++;
		log_debug("bpf: map %s of an earlier run has another version or size: replaced", map_specs[id].name);
	}
	fd = map_make(id, max);
	if (fd < 0)
		return fd;
	m->fd[id] = fd;
	if (bpf_obj_pin(fd, path)) {
		r = -errno;
		return r;
	}
	return 0;
}

int maps_open(struct maps *m, const char *pin_dir, uint32_t flows_max)
{
	uint32_t zero = 0, version = PG_ABI_VERSION;
	bool adopt;
	int r = 0;

	flows_max = flows_max_rounded(flows_max);
	memset(m, 0, sizeof(*m));
	for (int i = 0; i < MAP_MAX; i++)
		m->fd[i] = -1;
	adopt = maps_are_ours(pin_dir);
	for (int i = 0; i < MAP_MAX && !r; i++) {
		r = map_open_one(m, i, pin_dir, map_specs[i].max ?: flows_max, adopt);
		if (r)
			log_debug("bpf: map %s: %s", map_specs[i].name, strerror(-r));
	}
	if (!r && bpf_map_update_elem(m->fd[MAP_ABI], &zero, &version, BPF_ANY))
		r = -errno;
	if (r)
		maps_close(m, pin_dir, false);
	return r;
}

void maps_close(struct maps *m, const char *pin_dir, bool unpin)
{
	char path[PIN_PATH_LEN];

	for (int i = 0; i < MAP_MAX; i++) {
		if (m->fd[i] >= 0)
			close(m->fd[i]);
		m->fd[i] = -1;
		if (unpin) {
			map_pin_path(pin_dir, i, path);
			unlink(path);
		}
	}
}

int maps_fd(const struct maps *m, const char *name)
{
	for (int i = 0; i < MAP_MAX; i++)
		if (strcmp(map_specs[i].name, name) == 0)
			return m->fd[i] >= 0 ? m->fd[i] : -ENOENT;
	return -ENOENT;
}

uint32_t maps_flows_max(const struct maps *m)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(m->fd[MAP_FLOWS], &info, &len) ? 0 : info.max_entries;
}

int maps_share(const struct maps *m, struct bpf_object *o)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, o) {
		int fd;

		if (bpf_map__is_internal(map))
			continue;
		fd = maps_fd(m, bpf_map__name(map));
		if (fd < 0)
			continue;
		if (bpf_map__reuse_fd(map, fd))
			return -errno;
	}
	return 0;
}
