/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a recognised conversation says about itself: host, versions, banners, fingerprints; bounded and sanitised. Pure. */
#ifndef PG_APPID_DETAIL_H
#define PG_APPID_DETAIL_H

#include <stdbool.h>

#include "appid/app_names.h"
#include "base/bytes.h"
#include "sensor/facts.h"

#define DETAIL_HOST_LEN 128
#define DETAIL_INFO_LEN 128
#define DETAIL_NEXT_MAX 3

/* A conversation, by direction: what it began with, and whether nothing more will come. */
struct detail_in {
	struct bytes said[2]; /* datagrams: the first one */
	struct bytes next[2][DETAIL_NEXT_MAX]; /* datagrams: those after it; empty: no more */
	bool whole[2];
	bool datagrams;
	unsigned server_dir;  /* direction that the server sends, 2: unknown */
};

struct detail {
	char host[DETAIL_HOST_LEN]; /* HTTP Host without its port, TLS SNI, DNS question; "" none */
	char info[DETAIL_INFO_LEN]; /* "GET /path; agent curl/7.88; 200; server nginx"; "" none */
	bool complete;              /* nothing more is to be expected */
	enum app_id app;            /* may be surer than what was asked: HTTP that turns out to be etcd's */
	struct facts facts;
};

/* The direction of the server, the first one when it is not known. */
unsigned detail_server(const struct detail_in *in);
void detail_read(enum app_id app, const struct detail_in *in, struct detail *ret);

#endif
