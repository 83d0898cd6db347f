/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a large capture to standard output, for measuring: load_capture FLOWS PACKETS [SIZE]
 * FLOWS connections of PACKETS packets each, in turn; every third is a DNS exchange repeated, the others begin with TCP's
 * handshake and an HTTP request and answer, then carry data. SIZE: bytes of a data packet's payload (default 700). */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char get[] = "GET /item/1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: load/1\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nServer: load\r\nContent-Length: 100000000\r\n\r\n";
static const uint8_t question[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04shop\x07" "example\x00\x00\x01\x00\x01";
static const uint8_t answer[] = "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x04shop\x07" "example\x00\x00\x01\x00\x01"
				"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01";

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* One frame; back: from the server. l4 and its payload lie at frame + 34. */
static void put(uint8_t *frame, unsigned l4_len, unsigned proto, uint32_t flow, int back, uint64_t n)
{
	uint32_t head[4] = { (uint32_t)(1700000000 + n / 1000000), (uint32_t)(n % 1000000), 34 + l4_len, 34 + l4_len };
	uint32_t client = 0x0a000000 + flow % 60000, server = 0x0ac80000 + flow % 250;

	memset(frame, 2, 12);
	put16(frame + 12, 0x0800);
	memset(frame + 14, 0, 20);
	frame[14] = 0x45;
	put16(frame + 16, 20 + l4_len);
	frame[22] = 64;
	frame[23] = (uint8_t)proto;
	put32(frame + 26, back ? server : client);
	put32(frame + 30, back ? client : server);
	put16(frame + (back ? 36 : 34), 1024 + flow / 60000 * 7 + flow % 1000);
	put16(frame + (back ? 34 : 36), proto == 17 ? 53 : 80);
	fwrite(head, sizeof(head), 1, stdout);
	fwrite(frame, 34 + l4_len, 1, stdout);
}

static void put_tcp(uint8_t *frame, uint32_t flow, uint32_t i, unsigned size, uint64_t n)
{
	int back = i == 1 || (i >= 4 && i % 3);
	const char *text = i == 3 ? get : i == 4 ? ok : "";
	unsigned len = i < 3 ? 0 : i <= 4 ? (unsigned)strlen(text) : back ? size : 0;
	uint8_t *tcp = frame + 34;

	memset(tcp + 4, 0, 16);
	put32(tcp + 4, back ? 5000 + (i > 4 ? (uint32_t)strlen(ok) + (i - 5) * size : i > 1) : 1000 + (i > 0) + (i > 3 ? (uint32_t)strlen(get) : 0));
	tcp[12] = 0x50;
	tcp[13] = i == 0 ? 2 : i == 1 ? 18 : 24;
	if (i > 4)
		memset(tcp + 20, 'x', len);
	else
		memcpy(tcp + 20, text, len);
	put(frame, 20 + len, 6, flow, back, n);
}

static void put_dns(uint8_t *frame, uint32_t flow, uint32_t i, uint64_t n)
{
	unsigned len = i % 2 ? sizeof(answer) - 1 : sizeof(question) - 1;
	uint8_t *udp = frame + 34;

	put16(udp + 4, 8 + len);
	put16(udp + 6, 0);
	memcpy(udp + 8, i % 2 ? answer : question, len);
	put(frame, 8 + len, 17, flow, i % 2, n);
}

int main(int argc, char **argv)
{
	static const uint32_t header[6] = { 0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 1 };
	static uint8_t frame[2048];
	uint32_t flows, packets;
	unsigned size;
	uint64_t n = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: load_capture FLOWS PACKETS [SIZE]\n");
		return 2;
	}
	flows = (uint32_t)strtoul(argv[1], NULL, 10);
	packets = (uint32_t)strtoul(argv[2], NULL, 10);
	size = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 700;
	if (size > 1400)
		size = 1400;
	fwrite(header, sizeof(header), 1, stdout);
	/* In groups of 1000 connections that run at the same time. */
	for (uint32_t base = 0; base < flows; base += 1000)
		for (uint32_t i = 0; i < packets; i++)
			for (uint32_t f = base; f < flows && f < base + 1000; f++, n++) {
				if (f % 3 == 2)
					put_dns(frame, f, i, n);
				else
					put_tcp(frame, f, i, size, n);
			}
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
