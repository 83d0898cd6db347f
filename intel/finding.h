/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Findings: what is neither declared nor learned, under fixed names (DESIGN 6, DECISIONS 21), with a score. Joined into
 * incidents: what happens in one container within INCIDENT_JOIN_NS belongs together; the same thing again is counted, not
 * told again; floods of one kind become one. Pure: wall ns as a parameter. Bounded (the oldest goes). One thread. */
#ifndef PG_INTEL_FINDING_H
#define PG_INTEL_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum finding_kind {
	FINDING_LISTENER_NEW, FINDING_LISTENER_SQUATTED, FINDING_LISTENER_PROTOCOL, FINDING_CONFIG_DRIFT,
	FINDING_PROCESS_NEW, FINDING_PROCESS_MODIFIED, FINDING_PROCESS_FILELESS,
	FINDING_PEER_UNLINKED, FINDING_EGRESS_NEW, FINDING_INTEL_IP, FINDING_INTEL_DOMAIN, FINDING_INTEL_FILE,
	FINDING_SYSCALL_NEW, FINDING_FILE_NEW, FINDING_SOCKET_RAW, FINDING_SCAN_HORIZONTAL, FINDING_SCAN_VERTICAL,
	FINDING_METADATA_ACCESS, FINDING_IDENTITY_SPOOFED, FINDING_OVERLAY_CLEARTEXT, FINDING_OVERLAY_FOREIGN_VTEP,
	FINDING_VOLUME_EXFILTRATION, FINDING_DNS_TUNNEL, FINDING_AUTH_BRUTEFORCE, FINDING_ENGINE_ACCESS,
	FINDING_TAMPER_RULESET, FINDING_FEED_POISONED, FINDING_LOSS_BLIND,
	FINDING_KIND_MAX
};
const char *finding_name(enum finding_kind k);
int finding_kind_of(const char *name); /* -1: no such name */
/* How grave such a thing is when the model is sure, 0-100. */
unsigned finding_base_score(enum finding_kind k);
/* "info" below 25, "low" 45, "medium" 65, "high" 85, else "critical". */
const char *finding_severity(unsigned score);

#define FINDING_EXPECTED_MAX 8
#define FINDINGS_MAX 2048              /* kept in memory; the store keeps more */
#define INCIDENT_JOIN_NS (60ULL * 1000000000ULL)  /* quiet time after which the same container starts a new incident */
#define INCIDENT_KIND_MAX 2            /* findings of one kind in an incident that are told one by one */
#define INCIDENT_TOLD_MAX 3            /* findings of an incident that stand for it; the others are kept as absorbed by these */
#define FINDING_AGAIN_NS (24ULL * 3600 * 1000000000ULL) /* the same again after this is told again */

struct finding {
	char id[40];       /* <hex wall seconds>-<hex number>, unique on this node */
	char incident[40];
	enum finding_kind kind;
	unsigned score;
	uint64_t time_ns, last_ns; /* wall: first and last seen */
	uint64_t observed_ns;      /* wall: when the kernel saw it */
	uint64_t count;            /* times seen; further ones of its kind that it stands for */
	char engine[128];
	char workload[300], container[256], container_id[65];
	char process[520];         /* executable, "" unknown */
	uint32_t pid;
	uint64_t start_boot_ns;    /* of that process, CLOCK_BOOTTIME; 0: not known. Not stored */
	char parent[520];
	uint8_t peer_addr[16];     /* peer_l4 != 0: the peer (IPv4-mapped), the protocol and the server's port. Not stored */
	uint8_t peer_l4;
	uint16_t peer_port_be;
	char peer[384];
	char key[1300];            /* what makes it the same finding again; starts with the fact's dimension */
	char fact[1300];           /* the fact, "" none: what `model accept` adds */
	int fact_kind;             /* enum fact_kind, -1: none */
	char objector[300];        /* workload whose model lacks the fact, "": workload */
	char observed[512];        /* one sentence: what happened */
	char why[768];             /* one sentence: which expectation it breaks, and how sure that is */
	unsigned expected_count;
	char expected[FINDING_EXPECTED_MAX][400];
	char coverage[128];        /* "complete" or what was lost in that window */
	char absorbed_by[40];      /* id of the finding that explains it; "" none */
	bool refused;              /* the program was refused before it began. Not stored */
	char action[256];          /* what was done about it, and what was not and why; "" nothing but telling */
	uint64_t acted_ns;         /* wall: when the last of it was over, 0: nothing was to be done. Not stored */
	char evidence[64];         /* id of the bundle, "" none */
	char replaces[40];         /* id of a told one that this one absorbed, because it says more; "" none. Not stored */
	bool accepted;
};

enum finding_outcome {
	FINDING_TOLD,     /* new: to be written out */
	FINDING_AGAIN,    /* the same as one before: counted there */
	FINDING_ABSORBED, /* explained by another one of its incident: kept, not told */
};

struct findings;
struct findings *findings_new(void);
void findings_free(struct findings *fs);
/* Takes f (id, incident, count, last, absorbed_by are filled in here). *ret: the record that holds it now, owned by fs, valid
 * until the next call. NULL and -ENOMEM when memory is short. */
int findings_add(struct findings *fs, const struct finding *f, enum finding_outcome *ret_outcome, struct finding **ret);
struct finding *findings_get(struct findings *fs, const char *id);
/* From the oldest. */
void findings_each(struct findings *fs, void (*cb)(const struct finding *f, void *arg), void *arg);
/* Puts a stored one back; keeps its ids. */
int findings_restore(struct findings *fs, const struct finding *f);
size_t findings_count(const struct findings *fs);
/* Accepted: the same thing is told again if it comes back after the model forgot it. */
void findings_accept(struct findings *fs, struct finding *f);

#endif
