/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The readers of application configuration: the first byte says which (0: the shell), the rest is every file there is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_json.h"

static const uint8_t *text;
static size_t text_len;
static uint64_t ticks;

static uint64_t now(void)
{
	return ticks++;
}

static int fs_read(void *ctx, const char *path, char *buf, size_t cap, size_t *ret_len)
{
	size_t n = text_len < cap ? text_len : cap;

	if (strstr(path, "absent") || n == 0)
		return -ENOENT;
	memcpy(buf, text, n);
	*ret_len = n;
	return n < text_len ? -EFBIG : 0;
}

static int fs_list(void *ctx, const char *path, char *buf, size_t *ret_len)
{
	memcpy(buf, "a.conf\0b.cnf", 13);
	*ret_len = 13;
	return 0;
}

static int fs_stat(void *ctx, const char *path, struct root_stat *ret)
{
	size_t n = strlen(path);

	*ret = (struct root_stat){ .kind = n > 2 && !strcmp(path + n - 2, ".d") ? ROOT_DIR : ROOT_FILE };
	return strstr(path, "absent") ? -ENOENT : 0;
}

static int fs_link(void *ctx, const char *path, char *buf, size_t cap)
{
	return -EINVAL;
}

static void run(const struct conf_start *s)
{
	const struct conf_fs fs = { NULL, fs_read, fs_list, fs_stat, fs_link };
	struct conf *c = conf_new(&fs, now, 2000);
	struct jsonl j;

	ticks = 0;
	jsonl_init(&j);
	if (c) {
		conf_scan(c, s);
		conf_json(c, &j);
	}
	jsonl_done(&j);
	conf_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_var env = { .name = "PORT", .value = "81" };
	struct conf_start s = { .env = &env };
	const struct conf_known *k = conf_known();
	char *command = NULL;
	char program[64];
	const char *argv[] = { program, "-c", "/etc/x.conf", "-f", "/etc/x.conf", NULL };
	unsigned n = 0, wanted;

	if (size < 2)
		return 0;
	wanted = data[0];
	text = data + 1;
	text_len = size - 1;
	if (wanted == 0) {
		command = strndup((const char *)text, text_len);
		text_len = 0;
		s.command = command;
	} else {
		while (k[n].app)
			n++;
		k += (wanted - 1) % n;
		n = (unsigned)strcspn(k->programs, " ");
		memcpy(program, k->programs, n < sizeof(program) ? n : 0);
		program[n < sizeof(program) ? n : 0] = '\0';
		s.argv = argv;
		if (!n) /* only found by its files */
			s.argv = NULL;
	}
	run(&s);
	free(command);
	return 0;
}
