/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sample ring and the `inspected` map (abi.h) through descriptors that the keeper passed: the appid room's only use of
 * libbpf. Needs no privilege. One thread. */
#ifndef PG_APPID_SAMPLE_RING_H
#define PG_APPID_SAMPLE_RING_H

#include <stddef.h>

#include "flows/flow_key.h"

struct sample_ring;

/* Maps the ring behind map_fd (kept open, owned by the caller). record is called for each record. 0 or -errno. */
int sample_ring_open(int map_fd, void (*record)(const void *data, size_t len, void *arg), void *arg, struct sample_ring **ret);
void sample_ring_close(struct sample_ring *r);
/* A descriptor that is readable while records wait. */
int sample_ring_fd(const struct sample_ring *r);
/* Hands over the records that are there, at most max. Returns how many, or -errno. */
int sample_ring_consume(struct sample_ring *r, unsigned max);

/* Writes the keys into the `inspected` map. Returns how many could not be written. */
unsigned inspected_mark(int map_fd, const struct flow_key *keys, unsigned count);

#endif
