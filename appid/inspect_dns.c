/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS: which addresses a name was said to have; questions that may carry data. */
#include "appid/dns_answer.h"
#include "appid/inspect_private.h"
#include "appid/text.h"

#define LONG_NAME 40
#define TYPE_PTR 12

/* Data can leave in questions that nobody answers: such are told too, the everyday ones only once they are answered. */
static bool may_carry_data(const struct dns_message *m)
{
	return (m->qtype != DNS_TYPE_A && m->qtype != DNS_TYPE_AAAA && m->qtype != TYPE_PTR) || strlen(m->name) >= LONG_NAME;
}

/* What does not fit goes from the front, by whole labels: who a name belongs to stands at its end. */
static void name_take(struct msg_dns *d, const char *name)
{
	size_t len = strlen(name);

	while (len >= sizeof(d->name)) {
		const char *dot = strchr(name, '.');

		if (!dot)
			break;
		len -= (size_t)(dot + 1 - name);
		name = dot + 1;
	}
	text_sanitise(d->name, sizeof(d->name), name, len);
}

static void dns_report(struct inspector *i, const struct flow_key *key, const uint32_t end_if[2], unsigned dir,
		       const struct dns_message *m)
{
	struct msg_dns d = { .key = *key, .end_if = { end_if[0], end_if[1] }, .client_end = (uint8_t)!dir, .qtype = m->qtype };

	if (!m->name[0] || (!m->response && !may_carry_data(m)))
		return;
	if (!m->response) {
		d.client_end = (uint8_t)dir;
		d.question = 1;
	}
	name_take(&d, m->name);
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
