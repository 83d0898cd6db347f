/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing pcapng (draft-ietf-opsawg-pcapng): one section, interfaces with names, packets with comments. Little endian, ns.
 * Packet bytes go through as they are; texts are cut at 65535 bytes. Pure: blocks go to a function. */
#ifndef PG_ENFORCE_PCAPNG_H
#define PG_ENFORCE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#define PCAPNG_LINK_ETHERNET 1
#define PCAPNG_LINK_RAW 101 /* begins with an IPv4 or IPv6 header */

/* Takes len bytes: 0 or -errno, which ends the call that made them. */
typedef int (*pcapng_write)(void *arg, const void *data, size_t len);

struct pcapng {
	pcapng_write write;
	void *arg;
	uint32_t interfaces;
};

/* Section header. hardware, os, application: "" none. */
int pcapng_begin(struct pcapng *p, pcapng_write write, void *arg, const char *os, const char *application, const char *comment);
/* Its number is *ret. */
int pcapng_interface(struct pcapng *p, uint16_t link, uint32_t snaplen, const char *name, const char *description, uint32_t *ret);

struct pcapng_packet {
	uint32_t interface;
	uint64_t time_ns;    /* epoch */
	uint32_t len;        /* on the wire */
	uint32_t cap_len;
	const void *head;    /* head_len bytes, then data: together cap_len */
	uint32_t head_len;
	const void *data;
	const char *comment; /* "" none */
};
int pcapng_packet(struct pcapng *p, const struct pcapng_packet *k);
/* Interface statistics at the end: packets that were not kept. */
int pcapng_statistics(struct pcapng *p, uint32_t interface, uint64_t time_ns, uint64_t received, uint64_t dropped);

#endif
