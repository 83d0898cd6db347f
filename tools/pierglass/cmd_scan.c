/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scan: what the application in an image or a root directory would listen on and whom it would call, by its own configuration. This program only
 * hands out files of a directory (base/root_ipc.h), or an archive as a whole; they are read by pierglass-inspect, which may open nothing itself.
 * No sensor, no privilege. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/ipc.h"
#include "base/root_ipc.h"
#include "tools/pierglass/cli.h"
#include "tools/pierglass/cli_inspect.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"
#include "tools/pierglass/scan_drift.h"
#include "tools/pierglass/scan_image.h"
#include "tools/pierglass/scan_stack.h"

enum { ARGS_MAX = 16 + 2 * CLI_ENV_MAX, OUTPUT_MAX = 32 << 20, SECONDS_MAX = 60 };
#define DIGEST_FILE_MAX (1ULL << 30)


struct scan {
	int archive; /* of an image, -1: none */
	bool layout; /* root is an OCI image layout */
	const char *compose; /* a compose file in root: "/NAME"; NULL: none */
	const char *project;
	int root, files, out; /* files: our end of the socket pair; out: what the reader writes */
	char *text;
	size_t len;
	char buf[IPC_BODY_MAX];
};

static void json_freep(json_t **j)
{
	json_decref(*j);
}

static void digest_freep(struct digest **d)
{
	digest_free(*d);
}

static int complain(const char *what, const char *why, int rc)
{
	fputs("pierglass: scan: ", stderr);
	cli_put(stderr, what);
	fputs(": ", stderr);
	cli_put(stderr, why);
	fputc('\n', stderr);
	return rc;
}

/* ---- the reading process ----------------------------------------------------------------------------------- */
static void child(const struct cli_options *o, const struct scan *s, int program, int files, int out)
{
	static char *const environment[] = { NULL };
	const char *args[ARGS_MAX] = { "pierglass-inspect", "scan", s->archive >= 0 ? "--archive" : "--files" };
	int given = s->archive >= 0 ? s->archive : files;
	char number[12];
	unsigned n = 3;

	snprintf(number, sizeof(number), "%d", given);
	args[n++] = number;
	if (s->layout) {
		args[n++] = "--layout";
		args[n++] = "yes";
	}
	if (s->compose) {
		args[n++] = "--compose";
		args[n++] = s->compose;
		args[n++] = "--project";
		args[n++] = s->project;
	}
	if (o->image) {
		args[n++] = "--image";
		args[n++] = o->image;
	}
	if (o->command) {
		args[n++] = "--cmd";
		args[n++] = o->command;
	}
	for (unsigned i = 0; i < o->env_count; i++) {
		args[n++] = "--env";
		args[n++] = o->env[i];
	}
	if (dup2(out, STDOUT_FILENO) < 0 || fcntl(given, F_SETFD, 0) < 0)
		_exit(127);
	syscall(SYS_execveat, program, "", args, environment, AT_EMPTY_PATH);
	_exit(127);
}

static pid_t child_start(const struct cli_options *o, const struct scan *s, int *ret_files, int *ret_out)
{
	_cleanup_close_ int program = cli_inspector_open();
	int pair[2], out[2];
	pid_t parent = getpid(), pid;

	if (program < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	if (pipe2(out, O_CLOEXEC) < 0) {
		close(pair[0]);
		close(pair[1]);
		return -1;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() != parent)
			_exit(127);
		child(o, s, program, pair[1], out[1]);
	}
	close(pair[1]);
	close(out[1]);
	*ret_files = pair[0];
	*ret_out = out[0];
	return pid;
}

/* ---- serving it ---------------------------------------------------------------------------------------------- */
static int take_output(struct scan *s)
{
	char *more = s->text;
	ssize_t n;

	if (s->len % (256 << 10) == 0 || !s->text)
		more = realloc(s->text, s->len + (512 << 10));
	if (!more || s->len > OUTPUT_MAX)
		return -E2BIG;
	s->text = more;
	n = read(s->out, s->text + s->len, (256 << 10) - s->len % (256 << 10));
	if (n > 0)
		s->len += (size_t)n;
	return n < 0 ? -errno : (int)n;
}

/* Until it ends. 0, or -errno when it is to be stopped. */
static int serve(struct scan *s)
{
	uint64_t until = clock_mono_ns() + SECONDS_MAX * NSEC_PER_SEC;
	bool asking = true;

	for (;;) {
		struct pollfd fds[2] = { { .fd = s->out, .events = POLLIN }, { .fd = asking ? s->files : -1, .events = POLLIN } };
		int r = poll(fds, 2, 1000);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (clock_mono_ns() > until)
			return -ETIMEDOUT;
		if (r <= 0)
			continue;
		if (fds[1].revents) {
			r = s->root >= 0 ? root_serve(s->files, s->root, s->buf) : 0;
			if (r < 0 && r != -EPIPE)
				return r;
			asking = r > 0;
		}
		if (fds[0].revents) {
			r = take_output(s);
			if (r <= 0)
				return r;
		}
	}
}

/* ---- showing -------------------------------------------------------------------------------------------------- */
static void show_list(const json_t *root, const char *key, const char *title)
{
	const json_t *list = json_object_get(root, key);
	size_t i;
	json_t *v;

	if (!json_array_size(list))
		return;
	printf("\n%s\n", title);
	json_array_foreach(list, i, v) {
		fputs("  ", stdout);
		if (json_is_string(v)) {
			cli_put(stdout, json_string_value(v));
		} else {
			cli_put(stdout, str_of(v, "what"));
			fputs(": ", stdout);
			cli_put(stdout, str_of(v, "why"));
		}
		putchar('\n');
	}
}

static void show_package(const json_t *p)
{
	const json_t *same = json_object_get(p, "unchanged");

	if (!p)
		return;
	fputs("  (package ", stdout);
	cli_put(stdout, str_of(p, "name"));
	putchar(' ');
	cli_put(stdout, str_of(p, "version"));
	fputs(!same ? ")" : json_is_true(same) ? ", as it was packaged)" : ", NOT as it was packaged)", stdout);
}

static void show_files(const json_t *files)
{
	const char *role;
	json_t *list, *v;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)files, role, list) {
		json_array_foreach(list, i, v) {
			printf("  %-10s ", i ? "" : role);
			cli_put(stdout, str_of(v, "path"));
			if (str_of(v, "source")[0]) {
				fputs("  (", stdout);
				cli_put(stdout, str_of(v, "source"));
				putchar(')');
			}
			show_package(json_object_get(v, "package"));
			putchar('\n');
		}
	}
}

static void show(const json_t *root)
{
	static const struct cli_column listeners[] = { { "LISTENS ON", false, 0 }, { "APPLICATION", false, 0 }, { "BECAUSE OF", false, 20 } },
				       upstreams[] = { { "CALLS", false, 20 }, { "AS", false, 0 }, { "APPLICATION", false, 0 },
						{ "BECAUSE OF", false, 20 } };
	struct cli_table *t = cli_table_new(listeners, ARRAY_SIZE(listeners));
	size_t i;
	json_t *v;

	fputs("Application: ", stdout);
	cli_put(stdout, str_of(root, "app")[0] ? str_of(root, "app") : "none that is known");
	if (str_of(root, "version")[0]) {
		putchar(' ');
		cli_put(stdout, str_of(root, "version"));
	}
	fputs("\n\n", stdout);
	json_array_foreach(json_object_get(root, "listeners"), i, v) {
		const char *address = str_of(v, "address");

		cli_table_addf(t, strchr(address, ':') ? "%s [%s]:%lld" : "%s %s:%lld", str_of(v, "l4"), address,
			       (long long)json_integer_value(json_object_get(v, "port")));
		cli_table_add(t, str_of(v, "app"));
		cli_table_add(t, str_of(v, "source"));
	}
	if (json_array_size(json_object_get(root, "listeners")))
		cli_table_write(t, stdout, cli_width());
	else
		puts("It listens on no port.");
	cli_table_free(t);
	if (json_array_size(json_object_get(root, "upstreams"))) {
		putchar('\n');
		t = cli_table_new(upstreams, ARRAY_SIZE(upstreams));
		json_array_foreach(json_object_get(root, "upstreams"), i, v) {
			cli_table_add(t, str_of(v, "target"));
			cli_table_add(t, str_of(v, "kind"));
			cli_table_add(t, str_of(v, "app"));
			cli_table_add(t, str_of(v, "source"));
		}
		cli_table_write(t, stdout, cli_width());
		cli_table_free(t);
	}
	puts("\nFiles");
	show_files(json_object_get(root, "files"));
	show_list(root, "notes", "Notes");
	show_list(root, "unread", "Not read");
}

/* ---- what is known of it only here -------------------------------------------------------------------------------- */
/* The program as its package brought it, or not. of: the digests there are, by name. */
static void packaged_put(json_t *file, const json_t *of)
{
	json_t *package = json_object_get(file, "package");
	const char *want = str_of(package, "digest"), *colon = strchr(want, ':');
	char algorithm[8];

	if (!colon || (size_t)(colon - want) >= sizeof(algorithm))
		return;
	snprintf(algorithm, sizeof(algorithm), "%.*s", (int)(colon - want), want);
	if (str_of(of, algorithm)[0])
		json_object_set_new(package, "unchanged", json_boolean(!strcmp(str_of(of, algorithm), colon + 1)));
}

static void digest_put(json_t *file, int root)
{
	_cleanup_(digest_freep) struct digest *d = digest_new(), *md5 = digest_new_of("md5"), *sha1 = digest_new_of("sha1");
	_cleanup_(json_freep) json_t *of = json_object();
	uint8_t sha[DIGEST_SHA256_LEN];
	char text[DIGEST_SHA256_TEXT];
	static char buf[1 << 16];
	struct root_stat st;
	_cleanup_close_ int fd = root_open_file(root, str_of(file, "path"), &st);
	uint64_t left = DIGEST_FILE_MAX;
	ssize_t n;

	if (fd < 0 || !d || st.size > DIGEST_FILE_MAX)
		return;
	while ((n = read(fd, buf, sizeof(buf))) > 0 && (uint64_t)n <= left) {
		left -= (uint64_t)n;
		if (digest_add(d, buf, (size_t)n) < 0 || (md5 && digest_add(md5, buf, (size_t)n) < 0) ||
		    (sha1 && digest_add(sha1, buf, (size_t)n) < 0))
			return;
	}
	if (n != 0 || digest_finish(d, sha) < 0)
		return;
	digest_text(sha, text);
	json_object_set_new(file, "sha256", json_string(text));
	if (md5 && digest_finish_text(md5, text) == 0)
		json_object_set_new(of, "md5", json_string(text));
	if (sha1 && digest_finish_text(sha1, text) == 0)
		json_object_set_new(of, "sha1", json_string(text));
	packaged_put(file, of);
}

/* The digests that the reading process took, where no directory is there to take them from. */
static void digests_take(json_t *list, const json_t *digests)
{
	json_t *v, *d;
	size_t i, k;

	json_array_foreach(list, i, v)
		json_array_foreach(digests, k, d)
			if (!strcmp(str_of(v, "path"), str_of(d, "path")) && str_of(d, "sha256")[0]) {
				json_object_set_new(v, "sha256", json_string(str_of(d, "sha256")));
				packaged_put(v, d);
			}
}

static void complete(const struct cli_options *o, json_t *root, int dir, const json_t *image)
{
	static const char *const roles[] = { "program", "scripts" };
	json_t *v;
	size_t i;

	json_object_set_new(root, "command", o->command ? json_string(o->command) : json_null());
	if (image) {
		json_object_set(root, "image", json_object_get(image, "image"));
		for (size_t k = 0; k < ARRAY_SIZE(roles); k++)
			digests_take(json_object_get(json_object_get(root, "files"), roles[k]), json_object_get(image, "digests"));
		return;
	}
	for (size_t k = 0; k < ARRAY_SIZE(roles); k++)
		json_array_foreach(json_object_get(json_object_get(root, "files"), roles[k]), i, v)
			digest_put(v, dir);
}

static void show_drift(const json_t *drift, const char *baseline)
{
	size_t i;
	json_t *v;

	if (!json_array_size(drift)) {
		puts("Nothing changed.");
		return;
	}
	printf("Since ");
	cli_put(stdout, baseline);
	puts(":");
	json_array_foreach(drift, i, v) {
		fputs(!strcmp(str_of(v, "change"), "added") ? "+ " : "- ", stdout);
		cli_put(stdout, str_of(v, "what"));
		if (str_of(v, "source")[0]) {
			fputs("  (", stdout);
			cli_put(stdout, str_of(v, "source"));
			putchar(')');
		}
		putchar('\n');
	}
}

/* Adds "drift" to root. CLI_OK: none, CLI_FOUND: some. */
static int drift(const struct cli_options *o, json_t *root)
{
	json_error_t error;
	json_t *before = json_load_file(o->baseline, JSON_REJECT_DUPLICATES, &error), *list;

	if (!json_is_object(before) || !json_is_array(json_object_get(before, json_object_get(root, "services") ? "services" : "listeners"))) {
		complain(o->baseline, before ? "not what \"pierglass scan --json\" prints" : error.text, CLI_USAGE);
		json_decref(before);
		return CLI_USAGE;
	}
	list = scan_drift(before, root);
	json_decref(before);
	if (!list)
		return complain("drift", "no memory", CLI_REFUSED);
	json_object_set_new(root, "drift", list);
	return json_array_size(list) ? CLI_FOUND : CLI_OK;
}

static int finish_compose(const struct cli_options *o, const struct scan *s)
{
	json_error_t error;
	json_t *root = json_loadb(s->text ? s->text : "", s->len, 0, &error);
	int rc = CLI_OK;

	if (!json_is_object(root)) {
		json_decref(root);
		return complain("the reading process", "its answer makes no sense", CLI_REFUSED);
	}
	if (o->baseline)
		rc = drift(o, root);
	if (rc > CLI_FOUND) {
		json_decref(root);
		return rc;
	}
	if (o->json) {
		json_dumpf(root, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else if (o->baseline) {
		show_drift(json_object_get(root, "drift"), o->baseline);
	} else {
		scan_show_stack(root);
		show_list(root, "notes", "Notes");
		show_list(root, "unread", "Not read");
	}
	json_decref(root);
	return fflush(stdout) || ferror(stdout) ? complain("standard output", strerror(errno), CLI_REFUSED) : rc;
}

static int finish(const struct cli_options *o, const struct scan *s)
{
	json_error_t error;
	const char *text = s->text ? s->text : "", *line = memchr(text, '\n', s->len);
	size_t first = line ? (size_t)(line - text) + 1 : s->len;
	json_t *root = json_loadb(text, first, JSON_REJECT_DUPLICATES, &error);
	json_t *image = first < s->len ? json_loadb(text + first, s->len - first, JSON_REJECT_DUPLICATES, &error) : NULL;
	int rc = CLI_OK;

	if (!json_is_object(root) || (s->root < 0 && !json_is_object(image))) {
		json_decref(root);
		json_decref(image);
		return complain("the reading process", "its answer makes no sense", CLI_REFUSED);
	}
	complete(o, root, s->root, image);
	json_decref(image);
	if (o->baseline)
		rc = drift(o, root);
	if (rc > CLI_FOUND) {
		json_decref(root);
		return rc;
	}
	if (o->json) {
		json_dumpf(root, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else if (o->baseline) {
		show_drift(json_object_get(root, "drift"), o->baseline);
	} else {
		show(root);
	}
	json_decref(root);
	if (fflush(stdout) || ferror(stdout))
		return complain("standard output", strerror(errno), CLI_REFUSED);
	return rc;
}

static int scan(const struct cli_options *o, struct scan *s)
{
	pid_t pid = child_start(o, s, &s->files, &s->out);
	int r, rc;

	if (pid < 0)
		return complain("pierglass-inspect", strerror(errno), CLI_REFUSED);
	r = serve(s);
	if (r < 0) {
		kill(pid, SIGKILL);
		(void)cli_inspector_wait("scan", pid);
		return complain("the reading process was stopped", strerror(-r), CLI_REFUSED);
	}
	rc = cli_inspector_wait("scan", pid);
	return rc ? rc : s->compose ? finish_compose(o, s) : finish(o, s);
}

/* The directory of the compose file is all that is handed out. */
static int compose_open(const struct cli_options *o, struct scan *s)
{
	static char dir[4096], name[300], project[300];
	_cleanup_free_ char *real = realpath(o->compose, NULL);
	char *slash = real ? strrchr(real, '/') : NULL, *base;

	if (!slash || strlen(real) >= sizeof(dir) || strlen(slash) >= sizeof(name))
		return complain(o->compose, real ? "its name is too long" : strerror(errno), CLI_USAGE);
	snprintf(name, sizeof(name), "%s", slash);
	*slash = '\0';
	snprintf(dir, sizeof(dir), "%s", real[0] ? real : "/");
	base = strrchr(dir, '/');
	snprintf(project, sizeof(project), "%s", base && base[1] ? base + 1 : "default");
	s->root = root_open(dir);
	s->compose = name;
	s->project = project;
	return s->root < 0 ? complain(dir, strerror(-s->root), CLI_USAGE) : CLI_OK;
}

int cmd_scan(const struct cli_options *o)
{
	static struct scan s = { .archive = -1, .root = -1, .files = -1, .out = -1 };
	struct stat st;
	int rc;

	if (!o->argument && !o->compose)
		return complain("which image or directory?", "see \"pierglass help\"", CLI_USAGE);
	for (unsigned i = 0; i < o->env_count; i++)
		if (!strchr(o->env[i], '=') || o->env[i][0] == '=')
			return complain(o->env[i], "--env takes NAME=VALUE", CLI_USAGE);
	if (o->compose) {
		rc = compose_open(o, &s);
		if (rc)
			return rc;
	} else if (stat(o->argument, &st) < 0 && errno == ENOENT && !strchr(o->argument, ' ')) {
		s.archive = scan_image_get(o->docker, o->argument);
		if (s.archive < 0)
			return CLI_REFUSED;
	} else if (stat(o->argument, &st) == 0 && S_ISREG(st.st_mode)) {
		s.archive = open(o->argument, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (s.archive < 0)
			return complain(o->argument, strerror(errno), CLI_USAGE);
	} else {
		s.root = root_open(o->argument);
		if (s.root < 0)
			return complain(o->argument, strerror(-s.root), CLI_USAGE);
		s.layout = faccessat(s.root, "oci-layout", F_OK, 0) == 0 && faccessat(s.root, "blobs", F_OK, 0) == 0;
	}
	rc = scan(o, &s);
	close_fd(&s.archive);
	close_fd(&s.root);
	close_fd(&s.files);
	close_fd(&s.out);
	free(s.text);
	return rc;
}
