/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of declared: declared.c (who is read when), declared_take.c (what the inspector says), declared_drift.c (what was meant, what
 * differs), declared_edges.c (whom it would call), declared_json.c. */
#ifndef PG_SENSOR_CORE_DECLARED_PRIV_H
#define PG_SENSOR_CORE_DECLARED_PRIV_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "sensor/core/declared.h"
#include "sensor/core/model_priv.h"
#include "sensor/watch/docker_json.h"

#define DECLARED_SETTINGS_MAX 12000
#define DECLARED_BASES_MAX 4096

/* Strings are of core's pool. key: kind and texts, what makes it the same setting wherever it stands. */
struct setting {
	enum msg_setting_kind kind;
	uint32_t number;
	const char *a, *b, *c, *where, *key;
};
struct settings {
	struct setting *list;
	unsigned count, cap;
	uint32_t unsent;
	const char **keys; /* sorted; NULL: not yet */
};

/* What made it be read again. */
struct declared_trigger {
	char path[512], process[520];
	const char *change; /* static text */
	uint32_t pid;
	uint64_t at_mono_ns; /* 0: nothing changed */
};

struct declared {
	struct declared_key {
		uint32_t engine;
		char cid[IDENT_ID_LEN];
	} key; /* padding is zero */
	struct docker_start *start;
	uint32_t pid;        /* of the run that was read, or is to be */
	bool wanted, confirm, was_read, told;
	unsigned tries;
	uint64_t due_ns, read_ns, took_ns, read_wall_ns, gone_ns; /* monotonic but wall */
	uint64_t second_ns;  /* readings in this second */
	unsigned in_second;
	int error;           /* of the last reading, -errno */
	struct settings now, coming, before; /* before: kept for a removal that is looked at twice */
	struct declared_trigger trigger, judged; /* of the next reading; of the present one */
	UT_hash_handle hh;
};

/* All settings that were read of a workload's image while it was learned. */
struct base_entry {
	const char *key; /* of the pool; the key of the hash is the pointer */
	UT_hash_handle hh;
};
struct base {
	struct base_key {
		char workload[MODEL_WORKLOAD_LEN], image[MODEL_IMAGE_LEN];
	} key; /* zero-filled */
	struct base_entry *entries;
	UT_hash_handle hh;
};

struct core_declared {
	struct declared *all;
	struct base *bases;
	struct declared_key reading; /* cid "": nobody */
	uint32_t reading_pid, seq;
	uint64_t reading_ns, edges_ns, edges_generation;
	uint64_t readings, failed, late_ns_max;
	bool edges_due;
};

struct declared *declared_of(struct core *c, const struct ident_container *ct);
const struct ident_container *declared_container(struct core *c, const struct declared *d);

/* declared_take.c */
void settings_free(struct core *c, struct settings *s);
/* A PART: appends to s. */
void settings_take(struct core *c, struct settings *s, const uint8_t *p, size_t len);
/* All were taken. */
void settings_seal(struct settings *s);
bool settings_has(const struct settings *s, const struct setting *what);
/* A sentence part: "listens on tcp *:81 (httpd)". */
void setting_text(const struct setting *s, char *ret, size_t len);
/* Where it stands: "/etc/x.conf:5"; "" nowhere. */
const char *setting_where(const struct setting *s, char *buf, size_t len);

/* declared_drift.c */
/* d->now is what was read just now, old what was before. True: it is to be read once more before anything is said. */
bool declared_judge(struct core *c, struct declared *d, const struct settings *old);
bool declared_is_meant(struct core *c, const struct ident_container *ct, const struct setting *s);
void bases_free(struct core *c);
/* The place of a listener in a fact's key: "tcp/80", "tcp/80 (loopback)". False: none. */
bool declared_listener_key(const struct setting *s, char ret[48]);

/* declared_edges.c: declares what can be resolved now. */
void declared_edges(struct core *c, struct declared *d, const struct ident_container *ct);

#endif
