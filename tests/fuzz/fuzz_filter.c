/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filter's language: any text is understood or refused with a position in it; what was understood is held against an object
 * of any texts. Input: the filter, a NUL, what stands in the object. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/filter.h"
#include "base/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), err[128] = "";
	const char *rest;
	struct filter *f;
	struct jsonl *j;
	size_t at = 0, n;
	uint64_t when;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	n = strlen(text);
	rest = n < size ? text + n + 1 : text + size;
	when_parse(text, 1790000000ULL * NSEC_PER_SEC, &when);
	if (filter_parse(text, 1790000000ULL * NSEC_PER_SEC, &f, &at, err, sizeof(err))) {
		if (!err[0] || at < 1 || at > n + 1)
			abort();
		free(text);
		return 0;
	}
	j = filter_writer(f);
	jsonl_obj(j, NULL);
	jsonl_strn(j, "app", rest, (size_t)(text + size - rest));
	jsonl_str(j, "text", rest);
	jsonl_u64(j, "n", size);
	jsonl_time(j, "time", 1789999990ULL * NSEC_PER_SEC);
	jsonl_obj(j, "a");
	for (int i = 0; i < 20; i++)
		jsonl_arr(j, "b");
	jsonl_str(j, NULL, rest);
	jsonl_bool(j, "c", true);
	for (int i = 0; i < 25; i++) /* more than were opened */
		jsonl_arr_end(j);
	jsonl_obj_end(j);
	if (filter_wants(f) != filter_wants(f) || j->buf)
		abort();
	filter_unknown(f, err, 20);
	filter_free(f);
	free(text);
	return 0;
}
