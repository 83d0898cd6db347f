/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The identity registry's index: derived key -> list of records. */
#include "flows/identity_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_HEAD offsetof(struct index_key, b)

static void key_start(struct index_key *ret, enum index_kind kind, unsigned engine)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	ret->engine = engine;
}

size_t ident_index_key_addr(struct index_key *ret, enum index_kind kind, unsigned engine, const uint8_t addr[16])
{
	key_start(ret, kind, engine);
	memcpy(ret->b, addr, 16);
	return KEY_HEAD + 16;
}

size_t ident_index_key_name(struct index_key *ret, enum index_kind kind, unsigned engine, const char *name)
{
	key_start(ret, kind, engine);
	memcpy(ret->b, name, strnlen(name, sizeof(ret->b) - 1));
	return sizeof(*ret);
}

size_t ident_index_key_port(struct index_key *ret, unsigned engine, uint8_t proto, uint16_t host_port)
{
	key_start(ret, INDEX_PUBLISHED, engine);
	ret->b[0] = proto;
	ret->b[1] = (uint8_t)(host_port >> 8);
	ret->b[2] = (uint8_t)host_port;
	return KEY_HEAD + 4;
}

size_t ident_index_key_hostnet(struct index_key *ret, uint32_t pseudo_ifindex)
{
	key_start(ret, INDEX_HOSTNET, 0);
	memcpy(ret->b, &pseudo_ifindex, 4);
	return KEY_HEAD + 4;
}

static struct index_rec *rec_find(const struct identity *id, const struct index_key *key, size_t len)
{
	struct index_rec *r;

	HASH_FIND(hh, id->index, key, len, r);
	return r;
}

static struct index_rec *rec_make(struct identity *id, const struct index_key *key, size_t len)
{
	struct index_rec *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->key = *key;
	HASH_ADD_KEYPTR(hh, id->index, &r->key, len, r);
	if (!r->hh.tbl) {
		free(r);
		return NULL;
	}
	return r;
}

static void rec_drop(struct identity *id, struct index_rec *r)
{
	HASH_DELETE(hh, id->index, r);
	free(r);
}

int ident_index_add(struct identity *id, const struct index_key *key, size_t len, void *rec, uint32_t n)
{
	struct index_rec *r = rec_find(id, key, len);
	struct index_ref *ref;

	for (ref = r ? r->refs : NULL; ref; ref = ref->next)
		if (ref->rec == rec && ref->n == n)
			return 0;
	ref = calloc(1, sizeof(*ref));
	if (!ref)
		return -ENOMEM;
	if (!r)
		r = rec_make(id, key, len);
	if (!r) {
		free(ref);
		return -ENOMEM;
	}
	*ref = (struct index_ref){ rec, n, r->refs };
	r->refs = ref;
	return 0;
}

int ident_index_del(struct identity *id, const struct index_key *key, size_t len, void *rec, uint32_t n)
{
	struct index_rec *r = rec_find(id, key, len);
	struct index_ref **p, *ref;

	if (!r)
		return 0;
	for (p = &r->refs; (ref = *p); p = &ref->next)
		if (ref->rec == rec && ref->n == n) {
			*p = ref->next;
			free(ref);
			break;
		}
	if (!r->refs)
		rec_drop(id, r);
	return 0;
}

const struct index_ref *ident_index_find(const struct identity *id, const struct index_key *key, size_t len)
{
	const struct index_rec *r = rec_find(id, key, len);

	return r ? r->refs : NULL;
}

void ident_index_free(struct identity *id)
{
	struct index_rec *r, *tmp;
	struct index_ref *ref, *next;

	HASH_ITER(hh, id->index, r, tmp) {
		for (ref = r->refs; ref; ref = next) {
			next = ref->next;
			free(ref);
		}
		rec_drop(id, r);
	}
}
