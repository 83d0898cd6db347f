/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compose files: the input up to the first NUL is the file, the rest ".env" and every other. What is printed must be JSON. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "appid/compose.h"

static const char *file, *others;
static size_t file_len, others_len;
static uint64_t ticks;

static uint64_t now(void)
{
	return ticks++;
}

static int fs_read(void *ctx, const char *path, char *buf, size_t cap, size_t *ret_len)
{
	bool own = !strcmp(path, "/compose.yaml");
	size_t n = own ? file_len : others_len;

	if (n > cap)
		return -EFBIG;
	if (n)
		memcpy(buf, own ? file : others, n);
	*ret_len = n;
	return 0;
}

static int fs_list(void *ctx, const char *path, char *buf, size_t *ret_len)
{
	return -ENOENT;
}

static int fs_stat(void *ctx, const char *path, struct root_stat *ret)
{
	return -ENOENT;
}

static int fs_link(void *ctx, const char *path, char *buf, size_t cap)
{
	return -EINVAL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct conf_fs fs = { NULL, fs_read, fs_list, fs_stat, fs_link };
	const struct conf_var env = { .name = "TAG", .value = "1" };
	const uint8_t *nul = memchr(data, 0, size);
	struct conf *c;
	struct jsonl j;
	const char *text, *why;
	size_t len;

	file = (const char *)data;
	file_len = nul ? (size_t)(nul - data) : size;
	others = nul ? (const char *)nul + 1 : "";
	others_len = nul ? size - file_len - 1 : 0;
	ticks = 0;
	jsonl_init(&j);
	c = conf_new(&fs, now, 5000);
	if (c && compose_json(c, "/compose.yaml", "p", &env, &j, &why) == 0 && (text = jsonl_text(&j, &len))) {
		json_t *root = json_loadb(text, len, 0, NULL);

		if (!root && !memmem(text, len, "\\u0000", 6))
			__builtin_trap();
		json_decref(root);
	}
	jsonl_done(&j);
	conf_free(c);
	return 0;
}
