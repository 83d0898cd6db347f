/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of a replayed flow beyond its counters; a flow that was never labelled has none. Kept in one allocation. */
#ifndef PG_APPID_REPLAY_LABEL_H
#define PG_APPID_REPLAY_LABEL_H

#include <stdbool.h>

#include "base/strpool.h"
#include "sensor/msg.h"

struct replay_label {
	uint8_t confidence; /* enum label_confidence */
	uint8_t server_end; /* 0xff: not known */
	bool final;
	uint8_t host_at, info_at; /* of text */
	const char *facts;  /* sensor/facts.h; "" none; the caller's pool owns it */
	char text[];        /* app, host, info, each NUL-terminated */
};

/* The better of what was known (may be NULL; freed when replaced) and what is said now. */
struct replay_label *replay_label_merge(struct replay_label *old, const struct msg_label *said);
/* Takes what a flow says about itself, of the pool; the older text goes back there. Returns the label, made if there was none. */
struct replay_label *replay_label_facts(struct replay_label *old, struct strpool *pool, const char *text);
/* nDPI's name of a protocol that is known by its number; NULL: none. */
const char *replay_proto_app(uint8_t proto);
/* "tcp", "udp", "icmp", …; NULL: it has no name here. */
const char *replay_proto_name(uint8_t proto);

#endif
