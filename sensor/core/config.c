/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the configuration. The only file that knows libfyaml here. Aliases are never resolved by the library
 * (FYPCF_RESOLVE_DOCUMENT hangs on a "billion laughs" file): an alias where a value should be is refused. */
#include "sensor/core/config.h"

#include <ctype.h>
#include <errno.h>
#include <libfyaml.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "intel/finding.h"
#include "intel/indicator.h"
#include "sensor/core/config_priv.h"
#include "sensor/core/redact.h"
#include "sensor/msg.h"

#define CONFIG_BYTES_MAX (1U << 20)

void config_defaults(struct config *c)
{
	*c = (struct config){
		.engine_count = 1,
		.engines = { "/var/run/docker.sock" },
		.xdp = MSG_XDP_OFF,
		.vxlan_port = 4789,
		.flows_max = 131072,
		.half_open_max = 65536,
		.edges_max = 50000,
		.history_days = 14,
		.payload_keep = REDACT_KEEP_REDACTED,
		.store_max_bytes = 1ULL << 30,
		.learn_window_s = 10,
		.learn_windows = 30,
		.learn_requests = 10,
		.learn_target_permille = 10,
		.alerts_max_bytes = 64ULL << 20,
		.alerts_files = 4,
		.feed_timeout_s = 120,
		.evidence_ring = 1,
		.evidence_ring_bytes = 8ULL << 20,
		.evidence_file_bytes = 32ULL << 20,
		.evidence_bundle_bytes = 256ULL << 20,
		.evidence_max_bytes = 2ULL << 30,
		.evidence_keep_days = 30,
		.policy = { .ct_mark = 0x00f00000 },
		.exports = { .lines_what = RECORD_FLOWS | RECORD_ALERTS, .lines_max_bytes = 64ULL << 20, .lines_files = 4, .ipfix_domain = 1,
			     .ipfix_enterprise = 32473, .otlp_what = RECORD_METRICS | RECORD_ALERTS, .otlp_interval_s = 60 },
	};
	if (gethostname(c->node, sizeof(c->node) - 1) || !c->node[0])
		snprintf(c->node, sizeof(c->node), "localhost");
}

/* A user's text in a message: printable, cut. */
static const char *shown(const char *s, size_t len, char *buf, size_t buf_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 4 < buf_len; i++)
		buf[n++] = s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '?';
	buf[n] = '\0';
	if (n < len && n + 4 >= buf_len)
		memcpy(buf + n, "...", 4);
	return buf;
}

int config_refuse(struct config_reader *r, int line, const char *what, const char *key, const char *expected)
{
	snprintf(r->err, r->err_len, "%s:%d: %s \"%s\"%s%s", r->name, line, what, key, expected ? ": expected " : "",
		 expected ? expected : "");
	return -EINVAL;
}

int config_node_line(struct fy_node *n, int fallback)
{
	struct fy_token *t = fy_node_is_scalar(n) ? fy_node_get_scalar_token(n) : NULL;
	const struct fy_mark *m = t ? fy_token_start_mark(t) : NULL;

	return m ? m->line + 1 : fallback;
}

/* The scalar's text; NULL for sequences, mappings, aliases, too long texts and texts with control bytes. */
const char *config_node_text(struct fy_node *n, char *buf, size_t len)
{
	const char *s;
	size_t l;

	if (!n || !fy_node_is_scalar(n) || fy_node_is_alias(n))
		return NULL;
	s = fy_node_get_scalar(n, &l);
	if (!s || !l || l >= len)
		return NULL;
	for (size_t i = 0; i < l; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return NULL;
	memcpy(buf, s, l);
	buf[l] = '\0';
	return buf;
}

/* "512", "64 KiB", "1GiB". */
static bool parse_number(const char *s, bool bytes, uint64_t *ret)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = { { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 }, { "TiB", 40 } };
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || end == s)
		return false;
	while (bytes && *end == ' ')
		end++;
	for (size_t i = 0; bytes && i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (v > UINT64_MAX >> units[i].shift)
			return false;
		v <<= units[i].shift;
		end += 3;
		break;
	}
	if (*end)
		return false;
	*ret = v;
	return true;
}

int config_number(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line, bool bytes, uint64_t *ret)
{
	char text[40], range[128];

	if (config_node_text(n, text, sizeof(text)) && parse_number(text, bytes, ret) && *ret >= k->min && *ret <= k->max)
		return 0;
	snprintf(range, sizeof(range), "%s from %llu to %llu", k->expected, (unsigned long long)k->min,
		 (unsigned long long)k->max);
	return config_refuse(r, line, "bad value for", k->name, range);
}

static int read_u32(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	uint64_t v;
	int rc = config_number(r, k, n, line, false, &v);
	uint32_t v32;

	if (rc)
		return rc;
	v32 = (uint32_t)v;
	memcpy((char *)&r->c + k->offset, &v32, sizeof(v32));
	return 0;
}

static int read_u16(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	uint64_t v;
	int rc = config_number(r, k, n, line, false, &v);
	uint16_t v16;

	if (rc)
		return rc;
	v16 = (uint16_t)v;
	memcpy((char *)&r->c + k->offset, &v16, sizeof(v16));
	return 0;
}

static int read_bytes(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	uint64_t v;
	int rc = config_number(r, k, n, line, true, &v);

	if (!rc)
		memcpy((char *)&r->c + k->offset, &v, sizeof(v));
	return rc;
}

static int read_node(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char text[sizeof(r->c.node)];

	if (!config_node_text(n, text, sizeof(text)))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	memcpy(r->c.node, text, sizeof(text));
	return 0;
}

/* One of some words; its number is the value. */
int config_word(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line, const char *const *words, unsigned count,
		     unsigned *ret)
{
	char text[16];

	if (config_node_text(n, text, sizeof(text)))
		for (unsigned i = 0; i < count; i++)
			if (!strcmp(text, words[i])) {
				*ret = i;
				return 0;
			}
	return config_refuse(r, line, "bad value for", k->name, k->expected);
}

static int read_xdp(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	static const char *const names[] = { "off", "uplink", "overlay", "all" }; /* in the order of enum msg_xdp_mode */

	return config_word(r, k, n, line, names, ARRAY_SIZE(names), &r->c.xdp);
}

static int read_keep(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	static const char *const names[] = { "all", "redacted", "none" }; /* in the order of enum redact_keep */

	return config_word(r, k, n, line, names, ARRAY_SIZE(names), &r->c.payload_keep);
}

/* A text or a list of texts into an array of fixed rows. */
int config_rows(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line, char *rows, size_t row_len, unsigned max,
		     bool path, unsigned *ret_count)
{
	void *iter = NULL;
	unsigned count = 0;
	struct fy_node *e;

	if (fy_node_is_scalar(n)) {
		if (!config_node_text(n, rows, row_len) || (path && rows[0] != '/'))
			return config_refuse(r, line, "bad value for", k->name, k->expected);
		*ret_count = 1;
		return 0;
	}
	if (!fy_node_is_sequence(n))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	while ((e = fy_node_sequence_iterate(n, &iter))) {
		char *row = rows + count * row_len;

		line = config_node_line(e, line);
		if (count == max || !config_node_text(e, row, row_len) || (path && row[0] != '/'))
			return config_refuse(r, line, "bad value for", k->name, k->expected);
		for (unsigned i = 0; i < count; i++)
			if (!strcmp(rows + i * row_len, row))
				return config_refuse(r, line, "named twice in", k->name, NULL);
		count++;
	}
	if (path && !count)
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	*ret_count = count;
	return 0;
}

static int read_docker(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	memset(r->c.engines, 0, sizeof(r->c.engines));
	return config_rows(r, k, n, line, r->c.engines[0], sizeof(r->c.engines[0]), ARRAY_SIZE(r->c.engines), true, &r->c.engine_count);
}

static int read_uplinks(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	memset(r->c.uplinks, 0, sizeof(r->c.uplinks));
	return config_rows(r, k, n, line, r->c.uplinks[0], sizeof(r->c.uplinks[0]), ARRAY_SIZE(r->c.uplinks), false,
			 &r->c.uplink_count);
}

static int read_silence(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	memset(r->c.silent, 0, sizeof(r->c.silent));
	return config_rows(r, k, n, line, r->c.silent[0], sizeof(r->c.silent[0]), ARRAY_SIZE(r->c.silent), false, &r->c.silent_count);
}

static int read_analyst(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	uint8_t first[16], last[16];
	char text[sizeof(r->c.policy.analyst)];

	if (!config_node_text(n, text, sizeof(text)) || strchr(text, '-') || !indicator_ip(text, strlen(text), first, last))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	memcpy(r->c.policy.analyst, text, sizeof(text));
	return 0;
}

/* 3 to 32 neighbouring bits: fewer have no room for what is said with them. */
static int read_ct_mark(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	unsigned long v = 0;
	char text[16], *end = text;

	if (config_node_text(n, text, sizeof(text)) && isdigit((unsigned char)text[0]))
		v = strtoul(text, &end, 0);
	if (end == text || *end || !v || v > UINT32_MAX || __builtin_popcountl(v) < 3 || ((v + (v & -v)) & v))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	r->c.policy.ct_mark = (uint32_t)v;
	return 0;
}

/* monitor is the only one: what is enforced is said by name. */
static int read_policy_default(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	static const char *const names[] = { "monitor" };
	unsigned v;

	return config_word(r, k, n, line, names, ARRAY_SIZE(names), &v);
}

static const char *const protocols_words[] = { "off", "check" };

static int read_policy_protocols(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	unsigned v = 0;
	int rc = config_word(r, k, n, line, protocols_words, ARRAY_SIZE(protocols_words), &v);

	r->c.policy.protocols = v == 1;
	return rc;
}

static int read_policy_key(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	static const char *const modes[] = { "learn", "monitor", "enforce" }; /* in the order of enum policy_mode */
	static const char *const established[] = { "keep", "cut" }, *const failure[] = { "open", "closed" };
	struct config_policy_workload *w = &r->c.policy.workloads[r->c.policy.workload_count];
	unsigned v = 0;
	int rc;

	if (!strcmp(k->name, "mode"))
		rc = config_word(r, k, n, line, modes, ARRAY_SIZE(modes), &v), w->mode = (uint8_t)v;
	else if (!strcmp(k->name, "protocols"))
		rc = config_word(r, k, n, line, protocols_words, ARRAY_SIZE(protocols_words), &v), w->protocols = (uint8_t)(v + 1);
	else if (!strcmp(k->name, "established"))
		rc = config_word(r, k, n, line, established, ARRAY_SIZE(established), &v), w->cut = (uint8_t)v;
	else
		rc = config_word(r, k, n, line, failure, ARRAY_SIZE(failure), &v), w->closed = (uint8_t)v;
	return rc;
}


/* ---- actions -------------------------------------------------------------------------------------------------------- */
#define ACTIONS_EXPECTED "one or a list of alert, evidence, block, reset, config_refuse, kill, pause, quarantine, stop"

static int read_action(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line, uint32_t *actions)
{
	char text[24];
	int a = config_node_text(n, text, sizeof(text)) ? action_of(text) : -1;

	if (a < 0)
		return config_refuse(r, config_node_line(n, line), "bad value for", k->name, ACTIONS_EXPECTED);
	*actions |= ACTION_BIT(a);
	return 0;
}

/* "kill" or "[evidence, pause]" as the rule of (workload, finding). */
static int read_rule(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line, const char *workload, int finding)
{
	uint32_t actions = 0;
	void *iter = NULL;
	struct fy_node *e;
	int rc = 0;

	if (!n || !fy_node_is_sequence(n))
		rc = n ? read_action(r, k, n, line, &actions) : config_refuse(r, line, "no value for", k->name, ACTIONS_EXPECTED);
	else
		while (!rc && (e = fy_node_sequence_iterate(n, &iter)))
			rc = read_action(r, k, e, line, &actions);
	if (!rc && action_rules_set(&r->c.actions, workload, finding, actions) < 0)
		rc = config_refuse(r, line, "too many rules or too long a workload in", k->name, "at most 128 rules, names below 192 bytes");
	return rc;
}

/* "{ process.new: kill, listener.new: [evidence, pause] }"; of a workload also "default". */
static int read_rules(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line, const char *workload)
{
	struct fy_node_pair *pair;
	void *iter = NULL;
	char text[40];
	int rc = 0;

	if (!n || !fy_node_is_mapping(n))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	while (!rc && (pair = fy_node_mapping_iterate(n, &iter))) {
		struct fy_node *key = fy_node_pair_key(pair);
		bool all;
		int finding;

		line = config_node_line(key, line);
		if (!config_node_text(key, text, sizeof(text)))
			return config_refuse(r, line, "unreadable key in", k->name, k->expected);
		all = workload[0] && !strcmp(text, "default");
		finding = all ? -1 : finding_kind_of(text);
		if (!all && finding < 0)
			return config_refuse(r, line, "no finding is called", text, NULL);
		rc = read_rule(r, k, fy_node_pair_value(pair), line, workload, finding);
	}
	return rc;
}

static int read_actions_default(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	return read_rule(r, k, n, line, "", -1);
}

static int read_actions_findings(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	return read_rules(r, k, n, line, "");
}

static int read_actions_workloads(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char workload[ACTION_WORKLOAD_LEN];
	struct fy_node_pair *pair;
	void *iter = NULL;
	int rc = 0;

	if (!fy_node_is_mapping(n))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	while (!rc && (pair = fy_node_mapping_iterate(n, &iter))) {
		struct fy_node *key = fy_node_pair_key(pair);

		line = config_node_line(key, line);
		if (!config_node_text(key, workload, sizeof(workload)))
			return config_refuse(r, line, "unreadable key in", k->name, k->expected);
		rc = read_rules(r, k, fy_node_pair_value(pair), line, workload);
	}
	return rc;
}

/* ---- evidence ------------------------------------------------------------------------------------------------------- */
static int read_ring(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	static const char *const names[] = { "off", "heads" }; /* in the order of enum evidence_ring */

	return config_word(r, k, n, line, names, ARRAY_SIZE(names), &r->c.evidence_ring);
}

static int read_freeze(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	static const char *const names[] = { "false", "true" };

	return config_word(r, k, n, line, names, ARRAY_SIZE(names), &r->c.evidence_freeze);
}

static int read_policy_workloads(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line);

/* ---- where alerts go ------------------------------------------------------------------------------------------- */
static int read_journald(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	static const char *const words[] = { "no", "yes", "false", "true" };
	unsigned w = 0;
	int rc = config_word(r, k, n, line, words, ARRAY_SIZE(words), &w);

	if (!rc)
		r->c.journald = w & 1;
	return rc;
}

static int read_alerts_format(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	static const char *const words[] = { "plain", "ecs", "ocsf" };
	unsigned w = 0;
	int rc = config_word(r, k, n, line, words, ARRAY_SIZE(words), &w);

	if (!rc)
		r->c.alerts_format = (enum alerts_format)w;
	return rc;
}

static int read_syslog(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char text[sizeof(r->c.syslog)];

	if (!config_node_text(n, text, sizeof(text)) ||
	    (strcmp(text, "unix") != 0 && ((strncmp(text, "udp://", 6) != 0 && strncmp(text, "tcp://", 6) != 0) || !strchr(text + 6, ':'))))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	memcpy(r->c.syslog, text, sizeof(text));
	return 0;
}

static int read_webhook(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char text[sizeof(r->c.webhook)];

	if (!config_node_text(n, text, sizeof(text)) || (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	memcpy(r->c.webhook, text, sizeof(text));
	return 0;
}

static int read_webhook_secret(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char text[sizeof(r->c.webhook_secret)];

	if (!config_node_text(n, text, sizeof(text)) || strlen(text) < 8)
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	memcpy(r->c.webhook_secret, text, sizeof(text));
	return 0;
}

/* ---- for tests --------------------------------------------------------------------------------------------------- */
const char *core_check_name(enum core_check k)
{
	static const char *const names[CHECK_MAX] = {
		[CHECK_LISTENER] = "listener",	 [CHECK_SQUATTED] = "squatted", [CHECK_PROTOCOL] = "protocol", [CHECK_PROCESS] = "process",
		[CHECK_FILELESS] = "fileless",	 [CHECK_EDGE_IN] = "edge-in",	[CHECK_EDGE_OUT] = "edge-out", [CHECK_METADATA] = "metadata",
		[CHECK_SCAN] = "scan",		 [CHECK_RAW] = "raw-socket",	[CHECK_DRIFT] = "drift",       [CHECK_FILE] = "file",
		[CHECK_SYSCALL] = "syscall",	 [CHECK_DNS] = "dns",		[CHECK_VOLUME] = "volume",     [CHECK_RATE] = "rate",
		[CHECK_ENGINE] = "engine",	 [CHECK_SPOOFED] = "spoofed",	[CHECK_VTEP] = "vtep",
		[CHECK_LISTED] = "listed",
	};

	return k < CHECK_MAX ? names[k] : "";
}

static int read_without(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	struct fy_node *item;
	void *iter = NULL;

	if (!fy_node_is_sequence(n))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	while ((item = fy_node_sequence_iterate(n, &iter))) {
		char text[32];
		unsigned i = 0;

		if (!config_node_text(item, text, sizeof(text)))
			return config_refuse(r, line, "bad value for", k->name, k->expected);
		while (i < CHECK_MAX && strcmp(text, core_check_name((enum core_check)i)) != 0)
			i++;
		if (i == CHECK_MAX)
			return config_refuse(r, line, "bad value for", k->name, k->expected);
		r->c.without |= 1U << i;
	}
	return 0;
}

#define AT(field) offsetof(struct config, field)
static const struct config_key hooks_keys[] = {
	{ "xdp", read_xdp, "off, uplink, overlay or all", 0, 0, 0, NULL },
	{ "uplinks", read_uplinks, "up to 4 interface names of at most 15 characters", 0, 0, 0, NULL },
	{ "vxlan_port", read_u16, "a UDP port", AT(vxlan_port), 1, 65535, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key limits_keys[] = {
	{ "flows", read_u32, "a number of flows", AT(flows_max), 1024, 4194304, NULL },
	{ "half_open", read_u32, "a number of flows", AT(half_open_max), 64, 4194304, NULL },
	{ "edges", read_u32, "a number of edges", AT(edges_max), 64, 1000000, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key store_keys[] = {
	{ "history_days", read_u32, "days", AT(history_days), 0, 3650, NULL },
	{ "max_bytes", read_bytes, "bytes (KiB, MiB, GiB are understood)", AT(store_max_bytes), 1ULL << 20, 1ULL << 44, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key learning_keys[] = {
	{ "window_seconds", read_u32, "seconds", AT(learn_window_s), 1, 3600, NULL },
	{ "windows", read_u32, "windows without losses", AT(learn_windows), 1, 1000000, NULL },
	{ "restarts", read_u32, "further starts of a container", AT(learn_restarts), 0, 1000, NULL },
	{ "requests", read_u32, "requests to its listeners", AT(learn_requests), 0, 1000000, NULL },
	{ "unseen_permille", read_u32, "thousandths", AT(learn_target_permille), 0, 1000, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key alerts_keys[] = {
	{ "max_bytes", read_bytes, "bytes (KiB, MiB, GiB are understood)", AT(alerts_max_bytes), 65536, 1ULL << 40, NULL },
	{ "files", read_u32, "files", AT(alerts_files), 1, 100, NULL },
	{ "silence", read_silence, "up to 32 names of findings", 0, 0, 0, NULL },
	{ "journald", read_journald, "yes or no", 0, 0, 0, NULL },
	{ "syslog", read_syslog, "unix, udp://ADDRESS:PORT or tcp://ADDRESS:PORT (RFC 5424)", 0, 0, 0, NULL },
	{ "webhook", read_webhook, "a URL of https (or http) of at most 255 characters", 0, 0, 0, NULL },
	{ "webhook_secret", read_webhook_secret, "a text of 8 to 127 characters", 0, 0, 0, NULL },
	{ "format", read_alerts_format, "plain, ecs or ocsf", 0, 0, 0, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key test_keys[] = {
	{ "without", read_without, "names of checks", 0, 0, 0, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key payload_keys[] = {
	{ "keep", read_keep, "all, redacted or none", 0, 0, 0, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key policy_workload_keys[] = {
	{ "mode", read_policy_key, "learn, monitor or enforce", 0, 0, 0, NULL },
	{ "established", read_policy_key, "keep or cut", 0, 0, 0, NULL },
	{ "on_failure", read_policy_key, "open or closed", 0, 0, 0, NULL },
	{ "protocols", read_policy_key, "off or check", 0, 0, 0, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key policy_keys[] = {
	{ "default", read_policy_default, "monitor", 0, 0, 0, NULL },
	{ "analyst", read_analyst, "an address or a prefix", 0, 0, 0, NULL },
	{ "protocols", read_policy_protocols, "off or check", 0, 0, 0, NULL },
	{ "ct_mark", read_ct_mark, "a mask of 3 or more neighbouring bits", 0, 0, 0, NULL },
	{ "workloads", read_policy_workloads, "up to 128 names of workloads, each with mode, established, on_failure, protocols", 0, 0, 0, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key actions_keys[] = {
	{ "default", read_actions_default, ACTIONS_EXPECTED, 0, 0, 0, NULL },
	{ "findings", read_actions_findings, "names of findings with their actions", 0, 0, 0, NULL },
	{ "workloads", read_actions_workloads, "names of workloads, below each names of findings (or default) with their actions", 0, 0, 0, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key evidence_keys[] = {
	{ "ring", read_ring, "off or heads", 0, 0, 0, NULL },
	{ "ring_bytes", read_bytes, "bytes (KiB, MiB are understood)", AT(evidence_ring_bytes), 65536, 24ULL << 20, NULL },
	{ "freeze", read_freeze, "true or false", 0, 0, 0, NULL },
	{ "file_bytes", read_bytes, "bytes (KiB, MiB, GiB are understood)", AT(evidence_file_bytes), 4096, 1ULL << 40, NULL },
	{ "bundle_bytes", read_bytes, "bytes (KiB, MiB, GiB are understood)", AT(evidence_bundle_bytes), 65536, 1ULL << 40, NULL },
	{ "max_bytes", read_bytes, "bytes (KiB, MiB, GiB are understood)", AT(evidence_max_bytes), 65536, 1ULL << 44, NULL },
	{ "keep_days", read_u32, "days", AT(evidence_keep_days), 0, 3650, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key top_keys[] = {
	{ "docker", read_docker, "up to 8 different absolute paths of engine sockets, each shorter than 108 bytes", 0, 0, 0, NULL },
	{ "node", read_node, "a name of at most 127 bytes", 0, 0, 0, NULL },
	{ "hooks", config_section, "keys xdp, uplinks, vxlan_port", 0, 0, 0, hooks_keys },
	{ "limits", config_section, "keys flows, half_open, edges", 0, 0, 0, limits_keys },
	{ "store", config_section, "keys history_days, max_bytes", 0, 0, 0, store_keys },
	{ "payload", config_section, "key keep", 0, 0, 0, payload_keys },
	{ "learning", config_section, "keys window_seconds, windows, restarts, requests, unseen_permille", 0, 0, 0, learning_keys },
	{ "alerts", config_section, "keys max_bytes, files, silence, journald, syslog, webhook, webhook_secret, format", 0, 0, 0, alerts_keys },
	{ "api", config_section, "keys listen, token_file, tls_cert, tls_key, hosts", 0, 0, 0, config_api_keys },
	{ "feeds", config_section, "keys files, urls, proxy, timeout, never_block", 0, 0, 0, config_feeds_keys },
	{ "geo", config_section, "keys country, asn", 0, 0, 0, config_geo_keys },
	{ "policy", config_section, "keys default, analyst, protocols, ct_mark, workloads", 0, 0, 0, policy_keys },
	{ "evidence", config_section, "keys ring, ring_bytes, freeze, file_bytes, bundle_bytes, max_bytes, keep_days", 0, 0, 0, evidence_keys },
	{ "exports", config_section, "keys lines, ipfix, otlp", 0, 0, 0, config_exports_keys },
	{ "test", config_section, "key without", 0, 0, 0, test_keys },
	{ "actions", config_section, "keys default, findings, workloads", 0, 0, 0, actions_keys },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};
static const struct config_key top = {
	"the file", config_section,
	"keys docker, node, hooks, limits, store, payload, learning, alerts, api, feeds, geo, policy, actions, evidence, exports", 0, 0, 0, top_keys
};
#undef AT

static bool node_is_empty(struct fy_node *n)
{
	size_t l = 0;

	return !n || (fy_node_is_scalar(n) && !fy_node_is_alias(n) && (!fy_node_get_scalar(n, &l) || !l));
}

int config_section(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	struct fy_node_pair *pair;
	void *iter = NULL;
	char text[64], buf[64];

	if (node_is_empty(n)) /* "limits:" with everything below it commented out */
		return 0;
	if (!fy_node_is_mapping(n))
		return config_refuse(r, config_node_line(n, line), "bad value for", k->name, k->expected);
	while ((pair = fy_node_mapping_iterate(n, &iter))) {
		struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
		const struct config_key *s = k->sub;
		int rc;

		line = config_node_line(key, line);
		if (!config_node_text(key, text, sizeof(text)))
			return config_refuse(r, line, "unreadable key in", k->name, k->expected);
		while (s->name && strcmp(s->name, text))
			s++;
		if (!s->name)
			return config_refuse(r, line, "unknown key", shown(text, strlen(text), buf, sizeof(buf)), k->expected);
		if (node_is_empty(value) && s->read != config_section)
			return config_refuse(r, line, "no value for", s->name, s->expected);
		rc = s->read(r, s, value, config_node_line(value, line));
		if (rc)
			return rc;
	}
	return 0;
}

static int read_policy_workloads(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	struct config_policy *p = &r->c.policy;
	struct config_key row = { .expected = "keys mode, established, on_failure, protocols", .sub = policy_workload_keys };
	struct fy_node_pair *pair;
	void *iter = NULL;
	int rc;

	if (!fy_node_is_mapping(n))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	while ((pair = fy_node_mapping_iterate(n, &iter))) {
		struct config_policy_workload *w = &p->workloads[p->workload_count];

		line = config_node_line(fy_node_pair_key(pair), line);
		if (p->workload_count == ARRAY_SIZE(p->workloads))
			return config_refuse(r, line, "too many in", k->name, k->expected);
		*w = (struct config_policy_workload){ .mode = 1 };
		if (!config_node_text(fy_node_pair_key(pair), w->name, sizeof(w->name)))
			return config_refuse(r, line, "unreadable key in", k->name, k->expected);
		row.name = w->name;
		rc = config_section(r, &row, fy_node_pair_value(pair), line);
		if (rc)
			return rc;
		p->workload_count++;
	}
	return 0;
}

static int read_document(struct config_reader *r, struct fy_document *doc)
{
	int rc = config_section(r, &top, fy_document_root(doc), 1);

	if (rc)
		return rc;
	if (r->c.half_open_max > r->c.flows_max) {
		snprintf(r->err, r->err_len, "%s: limits.half_open (%u) is above limits.flows (%u)", r->name, r->c.half_open_max,
			 r->c.flows_max);
		return -EINVAL;
	}
	if (config_api_fault(&r->c.api)) {
		snprintf(r->err, r->err_len, "%s: %s", r->name, config_api_fault(&r->c.api));
		return -EINVAL;
	}
	return 0;
}

/* Called by libfyaml piece by piece; "line:column: what" comes as one text. Kept: the first line. */
static void on_diag(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
	struct config_reader *r = user;
	size_t have = strlen(r->diag);

	if (have && r->diag[have - 1] == '\n')
		return;
	for (size_t i = 0; i < len && have + 1 < sizeof(r->diag); i++) {
		r->diag[have++] = buf[i] == '\n' || (buf[i] >= 0x20 && buf[i] < 0x7f) ? buf[i] : '?';
		if (buf[i] == '\n')
			break;
	}
	r->diag[have] = '\0';
}

static int read_all(int fd, const char *name, char **ret, size_t *ret_len, char *err, size_t err_len)
{
	_cleanup_free_ char *buf = malloc(CONFIG_BYTES_MAX + 1);
	size_t have = 0;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	do {
		n = pread(fd, buf + have, CONFIG_BYTES_MAX + 1 - have, (off_t)have);
		if (n < 0 && errno == ESPIPE)
			n = read(fd, buf + have, CONFIG_BYTES_MAX + 1 - have);
		if (n < 0 && errno != EINTR) {
			snprintf(err, err_len, "%s: cannot be read: %s", name, strerror(errno));
			return -EINVAL;
		}
		if (n > 0)
			have += (size_t)n;
	} while (n && have <= CONFIG_BYTES_MAX);
	if (have > CONFIG_BYTES_MAX) {
		snprintf(err, err_len, "%s: larger than 1 MiB", name);
		return -EINVAL;
	}
	*ret = take_ptr(buf);
	*ret_len = have;
	return 0;
}

/* libfyaml writes "<memory-@…>:LINE:COLUMN: error: what". */
static int refuse_syntax(struct config_reader *r)
{
	const char *at = strstr(r->diag, ">:"), *what = strstr(r->diag, "error: ");

	r->diag[strcspn(r->diag, "\n")] = '\0';
	if (at && what)
		snprintf(r->err, r->err_len, "%s:%d: is no valid YAML: %s", r->name, (int)strtol(at + 2, NULL, 10), what + 7);
	else
		snprintf(r->err, r->err_len, "%s: is no valid YAML", r->name);
	return -EINVAL;
}

static int parse(struct config_reader *r, const struct fy_parse_cfg *cfg, const char *text, size_t len)
{
	struct fy_parser *p = fy_parser_create(cfg);
	struct fy_document *doc, *second;
	int rc = -ENOMEM;

	if (!p || fy_parser_set_string(p, text, len))
		goto out;
	rc = 0;
	doc = fy_parse_load_document(p);
	if (doc)
		rc = read_document(r, doc);
	fy_parse_document_destroy(p, doc);
	if (rc)
		goto out;
	second = fy_parse_load_document(p);
	if (second) {
		snprintf(r->err, r->err_len, "%s: holds more than one document (a line \"---\"): expected one", r->name);
		rc = -EINVAL;
	} else if (fy_parser_get_stream_error(p)) {
		rc = refuse_syntax(r);
	}
	fy_parse_document_destroy(p, second);
out:
	fy_parser_destroy(p);
	return rc;
}

/* libfyaml takes a byte that is no UTF-8 for the end of the file, and is silent about it. */
static int check_text(struct config_reader *r, const char *text, size_t len)
{
	int line = 1;
	uint32_t c;

	for (size_t i = 0, l; i < len; i += l) {
		l = utf8_decode((const unsigned char *)text + i, len - i, &c);
		if (!l || !c) {
			snprintf(r->err, r->err_len, "%s:%d: is no valid YAML: %s", r->name, line, l ? "a NUL byte" : "bytes that are no UTF-8");
			return -EINVAL;
		}
		line += c == '\n';
	}
	return 0;
}

int config_read(struct config *c, int fd, const char *name, char *err, size_t err_len)
{
	struct config_reader r = { .c = *c, .name = name, .err = err, .err_len = err_len };
	struct fy_diag_cfg dcfg;
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET };
	_cleanup_free_ char *text = NULL;
	size_t len;
	int rc;

	rc = read_all(fd, name, &text, &len, err, err_len);
	if (rc)
		return rc;
	rc = check_text(&r, text, len);
	if (rc)
		return rc;
	fy_diag_cfg_default(&dcfg);
	dcfg.fp = NULL;
	dcfg.output_fn = on_diag;
	dcfg.user = &r;
	dcfg.level = FYET_ERROR;
	dcfg.colorize = dcfg.show_source = dcfg.show_type = dcfg.show_module = false;
	dcfg.show_position = true;
	cfg.diag = fy_diag_create(&dcfg);
	if (!cfg.diag)
		return -ENOMEM;
	rc = parse(&r, &cfg, text, len);
	fy_diag_destroy(cfg.diag);
	if (!rc)
		*c = r.c;
	return rc;
}
