/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kind of bytes these are, when no protocol is known. Pure. */
#ifndef PG_APPID_ENTROPY_H
#define PG_APPID_ENTROPY_H

#include "base/bytes.h"

/* "text": nearly all printable; "compressed-or-encrypted": as even as random bytes are; else "binary". Fewer than 24 bytes
 * are too few for the second. */
const char *entropy_class(struct bytes b);

#endif
