/* SPDX-License-Identifier: GPL-2.0-or-later */
/* if_stats BPFFS-DIR: prints what the hooks counted on each interface, summed over the CPUs, one line each:
 *   ns ifindex role in_skbs in_raw_bytes out_skbs out_raw_bytes
 * if_stats --tcx IFINDEX: prints how many TCX programs are attached to that interface of this namespace
 * Reads the pinned maps itself, so that a test does not depend on the programs it tests. */
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sensor/bpf/abi.h"

#define CPUS_MAX 256

static long bpf(int cmd, union bpf_attr *a)
{
	return syscall(SYS_bpf, cmd, a, sizeof(*a));
}

static int map_open(const char *dir, const char *name)
{
	char path[512];
	union bpf_attr a;
	long fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	memset(&a, 0, sizeof(a));
	a.pathname = (uintptr_t)path;
	fd = bpf(BPF_OBJ_GET, &a);
	if (fd < 0)
		perror(path);
	return (int)fd;
}

static long map_lookup(int fd, const void *key, void *value)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_fd = (uint32_t)fd;
	a.key = (uintptr_t)key;
	a.value = (uintptr_t)value;
	return bpf(BPF_MAP_LOOKUP_ELEM, &a);
}

/* BPF_TCX_INGRESS and BPF_TCX_EGRESS of linux/bpf.h 6.6. */
static int print_tcx(unsigned ifindex)
{
	unsigned n = 0;

	for (unsigned type = 46; type <= 47; type++) {
		union bpf_attr a;

		memset(&a, 0, sizeof(a));
		a.query.target_fd = ifindex; /* target_ifindex shares its place */
		a.query.attach_type = type;
		if (bpf(BPF_PROG_QUERY, &a) == 0)
			n += a.query.prog_cnt;
	}
	printf("%u\n", n);
	return 0;
}

static void add(struct pg_if_stats *sum, const struct pg_if_stats *s)
{
	sum->in_skbs += s->in_skbs;
	sum->in_raw_bytes += s->in_raw_bytes;
	sum->out_skbs += s->out_skbs;
	sum->out_raw_bytes += s->out_raw_bytes;
}

#define SLOTS_MAX 4096
static struct {
	struct pg_if_key key;
	struct pg_if_stats sum;
} slots[SLOTS_MAX];
static uint32_t slot_count;

static void slots_read(int fd)
{
	static struct pg_if_slot s[CPUS_MAX];

	while (slot_count < SLOTS_MAX && map_lookup(fd, &slot_count, s) == 0) {
		slots[slot_count].key = s[0].key;
		for (int c = 0; c < CPUS_MAX; c++)
			add(&slots[slot_count].sum, &s[c].stats);
		slot_count++;
	}
}

int main(int argc, char **argv)
{
	static struct pg_if_stats st[CPUS_MAX];
	struct pg_if_key key, next;
	int stats, ifs, slot_fd, first = 1;

	if (argc == 3 && !strcmp(argv[1], "--tcx"))
		return print_tcx((unsigned)strtoul(argv[2], NULL, 10));
	if (argc != 2)
		return 2;
	stats = map_open(argv[1], "if_stats");
	ifs = map_open(argv[1], "interfaces");
	slot_fd = map_open(argv[1], "if_slots");
	if (stats < 0 || ifs < 0 || slot_fd < 0)
		return 1;
	slots_read(slot_fd);
	for (;;) {
		union bpf_attr a;
		struct pg_if_stats sum = { 0 };
		struct pg_if info = { 0 };

		memset(&a, 0, sizeof(a));
		a.map_fd = (uint32_t)ifs;
		a.key = first ? 0 : (uintptr_t)&key;
		a.next_key = (uintptr_t)&next;
		if (bpf(BPF_MAP_GET_NEXT_KEY, &a) < 0)
			return 0;
		first = 0;
		key = next;
		memset(st, 0, sizeof(st));
		if (map_lookup(ifs, &key, &info) < 0)
			continue;
		(void)map_lookup(stats, &key, st);
		for (int i = 0; i < CPUS_MAX; i++)
			add(&sum, &st[i]);
		for (uint32_t i = 0; i < slot_count; i++)
			if (!memcmp(&slots[i].key, &key, sizeof(key)))
				add(&sum, &slots[i].sum);
		printf("%u %u %u %llu %llu %llu %llu\n", key.ns, key.ifindex, info.role, (unsigned long long)sum.in_skbs,
		       (unsigned long long)sum.in_raw_bytes, (unsigned long long)sum.out_skbs, (unsigned long long)sum.out_raw_bytes);
	}
}
