/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What engines say about images: the digests of their layers. Core's loop only. */
#ifndef PG_SENSOR_CORE_IMAGES_H
#define PG_SENSOR_CORE_IMAGES_H

#include "sensor/core/core.h"

struct core_images;
struct core_images *core_images_new(void);
void core_images_free(struct core_images *s);
/* Asks for the container's image, if that was not done yet. */
void core_image_want(struct core *c, const struct ident_container *ct);
/* The engine's answer (docker_client_ops.image). */
void core_image_answer(struct core *c, unsigned engine, const char *id, int error, const char *json, size_t len);
/* Digest ("sha256:…") of the image's layer that is number lower of the overlay's lower_count lower layers, nearest to the container
 * first. "": not known (yet), or the engine's own layer. */
const char *core_image_layer(struct core *c, const struct ident_container *ct, int lower, unsigned lower_count);

#endif
