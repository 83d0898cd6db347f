/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP/2 in clear (RFC 9113): the frames of one side's first bytes up to its first header block, and what gRPC says there.
 * Cut anywhere. Pure, allocates nothing. */
#ifndef PG_APPID_HTTP2_HEAD_H
#define PG_APPID_HTTP2_HEAD_H

#include <stdbool.h>

#include "base/bytes.h"

struct http2_head {
	bool client;    /* began with the client's preface */
	bool headers;   /* a header block was found */
	bool complete;  /* to its end */
	bool bad;       /* what follows is no HTTP/2 */
	unsigned frames; /* whole frame headers that fit, up to the header block */
	/* raw bytes; "" not there */
	char method[16], path[192], authority[128], status[4], content_type[64], user_agent[96], server[96];
};

/* Is this the client's preface? 1 yes, 0 it could become it, -1 no. */
int http2_preface(struct bytes b);
/* Could these bytes be a server's frames: SETTINGS first, then anything valid? Returns the number of whole frame headers
 * that fit, -1: no. */
int http2_server_probe(struct bytes b);
void http2_head_parse(struct bytes b, struct http2_head *ret);

#endif
