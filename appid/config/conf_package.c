/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which package of the root a program belongs to, and the digest that it was packaged with: dpkg's status and *.md5sums (Debian, and
 * status.d of images without dpkg), apk's list of what is installed. An RPM database is said not to be read. Reads by itself: what
 * a package manager keeps is no configuration, nobody needs to watch it. */
#include <stdio.h>
#include <string.h>

#include "appid/config/conf_package.h"
#include "appid/config/conf_priv.h"

enum { PACKAGES = 4000, LINKS = 6, NAMES = 3, SHA1_LEN = 20 };

struct search {
	struct conf *c;
	char *text; /* one buffer for all: CONF_FILE_BYTES */
	const char *names[NAMES]; /* the program's path without its first slash, as a package may have it */
	unsigned name_count;
	struct conf_package *found;
};

/* NULL: absent, too long, or it takes too long. */
static const char *take(struct search *s, const char *path)
{
	size_t len = 0;

	conf_tick(s->c);
	if (s->c->fs.read(s->c->fs.ctx, path, s->text, CONF_FILE_BYTES - 1, &len) < 0 || len >= CONF_FILE_BYTES)
		return NULL;
	s->text[len] = '\0';
	return s->text;
}

static bool is_name(const struct search *s, const char *p, size_t len)
{
	for (unsigned i = 0; i < s->name_count; i++)
		if (strlen(s->names[i]) == len && !memcmp(s->names[i], p, len))
			return true;
	return false;
}

/* ---- dpkg ------------------------------------------------------------------------------------------------------------ */
struct record {
	char name[128], version[128], arch[32];
	bool installed;
};

static bool field(const char *line, const char *end, const char *key, char *ret, size_t size)
{
	size_t n = strlen(key);

	if ((size_t)(end - line) < n || memcmp(line, key, n) != 0)
		return false;
	snprintf(ret, size, "%.*s", (int)(end - line - (ptrdiff_t)n), line + n);
	return true;
}

/* The next record of a status file (deb-control(5)); NULL: the end. */
static const char *record_next(const char *p, struct record *r)
{
	char status[64];

	memset(r, 0, sizeof(*r));
	r->installed = true; /* status.d has no Status */
	while (*p == '\n')
		p++;
	if (!*p)
		return NULL;
	while (*p && *p != '\n') {
		const char *end = strchrnul(p, '\n');

		if (field(p, end, "Status: ", status, sizeof(status)))
			r->installed = strstr(status, " installed") || strstr(status, " unpacked") || strstr(status, "half-configured");
		else if (!field(p, end, "Package: ", r->name, sizeof(r->name)) && !field(p, end, "Version: ", r->version, sizeof(r->version)))
			(void)field(p, end, "Architecture: ", r->arch, sizeof(r->arch));
		p = *end ? end + 1 : end;
	}
	return p;
}

/* "<32 digits>  usr/sbin/apache2" */
static bool md5sums_have(struct search *s, const char *path, const struct record *r)
{
	const char *p = take(s, path);

	while (p && *p) {
		const char *end = strchrnul(p, '\n');

		if (end - p > 34 && strspn(p, "0123456789abcdef") == 32 && is_name(s, p + 34, (size_t)(end - p) - 34)) {
			s->found->name = conf_strdup(s->c, r->name);
			s->found->version = conf_strdup(s->c, r->version);
			s->found->digest = conf_printf(s->c, "md5:%.32s", p);
			return true;
		}
		p = *end ? end + 1 : end;
	}
	return false;
}

static bool is_file_name(const char *s)
{
	return s[0] && s[0] != '.' && strlen(s) == strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.~_");
}

static bool record_has(struct search *s, const char *dir, const struct record *r)
{
	char path[400];

	if (!r->installed || !is_file_name(r->name))
		return false;
	snprintf(path, sizeof(path), "%s/%s.md5sums", dir, r->name);
	if (md5sums_have(s, path, r))
		return true;
	snprintf(path, sizeof(path), "%s/%s:%s.md5sums", dir, r->name, r->arch);
	return is_file_name(r->arch) && md5sums_have(s, path, r);
}

/* Packages whose name is like the program's are asked first: an image has hundreds. */
static bool dpkg(struct search *s, const char *base)
{
	struct record *all;
	const char *status = take(s, "/var/lib/dpkg/status"), *copy;
	unsigned n = 0;

	if (!status)
		return false;
	copy = conf_strdup(s->c, status);
	all = conf_alloc(s->c, PACKAGES * sizeof(*all));
	while (n < PACKAGES && (copy = record_next(copy, &all[n])))
		n++;
	for (int round = 0; round < 2; round++)
		for (unsigned i = 0; i < n; i++) {
			bool like = strstr(all[i].name, base) || !strncmp(all[i].name, base, strcspn(all[i].name, "-0123456789."));

			if (like == !round && record_has(s, "/var/lib/dpkg/info", &all[i]))
				return true;
		}
	return false;
}

static bool dpkg_status_d(struct search *s)
{
	char *names = conf_alloc(s->c, ROOT_LIST_BYTES), path[400];
	size_t len = 0;
	struct record r;

	if (s->c->fs.list(s->c->fs.ctx, "/var/lib/dpkg/status.d", names, &len) < 0)
		return false;
	for (size_t at = 0; at < len; at += strlen(names + at) + 1) {
		const char *text;

		if (!is_file_name(names + at) || strstr(names + at, ".md5sums"))
			continue;
		snprintf(path, sizeof(path), "/var/lib/dpkg/status.d/%.200s", names + at);
		text = take(s, path);
		if (!text || !record_next(text, &r))
			continue;
		snprintf(path, sizeof(path), "/var/lib/dpkg/status.d/%.200s.md5sums", names + at);
		if (md5sums_have(s, path, &r))
			return true;
	}
	return false;
}

/* ---- apk ------------------------------------------------------------------------------------------------------------- */
static int base64_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* "Q1" and base64 of a SHA-1. */
static bool sha1_text(const char *p, size_t len, char ret[8 + 2 * SHA1_LEN])
{
	unsigned bits = 0, have = 0, out = 0;

	if (len < 2 || p[0] != 'Q' || p[1] != '1')
		return false;
	memcpy(ret, "sha1:", 6);
	for (size_t i = 2; i < len && out < SHA1_LEN; i++) {
		int v = base64_of(p[i]);

		if (v < 0)
			return false;
		bits = (bits << 6 | (unsigned)v) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			snprintf(ret + 5 + 2 * out++, 3, "%02x", bits >> have & 0xff);
		}
	}
	return out == SHA1_LEN;
}

/* The list is often longer than one file may be: read as far as it goes. */
static bool apk(struct search *s)
{
	char dir[256] = "", file[600], digest[8 + 2 * SHA1_LEN];
	const char *p = take(s, "/lib/apk/db/installed");
	struct record r = { .installed = true };
	bool is = false;

	for (; p && *p;) {
		const char *end = strchrnul(p, '\n');

		conf_tick(s->c);
		if (field(p, end, "P:", r.name, sizeof(r.name)) || field(p, end, "V:", r.version, sizeof(r.version)) ||
		    field(p, end, "F:", dir, sizeof(dir))) {
			is = false;
		} else if (field(p, end, "R:", file, 256)) {
			char name[600];

			snprintf(name, sizeof(name), "%s%s%.256s", dir, dir[0] ? "/" : "", file);
			is = is_name(s, name, strlen(name));
			if (is) {
				s->found->name = conf_strdup(s->c, r.name);
				s->found->version = conf_strdup(s->c, r.version);
			}
		} else if (is && field(p, end, "Z:", file, sizeof(file))) {
			if (sha1_text(file, strlen(file), digest))
				s->found->digest = conf_strdup(s->c, digest);
			return true;
		} else if (end == p && is) {
			return true;
		}
		p = *end ? end + 1 : end;
	}
	return is;
}

/* ---- one program ------------------------------------------------------------------------------------------------------ */
/* Where the links of its last component lead. */
static const char *real_path(struct conf *c, const char *path)
{
	for (unsigned i = 0; i < LINKS; i++) {
		char to[1024];

		if (c->fs.link(c->fs.ctx, path, to, sizeof(to)) != 0)
			break;
		path = conf_path(c, conf_dirname(c, path), to);
	}
	return path;
}

/* /bin may be /usr/bin, whichever of both a package says. */
static void names_of(struct search *s, const char *path)
{
	static const char *const merged[] = { "/bin/", "/sbin/", "/lib/" };

	s->names[s->name_count++] = path + 1;
	for (size_t i = 0; i < ARRAY_SIZE(merged); i++) {
		if (!strncmp(path, merged[i], strlen(merged[i])))
			s->names[s->name_count++] = conf_printf(s->c, "usr%s", path);
		if (!strncmp(path, "/usr", 4) && !strncmp(path + 4, merged[i], strlen(merged[i])))
			s->names[s->name_count++] = path + 5;
	}
}

static void package_of(struct conf *c, struct conf_placed *p, char *text)
{
	struct conf_package found = { 0 };
	struct search s = { .c = c, .text = text, .found = &found };
	const char *path = real_path(c, p->path);

	if (path[0] != '/' || !conf_is_known(path) || !strncmp(path, "/usr/local/", 11))
		return;
	names_of(&s, path);
	if (!dpkg(&s, conf_basename(path)) && !dpkg_status_d(&s) && !apk(&s))
		return;
	p->package = conf_alloc(c, sizeof(found));
	memcpy(p->package, &found, sizeof(found));
}

static void find_all(struct conf *c, void *arg)
{
	static const char *const rpm[] = { "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages",
					   "/var/lib/rpm/Packages.db", "/usr/lib/sysimage/rpm/Packages.db" };
	char *text = conf_alloc(c, CONF_FILE_BYTES);
	struct root_stat st;

	for (struct conf_placed *p = c->places; p; p = p->next)
		if (!strcmp(p->role, "program"))
			package_of(c, p, text);
	for (size_t i = 0; i < ARRAY_SIZE(rpm); i++)
		if (c->fs.stat(c->fs.ctx, rpm[i], &st) == 0) {
			conf_note(c, "packages: %s is an RPM database, which is not read", rpm[i]);
			break;
		}
}

void conf_packages(struct conf *c)
{
	conf_guard(c, find_all, NULL, "packages");
}
