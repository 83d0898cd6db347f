/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a connection's first bytes are what it may speak, for the verdict process (sensor/msg_queue.h). Pure; looks at own
 * recognisers only: their answer depends on nothing but these bytes. */
#ifndef PG_APPID_ALLOWED_H
#define PG_APPID_ALLOWED_H

#include <stdbool.h>
#include <stddef.h>

#include "sensor/msg_queue.h"

/* body: MSG_QUEUE_ASK; anything may be in it. False: it is malformed, there is no answer. */
bool allowed_answer(const void *body, size_t len, struct msg_queue_answer *ret);

#endif
