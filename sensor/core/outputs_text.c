/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Alerts in the words of others: syslog, the journal, a webhook's signature. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "sensor/core/outputs.h"

#define FACILITY 10 /* RFC 5424, security/authorization messages */
#define ENTERPRISE "32473" /* RFC 5612: numbers for documentation; we have none of our own */

static unsigned priority_of(unsigned score)
{
	return score >= 85 ? 2 : score >= 65 ? 3 : score >= 45 ? 4 : score >= 25 ? 5 : 6;
}

struct text {
	char *to;
	size_t size, len;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->len + 1 >= t->size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->to + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len = t->len + (size_t)n < t->size ? t->len + (size_t)n : t->size - 1;
}

/* A header field: printable, no space, "-" for nothing. */
static void add_word(struct text *t, const char *s, unsigned max)
{
	if (!s[0])
		add(t, "-");
	for (unsigned i = 0; i < max && s[i]; i++)
		add(t, "%c", s[i] > ' ' && s[i] < 0x7f ? s[i] : '_');
	add(t, " ");
}

static void add_param(struct text *t, const char *name, const char *value)
{
	if (!value[0])
		return;
	add(t, " %s=\"", name);
	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\' || *p == ']')
			add(t, "\\");
		add(t, "%c", (unsigned char)*p < ' ' ? ' ' : *p);
	}
	add(t, "\"");
}

size_t output_syslog(const struct core *c, const struct finding *f, const char *text, char *ret, size_t size)
{
	struct text t = { .to = ret, .size = size };
	char when[CLOCK_RFC3339_LEN], score[16];

	clock_format_rfc3339(f->time_ns, when);
	snprintf(score, sizeof(score), "%u", f->score);
	/* TIME-SECFRAC has at most six digits (RFC 5424, 6.2.3) */
	add(&t, "<%u>1 %.26sZ ", FACILITY * 8 + priority_of(f->score), when);
	add_word(&t, c->node, 255);
	add(&t, "pierglass %ld ", (long)getpid());
	add_word(&t, finding_name(f->kind), 32);
	add(&t, "[pierglass@" ENTERPRISE);
	add_param(&t, "id", f->id);
	add_param(&t, "incident", f->incident);
	add_param(&t, "severity", finding_severity(f->score));
	add_param(&t, "score", score);
	add_param(&t, "engine", f->engine);
	add_param(&t, "workload", f->workload);
	add_param(&t, "container", f->container);
	add_param(&t, "process", f->process);
	add_param(&t, "peer", f->peer);
	add(&t, "] \xef\xbb\xbf"); /* MSG is UTF-8 */
	for (const char *p = text; *p; p++)
		add(&t, "%c", (unsigned char)*p < ' ' ? ' ' : *p);
	return t.len;
}

/* A value with a newline would need the binary form: ours have none, what has becomes a space. */
static void add_field(struct text *t, const char *name, const char *value)
{
	if (!value[0])
		return;
	add(t, "%s=", name);
	for (const char *p = value; *p; p++)
		add(t, "%c", *p == '\n' ? ' ' : *p);
	add(t, "\n");
}

size_t output_journal(const struct core *c, const struct finding *f, const char *json, char *ret, size_t size)
{
	struct text t = { .to = ret, .size = size };

	add(&t, "MESSAGE=%s: ", finding_name(f->kind));
	for (const char *p = f->observed; *p; p++)
		add(&t, "%c", *p == '\n' ? ' ' : *p);
	add(&t, "\nPRIORITY=%u\nSYSLOG_IDENTIFIER=pierglass\nSYSLOG_FACILITY=%u\n", priority_of(f->score), FACILITY);
	add_field(&t, "PIERGLASS_FINDING", finding_name(f->kind));
	add_field(&t, "PIERGLASS_ID", f->id);
	add_field(&t, "PIERGLASS_INCIDENT", f->incident);
	add_field(&t, "PIERGLASS_WORKLOAD", f->workload);
	add_field(&t, "PIERGLASS_PROCESS", f->process);
	add_field(&t, "PIERGLASS_PEER", f->peer);
	add_field(&t, "PIERGLASS_NODE", c->node);
	add_field(&t, "CONTAINER_NAME", f->container);
	add_field(&t, "CONTAINER_ID_FULL", f->container_id);
	add_field(&t, "PIERGLASS_ALERT", json);
	return t.len;
}

bool output_sign(const char *secret, const void *body, size_t len, char ret[80])
{
	uint8_t mac[DIGEST_SHA256_LEN];
	char hex[DIGEST_SHA256_TEXT];

	if (digest_hmac(secret, strlen(secret), body, len, mac) < 0)
		return false;
	digest_text(mac, hex);
	snprintf(ret, 80, "sha256=%s", hex);
	return true;
}
