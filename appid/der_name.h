/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who a certificate (X.509, RFC 5280; DER, X.690) is of, and who signed it: the two names, out of its first bytes. Reads at
 * most what is there and nothing but the way to the names; no signature is checked. Pure, allocates nothing. */
#ifndef PG_APPID_DER_NAME_H
#define PG_APPID_DER_NAME_H

#include <stdbool.h>

#include "base/bytes.h"

#define DER_NAME_MAX 192

struct der_names {
	char issuer[DER_NAME_MAX], subject[DER_NAME_MAX]; /* "CN=shop.example,O=Shop"; sanitised; in the order of the certificate */
	bool has_issuer, has_subject; /* reached, though they may be empty */
};

/* cert: a certificate, possibly cut. False: it is none (what was read before that stands in *ret). */
bool der_names_read(struct bytes cert, struct der_names *ret);

#endif
