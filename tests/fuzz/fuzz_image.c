/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives of images: manifests, layers, whiteouts, and what the readers see of the tree. First byte: 0 the input is one layer, else an
 * archive as `docker save` or an OCI layout has it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_json.h"
#include "appid/config/conf_package.h"
#include "appid/digest_text.h"
#include "appid/archive_image.h"

static uint64_t ticks;

static uint64_t now(void)
{
	return ticks++;
}

static void read_tree(struct image_tree *t)
{
	static const char *const argv[] = { "nginx", NULL };
	const struct conf_fs fs = image_tree_fs(t);
	const struct conf_start start = { .argv = argv };
	struct conf *c = conf_new(&fs, now, ticks + 2000);
	struct image_digests digests;
	struct jsonl j;

	jsonl_init(&j);
	if (c) {
		conf_scan(c, &start);
		conf_packages(c);
		conf_json(c, &j);
	}
	jsonl_done(&j);
	conf_free(c);
	(void)image_tree_digests(t, "/bin/sh", &digests);
}

/* Entries of the fuzzer's own making: "kind path NUL link NUL". */
static void tree_of(const char *p, size_t len)
{
	struct image_tree *t = image_tree_new();
	const char *end = p + len;

	while (t && end - p > 3) {
		unsigned char kind = (unsigned char)*p++;
		const char *path = p, *nul = memchr(p, 0, (size_t)(end - p)), *link = nul ? nul + 1 : NULL;
		const char *stop = link ? memchr(link, 0, (size_t)(end - link)) : NULL;
		struct image_entry e = { .kind = (enum image_kind)(kind & 3), .mode = kind & 64 ? 0755 : 0644, .size = kind >> 4 };
		bool wanted;

		if (!stop)
			break;
		p = stop + 1;
		if (kind & 8)
			image_tree_layer(t);
		if (e.kind == IMAGE_LINK || kind & 4)
			e.link = link;
		if (image_tree_add(t, path, &e, &wanted) == 0 && wanted) {
			image_tree_content(t, path, strlen(path) < e.size ? strlen(path) : e.size);
			image_tree_content_end(t);
		}
	}
	if (t)
		read_tree(t);
	image_tree_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image im;
	int fd;

	digest_init();
	ticks = 0;
	if (!size)
		return 0;
	if (!data[0]) {
		tree_of((const char *)data + 1, size - 1);
		return 0;
	}
	fd = memfd_create("image", MFD_CLOEXEC);
	if (fd < 0)
		return 0;
	if (write(fd, data + 1, size - 1) == (ssize_t)(size - 1)) {
		if (image_read(&im, fd, -1, NULL, now, 100000) == 0)
			read_tree(im.tree);
		image_done(&im);
	}
	close(fd);
	return 0;
}
