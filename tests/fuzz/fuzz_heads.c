/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of the sample ring into the packet ring and out of it again, masked; and an archive's header read as the CLI does. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "appid/heads.h"
#include "base/tar.h"
#include "sensor/bpf/abi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct heads *h = heads_new();
	struct msg_heads want = { .count = 1 };
	struct msg_heads_done done;
	unsigned char block[TAR_BLOCK] = { 0 };
	char name[256], type;
	uint64_t n;

	if (fd < 0)
		fd = memfd_create("heads", 0);
	if (!h || fd < 0)
		abort();
	heads_set(h, 4096);
	for (size_t at = 0; at + 2 <= size;) {
		size_t len = data[at] | (size_t)(data[at + 1] & 7) << 8;

		at += 2;
		if (len > size - at)
			len = size - at;
		heads_add(h, data + at, len);
		if (len >= sizeof(struct pg_sample))
			memcpy(want.addr[0], data + at + offsetof(struct pg_sample, key), 16);
		at += len;
	}
	assert(heads_bytes(h) <= 4096);
	if (lseek(fd, 0, SEEK_SET) < 0 || ftruncate(fd, 0) < 0)
		abort();
	assert(heads_dump(h, &want, size % 3, fd, &done) == 0);
	heads_free(h);
	memcpy(block, data, size < sizeof(block) ? size : sizeof(block));
	if (tar_parse(block, name, &n, &type) == 0)
		assert(strlen(name) < sizeof(name));
	return 0;
}
