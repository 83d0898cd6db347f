/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_INTEL_FEED_JOB_H
#define PG_INTEL_FEED_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "sensor/msg_documents.h"

/* In the documents inspector: reads the feed behind fd (not closed) and hands its entries out as bodies of MSG_DOCUMENT_PART,
 * each of at most len_max bytes. send returns 0 or -errno, which ends the job. Returns the status of MSG_DOCUMENT_END, and its
 * body in *ret. */
int feed_job(int fd, const struct msg_document *m, size_t len_max, int (*send)(const void *body, size_t len, void *arg), void *arg,
	     struct msg_feed_end *ret);

#endif
