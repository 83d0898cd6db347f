/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/keeper/setup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/* Where no user "pierglass" was made (a source tree, a container): numbers that Debian gives to nobody (policy 9.2.2). */
#define FALLBACK_UID 64999
/* The inspectors' own user: shared with no other program, unlike nobody. */
#define INSPECTOR_UID 64998
#define BTF_PATH "/sys/kernel/btf/vmlinux"

static int check_root(void)
{
	if (geteuid() == 0)
		return 0;
	log_error("must be run as root: attaching to the kernel needs its rights");
	return EXIT_REFUSED;
}

static int check_btf(void)
{
	/* For tests of this very message, and for kernels whose BTF lies elsewhere. */
	const char *path = getenv("PIERGLASS_BTF");

	if (!path)
		path = BTF_PATH;
	if (access(path, R_OK) == 0)
		return 0;
	log_error("this kernel has no BTF (%s: %s): it must be built with CONFIG_DEBUG_INFO_BTF, as Debian's and most others are", path,
		  strerror(errno));
	return EXIT_REFUSED;
}

/* A number, or a name from the user database. */
static int find_user(struct setup *s, const struct options *o)
{
	char *end;
	unsigned long id = strtoul(o->user, &end, 10);
	const struct passwd *pw = getpwnam(o->user);

	s->inspector_uid = s->inspector_gid = INSPECTOR_UID;
	if (pw) {
		s->uid = pw->pw_uid;
		s->gid = pw->pw_gid;
	} else if (o->user[0] >= '0' && o->user[0] <= '9' && !*end && id < 0xfffffffe) {
		s->uid = s->gid = (uid_t)id;
	} else if (!o->user_given) {
		s->uid = s->gid = FALLBACK_UID;
		log_debug("there is no user %s here: the number %d is used", o->user, FALLBACK_UID);
	} else {
		log_error("there is no user %s", o->user);
		return EXIT_USAGE;
	}
	if (s->uid != 0 && s->uid != s->inspector_uid)
		return 0;
	log_error("user %s is not without privileges: choose another with --user", o->user);
	return EXIT_USAGE;
}

/* mkdir -p; the last one with this mode. */
static int make_directory(const char *path, mode_t mode)
{
	_cleanup_free_ char *p = strdup(path);
	struct stat st;

	if (!p)
		return -ENOMEM;
	for (char *s = p + 1; *s; s++)
		if (*s == '/' && s[1] && s[1] != '/') {
			*s = 0;
			if (mkdir(p, 0755) < 0 && errno != EEXIST)
				return -errno;
			*s = '/';
		}
	if (mkdir(p, mode) < 0 && errno != EEXIST)
		return -errno;
	if (stat(p, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static bool directory_is_empty(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	bool empty = d != NULL;

	while (d && empty && (e = readdir(d)))
		empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	if (d)
		closedir(d);
	else
		close_fd(&fd);
	return empty;
}

/* Files of an earlier run under another number (user pierglass was made since): plain files directly in it. */
static void adopt_files(int dir_fd, uid_t from, uid_t uid, gid_t gid)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		struct stat st;

		if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
		    st.st_uid == from && fchownat(dir_fd, e->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			log_debug("state: %s: %m", e->d_name);
	}
	if (d)
		closedir(d);
	else
		close_fd(&fd);
}

/* Writes a file there as core would: as its user, by the whole path. */
static int probe_state(const struct setup *s)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX + 32];
	int r = 0;

	snprintf(path, sizeof(path), "%s/.pierglass-probe", s->state);
	setfsgid(s->gid);
	setfsuid(s->uid);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		r = -errno;
	else
		(void)unlink(path);
	setfsuid(0);
	setfsgid(0);
	return r;
}

/* The state directory must be core's own: an empty one of root is given to it, one of somebody else is not touched. */
static int open_state(struct setup *s, const char *path)
{
	_cleanup_close_ int fd = -1;
	struct stat st = { 0 };
	int r = make_directory(path, 0750);

	if (r == 0 && !realpath(path, s->state))
		r = -errno;
	if (r == 0) {
		fd = open(s->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			r = -errno;
	}
	if (r == 0 && st.st_uid != s->uid) {
		if (st.st_uid != FALLBACK_UID && !(st.st_uid == 0 && directory_is_empty(fd))) {
			log_error("state directory %s belongs to user number %u: give it to number %u, or choose another with --state",
				  s->state, st.st_uid, s->uid);
			return EXIT_ERROR;
		}
		if (fchown(fd, s->uid, s->gid) < 0 || fchmod(fd, 0750) < 0)
			r = -errno;
		else
			adopt_files(fd, FALLBACK_UID, s->uid, s->gid);
	}
	if (r == 0)
		r = probe_state(s);
	if (r == 0)
		return 0;
	log_error("state directory %s cannot be written by user number %u: %s", path, s->uid, strerror(-r));
	return EXIT_ERROR;
}

static int lock_run(struct setup *s)
{
	char path[PATH_MAX + 8], text[32];
	_cleanup_close_ int fd = -1;
	struct stat have, there;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/pid", s->run);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		log_error("%s: %m", path);
		return EXIT_ERROR;
	}
	/* The second look: whoever held it may have removed the file between our open and our lock. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &have) < 0 || stat(path, &there) < 0 || have.st_ino != there.st_ino) {
		n = pread(fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = 0;
		log_error("run directory %s is in use by the sensor with pid %d", s->run, (int)strtol(text, NULL, 10));
		return EXIT_REFUSED;
	}
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n) {
		log_error("%s: %m", path);
		return EXIT_ERROR;
	}
	s->pid_fd = take_fd(&fd);
	return 0;
}

static int open_run(struct setup *s, const char *path)
{
	int r = make_directory(path, 0755);

	if (r == 0 && !realpath(path, s->run))
		r = -errno;
	if (r < 0) {
		log_error("run directory %s: %s", path, strerror(-r));
		return EXIT_ERROR;
	}
	if (strlen(s->run) + sizeof("/api.sock") > sizeof(((struct sockaddr_un *)0)->sun_path)) {
		log_error("run directory %s: the path is too long for a socket", s->run);
		return EXIT_USAGE;
	}
	return lock_run(s);
}

/* The programs beside our own executable: opened now, executed by descriptor for as long as we live. */
static int open_program(const char *name, int *ret_fd)
{
	char path[PATH_MAX + 64], self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (!slash) {
		log_error("cannot find the directory of this program: %m");
		return EXIT_ERROR;
	}
	*slash = 0;
	snprintf(path, sizeof(path), "%s/%s", self, name);
	*ret_fd = open(path, O_PATH | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	log_error("%s: %m: the programs of the sensor belong in one directory", path);
	return EXIT_ERROR;
}

int setup_open(struct setup *ret, const struct options *o)
{
	int r;

	*ret = (struct setup){ .pid_fd = -1, .core_exe = -1, .inspect_exe = -1, .api_fd = -1 };
	r = check_root();
	if (r == 0)
		r = check_btf();
	if (r == 0)
		r = find_user(ret, o);
	if (r == 0)
		r = open_program("pierglass-core", &ret->core_exe);
	if (r == 0)
		r = open_program("pierglass-inspect", &ret->inspect_exe);
	if (r == 0)
		r = open_run(ret, o->run);
	return r == 0 ? open_state(ret, o->state) : r;
}

int setup_api(struct setup *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%.80s/api.sock", s->run);
	/* The lock says that whoever made it is gone. */
	(void)unlink(a.sun_path);
	if (fd < 0 || fchmod(fd, 0660) < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    chown(a.sun_path, 0, s->gid) < 0 || chmod(a.sun_path, 0660) < 0 || listen(fd, 64) < 0) {
		log_error("API socket %s: %m", a.sun_path);
		return EXIT_ERROR;
	}
	s->api_fd = take_fd(&fd);
	return 0;
}

int setup_config(const struct options *o, int *ret_fd)
{
	_cleanup_close_ int fd = open(o->config, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 && errno == ENOENT && !o->config_given) {
		*ret_fd = -1;
		return 0;
	}
	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	else if (fd >= 0)
		errno = 0;
	if (fd < 0 || errno) {
		log_error("configuration %s cannot be read: %m", o->config);
		return EXIT_USAGE;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

void setup_remove(struct setup *s)
{
	char path[PATH_MAX + 16];

	if (s->pid_fd < 0)
		return;
	snprintf(path, sizeof(path), "%s/api.sock", s->run);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/pid", s->run);
	(void)unlink(path);
}
