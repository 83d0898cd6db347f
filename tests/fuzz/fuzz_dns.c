/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS messages: any bytes, as a whole and as a cut datagram; names are printable and bounded. What libldns can read and
 * carries addresses for its own question must give the same first address here. */
#include <stdlib.h>
#include <ldns/ldns.h>

#include "appid/dns_answer.h"

static void check(const struct dns_message *m)
{
	const char *names[2] = { m->name, m->last_name };

	for (unsigned i = 0; i < 2; i++) {
		if (!memchr(names[i], 0, DNS_NAME_MAX))
			abort();
		for (const char *c = names[i]; *c; c++)
			if (*c < 0x21 || *c > 0x7e)
				abort();
	}
	if (m->address_count > DNS_ADDRESSES_MAX)
		abort();
}

/* The first answer is an A record of exactly the question: both must see it. */
static void compare(const uint8_t *data, size_t size, const struct dns_message *m)
{
	ldns_pkt *p = NULL;

	if (ldns_wire2pkt(&p, data, size) == LDNS_STATUS_OK && m->response && ldns_pkt_qdcount(p) == 1 && ldns_pkt_ancount(p) >= 1) {
		const ldns_rr *q = ldns_rr_list_rr(ldns_pkt_question(p), 0), *a = ldns_rr_list_rr(ldns_pkt_answer(p), 0);

		const ldns_rdf *d = a && ldns_rr_rd_count(a) == 1 ? ldns_rr_rdf(a, 0) : NULL;

		if (q && d && ldns_rdf_size(d) == 4 && ldns_rr_get_type(a) == LDNS_RR_TYPE_A && ldns_rr_get_class(a) == LDNS_RR_CLASS_IN &&
		    !ldns_dname_compare(ldns_rr_owner(q), ldns_rr_owner(a)) && m->address_count &&
		    memcmp(m->addresses[0].addr + 12, ldns_rdf_data(d), 4))
			abort();
	}
	ldns_pkt_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_message m;

	if (dns_message_parse(bytes_of(data, size), true, &m) != DNS_NO)
		check(&m);
	if (dns_message_parse(bytes_of(data, size), false, &m) != DNS_NO) {
		check(&m);
		compare(data, size, &m);
	}
	return 0;
}
