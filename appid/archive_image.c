/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/archive_image.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/root_ipc.h"

#define DOCUMENT_MAX (8U << 20)
#define LAYERS_MAX 256
#define UNPACKED_MAX (16ULL << 30)
#define BLOCK (64U << 10)
#define NAME_MAX_LEN 300

struct reading {
	struct image *im;
	int archive, root;
	uint64_t (*now_ns)(void);
	uint64_t deadline_ns, unpacked;
	json_t *config;
	char *layers[LAYERS_MAX]; /* names of blobs, the base first */
	unsigned layer_count, images;
	bool oci;
	char id[NAME_MAX_LEN], tag[NAME_MAX_LEN];
};

static int refuse(struct reading *x, int error, const char *what, const char *why)
{
	if (!x->im->why[0])
		snprintf(x->im->why, sizeof(x->im->why), "%s%s%s", what, why[0] ? ": " : "", why);
	return error;
}

static void archive_closep(struct archive **a)
{
	if (*a)
		archive_read_free(*a);
}

static void json_freep(json_t **j)
{
	json_decref(*j);
}

/* No other format and no filter that would start a program. */
static struct archive *archive_make(void)
{
	struct archive *a = archive_read_new();

	if (!a)
		return NULL;
	archive_read_support_format_tar(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_bzip2(a);
	return a;
}

/* ---- blobs ---------------------------------------------------------------------------------------------------------- */
/* One blob, open to be read: an entry of the archive, or a file of the layout's directory. */
struct blob {
	struct archive *outer;
	int fd;
	char buf[BLOCK];
};

static void blob_close(struct blob *b)
{
	if (b->outer)
		archive_read_free(b->outer);
	b->outer = NULL;
	close_fd(&b->fd);
}

static const char *plain(const char *name)
{
	while (name[0] == '.' && name[1] == '/')
		name += 2;
	while (*name == '/')
		name++;
	return name;
}

/* "a/b/../c" -> "a/c", within size. */
static void normal(const char *in, char *out, size_t size)
{
	size_t len = 0;

	while (*in) {
		size_t n = strcspn(in, "/");

		if (n == 2 && in[0] == '.' && in[1] == '.') {
			while (len && out[--len] != '/')
				;
		} else if (n && !(n == 1 && in[0] == '.') && len + n + 2 < size) {
			if (len)
				out[len++] = '/';
			memcpy(out + len, in, n);
			len += n;
		}
		in += n;
		in += *in == '/';
	}
	out[len] = '\0';
}

/* older `docker save` writes a layer that was there before as a link to it */
static int blob_find(struct reading *x, const char *name, struct blob *b, char link[NAME_MAX_LEN])
{
	struct archive_entry *e;
	int r;

	link[0] = '\0';
	if (lseek(x->archive, 0, SEEK_SET) < 0)
		return -errno;
	b->outer = archive_make();
	if (!b->outer)
		return -ENOMEM;
	if (archive_read_open_fd(b->outer, x->archive, BLOCK) != ARCHIVE_OK)
		return refuse(x, -EBADMSG, "it is no tar archive", "");
	while ((r = archive_read_next_header(b->outer, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		const char *at = archive_entry_pathname(e);

		if (x->now_ns() > x->deadline_ns)
			return refuse(x, -ETIMEDOUT, "reading it took too long", "");
		if (!at || strcmp(plain(at), name) != 0)
			continue;
		if (archive_entry_filetype(e) == AE_IFREG && !archive_entry_hardlink(e))
			return 0;
		at = archive_entry_hardlink(e) ? archive_entry_hardlink(e) : archive_entry_symlink(e);
		if (at) {
			char joined[2 * NAME_MAX_LEN];
			const char *slash = archive_entry_hardlink(e) ? NULL : strrchr(name, '/');

			snprintf(joined, sizeof(joined), "%.*s%s", slash ? (int)(slash - name) + 1 : 0, name, at);
			normal(joined, link, NAME_MAX_LEN);
		}
		return -ENOENT;
	}
	if (r != ARCHIVE_EOF)
		return refuse(x, -EBADMSG, "it is no whole tar archive", archive_error_string(b->outer) ? archive_error_string(b->outer) : "");
	return -ENOENT;
}

static int blob_open(struct reading *x, const char *name, struct blob *b)
{
	char at[NAME_MAX_LEN], link[NAME_MAX_LEN];
	struct root_stat st;
	int r = -ENOENT;

	b->outer = NULL;
	b->fd = -1;
	if (strlen(name) >= sizeof(at) || strstr(name, ".."))
		return -EINVAL;
	if (x->archive < 0) {
		b->fd = root_ask_file(x->root, name, &st);
		return b->fd < 0 ? take_fd(&b->fd) : 0;
	}
	snprintf(at, sizeof(at), "%s", name);
	for (int hops = 0; hops < 4 && at[0]; hops++) {
		r = blob_find(x, at, b, link);
		if (r == 0)
			return 0;
		blob_close(b);
		if (r != -ENOENT)
			return r;
		snprintf(at, sizeof(at), "%s", link);
	}
	return r;
}

static ssize_t blob_read(struct blob *b, void *buf, size_t len)
{
	ssize_t n = b->outer ? archive_read_data(b->outer, buf, len) : read(b->fd, buf, len);

	return n < 0 ? -EIO : n;
}

/* A JSON document. NULL: not there, too large, none. */
static json_t *blob_json(struct reading *x, const char *name)
{
	_cleanup_free_ struct blob *b = malloc(sizeof(*b));
	_cleanup_free_ char *text = malloc(DOCUMENT_MAX);
	size_t len = 0;
	json_t *j = NULL;
	ssize_t n = 0;

	if (!b || !text || blob_open(x, name, b) < 0)
		return NULL;
	while (len < DOCUMENT_MAX && (n = blob_read(b, text + len, DOCUMENT_MAX - len)) > 0)
		len += (size_t)n;
	blob_close(b);
	if (n == 0 && len < DOCUMENT_MAX)
		j = json_loadb(text, len, 0, NULL);
	return j;
}

/* ---- manifests ------------------------------------------------------------------------------------------------------- */
static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* "sha256:abc" -> "blobs/sha256/abc". False: no digest. */
static bool blob_name(const char *digest, char ret[NAME_MAX_LEN])
{
	size_t n = strcspn(digest, ":"), rest;

	if (!n || digest[n] != ':')
		return false;
	rest = strspn(digest + n + 1, "0123456789abcdef");
	if (rest < 32 || digest[n + 1 + rest] || strspn(digest, "abcdefghijklmnopqrstuvwxyz0123456789") != n)
		return false;
	snprintf(ret, NAME_MAX_LEN, "blobs/%.*s/%s", (int)n, digest, digest + n + 1);
	return true;
}

static int layer_add(struct reading *x, const char *name)
{
	if (x->layer_count == LAYERS_MAX)
		return refuse(x, -E2BIG, "it has more than 256 layers", "");
	x->layers[x->layer_count] = strdup(plain(name));
	return x->layers[x->layer_count++] ? 0 : -ENOMEM;
}

static bool is_wanted(const json_t *tags, const char *want)
{
	size_t i, n = strlen(want);
	json_t *t;

	json_array_foreach(tags, i, t) {
		const char *s = json_string_value(t);

		if (s && (!strcmp(s, want) || (!strncmp(s, want, n) && !strcmp(s + n, ":latest"))))
			return true;
	}
	return false;
}

/* manifest.json of `docker save`. */
static int read_docker(struct reading *x, const json_t *manifest, const char *want)
{
	const json_t *chosen = NULL, *m, *l;
	const char *tag;
	size_t i;
	int r = 0;

	json_array_foreach(manifest, i, m)
		if (!chosen && (!want || is_wanted(json_object_get(m, "RepoTags"), want)))
			chosen = m;
	x->images = (unsigned)json_array_size(manifest);
	if (!chosen)
		return refuse(x, -ENOENT, "no such image in it", want ? want : "");
	x->config = blob_json(x, plain(str(chosen, "Config")));
	if (!x->config)
		return refuse(x, -EBADMSG, "its configuration cannot be read", str(chosen, "Config"));
	snprintf(x->id, sizeof(x->id), "%s", str(chosen, "Config"));
	tag = json_string_value(json_array_get(json_object_get(chosen, "RepoTags"), 0));
	snprintf(x->tag, sizeof(x->tag), "%s", tag ? tag : "");
	json_array_foreach(json_object_get(chosen, "Layers"), i, l)
		if (r == 0)
			r = json_is_string(l) ? layer_add(x, json_string_value(l)) : -EBADMSG;
	return r;
}

/* Of several platforms this machine's, of several images the first (or the one wanted). */
static const json_t *manifest_choose(struct reading *x, const json_t *list, const char *want)
{
	const json_t *m, *first = NULL, *native = NULL;
	size_t i;

	json_array_foreach(list, i, m) {
		const json_t *p = json_object_get(m, "platform"), *note = json_object_get(m, "annotations");
		const char *name = str(note, "org.opencontainers.image.ref.name"), *full = str(note, "io.containerd.image.name");

		if (!strcmp(str(note, "vnd.docker.reference.type"), "attestation-manifest"))
			continue;
		if (want && strcmp(want, name) != 0 && strcmp(want, full) != 0)
			continue;
		x->images++;
		if (!first)
			first = m;
		if (!native && (!p || (!strcmp(str(p, "os"), "linux") && !strcmp(str(p, "architecture"), "amd64"))))
			native = m;
	}
	return native ? native : first;
}

static int read_oci(struct reading *x, const json_t *index, const char *want)
{
	_cleanup_(json_freep) json_t *nested = NULL;
	const json_t *list = json_object_get(index, "manifests"), *m, *l;
	char name[NAME_MAX_LEN];
	size_t i;
	int r = 0;

	x->oci = true;
	for (int depth = 0; depth < 4; depth++) {
		json_t *next;

		m = manifest_choose(x, list, depth ? NULL : want);
		if (!m)
			return refuse(x, -ENOENT, "no such image in it", want ? want : "");
		if (!x->tag[0])
			snprintf(x->tag, sizeof(x->tag), "%s", str(json_object_get(m, "annotations"), "org.opencontainers.image.ref.name"));
		if (!blob_name(str(m, "digest"), name) || !(next = blob_json(x, name)))
			return refuse(x, -EBADMSG, "a manifest cannot be read", str(m, "digest"));
		json_decref(nested);
		nested = next;
		list = json_object_get(nested, "manifests");
		if (!list)
			break;
	}
	snprintf(x->id, sizeof(x->id), "%s", str(json_object_get(nested, "config"), "digest"));
	if (!blob_name(x->id, name) || !(x->config = blob_json(x, name)))
		return refuse(x, -EBADMSG, "its configuration cannot be read", x->id);
	json_array_foreach(json_object_get(nested, "layers"), i, l) {
		if (r == 0)
			r = blob_name(str(l, "digest"), name) ? layer_add(x, name) : refuse(x, -EBADMSG, "a layer has no digest", "");
	}
	return r;
}

/* ---- layers ----------------------------------------------------------------------------------------------------------- */
static la_ssize_t inner_read(struct archive *a, void *arg, const void **ret)
{
	struct blob *b = arg;
	ssize_t n = blob_read(b, b->buf, sizeof(b->buf));

	*ret = b->buf;
	if (n < 0)
		archive_set_error(a, EIO, "the layer's blob cannot be read");
	return n < 0 ? -1 : n;
}

static int content_take(struct reading *x, struct archive *a)
{
	char buf[BLOCK];
	la_ssize_t n;

	while ((n = archive_read_data(a, buf, sizeof(buf))) > 0) {
		x->unpacked += (uint64_t)n;
		if (x->unpacked > UNPACKED_MAX)
			return refuse(x, -EFBIG, "it unpacks to more than 16 GiB", "");
		if (x->now_ns() > x->deadline_ns)
			return refuse(x, -ETIMEDOUT, "reading it took too long", "");
		(void)image_tree_content(x->im->tree, buf, (size_t)n);
	}
	if (n == 0)
		image_tree_content_end(x->im->tree);
	return 0;
}

static int entry_take(struct reading *x, struct archive *a, struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e), *hard = archive_entry_hardlink(e);
	struct image_entry in = { .kind = IMAGE_OTHER, .mode = archive_entry_perm(e),
				  .size = archive_entry_size(e) > 0 ? (uint64_t)archive_entry_size(e) : 0 };
	bool wanted;
	int r;

	if (!path)
		path = archive_entry_pathname_utf8(e);
	if (!path)
		return 0;
	if (archive_entry_filetype(e) == AE_IFDIR) {
		in.kind = IMAGE_DIR;
	} else if (archive_entry_filetype(e) == AE_IFLNK) {
		in.kind = IMAGE_LINK;
		in.link = archive_entry_symlink(e);
	} else if (hard || archive_entry_filetype(e) == AE_IFREG) {
		in.kind = IMAGE_FILE;
		in.link = hard;
	}
	r = image_tree_add(x->im->tree, path, &in, &wanted);
	if (r == -E2BIG)
		return refuse(x, r, "it has too many files", "");
	return wanted ? content_take(x, a) : 0;
}

static int layer_read(struct reading *x, const char *name)
{
	_cleanup_free_ struct blob *b = calloc(1, sizeof(*b));
	_cleanup_(archive_closep) struct archive *a = archive_make();
	struct archive_entry *e;
	int r;

	if (!a || !b)
		return -ENOMEM;
	r = blob_open(x, name, b);
	if (r < 0)
		return refuse(x, r, "a layer is missing", name);
	image_tree_layer(x->im->tree);
	r = archive_read_open(a, b, NULL, inner_read, NULL) == ARCHIVE_OK ? 0 : refuse(x, -EBADMSG, "a layer is no tar archive", name);
	while (r == 0) {
		int h = archive_read_next_header(a, &e);

		if (h == ARCHIVE_EOF)
			break;
		if (h != ARCHIVE_OK && h != ARCHIVE_WARN)
			r = refuse(x, -EBADMSG, "a layer is damaged", archive_error_string(a) ? archive_error_string(a) : name);
		else if (x->now_ns() > x->deadline_ns)
			r = refuse(x, -ETIMEDOUT, "reading it took too long", "");
		else
			r = entry_take(x, a, e);
	}
	blob_close(b);
	return r;
}

/* ---- configuration ------------------------------------------------------------------------------------------------------ */
static void words(const json_t *list, const char **argv, unsigned *n, unsigned max)
{
	const json_t *s;
	size_t i;

	if (json_is_string(list) && *n < max)
		argv[(*n)++] = json_string_value(list);
	json_array_foreach(list, i, s)
		if (json_is_string(s) && *n < max)
			argv[(*n)++] = json_string_value(s);
}

static void env_read(struct image *im, const json_t *list)
{
	const json_t *s;
	size_t i;

	json_array_foreach(list, i, s) {
		const char *text = json_string_value(s), *equals = text ? strchr(text, '=') : NULL;
		struct conf_var *v = equals && equals != text ? calloc(1, sizeof(*v)) : NULL;
		char *name = v ? strndup(text, (size_t)(equals - text)) : NULL;

		if (!name) {
			free(v);
			continue;
		}
		*v = (struct conf_var){ .name = name, .value = equals + 1, .next = im->env };
		im->env = v;
	}
}

static void put_list(json_t *to, const char *key, const json_t *list)
{
	json_t *out = json_array();
	const char *name;
	json_t *v;

	if (json_is_array(list))
		json_array_extend(out, (json_t *)(uintptr_t)list);
	else
		json_object_foreach((json_t *)(uintptr_t)list, name, v)
			json_array_append_new(out, json_string(name));
	json_object_set_new(to, key, out);
}

static int config_use(struct reading *x)
{
	const json_t *c = json_object_get(x->config, "config");
	struct image *im = x->im;
	unsigned n = 0;
	json_t *out;

	im->argv = calloc(1025, sizeof(*im->argv));
	out = json_object();
	if (!im->argv || !out)
		return -ENOMEM;
	words(json_object_get(c, "Entrypoint"), im->argv, &n, 1024);
	words(json_object_get(c, "Cmd"), im->argv, &n, 1024);
	env_read(im, json_object_get(c, "Env"));
	im->cwd = str(c, "WorkingDir")[0] == '/' ? str(c, "WorkingDir") : "/";
	json_object_set_new(out, "id", json_string(x->id));
	json_object_set_new(out, "name", json_string(x->tag));
	json_object_set_new(out, "format", json_string(x->oci ? "oci" : "docker"));
	json_object_set_new(out, "images", json_integer(x->images));
	json_object_set_new(out, "os", json_string(str(x->config, "os")));
	json_object_set_new(out, "architecture", json_string(str(x->config, "architecture")));
	json_object_set_new(out, "user", json_string(str(c, "User")));
	json_object_set_new(out, "working_dir", json_string(im->cwd));
	put_list(out, "entrypoint", json_object_get(c, "Entrypoint"));
	put_list(out, "cmd", json_object_get(c, "Cmd"));
	put_list(out, "exposed", json_object_get(c, "ExposedPorts"));
	put_list(out, "volumes", json_object_get(c, "Volumes"));
	put_list(out, "healthcheck", json_object_get(json_object_get(c, "Healthcheck"), "Test"));
	put_list(out, "layers", json_object_get(json_object_get(x->config, "rootfs"), "diff_ids"));
	im->json = json_dumps(out, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(out);
	if (!n) {
		free(im->argv);
		im->argv = NULL;
	}
	return im->json ? 0 : -ENOMEM;
}

int image_read(struct image *im, int archive, int root, const char *want, uint64_t (*now_ns)(void), uint64_t deadline_ns)
{
	struct reading x = { .im = im, .archive = archive, .root = root, .now_ns = now_ns, .deadline_ns = deadline_ns };
	_cleanup_(json_freep) json_t *top = NULL;
	int r;

	memset(im, 0, sizeof(*im));
	im->tree = image_tree_new();
	if (!im->tree)
		return -ENOMEM;
	top = blob_json(&x, "manifest.json");
	if (json_is_array(top)) {
		r = read_docker(&x, top, want);
	} else {
		json_decref(top);
		top = blob_json(&x, "index.json");
		r = json_is_object(top) ? read_oci(&x, top, want) :
					  refuse(&x, -EBADMSG, "it has neither manifest.json (docker save) nor index.json (OCI image layout)", "");
	}
	for (unsigned i = 0; r == 0 && i < x.layer_count; i++)
		r = layer_read(&x, x.layers[i]);
	if (r == 0)
		r = config_use(&x);
	im->priv = x.config; /* argv and env point into it */
	for (unsigned i = 0; i < x.layer_count; i++)
		free(x.layers[i]);
	if (r < 0 && !im->why[0])
		snprintf(im->why, sizeof(im->why), "%s", strerror(-r));
	return r;
}

void image_done(struct image *im)
{
	for (struct conf_var *v = im->env, *next; v; v = next) {
		next = v->next;
		free((void *)(uintptr_t)v->name);
		free(v);
	}
	free(im->argv);
	free(im->json);
	image_tree_free(im->tree);
	json_decref(im->priv);
	memset(im, 0, sizeof(*im));
}
