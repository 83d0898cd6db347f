/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appid/compose.h"
#include "appid/config/conf_apps.h"
#include "appid/config/conf_json.h"
#include "appid/config/conf_package.h"
#include "appid/config/conf_priv.h"
#include "appid/config/conf_root.h"
#include "appid/digest_text.h"
#include "appid/archive_image.h"
#include "base/clock.h"
#include "sensor/sandbox.h"

#define MEMORY (768ULL << 20)
#define TIME_MAX_NS (10 * NSEC_PER_SEC)
#define IMAGE_MAX_NS (45 * NSEC_PER_SEC)

struct program {
	int files;   /* a socket on which a root, or a layout of an image, is served; -1: none */
	int archive; /* of an image; -1: none */
	bool layout;
	const char *compose, *project; /* a compose file in files' root; NULL: none */
	const char *name; /* of the image wanted; NULL: the first */
	struct image image;
	struct conf_start start;
	struct conf_var *env;
	struct conf_var *image_env; /* end of our own */
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
	p->files = p->archive = -1;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--files"))
			p->files = (int)strtol(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--archive"))
			p->archive = (int)strtol(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--layout"))
			p->layout = !strcmp(argv[i + 1], "yes");
		else if (!strcmp(argv[i], "--compose"))
			p->compose = argv[i + 1];
		else if (!strcmp(argv[i], "--project"))
			p->project = argv[i + 1];
		else if (!strcmp(argv[i], "--image"))
			p->name = argv[i + 1];
		else if (!strcmp(argv[i], "--cmd"))
			p->start.command = argv[i + 1];
		else if (!strcmp(argv[i], "--cwd"))
			p->start.cwd = argv[i + 1];
		else if (strcmp(argv[i], "--env") != 0 || env_add(p, argv[i + 1]) < 0)
			return -EINVAL;
	}
	p->start.env = p->env;
	if (argc % 2 == 0 || (p->archive < 0) == (p->files < 0))
		return -EINVAL;
	return fcntl(p->archive < 0 ? p->files : p->archive, F_GETFD) >= 0 ? 0 : -EINVAL;
}

/* ---- images ------------------------------------------------------------------------------------------------ */
static int image_take(struct program *p)
{
	struct conf_var **end = &p->env;
	int r = image_read(&p->image, p->archive, p->files, p->name, clock_mono_ns, clock_mono_ns() + IMAGE_MAX_NS);

	if (r < 0) {
		fprintf(stderr, "pierglass: scan: the image cannot be read: %s\n", p->image.why);
		return r;
	}
	/* What --env says goes before what the image does. */
	while (*end)
		end = &(*end)->next;
	*end = p->image.env;
	p->image_env = p->image.env;
	p->start.env = p->env;
	if (!p->start.command) {
		p->start.argv = p->image.argv;
		if (!p->start.cwd)
			p->start.cwd = p->image.cwd;
	}
	return 0;
}

static void hex_json(struct jsonl *j, const char *key, const uint8_t *digest, int len)
{
	char text[65] = "";

	for (int i = 0; digest && i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	jsonl_str(j, key, text);
}

static void digest_json(const char *path, struct image_tree *t, struct jsonl *j)
{
	struct image_digests d = { NULL };

	(void)image_tree_digests(t, path, &d);
	jsonl_obj(j, NULL);
	jsonl_str(j, "path", path);
	hex_json(j, "sha256", d.sha256, 32);
	hex_json(j, "sha1", d.sha1, 20);
	hex_json(j, "md5", d.md5, 16);
	jsonl_obj_end(j);
}

/* A second line: the image, and the digests of programs and scripts, which the command cannot take itself. */
static void image_json(const struct program *p, const struct conf *c, struct jsonl *j)
{
	jsonl_obj(j, NULL);
	jsonl_raw(j, "image", p->image.json);
	jsonl_u64(j, "refused", image_tree_refused(p->image.tree));
	jsonl_arr(j, "digests");
	for (const struct conf_placed *f = c->places; f; f = f->next)
		if (!strcmp(f->role, "program") || !strcmp(f->role, "scripts"))
			digest_json(f->path, p->image.tree, j);
	jsonl_arr_end(j);
	jsonl_obj_end(j);
	jsonl_newline(j);
}

static int run(struct program *p)
{
	bool image = p->archive >= 0 || p->layout;
	struct conf_fs fs = conf_root_fs(&p->files);
	struct conf *c;
	struct jsonl j;
	const char *text;
	size_t len;
	int r = 4;

	if (image) {
		if (image_take(p) < 0)
			return 4;
		fs = image_tree_fs(p->image.tree);
	}
	c = conf_new(&fs, clock_mono_ns, clock_mono_ns() + TIME_MAX_NS);
	jsonl_init(&j);
	if (c && p->compose) {
		const char *why;

		if (compose_json(c, p->compose, p->project ? p->project : "", p->env, &j, &why) < 0) {
			fprintf(stderr, "pierglass: scan: the compose file is refused: %s\n", why);
			jsonl_done(&j);
			conf_free(c);
			return 4;
		}
	} else if (c) {
		conf_scan(c, &p->start);
		conf_packages(c);
		conf_json(c, &j);
		jsonl_newline(&j);
		if (image)
			image_json(p, c, &j);
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
	digest_init(); /* reads its configuration */
	r = sandbox_enter_replay(MEMORY);
	if (r < 0) {
		fprintf(stderr, "pierglass: cannot enter the sandbox: %s\n", strerror(-r));
		return 4;
	}
	r = run(&p);
	while (p.env && p.env != p.image_env) {
		struct conf_var *v = p.env;

		p.env = v->next;
		free(v);
	}
	image_done(&p.image);
	return r;
}
