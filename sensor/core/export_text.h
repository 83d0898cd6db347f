/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text for the exports: a growing buffer and the escaping of names for each format. Bytes that are no UTF-8 become U+FFFD,
 * control characters (C0, DEL, C1, bidirectional overrides) a space. */
#ifndef PG_SENSOR_CORE_EXPORT_TEXT_H
#define PG_SENSOR_CORE_EXPORT_TEXT_H

#include <stddef.h>

#include "base/cleanup.h"
#include "sensor/core/export_map.h"

struct text_out {
	char *buf;
	size_t len, cap;
	bool failed;
};

enum text_form { TEXT_PLAIN, TEXT_DOT, TEXT_XML, TEXT_MERMAID, TEXT_METRIC };

#define TEXT_NAME_MAX 160 /* bytes of a name shown; longer ones are cut and end in "…" */

void text_raw(struct text_out *t, const char *s);
void text_f(struct text_out *t, const char *fmt, ...) _printf_(2, 3);
void text_name(struct text_out *t, enum text_form form, const char *name);
/* The buffer, owned by the caller; NULL if memory ran out. */
char *text_take(struct text_out *t, size_t *ret_len);

/* "HTTP :80", "HTTP? :80" (guessed by the port), "tcp :9000", "icmp". Written escaped. */
void text_edge_label(struct text_out *t, enum text_form form, const struct topo_edge *e);
/* The name of a node inside its group (compose project, stack), and the group's name: "" for none. buf holds the group. */
const char *map_group_of(struct core *c, const struct map_view *m, const struct topo_node *n, char *buf, size_t len);

#endif
