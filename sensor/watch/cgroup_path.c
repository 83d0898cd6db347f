/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch/cgroup_path.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"

#define ID_DIGITS 64

/* The bytes up to end (which is skipped) or up to the end of b. False: b is empty. */
static bool take_until(struct bytes *b, char end, struct bytes *ret)
{
	const uint8_t *at;
	size_t n;

	if (!bytes_left(b))
		return false;
	at = memchr(b->p, end, bytes_left(b));
	n = at ? (size_t)(at - b->p) : bytes_left(b);
	*ret = bytes_of(b->p, n);
	b->p += at ? n + 1 : n;
	return true;
}

static bool starts_with(const struct bytes *b, const char *s)
{
	return bytes_left(b) >= strlen(s) && !memcmp(b->p, s, strlen(s));
}

int cgroup_path_parse(const char *text, size_t len, char ret[CGROUP_PATH_LEN])
{
	static const char deleted[] = " (deleted)";
	struct bytes b = bytes_of(text, len), line;
	size_t n, d = sizeof(deleted) - 1;

	while (take_until(&b, '\n', &line)) {
		if (!starts_with(&line, "0::/") || memchr(line.p, 0, bytes_left(&line)))
			continue;
		line.p += 3;
		n = bytes_left(&line);
		if (n > d && !memcmp(line.end - d, deleted, d))
			n -= d;
		if (n >= CGROUP_PATH_LEN)
			return -ENAMETOOLONG;
		memcpy(ret, line.p, n);
		ret[n] = '\0';
		return 0;
	}
	return -ENOENT;
}

static bool is_hex_id(const char *s)
{
	return strspn(s, "0123456789abcdef") >= ID_DIGITS;
}

/* Of one path component of n bytes; NULL: it names no container. */
static const char *component_id(const char *s, size_t n)
{
	static const char *const prefixes[] = { "docker-", "libpod-", "cri-containerd-", "crio-" };
	static const char scope[] = ".scope";

	if (n == ID_DIGITS)
		return is_hex_id(s) ? s : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t p = strlen(prefixes[i]);

		if (n < p + ID_DIGITS || memcmp(s, prefixes[i], p) != 0 || !is_hex_id(s + p))
			continue;
		/* Podman with the cgroupfs driver writes libpod-<id> without ".scope" */
		if (n == p + ID_DIGITS || (n == p + ID_DIGITS + strlen(scope) && !memcmp(s + p + ID_DIGITS, scope, strlen(scope))))
			return s + p;
	}
	return NULL;
}

static bool find_id(const char *path, bool outer, char ret[65])
{
	const char *found = NULL;

	for (const char *p = path; *p && !(found && outer);) {
		size_t n = strcspn(p, "/");
		const char *id = component_id(p, n);

		found = id ? id : found;
		p += n;
		p += *p == '/';
	}
	if (!found)
		return false;
	memcpy(ret, found, ID_DIGITS);
	ret[ID_DIGITS] = '\0';
	return true;
}

bool cgroup_path_container_id(const char *path, char ret[65])
{
	return find_id(path, false, ret);
}

bool cgroup_path_outer_container_id(const char *path, char ret[65])
{
	return find_id(path, true, ret);
}

/* ---- mountinfo ---------------------------------------------------------------------------------------- */

static bool number(struct bytes f, uint32_t *ret)
{
	uint64_t v = 0;

	if (!bytes_left(&f) || bytes_left(&f) > 10)
		return false;
	for (; f.p < f.end; f.p++) {
		if (*f.p < '0' || *f.p > '9')
			return false;
		v = v * 10 + (uint64_t)(*f.p - '0');
	}
	*ret = (uint32_t)v;
	return v <= UINT32_MAX;
}

static bool is_octal(uint8_t c)
{
	return c >= '0' && c <= '7';
}

/* Undoes the kernel's escapes of space, tab, newline and backslash. False: does not fit, or holds a NUL. */
static bool unescape(struct bytes f, char *ret, size_t size)
{
	size_t n = 0;

	while (f.p < f.end) {
		uint8_t c = *f.p++;

		if (c == '\\' && bytes_left(&f) >= 3 && f.p[0] <= '3' && is_octal(f.p[0]) && is_octal(f.p[1]) && is_octal(f.p[2])) {
			c = (uint8_t)((f.p[0] - '0') << 6 | (f.p[1] - '0') << 3 | (f.p[2] - '0'));
			f.p += 3;
		}
		if (c == 0 || n + 1 >= size)
			return false;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return true;
}

/* Options stay escaped: their commas and equal signs have to be told from those of values. */
static void options_copy(struct bytes f, char *ret, size_t size)
{
	size_t n = bytes_left(&f);

	if (memchr(f.p, 0, n))
		n = 0;
	if (n >= size) {
		for (n = size - 1; n && f.p[n] != ','; n--)
			;
	}
	memcpy(ret, f.p, n);
	ret[n] = '\0';
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
int mount_info_parse(const char *line, size_t len, struct mount_info *ret)
{
	struct bytes b = bytes_of(line, len), f, minor;
	struct mount_info m = { 0 };

	if (!take_until(&b, ' ', &f) || !number(f, &m.id) || !take_until(&b, ' ', &f) || !number(f, &m.parent) ||
	    !take_until(&b, ' ', &minor) || !take_until(&minor, ':', &f) || !number(f, &m.major) || !number(minor, &m.minor))
		return -EBADMSG;
	if (!take_until(&b, ' ', &f))
		return -EBADMSG;
	if (!unescape(f, m.root, sizeof(m.root)))
		return -ENAMETOOLONG;
	if (!take_until(&b, ' ', &f))
		return -EBADMSG;
	if (!unescape(f, m.point, sizeof(m.point)))
		return -ENAMETOOLONG;
	do { /* mount options and any number of optional fields, up to "-" */
		if (!take_until(&b, ' ', &f))
			return -EBADMSG;
	} while (bytes_left(&f) != 1 || *f.p != '-');
	if (!take_until(&b, ' ', &f) || !unescape(f, m.type, sizeof(m.type)) || !m.type[0] || !take_until(&b, ' ', &f))
		return -EBADMSG;
	if (!unescape(f, m.source, sizeof(m.source)))
		m.source[0] = '\0';
	if (take_until(&b, ' ', &f))
		options_copy(f, m.options, sizeof(m.options));
	*ret = m;
	return 0;
}

int mount_info_find(const char *text, size_t len, const char *type, const char *point, struct mount_info *ret)
{
	struct bytes b = bytes_of(text, len), line;
	struct mount_info m;

	while (take_until(&b, '\n', &line))
		if (mount_info_parse((const char *)line.p, bytes_left(&line), &m) == 0 && !strcmp(m.type, type) &&
		    (!point || !strcmp(m.point, point))) {
			*ret = m;
			return 0;
		}
	return -ENOENT;
}

int mount_info_option(const struct mount_info *m, const char *key, char *ret, size_t size)
{
	struct bytes b = bytes_of(m->options, strlen(m->options)), f, k;
	char value[sizeof(m->options)];

	/* overlay writes a comma inside a directory's name as "\," or "\054" */
	while (take_until(&b, ',', &f)) {
		while (bytes_left(&f) && f.end[-1] == '\\' && bytes_left(&b)) {
			struct bytes more;

			if (!take_until(&b, ',', &more))
				break;
			f.end = more.end;
		}
		if (!take_until(&f, '=', &k) || bytes_left(&k) != strlen(key) || memcmp(k.p, key, strlen(key)) != 0)
			continue;
		if (!unescape(f, value, sizeof(value)) || strlen(value) >= size)
			return -ENAMETOOLONG;
		memcpy(ret, value, strlen(value) + 1);
		return 0;
	}
	return -ENOENT;
}
