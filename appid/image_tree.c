/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/image_tree.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <errno.h>
#include <gcrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 400000
#define PATHS_BYTES_MAX (96U << 20)
#define KEPT_BYTES_MAX (160U << 20)
#define PATH_BYTES_MAX 4095
#define HOPS_MAX 40
#define SHA256_LEN 32
#define SHA1_LEN 20
#define MD5_LEN 16

struct node {
	struct node *parent, *child, *next;
	char *link;    /* LINK */
	char *data;    /* FILE: kept; NULL: not */
	uint64_t size;
	uint32_t mode, layer;
	enum image_kind kind;
	bool gone, hashed, machine;
	uint8_t sha256[SHA256_LEN], sha1[SHA1_LEN], md5[MD5_LEN];
	UT_hash_handle hh;
	char path[]; /* "/a/b"; the root is "" */
};

struct image_tree {
	struct node *by_path, *root, *current;
	uint32_t layer;
	unsigned count;
	size_t path_bytes, kept_bytes, got;
	uint64_t refused;
	gcry_md_hd_t md;
};

/* ---- nodes --------------------------------------------------------------------------------------------------------- */
static struct node *find(const struct image_tree *t, const char *path)
{
	struct node *n;

	if (!path[0])
		return t->root;
	HASH_FIND(hh, t->by_path, path, strlen(path), n);
	return n;
}

static struct node *node_new(struct image_tree *t, const char *path, struct node *parent)
{
	size_t len = strlen(path);
	struct node *n;

	if (t->count >= ENTRIES_MAX || t->path_bytes + len > PATHS_BYTES_MAX)
		return NULL;
	n = calloc(1, sizeof(*n) + len + 1);
	if (!n)
		return NULL;
	memcpy(n->path, path, len + 1);
	HASH_ADD(hh, t->by_path, path, len, n);
	if (!n->hh.tbl) {
		free(n);
		return NULL;
	}
	t->count++;
	t->path_bytes += len;
	n->kind = IMAGE_DIR;
	n->mode = 0755;
	n->layer = t->layer;
	n->parent = parent;
	if (parent) {
		n->next = parent->child;
		parent->child = n;
	}
	return n;
}

static void content_drop(struct image_tree *t, struct node *n)
{
	if (n->data)
		t->kept_bytes -= n->size;
	free(n->data);
	n->data = NULL;
	n->hashed = n->machine = false;
}

/* Takes away what earlier layers brought (all: this one too) below n, iteratively: trees may be deep. */
static void children_gone(struct image_tree *t, struct node *n, bool all)
{
	for (struct node *c = n->child; c;) {
		if (all || c->layer < t->layer) {
			c->gone = true;
			content_drop(t, c);
		}
		if (c->child) {
			c = c->child;
			continue;
		}
		while (c != n && !c->next)
			c = c->parent;
		if (c == n)
			break;
		c = c->next;
	}
}

/* The directory at path[0..len), made (or made a directory) if it is not. */
static struct node *dir_get(struct image_tree *t, const char *path, size_t len)
{
	char part[PATH_BYTES_MAX + 1];
	struct node *n = t->root;

	for (size_t i = 1; i <= len; i++) {
		struct node *c;

		if (i < len && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		c = find(t, part);
		if (!c)
			c = node_new(t, part, n);
		if (!c)
			return NULL;
		if (c->gone || c->kind != IMAGE_DIR) {
			children_gone(t, c, true);
			content_drop(t, c);
			c->gone = false;
			c->kind = IMAGE_DIR;
			c->layer = t->layer;
		}
		n = c;
	}
	return n;
}

/* "./a//b/" -> "/a/b". False: it leaves the root, or is too long. */
static bool clean(const char *in, char ret[PATH_BYTES_MAX + 1])
{
	size_t len = 0;

	while (*in) {
		size_t n = strcspn(in, "/");

		if (n == 2 && in[0] == '.' && in[1] == '.')
			return false;
		if (n && !(n == 1 && in[0] == '.')) {
			if (len + n + 1 > PATH_BYTES_MAX)
				return false;
			ret[len++] = '/';
			memcpy(ret + len, in, n);
			len += n;
		}
		in += n;
		in += *in == '/';
	}
	ret[len] = '\0';
	return true;
}

/* ---- filling -------------------------------------------------------------------------------------------------------- */
/* ".wh.NAME" takes NAME away, ".wh..wh..opq" all that the layers below have in this directory. False: no whiteout. */
static bool whiteout(struct image_tree *t, char *path)
{
	char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct node *n;

	if (strncmp(name, ".wh.", 4) != 0)
		return false;
	if (slash && !strcmp(name, ".wh..wh..opq")) {
		*slash = '\0';
		n = find(t, path);
		if (n)
			children_gone(t, n, false);
		return true;
	}
	memmove(name, name + 4, strlen(name + 4) + 1);
	n = find(t, path);
	if (n && n->layer < t->layer) {
		n->gone = true;
		content_drop(t, n);
		children_gone(t, n, false);
	}
	return true;
}

/* Another name of a file that is there: a copy of what is known of it. */
static void hard_link(struct image_tree *t, struct node *n, const char *to)
{
	char path[PATH_BYTES_MAX + 1];
	const struct node *o = clean(to, path) ? find(t, path) : NULL;

	if (!o || o == n || o->gone || o->kind != IMAGE_FILE)
		return;
	n->size = o->size;
	n->mode = o->mode;
	n->machine = o->machine;
	n->hashed = o->hashed;
	memcpy(n->sha256, o->sha256, sizeof(n->sha256));
	memcpy(n->sha1, o->sha1, sizeof(n->sha1));
	memcpy(n->md5, o->md5, sizeof(n->md5));
	if (!o->data || t->kept_bytes + o->size > KEPT_BYTES_MAX)
		return;
	n->data = malloc(o->size + 1);
	if (n->data) {
		memcpy(n->data, o->data, o->size);
		t->kept_bytes += o->size;
	}
}

int image_tree_add(struct image_tree *t, const char *in, const struct image_entry *e, bool *ret_wanted)
{
	char path[PATH_BYTES_MAX + 1];
	struct node *n, *parent;
	const char *slash;

	*ret_wanted = false;
	t->current = NULL;
	if (!clean(in, path)) {
		t->refused++;
		return -EINVAL;
	}
	if (!path[0] || whiteout(t, path))
		return 0;
	slash = strrchr(path, '/');
	parent = dir_get(t, path, (size_t)(slash - path));
	n = parent ? find(t, path) : NULL;
	if (parent && !n)
		n = node_new(t, path, parent);
	if (!n) {
		t->refused++;
		return -E2BIG;
	}
	if (e->kind != IMAGE_DIR || n->kind != IMAGE_DIR || n->gone)
		children_gone(t, n, true);
	content_drop(t, n);
	free(n->link);
	n->link = NULL;
	n->gone = false;
	n->kind = e->kind;
	n->mode = e->mode;
	n->layer = t->layer;
	n->size = e->kind == IMAGE_FILE ? e->size : 0;
	if (e->kind == IMAGE_LINK) {
		n->link = e->link ? strndup(e->link, PATH_BYTES_MAX) : NULL;
	} else if (e->kind == IMAGE_FILE && e->link) {
		hard_link(t, n, e->link);
	} else if (e->kind == IMAGE_FILE) {
		t->current = n;
		t->got = 0;
		*ret_wanted = e->size <= CONF_FILE_BYTES || e->mode & 0111;
		gcry_md_reset(t->md);
	}
	return 0;
}

int image_tree_content(struct image_tree *t, const void *data, size_t len)
{
	struct node *n = t->current;

	if (!n)
		return -EINVAL;
	if (!t->got && len >= 4 && !memcmp(data, "\177ELF", 4))
		n->machine = true;
	if (!t->got && !n->machine && n->size <= CONF_FILE_BYTES && t->kept_bytes + n->size <= KEPT_BYTES_MAX) {
		n->data = malloc(n->size + 1);
		if (n->data)
			t->kept_bytes += n->size;
	}
	if (n->data && t->got + len <= n->size)
		memcpy(n->data + t->got, data, len);
	gcry_md_write(t->md, data, len);
	t->got += len;
	return 0;
}

void image_tree_content_end(struct image_tree *t)
{
	struct node *n = t->current;

	if (!n)
		return;
	t->current = NULL;
	if (t->got != n->size) { /* cut short */
		content_drop(t, n);
		return;
	}
	memcpy(n->sha256, gcry_md_read(t->md, GCRY_MD_SHA256), SHA256_LEN);
	memcpy(n->sha1, gcry_md_read(t->md, GCRY_MD_SHA1), SHA1_LEN);
	memcpy(n->md5, gcry_md_read(t->md, GCRY_MD_MD5), MD5_LEN);
	n->hashed = true;
	if (!n->size && !n->data)
		n->data = calloc(1, 1);
}

/* ---- asking --------------------------------------------------------------------------------------------------------- */
/* Follows links inside the tree, where ".." ends at its root. last: the last one too. NULL: not there; *ret_error says why. */
static const struct node *resolve(const struct image_tree *t, const char *path, bool last, int *ret_error)
{
	char rest[2 * PATH_BYTES_MAX + 2], at[PATH_BYTES_MAX + 2] = "", more[2 * PATH_BYTES_MAX + 2];
	unsigned hops = 0;
	const struct node *n = t->root;
	size_t len = 0;

	*ret_error = -ENOENT;
	if (strlen(path) > PATH_BYTES_MAX)
		return NULL;
	memcpy(rest, path, strlen(path) + 1);
	for (char *p = rest; *p;) {
		size_t part = strcspn(p, "/");

		if (!part || (part == 1 && p[0] == '.')) {
			p += part;
			p += *p == '/';
			continue;
		}
		if (n->kind != IMAGE_DIR) {
			*ret_error = -ENOTDIR;
			return NULL;
		}
		if (part == 2 && p[0] == '.' && p[1] == '.') {
			while (len && at[--len] != '/')
				;
		} else {
			if (len + part + 1 > PATH_BYTES_MAX)
				return NULL;
			at[len] = '/';
			memcpy(at + len + 1, p, part);
			len += part + 1;
		}
		at[len] = '\0';
		p += part;
		n = find(t, at);
		if (!n || n->gone)
			return NULL;
		if (n->kind != IMAGE_LINK || (!*p && !last)) {
			p += *p == '/';
			continue;
		}
		if (++hops > HOPS_MAX || !n->link) {
			*ret_error = -ELOOP;
			return NULL;
		}
		if (strlen(n->link) + strlen(p) + 2 > PATH_BYTES_MAX)
			return NULL;
		snprintf(more, sizeof(more), "%s/%s", n->link, p);
		if (n->link[0] == '/')
			len = 0;
		else
			while (len && at[--len] != '/')
				;
		at[len] = '\0';
		n = find(t, at);
		if (!n)
			return NULL;
		memcpy(rest, more, strlen(more) + 1);
		p = rest;
	}
	return n->gone ? NULL : n;
}

static int tree_read(void *ctx, const char *path, char *buf, size_t cap, size_t *ret_len)
{
	int r;
	const struct node *n = resolve(ctx, path, true, &r);

	if (!n)
		return r;
	if (n->kind != IMAGE_FILE)
		return n->kind == IMAGE_DIR ? -EISDIR : -EMEDIUMTYPE;
	if (n->size > cap || (!n->data && !n->machine && n->size > CONF_FILE_BYTES))
		return -EFBIG;
	if (n->machine) { /* enough to see that it is no script */
		memcpy(buf, "\177ELF", cap < 5 ? cap : 5);
		*ret_len = cap < 5 ? cap : 5;
		return 0;
	}
	if (!n->data)
		return -ENODATA;
	memcpy(buf, n->data, n->size);
	*ret_len = n->size;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int tree_list(void *ctx, const char *path, char *buf, size_t *ret_len)
{
	const struct node *n, *c;
	const char **names;
	size_t count = 0, len = 0;
	int r;

	n = resolve(ctx, path, true, &r);
	if (!n)
		return r;
	if (n->kind != IMAGE_DIR)
		return -ENOTDIR;
	for (c = n->child; c; c = c->next)
		count += !c->gone;
	if (count > ROOT_LIST_NAMES)
		return -E2BIG;
	names = calloc(count + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	count = 0;
	for (c = n->child; c; c = c->next)
		if (!c->gone)
			names[count++] = strrchr(c->path, '/') + 1;
	qsort(names, count, sizeof(*names), by_text);
	r = 0;
	for (size_t i = 0; i < count && r == 0; i++) {
		size_t size = strlen(names[i]) + 1;

		if (len + size > ROOT_LIST_BYTES) {
			r = -E2BIG;
			break;
		}
		memcpy(buf + len, names[i], size);
		len += size;
	}
	free(names);
	if (r == 0)
		*ret_len = len;
	return r;
}

static int tree_stat(void *ctx, const char *path, struct root_stat *ret)
{
	int r;
	const struct node *n = resolve(ctx, path, true, &r);

	if (!n)
		return r;
	*ret = (struct root_stat){ .kind = n->kind == IMAGE_FILE ? ROOT_FILE : n->kind == IMAGE_DIR ? ROOT_DIR : ROOT_OTHER,
				   .mode = n->mode, .size = n->size };
	return 0;
}

static int tree_link(void *ctx, const char *path, char *buf, size_t cap)
{
	int r;
	const struct node *n = resolve(ctx, path, false, &r);

	if (!n)
		return r;
	if (n->kind != IMAGE_LINK || !n->link)
		return -EINVAL;
	if (strlen(n->link) >= cap)
		return -ENAMETOOLONG;
	memcpy(buf, n->link, strlen(n->link) + 1);
	return 0;
}

struct conf_fs image_tree_fs(struct image_tree *t)
{
	return (struct conf_fs){ t, tree_read, tree_list, tree_stat, tree_link };
}

bool image_tree_digests(struct image_tree *t, const char *path, struct image_digests *ret)
{
	int r;
	const struct node *n = resolve(t, path, true, &r);

	if (!n || n->kind != IMAGE_FILE || !n->hashed)
		return false;
	*ret = (struct image_digests){ n->sha256, n->sha1, n->md5 };
	return true;
}

uint64_t image_tree_refused(const struct image_tree *t)
{
	return t->refused;
}

/* ---- life ------------------------------------------------------------------------------------------------------------- */
void image_tree_layer(struct image_tree *t)
{
	t->layer++;
	t->current = NULL;
}

struct image_tree *image_tree_new(void)
{
	struct image_tree *t = calloc(1, sizeof(*t));

	if (!t || gcry_md_open(&t->md, GCRY_MD_SHA256, 0)) {
		free(t);
		return NULL;
	}
	/* what package managers keep */
	if (gcry_md_enable(t->md, GCRY_MD_SHA1) || gcry_md_enable(t->md, GCRY_MD_MD5)) {
		image_tree_free(t);
		return NULL;
	}
	t->root = node_new(t, "", NULL);
	if (t->root)
		return t;
	image_tree_free(t);
	return NULL;
}

void image_tree_free(struct image_tree *t)
{
	struct node *n, *tmp;

	if (!t)
		return;
	HASH_ITER(hh, t->by_path, n, tmp) {
		HASH_DEL(t->by_path, n);
		free(n->link);
		free(n->data);
		free(n);
	}
	gcry_md_close(t->md);
	free(t);
}
