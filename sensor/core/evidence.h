/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Evidence: on a finding whose actions say so, everything an analyst wants of a container goes into STATE/evidence/INCIDENT/, so that
 * nobody need touch the container (README names the files). One bundle an incident. First what is gone in a moment, with the
 * container frozen if evidence.freeze says so: processes, their /proc files, sockets, the executables of the findings; then the
 * upper layer; SETTLE after the finding what came meanwhile: findings, DNS, the packet ring; at last the manifest, with the digest of
 * each file and of the bundle before.
 *
 * Bounded: EVIDENCE_JOBS_MAX at a time, evidence.bundle_bytes each, evidence.max_bytes in all: with no room none is made, older ones
 * leave after evidence.keep_days only. What was cut is named in the manifest and counted (LOSS_EVIDENCE). Core's loop only. */
#ifndef PG_SENSOR_CORE_EVIDENCE_H
#define PG_SENSOR_CORE_EVIDENCE_H

#include "base/ipc.h"
#include "base/jsonl.h"
#include "intel/finding.h"
#include "sensor/core/core.h"

#define EVIDENCE_JOBS_MAX 6 /* each settles for two seconds: an attack touches more than two containers in that time */
#define EVIDENCE_SETTLE_NS (2 * 1000000000ULL)
#define EVIDENCE_ID_LEN 64

enum evidence_ring { EVIDENCE_RING_OFF, EVIDENCE_RING_HEADS, EVIDENCE_RING_MAX };

struct core_evidence;

/* Once the configuration is known. 0 or -ENOMEM; a directory that cannot be made is said, and each bundle then fails. */
int evidence_open(struct core *c);
/* Bundles that are being made end as they are, without a manifest, and are removed at the next start. */
void evidence_close(struct core *c);

/* Begins a bundle for the finding's incident. 0: actions_evidence_answer() follows; -EALREADY: there is one (ret_id too);
 * -EBUSY, -EDQUOT, -ESRCH (no running container), other -errno. */
int evidence_begin(struct core *c, const struct ident_container *ct, const struct finding *f, char ret_id[EVIDENCE_ID_LEN]);
void evidence_tick(struct core *c, uint64_t now_mono_ns);

/* A socket to the opener (taken over); answers of the keeper and of the packet inspector. */
void evidence_opener(struct core *c, int fd);
void evidence_keeper_answer(struct core *c, const struct ipc_hdr *hdr);
void evidence_ring_answer(struct core *c, const struct ipc_hdr *hdr, const void *body);
/* A new packet inspector: it is told how much it keeps. */
void evidence_ring_connected(struct core *c);

/* ---- asked by the API --------------------------------------------------------------------------------------------------- */
/* An array of summaries, the oldest first. */
void evidence_list(struct core *c, struct jsonl *j);
/* A file of a bundle, for reading. A descriptor; -ENOENT. */
int evidence_file(struct core *c, const char *id, const char *name);

struct evidence_counts {
	uint64_t made, refused, cut; /* bundles; bundles that found no room; parts that a limit cut or that could not be had */
	uint64_t bytes, max_bytes;   /* on disk */
	unsigned under_way;
};
void evidence_counts_get(const struct core *c, struct evidence_counts *ret);

#endif
