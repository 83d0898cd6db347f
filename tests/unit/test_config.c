/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/core/config.h"
#include "sensor/core/redact.h"
#include "sensor/msg.h"

static int read_text(struct config *c, const char *text, size_t len, char *err, size_t err_len)
{
	int fd = memfd_create("config", MFD_CLOEXEC), rc;

	assert_int_equal(write(fd, text, len), len);
	lseek(fd, 0, SEEK_SET);
	err[0] = '\0';
	rc = config_read(c, fd, "c.yaml", err, err_len);
	close(fd);
	return rc;
}

static void test_defaults(void **state)
{
	struct config c;

	config_defaults(&c);
	assert_int_equal(c.engine_count, 1);
	assert_string_equal(c.engines[0], "/var/run/docker.sock");
	assert_true(c.node[0]);
	assert_int_equal(c.xdp, MSG_XDP_OFF);
	assert_int_equal(c.vxlan_port, 4789);
	assert_int_equal(c.flows_max, 131072);
	assert_int_equal(c.half_open_max, 65536);
	assert_int_equal(c.edges_max, 50000);
	assert_int_equal(c.history_days, 14);
	assert_int_equal(c.payload_keep, REDACT_KEEP_REDACTED);
	assert_int_equal(c.store_max_bytes, 1ULL << 30);
}

static void test_every_key(void **state)
{
	static const char text[] = "# a comment\n"
				   "docker:\n  - /var/run/docker.sock\n  - /run/other.sock\n"
				   "node: db-7\n"
				   "hooks:\n  xdp: overlay\n  uplinks: [eth0, \"bond0.12\"]\n  vxlan_port: 8472\n"
				   "limits: {flows: 200000, half_open: 1000, edges: 64}\n"
				   "store:\n  history_days: 0\n  max_bytes: 256 MiB\npayload:\n  keep: none\n";
	struct config c;
	char err[256];

	config_defaults(&c);
	assert_int_equal(read_text(&c, text, strlen(text), err, sizeof(err)), 0);
	assert_int_equal(c.engine_count, 2);
	assert_string_equal(c.engines[1], "/run/other.sock");
	assert_string_equal(c.node, "db-7");
	assert_int_equal(c.xdp, MSG_XDP_OVERLAY);
	assert_int_equal(c.uplink_count, 2);
	assert_string_equal(c.uplinks[1], "bond0.12");
	assert_int_equal(c.vxlan_port, 8472);
	assert_int_equal(c.flows_max, 200000);
	assert_int_equal(c.half_open_max, 1000);
	assert_int_equal(c.edges_max, 64);
	assert_int_equal(c.history_days, 0);
	assert_int_equal(c.payload_keep, REDACT_KEEP_NONE);
	assert_int_equal(c.store_max_bytes, 256ULL << 20);
}

static void test_each_key_is_optional(void **state)
{
	static const char *const texts[] = { "", "\n\n", "# nothing\n", "---\n", "limits:\n", "limits:\nhooks:\n  xdp: off\n", "{}\n",
					     "docker: /a.sock\n", "store: {}\n", "hooks: {uplinks: []}\n", "\xef\xbb\xbfnode: x\n" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct config c;
		char err[256];

		config_defaults(&c);
		if (read_text(&c, texts[i], strlen(texts[i]), err, sizeof(err)))
			print_error("%s: %s\n", texts[i], err);
		assert_string_equal(err, "");
		assert_int_equal(c.flows_max, 131072);
	}
}

static void test_mistakes_are_named_with_their_line(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "node: a\nflowss: 1\n", "c.yaml:2: unknown key \"flowss\": expected keys docker" },
		{ "limits:\n  flows: 2000\n  edgse: 3\n", "c.yaml:3: unknown key \"edgse\": expected keys flows" },
		{ "limits:\n  flows: 12\n", "c.yaml:2: bad value for \"flows\": expected a number of flows from 1024" },
		{ "limits:\n  flows: many\n", "c.yaml:2: bad value for \"flows\"" },
		{ "limits:\n  flows: -5\n", "c.yaml:2: bad value for \"flows\"" },
		{ "limits:\n  flows: 99999999999999999999999\n", "c.yaml:2: bad value for \"flows\"" },
		{ "limits:\n  flows: 0x4000\n", "c.yaml:2: bad value for \"flows\"" },
		{ "limits:\n  flows:\n", "c.yaml:2: no value for \"flows\"" },
		{ "limits: 5\n", "c.yaml:1: bad value for \"limits\"" },
		{ "limits: [1]\n", "c.yaml:1: bad value for \"limits\"" },
		{ "limits: {flows: 2000, half_open: 3000}\n", "limits.half_open (3000) is above limits.flows (2000)" },
		{ "hooks:\n  xdp: yes\n", "c.yaml:2: bad value for \"xdp\": expected off, uplink, overlay or all" },
		{ "hooks:\n  vxlan_port: 65536\n", "c.yaml:2: bad value for \"vxlan_port\"" },
		{ "hooks:\n  uplinks: [a, b, c, d, e]\n", "c.yaml:2: bad value for \"uplinks\"" },
		{ "hooks:\n  uplinks:\n   - eth0\n   - a-name-of-16-char\n", "c.yaml:4: bad value for \"uplinks\"" },
		{ "hooks: {uplinks: [eth0, eth0]}\n", "c.yaml:1: named twice in \"uplinks\"" },
		{ "docker: var/run/docker.sock\n", "c.yaml:1: bad value for \"docker\"" },
		{ "docker: []\n", "c.yaml:1: bad value for \"docker\"" },
		{ "docker: {a: b}\n", "c.yaml:1: bad value for \"docker\"" },
		{ "docker: [/a, /b, /c, /d, /e, /f, /g, /h, /i]\n", "c.yaml:1: bad value for \"docker\"" },
		{ "store:\n  max_bytes: 1 GB\n", "c.yaml:2: bad value for \"max_bytes\"" },
		{ "store:\n  max_bytes: 18446744073709551615 GiB\n", "c.yaml:2: bad value for \"max_bytes\"" },
		{ "node: \"a\\nb\"\n", "c.yaml:1: bad value for \"node\"" },
		{ "node: \"a\\e[31mb\"\n", "c.yaml:1: bad value for \"node\"" },
		{ "node: [a]\n", "c.yaml:1: bad value for \"node\"" },
		{ "node: a\nnode: b\n", "c.yaml:2: is no valid YAML: duplicate key" },
		{ "a: [\n", "is no valid YAML" },
		{ "\tnode: x\n", "c.yaml:1: is no valid YAML" },
		{ "node: \x80\n", "c.yaml:1: is no valid YAML: bytes that are no UTF-8" },
		{ "node: a\ndocker: /a\xff\nflowss: 1\n", "c.yaml:2: is no valid YAML" },
		{ "just words\n", "expected keys docker" },
		{ "- a\n", "expected keys docker" },
		{ "? [a]\n: b\n", "unreadable key" },
		{ "node: x\n---\nnode: y\n", "more than one document" },
		{ "node: &n x\ndocker: *n\n", "c.yaml:2: bad value for \"docker\"" },
		{ "\"\\e[31mevil\": 1\n", "unreadable key" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config c, before;
		char err[256];

		memset(&c, 0, sizeof(c));
		config_defaults(&c);
		before = c;
		assert_int_equal(read_text(&c, cases[i].text, strlen(cases[i].text), err, sizeof(err)), -EINVAL);
		if (!strstr(err, cases[i].says))
			print_error("%s\n  says: %s\n  not: %s\n", cases[i].text, err, cases[i].says);
		assert_non_null(strstr(err, cases[i].says));
		assert_null(strchr(err, '\n'));
		assert_null(strchr(err, '\x1b'));
		assert_memory_equal(&c, &before, sizeof(c));
	}
}

static void test_hostile_files_end_soon(void **state)
{
	struct config c;
	char err[256], *big = malloc((1 << 20) + 2);
	size_t n = 0;

	config_defaults(&c);
	/* billion laughs */
	n += (size_t)snprintf(big + n, 64, "a: &a [x,x,x,x,x,x,x,x,x]\n");
	for (char k = 'b'; k < 'z'; k++) {
		n += (size_t)snprintf(big + n, 64, "%c: &%c [x", k, k);
		for (int i = 0; i < 9; i++)
			n += (size_t)snprintf(big + n, 64, ",*%c", k - 1);
		n += (size_t)snprintf(big + n, 64, "]\n");
	}
	assert_int_equal(read_text(&c, big, n, err, sizeof(err)), -EINVAL);
	memset(big, '{', 100000);
	assert_int_equal(read_text(&c, big, 100000, err, sizeof(err)), -EINVAL);
	memset(big, '[', 100000);
	assert_int_equal(read_text(&c, big, 100000, err, sizeof(err)), -EINVAL);
	memset(big, '#', (1 << 20) + 1);
	assert_int_equal(read_text(&c, big, (1 << 20) + 1, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "larger than 1 MiB"));
	assert_int_equal(read_text(&c, "node: a\0b", 9, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "NUL"));
	free(big);
}

static void test_a_pipe_and_a_directory(void **state)
{
	struct config c;
	char err[256];
	int fds[2], fd;

	config_defaults(&c);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "node: p\n", 8), 8);
	close(fds[1]);
	assert_int_equal(config_read(&c, fds[0], "pipe", err, sizeof(err)), 0);
	assert_string_equal(c.node, "p");
	close(fds[0]);
	fd = open("/", O_RDONLY | O_DIRECTORY);
	assert_int_equal(config_read(&c, fd, "dir", err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "dir: cannot be read"));
	close(fd);
}

/* The commented example is a valid file, and with every comment opened it is one with just the defaults. */
static void test_the_example(void **state)
{
	struct config c, defaults;
	char err[256] = "", line[512], *open_text = calloc(1, 65536);
	int fd = open("etc/pierglass.yaml", O_RDONLY);
	size_t n = 0;
	FILE *f;

	assert_true(fd >= 0);
	memset(&c, 0, sizeof(c));
	memset(&defaults, 0, sizeof(defaults));
	config_defaults(&c);
	config_defaults(&defaults);
	assert_int_equal(config_read(&c, fd, "etc/pierglass.yaml", err, sizeof(err)), 0);
	assert_memory_equal(&c, &defaults, sizeof(c));
	f = fdopen(fd, "r");
	rewind(f);
	while (fgets(line, sizeof(line), f)) /* "#key: value" opens, "# words" stays a comment */
		n += (size_t)snprintf(open_text + n, 65536 - n, "%s",
				      line[0] == '#' && line[1] != ' ' && line[1] != '\n' ? line + 1 : line);
	fclose(f);
	if (read_text(&c, open_text, strlen(open_text), err, sizeof(err)))
		print_error("%s\n", err);
	assert_string_equal(err, "");
	assert_int_equal(c.flows_max, defaults.flows_max);
	assert_int_equal(c.store_max_bytes, defaults.store_max_bytes);
	assert_string_equal(c.engines[0], defaults.engines[0]);
	free(open_text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_each_key_is_optional),
		cmocka_unit_test(test_mistakes_are_named_with_their_line),
		cmocka_unit_test(test_hostile_files_end_soon),
		cmocka_unit_test(test_a_pipe_and_a_directory),
		cmocka_unit_test(test_the_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
