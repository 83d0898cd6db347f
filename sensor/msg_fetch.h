/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core asks the fetching program for (pierglass-core fetch), the only one of ours that may open a connection. */
#ifndef PG_SENSOR_MSG_FETCH_H
#define PG_SENSOR_MSG_FETCH_H

#include <stdint.h>

enum msg_fetch_flag {
	FETCH_POST = 1 << 0,       /* else GET */
	FETCH_PLAIN_HTTP = 1 << 1, /* http:// may be asked for too: the operator's own collector. Never by a redirect */
	FETCH_OUTPUT = 1 << 3,     /* url is a log receiver (sensor/watch/fetch_output.h) and takes the body as it is */
	FETCH_WANT_BODY = 1 << 2,  /* the answer's body is wanted, in a memfd */
};

enum { FETCH_URL_MAX = 2048, FETCH_BODY_MAX = 48 << 10, FETCH_REDIRECTS_MAX = 4 };

/* MSG_FETCH, core -> fetch: the struct, then url, proxy, etag, modified, headers ("Name: value\n"…), body, then never_count
 * pairs of addresses of 16 bytes each, in this order, all without NUL. With it may come a descriptor: the certificates (PEM) to trust instead
 * of the system's. MSG_FETCH without a body (len 0): forget the request with this seq. */
struct msg_fetch {
	uint32_t flags;      /* enum msg_fetch_flag */
	uint32_t timeout_s;  /* for all of it, 1..3600 */
	uint64_t max_bytes;  /* of the answer, unpacked */
	uint16_t url_len, proxy_len, etag_len, modified_len, headers_len, never_count;
	uint32_t body_len;
};
_Static_assert(sizeof(struct msg_fetch) == 32, "msg_fetch");

/* MSG_FETCHED, fetch -> core, seq of the request. status 0: there was a whole answer (of whatever http_status); else -errno:
 * -EPERM its URL, an address or a redirect is not allowed; -EKEYREJECTED the certificate; -EFBIG too long; -ETIMEDOUT too slow;
 * -EPROTO cut or malformed; -EHOSTUNREACH no connection, no such host. With http_status 200 and FETCH_WANT_BODY: a memfd. */
struct msg_fetched {
	int32_t http_status;
	uint32_t retry_after_s; /* as the server asked, 0: it did not */
	uint64_t bytes;
	char etag[128], modified[64]; /* "" none */
	char why[160];          /* of a failure, one sentence */
};

#endif
