/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program "files" parses: records of fanotify and inotify, a container's mountinfo. The first byte chooses. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/watch/files_mounts.h"
#include "sensor/watch/files_records.h"

static void records(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_of(data, size);
	struct fan_record f;
	size_t n = 0;

	while (fan_record_next(&b, &f) > 0) {
		assert(f.fd >= -1 && f.pidfd >= -1);
		assert(++n <= size / 24);
	}
}

static void changes(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_of(data, size);
	struct ino_record r;

	while (ino_record_next(&b, &r) > 0)
		assert(strlen(r.name) < size);
}

static void mounts(const uint8_t *data, size_t size)
{
	struct files_mounts m;
	size_t layers = 0, n = 0;

	if (files_mounts_read((const char *)data, size, &m) < 0)
		return;
	assert(m.has_root && m.count && m.count <= FILES_MOUNTS_MAX && m.layer_count <= FILES_LAYERS_MAX);
	for (const char *s = m.layers; n < m.layers_len; s += strlen(s) + 1, layers++) {
		assert(s[0] == '/');
		n += strlen(s) + 1;
	}
	assert(layers == m.layer_count && n == m.layers_len);
	assert(files_mounts_at(&m, "/"));
	files_mounts_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(const uint8_t *, size_t) = { records, changes, mounts };
	uint8_t *copy;
	bool deleted;
	size_t len;

	if (!size)
		return 0;
	/* Records are aligned where the kernel writes them; and a buffer of its own lets ASan see one byte too many. */
	copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	parsers[data[0] % 3](copy, size - 1);
	len = files_path_clean((const char *)copy, size - 1, data[0], &deleted);
	assert(len <= size - 1 && files_dir_len((const char *)copy, len) <= len);
	free(copy);
	return 0;
}
