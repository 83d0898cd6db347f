/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS messages (RFC 1035, 3596, 6891, 6762): the question, and the addresses that answer it through its CNAME chain.
 * Bounded: compression pointers only go backwards, so every name ends; allocates nothing. Pure. */
#ifndef PG_APPID_DNS_ANSWER_H
#define PG_APPID_DNS_ANSWER_H

#include <stdbool.h>

#include "base/bytes.h"

#define DNS_NAME_MAX 256     /* text form with dots, lower case, NUL; bytes that are no letters of a host name as \xNN */
#define DNS_ADDRESSES_MAX 32 /* kept of one message; more are counted */

enum { DNS_TYPE_A = 1, DNS_TYPE_CNAME = 5, DNS_TYPE_AAAA = 28 };

struct dns_address {
	uint8_t addr[16]; /* IPv4-mapped */
	uint32_t ttl_s;   /* smallest along the chain */
};

struct dns_message {
	bool response, cut;    /* cut: the bytes end before the message does */
	uint8_t opcode, rcode;
	uint16_t id, qtype;
	uint16_t questions, answers;
	char name[DNS_NAME_MAX];      /* first question; "" none. The root is "." */
	char last_name[DNS_NAME_MAX]; /* end of the CNAME chain; equals name without one */
	unsigned address_count, address_more;
	struct dns_address addresses[DNS_ADDRESSES_MAX];
};

enum dns_verdict {
	DNS_NO,     /* no DNS message */
	DNS_WEAK,   /* can be read as one; only with a DNS port */
	DNS_STRICT, /* everything in it is as the standards say, to the last byte: DNS on any port */
};

/* Reads one message. cut: b is known to be shorter than the message. */
enum dns_verdict dns_message_parse(struct bytes b, bool cut, struct dns_message *ret);

#endif
