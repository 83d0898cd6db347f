/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the sensor's JSON without trusting its shape: a missing or foreign value is "" or 0. */
#ifndef PG_TOOLS_CLI_VALUE_H
#define PG_TOOLS_CLI_VALUE_H

#include <jansson.h>
#include <stdint.h>

static inline const char *str_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static inline uint64_t u64_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_real(v) ? (uint64_t)json_real_value(v) : (uint64_t)json_integer_value(v);
}

static inline double f64_of(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static inline bool bool_of(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

#endif
