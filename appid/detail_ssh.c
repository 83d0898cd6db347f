/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SSH (RFC 4253): both banners, and HASSH (Salesforce, BSD) out of both sides' first key exchange message. */
#include "appid/detail_private.h"
#include "appid/digest_text.h"
#include "appid/text.h"

enum { MSG_KEXINIT = 20, PACKET_MAX = 16384 };

/* The lists of SSH_MSG_KEXINIT (RFC 4253 7.1) that HASSH is made of, by place. */
enum { LIST_KEX = 0, LIST_CIPHER = 2, LIST_MAC = 4, LIST_COMPRESSION = 6, LIST_COUNT = 8 };

/* After the banner: 1 read; 0 not all there yet; -1 there is none. */
static int kexinit_read(struct bytes b, struct bytes list[LIST_COUNT])
{
	struct bytes line, packet;
	uint32_t len;
	uint8_t padding, type;

	if (!text_line(&b, &line))
		return 0;
	if (!bytes_be32(&b, &len))
		return 0;
	if (len < 16 || len > PACKET_MAX)
		return -1;
	packet = b;
	if (bytes_left(&packet) > len)
		packet.end = packet.p + len;
	if (!bytes_u8(&packet, &padding) || !bytes_u8(&packet, &type))
		return 0;
	if (type != MSG_KEXINIT)
		return -1;
	if (!bytes_skip(&packet, 16))
		return 0;
	for (unsigned i = 0; i < LIST_COUNT; i++) {
		if (!bytes_be32(&packet, &len))
			return 0;
		if (len > PACKET_MAX)
			return -1;
		if (!bytes_take(&packet, len, &list[i]))
			return 0;
	}
	return 1;
}

/* server: the lists of what it sends are the second of each pair. */
static void hassh(const struct bytes list[LIST_COUNT], bool server, struct detail *t)
{
	static const uint8_t parts[4] = { LIST_KEX, LIST_CIPHER, LIST_MAC, LIST_COMPRESSION };
	char text[4096], digest[DIGEST_MD5_LEN];
	size_t n = 0;

	for (unsigned i = 0; i < 4; i++) {
		const struct bytes *l = &list[parts[i] + (i ? server : 0)];

		if (n + bytes_left(l) + 1 > sizeof(text))
			return;
		if (i)
			text[n++] = ';';
		memcpy(text + n, l->p, bytes_left(l));
		n += bytes_left(l);
	}
	digest_md5(text, n, digest);
	facts_add_str(&t->facts, server ? FACT_HASSH_SERVER : FACT_HASSH, digest);
}

void detail_ssh(const struct detail_in *in, struct detail *t)
{
	bool have[2];

	for (unsigned i = 0; i < 2; i++) {
		unsigned dir = in->server_dir < 2 ? (i ? in->server_dir : !in->server_dir) : i;
		bool server = in->server_dir < 2 && dir == in->server_dir;
		struct bytes b = in->said[dir], line, list[LIST_COUNT];
		int r;

		have[dir] = in->whole[dir];
		if (!text_line(&b, &line))
			continue;
		if (text_starts(line, "SSH-")) {
			detail_info(t, in->server_dir > 1 ? "" : server ? "server " : "client ", line, 56);
			if (in->server_dir < 2)
				detail_fact(t, server ? FACT_SSH_SERVER : FACT_SSH_CLIENT, line, 120);
		}
		r = kexinit_read(in->said[dir], list);
		if (r > 0 && in->server_dir < 2)
			hassh(list, server, t);
		have[dir] |= r != 0;
	}
	t->complete = have[0] && have[1];
}
