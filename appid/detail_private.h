/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the parts of detail.c only: each reads one kind of conversation. */
#ifndef PG_APPID_DETAIL_PRIVATE_H
#define PG_APPID_DETAIL_PRIVATE_H

#include "appid/detail.h"

/* Appends "what value" to the info, at most max bytes of value. */
void detail_info(struct detail *t, const char *what, struct bytes value, size_t max);
void detail_info_str(struct detail *t, const char *what, const char *value);
/* Host without port; an IPv6 literal keeps its brackets' inside. */
void detail_host(struct detail *t, struct bytes host);
/* A server's version: into info and facts. */
void detail_version(struct detail *t, struct bytes version, size_t max);
/* A fact out of bytes. */
void detail_fact(struct detail *t, enum fact what, struct bytes value, size_t max);

void detail_http(const struct detail_in *in, struct detail *t);
void detail_http2(const struct detail_in *in, struct detail *t);
void detail_tls(const struct detail_in *in, struct detail *t);
void detail_quic(const struct detail_in *in, struct detail *t);
void detail_ssh(const struct detail_in *in, struct detail *t);
void detail_mysql(const struct detail_in *in, struct detail *t);
void detail_postgresql(const struct detail_in *in, struct detail *t);
void detail_redis(const struct detail_in *in, struct detail *t);
void detail_memcached(const struct detail_in *in, struct detail *t);
void detail_mongodb(const struct detail_in *in, struct detail *t);
void detail_clickhouse(const struct detail_in *in, struct detail *t);
void detail_zookeeper(const struct detail_in *in, struct detail *t);
void detail_nats(const struct detail_in *in, struct detail *t);
void detail_amqp(const struct detail_in *in, struct detail *t);

#endif
