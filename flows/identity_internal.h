/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the identity registry; included by flows/identity*.c only.
 *
 * Records hang in uthash tables by their own keys. One further table, the index, leads from a derived key (an address, a
 * sandbox's name, a published port, …) to all records that have it. Its keys come from the engines and the keeper, never
 * from packets, so a plain hash is enough here. */
#ifndef PG_FLOWS_IDENTITY_INTERNAL_H
#define PG_FLOWS_IDENTITY_INTERNAL_H

#define XXH_INLINE_ALL
#include <xxhash.h>
#define HASH_FUNCTION(keyptr, keylen, hashv) (hashv) = (unsigned)XXH3_64bits(keyptr, keylen)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/cleanup.h"
#include "flows/identity.h"

enum index_kind {
	INDEX_ENDPOINT,  /* (engine, address) -> container_rec, n: endpoint */
	INDEX_SANDBOX,   /* (engine, sandbox name) -> container_rec */
	INDEX_PUBLISHED, /* (engine, proto, host port) -> container_rec, n: port */
	INDEX_HOSTNET,   /* (0, pseudo interface) -> container_rec */
	INDEX_NS_ADDR,   /* (engine, address) -> ns_rec, n: ifindex */
	INDEX_NS_NAME,   /* (engine, name) -> ns_rec */
	INDEX_GATEWAY,   /* (engine, address) -> network_rec */
	INDEX_BROADCAST, /* (engine, address) -> network_rec */
};

struct index_key {
	uint32_t kind;
	uint32_t engine;
	uint8_t b[64];
};

struct index_ref {
	void *rec;
	uint32_t n;
	struct index_ref *next;
};

struct index_rec {
	struct index_key key; /* hashed up to the length in use */
	struct index_ref *refs;
	UT_hash_handle hh;
};

struct object_key {
	uint32_t engine;
	char id[IDENT_ID_LEN + 3]; /* zero-filled */
};

struct container_rec {
	struct ident_container c; /* first: the public pointer is the record's */
	struct object_key key;
	unsigned refs;
	bool seen;       /* since ident_resync_begin() */
	bool indexed;
	uint32_t hostnet_if;
	uint64_t idle_ns; /* when ident_expire() first saw it not running, 0: running */
	UT_hash_handle hh, hh_cgroup;
};

struct network_rec {
	struct ident_network n; /* first */
	struct object_key key;
	bool seen, indexed, gone;
	uint64_t gone_ns; /* when ident_expire() first saw it gone */
	UT_hash_handle hh;
};

struct ns_addr {
	uint32_t ifindex;
	uint8_t addr[16];
	bool gone;
	uint64_t gone_ns; /* when ident_expire() first saw it gone */
};

struct ns_rec {
	struct ident_ns ns; /* first */
	uint32_t key;
	bool known;       /* false: only links or addresses of it were named so far */
	unsigned routers; /* interfaces that say: this container routes for others */
	uint64_t gone_ns;
	struct container_rec *last; /* whom it was resolved to last: outlives a container's change of sandbox */
	struct ns_addr *addrs;
	unsigned addr_count, addr_max;
	const struct network_rec *net; /* overlay: its network, found at net_changes */
	uint64_t net_changes;
	UT_hash_handle hh, hh_cookie;
};

struct link_key {
	uint32_t ns, ifindex;
};

struct link_rec {
	struct ident_link l; /* first */
	struct link_key key;
	uint64_t gone_ns;
	const struct network_rec *net; /* bridge: its network, found at net_changes */
	uint64_t net_changes;
	UT_hash_handle hh;
};

struct identity {
	char node_name[128];
	uint64_t generation;
	uint64_t net_changes; /* starts at 1: 0 in a record means: not looked for */
	unsigned sharers;     /* containers with network_mode container:X */
	uint64_t engines;     /* bit n: engine n has named something; engines beyond 63 have no bit */
	uint64_t engines_with_node; /* bit n: a node's namespace is engine n's. Those without live in another one's */
	struct container_rec *containers, *by_cgroup;
	struct network_rec *networks;
	struct ns_rec *namespaces, *by_cookie;
	struct link_rec *links;
	struct index_rec *index;
};

/* ---- identity_index.c ---------------------------------------------------------------------------- */
size_t ident_index_key_addr(struct index_key *ret, enum index_kind kind, unsigned engine, const uint8_t addr[16]);
size_t ident_index_key_name(struct index_key *ret, enum index_kind kind, unsigned engine, const char *name);
size_t ident_index_key_port(struct index_key *ret, unsigned engine, uint8_t proto, uint16_t host_port);
size_t ident_index_key_hostnet(struct index_key *ret, uint32_t pseudo_ifindex);
/* 0 or -ENOMEM; the same (rec, n) is kept once. */
int ident_index_add(struct identity *id, const struct index_key *key, size_t len, void *rec, uint32_t n);
/* Always 0. */
int ident_index_del(struct identity *id, const struct index_key *key, size_t len, void *rec, uint32_t n);
typedef int (*index_change)(struct identity *id, const struct index_key *key, size_t len, void *rec, uint32_t n);
const struct index_ref *ident_index_find(const struct identity *id, const struct index_key *key, size_t len);
void ident_index_free(struct identity *id);

/* ---- address helpers -------------------------------------------------------------------------------- */
static inline bool addr_is_zero(const uint8_t a[16])
{
	static const uint8_t zero[16];

	return memcmp(a, zero, 16) == 0;
}

static inline bool addr_is_v4(const uint8_t a[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a, mapped, 12) == 0;
}

/* :: or 0.0.0.0 */
static inline bool addr_is_any(const uint8_t a[16])
{
	return addr_is_zero(a) || (addr_is_v4(a) && !a[12] && !a[13] && !a[14] && !a[15]);
}

static inline bool addr_is_loopback(const uint8_t a[16])
{
	static const uint8_t one[16] = { [15] = 1 };

	return addr_is_v4(a) ? a[12] == 127 : memcmp(a, one, 16) == 0;
}

/* fe80::/10 (RFC 4291 2.5.6) */
static inline bool addr_is_link_local6(const uint8_t a[16])
{
	return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

/* 224.0.0.0/4, ff00::/8, 255.255.255.255 */
static inline bool addr_is_multicast(const uint8_t a[16])
{
	if (!addr_is_v4(a))
		return a[0] == 0xff;
	return (a[12] & 0xf0) == 0xe0 || (a[12] == 255 && a[13] == 255 && a[14] == 255 && a[15] == 255);
}

static inline uint64_t engine_bit(unsigned engine)
{
	return engine < 64 ? 1ULL << engine : 0;
}

/* ---- shared between the files ------------------------------------------------------------------------- */
/* One that waits to be restarted holds no address and serves no port. */
static inline bool container_is_alive(const struct ident_container *c)
{
	return !c->gone_mono_ns && (c->state == IDENT_RUNNING || c->state == IDENT_PAUSED);
}

/* For network_mode container:X: X, as written; else NULL. */
const char *ident_container_shares(const struct ident_container *c);
struct container_rec *ident_container_find(const struct identity *id, unsigned engine, const char *cid);
/* By id, else by name. */
struct container_rec *ident_container_find_any(const struct identity *id, unsigned engine, const char *ref);
/* Drops a record from everywhere and frees it. */
void ident_container_forget(struct identity *id, struct container_rec *rec);
/* Sets c.ns of the container, and of all that share namespaces with others. */
void ident_container_join_ns(struct identity *id, struct container_rec *rec);
struct ns_rec *ident_ns_find(const struct identity *id, uint16_t ns);
struct link_rec *ident_link_find(const struct identity *id, uint16_t ns, uint32_t ifindex);
void ident_links_expire(struct identity *id, uint64_t now_mono_ns);
void ident_links_free(struct identity *id);
/* The container that owns the namespace's sandbox, NULL. */
struct container_rec *ident_ns_owner(struct identity *id, struct ns_rec *ns);
void ident_object_key(struct object_key *ret, unsigned engine, const char *oid);
struct network_rec *ident_network_find(const struct identity *id, unsigned engine, const char *nid);
void ident_network_set_gone(struct identity *id, struct network_rec *rec);
void ident_networks_expire(struct identity *id, uint64_t now_mono_ns);
void ident_networks_free(struct identity *id);
bool ident_network_contains(const struct ident_network *n, const uint8_t addr[16]);

/* workload_name.c: the workload's name of a task or container of which only the name is known. */
void ident_workload_name_remote(const char *name, char *ret, size_t len);

#endif
