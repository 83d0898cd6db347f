/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filter of listings, streams and exports (pierglass-filter(7)): "app = HTTP and (bytes_to_server > 1M or not client.exe)".
 * It is held against an object while that is written: a jsonl writer that tells the filter instead of writing (filter_writer()),
 * so that every key of every JSON object is a field, and nothing is made twice. Bounded: text, tests and depth; evaluation costs
 * tests times values and takes no memory. Pure; one thread per filter. */
#ifndef PG_BASE_FILTER_H
#define PG_BASE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/jsonl.h"

#define FILTER_TEXT_MAX 1024 /* bytes */
#define FILTER_TESTS_MAX 32
#define FILTER_DEPTH_MAX 16  /* of parentheses and "not" */

struct filter;

/* now_wall_ns: what "-10m" counts from. 0; -ENOMEM; -EINVAL: err is a sentence, "position 12: expected a value", the position in
 * bytes from 1 (also in *ret_at if not NULL). */
int filter_parse(const char *text, uint64_t now_wall_ns, struct filter **ret, size_t *ret_at, char *err, size_t err_len);
/* NULL is fine. */
void filter_free(struct filter *f);

/* The writer that tells f, for one object; the filter's own. */
struct jsonl *filter_writer(struct filter *f);
/* Whether the object that was written since filter_writer() is one that is wanted. */
bool filter_wants(const struct filter *f);
/* The first field of the filter that no object had up to now, into ret; false (""): all were there in some object, or none was
 * looked at. */
bool filter_unknown(const struct filter *f, char *ret, size_t size);

#endif
