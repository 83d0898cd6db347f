/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pure pieces of "files": records of the kernel, a container's mounts and layers, floods, hashing; and the opener's way
 * below a root and through layers, on directories of the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/keeper/opener.h"
#include "sensor/msg.h"
#include "sensor/msg_files.h"
#include "base/ipc.h"
#include "sensor/watch/files_flood.h"
#include "sensor/watch/files_priv.h"
#include "sensor/watch/files_hash.h"
#include "sensor/watch/files_mounts.h"
#include "sensor/watch/files_records.h"

/* ---- records ---------------------------------------------------------------------------------------------------------- */
static size_t put_record(char *at, int fd, int pid, const int *pidfd)
{
	struct fanotify_event_metadata m = { .event_len = sizeof(m), .vers = FANOTIFY_METADATA_VERSION, .metadata_len = sizeof(m),
					     .mask = FAN_CLOSE_WRITE, .fd = fd, .pid = pid };
	const uint16_t info[2] = { 4, 8 }; /* FAN_EVENT_INFO_TYPE_PIDFD, its length */

	if (pidfd)
		m.event_len += 8;
	memcpy(at, &m, sizeof(m));
	if (pidfd) {
		memcpy(at + sizeof(m), info, 4);
		memcpy(at + sizeof(m) + 4, pidfd, 4);
	}
	return m.event_len;
}

static void test_fan_record(void **state)
{
	const int there = 9, none = -1, failed = -2;
	struct fan_record r;
	char buf[256];
	size_t n = 0;
	struct bytes b;

	n += put_record(buf + n, 5, 100, &there);
	n += put_record(buf + n, 6, 101, &none);
	n += put_record(buf + n, 7, 102, &failed);
	n += put_record(buf + n, FAN_NOFD, 0, NULL);
	b = bytes_of(buf, n);
	assert_int_equal(fan_record_next(&b, &r), 1);
	assert_true(r.fd == 5 && r.pid == 100 && r.pidfd == 9 && !r.ended);
	assert_int_equal(fan_record_next(&b, &r), 1);
	assert_true(r.fd == 6 && r.pidfd == -1 && r.ended);
	assert_int_equal(fan_record_next(&b, &r), 1);
	assert_true(r.pidfd == -1 && !r.ended); /* not known: not said to be gone */
	assert_int_equal(fan_record_next(&b, &r), 1);
	assert_true(r.fd == -1 && r.pid == 0 && r.pidfd == -1 && !r.ended);
	assert_int_equal(fan_record_next(&b, &r), 0);
	for (size_t cut = 1; cut < n; cut++) { /* never past the end */
		b = bytes_of(buf, cut);
		while (fan_record_next(&b, &r) > 0)
			;
		assert_true(bytes_left(&b) <= cut);
	}
	buf[4] = 99; /* another version */
	b = bytes_of(buf, n);
	assert_int_equal(fan_record_next(&b, &r), -EBADMSG);
}

static void test_ino_record(void **state)
{
	struct inotify_event e = { .wd = 3, .mask = IN_MOVED_TO, .cookie = 8, .len = 16 };
	char buf[64] = { 0 };
	struct ino_record r;
	struct bytes b;

	memcpy(buf, &e, sizeof(e));
	memcpy(buf + sizeof(e), "app.conf", 9);
	b = bytes_of(buf, sizeof(e) + 16);
	assert_int_equal(ino_record_next(&b, &r), 1);
	assert_true(r.wd == 3 && r.mask == IN_MOVED_TO && r.cookie == 8);
	assert_string_equal(r.name, "app.conf");
	assert_int_equal(ino_record_next(&b, &r), 0);
	b = bytes_of(buf, sizeof(e) + 15);
	assert_int_equal(ino_record_next(&b, &r), -EBADMSG);
	memset(buf + sizeof(e), 'x', 16); /* a name without an end */
	b = bytes_of(buf, sizeof(e) + 16);
	assert_int_equal(ino_record_next(&b, &r), -EBADMSG);
}

static void test_paths(void **state)
{
	static const struct {
		const char *path, *want;
		uint32_t nlink;
		bool deleted;
	} cases[] = {
		{ "/a/b", "/a/b", 1, false },
		{ "/a/b (deleted)", "/a/b", 0, true },
		{ "/a/b (deleted)", "/a/b (deleted)", 1, false }, /* its name */
		{ "/a/b", "/a/b", 0, true },
		{ " (deleted)", " (deleted)", 0, true },
	};
	bool deleted;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(files_path_clean(cases[i].path, strlen(cases[i].path), cases[i].nlink, &deleted), strlen(cases[i].want));
		assert_int_equal(deleted, cases[i].deleted);
	}
	assert_int_equal(files_dir_len("/a/b", 4), 2);
	assert_int_equal(files_dir_len("/a", 2), 1);
	assert_int_equal(files_dir_len("/", 1), 1);
	assert_int_equal(files_dir_len("", 0), 0);
	assert_true(files_is_program("\177ELF", 4));
	assert_true(files_is_program("#!/bin/sh", 9));
	assert_false(files_is_program("\177EL", 3));
	assert_false(files_is_program("#", 1));
}

/* ---- mounts -------------------------------------------------------------------------------------------------------------- */
#define CID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
static const char info[] =
	"100 90 0:50 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/d/l/AA:/d/l/BB\\:x:/d/l/CC,upperdir=/d/u\\040p/diff,workdir=/d/w\n"
	"101 100 0:51 / /proc rw - proc proc rw\n"
	"102 100 0:52 / /dev rw - tmpfs tmpfs rw\n"
	"103 102 0:53 / /dev/pts rw - devpts devpts rw\n"
	"104 100 254:0 /var/lib/docker/volumes/shop_data/_data /data rw - ext4 /dev/vda rw\n"
	"105 100 254:0 /var/lib/docker/containers/" CID "/hosts /etc/hosts rw - ext4 /dev/vda rw\n"
	"106 100 254:0 /srv/app /app\\040x rw - ext4 /dev/vda rw\n"
	"107 100 0:60 / /fuse rw - fuse.sshfs x rw\n"
	"nonsense\n"
	"108 100 254:0 /home/volumes//_data /a rw - ext4 /dev/vda rw\n"
	"109 100 254:0 /home/volumes/x/y/_data /b rw - ext4 /dev/vda rw\n";

static void test_mounts(void **state)
{
	static const struct {
		const char *point;
		enum files_origin origin;
		enum msg_mark_how how;
	} want[] = {
		{ "/", FILES_ORIGIN_ROOT, MSG_MARK_FILESYSTEM },   { "/dev", FILES_ORIGIN_TMPFS, MSG_MARK_MOUNT },
		{ "/data", FILES_ORIGIN_VOLUME, MSG_MARK_MOUNT },  { "/etc/hosts", FILES_ORIGIN_ENGINE, MSG_MARK_MOUNT },
		{ "/app x", FILES_ORIGIN_BIND, MSG_MARK_MOUNT },   { "/a", FILES_ORIGIN_BIND, MSG_MARK_MOUNT },
		{ "/b", FILES_ORIGIN_BIND, MSG_MARK_MOUNT },
	};
	struct files_mounts m;

	assert_int_equal(files_mounts_read(info, sizeof(info) - 1, &m), 0);
	assert_int_equal(m.count, ARRAY_SIZE(want));
	for (size_t i = 0; i < m.count; i++) {
		assert_string_equal(m.mounts[i].point, want[i].point);
		assert_int_equal(m.mounts[i].origin, want[i].origin);
		assert_int_equal(m.mounts[i].how, want[i].how);
	}
	assert_int_equal(m.unmarkable, 1); /* FUSE */
	assert_int_equal(m.root_minor, 50);
	assert_int_equal(m.layer_count, 4);
	assert_memory_equal(m.layers, "/d/u p/diff\0/d/l/AA\0/d/l/BB:x\0/d/l/CC", m.layers_len);
	assert_int_equal(files_mounts_at(&m, "/data")->id, 104);
	assert_null(files_mounts_at(&m, "/proc"));
	files_mounts_done(&m);
}

static void test_mounts_layers(void **state)
{
	static const struct {
		const char *options;
		size_t count;
		const char *layers;
	} cases[] = {
		{ "rw,upperdir=/u,lowerdir+=/a,lowerdir+=/b,workdir=/w", 3, "/u\0/a\0/b" }, /* Linux 6.8 */
		{ "rw,lowerdir=/a:/b", 0, "" },		/* read-only */
		{ "rw,lowerdir=l/A:l/B,upperdir=x/diff", 0, "" }, /* relative: not to be found */
		{ "rw,lowerdir=/a::/data,upperdir=/u", 3, "/u\0/a\0/data" },
		{ "rw,lowerdir=/a\\000b,upperdir=/u", 0, "" },
	};
	struct files_mounts m;
	char line[512];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int n = snprintf(line, sizeof(line), "1 0 0:50 / / rw - overlay overlay %s\n", cases[i].options);

		assert_int_equal(files_mounts_read(line, (size_t)n, &m), 0);
		assert_int_equal(m.layer_count, cases[i].count);
		if (m.layer_count)
			assert_memory_equal(m.layers, cases[i].layers, m.layers_len);
		files_mounts_done(&m);
	}
	assert_int_equal(files_mounts_read("1 0 0:50 / /x rw - ext4 a rw\n", 29, &m), -EBADMSG);
}

static void test_mounts_bounded(void **state)
{
	_cleanup_free_ char *text = malloc(1 << 20);
	struct files_mounts m;
	size_t n;

	assert_non_null(text);
	n = (size_t)snprintf(text, 64, "1 0 0:50 / / rw - overlay o rw\n");
	for (int i = 0; i < 5000; i++)
		n += (size_t)snprintf(text + n, 64, "%d 1 0:51 / /m%d rw - tmpfs t rw\n", i + 2, i);
	assert_int_equal(files_mounts_read(text, n, &m), 0);
	assert_int_equal(m.count, FILES_MOUNTS_MAX);
	assert_int_equal(m.unmarkable, 5001 - FILES_MOUNTS_MAX);
	files_mounts_done(&m);
}

/* ---- floods ---------------------------------------------------------------------------------------------------------------- */
struct seen {
	unsigned calls;
	uint64_t count;
	struct files_many last;
};

static void note(const struct files_many *m, void *arg)
{
	struct seen *s = arg;

	s->calls++;
	s->count += m->count;
	s->last = *m;
	s->last.dir = NULL;
}

static void test_flood(void **state)
{
	struct files_flood *f = files_flood_new();
	struct seen s = { 0 };
	unsigned alone = 0;
	uint64_t t = 1000;

	for (int i = 0; i < 1000; i++)
		alone += files_flood_add(f, 1, 50, "/tmp", 4, 3, t);
	alone += files_flood_add(f, 1, 51, "/tmp", 4, 3, t); /* another process, another directory, another container */
	alone += files_flood_add(f, 1, 50, "/var", 4, 3, t);
	alone += files_flood_add(f, 2, 50, "/tmp", 4, 3, t);
	assert_int_equal(alone, FILES_FLOOD_ALONE + 3);
	files_flood_expire(f, t + FILES_FLOOD_WINDOW_NS - 1, false, note, &s);
	assert_int_equal(s.calls, 0);
	files_flood_expire(f, t + FILES_FLOOD_WINDOW_NS, false, note, &s);
	assert_int_equal(s.calls, 1); /* only where something was joined */
	assert_int_equal(s.count, 1000 - FILES_FLOOD_ALONE);
	assert_true(s.last.watch == 1 && s.last.pid == 50 && s.last.dir_len == 4 && s.last.window_ns == FILES_FLOOD_WINDOW_NS);
	assert_int_equal(files_flood_count(f), 0);
	files_flood_free(f);
}

/* More pairs than are kept: none is lost, memory stays. */
static void test_flood_bounded(void **state)
{
	struct files_flood *f = files_flood_new();
	struct seen s = { 0 };
	uint64_t alone = 0;

	for (uint32_t i = 0; i < 100000; i++)
		alone += files_flood_add(f, 1, i + 1, "/tmp", 4, 3, 1000);
	assert_true(files_flood_count(f) <= FILES_FLOOD_MAX + 1);
	files_flood_expire(f, 2000, true, note, &s);
	assert_int_equal(alone + s.count, 100000);
	assert_int_equal(s.last.pid, 0);
	assert_int_equal(s.last.dir_len, 0);
	files_flood_free(f);
}

/* ---- hashing ---------------------------------------------------------------------------------------------------------------- */
static int content(const void *data, size_t len)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	return fd;
}

static void key_of(int fd, struct files_key *k)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	*k = (struct files_key){ st.st_dev, st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_ctim.tv_sec * NSEC_PER_SEC + (uint64_t)st.st_ctim.tv_nsec };
}

static void test_hash_run(void **state)
{
	struct digest *d = digest_new();
	struct files_job j = { .fd = content("abc", 3) };
	char buf[2], hex[DIGEST_SHA256_TEXT];

	key_of(j.fd, &j.key);
	files_hash_run(&j, d, buf, sizeof(buf), NSEC_PER_SEC);
	assert_int_equal(j.state, FILES_HASHED);
	digest_text(j.sha256, hex); /* FIPS 180-4's example */
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	j.key.size = 4; /* it was longer a moment ago */
	files_hash_run(&j, d, buf, sizeof(buf), NSEC_PER_SEC);
	assert_int_equal(j.state, FILES_NOT_CHANGED);
	files_hash_run(&j, d, buf, sizeof(buf), 0);
	assert_int_equal(j.state, FILES_NOT_SLOW);
	close(j.fd);
	files_hash_run(&j, d, buf, sizeof(buf), NSEC_PER_SEC);
	assert_int_equal(j.state, FILES_NOT_ERROR);
	digest_free(d);
}

static void drop(struct files_job *j)
{
	free(j);
}

static void test_hash_queue(void **state)
{
	struct files_hash *h = files_hash_new();
	uint8_t known[DIGEST_SHA256_LEN];
	unsigned queued = 0, done = 0;
	struct files_key key;
	struct files_job *j;

	assert_non_null(h);
	for (int i = 0; i < FILES_HASH_QUEUE + 10; i++) {
		j = calloc(1, sizeof(*j));
		j->fd = content("abc", 3);
		key_of(j->fd, &j->key);
		key = j->key;
		if (files_hash_queue(h, j)) {
			queued++;
			continue;
		}
		close(j->fd);
		free(j);
	}
	assert_int_equal(queued, FILES_HASH_QUEUE); /* what is done counts until it is fetched */
	while (done < queued) {
		struct pollfd p = { .fd = files_hash_fd(h), .events = POLLIN };

		assert_int_equal(poll(&p, 1, 5000), 1);
		while ((j = files_hash_next(h))) {
			assert_int_equal(j->state, FILES_HASHED);
			assert_int_equal(j->fd, -1);
			assert_true(files_hash_known(h, &j->key, known));
			assert_memory_equal(known, j->sha256, sizeof(known));
			key = j->key;
			free(j);
			done++;
		}
	}
	key.ctime_ns++;
	assert_false(files_hash_known(h, &key, known));
	files_hash_free(h, drop);
}

/* ---- budget -------------------------------------------------------------------------------------------------------------- */
/* The questions to the opener since the last look: how many marks were to be set, how many taken away. */
static void asked(int sock, unsigned *ret_on, unsigned *ret_off)
{
	static unsigned char body[IPC_BODY_MAX];
	struct msg_place_mark m;
	struct ipc_hdr h;
	int fd;

	*ret_on = *ret_off = 0;
	while (ipc_recv(sock, &h, body, &fd) == 1) {
		assert_int_equal(h.type, MSG_PLACE_MARK);
		memcpy(&m, body, sizeof(m));
		*(m.on ? ret_on : ret_off) += 1;
	}
}

static void test_budget(void **state)
{
	struct files *f = calloc(1, sizeof(*f));
	struct files_container *c = calloc(1, sizeof(*c));
	struct files_mount mounts[2] = { { .id = 1, .point = (char *)"/", .marked = true }, { .id = 2, .point = (char *)"/data", .marked = true } };
	uint64_t t = 100 * NSEC_PER_SEC;
	unsigned on, off, refused = 0;
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	files_link_init(&f->opener, f->epoll, TAG_OPENER);
	files_link_init(&f->core, f->epoll, TAG_CORE);
	files_link_open(&f->opener, pair[0]);
	c->watch = 1;
	c->mounts = (struct files_mounts){ .count = 2, .mounts = mounts };
	HASH_ADD(hh, f->containers, watch, sizeof(c->watch), c);
	for (int s = 0; s < 10; s++, t += NSEC_PER_SEC) /* a burst every other second is fine */
		for (int i = 0; i < (s % 2 ? 10 : 20000); i++)
			assert_true(watch_budget(f, c, t));
	asked(pair[1], &on, &off);
	assert_true(on == 0 && off == 0);
	for (int s = 0; s < 5; s++, t += NSEC_PER_SEC)
		for (int i = 0; i < 5000; i++)
			refused += !watch_budget(f, c, t);
	assert_true(refused > 5000 && refused < 15000);
	assert_int_equal(f->stats.throttles, 1);
	asked(pair[1], &on, &off);
	assert_true(on == 0 && off == 2);
	mounts[0].marked = mounts[1].marked = false;
	c->pending = 0; /* answered */
	watch_tick(f, t);
	asked(pair[1], &on, &off);
	assert_true(on == 0 && off == 0); /* not yet */
	watch_tick(f, t + 10 * NSEC_PER_SEC);
	asked(pair[1], &on, &off);
	assert_true(on == 2 && off == 0);
	assert_true(watch_budget(f, c, t + 10 * NSEC_PER_SEC));
	HASH_DEL(f->containers, c);
	files_link_close(&f->opener);
	for (struct files_ask *q = f->asks, *next; q; q = next) {
		next = q->next;
		free(q);
	}
	close(pair[1]);
	close(f->epoll);
	free(c);
	free(f);
}

/* ---- the opener --------------------------------------------------------------------------------------------------------------- */
static char top[64];

static void make(const char *path, const char *text)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", top, path);
	for (char *s = full + strlen(top) + 1; (s = strchr(s, '/')); s++) {
		*s = '\0';
		(void)mkdir(full, 0755);
		*s = '/';
	}
	if (!text)
		return;
	fd = open(full, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int setup_top(void **state)
{
	snprintf(top, sizeof(top), "/tmp/pg-files-XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", top);
	return system(cmd); // NOLINT: the test's own directory
}

static void test_opener_beneath(void **state)
{
	static const struct {
		const char *path;
		int want; /* -errno, 0: opened */
	} cases[] = {
		{ "/in", 0 }, { "in", 0 }, { "../../in", 0 }, { "/abs", 0 }, { "/up", 0 }, { "/none", -ENOENT }, { "/magic", -ELOOP },
		{ "", -EINVAL }, { "/in/x", -ENOTDIR },
	};
	char link[256];
	int root;

	make("root/in", "inside");
	make("in", "outside");
	root = open(top, O_PATH | O_CLOEXEC);
	assert_int_equal(symlinkat("/in", root, "root/abs"), 0);
	assert_int_equal(symlinkat("../../../../in", root, "root/up"), 0);
	assert_int_equal(symlinkat("/proc/self/cwd", root, "root/proc"), 0);
	close(root);
	snprintf(link, sizeof(link), "%s/root", top);
	root = open(link, O_PATH | O_CLOEXEC);
	assert_int_equal(mkdirat(root, "dir", 0755), 0);
	assert_int_equal(symlinkat("/dir/loop", root, "dir/loop"), 0);
	assert_int_equal(symlinkat("/dir/loop", root, "magic"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_close_ int fd = opener_beneath(root, cases[i].path, strlen(cases[i].path), O_RDONLY, 0);
		char text[16] = "";

		if (cases[i].want) {
			assert_int_equal(take_fd(&fd), cases[i].want);
			continue;
		}
		assert_true(fd >= 0);
		assert_true(read(fd, text, sizeof(text) - 1) > 0);
		assert_string_equal(text, "inside");
	}
	assert_int_equal(opener_beneath(root, "a\0b", 3, O_RDONLY, 0), -EINVAL);
	close(root);
}

/* The layers of top, upper first. */
static int layer_of(const char *path, struct msg_place_layer_answer *ret)
{
	struct msg_place_layer m = { .engine_pid = (uint32_t)getpid(), .count = 3 };
	struct opener_answer a = { .fd = -1 };
	char body[1024];
	size_t n = sizeof(m);
	int r;

	memcpy(body, &m, sizeof(m));
	n += (size_t)snprintf(body + n, 256, "%s", path) + 1;
	for (int i = 0; i < 3; i++)
		n += (size_t)snprintf(body + n, 256, "%s/layer%d", top, i) + 1;
	r = opener_layer(body, n, &a);
	if (r == 0)
		memcpy(ret, a.body, sizeof(*ret));
	return r;
}

static void test_opener_layer(void **state)
{
	static const struct {
		const char *path;
		int index, lower;
	} cases[] = {
		{ "/usr/bin/base", 2, 1 },	{ "/usr/bin/middle", 1, 0 },  { "/opt/new", 0, -1 },	{ "/usr/bin/copied", 0, 1 },
		{ "/usr/bin/both", 1, 0 },	{ "/usr/bin/none", -1, -1 },  { "/usr/bin/gone", -1, -1 }, { "/opaque/old", -1, -1 },
		{ "/opaque/here", 0, -1 },	{ "/file/x", -1, -1 },	      { "/link/base", -1, -1 },
	};
	struct msg_place_layer_answer got;
	char path[256];

	make("layer2/usr/bin/base", "1");
	make("layer2/usr/bin/copied", "1");
	make("layer2/usr/bin/both", "1");
	make("layer2/usr/bin/gone", "1");
	make("layer2/opaque/old", "1");
	make("layer2/opaque/here", "1");
	make("layer2/file/x", "1");
	make("layer1/usr/bin/middle", "1");
	make("layer1/usr/bin/both", "1");
	make("layer0/opt/new", "1");
	make("layer0/usr/bin/copied", "2");
	make("layer0/opaque/here", "2");
	make("layer0/file", "a file where a directory was");
	snprintf(path, sizeof(path), "%s/layer0/usr/bin/gone", top);
	assert_int_equal(mknod(path, S_IFCHR, makedev(0, 0)), 0);
	snprintf(path, sizeof(path), "%s/layer0/opaque", top);
	assert_int_equal(setxattr(path, "trusted.overlay.opaque", "y", 1, 0), 0);
	snprintf(path, sizeof(path), "%s/layer0/link", top);
	assert_int_equal(symlink("../layer2/usr/bin", path), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(layer_of(cases[i].path, &got), 0);
		if (got.index != cases[i].index || got.lower != cases[i].lower)
			fail_msg("%s: layer %d, lower %d", cases[i].path, got.index, got.lower);
	}
	assert_int_equal(layer_of("relative", &got), -EINVAL);
	assert_int_equal(layer_of("/", &got), -EINVAL);
}

/* Requests of any length and content are answered or refused. */
static void test_opener_request(void **state)
{
	const struct opener none = { -1, -1, -1 };
	struct opener_answer a;
	unsigned char body[600];

	for (uint16_t type = 0; type < MSG_TYPE_MAX; type++)
		for (size_t len = 0; len < sizeof(body); len += 7) {
			struct ipc_hdr h = { .type = type, .len = (uint32_t)len };

			memset(body, 0xff, sizeof(body));
			if (!opener_request(&none, &h, body, &a))
				continue;
			assert_true(a.status < 0);
			assert_int_equal(a.fd, -1);
		}
}

static void test_opener_identity(void **state)
{
	struct msg_place_open m = { .place = { .pid = (uint32_t)getpid() } };
	struct ipc_hdr h = { .type = MSG_PLACE_OPEN, .len = sizeof(m) };
	const struct opener none = { -1, -1, -1 };
	struct opener_answer a;
	struct stat st;

	assert_true(opener_request(&none, &h, &m, &a));
	assert_int_equal(a.status, 0);
	assert_int_equal(fstat(a.fd, &st), 0);
	close(a.fd);
	m.ino = (uint64_t)st.st_ino + 1;
	assert_true(opener_request(&none, &h, &m, &a));
	assert_int_equal(a.status, -ESTALE);
	m.ino = 0;
	snprintf(m.place.cid, sizeof(m.place.cid), "%s", CID); /* this process is of no such container */
	assert_true(opener_request(&none, &h, &m, &a));
	assert_int_equal(a.status, -ESRCH);
	m.place = (struct msg_place){ .pid = 0x7ffffff0 };
	assert_true(opener_request(&none, &h, &m, &a));
	assert_int_equal(a.status, -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fan_record),
		cmocka_unit_test(test_ino_record),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_mounts_layers),
		cmocka_unit_test(test_mounts_bounded),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_flood_bounded),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_hash_run),
		cmocka_unit_test(test_hash_queue),
		cmocka_unit_test_setup_teardown(test_opener_beneath, setup_top, remove_top),
		cmocka_unit_test_setup_teardown(test_opener_layer, setup_top, remove_top),
		cmocka_unit_test(test_opener_request),
		cmocka_unit_test(test_opener_identity),
	};

	return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
