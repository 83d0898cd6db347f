/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames as hex, and what decode says of each; shared by the tests of decode and of the eBPF parser. */
#ifndef PG_TESTS_DECODE_FRAMES_H
#define PG_TESTS_DECODE_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "flows/decode.h"

#define ETH "020000000002 020000000001 "
#define V4(len, proto) "4500" len "abcd4000 40" proto "0000 0a000001 0a000002 "
#define V6(len, next) "60000000" len next "40 20010db8000000000000000000000001 20010db8000000000000000000000002 "
#define TCP_SYN "9c40 0050 00000001 00000000 5002 ffff 0000 0000 "
#define TCP_DATA "9c40 0050 00000002 00000009 5018 ffff 0000 0000 48656c6c6f "
#define UDP_DATA "9c40 0035 000b 0000 616263 "
#define VXLAN(vni) "08000000" vni "00 "

static size_t unhex(const char *s, uint8_t *out, size_t max)
{
	size_t n = 0;
	unsigned b;

	while (*s) {
		if (*s == ' ') {
			s++;
			continue;
		}
		if (sscanf(s, "%2x", &b) != 1 || n == max)
			abort(); /* the table is wrong */
		out[n++] = (uint8_t)b;
		s += 2;
	}
	return n;
}

static const struct row {
	enum packet_link link;
	const char *hex, *want;
} rows[] = {
	/* Ethernet, IPv4, IPv6 */
	{ PACKET_LINK_ETHERNET, ETH "0800" V4("0028", "06") TCP_SYN,
	  "6 10.0.0.1:40000 > 10.0.0.2:80 payload 0/0 flags 02 seq 1" },
	{ PACKET_LINK_ETHERNET, ETH "0800" V4("002d", "06") TCP_DATA,
	  "6 10.0.0.1:40000 > 10.0.0.2:80 payload 5/5 flags 18 seq 2" },
	{ PACKET_LINK_ETHERNET, ETH "0800" V4("001f", "11") UDP_DATA, "17 10.0.0.1:40000 > 10.0.0.2:53 payload 3/3" },
	{ PACKET_LINK_ETHERNET, ETH "86dd" V6("0019", "06") TCP_DATA,
	  "6 2001:db8::1:40000 > 2001:db8::2:80 payload 5/5 flags 18 seq 2" },
	/* padding to 60 bytes is no payload */
	{ PACKET_LINK_ETHERNET, ETH "0800" V4("001f", "11") UDP_DATA "000000000000000000000000000000",
	  "17 10.0.0.1:40000 > 10.0.0.2:53 payload 3/3" },
	/* options: IPv4 with 4 bytes, TCP with 4 */
	{ PACKET_LINK_ETHERNET, ETH
	  "0800 46000032abcd0000 40060000 0a000001 0a000002 01010101 9c40 0050 00000001 00000000"
	  " 6002 ffff 0000 0000 020405b4 4142",
	  "6 10.0.0.1:40000 > 10.0.0.2:80 payload 2/2 flags 02 seq 1" },
	/* the answer has the same key, the other direction (address order decides) */
	{ PACKET_LINK_ETHERNET, ETH
	  "0800 45000028abcd4000 40060000 0a000002 0a000001 0050 9c40 00000009 00000002 5012 ffff 0000 0000",
	  "6 10.0.0.2:80 > 10.0.0.1:40000 payload 0/0 flags 12 seq 9" },
	{ PACKET_LINK_ETHERNET, ETH "0800" V4("0014", "2f"), "47 10.0.0.1:0 > 10.0.0.2:0 payload 0/0" },
	{ PACKET_LINK_ETHERNET, ETH "0800 4500001fabcd4000 40110000 0a000001 e00000fb" UDP_DATA,
	  "17 10.0.0.1:40000 > 224.0.0.251:53 payload 3/3 group" },
	{ PACKET_LINK_ETHERNET, ETH "0800 4500001fabcd4000 40110000 0a000001 ffffffff" UDP_DATA,
	  "17 10.0.0.1:40000 > 255.255.255.255:53 payload 3/3 group" },
	/* ICMP: echo by identifier, else type and code; SCTP */
	{ PACKET_LINK_ETHERNET, ETH "0800" V4("001c", "01") "0800 0000 1234 0001",
	  "1 10.0.0.1:4660 > 10.0.0.2:4660 payload 0/0" },
	{ PACKET_LINK_ETHERNET, ETH "0800" V4("001c", "01") "0000 0000 1234 0001",
	  "1 10.0.0.1:4660 > 10.0.0.2:4660 payload 0/0" },
	{ PACKET_LINK_ETHERNET, ETH "0800" V4("001c", "01") "0303 0000 0000 0000",
	  "1 10.0.0.1:771 > 10.0.0.2:771 payload 0/0" },
	{ PACKET_LINK_ETHERNET, ETH "86dd" V6("0008", "3a") "8000 0000 1234 0001",
	  "58 2001:db8::1:4660 > 2001:db8::2:4660 payload 0/0" },
	{ PACKET_LINK_ETHERNET, ETH "86dd" V6("0008", "3a") "8100 0000 1234 0001",
	  "58 2001:db8::1:4660 > 2001:db8::2:4660 payload 0/0" },
	{ PACKET_LINK_ETHERNET, ETH "86dd" V6("0008", "3a") "8700 0000 0000 0000",
	  "58 2001:db8::1:34560 > 2001:db8::2:34560 payload 0/0" },
	{ PACKET_LINK_ETHERNET, ETH "0800" V4("0020", "84") "9c40 0b59 00000000 00000000",
	  "132 10.0.0.1:40000 > 10.0.0.2:2905 payload 0/0" },
	/* VLAN, QinQ, three tags are no IP to us */
	{ PACKET_LINK_ETHERNET, ETH "8100 a064 0800" V4("001f", "11") UDP_DATA,
	  "17 10.0.0.1:40000 > 10.0.0.2:53 payload 3/3 vlan 100" },
	{ PACKET_LINK_ETHERNET, ETH "88a8 0005 8100 0064 0800" V4("001f", "11") UDP_DATA,
	  "17 10.0.0.1:40000 > 10.0.0.2:53 payload 3/3 vlan 5.100" },
	{ PACKET_LINK_ETHERNET, ETH "88a8 0005 8100 0064 8100 0001 0800" V4("001f", "11") UDP_DATA, "not-ip" },
	{ PACKET_LINK_ETHERNET, ETH "0806 0001080006040001 020000000001 0a000001 000000000000 0a000002", "not-ip" },
	/* other links */
	{ PACKET_LINK_RAW, V4("001f", "11") UDP_DATA, "17 10.0.0.1:40000 > 10.0.0.2:53 payload 3/3" },
	{ PACKET_LINK_RAW, V6("000b", "11") UDP_DATA, "17 2001:db8::1:40000 > 2001:db8::2:53 payload 3/3" },
	{ PACKET_LINK_RAW, "55", "not-ip" },
	{ PACKET_LINK_RAW, "", "malformed" },
	{ PACKET_LINK_NULL, "02000000" V4("001f", "11") UDP_DATA, "17 10.0.0.1:40000 > 10.0.0.2:53 payload 3/3" },
	{ PACKET_LINK_NULL, "00000002" V4("001f", "11") UDP_DATA, "17 10.0.0.1:40000 > 10.0.0.2:53 payload 3/3" },
	{ PACKET_LINK_NULL, "1e000000" V6("000b", "11") UDP_DATA, "17 2001:db8::1:40000 > 2001:db8::2:53 payload 3/3" },
	{ PACKET_LINK_LOOP, "0000000a" V6("000b", "11") UDP_DATA, "17 2001:db8::1:40000 > 2001:db8::2:53 payload 3/3" },
	{ PACKET_LINK_NULL, "07000000 00", "not-ip" },
	{ PACKET_LINK_SLL, "0000 0001 0006 020000000001 0000 0800" V4("001f", "11") UDP_DATA,
	  "17 10.0.0.1:40000 > 10.0.0.2:53 payload 3/3" },
	{ PACKET_LINK_SLL, "0000 0001 0006 020000000001 0000 8100 0007 86dd" V6("000b", "11") UDP_DATA,
	  "17 2001:db8::1:40000 > 2001:db8::2:53 payload 3/3 vlan 7" },
	{ PACKET_LINK_SLL2, "0800 0000 00000002 0001 00 06 0200000000010000" V4("001f", "11") UDP_DATA,
	  "17 10.0.0.1:40000 > 10.0.0.2:53 payload 3/3" },
	/* IPv6 extension headers: hop-by-hop, routing, destination, authentication (24 bytes) */
	{ PACKET_LINK_RAW, V6("0013", "00") "1100000000000000" UDP_DATA,
	  "17 2001:db8::1:40000 > 2001:db8::2:53 payload 3/3" },
	{ PACKET_LINK_RAW, V6("002b", "00") "2b00000000000000 3c00000000000000 1101000000000000 0000000000000000"
	  UDP_DATA, "17 2001:db8::1:40000 > 2001:db8::2:53 payload 3/3" },
	{ PACKET_LINK_RAW, V6("0023", "33") "1104000000000000 0000000000000000 0000000000000000" UDP_DATA,
	  "17 2001:db8::1:40000 > 2001:db8::2:53 payload 3/3" },
	{ PACKET_LINK_RAW, V6("0008", "00") "11ff000000000000", "malformed" },
	{ PACKET_LINK_RAW, V6("0000", "00"), "malformed" },
	{ PACKET_LINK_RAW, V6("0000", "3b"), "59 2001:db8::1:0 > 2001:db8::2:0 payload 0/0" },
	/* nine headers: the ninth stands for the transport */
	{ PACKET_LINK_RAW, V6("0048", "3c")
	  "3c00000000000000 3c00000000000000 3c00000000000000 3c00000000000000 3c00000000000000"
	  " 3c00000000000000 3c00000000000000 3c00000000000000 1100000000000000",
	  "60 2001:db8::1:0 > 2001:db8::2:0 payload 0/0" },
	/* fragments: the first has ports, later ones do not; pieces have no payload for the inspector */
	{ PACKET_LINK_RAW, "4500001fabcd2000 40110000 0a000001 0a000002" UDP_DATA,
	  "17 10.0.0.1:40000 > 10.0.0.2:53 payload 0/0 frag first" },
	{ PACKET_LINK_RAW, "4500001fabcd0010 40110000 0a000001 0a000002" UDP_DATA,
	  "17 10.0.0.1:0 > 10.0.0.2:0 payload 0/0 frag later" },
	{ PACKET_LINK_RAW, "45000018abcd2000 40060000 0a000001 0a000002 9c400050",
	  "6 10.0.0.1:0 > 10.0.0.2:0 payload 0/0 frag first" },
	{ PACKET_LINK_RAW, V6("0013", "2c") "1100000100000001" UDP_DATA,
	  "17 2001:db8::1:40000 > 2001:db8::2:53 payload 0/0 frag first" },
	{ PACKET_LINK_RAW, V6("0013", "2c") "1100001000000001" UDP_DATA,
	  "17 2001:db8::1:0 > 2001:db8::2:0 payload 0/0 frag later" },
	{ PACKET_LINK_RAW, V6("0013", "2c") "3c00001000000001 ffffffffffffffffffffff",
	  "60 2001:db8::1:0 > 2001:db8::2:0 payload 0/0 frag later" }, /* what follows is data */
	{ PACKET_LINK_RAW, V6("0013", "2c") "1100000000000001" UDP_DATA,
	  "17 2001:db8::1:40000 > 2001:db8::2:53 payload 3/3" }, /* atomic, RFC 6946 */
	/* lies */
	{ PACKET_LINK_RAW, "4400001fabcd4000 40110000 0a000001 0a000002" UDP_DATA, "malformed" },
	{ PACKET_LINK_RAW, "45000013abcd4000 40110000 0a000001 0a000002" UDP_DATA, "malformed" },
	{ PACKET_LINK_RAW, V4("0020", "11") UDP_DATA, "malformed" },
	{ PACKET_LINK_RAW, V4("001b", "11") UDP_DATA, "malformed" },
	{ PACKET_LINK_RAW, V4("0028", "06") "9c40 0050 00000001 00000000 4002 ffff 0000 0000", "malformed" },
	{ PACKET_LINK_RAW, V4("0028", "06") "9c40 0050 00000001 00000000 6002 ffff 0000 0000", "malformed" },
	{ PACKET_LINK_RAW, V4("001c", "11") "9c40 0035 ffff 0000", "17 10.0.0.1:40000 > 10.0.0.2:53 payload 0/0" },
	/* VXLAN, VXLAN in VXLAN, ARP inside, not VXLAN without its flag, cut inside */
	{ PACKET_LINK_RAW, V4("0051", "11") "9c40 12b5 003d 0000" VXLAN("001001") ETH
	  "0800 4500001fabcd4000 40110000 0a000102 0a000103" UDP_DATA,
	  "17 10.0.1.2:40000 > 10.0.1.3:53 payload 3/3 vni 4097 layers 1" },
	{ PACKET_LINK_RAW, V4("0083", "11") "9c40 12b5 006f 0000" VXLAN("001001") ETH
	  "0800 45000051abcd4000 40110000 0a000102 0a000103 9c40 12b5 003d 0000" VXLAN("001002")
	ETH "0800 4500001fabcd4000 40110000 0a000202 0a000203" UDP_DATA,
	  "17 10.0.2.2:40000 > 10.0.2.3:53 payload 3/3 vni 4098 layers 2" },
	{ PACKET_LINK_RAW, V4("0032", "11") "9c40 12b5 001e 0000" VXLAN("001001") ETH "0806", "not-ip" },
	{ PACKET_LINK_RAW, V4("0024", "11") "9c40 12b5 0010 0000 0000000000100100",
	  "17 10.0.0.1:40000 > 10.0.0.2:4789 payload 8/8" },
	{ PACKET_LINK_RAW, V4("001f", "11") "9c40 12b5 000b 0000 080000",
	  "17 10.0.0.1:40000 > 10.0.0.2:4789 payload 3/3" },
	{ PACKET_LINK_RAW, V4("0028", "11") "9c40 12b5 0014 0000" VXLAN("001001") "02000000", "malformed" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

#endif
