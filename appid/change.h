/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protocols that change in mid-stream: STARTTLS and its like, HTTP CONNECT and Upgrade, SOCKS. Where in each direction the
 * next protocol begins, and which one was agreed on. Pure. */
#ifndef PG_APPID_CHANGE_H
#define PG_APPID_CHANGE_H

#include "appid/detail.h"

enum change_verdict {
	CHANGE_NONE,  /* it stays what it is, as far as one can see */
	CHANGE_MAYBE, /* it can still happen */
	CHANGE_DONE,
};

struct change {
	enum app_id to;  /* what was agreed on; APP_UNKNOWN: the next bytes say it */
	const char *by;  /* a literal */
	size_t at[2];    /* by direction: bytes of the old protocol, as far as they are there */
};

enum change_verdict change_find(enum app_id app, const struct detail_in *in, struct change *ret);

#endif
