/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/pierglass/cli_follow.h"

#include <stdio.h>
#include <string.h>

#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

struct follow {
	const struct cli_options *options;
	const char *what;
	void (*show)(const json_t *v);
	bool lost_next;
};

static bool on_line(const char *line, size_t len, void *arg)
{
	struct follow *f = arg;
	json_error_t e;
	json_t *j;

	if (len > 7 && !strncmp(line, "event: ", 7)) {
		f->lost_next = !strncmp(line + 7, "lost", 4);
		return true;
	}
	if (len < 6 || strncmp(line, "data: ", 6))
		return true;
	if (f->lost_next) {
		f->lost_next = false;
		j = json_loadb(line + 6, len - 6, 0, &e);
		fprintf(stderr, "pierglass: %llu %s were not shown: this reader was too slow\n",
			(unsigned long long)u64_of(j, "lost"), f->what);
		json_decref(j);
		return true;
	}
	if (f->options->json) {
		cli_put_json(stdout, line + 6, len - 6);
		putchar('\n');
	} else {
		j = json_loadb(line + 6, len - 6, 0, &e);
		if (j)
			f->show(j);
		json_decref(j);
	}
	return !fflush(stdout);
}

int cli_follow(const struct cli_options *o, const char *path, const char *what, void (*show)(const json_t *v))
{
	struct follow f = { .options = o, .what = what, .show = show };

	return cli_stream(o, path, on_line, &f);
}
