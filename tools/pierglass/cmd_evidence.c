/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evidence: list, collect FINDING, show ID, export ID -o FILE (tar, or tar.gz by its name), verify FILE: digests of what stands in the manifest, without
 * a sensor. Exit 1: something differs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/tar.h"
#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

#define MANIFEST_MAX (1U << 20)
#define ENTRIES_MAX 64

/* ---- list, show ------------------------------------------------------------------------------------------------------- */
static int evidence_list(const struct cli_options *o)
{
	static const struct cli_column columns[] = {
		{ "TIME", false, 0 }, { "ID", false, 0 }, { "WORKLOAD", false, 12 }, { "CONTAINER", false, 10 }, { "FILES", true, 0 },
		{ "SIZE", true, 0 },  { "CUT", true, 0 }, { "FINDING", false, 0 },
	};
	struct cli_table *t;
	json_t *j, *v;
	size_t i;
	int code;

	if (o->json)
		return cli_print_json(o, "/v1/evidence");
	code = cli_get_json(o, "/v1/evidence", &j, NULL);
	if (code)
		return code;
	t = cli_table_new(columns, ARRAY_SIZE(columns));
	if (!json_array_size(j))
		puts("No evidence.");
	json_array_foreach(j, i, v) {
		cli_table_addf(t, "%.19s", str_of(v, "time"));
		cli_table_add(t, str_of(v, "id"));
		cli_table_add(t, str_of(v, "workload"));
		cli_table_add(t, str_of(v, "container"));
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(v, "files"));
		cli_table_addf(t, "%llu KiB", (unsigned long long)(u64_of(v, "bytes") + 1023) / 1024);
		cli_table_addf(t, "%llu", (unsigned long long)u64_of(v, "cut"));
		cli_table_add(t, str_of(v, "finding"));
	}
	if (json_array_size(j))
		cli_table_write(t, stdout, cli_width());
	cli_table_free(t);
	json_decref(j);
	return CLI_OK;
}

static bool file_path(char *path, size_t cap, const char *id, const char *name)
{
	snprintf(path, cap, "/v1/evidence/file");
	return cli_query(path, cap, "id", id) && cli_query(path, cap, "thing", name);
}

static int evidence_show(const struct cli_options *o, const char *id)
{
	char path[512], line[512];
	json_t *j, *v;
	size_t i;
	int code;

	if (!file_path(path, sizeof(path), id, "manifest.json")) {
		fputs("pierglass: evidence: the id is too long\n", stderr);
		return CLI_USAGE;
	}
	if (o->json)
		return cli_print_json(o, path);
	code = cli_get_json(o, path, &j, NULL);
	if (code)
		return code;
	snprintf(line, sizeof(line), "%s of %s (%s) on %s, %s, for finding %s", str_of(j, "id"), str_of(j, "container"), str_of(j, "workload"),
		 str_of(j, "node"), str_of(j, "time"), str_of(j, "finding"));
	cli_put(stdout, line);
	putchar('\n');
	json_array_foreach(json_object_get(j, "files"), i, v) {
		snprintf(line, sizeof(line), "  %-18s %12llu  %s", str_of(v, "name"), (unsigned long long)u64_of(v, "size"), str_of(v, "sha256"));
		cli_put(stdout, line);
		putchar('\n');
	}
	json_array_foreach(json_object_get(j, "cut"), i, v) {
		fputs("  cut: ", stdout);
		cli_put(stdout, json_string_value(v) ? json_string_value(v) : "");
		putchar('\n');
	}
	if (json_is_object(json_object_get(j, "previous"))) {
		snprintf(line, sizeof(line), "  after %s, manifest %s", str_of(json_object_get(j, "previous"), "id"),
			 str_of(json_object_get(j, "previous"), "sha256"));
		cli_put(stdout, line);
		putchar('\n');
	}
	json_decref(j);
	return CLI_OK;
}

/* ---- export --------------------------------------------------------------------------------------------------------------- */
static bool gz_all(gzFile f, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		unsigned n = len > 1U << 20 ? 1U << 20 : (unsigned)len;

		if (gzwrite(f, p, n) != (int)n)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

static int export_file(const struct cli_options *o, gzFile out, const char *id, const char *name, char **ret_text, size_t *ret_len)
{
	static const char zeros[TAR_END];
	_cleanup_free_ unsigned char *header = malloc(TAR_HEADER_MAX);
	struct tar_entry e = { .type = TAR_FILE, .mode = 0440 };
	struct cli_answer a;
	char path[512], full[160];
	size_t n;
	int code;

	if (!header || !file_path(path, sizeof(path), id, name))
		return CLI_REFUSED;
	code = cli_get(o, path, &a);
	if (code)
		return code;
	snprintf(full, sizeof(full), "%s/%s", id, name);
	e.name = full;
	e.size = a.len;
	n = tar_header(&e, header);
	if (!n || !gz_all(out, header, n) || !gz_all(out, a.text, a.len) || !gz_all(out, zeros, tar_padding(a.len)))
		code = CLI_REFUSED;
	if (ret_text && !code) {
		*ret_text = a.text;
		*ret_len = a.len;
	} else {
		free(a.text);
	}
	return code;
}

static int export_to(const struct cli_options *o, const char *id, gzFile out)
{
	static const char zeros[TAR_END];
	_cleanup_free_ char *text = NULL;
	size_t len, i;
	json_error_t err;
	json_t *j, *v;
	int code = export_file(o, out, id, "manifest.json", &text, &len);

	if (code)
		return code;
	j = json_loadb(text, len, 0, &err);
	json_array_foreach(json_object_get(j, "files"), i, v)
		if (!code && str_of(v, "name")[0])
			code = export_file(o, out, id, str_of(v, "name"), NULL, NULL);
	json_decref(j);
	if (!code && !gz_all(out, zeros, sizeof(zeros)))
		code = CLI_REFUSED;
	return code;
}

static int evidence_export(const struct cli_options *o, const char *id)
{
	_cleanup_free_ char *made = NULL;
	const char *file = o->output;
	size_t n;
	bool packed;
	gzFile out;
	int fd, code;

	if (!file && asprintf(&made, "%s.tar.gz", id) >= 0)
		file = made;
	n = file ? strlen(file) : 0;
	packed = n > 2 && (!strcmp(file + n - 2, "gz"));
	fd = file ? open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	out = fd < 0 ? NULL : gzdopen(fd, packed ? "wb" : "wbT");
	if (!out) {
		fprintf(stderr, "pierglass: %s: %s\n", file ? file : id, strerror(errno));
		if (fd >= 0)
			close(fd);
		return CLI_REFUSED;
	}
	code = export_to(o, id, out);
	if (gzclose(out) != Z_OK && !code) {
		fprintf(stderr, "pierglass: %s: cannot be written\n", file);
		code = CLI_REFUSED;
	}
	if (code)
		unlink(file);
	else
		printf("%s\n", file);
	return code;
}

/* ---- verify --------------------------------------------------------------------------------------------------------------- */
struct entry {
	char name[256];
	uint64_t size;
	char sha256[DIGEST_SHA256_TEXT];
};
struct archive {
	struct entry entries[ENTRIES_MAX];
	unsigned count;
	char *manifest;
	size_t manifest_len;
	char manifest_sha256[DIGEST_SHA256_TEXT];
};

/* The entry's data: digest, and the manifest's text. */
static bool read_entry(gzFile in, struct archive *a, struct entry *e, struct digest *d)
{
	const char *base = strrchr(e->name, '/');
	bool manifest = !strcmp(base ? base + 1 : e->name, "manifest.json") && e->size <= MANIFEST_MAX && !a->manifest;
	uint64_t left = e->size + tar_padding(e->size), data = e->size;
	uint8_t raw[DIGEST_SHA256_LEN];
	unsigned char buf[16384];

	if (manifest)
		a->manifest = malloc(e->size + 1);
	while (left) {
		unsigned want = left < sizeof(buf) ? (unsigned)left : sizeof(buf);
		size_t take;

		if (gzread(in, buf, want) != (int)want)
			return false;
		take = data < want ? (size_t)data : want;
		if (digest_add(d, buf, take) < 0)
			return false;
		if (manifest && a->manifest) {
			memcpy(a->manifest + a->manifest_len, buf, take);
			a->manifest_len += take;
		}
		data -= take;
		left -= want;
	}
	if (digest_finish(d, raw) < 0)
		return false;
	digest_text(raw, e->sha256);
	if (manifest)
		memcpy(a->manifest_sha256, e->sha256, sizeof(e->sha256));
	return true;
}

static bool read_archive(gzFile in, struct archive *a)
{
	struct digest *d = digest_new();
	unsigned char block[TAR_BLOCK];
	bool sound = d != NULL;

	while (sound && a->count < ENTRIES_MAX && gzread(in, block, sizeof(block)) == (int)sizeof(block)) {
		struct entry *e = &a->entries[a->count];
		char type;
		int r = tar_parse(block, e->name, &e->size, &type);

		if (r == -ENODATA)
			break;
		if (r == 0 && type == TAR_DIR)
			continue;
		sound = r == 0 && type == TAR_FILE && read_entry(in, a, e, d);
		a->count++;
	}
	digest_free(d);
	return sound && a->manifest;
}

static const struct entry *entry_of(const struct archive *a, const char *name)
{
	for (unsigned i = 0; i < a->count; i++) {
		const char *base = strrchr(a->entries[i].name, '/');

		if (!strcmp(base ? base + 1 : a->entries[i].name, name))
			return &a->entries[i];
	}
	return NULL;
}

static int compare(const struct archive *a, const char *file)
{
	json_error_t err;
	json_t *j = json_loadb(a->manifest, a->manifest_len, 0, &err), *v;
	unsigned bad = 0, good = 0;
	size_t i;

	if (!json_is_array(json_object_get(j, "files"))) {
		fprintf(stderr, "pierglass: %s: its manifest is no manifest\n", file);
		json_decref(j);
		return CLI_REFUSED;
	}
	json_array_foreach(json_object_get(j, "files"), i, v) {
		const struct entry *e = entry_of(a, str_of(v, "name"));
		bool same = e && e->size == u64_of(v, "size") && !strcmp(e->sha256, str_of(v, "sha256"));

		good += same;
		bad += !same;
		if (!same) {
			cli_put(stdout, str_of(v, "name"));
			puts(e ? ": differs from the manifest" : ": is missing");
		}
	}
	if (a->count != good + bad + 1) {
		bad++;
		puts("files that the manifest does not name");
	}
	printf("%s: %u files as the manifest says, %u not; manifest %s", str_of(j, "id"), good, bad, a->manifest_sha256);
	v = json_object_get(j, "previous");
	if (json_is_object(v))
		printf(", after %s %s", str_of(v, "id"), str_of(v, "sha256"));
	putchar('\n');
	json_decref(j);
	return bad ? CLI_FOUND : CLI_OK;
}

static int evidence_verify(const char *file)
{
	struct archive *a = calloc(1, sizeof(*a));
	gzFile in = gzopen(file, "rb");
	int code = CLI_REFUSED;

	if (!in || !a)
		fprintf(stderr, "pierglass: %s: %s\n", file, strerror(errno));
	else if (!read_archive(in, a))
		fprintf(stderr, "pierglass: %s: is no whole archive of evidence\n", file);
	else
		code = compare(a, file);
	if (in)
		gzclose(in);
	free(a ? a->manifest : NULL);
	free(a);
	return code;
}

static int evidence_collect(const struct cli_options *o, const char *finding)
{
	char path[512] = "/v1/evidence/collect", line[512];
	json_t *j;
	int code;

	if (!cli_query(path, sizeof(path), "id", finding)) {
		fputs("pierglass: evidence: the id is too long\n", stderr);
		return CLI_USAGE;
	}
	code = cli_post(o, path, "", 0, &j);
	if (code)
		return code;
	if (o->json) {
		_cleanup_free_ char *text = json_dumps(j, JSON_COMPACT);

		puts(text ? text : "{}");
	} else {
		snprintf(line, sizeof(line), "%s is being made: pierglass evidence list", str_of(j, "workload"));
		cli_put(stdout, line);
		putchar('\n');
	}
	json_decref(j);
	return CLI_OK;
}

int cmd_evidence(const struct cli_options *o)
{
	const char *what = o->argument_count ? o->arguments[0] : "list", *arg = o->argument_count > 1 ? o->arguments[1] : NULL;

	if (!strcmp(what, "list") && !arg)
		return evidence_list(o);
	if (!strcmp(what, "collect") && arg)
		return evidence_collect(o, arg);
	if (!strcmp(what, "show") && arg)
		return evidence_show(o, arg);
	if (!strcmp(what, "export") && arg)
		return evidence_export(o, arg);
	if (!strcmp(what, "verify") && arg)
		return evidence_verify(arg);
	fputs("pierglass: evidence: list | collect FINDING | show ID | export ID [-o FILE.tar.gz] | verify FILE\n", stderr);
	return CLI_USAGE;
}
