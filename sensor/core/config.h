/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration: one YAML file (libfyaml), every key optional, unknown keys refused with their line. */
#ifndef PG_SENSOR_CORE_CONFIG_H
#define PG_SENSOR_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enforce/action.h"

/* policy.workloads: one workload. */
struct config_policy_workload {
	char name[300];
	uint8_t mode;              /* learn|monitor|enforce -> enum policy_mode */
	uint8_t protocols;         /* 0 as policy.protocols, 1 off, 2 check */
	uint8_t cut;               /* established: keep|cut */
	uint8_t closed;            /* on_failure: open|closed */
};
struct config_policy {
	char analyst[64];          /* policy.analyst: may reach a quarantined container; "" nobody */
	bool protocols;            /* policy.protocols: those of learned listeners are checked before a connection goes on */
	uint32_t ct_mark;          /* policy.ct_mark: bits of the conntrack mark that are ours: 0x00f00000 */
	unsigned workload_count;
	struct config_policy_workload workloads[128];
};
/* A feed that is fetched. */
struct config_feed_url {
	char name[40];             /* [a-z0-9._-], unique: names its copy in STATE/feeds */
	char url[1024];            /* https://… */
	char ca[256];              /* path of the certificates to trust; "": the system's */
	char category[64];         /* for entries that have none; "" */
	unsigned format;           /* enum feed_format */
	uint32_t confidence;       /* for all its entries, 0: as the format has it */
	uint32_t every_s;          /* 3600 */
	uint64_t max_bytes;        /* 64 MiB */
};

/* The API by TCP: only when listen is given. */
struct config_api {
	char listen[80];           /* api.listen: 127.0.0.1:8470; "" none */
	char token_file[256];      /* api.token_file: its first line */
	char tls_cert[256], tls_key[256]; /* api.tls_cert, tls_key: PEM files; "" none */
	unsigned host_count;
	char hosts[8][128];        /* api.hosts: names by which it is reached, beside the address and localhost */
};

/* What is sent to others besides findings. */
enum config_record { RECORD_FLOWS = 1 << 0, RECORD_ALERTS = 1 << 1, RECORD_EVENTS = 1 << 2, RECORD_METRICS = 1 << 3 };
struct config_exports {
	/* exports.lines: JSON lines */
	unsigned lines_to_count;
	char lines_to[4][128];     /* to: "file" (STATE/export.jsonl), "tcp://A:P", "syslog-tcp://A:P" */
	unsigned lines_what;       /* what: enum config_record; flows and alerts */
	char lines_filter[1025];   /* filter: "" none */
	uint64_t lines_max_bytes;  /* max_bytes: of the file, 64 MiB */
	uint32_t lines_files;      /* files: 4 */
	/* exports.ipfix */
	char ipfix_to[128];        /* to: "udp://A:P", "tcp://A:P"; "" none */
	char ipfix_filter[1025];
	uint32_t ipfix_domain, ipfix_enterprise; /* domain: 1; enterprise: 32473 */
	/* exports.otlp */
	char otlp_to[128];         /* to: "http(s)://collector:4318"; "" none */
	unsigned otlp_what;        /* what: metrics and alerts */
	char otlp_filter[1025];    /* of the records, not of the metrics */
	uint32_t otlp_interval_s;  /* interval: of the metrics, 60 */
};

struct config {
	unsigned engine_count;
	char engines[8][108];      /* docker: [/var/run/docker.sock] */
	char node[128];            /* node: name; default the host name */
	unsigned xdp;              /* hooks.xdp: off|uplink|overlay|all -> enum msg_xdp_mode */
	unsigned uplink_count;
	char uplinks[4][16];       /* hooks.uplinks: [eth0] */
	uint16_t vxlan_port;       /* hooks.vxlan_port: 4789 */
	uint32_t flows_max;        /* limits.flows: 131072 */
	uint32_t half_open_max;    /* limits.half_open: 65536 */
	uint32_t edges_max;        /* limits.edges: 50000 */
	uint32_t history_days;     /* store.history_days: 14 */
	uint64_t store_max_bytes;  /* store.max_bytes: 1 GiB */
	unsigned payload_keep;     /* payload.keep: all|redacted|none -> enum redact_keep */
	/* learning: when it may end, per workload and dimension (intel/novelty.h) */
	uint32_t learn_window_s;   /* learning.window_seconds: 10 */
	uint32_t learn_windows;    /* learning.windows: 30 */
	uint32_t learn_restarts;   /* learning.restarts: 0 */
	uint32_t learn_requests;   /* learning.requests: 10 */
	uint32_t learn_target_permille; /* learning.unseen_permille: 10 */
	/* alerts: where findings go besides STATE/alerts.jsonl */
	uint64_t alerts_max_bytes; /* alerts.max_bytes: 64 MiB a file */
	uint32_t alerts_files;     /* alerts.files: 4 */
	bool journald;             /* alerts.journald: no */
	char syslog[200];          /* alerts.syslog: "unix", "udp://ADDRESS:PORT" or "tcp://ADDRESS:PORT" */
	char webhook[256];         /* alerts.webhook: https://…, also http:// for a collector of one's own */
	char webhook_secret[128];  /* alerts.webhook_secret: signs what is posted (HMAC-SHA256); "" does not */
	enum alerts_format { ALERTS_PLAIN, ALERTS_ECS, ALERTS_OCSF } alerts_format; /* alerts.format: of the other outputs */
	unsigned feed_count;
	char feeds[16][256];       /* feeds.files: [/etc/pierglass/feeds/…] */
	unsigned feed_url_count;
	struct config_feed_url feed_urls[16]; /* feeds.urls: [{name, url, format, category, confidence, every, ca, max_bytes}] */
	char feed_proxy[256];      /* feeds.proxy: http://proxy:3128 */
	uint32_t feed_timeout_s;   /* feeds.timeout: 120 seconds for one fetch */
	char geo_country[256], geo_asn[256]; /* geo.country, geo.asn: paths of MaxMind databases */
	unsigned never_block_count;
	char never_block[64][64];  /* feeds.never_block: addresses and prefixes that no feed may name */
	struct config_policy policy;
	struct config_api api;
	struct config_exports exports;
	unsigned silent_count;
	char silent[32][32];       /* alerts.silence: [finding, …]: kept nowhere, told nobody */
	uint32_t without;          /* test.without: [check, …], bits of enum core_check; for tests only */
	/* actions: what follows a finding (enforce/action.h) */
	struct action_rules actions; /* actions.default|findings|workloads */
	/* evidence */
	unsigned evidence_ring;    /* evidence.ring: off|heads -> enum evidence_ring */
	uint64_t evidence_ring_bytes; /* evidence.ring_bytes: 8 MiB, of all containers together */
	unsigned evidence_freeze;  /* evidence.freeze: false|true */
	uint64_t evidence_file_bytes; /* evidence.file_bytes: 32 MiB of each file */
	uint64_t evidence_bundle_bytes; /* evidence.bundle_bytes: 256 MiB */
	uint64_t evidence_max_bytes; /* evidence.max_bytes: 2 GiB in all */
	uint32_t evidence_keep_days; /* evidence.keep_days: 30, 0: for ever */
};

/* What model_*.c look for; test.without leaves them out one by one, so that a scenario can be seen to need its check. */
enum core_check {
	CHECK_LISTENER, CHECK_SQUATTED, CHECK_PROTOCOL, CHECK_PROCESS, CHECK_FILELESS, CHECK_EDGE_IN, CHECK_EDGE_OUT, CHECK_METADATA, CHECK_SCAN,
	CHECK_RAW, CHECK_DRIFT, CHECK_FILE, CHECK_SYSCALL, CHECK_DNS, CHECK_VOLUME, CHECK_RATE, CHECK_ENGINE, CHECK_SPOOFED, CHECK_VTEP,
	CHECK_LISTED, CHECK_MAX
};
const char *core_check_name(enum core_check k);
static inline bool config_checks(const struct config *c, enum core_check k)
{
	return !(c->without >> k & 1);
}

void config_defaults(struct config *c);
/* Reads the file behind fd (not closed; at most 1 MiB). 0; else -EINVAL and one line in err that names file line and key
 * and says what is expected. *c is untouched on failure. */
int config_read(struct config *c, int fd, const char *name, char *err, size_t err_len);

/* "127.0.0.1:8470", "[::1]:8470": numeric address and port (host byte order). */
bool config_listen_address(const char *text, char host[64], uint16_t *ret_port, bool *ret_loopback);

#endif
