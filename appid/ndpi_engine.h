/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nDPI behind four functions; its headers stay in ndpi_engine.c. It is asked about a whole conversation at a time (turns, put
 * together from segments), each time afresh: the answer depends on the conversation alone, not on how it was cut, and no
 * flow holds nDPI memory. One engine per thread; engines must not be made in parallel (nDPI's own condition). */
#ifndef PG_APPID_NDPI_ENGINE_H
#define PG_APPID_NDPI_ENGINE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "flows/flow_key.h"

struct ndpi_engine;

/* NULL: no memory, or a library of another version than the headers. */
struct ndpi_engine *ndpi_engine_new(void);
void ndpi_engine_free(struct ndpi_engine *e);

struct ndpi_turn {
	unsigned dir;      /* direction of the key */
	struct bytes data;
	size_t wire_len;   /* what it had on the wire: zeros stand for what is not here */
};

enum ndpi_sure { NDPI_SURE_NO, NDPI_SURE_PARTIAL, NDPI_SURE_DPI };

struct ndpi_answer {
	enum ndpi_sure sure;
	bool settled;    /* nDPI wants no more */
	char app[40];    /* "TLS.Google"; "" when sure is NO */
	char host[128];  /* sanitised; "" none */
	int server_end;  /* 0, 1; 2: not known */
};

/* What does nDPI call this conversation? last: no more will come, so what is likely is said, too (never a guess by port or
 * address). Turns in the order they were spoken; key.proto is TCP or UDP. */
void ndpi_engine_ask(struct ndpi_engine *e, const struct flow_key *key, const struct ndpi_turn *turns, unsigned count, bool last,
		     struct ndpi_answer *ret);
/* What usually is on these ports; false: nothing. A guess, never an identification. */
bool ndpi_engine_guess_port(struct ndpi_engine *e, const struct flow_key *key, char *ret, size_t size);
/* Which application an address belongs to (IPv4-mapped; nDPI's list of networks); false: none. */
bool ndpi_engine_address_app(struct ndpi_engine *e, const uint8_t addr[16], char *ret, size_t size);
/* Which application a host name belongs to ("Google"); false: none that nDPI knows. */
bool ndpi_engine_host_app(struct ndpi_engine *e, const char *host, char *ret, size_t size);

#endif
