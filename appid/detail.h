/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a recognised conversation says about itself: host, versions, banners; bounded and sanitised. Pure. */
#ifndef PG_APPID_DETAIL_H
#define PG_APPID_DETAIL_H

#include <stdbool.h>

#include "appid/app_names.h"
#include "appid/dialogue.h"

#define DETAIL_HOST_LEN 128
#define DETAIL_INFO_LEN 128

struct detail {
	char host[DETAIL_HOST_LEN]; /* HTTP Host without its port, TLS SNI, DNS question; "" none */
	char info[DETAIL_INFO_LEN]; /* "GET /path; agent curl/7.88; 200; server nginx"; "" none */
	bool complete;              /* nothing more is to be expected */
	enum app_id app;            /* may be surer than what was asked: HTTP that became WebSocket */
};

/* server_dir: direction that the server sends, 2: unknown. whole, by direction: nothing more will come. */
void detail_read(enum app_id app, const struct dialogue *d, unsigned server_dir, const bool whole[2], struct detail *ret);

#endif
