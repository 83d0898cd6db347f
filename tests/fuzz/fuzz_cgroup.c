/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/cgroup and the container's id in a path. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/watch/cgroup_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[CGROUP_PATH_LEN], inner[65], outer[65];

	if (cgroup_path_parse((const char *)data, size, path) < 0)
		return 0;
	if (path[0] != '/' || strlen(path) >= sizeof(path))
		abort();
	if (cgroup_path_container_id(path, inner) != cgroup_path_outer_container_id(path, outer))
		abort();
	if (cgroup_path_container_id(path, inner) && (strlen(inner) != 64 || !strstr(path, inner)))
		abort();
	return 0;
}
