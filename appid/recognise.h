/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own recognisers: cheap and strict, for the protocols that containers speak every day, from first bytes that may end
 * anywhere. They look at what one side said first (and, where that is not enough, at the other side too), so the order of
 * the segments, who speaks first, and a missing direction do not matter. nDPI gets what none of them wants. Pure. */
#ifndef PG_APPID_RECOGNISE_H
#define PG_APPID_RECOGNISE_H

#include <stdbool.h>
#include <stdint.h>

#include "appid/app_names.h"
#include "base/bytes.h"

enum recog {
	RECOG_NO,     /* it is not, whatever follows */
	RECOG_MORE,   /* could become it */
	RECOG_LIKELY, /* fits, but too short or too plain to be sure; counts only if nothing surer comes */
	RECOG_YES,
};

enum { RECOG_SERVER_SELF, RECOG_SERVER_OTHER, RECOG_SERVER_UNKNOWN };

/* What a recogniser sees: [0] is the side whose words are looked at, [1] the other. */
struct recog_in {
	struct bytes head[2]; /* from the side's first byte; may be empty */
	bool whole[2];        /* nothing more will come from that side */
	uint16_t port[2];     /* host byte order */
};

/* Server: who is the server if it is this protocol (RECOG_SERVER_*). */
struct recogniser {
	enum app_id app;
	enum recog (*fn)(const struct recog_in *in, enum app_id *ret_app, int *ret_server);
	const char *first; /* the bytes it can begin with, first_len of them; 0: any */
	int first_len;
};

/* Per flow: which recognisers are still in the race, by direction. Zeroed to begin with. */
struct recog_state {
	uint64_t alive[2];
	bool begun[2];
};

struct recog_found {
	enum app_id app;
	uint8_t server_dir; /* direction that the server sends; 2: unknown */
};

/* heads, whole and ports by direction. YES and LIKELY fill *ret; MORE: some are in the race; NO: none is. */
enum recog recognise_stream(struct recog_state *s, const struct bytes heads[2], const bool whole[2], const uint16_t ports[2],
			    struct recog_found *ret);
/* One datagram sent by direction dir. cut: it is longer than the bytes here. */
enum recog recognise_datagram(unsigned dir, struct bytes b, bool cut, const uint16_t ports[2], struct recog_found *ret);

/* QUIC by its long header (RFC 9000 17.2, and the versions before it): for what nDPI cannot decrypt. */
enum recog recognise_quic(unsigned dir, struct bytes b, struct recog_found *ret);

/* The tables, by kind. */
extern const struct recogniser recog_text[], recog_binary[];
extern const unsigned recog_text_count, recog_binary_count;

#endif
