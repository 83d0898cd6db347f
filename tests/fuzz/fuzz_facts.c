/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts: what is added comes out printable and bounded and is a text that core takes; any text is taken or refused without harm,
 * and what is taken becomes one JSON object. Input: 1 byte 0: the rest is a text; else pairs of 1 byte fact, 1 byte length,
 * the value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/bytes.h"
#include "base/jsonl.h"
#include "sensor/facts.h"

static uint64_t wall(uint64_t ns)
{
	return ns + 1;
}

static void shown(const char *text)
{
	char other[FACTS_MAX], value[FACTS_MAX];
	const char *line;
	struct jsonl j;
	size_t len;
	json_t *o;

	facts_at_wall(text, wall, other, sizeof(other));
	if (!facts_valid(other, strlen(other)))
		abort();
	for (unsigned f = FACT_NONE + 1; f < FACT_MAX; f++) {
		if (!facts_get(text, (enum fact)f, value, sizeof(value)) && value[0])
			abort();
		facts_get(text, (enum fact)f, value, 2);
		if (strlen(value) > 1)
			abort();
	}
	jsonl_init(&j);
	jsonl_obj(&j, NULL);
	facts_json(&j, text, NULL, NULL, false);
	jsonl_obj_end(&j);
	line = jsonl_text(&j, &len);
	o = json_loadb(line, len, 0, NULL);
	if (!o)
		abort();
	json_decref(o);
	jsonl_done(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_of(data, size), value;
	uint8_t mode, what, len;
	struct facts f;

	if (!bytes_u8(&b, &mode))
		return 0;
	if (!mode) {
		char *text = strndup((const char *)b.p, bytes_left(&b));

		if (bytes_left(&b) && facts_valid(text, strlen(text)) && strlen(text) < FACTS_MAX)
			shown(text);
		free(text);
		return 0;
	}
	facts_init(&f);
	while (bytes_u8(&b, &what) && bytes_u8(&b, &len)) {
		size_t n = len < bytes_left(&b) ? len : bytes_left(&b);

		bytes_take(&b, n, &value);
		facts_add(&f, (enum fact)(1 + what % (FACT_MAX - 1)), value.p, n, 1 + mode);
		if (f.len != strlen(f.text) || f.len >= FACTS_MAX || !facts_valid(f.text, f.len))
			abort();
	}
	shown(f.text);
	return 0;
}
