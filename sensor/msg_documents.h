/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core has parsed by the documents inspector, and what comes back. One document at a time; its descriptor goes with the
 * request. Hostile content never reaches core but as these records, whose lengths core checks again. */
#ifndef PG_SENSOR_MSG_DOCUMENTS_H
#define PG_SENSOR_MSG_DOCUMENTS_H

#include <stdint.h>

enum msg_document_kind {
	MSG_DOCUMENT_FEED = 1, /* descriptor: the file */
	MSG_DOCUMENT_CONFIG,   /* descriptor: a socket on which the container's root is served (base/root_ipc.h) */
};

struct msg_document {
	uint32_t kind;   /* enum msg_document_kind */
	uint32_t format; /* FEED: enum feed_format */
	uint64_t now_s;  /* Unix time */
};

/* FEED: a PART is one or more of these, each followed by its text and its category, without padding. */
struct msg_indicator {
	uint8_t kind, confidence, flags, algo; /* enum indicator_kind, 0..100, enum indicator_flag, enum hash_algo */
	uint32_t line;
	uint16_t text_len, category_len;
	uint8_t data[32]; /* IND_IP: first and last address, IPv4-mapped; IND_HASH: digest */
};
_Static_assert(sizeof(struct msg_indicator) == 44, "msg_indicator");

/* FEED: the body of END; status -EBADMSG: refused, why says the reason. */
struct msg_feed_end {
	uint32_t format;
	uint32_t pad;
	uint64_t entries[4], unsupported, expired, bad;
	char why[160];
};

/* CONFIG: after struct msg_document, then so many NUL-terminated texts: the working directory, the words of the start command, the
 * environment as "NAME=value". */
struct msg_config_start {
	uint32_t words, env;
};

/* CONFIG: a PART is one or more of these, each followed by its texts without NUL or padding. */
enum msg_setting_kind {
	SETTING_APP,      /* application, version */
	SETTING_LISTENER, /* "tcp" or "udp", address ("*": any), application, where; number: port */
	SETTING_UPSTREAM, /* kind, target, application, where */
	SETTING_PLACE,    /* role, path, "", where */
	SETTING_LINE,     /* file, first word, 16 hex digits of the content's hash; number: line, 0: the rest of a long file */
	SETTING_WATCH,    /* path, "/" at its end: a directory */
	SETTING_NOTE,     /* text */
	SETTING_UNREAD,   /* what, why */
	SETTING_KINDS
};
enum { SETTING_TEXTS = 4, SETTING_TEXT_MAX = 4096 };
struct msg_setting {
	uint32_t kind, number;
	uint16_t len[SETTING_TEXTS];
};
_Static_assert(sizeof(struct msg_setting) == 16, "msg_setting");

/* CONFIG: the body of END. */
struct msg_config_end {
	uint32_t settings;
	uint32_t unsent; /* that had no room */
};

#endif
