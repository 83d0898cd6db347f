/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the cgroup v2 hierarchy is mounted: /proc/self/mountinfo (proc(5)), on v2-only and on hybrid hosts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/keeper/bpf_private.h"

/* Undoes the octal escapes of mountinfo (space, tab, newline, backslash) in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* The mount point of a line whose file system is cgroup2 and whose root is the hierarchy's; NULL otherwise. */
static char *cgroup2_mount_point(char *line)
{
	char *sep = strstr(line, " - cgroup2 "), *save = NULL, *root, *point;

	if (!sep)
		return NULL;
	*sep = '\0';
	if (!strtok_r(line, " ", &save) || !strtok_r(NULL, " ", &save) || !strtok_r(NULL, " ", &save))
		return NULL;
	root = strtok_r(NULL, " ", &save);
	point = strtok_r(NULL, " ", &save);
	if (!root || !point || strcmp(root, "/") != 0)
		return NULL;
	unescape(point);
	return point;
}

static void file_close(FILE **f)
{
	if (*f)
		fclose(*f);
}

int cgroup2_root_open(void)
{
	_cleanup_(file_close) FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	if (!f)
		return -errno;
	while (getline(&line, &cap, f) > 0) {
		char *point = cgroup2_mount_point(line);
		int fd = point ? open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

		if (fd >= 0)
			return fd;
	}
	return -ENOENT;
}
