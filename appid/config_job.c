/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/config_job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_priv.h"
#include "appid/config/conf_root.h"
#include "appid/config/conf_watch.h"
#include "base/clock.h"
#include "base/root_ipc.h"

#define TIME_MAX_NS (2 * NSEC_PER_SEC) /* of one container, all files together */
#define SETTINGS_MAX 12000

/* ---- the start command -------------------------------------------------------------------------------------------- */
struct start {
	struct conf_start conf;
	const char **argv;
	struct conf_var *env;
	char *text; /* the request's, cut up */
};

static void start_done(struct start *s)
{
	free(s->argv);
	free(s->env);
	free(s->text);
}

/* The next NUL-terminated text; NULL: there is none. */
static char *next_text(char **at, char *end)
{
	char *text = *at, *nul = memchr(text, '\0', (size_t)(end - text));

	if (!nul)
		return NULL;
	*at = nul + 1;
	return text;
}

static int start_read(struct start *s, const void *body, size_t len)
{
	struct msg_config_start m;
	char *at, *end, *text;
	struct conf_var *v;

	if (len < sizeof(m))
		return -EINVAL;
	memcpy(&m, body, sizeof(m));
	len -= sizeof(m);
	if (m.words > len || m.env > len)
		return -EINVAL;
	s->text = malloc(len + 1);
	s->argv = calloc(m.words + 1, sizeof(*s->argv));
	s->env = calloc(m.env + 1, sizeof(*s->env));
	if (!s->text || !s->argv || !s->env)
		return -ENOMEM;
	memcpy(s->text, (const char *)body + sizeof(m), len);
	at = s->text;
	end = at + len;
	s->conf.cwd = next_text(&at, end);
	if (!s->conf.cwd)
		return -EINVAL;
	if (s->conf.cwd[0] != '/')
		s->conf.cwd = "/";
	for (uint32_t i = 0; i < m.words; i++)
		if (!(s->argv[i] = next_text(&at, end)))
			return -EINVAL;
	for (uint32_t i = 0; i < m.env; i++) {
		char *equals;

		text = next_text(&at, end);
		if (!text)
			return -EINVAL;
		equals = strchr(text, '=');
		if (!equals || equals == text)
			continue;
		*equals = '\0';
		v = &s->env[i];
		*v = (struct conf_var){ .name = text, .value = equals + 1, .next = (struct conf_var *)(uintptr_t)s->conf.env };
		s->conf.env = v;
	}
	s->conf.argv = m.words ? s->argv : NULL;
	return 0;
}

/* ---- settings out ------------------------------------------------------------------------------------------------- */
struct out {
	int (*send)(const void *body, size_t len, void *arg);
	void *arg;
	uint8_t *body;
	size_t len, len_max;
	struct msg_config_end end;
	int error;
};

static void flush(struct out *o)
{
	if (o->len && !o->error)
		o->error = o->send(o->body, o->len, o->arg);
	o->len = 0;
}

static void put(struct out *o, enum msg_setting_kind kind, unsigned number, const char *a, const char *b, const char *c, const char *where)
{
	const char *texts[SETTING_TEXTS] = { a ? a : "", b ? b : "", c ? c : "", where ? where : "" };
	struct msg_setting m = { .kind = kind, .number = number };
	size_t all = sizeof(m);

	if (o->end.settings >= SETTINGS_MAX) {
		o->end.unsent++;
		return;
	}
	for (int i = 0; i < SETTING_TEXTS; i++) {
		m.len[i] = (uint16_t)strnlen(texts[i], SETTING_TEXT_MAX);
		all += m.len[i];
	}
	if (o->len + all > o->len_max)
		flush(o);
	memcpy(o->body + o->len, &m, sizeof(m));
	o->len += sizeof(m);
	for (int i = 0; i < SETTING_TEXTS; i++) {
		memcpy(o->body + o->len, texts[i], m.len[i]);
		o->len += m.len[i];
	}
	o->end.settings++;
}

/* What counts most first: the lines have to do without room if there is none. */
static void settings(const struct conf *c, struct out *o)
{
	char hash[24];

	put(o, SETTING_APP, 0, c->main_app, c->version, NULL, NULL);
	for (const struct conf_listener *l = c->listeners; l; l = l->next)
		put(o, SETTING_LISTENER, l->port, l->l4, l->address, l->app, l->source);
	for (const struct conf_target *t = c->targets; t; t = t->next)
		put(o, SETTING_UPSTREAM, 0, t->kind, t->target, t->app, t->source);
	for (const struct conf_placed *p = c->places; p; p = p->next)
		put(o, SETTING_PLACE, 0, p->role, p->path, NULL, p->source);
	for (const struct conf_watched *w = c->watched; w; w = w->next)
		put(o, SETTING_WATCH, 0, w->path, NULL, NULL, NULL);
	for (const struct conf_said *s = c->unread; s; s = s->next)
		put(o, SETTING_UNREAD, 0, s->what, s->why, NULL, NULL);
	for (const struct conf_said *s = c->notes; s; s = s->next)
		put(o, SETTING_NOTE, 0, s->why, NULL, NULL, NULL);
	for (const struct conf_line *l = c->lines; l; l = l->next) {
		snprintf(hash, sizeof(hash), "%016" PRIx64, l->hash);
		put(o, SETTING_LINE, l->number, l->path, l->word, hash, NULL);
	}
}

int config_job(int sock, const void *body, size_t len, size_t len_max, int (*send)(const void *body, size_t len, void *arg), void *arg,
	       struct msg_config_end *ret)
{
	const struct conf_fs fs = conf_root_fs(&sock);
	struct out o = { .send = send, .arg = arg, .len_max = len_max };
	struct start s = { .text = NULL };
	struct conf *c = NULL;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = start_read(&s, body, len);
	if (r == 0) {
		o.body = malloc(len_max);
		c = conf_new(&fs, clock_mono_ns, clock_mono_ns() + TIME_MAX_NS);
		r = c && o.body ? 0 : -ENOMEM;
	}
	if (r == 0) {
		conf_watch_begin(c);
		conf_scan(c, &s.conf);
		conf_watch_links(c);
		/* Whoever serves the root may have gone: then nothing was there to be read, which is no answer. */
		r = root_ask_stat(sock, "/", &(struct root_stat){ 0 }) == -EPIPE ? -EPIPE : 0;
	}
	if (r == 0) {
		settings(c, &o);
		flush(&o);
		*ret = o.end;
		r = o.error;
	}
	conf_free(c);
	free(o.body);
	start_done(&s);
	return r;
}
