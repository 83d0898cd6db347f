/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections of containers to sockets in the file system, by connect() or io_uring alike (kernels from 6.7): who holds the
 * engine's socket holds the node. One event a path, container and ten seconds; which sockets matter, core knows. */
#include "sensor/bpf/ledger.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define ALLOW 1
#define AGAIN_NS 10000000000ULL
#define PATH_MAX_UNIX 108 /* sizeof(sockaddr_un.sun_path) */

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym;

struct unix_seen_key {
	u64 cgroup, path;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct unix_seen_key);
	__type(value, u64);
} unix_seen SEC(".maps");

struct unix_event {
	struct pg_event e;
	char path[PATH_MAX_UNIX + 4];
};

static __always_inline bool seen_lately(u64 cgroup, const char *path)
{
	struct unix_seen_key k = { .cgroup = cgroup, .path = 0xcbf29ce484222325ULL };
	u64 now = bpf_ktime_get_ns(), *at;

	for (int i = 0; i < PATH_MAX_UNIX && path[i]; i++)
		k.path = (k.path ^ (u8)path[i]) * 0x100000001b3ULL;
	at = bpf_map_lookup_elem(&unix_seen, &k);
	if (at && now - *at < AGAIN_NS)
		return true;
	bpf_map_update_elem(&unix_seen, &k, &now, BPF_ANY);
	return false;
}

SEC("cgroup/connect_unix")
int unix_connect(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *kern = bpf_cast_to_kern_ctx(ctx);
	struct task_struct *t = (void *)bpf_get_current_task();
	struct sockaddr_un *to = (void *)kern->uaddr;
	struct unix_event u;
	long n;

	if (!to || !is_of_container(t))
		return ALLOW;
	n = bpf_probe_read_kernel_str(u.path, PATH_MAX_UNIX, to->sun_path);
	if (n <= 1 || n > PATH_MAX_UNIX) /* abstract, or unbound */
		return ALLOW;
	event_of_task(&u.e, t, PG_EV_UNIX);
	if (seen_lately(u.e.cgroup, u.path))
		return ALLOW;
	u.e.text_len = n - 1;
	event_put(u.e.cgroup, u.e.ts_ns, &u, sizeof(u.e) + ((n - 1) & 127));
	return ALLOW;
}
