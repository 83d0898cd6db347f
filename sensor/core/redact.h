/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets in what is kept of payloads: taken out before anything is shown or stored. What is found: the query of a URL, names and
 * passwords in a URL (user:password@), values of keys that are called password, token, secret and the like, and credentials
 * behind Basic and Bearer; bytes of an unknown protocol are not kept at all. Pure; works in place, texts never grow. */
#ifndef PG_SENSOR_CORE_REDACT_H
#define PG_SENSOR_CORE_REDACT_H

/* Configuration payload.keep: everything a label says; all but secrets; only protocol and host name. */
enum redact_keep { REDACT_KEEP_ALL, REDACT_KEEP_REDACTED, REDACT_KEEP_NONE };

/* The info of a label. */
void redact_info(char *info, enum redact_keep keep);
/* A text of facts (sensor/facts.h): stays one. */
void redact_facts(char *facts, enum redact_keep keep);

#endif
