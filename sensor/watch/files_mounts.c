/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/watch/files_mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/watch/cgroup_path.h"

/* Kinds of file systems that hold no files of the container's making, or that it could use to make us wait (FUSE). */
static bool type_is_ignored(const char *type, bool *ret_unmarkable)
{
	static const char *const kernels[] = { "proc",	     "sysfs",	 "cgroup",   "cgroup2", "devpts",     "mqueue",	"devtmpfs",
					       "securityfs", "debugfs", "tracefs", "bpf",	"hugetlbfs", "pstore",	"nsfs",
					       "binfmt_misc", "configfs", "autofs", "rpc_pipefs" };

	*ret_unmarkable = !strncmp(type, "fuse", 4);
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		if (!strcmp(type, kernels[i]))
			return true;
	return *ret_unmarkable;
}

/* ".../volumes/NAME/_data": a volume of the engine (Docker, Podman); below a container's own directory: what the engine makes
 * for it (hosts, resolv.conf, secrets, shm). Else a directory or file of the host. */
static enum files_origin bind_origin(const char *root, const char *point)
{
	const char *v = strstr(root, "/volumes/"), *data = v ? strstr(v + 9, "/_data") : NULL;
	const char *c = strstr(root, "/containers/");

	if (data && (data[6] == '\0' || data[6] == '/') && data > v + 9 && !memchr(v + 9, '/', (size_t)(data - v - 9)))
		return FILES_ORIGIN_VOLUME;
	if ((c && strspn(c + 12, "0123456789abcdef") == 64) || strstr(root, "/overlay-containers/"))
		return FILES_ORIGIN_ENGINE;
	return !strncmp(point, "/run/secrets", 12) ? FILES_ORIGIN_ENGINE : FILES_ORIGIN_BIND;
}

static int mount_add(struct files_mounts *m, const struct mount_info *i)
{
	struct files_mount *n;

	if (m->count == FILES_MOUNTS_MAX) {
		m->unmarkable++;
		return 0;
	}
	if (m->count == m->max) {
		size_t max = m->max ? m->max * 2 : 16;

		n = realloc(m->mounts, max * sizeof(*n));
		if (!n)
			return -ENOMEM;
		m->mounts = n;
		m->max = max;
	}
	n = &m->mounts[m->count];
	*n = (struct files_mount){ .id = i->id, .major = i->major, .minor = i->minor, .how = MSG_MARK_MOUNT, .point = strdup(i->point) };
	if (!n->point)
		return -ENOMEM;
	m->count++;
	if (!strcmp(i->point, "/")) {
		n->origin = FILES_ORIGIN_ROOT;
		/* The whole overlay: nobody else has it. Another kind of root may be shared with the host. */
		n->how = !strcmp(i->type, "overlay") ? MSG_MARK_FILESYSTEM : MSG_MARK_MOUNT;
		m->has_root = true;
		m->root_major = i->major;
		m->root_minor = i->minor;
	} else if (!strcmp(i->type, "tmpfs") || !strcmp(i->type, "ramfs")) {
		n->origin = FILES_ORIGIN_TMPFS;
	} else {
		n->origin = bind_origin(i->root, i->point);
	}
	return 0;
}

/* ---- layers ------------------------------------------------------------------------------------------------------- */
static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Adds one directory; the kernel's octal escapes and overlay's backslashes are undone. Relative ones cannot be looked up. */
static int layer_add(struct files_mounts *m, const char *dir, size_t len)
{
	char *grown, *out;

	if (!len || dir[0] != '/' || m->layer_count == FILES_LAYERS_MAX)
		return -ENOTSUP;
	grown = realloc(m->layers, m->layers_len + len + 1);
	if (!grown)
		return -ENOMEM;
	m->layers = grown;
	out = grown + m->layers_len;
	for (size_t i = 0; i < len; i++) {
		if (dir[i] == '\\' && i + 3 < len && dir[i + 1] <= '3' && is_octal(dir[i + 1]) && is_octal(dir[i + 2]) && is_octal(dir[i + 3])) {
			*out++ = (char)((dir[i + 1] - '0') << 6 | (dir[i + 2] - '0') << 3 | (dir[i + 3] - '0'));
			i += 3;
		} else if (dir[i] == '\\' && i + 1 < len) {
			*out++ = dir[++i];
		} else {
			*out++ = dir[i];
		}
	}
	*out++ = '\0';
	/* An escaped NUL would end it early and shift the rest. */
	if (strlen(grown + m->layers_len) + 1 != (size_t)(out - (grown + m->layers_len)))
		return -EBADMSG;
	m->layers_len = (size_t)(out - grown);
	m->layer_count++;
	return 0;
}

/* Length up to the next c that is not escaped. */
static size_t span_until(const char *s, size_t len, char c)
{
	size_t i = 0;

	while (i < len && s[i] != c)
		i += s[i] == '\\' && i + 1 < len ? 2 : 1;
	return i < len ? i : len;
}

static int lowers_add(struct files_mounts *m, const char *list, size_t len)
{
	int r = 0;

	while (len && r == 0) {
		size_t n = span_until(list, len, ':');

		if (n) /* "::" sets data-only layers apart */
			r = layer_add(m, list, n);
		n += n < len;
		list += n;
		len -= n;
	}
	return r;
}

/* The super block's options: upperdir=, then lowerdir=a:b:c (upper to lower) or several lowerdir+=a (Linux 6.8). */
static int layers_read(struct files_mounts *m, const char *options, size_t len)
{
	static const char *const keys[] = { "upperdir=", "lowerdir=", "lowerdir+=", "datadir+=" };
	int r = 0;

	for (size_t k = 0; k < ARRAY_SIZE(keys) && r == 0; k++) {
		const char *o = options;
		size_t left = len, kl = strlen(keys[k]);

		if (k == 1 && !m->layer_count)
			return -ENOTSUP; /* read-only: no upper layer */
		while (left && r == 0) {
			size_t n = span_until(o, left, ',');

			if (n > kl && !memcmp(o, keys[k], kl))
				r = k == 0 || k >= 2 ? layer_add(m, o + kl, n - kl) : lowers_add(m, o + kl, n - kl);
			n += n < left;
			o += n;
			left -= n;
		}
	}
	return r;
}

static void layers_forget(struct files_mounts *m)
{
	free(m->layers);
	m->layers = NULL;
	m->layers_len = m->layer_count = 0;
}

/* The last field of a line. */
static const char *options_of(const char *line, size_t len, size_t *ret_len)
{
	const char *sep = memmem(line, len, " - ", 3), *end = line + len;

	for (int field = 0; sep && field < 2; field++) { /* type, source */
		const char *from = field ? sep + 1 : sep + 3;

		sep = memchr(from, ' ', (size_t)(end - from));
	}
	if (!sep)
		return NULL;
	*ret_len = (size_t)(end - sep - 1);
	return sep + 1;
}

/* ---- the whole text --------------------------------------------------------------------------------------------------- */
static int line_read(struct files_mounts *m, const char *line, size_t len)
{
	struct mount_info i;
	const char *options;
	bool unmarkable;
	size_t n;
	int r;

	if (mount_info_parse(line, len, &i) < 0)
		return 0;
	if (type_is_ignored(i.type, &unmarkable)) {
		m->unmarkable += unmarkable;
		return 0;
	}
	r = mount_add(m, &i);
	if (r < 0 || strcmp(i.point, "/") != 0)
		return r;
	layers_forget(m);
	options = !strcmp(i.type, "overlay") ? options_of(line, len, &n) : NULL;
	if (options && layers_read(m, options, n) < 0)
		layers_forget(m);
	return 0;
}

int files_mounts_read(const char *text, size_t len, struct files_mounts *ret)
{
	struct files_mounts m = { 0 };
	int r = 0;

	while (len && r == 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;

		r = line_read(&m, text, n);
		n += nl != NULL;
		text += n;
		len -= n;
	}
	if (r == 0 && !m.has_root)
		r = -EBADMSG;
	if (r < 0)
		files_mounts_done(&m);
	else
		*ret = m;
	return r;
}

void files_mounts_done(struct files_mounts *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->mounts[i].point);
	free(m->mounts);
	layers_forget(m);
	*m = (struct files_mounts){ 0 };
}

const struct files_mount *files_mounts_at(const struct files_mounts *m, const char *point)
{
	/* The last one covers those before. */
	for (size_t i = m->count; i > 0; i--)
		if (!strcmp(m->mounts[i - 1].point, point))
			return &m->mounts[i - 1];
	return NULL;
}
