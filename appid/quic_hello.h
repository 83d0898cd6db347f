/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's hello in QUIC's Initial packets, versions 1 and 2 and the drafts from 23 on (RFC 9000 17.2.2, RFC 9001 5, RFC 9369 3).
 * Their keys follow from the packet itself, so anybody may read them. Pure; time and memory are bounded by the datagrams. */
#ifndef PG_APPID_QUIC_HELLO_H
#define PG_APPID_QUIC_HELLO_H

#include <stdbool.h>

#include "base/bytes.h"

#define QUIC_HELLO_MAX 4096    /* handshake bytes that are put together */
#define QUIC_DATAGRAMS_MAX 4

/* datagrams: the first ones of one direction, each whole, in the order in which they came. Puts the CRYPTO frames of all their
 * Initial packets together, in whatever order they stand, overlap (the first bytes win) or are repeated; out holds
 * QUIC_HELLO_MAX bytes. Returns how many are there without a gap from the first one on. *ret_read: something could be decrypted;
 * else it is not the client's direction, or no version whose keys are known. */
size_t quic_hello(const struct bytes *datagrams, unsigned count, uint8_t *out, bool *ret_read);

#endif
