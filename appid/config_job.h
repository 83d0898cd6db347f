/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_APPID_CONFIG_JOB_H
#define PG_APPID_CONFIG_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "sensor/msg_documents.h"

/* In the documents inspector: reads what a container's application is configured to do. sock: its root (not closed); start, len: struct
 * msg_config_start and its texts. Hands the settings out as bodies of MSG_DOCUMENT_PART of at most len_max bytes. send returns 0 or
 * -errno, which ends the job. Returns the status of MSG_DOCUMENT_END, and its body in *ret. */
int config_job(int sock, const void *start, size_t len, size_t len_max, int (*send)(const void *body, size_t len, void *arg), void *arg,
	       struct msg_config_end *ret);

#endif
