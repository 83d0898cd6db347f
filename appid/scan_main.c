/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_json.h"
#include "appid/config/conf_root.h"
#include "base/clock.h"
#include "sensor/sandbox.h"

#define MEMORY (512ULL << 20)
#define TIME_MAX_NS (10 * NSEC_PER_SEC)

struct program {
	int files;
	struct conf_start start;
	struct conf_var *env;
};

/* ---- arguments -------------------------------------------------------------------------------------------- */
static int env_add(struct program *p, char *text)
{
	char *equals = strchr(text, '=');
	struct conf_var *v = calloc(1, sizeof(*v));

	if (!v || !equals || equals == text) {
		free(v);
		return -EINVAL;
	}
	*equals = '\0';
	*v = (struct conf_var){ .name = text, .value = equals + 1, .next = p->env };
	p->env = v;
	return 0;
}

static int arguments(struct program *p, int argc, char **argv)
{
	p->files = -1;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--files"))
			p->files = (int)strtol(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--cmd"))
			p->start.command = argv[i + 1];
		else if (!strcmp(argv[i], "--cwd"))
			p->start.cwd = argv[i + 1];
		else if (strcmp(argv[i], "--env") != 0 || env_add(p, argv[i + 1]) < 0)
			return -EINVAL;
	}
	p->start.env = p->env;
	return argc % 2 == 1 && p->files > 2 && fcntl(p->files, F_GETFD) >= 0 ? 0 : -EINVAL;
}

static int run(struct program *p)
{
	const struct conf_fs fs = conf_root_fs(&p->files);
	struct conf *c = conf_new(&fs, clock_mono_ns, clock_mono_ns() + TIME_MAX_NS);
	struct jsonl j;
	const char *text;
	size_t len;
	int r = 4;

	jsonl_init(&j);
	if (c) {
		conf_scan(c, &p->start);
		conf_json(c, &j);
		jsonl_newline(&j);
	}
	text = c ? jsonl_text(&j, &len) : NULL;
	if (!text)
		fprintf(stderr, "pierglass: scan: no memory\n");
	else if (fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0)
		r = 0;
	jsonl_done(&j);
	conf_free(c);
	return r;
}

int scan_main(int argc, char **argv)
{
	static struct program p;
	int r;

	if (arguments(&p, argc, argv) < 0) {
		fprintf(stderr, "usage: pierglass-inspect scan … (started by \"pierglass scan\")\n");
		return 2;
	}
	r = sandbox_enter_replay(MEMORY);
	if (r < 0) {
		fprintf(stderr, "pierglass: cannot enter the sandbox: %s\n", strerror(-r));
		return 4;
	}
	r = run(&p);
	while (p.env) {
		struct conf_var *v = p.env;

		p.env = v->next;
		free(v);
	}
	return r;
}
