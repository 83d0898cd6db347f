/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS answers: which addresses a name was said to have. */
#include "appid/dns_answer.h"
#include "appid/inspect_private.h"
#include "appid/text.h"

static void dns_report(struct inspector *i, const struct flow_key *key, const uint32_t end_if[2], unsigned dir,
		       const struct dns_message *m)
{
	struct msg_dns d = { .key = *key, .end_if = { end_if[0], end_if[1] }, .client_end = (uint8_t)!dir };

	if (!m->response || !m->name[0])
		return;
	text_sanitise(d.name, sizeof(d.name), m->name, strlen(m->name));
	for (unsigned a = 0; a < m->address_count; a++) {
		memcpy(d.addr, m->addresses[a].addr, 16);
		d.ttl_s = m->addresses[a].ttl_s;
		i->sink.dns(&d, i->sink.arg);
	}
	if (!m->address_count)
		i->sink.dns(&d, i->sink.arg);
}

void inspect_dns_datagram(struct inspector *i, const struct flow_key *key, const uint32_t end_if[2], unsigned dir, struct bytes b,
			 bool cut)
{
	struct dns_message m;

	if (dns_message_parse(b, cut, &m) != DNS_NO)
		dns_report(i, key, end_if, dir, &m);
}

void inspect_dns_stream(struct inspector *i, struct inspect_flow *f)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		struct bytes b = dialogue_start(&f->work->talk, dir), msg;
		uint16_t len;

		if (!bytes_skip(&b, f->work->dns_read[dir]))
			continue;
		while (bytes_be16(&b, &len) && bytes_take(&b, len, &msg)) {
			f->work->dns_read[dir] = (uint16_t)(f->work->dns_read[dir] + 2 + len);
			inspect_dns_datagram(i, &f->key, f->end_if, dir, msg, false);
		}
	}
}
