/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is shown: who declares a listener, and all that was read of a container. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "sensor/core/declared_priv.h"

/* Whether a socket at addr is one that the text says: the same address, or any. */
static bool is_at(const char *text, const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }, any[16];
	uint8_t a[16] = { [10] = 0xff, [11] = 0xff };

	if (!strcmp(text, "*") || !text[0])
		return true;
	if (inet_pton(AF_INET, text, a + 12) != 1 && inet_pton(AF_INET6, text, a) != 1)
		return true; /* a name */
	if (!memcmp(a, any, 16) || (!memcmp(a, mapped, 12) && !memcmp(a + 12, any, 4)))
		return true;
	return !memcmp(a, addr, 16);
}

const char *declared_listener(struct core *c, const struct ident_container *ct, uint8_t l4, const uint8_t addr[16], uint16_t port, bool *ret_meant)
{
	const struct declared *d = declared_of(c, ct);
	const char *name = l4 == IPPROTO_UDP ? "udp" : "tcp";
	const struct setting *found = NULL;

	*ret_meant = false;
	for (unsigned i = 0; d && i < d->now.count; i++) {
		const struct setting *s = &d->now.list[i];

		if (s->kind != SETTING_LISTENER || s->number != port || strcmp(s->a, name) != 0 || !is_at(s->b, addr))
			continue;
		if (!found || declared_is_meant(c, ct, s))
			found = s;
	}
	if (!found)
		return "";
	*ret_meant = declared_is_meant(c, ct, found);
	return found->where[0] ? found->where : "default";
}

/* ---- all of it -------------------------------------------------------------------------------------------------------- */
static void json_kind(struct jsonl *j, struct core *c, const struct ident_container *ct, const struct declared *d, enum msg_setting_kind kind,
		      const char *key)
{
	jsonl_arr(j, key);
	for (unsigned i = 0; i < d->now.count; i++) {
		const struct setting *s = &d->now.list[i];

		if (s->kind != kind)
			continue;
		jsonl_obj(j, NULL);
		switch (kind) {
		case SETTING_LISTENER:
			jsonl_str(j, "l4", s->a);
			jsonl_str(j, "address", s->b);
			jsonl_u64(j, "port", s->number);
			jsonl_str(j, "app", s->c);
			break;
		case SETTING_UPSTREAM:
			jsonl_str(j, "target", s->b);
			jsonl_str(j, "kind", s->a);
			jsonl_str(j, "app", s->c);
			break;
		case SETTING_PLACE:
			jsonl_str(j, "role", s->a);
			jsonl_str(j, "path", s->b);
			break;
		default: /* UNREAD */
			jsonl_str(j, "what", s->a);
			jsonl_str(j, "why", s->b);
		}
		if (kind != SETTING_UNREAD) {
			jsonl_str(j, "source", s->where);
			jsonl_bool(j, "meant", declared_is_meant(c, ct, s));
		}
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
}

static void json_texts(struct jsonl *j, const char *key, const struct docker_texts *t)
{
	jsonl_arr(j, key);
	for (const char *p = NULL; t && (p = docker_texts_next(t, p));)
		jsonl_str(j, NULL, p);
	jsonl_arr_end(j);
}

void json_declared(struct jsonl *j, struct core *c, const struct ident_container *ct)
{
	static const struct docker_texts no_texts;
	static const struct declared nothing;
	const struct declared *d = declared_of(c, ct);
	const struct setting *app = NULL;
	unsigned watched = 0;

	if (!d)
		d = &nothing;
	for (unsigned i = 0; i < d->now.count; i++) {
		watched += d->now.list[i].kind == SETTING_WATCH;
		if (d->now.list[i].kind == SETTING_APP)
			app = &d->now.list[i];
	}
	jsonl_obj(j, "declared");
	jsonl_str(j, "app", app ? app->a : "");
	jsonl_str(j, "version", app ? app->b : "");
	json_texts(j, "command", d->start ? &d->start->words : &no_texts);
	json_texts(j, "exposed", d->start ? &d->start->exposed : &no_texts);
	json_texts(j, "volumes", d->start ? &d->start->volumes : &no_texts);
	json_texts(j, "links", d->start ? &d->start->links : &no_texts);
	json_texts(j, "depends_on", d->start ? &d->start->depends : &no_texts);
	jsonl_str(j, "user", d->start ? d->start->user : "");
	jsonl_str(j, "healthcheck", d->start ? d->start->health : "");
	json_kind(j, c, ct, d, SETTING_LISTENER, "listeners");
	json_kind(j, c, ct, d, SETTING_UPSTREAM, "upstreams");
	json_kind(j, c, ct, d, SETTING_PLACE, "files");
	json_kind(j, c, ct, d, SETTING_UNREAD, "unread");
	jsonl_u64(j, "watched", watched);
	jsonl_time(j, "read_at", d->read_wall_ns);
	jsonl_u64(j, "read_ms", d->took_ns / 1000000);
	jsonl_obj_end(j);
}
