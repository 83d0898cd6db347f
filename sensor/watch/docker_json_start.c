/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a container is started with: words, environment, and what else its record declares. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/watch/docker_json.h"
#include "sensor/watch/docker_json_priv.h"

struct budget {
	size_t left;
	bool cut;
};

static void text_add(struct docker_texts *t, const char *p, size_t len, struct budget *b)
{
	size_t room = t->room;
	char *more;

	if (memchr(p, '\0', len) || len + 1 > b->left) {
		b->cut = true;
		return;
	}
	if (t->len + len + 1 > room) {
		room = (t->len + len + 1) * 2 + 256;
		more = realloc(t->text, room);
		if (!more) {
			b->cut = true;
			return;
		}
		t->text = more;
		t->room = room;
	}
	memcpy(t->text + t->len, p, len);
	t->text[t->len + len] = '\0';
	t->len += len + 1;
	t->count++;
	b->left -= len + 1;
}

static void text_json(struct docker_texts *t, const json_t *s, struct budget *b)
{
	if (json_is_string(s))
		text_add(t, json_string_value(s), json_string_length(s), b);
}

/* An array of texts, or one text. */
static void texts_read(struct docker_texts *t, const json_t *list, struct budget *b)
{
	const json_t *s;
	size_t i;

	text_json(t, list, b);
	json_array_foreach(list, i, s)
		text_json(t, s, b);
}

static void keys_read(struct docker_texts *t, json_t *object, struct budget *b)
{
	const char *key;
	json_t *v;

	json_object_foreach(object, key, v)
		text_add(t, key, strlen(key), b);
}

static void words_read(struct docker_start *s, const json_t *j, const json_t *config, struct budget *b)
{
	const json_t *path = json_object_get(j, "Path");

	/* What the engine made of both; a list entry of an older engine has only what was asked for. */
	if (json_string_length(path)) {
		text_json(&s->words, path, b);
		texts_read(&s->words, json_object_get(j, "Args"), b);
		return;
	}
	texts_read(&s->words, json_object_get(config, "Entrypoint"), b);
	texts_read(&s->words, json_object_get(config, "Cmd"), b);
}

/* "db:service_started:false,cache:service_healthy:true", or only names. */
static void depends_read(struct docker_start *s, const json_t *labels, struct budget *b)
{
	const char *p = json_string_value(json_object_get(labels, "com.docker.compose.depends_on"));

	while (p && *p) {
		size_t all = strcspn(p, ","), name = strcspn(p, ":,");

		if (name)
			text_add(&s->depends, p, name, b);
		p += all;
		p += *p == ',';
	}
}

static void mounts_read(struct docker_start *s, const json_t *mounts, struct budget *b)
{
	const json_t *m;
	size_t i;

	json_array_foreach(mounts, i, m) {
		const json_t *from = json_object_get(m, "Source"), *to = json_object_get(m, "Destination");

		text_json(&s->volumes, to, b);
		if (!json_is_string(from) || !json_is_string(to) || !strstr(json_string_value(from), ".sock") || b->left < DOCKER_START_BYTES / 2)
			continue;
		text_json(&s->sockets, from, b);
		text_json(&s->sockets, to, b);
	}
}

static void aliases_read(struct docker_start *s, json_t *networks, struct budget *b)
{
	const char *name;
	json_t *n;

	json_object_foreach(networks, name, n) {
		texts_read(&s->aliases, json_object_get(n, "Aliases"), b);
		texts_read(&s->links, json_object_get(n, "Links"), b); /* networks of the user's own: "db:alias" */
	}
}

/* ["CMD","curl","-f","http://localhost/"], ["CMD-SHELL","…"]; ["NONE"] is none. */
static void health_read(struct docker_start *s, const json_t *test)
{
	const char *how = json_string_value(json_array_get(test, 0));
	size_t at = 0;

	for (size_t i = 1; how && strcmp(how, "NONE") != 0 && i < json_array_size(test) && at + 2 < sizeof(s->health); i++) {
		if (i > 1)
			s->health[at++] = ' ';
		docker_json_copy(json_array_get(test, i), s->health + at, sizeof(s->health) - at);
		at += strlen(s->health + at);
	}
}

void docker_start_free(struct docker_start *s)
{
	if (!s)
		return;
	free(s->words.text);
	free(s->env.text);
	free(s->exposed.text);
	free(s->links.text);
	free(s->volumes.text);
	free(s->sockets.text);
	free(s->depends.text);
	free(s->aliases.text);
	free(s);
}

const char *docker_texts_next(const struct docker_texts *t, const char *prev)
{
	const char *next = prev ? prev + strlen(prev) + 1 : t->text;

	return t->text && next < t->text + t->len ? next : NULL;
}

int docker_json_start(const char *buf, size_t len, struct docker_start **ret)
{
	_cleanup_(docker_json_freep) json_t *root = NULL;
	struct budget b = { .left = DOCKER_START_BYTES };
	json_t *j, *config, *host, *labels;
	struct docker_start *s;
	int r = docker_json_load(buf, len, &root);

	if (r < 0)
		return r;
	j = json_is_array(root) ? json_array_get(root, 0) : root;
	if (!json_is_object(j))
		return -EBADMSG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	config = json_object_get(j, "Config");
	host = json_object_get(j, "HostConfig");
	labels = json_object_get(config, "Labels");
	docker_json_get(config, "WorkingDir", s->cwd, sizeof(s->cwd));
	docker_json_get(config, "User", s->user, sizeof(s->user));
	words_read(s, j, config, &b);
	keys_read(&s->exposed, json_object_get(config, "ExposedPorts"), &b);
	texts_read(&s->links, json_object_get(host, "Links"), &b);
	mounts_read(s, json_object_get(j, "Mounts"), &b);
	depends_read(s, labels, &b);
	aliases_read(s, json_object_get(json_object_get(j, "NetworkSettings"), "Networks"), &b);
	health_read(s, json_object_get(json_object_get(config, "Healthcheck"), "Test"));
	docker_json_get(labels, "com.docker.compose.project.config_files", s->compose_files, sizeof(s->compose_files));
	docker_json_get(labels, "com.docker.compose.project.working_dir", s->compose_dir, sizeof(s->compose_dir));
	texts_read(&s->env, json_object_get(config, "Env"), &b);
	s->cut = b.cut;
	*ret = s;
	return 0;
}
