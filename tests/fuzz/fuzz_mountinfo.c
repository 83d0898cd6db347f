/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/mountinfo. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/watch/cgroup_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mount_info m;
	char value[1024];

	if (mount_info_parse((const char *)data, size, &m) == 0) {
		(void)mount_info_option(&m, "lowerdir", value, sizeof(value));
		(void)mount_info_option(&m, "upperdir", value, 8);
	}
	if (mount_info_find((const char *)data, size, "overlay", NULL, &m) == 0 && strcmp(m.type, "overlay") != 0)
		abort();
	return 0;
}
