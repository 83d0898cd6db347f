/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of running containers: the digests of their layers, asked for once each. */
#include "sensor/core/images.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/core_priv.h"
#include "sensor/watch/docker_client.h"
#include "sensor/watch/docker_json.h"

#define IMAGES_MAX 1024
#define AGAIN_NS (30 * NSEC_PER_SEC) /* an answer that did not come, or was none */

struct image {
	struct image_key {
		uint32_t engine;
		char id[80];
	} key;
	uint64_t asked_ns;
	size_t layer_count;
	char (*layers)[DOCKER_LAYER_LEN]; /* the base first; NULL: not known */
	UT_hash_handle hh;
};

struct core_images {
	struct image *by_key;
};

struct core_images *core_images_new(void)
{
	return calloc(1, sizeof(struct core_images));
}

static void image_free(struct core_images *s, struct image *i)
{
	HASH_DEL(s->by_key, i);
	free(i->layers);
	free(i);
}

void core_images_free(struct core_images *s)
{
	struct image *i, *tmp;

	if (!s)
		return;
	HASH_ITER(hh, s->by_key, i, tmp)
		image_free(s, i);
	free(s);
}

static void key_set(struct image_key *k, unsigned engine, const char *id)
{
	memset(k, 0, sizeof(*k));
	k->engine = engine;
	memcpy(k->id, id, strnlen(id, sizeof(k->id) - 1));
}

static struct image *image_find(struct core *c, unsigned engine, const char *id)
{
	struct image_key key;
	struct image *i;

	key_set(&key, engine, id);
	HASH_FIND(hh, c->priv->images->by_key, &key, sizeof(key), i);
	return i;
}

static struct image *image_make(struct core *c, unsigned engine, const char *id)
{
	struct core_images *s = c->priv->images;
	struct image *i;

	if (HASH_COUNT(s->by_key) >= IMAGES_MAX)
		image_free(s, s->by_key); /* the oldest: asked for again if it is wanted still */
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	key_set(&i->key, engine, id);
	HASH_ADD(hh, s->by_key, key, sizeof(i->key), i);
	if (i->hh.tbl)
		return i;
	free(i);
	return NULL;
}

void core_image_want(struct core *c, const struct ident_container *ct)
{
	uint64_t now = clock_mono_ns();
	struct image *i;

	if (!ct->image_id[0] || ct->engine >= c->engine_count)
		return;
	i = image_find(c, ct->engine, ct->image_id);
	if (!i)
		i = image_make(c, ct->engine, ct->image_id);
	if (!i || i->layers || (i->asked_ns && now - i->asked_ns < AGAIN_NS))
		return;
	if (docker_client_image(c->priv->dockers[ct->engine], ct->image_id, now) == 0)
		i->asked_ns = now;
}

void core_image_answer(struct core *c, unsigned engine, const char *id, int error, const char *json, size_t len)
{
	struct image *i = image_find(c, engine, id);
	char(*layers)[DOCKER_LAYER_LEN];
	size_t count;

	if (!i || i->layers || error < 0)
		return;
	if (docker_json_image_layers(json, len, &layers, &count) < 0) {
		log_debug("image %.20s: no list of layers, ignoring", id);
		return;
	}
	i->layers = layers;
	i->layer_count = count;
}

const char *core_image_layer(struct core *c, const struct ident_container *ct, int lower, unsigned lower_count)
{
	struct image *i = ct && lower >= 0 && c->priv->images ? image_find(c, ct->engine, ct->image_id) : NULL;
	unsigned extra;

	if (!i || !i->layers || lower_count < i->layer_count)
		return "";
	/* What is above the image's layers is the engine's own (its init layer: /etc/hosts and so on). */
	extra = lower_count - (unsigned)i->layer_count;
	if (extra > 1 || (unsigned)lower < extra || (unsigned)lower >= lower_count)
		return "";
	return i->layers[i->layer_count - 1 - ((unsigned)lower - extra)];
}
