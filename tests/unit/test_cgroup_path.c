/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "sensor/watch/cgroup_path.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void test_parse(void **state)
{
	static const struct {
		const char *text, *path; /* path NULL: -ENOENT */
	} cases[] = {
		{ "0::/docker/" ID "\n", "/docker/" ID },
		{ "12:cpu,cpuacct:/docker/x\n1:name=systemd:/docker/x\n0::/system.slice/docker-" ID ".scope\n", "/system.slice/docker-" ID ".scope" },
		{ "0::/", "/" },
		{ "0::/a (deleted)\n", "/a" },
		{ "0::/ (deleted)", "/" },
		{ "1:cpu:/x\n", NULL },
		{ "10::/x\n", NULL },
		{ "0::x\n", NULL },
		{ "", NULL },
		{ "\n\n\n0::/late\n", "/late" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[CGROUP_PATH_LEN] = "untouched";
		int r = cgroup_path_parse(cases[i].text, strlen(cases[i].text), path);

		assert_int_equal(r, cases[i].path ? 0 : -ENOENT);
		assert_string_equal(path, cases[i].path ? cases[i].path : "untouched");
	}
}

static void test_parse_too_long(void **state)
{
	char text[CGROUP_PATH_LEN + 8], path[CGROUP_PATH_LEN] = "untouched";

	memset(text, 'a', sizeof(text));
	memcpy(text, "0::/", 4);
	assert_int_equal(cgroup_path_parse(text, CGROUP_PATH_LEN + 3, path), -ENAMETOOLONG);
	assert_string_equal(path, "untouched");
	assert_int_equal(cgroup_path_parse(text, CGROUP_PATH_LEN + 2, path), 0);
	assert_int_equal(strlen(path), CGROUP_PATH_LEN - 1);
}

static void test_container_id(void **state)
{
	static const struct {
		const char *path, *inner, *outer;
	} cases[] = {
		{ "/docker/" ID, ID, ID },
		{ "/system.slice/docker-" ID ".scope", ID, ID },
		{ "/system.slice/docker-" ID ".scope/init.scope", ID, ID },
		{ "/lab/a/" ID "/nested/deeper", ID, ID },
		{ "/docker/" ID "/docker/" ID2, ID2, ID },
		{ "/machine.slice/libpod-" ID ".scope/container", ID, ID },
		{ "/libpod_parent/libpod-" ID, ID, ID },
		{ "/kubepods/besteffort/pod1/cri-containerd-" ID ".scope", ID, ID },
		{ "/docker/" ID "0", NULL, NULL },
		{ "/docker/0123456789abcdef", NULL, NULL },
		{ "/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", NULL, NULL },
		{ "/docker-" ID ".slice", NULL, NULL },
		{ "/xdocker-" ID ".scope", NULL, NULL },
		{ "/", NULL, NULL },
		{ "", NULL, NULL },
		{ "//" ID "//", ID, ID },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char id[65] = "-";

		assert_int_equal(cgroup_path_container_id(cases[i].path, id), cases[i].inner != NULL);
		assert_string_equal(id, cases[i].inner ? cases[i].inner : "-");
		assert_int_equal(cgroup_path_outer_container_id(cases[i].path, id), cases[i].outer != NULL);
		assert_string_equal(id, cases[i].outer ? cases[i].outer : "-");
	}
}

static void test_mount_info(void **state)
{
	static const char text[] =
		"24 30 0:22 / /sys rw,nosuid - sysfs sysfs rw\n"
		"35 24 0:29 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
		"36 24 0:30 / /with\\040space\\134 rw master:1 propagate_from:2 - cgroup2 none rw\n"
		"77 1 0:55 / /var/lib/docker/overlay2/m rw - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/u\\054\\\\,x,workdir=/w\n"
		"not a mount\n";
	struct mount_info m;
	char v[64];

	assert_int_equal(mount_info_find(text, sizeof(text) - 1, "cgroup2", NULL, &m), 0);
	assert_string_equal(m.point, "/sys/fs/cgroup/unified");
	assert_int_equal(m.id, 35);
	assert_int_equal(m.parent, 24);
	assert_int_equal(m.minor, 29);
	assert_string_equal(m.root, "/");
	assert_string_equal(m.options, "rw,nsdelegate");
	assert_int_equal(mount_info_find(text, sizeof(text) - 1, "cgroup2", "/with space\\", &m), 0);
	assert_int_equal(mount_info_find(text, sizeof(text) - 1, "ext4", NULL, &m), -ENOENT);
	assert_int_equal(mount_info_find(text, sizeof(text) - 1, "overlay", NULL, &m), 0);
	assert_int_equal(mount_info_option(&m, "lowerdir", v, sizeof(v)), 0);
	assert_string_equal(v, "/l/A:/l/B");
	assert_int_equal(mount_info_option(&m, "upperdir", v, sizeof(v)), 0);
	assert_string_equal(v, "/u,\\\\,x");
	assert_int_equal(mount_info_option(&m, "workdir", v, sizeof(v)), 0);
	assert_string_equal(v, "/w");
	assert_int_equal(mount_info_option(&m, "work", v, sizeof(v)), -ENOENT);
	assert_int_equal(mount_info_option(&m, "lowerdir", v, 5), -ENAMETOOLONG);
}

static void test_mount_info_bad(void **state)
{
	static const char *const bad[] = {
		"", " ", "1", "1 2", "1 2 3:4", "1 2 3:4 /", "1 2 3:4 / /", "1 2 3:4 / / rw", "1 2 3:4 / / rw -", "1 2 3:4 / / rw - ext4",
		"1 2 3 / / rw - ext4 x", "a 2 3:4 / / rw - ext4 x rw", "99999999999 2 3:4 / / rw - ext4 x rw", "1 2 3:4 / / rw shared:1 ext4 x rw",
	};
	struct mount_info m = { .id = 7 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(mount_info_parse(bad[i], strlen(bad[i]), &m), -EBADMSG);
		assert_int_equal(m.id, 7);
	}
}

/* What this very machine says of us must be readable. */
static void test_own(void **state)
{
	static char text[1 << 20];
	FILE *f = fopen("/proc/self/mountinfo", "r");
	struct mount_info m;
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	assert_int_equal(mount_info_find(text, n, "proc", NULL, &m), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	  cmocka_unit_test(test_parse_too_long), cmocka_unit_test(test_container_id),
		cmocka_unit_test(test_mount_info), cmocka_unit_test(test_mount_info_bad), cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
