/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP/1 message heads (RFC 9112) from first bytes, which may end anywhere. Pure, allocates nothing. */
#ifndef PG_APPID_HTTP_HEAD_H
#define PG_APPID_HTTP_HEAD_H

#include <stdbool.h>

#include "base/bytes.h"

/* HTTP_CUT: nothing more will come, and what is there is the start of a request line. */
enum http_kind { HTTP_NOT, HTTP_MORE, HTTP_CUT, HTTP_REQUEST, HTTP_RESPONSE };

struct http_head {
	enum http_kind kind;
	bool complete;      /* the empty line after the fields was seen */
	uint16_t status;    /* response; 0: not readable */
	/* views into the message; empty: not there */
	struct bytes method, target, version;
	struct bytes host, user_agent, server, upgrade, content_type, content_length;
	struct bytes body;  /* what is there of it, when the head is complete */
	bool etcd;          /* a field that only etcd's servers and members send */
	bool elastic;       /* "X-elastic-product: Elasticsearch" */
};

/* Is this the start of an HTTP/1 request or response? whole: nothing more will come.
 * HTTP_MORE: could still become one. Looks at the first line only. */
enum http_kind http_head_probe(struct bytes b, bool whole);
/* Reads what is there: first line and the fields named above. Same result as the probe. */
enum http_kind http_head_parse(struct bytes b, bool whole, struct http_head *ret);

#endif
