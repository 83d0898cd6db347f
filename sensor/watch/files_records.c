/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch/files_records.h"

#include <errno.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>

#ifndef FAN_EVENT_INFO_TYPE_PIDFD
#define FAN_EVENT_INFO_TYPE_PIDFD 4 /* Linux 5.15: struct fanotify_event_info_header, then the descriptor */
#endif
#define NO_PIDFD (-1) /* FAN_NOPIDFD: the process was gone */

/* Header of an information record: type, padding, length with the header. */
struct info_header {
	uint8_t type, pad;
	uint16_t len;
};

static void infos_read(const uint8_t *p, size_t len, struct fan_record *ret)
{
	struct info_header h;

	while (len >= sizeof(h)) {
		memcpy(&h, p, sizeof(h));
		if (h.len < sizeof(h) || h.len > len)
			return;
		if (h.type == FAN_EVENT_INFO_TYPE_PIDFD && h.len >= sizeof(h) + sizeof(int32_t)) {
			int32_t fd;

			memcpy(&fd, p + sizeof(h), sizeof(fd));
			ret->ended = fd == NO_PIDFD;
			ret->pidfd = fd >= 0 ? fd : -1;
		}
		p += h.len;
		len -= h.len;
	}
}

int fan_record_next(struct bytes *b, struct fan_record *ret)
{
	struct fanotify_event_metadata m;
	struct fan_record r = { .pidfd = -1 };

	if (!bytes_left(b))
		return 0;
	if (bytes_left(b) < sizeof(m))
		return -EBADMSG;
	memcpy(&m, b->p, sizeof(m));
	if (m.vers != FANOTIFY_METADATA_VERSION || m.metadata_len < sizeof(m) || m.event_len < m.metadata_len ||
	    m.event_len > bytes_left(b))
		return -EBADMSG;
	r.mask = m.mask;
	r.fd = m.fd >= 0 ? m.fd : -1;
	r.pid = m.pid > 0 ? (uint32_t)m.pid : 0;
	infos_read(b->p + m.metadata_len, m.event_len - m.metadata_len, &r);
	b->p += m.event_len;
	*ret = r;
	return 1;
}

int ino_record_next(struct bytes *b, struct ino_record *ret)
{
	struct inotify_event e;
	const char *name;

	if (!bytes_left(b))
		return 0;
	if (bytes_left(b) < sizeof(e))
		return -EBADMSG;
	memcpy(&e, b->p, sizeof(e));
	if (e.len > bytes_left(b) - sizeof(e))
		return -EBADMSG;
	name = (const char *)b->p + sizeof(e);
	if (e.len && !memchr(name, 0, e.len))
		return -EBADMSG;
	*ret = (struct ino_record){ .wd = e.wd, .mask = e.mask, .cookie = e.cookie, .name = e.len ? name : "" };
	b->p += sizeof(e) + e.len;
	return 1;
}

size_t files_path_clean(const char *path, size_t len, uint32_t nlink, bool *ret_deleted)
{
	static const char deleted[] = " (deleted)";
	size_t d = sizeof(deleted) - 1;

	/* A file may be called so: only one without a name has the mark added. */
	*ret_deleted = nlink == 0;
	return nlink == 0 && len > d && !memcmp(path + len - d, deleted, d) ? len - d : len;
}

bool files_is_program(const void *start, size_t n)
{
	return (n >= 4 && !memcmp(start, "\177ELF", 4)) || (n >= 2 && !memcmp(start, "#!", 2));
}

size_t files_dir_len(const char *path, size_t len)
{
	while (len && path[len - 1] != '/')
		len--;
	return len > 1 ? len - 1 : len;
}
