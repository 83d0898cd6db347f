/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sample ring and the `inspected` map (abi.h) through descriptors that the keeper passed: the appid room's only use of
 * libbpf. Needs no privilege. One thread. */
#ifndef PG_APPID_SAMPLE_RING_H
#define PG_APPID_SAMPLE_RING_H

#include <stddef.h>
#include <stdint.h>

struct sample_ring;

/* Maps the ring behind map_fd (kept open, owned by the caller). record is called for each record. 0 or -errno. */
int sample_ring_open(int map_fd, void (*record)(const void *data, size_t len, void *arg), void *arg, struct sample_ring **ret);
void sample_ring_close(struct sample_ring *r);
/* A descriptor that is readable while records wait. */
int sample_ring_fd(const struct sample_ring *r);
/* Hands over the records that are there, at most max. Returns how many, or -errno. */
int sample_ring_consume(struct sample_ring *r, unsigned max);

struct pg_inspected;
/* Maps the map `inspected` (map_fd may be closed after). 0 or -errno. */
int inspected_open(int map_fd, struct pg_inspected **ret);
/* No more of the flow with this serial is wanted. */
void inspected_mark(struct pg_inspected *t, uint32_t serial);
/* NULL is fine. */
void inspected_close(struct pg_inspected *t);

#endif
