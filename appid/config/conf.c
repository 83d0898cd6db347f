/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arena, limits, leaving. */
#include "appid/config/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_priv.h"

enum { BLOCK = 64 << 10, TICKS = 512 /* between two looks at the clock */ };

struct conf *conf_new(const struct conf_fs *fs, uint64_t (*now_ns)(void), uint64_t deadline_ns)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fs = *fs;
	c->now_ns = now_ns;
	c->deadline_ns = deadline_ns;
	c->listeners_end = &c->listeners;
	c->targets_end = &c->targets;
	c->places_end = &c->places;
	c->notes_end = &c->notes;
	c->unread_end = &c->unread;
	c->watched_end = &c->watched;
	c->lines_end = &c->lines;
	return c;
}

void conf_owns(struct conf *c, void (*fn)(void *), void *thing)
{
	if (c->owned_free && fn)
		c->owned_free(c->owned);
	c->owned_free = fn;
	c->owned = thing;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	if (c->owned_free)
		c->owned_free(c->owned);
	while (c->blocks) {
		struct conf_block *b = c->blocks;

		c->blocks = b->next;
		free(b);
	}
	free(c->scratch);
	free(c);
}

void conf_leave(struct conf *c, const char *why)
{
	c->left_because = why;
	if (!c->leave)
		abort(); /* every reader runs inside conf_guard() */
	longjmp(*c->leave, 1);
}

bool conf_guard(struct conf *c, void (*fn)(struct conf *c, void *arg), void *arg, const char *what)
{
	jmp_buf here, *before = c->leave;

	if (setjmp(here)) {
		c->leave = before;
		if (c->owned_free)
			c->owned_free(c->owned);
		c->owned_free = NULL;
		if (before && c->memory < CONF_MEMORY)
			conf_unread(c, what, "%s", c->left_because);
		else if (before)
			conf_leave(c, c->left_because);
		return false;
	}
	c->leave = &here;
	fn(c, arg);
	c->leave = before;
	return true;
}

static struct conf_block *block_new(struct conf *c, size_t size)
{
	struct conf_block *b;
	size_t room = size > BLOCK ? size : BLOCK;

	if (size > CONF_MEMORY || c->memory + room > CONF_MEMORY)
		conf_leave(c, "memory limit");
	b = malloc(sizeof(*b) + room);
	if (!b)
		conf_leave(c, "no memory");
	c->memory += room;
	b->size = room;
	b->used = 0;
	/* A big one goes behind the head, so that the head's room is still used. */
	if (c->blocks && room > BLOCK) {
		b->next = c->blocks->next;
		c->blocks->next = b;
	} else {
		b->next = c->blocks;
		c->blocks = b;
	}
	return b;
}

void *conf_alloc(struct conf *c, size_t size)
{
	struct conf_block *b = c->blocks;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (!b || b->size - b->used < size)
		b = block_new(c, size);
	p = b->data + b->used;
	b->used += size;
	memset(p, 0, size);
	return p;
}

char *conf_strndup(struct conf *c, const char *s, size_t len)
{
	char *p = conf_alloc(c, len + 1);

	memcpy(p, s, len);
	return p;
}

char *conf_strdup(struct conf *c, const char *s)
{
	return conf_strndup(c, s, strlen(s));
}

char *conf_printf(struct conf *c, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		conf_leave(c, "text");
	p = conf_alloc(c, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void conf_tick(struct conf *c)
{
	if (++c->ticks % TICKS == 0 && c->now_ns() > c->deadline_ns)
		conf_leave(c, "time limit");
}
