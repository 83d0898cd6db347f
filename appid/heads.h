/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet ring of evidence: samples kept as they came, at most so many bytes in all. When there is no more room, the sender that has
 * most of it loses its oldest: a noisy container pushes out its own first. Bytes are not looked at until they are handed out. One
 * thread. */
#ifndef PG_APPID_HEADS_H
#define PG_APPID_HEADS_H

#include <stddef.h>
#include <stdint.h>

#include "sensor/msg_heads.h"

struct heads;
struct heads *heads_new(void); /* keeps nothing until heads_set() */
void heads_free(struct heads *h);
void heads_set(struct heads *h, uint64_t max_bytes);
/* A record of the ring (struct pg_sample and payload). Without memory it is not kept, and counted as dropped. */
void heads_add(struct heads *h, const void *record, size_t len);
/* See MSG_HEADS. keep: enum redact_keep. 0 or -errno of a write. */
int heads_dump(struct heads *h, const struct msg_heads *want, unsigned keep, int fd, struct msg_heads_done *ret);
uint64_t heads_bytes(const struct heads *h);

/* Masks secrets in payload, in place, lengths unchanged: values of headers and keys that carry credentials become 'x'. By text
 * alone, whatever the protocol: what is encoded otherwise stays. Pure. */
void heads_mask(uint8_t *payload, size_t len);

#endif
