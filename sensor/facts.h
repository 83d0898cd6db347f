/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a conversation says about itself beyond its label: a short list of named values, as one line of text that goes from
 * the inspector to core, is kept once however many flows say the same, and is shown as JSON. Form: for each value the
 * character of its fact, the value (printable ASCII), a line feed. Values come from packets: they are bounded and made
 * printable when added, and checked again when read. Pure. */
#ifndef PG_SENSOR_FACTS_H
#define PG_SENSOR_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/jsonl.h"

#define FACTS_MAX 1200 /* bytes of all facts of one flow, with the NUL */

enum fact {
	FACT_NONE,
	/* TLS, of the conversation or of what it became */
	FACT_TLS_VERSION,
	FACT_TLS_CIPHER,   /* chosen; four hex digits */
	FACT_SNI,
	FACT_ALPN,         /* offered, with commas */
	FACT_ALPN_CHOSEN,
	FACT_JA3,
	FACT_JA3S,
	FACT_JA4,
	FACT_CERT_SUBJECT, /* of the server's own certificate, TLS 1.2 and before */
	FACT_CERT_ISSUER,
	/* HTTP/1, HTTP/2 */
	FACT_HTTP_METHOD,
	FACT_HTTP_HOST,
	FACT_HTTP_USER_AGENT,
	FACT_HTTP_STATUS,
	FACT_HTTP_SERVER,
	FACT_GRPC_SERVICE,
	/* SSH */
	FACT_SSH_CLIENT,
	FACT_SSH_SERVER,
	FACT_HASSH,
	FACT_HASSH_SERVER,
	/* databases, brokers, mail */
	FACT_SERVER_VERSION,
	FACT_DATABASE,
	FACT_BANNER,
	/* DNS */
	FACT_DNS_QUESTION,
	FACT_DNS_TYPE,
	FACT_DNS_RCODE,
	FACT_DNS_ANSWER,   /* addresses, with commas; the first few */
	/* a protocol that changed in mid-stream */
	FACT_CHANGED_FROM, /* app before */
	FACT_CHANGED_TO,   /* app after; "Unknown" as well */
	FACT_CHANGED_BY,   /* "STARTTLS", "CONNECT", "Upgrade", … */
	FACT_CHANGED_AT,   /* decimal; ns, of the clock of the samples */
	/* nothing is known */
	FACT_FIRST_BYTES_CLIENT, /* hex */
	FACT_FIRST_BYTES_SERVER,
	FACT_ENTROPY_CLIENT,     /* "text", "binary", "compressed-or-encrypted" */
	FACT_ENTROPY_SERVER,
	/* bytes that were sent twice and differ: where, both readings in hex; the label is the first one's */
	FACT_OVERLAP,
	FACT_LOGIN,        /* "refused": the server said that name or password are wrong */
	FACT_MAX
};

/* The JSON key of a fact; "" for FACT_NONE. */
const char *fact_name(enum fact f);

struct facts {
	size_t len;
	char text[FACTS_MAX]; /* NUL-terminated */
};

void facts_init(struct facts *f);
/* Adds value (any bytes; at most max of them are looked at, the rest is cut); an empty one, and what finds no room, is left
 * out. A fact that is there already stays as it is. */
void facts_add(struct facts *f, enum fact what, const void *value, size_t len, size_t max);
/* The same of a string of ours, or one that text_sanitise() made. */
void facts_add_str(struct facts *f, enum fact what, const char *value);
/* Copies one fact's value out of a text; false, *ret "": not there. */
bool facts_get(const char *text, enum fact what, char *ret, size_t size);
/* Is the line of a text that begins here this fact's? */
bool facts_is(const char *line, enum fact what);
/* Is this a text as facts_add() makes them? len without a NUL. */
bool facts_valid(const char *text, size_t len);
/* Copies a text with FACT_CHANGED_AT made by wall_of (NULL: as it is); a fact that finds no room is left out. */
void facts_at_wall(const char *text, uint64_t (*wall_of)(uint64_t ns), char *ret, size_t size);
/* Writes members of the open object: "details": {…}, and "changed": {from, to, by, at} when it did. at_ns: makes nanoseconds
 * since 1970 of FACT_CHANGED_AT, NULL: they are; epoch: at is a number of seconds instead of a date. */
void facts_json(struct jsonl *j, const char *text, uint64_t (*at_ns)(uint64_t ns, void *arg), void *arg, bool epoch);

#endif
