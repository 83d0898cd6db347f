/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of docker_json share. The only header that names jansson; no other room includes it. */
#ifndef PG_SENSOR_WATCH_DOCKER_JSON_PRIV_H
#define PG_SENSOR_WATCH_DOCKER_JSON_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "flows/identity.h"

static inline void docker_json_freep(json_t **j)
{
	json_decref(*j);
}

/* *ret is the caller's (json_decref). -EBADMSG, -ENOMEM. */
int docker_json_load(const char *buf, size_t len, json_t **ret);
/* A string value, cut at a character boundary, control bytes and NULs replaced; anything else gives "". */
void docker_json_copy(const json_t *s, char *ret, size_t size);
void docker_json_get(const json_t *obj, const char *key, char *ret, size_t size);
/* False and ret untouched if it is no valid id. */
bool docker_json_get_id(const json_t *obj, const char *key, char ret[IDENT_ID_LEN]);
uint64_t docker_json_get_u64(const json_t *obj, const char *key); /* 0: absent, negative */
bool docker_json_get_bool(const json_t *obj, const char *key);
/* ret (and ret_prefix, may be NULL) untouched if absent or invalid. */
void docker_json_get_addr(const json_t *obj, const char *key, uint8_t ret[16], uint8_t *ret_prefix);
void docker_json_get_mac(const json_t *obj, const char *key, uint8_t ret[6]);

#endif
