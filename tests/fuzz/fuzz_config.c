/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file: any bytes give a configuration within its limits, or one clean line that says why not. The room is
 * taken in as source: core's library is no part of the fuzz build. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sensor/core/config.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c, before;
	char err[256] = "";
	int fd = memfd_create("fuzz", MFD_CLOEXEC), rc;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	memset(&c, 0, sizeof(c));
	config_defaults(&c);
	before = c;
	rc = config_read(&c, fd, "fuzz.yaml", err, sizeof(err));
	close(fd);
	if (rc) {
		if (memcmp(&c, &before, sizeof(c)) || !err[0])
			abort();
		for (const char *p = err; *p; p++)
			if (*p < 0x20 || *p == 0x7f)
				abort();
		return 0;
	}
	if (c.engine_count < 1 || c.engine_count > 8 || c.uplink_count > 4 || c.flows_max < 1024 || c.half_open_max > c.flows_max ||
	    c.xdp > MSG_XDP_ALL || !c.vxlan_port || !c.node[0] || c.engines[0][0] != '/')
		abort();
	return 0;
}
