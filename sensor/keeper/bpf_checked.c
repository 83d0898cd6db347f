/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map "checked". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "sensor/keeper/bpf_private.h"

static int key_cmp(const void *key, const void *row)
{
	return memcmp(key, &((const struct checked_row *)row)->key, sizeof(struct pg_checked_key));
}

int bpf_loader_checked(struct bpf_loader *l, uint16_t ns, const struct checked_row *rows, uint32_t count)
{
	int fd = l->maps.fd[MAP_CHECKED], r;
	struct pg_checked_key k, next;
	int result = 0;

	r = bpf_map_get_next_key(fd, NULL, &next);
	while (r == 0) {
		k = next;
		r = bpf_map_get_next_key(fd, &k, &next);
		if (k.ns == ns && (!count || !bsearch(&k, rows, count, sizeof(*rows), key_cmp)))
			(void)bpf_map_delete_elem(fd, &k);
	}
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_update_elem(fd, &rows[i].key, &rows[i].value, BPF_ANY))
			result = -errno;
	return result;
}
