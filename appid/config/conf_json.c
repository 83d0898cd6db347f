/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/config/conf_json.h"

#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_package.h"
#include "appid/config/conf_priv.h"

static int compare(const void *a, const void *b)
{
	const struct conf_listener *x = *(const struct conf_listener *const *)a, *y = *(const struct conf_listener *const *)b;
	int r = strcmp(x->l4, y->l4);

	if (!r)
		r = x->port < y->port ? -1 : x->port > y->port;
	return r ? r : strcmp(x->address, y->address);
}

static void listeners(const struct conf *c, struct jsonl *j)
{
	_cleanup_free_ const struct conf_listener **list = calloc(c->listener_count + 1, sizeof(*list));
	unsigned n = 0;

	jsonl_arr(j, "listeners");
	for (const struct conf_listener *l = c->listeners; l && list; l = l->next)
		list[n++] = l;
	if (n)
		qsort(list, n, sizeof(*list), compare);
	for (unsigned i = 0; i < n; i++) {
		jsonl_obj(j, NULL);
		jsonl_str(j, "l4", list[i]->l4);
		jsonl_str(j, "address", list[i]->address);
		jsonl_u64(j, "port", list[i]->port);
		jsonl_str(j, "app", list[i]->app);
		jsonl_str(j, "source", list[i]->source);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
}

static void upstreams(const struct conf *c, struct jsonl *j)
{
	jsonl_arr(j, "upstreams");
	for (const struct conf_target *t = c->targets; t; t = t->next) {
		jsonl_obj(j, NULL);
		jsonl_str(j, "target", t->target);
		jsonl_str(j, "kind", t->kind);
		jsonl_str(j, "app", t->app);
		jsonl_str(j, "source", t->source);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
}

/* Roles are a fixed list, so that the object's keys are. */
static void files(const struct conf *c, struct jsonl *j)
{
	static const char *const roles[] = { "program", "config", "scripts", "documents", "data", "logs", "sockets" };

	jsonl_obj(j, "files");
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		jsonl_arr(j, roles[i]);
		for (const struct conf_placed *p = c->places; p; p = p->next) {
			if (strcmp(p->role, roles[i]) != 0)
				continue;
			jsonl_obj(j, NULL);
			jsonl_str(j, "path", p->path);
			jsonl_str(j, "source", p->source);
			if (p->package) {
				jsonl_obj(j, "package");
				jsonl_str(j, "name", p->package->name);
				jsonl_str(j, "version", p->package->version);
				jsonl_str(j, "digest", p->package->digest);
				jsonl_obj_end(j);
			}
			jsonl_obj_end(j);
		}
		jsonl_arr_end(j);
	}
	jsonl_obj_end(j);
}

void conf_json(const struct conf *c, struct jsonl *j)
{
	jsonl_obj(j, NULL);
	jsonl_str(j, "app", c->main_app);
	jsonl_str(j, "version", c->version);
	listeners(c, j);
	upstreams(c, j);
	files(c, j);
	jsonl_arr(j, "notes");
	for (const struct conf_said *s = c->notes; s; s = s->next)
		jsonl_str(j, NULL, s->why);
	jsonl_arr_end(j);
	jsonl_arr(j, "unread");
	for (const struct conf_said *s = c->unread; s; s = s->next) {
		jsonl_obj(j, NULL);
		jsonl_str(j, "what", s->what);
		jsonl_str(j, "why", s->why);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
	jsonl_obj_end(j);
}
