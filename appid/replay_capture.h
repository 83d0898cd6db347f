/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads packets from a capture file or a pipe: pcap (microseconds, nanoseconds, the "modified" format, either byte order) and
 * pcapng (several sections and interfaces, each with its own link type and time resolution, which libpcap refuses).
 * Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. The bytes are hostile: whatever stands in the file, the reader
 * ends, with what could be read. Owns a buffer that grows with the largest record, bounded. One thread per object. */
#ifndef PG_APPID_REPLAY_CAPTURE_H
#define PG_APPID_REPLAY_CAPTURE_H

#include <stdint.h>
#include <sys/types.h>

#define CAPTURE_RECORD_MAX (1u << 20) /* captured bytes of one packet; what claims more is damaged */
#define CAPTURE_INTERFACES_MAX 4096   /* of one pcapng section */

enum capture_end {
	CAPTURE_OPEN,    /* not at the end yet */
	CAPTURE_WHOLE,   /* ended where a record ends */
	CAPTURE_CUT,     /* ended inside a record */
	CAPTURE_DAMAGED, /* a record that cannot be; what follows it was not read */
	CAPTURE_FAILED,  /* reading failed */
	CAPTURE_END_MAX
};
const char *capture_end_name(enum capture_end e);

struct capture_packet {
	uint64_t ts_ns;      /* since 1970; 0: the record has no time */
	const uint8_t *data; /* valid until the next call */
	uint32_t cap_len, wire_len; /* wire_len >= cap_len */
	int linktype;        /* https://www.tcpdump.org/linktypes.html */
};

struct capture_stats {
	uint64_t bytes, packets;
	uint64_t other_blocks; /* pcapng: blocks that hold no packet (statistics, names, comments, unknown kinds) */
	uint64_t bad_blocks;   /* pcapng: packets of an interface that was not described, impossible lengths inside a block */
	enum capture_end end;
	int error;             /* CAPTURE_FAILED: errno */
};

/* Where bytes come from: like read(2), but -errno on failure. */
typedef ssize_t (*capture_read_fn)(void *arg, void *buf, size_t size);

struct capture;
/* Reads the file header. 0; -EPROTONOSUPPORT: no capture format; -ENODATA: nothing in it; or -errno. */
int capture_open(capture_read_fn fn, void *arg, struct capture **ret);
/* The same from a descriptor, which stays the caller's. */
int capture_open_fd(int fd, struct capture **ret);
void capture_close(struct capture *c);
/* 1: *ret is the next packet; 0: no more, the statistics say why. */
int capture_next(struct capture *c, struct capture_packet *ret);
/* The same, but the data of packets given out before stays valid: -EAGAIN when that cannot be (deal with them, then call
 * capture_next()). */
int capture_next_held(struct capture *c, struct capture_packet *ret);
const struct capture_stats *capture_stats(const struct capture *c);

#endif
