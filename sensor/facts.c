/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { FIRST_CHAR = 0x40 }; /* '@' + number of the fact: all of them are printable */

const char *fact_name(enum fact f)
{
	switch (f) {
	case FACT_NONE:
		return "";
	case FACT_TLS_VERSION:
		return "tls_version";
	case FACT_TLS_CIPHER:
		return "tls_cipher";
	case FACT_SNI:
		return "sni";
	case FACT_ALPN:
		return "alpn";
	case FACT_ALPN_CHOSEN:
		return "alpn_chosen";
	case FACT_JA3:
		return "ja3";
	case FACT_JA3S:
		return "ja3s";
	case FACT_JA4:
		return "ja4";
	case FACT_CERT_SUBJECT:
		return "cert_subject";
	case FACT_CERT_ISSUER:
		return "cert_issuer";
	case FACT_HTTP_METHOD:
		return "http_method";
	case FACT_HTTP_HOST:
		return "http_host";
	case FACT_HTTP_USER_AGENT:
		return "http_user_agent";
	case FACT_HTTP_STATUS:
		return "http_status";
	case FACT_HTTP_SERVER:
		return "http_server";
	case FACT_GRPC_SERVICE:
		return "grpc_service";
	case FACT_SSH_CLIENT:
		return "ssh_client";
	case FACT_SSH_SERVER:
		return "ssh_server";
	case FACT_HASSH:
		return "hassh";
	case FACT_HASSH_SERVER:
		return "hassh_server";
	case FACT_SERVER_VERSION:
		return "server_version";
	case FACT_DATABASE:
		return "database";
	case FACT_BANNER:
		return "banner";
	case FACT_DNS_QUESTION:
		return "dns_question";
	case FACT_DNS_TYPE:
		return "dns_type";
	case FACT_DNS_RCODE:
		return "dns_rcode";
	case FACT_DNS_ANSWER:
		return "dns_answer";
	case FACT_CHANGED_FROM:
		return "from";
	case FACT_CHANGED_TO:
		return "to";
	case FACT_CHANGED_BY:
		return "by";
	case FACT_CHANGED_AT:
		return "at";
	case FACT_FIRST_BYTES_CLIENT:
		return "first_bytes_client";
	case FACT_FIRST_BYTES_SERVER:
		return "first_bytes_server";
	case FACT_ENTROPY_CLIENT:
		return "entropy_client";
	case FACT_ENTROPY_SERVER:
		return "entropy_server";
	case FACT_OVERLAP:
		return "overlap";
	case FACT_LOGIN:
		return "login";
	case FACT_MAX:
		break;
	}
	return "";
}

void facts_init(struct facts *f)
{
	f->len = 0;
	f->text[0] = '\0';
}

bool facts_is(const char *line, enum fact what)
{
	return *line == (char)(FIRST_CHAR + what);
}

/* Finds the line of a fact. */
static const char *line_of(const char *text, enum fact what, size_t *ret_len)
{
	while (*text) {
		const char *nl = strchr(text, '\n');

		if (!nl)
			break;
		if (*text == (char)(FIRST_CHAR + what)) {
			*ret_len = (size_t)(nl - text) - 1;
			return text + 1;
		}
		text = nl + 1;
	}
	return NULL;
}

/* One byte made printable; returns how many characters it takes. clean: a backslash is there for one. */
static size_t visible(uint8_t c, bool clean, char out[5])
{
	if (c >= 0x20 && c <= 0x7e && (c != '\\' || clean)) {
		out[0] = (char)c;
		return 1;
	}
	snprintf(out, 5, "\\x%02x", c);
	return 4;
}

static void add(struct facts *f, enum fact what, const uint8_t *p, size_t len, size_t max, bool clean)
{
	size_t at = f->len, had;
	char out[5];

	if (!len || line_of(f->text, what, &had) || f->len + 3 >= sizeof(f->text))
		return;
	f->text[at++] = (char)(FIRST_CHAR + what);
	for (size_t i = 0; i < len && i < max; i++) {
		size_t n = visible(p[i], clean, out);

		if (at + n + 2 > sizeof(f->text)) {
			f->text[f->len] = '\0'; /* a value that is cut by others is no value */
			return;
		}
		memcpy(f->text + at, out, n);
		at += n;
	}
	f->text[at++] = '\n';
	f->text[at] = '\0';
	f->len = at;
}

void facts_add(struct facts *f, enum fact what, const void *value, size_t len, size_t max)
{
	add(f, what, value, len, max, false);
}

void facts_add_str(struct facts *f, enum fact what, const char *value)
{
	add(f, what, (const uint8_t *)value, strlen(value), FACTS_MAX, true);
}

bool facts_get(const char *text, enum fact what, char *ret, size_t size)
{
	size_t len;
	const char *p = line_of(text, what, &len);

	ret[0] = '\0';
	if (!p)
		return false;
	if (len >= size)
		len = size - 1;
	memcpy(ret, p, len);
	ret[len] = '\0';
	return true;
}

bool facts_valid(const char *text, size_t len)
{
	bool begin = true;

	if (len >= FACTS_MAX || (len && text[len - 1] != '\n'))
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];

		if (begin && (c <= FIRST_CHAR || c >= FIRST_CHAR + FACT_MAX))
			return false;
		if (!begin && c != '\n' && (c < 0x20 || c > 0x7e))
			return false;
		begin = c == '\n';
	}
	return true;
}

void facts_at_wall(const char *text, uint64_t (*wall_of)(uint64_t ns), char *ret, size_t size)
{
	size_t at = 0;

	for (const char *nl; (nl = strchr(text, '\n')); text = nl + 1) {
		size_t len = (size_t)(nl + 1 - text);
		char line[32];

		if (facts_is(text, FACT_CHANGED_AT) && wall_of) {
			snprintf(line, sizeof(line), "%c%" PRIu64 "\n", *text, wall_of(strtoull(text + 1, NULL, 10)));
			text = line;
			len = strlen(line);
		}
		if (at + len >= size)
			continue;
		memcpy(ret + at, text, len);
		at += len;
	}
	ret[at] = '\0';
}

static bool is_change(enum fact f)
{
	return f >= FACT_CHANGED_FROM && f <= FACT_CHANGED_AT;
}

static void changed_json(struct jsonl *j, const char *text, uint64_t (*at_ns)(uint64_t ns, void *arg), void *arg, bool epoch)
{
	char value[64];
	uint64_t ns;

	if (!facts_get(text, FACT_CHANGED_FROM, value, sizeof(value)))
		return;
	jsonl_obj(j, "changed");
	jsonl_str(j, "from", value);
	facts_get(text, FACT_CHANGED_TO, value, sizeof(value));
	jsonl_str(j, "to", value);
	facts_get(text, FACT_CHANGED_BY, value, sizeof(value));
	jsonl_str(j, "by", value);
	facts_get(text, FACT_CHANGED_AT, value, sizeof(value));
	ns = strtoull(value, NULL, 10);
	if (at_ns)
		ns = at_ns(ns, arg);
	if (epoch) {
		snprintf(value, sizeof(value), "%" PRIu64 ".%09" PRIu64, (uint64_t)(ns / NSEC_PER_SEC), (uint64_t)(ns % NSEC_PER_SEC));
		jsonl_raw(j, "at", value);
	} else {
		jsonl_time(j, "at", ns);
	}
	jsonl_obj_end(j);
}

void facts_json(struct jsonl *j, const char *text, uint64_t (*at_ns)(uint64_t ns, void *arg), void *arg, bool epoch)
{
	char value[FACTS_MAX];

	jsonl_obj(j, "details");
	for (const char *p = text; *p;) {
		const char *nl = strchr(p, '\n');
		enum fact f = (enum fact)(*p - FIRST_CHAR);
		size_t len;

		if (!nl)
			break;
		len = (size_t)(nl - p) - 1;
		if (f > FACT_NONE && f < FACT_MAX && !is_change(f) && len < sizeof(value)) {
			memcpy(value, p + 1, len);
			value[len] = '\0';
			jsonl_str(j, fact_name(f), value);
		}
		p = nl + 1;
	}
	jsonl_obj_end(j);
	changed_json(j, text, at_ns, arg, epoch);
}
