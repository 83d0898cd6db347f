/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What declared intent rests on: texts that name a host, the files and lines that a configuration was read from, trees of image layers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_priv.h"
#include "appid/config/conf_watch.h"
#include "appid/config_job.h"
#include "appid/digest_text.h"
#include "appid/image_tree.h"
#include "base/target.h"
#include "sensor/core/declared.h"

/* ---- targets ------------------------------------------------------------------------------------------------------- */
static void test_target_split(void **state)
{
	static const struct {
		const char *text, *host; /* NULL: none */
		unsigned port;
	} rows[] = {
		{ "db", "db", 0 },
		{ "db:3306", "db", 3306 },
		{ "http://app:3000/x?y", "app", 3000 },
		{ "https://api.example.org/v1", "api.example.org", 443 },
		{ "postgres://u:p%40@db/app", "db", 5432 },
		{ "redis://:secret@cache:6380/0", "cache", 6380 },
		{ "[fd00::1]:80", "fd00::1", 80 },
		{ "fastcgi://php", "php", 9000 },
		{ "unknown://x", "x", 0 },
		{ "unix:/run/x.sock", NULL, 0 },
		{ "/run/x.sock", NULL, 0 },
		{ "db:70000", NULL, 0 },
		{ "db:", NULL, 0 },
		{ "a b", NULL, 0 },
		{ "", NULL, 0 },
		{ "[fd00::1", NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char host[TARGET_HOST_MAX] = "";
		unsigned port = 0;
		bool is = target_split(rows[i].text, strlen(rows[i].text), host, &port);

		if (is != !!rows[i].host || (is && (strcmp(host, rows[i].host) != 0 || port != rows[i].port)))
			fail_msg("%s: %d %s %u", rows[i].text, is, host, port);
	}
	assert_true(target_is_named_by("DB_HOST", 7));
	assert_true(target_is_named_by("redis_url", 9));
	assert_false(target_is_named_by("HOSTNAME", 8));
	assert_false(target_is_named_by("MODE", 4));
	assert_false(target_is_named_by("GHOST", 5));
	assert_true(target_is_self("127.0.0.1"));
	assert_false(target_is_self("127db"));
}

/* ---- image trees ---------------------------------------------------------------------------------------------------- */
static void put(struct image_tree *t, enum image_kind kind, const char *path, const char *text)
{
	struct image_entry e = { .kind = kind, .mode = 0644, .size = kind == IMAGE_FILE ? strlen(text) : 0, .link = kind == IMAGE_LINK ? text : NULL };
	bool wanted;

	assert_int_equal(image_tree_add(t, path, &e, &wanted), 0);
	if (!wanted)
		return;
	image_tree_content(t, text, strlen(text));
	image_tree_content_end(t);
}

static const char *content(struct image_tree *t, const char *path)
{
	static char buf[256];
	const struct conf_fs fs = image_tree_fs(t);
	size_t len = 0;
	int r = fs.read(fs.ctx, path, buf, sizeof(buf) - 1, &len);

	if (r < 0)
		return r == -ENOENT ? "ENOENT" : r == -ELOOP ? "ELOOP" : r == -EISDIR ? "EISDIR" : r == -ENOTDIR ? "ENOTDIR" : "other";
	buf[len] = '\0';
	return buf;
}

static void test_image_tree_layers(void **state)
{
	struct image_tree *t = image_tree_new();
	bool wanted;

	digest_init();
	assert_non_null(t);
	image_tree_layer(t);
	put(t, IMAGE_FILE, "./etc/a", "one");
	put(t, IMAGE_FILE, "etc/b", "b");
	put(t, IMAGE_FILE, "opt/d/x", "x");
	put(t, IMAGE_FILE, "was/dir/f", "f");
	put(t, IMAGE_LINK, "lib", "usr/lib");
	put(t, IMAGE_FILE, "usr/lib/l", "l");
	put(t, IMAGE_LINK, "out", "/../../../../etc/a");
	put(t, IMAGE_LINK, "l1", "l2");
	put(t, IMAGE_LINK, "l2", "l1");
	image_tree_layer(t);
	put(t, IMAGE_FILE, "etc/a", "two");
	put(t, IMAGE_FILE, "etc/.wh.b", "");
	put(t, IMAGE_FILE, "opt/d/y", "y");
	put(t, IMAGE_FILE, "opt/d/.wh..wh..opq", "");
	put(t, IMAGE_FILE, "was", "a file now");
	assert_string_equal(content(t, "/etc/a"), "two");
	assert_string_equal(content(t, "/etc/b"), "ENOENT");
	assert_string_equal(content(t, "/opt/d/x"), "ENOENT");
	assert_string_equal(content(t, "/opt/d/y"), "y"); /* of the layer that says so */
	assert_string_equal(content(t, "/was"), "a file now");
	assert_string_equal(content(t, "/was/dir/f"), "ENOTDIR");
	assert_string_equal(content(t, "/lib/l"), "l");
	assert_string_equal(content(t, "/lib/../../etc/a"), "two");
	assert_string_equal(content(t, "/out"), "two"); /* the root's own, not the machine's */
	assert_string_equal(content(t, "/l1"), "ELOOP");
	assert_string_equal(content(t, "/etc"), "EISDIR");
	assert_int_equal(image_tree_add(t, "../x", &(struct image_entry){ .kind = IMAGE_FILE }, &wanted), -EINVAL);
	assert_int_equal(image_tree_refused(t), 1);
	image_tree_free(t);
}

/* ---- what is watched --------------------------------------------------------------------------------------------------- */
static uint64_t now(void)
{
	return 1;
}

static bool has(const struct conf *c, const char *path)
{
	for (const struct conf_watched *w = c->watched; w; w = w->next)
		if (!strcmp(w->path, path))
			return true;
	return false;
}

static struct conf *scanned(struct image_tree *t)
{
	static const char *const argv[] = { "apache2", "-DFOREGROUND", NULL };
	const struct conf_start start = { .argv = argv };
	const struct conf_fs fs = image_tree_fs(t);
	struct conf *c = conf_new(&fs, now, 1000);

	assert_non_null(c);
	conf_watch_begin(c);
	conf_scan(c, &start);
	conf_watch_links(c);
	return c;
}

static void test_conf_watch_links(void **state)
{
	struct image_tree *t = image_tree_new();
	struct conf *c;

	digest_init();
	image_tree_layer(t);
	put(t, IMAGE_FILE, "etc/apache2/apache2.conf", "# c\nInclude ports.conf\nIncludeOptional conf.d/*.conf\nIncludeOptional later.conf\n");
	put(t, IMAGE_LINK, "etc/apache2/ports.conf", "/etc/config/ports.conf");
	put(t, IMAGE_LINK, "etc/config/ports.conf", "..data/ports.conf");
	put(t, IMAGE_LINK, "etc/config/..data", "..1");
	put(t, IMAGE_FILE, "etc/config/..1/ports.conf", "Listen   80\n");
	put(t, IMAGE_DIR, "etc/apache2/conf.d", NULL);
	c = scanned(t);
	assert_int_equal(c->listener_count, 1);
	assert_string_equal(c->listeners->source, "/etc/apache2/ports.conf:1");
	assert_true(has(c, "/etc/apache2/apache2.conf"));
	assert_true(has(c, "/etc/apache2/ports.conf"));
	assert_true(has(c, "/etc/config/ports.conf"));
	assert_true(has(c, "/etc/config/..data"));
	assert_true(has(c, "/etc/config/..1/ports.conf"));
	assert_true(has(c, "/etc/apache2/conf.d/"));
	assert_true(has(c, "/etc/apache2/later.conf"));
	conf_free(c);
	image_tree_free(t);
}

static uint64_t line_hash(const char *text, unsigned *ret_count)
{
	struct image_tree *t = image_tree_new();
	struct conf *c;
	uint64_t h = 0;

	image_tree_layer(t);
	put(t, IMAGE_FILE, "etc/apache2/apache2.conf", text);
	c = scanned(t);
	*ret_count = c->line_count;
	for (const struct conf_line *l = c->lines; l; l = l->next)
		h = h * 31 + l->hash;
	conf_free(c);
	image_tree_free(t);
	return h;
}

static void test_conf_watch_lines(void **state)
{
	unsigned n;
	uint64_t one = line_hash("Listen 80\nServerName x\n", &n);

	assert_int_equal(n, 2);
	assert_true(one == line_hash("# comment\n\n  Listen \t 80  \n#x\nServerName x", &n));
	assert_int_equal(n, 2);
	assert_true(one != line_hash("Listen 80\nServerName y\n", &n));
}

/* ---- requests --------------------------------------------------------------------------------------------------------------- */
static int none(const void *body, size_t len, void *arg)
{
	return 0;
}

static void test_config_job_requests(void **state)
{
	static const struct {
		struct msg_config_start start;
		const char *texts;
		size_t len;
	} rows[] = {
		{ { 1, 0 }, "", 0 },		      /* no directory */
		{ { 1, 0 }, "/", 1 },		      /* without its end */
		{ { 2, 0 }, "/\0a\0", 4 },	      /* a word missing */
		{ { 0, 1 }, "/\0X=1", 5 },	      /* an end missing */
		{ { 0xffffffff, 0xffffffff }, "/\0", 2 },
	};
	struct msg_config_end end;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	close(pair[1]); /* nobody serves */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t body[64];

		memcpy(body, &rows[i].start, sizeof(rows[i].start));
		memcpy(body + sizeof(rows[i].start), rows[i].texts, rows[i].len);
		assert_int_equal(config_job(pair[0], body, sizeof(rows[i].start) + rows[i].len, 65000, none, NULL, &end), -EINVAL);
	}
	assert_int_equal(config_job(pair[0], "", 3, 65000, none, NULL, &end), -EINVAL);
	/* Whoever served is gone: that is no configuration without listeners. */
	assert_int_equal(config_job(pair[0], "\1\0\0\0\0\0\0\0/\0apache2", 18, 65000, none, NULL, &end), -EPIPE);
	close(pair[0]);
}

/* What editors put beside a file while they change it; everything else there is looked at. */
static void test_scratch_names(void **state)
{
	static const char *const yes[] = { "sedVq2LVV", "sed000aZz", "ports.conf~", ".ports.conf.swp", ".ports.conf.swx", "4913", ".#ports.conf", "#ports.conf#" };
	static const char *const no[] = { "", "~", "sed", "sedVq2LV", "sedVq2LVVx", "sedVq2LV.", "ports.conf", "#", "##", ".swp", "x.swp", "4914", "evil.conf", ".htaccess" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(declared_scratch_name(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(declared_scratch_name(no[i]));
}

static void test_health_check_is_known_by_its_command(void **state)
{
	assert_true(declared_same_command("curl -f http://localhost/", "curl\037-f\037http://localhost/", false));
	assert_true(declared_same_command("curl -f http://localhost/", "/bin/sh\037-c\037curl -f http://localhost/", false));
	assert_true(declared_same_command("a b", "a", true));
	/* arguments are kept without what is secret */
	assert_true(declared_same_command("mysqladmin ping -phunter2", "mysqladmin\037ping\037-p[redacted]", false));
	assert_true(declared_same_command("mysqladmin ping -p$X || exit 1", "/bin/sh\037-c\037mysqladmin ping -p[redacted] || exit 1", false));
	assert_true(declared_same_command("redis-cli -a b ping", "redis-cli\037-a\037[redacted]\037ping", false));
	assert_true(declared_same_command("grep 'a\\.b' /x", "/bin/sh\037-c\037grep 'a\\x5c.b' /x", false));
	assert_false(declared_same_command("curl -f http://localhost/", "curl\037-f\037http://localhost/\037-o\037/tmp/x", false));
	assert_false(declared_same_command("curl -f http://localhost/", "curl", false));
	assert_false(declared_same_command("curl -f http://localhost/", "/bin/sh\037-c\037curl -f http://localhost/; id", false));
	assert_false(declared_same_command("a b", "", true));
	assert_false(declared_same_command("", "", false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_target_split),	 cmocka_unit_test(test_image_tree_layers), cmocka_unit_test(test_conf_watch_links),
		cmocka_unit_test(test_conf_watch_lines), cmocka_unit_test(test_config_job_requests),
		cmocka_unit_test(test_scratch_names),	 cmocka_unit_test(test_health_check_is_known_by_its_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
