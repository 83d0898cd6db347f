/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay: flows and protocols of capture files. This program only opens the files; they are read by pierglass-inspect, which
 * gets the descriptors and locks itself into a sandbox first. No sensor, no privilege. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/pierglass/cli.h"
#include "tools/pierglass/cli_inspect.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

enum { FILES_MAX = 48, ARGS_MAX = 2 * FILES_MAX + 16, FD_TEXT = 12, CONTAINERS_BYTES_MAX = 64 << 20 };

struct replay {
	const char *args[ARGS_MAX];
	char fds[FILES_MAX + 1][FD_TEXT];
	unsigned arg_count;
	int files[FILES_MAX], names;
	unsigned file_count;
};

static void _printf_(1, 2) complain(const char *fmt, ...)
{
	_cleanup_free_ char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	fputs("pierglass: replay: ", stderr);
	cli_put(stderr, n < 0 ? "no memory" : s);
	fputc('\n', stderr);
}

static void arg_add(struct replay *r, const char *arg)
{
	r->args[r->arg_count++] = arg; /* ARGS_MAX is enough: options are counted, files are bounded */
}

/* ---- names of containers ----------------------------------------------------------------------------------- */
static void name_address(FILE *out, const char *address, const char *name)
{
	/* One line each; what could forge a line is no address. */
	if (address && address[0] && !strpbrk(address, " \n") && name[0])
		fprintf(out, "%s %.*s\n", address, (int)strcspn(name, "\n"), name);
}

/* "docker inspect" of containers: Name and NetworkSettings.Networks.*.{IPAddress,GlobalIPv6Address} (Engine API 1.41). */
static void names_write(const json_t *list, FILE *out)
{
	size_t i;
	json_t *c;

	json_array_foreach(list, i, c) {
		const json_t *settings = json_object_get(c, "NetworkSettings");
		const char *name = str_of(c, "Name"), *k;
		json_t *network;

		name += name[0] == '/';
		name_address(out, str_of(settings, "IPAddress"), name);
		name_address(out, str_of(settings, "GlobalIPv6Address"), name);
		json_object_foreach(json_object_get(settings, "Networks"), k, network) {
			name_address(out, str_of(network, "IPAddress"), name);
			name_address(out, str_of(network, "GlobalIPv6Address"), name);
		}
	}
}

static int names_open(struct replay *r, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	json_error_t error;
	struct stat st;
	json_t *list;
	FILE *out;

	if (fd < 0 || fstat(fd, &st) < 0) {
		complain("%s: %s", path, strerror(errno));
		return CLI_USAGE;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > CONTAINERS_BYTES_MAX) {
		complain("%s: not a file of at most 64 MiB", path);
		return CLI_USAGE;
	}
	list = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_array(list)) {
		complain("%s: not the output of \"docker inspect\": %s", path, list ? "no list" : error.text);
		json_decref(list);
		return CLI_USAGE;
	}
	r->names = memfd_create("pierglass-names", 0);
	out = r->names >= 0 ? fdopen(dup(r->names), "w") : NULL;
	if (!out) {
		complain("names: %s", strerror(errno));
		json_decref(list);
		return CLI_REFUSED;
	}
	names_write(list, out);
	json_decref(list);
	if (fclose(out) || lseek(r->names, 0, SEEK_SET) < 0) {
		complain("names: %s", strerror(errno));
		return CLI_REFUSED;
	}
	snprintf(r->fds[FILES_MAX], FD_TEXT, "%d", r->names);
	arg_add(r, "--names");
	arg_add(r, r->fds[FILES_MAX]);
	return CLI_OK;
}

/* ---- files --------------------------------------------------------------------------------------------------- */
static int file_open(struct replay *r, const char *path)
{
	bool standard = !strcmp(path, "-");
	int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		complain("%s: %s", path, strerror(errno));
		close_fd(&fd);
		return CLI_USAGE;
	}
	if (S_ISDIR(st.st_mode)) {
		complain("%s: %s", path, strerror(EISDIR));
		close_fd(&fd);
		return CLI_USAGE;
	}
	if (standard && isatty(fd)) {
		complain("standard input is a terminal; give it a capture");
		close_fd(&fd);
		return CLI_USAGE;
	}
	snprintf(r->fds[r->file_count], FD_TEXT, "%d", fd);
	r->files[r->file_count] = fd;
	arg_add(r, r->fds[r->file_count++]);
	arg_add(r, standard ? "standard input" : path);
	return CLI_OK;
}

static int files_open(struct replay *r, const struct cli_options *o)
{
	for (unsigned i = 0; i < o->argument_count; i++) {
		int rc = file_open(r, o->arguments[i]);

		if (rc)
			return rc;
	}
	return CLI_OK;
}

static bool is_format(const char *s)
{
	return !strcmp(s, "text") || !strcmp(s, "json") || !strcmp(s, "csv");
}

int cmd_replay(const struct cli_options *o)
{
	struct replay r = { .names = -1 };
	int rc;

	if (!o->argument_count || o->argument_count > FILES_MAX) {
		complain(o->argument_count ? "at most %d files" : "which file? (\"-\": standard input)", FILES_MAX);
		return CLI_USAGE;
	}
	if (o->format && !is_format(o->format)) {
		complain("--format takes text, json or csv");
		return CLI_USAGE;
	}
	arg_add(&r, "pierglass-inspect");
	arg_add(&r, "replay");
	arg_add(&r, "--format");
	arg_add(&r, o->format ? o->format : o->json ? "json" : "text");
	if (isatty(STDERR_FILENO))
		arg_add(&r, "--progress");
	if (o->vxlan_port) {
		arg_add(&r, "--vxlan-port");
		arg_add(&r, o->vxlan_port);
	}
	rc = o->containers ? names_open(&r, o->containers) : CLI_OK;
	if (!rc)
		rc = files_open(&r, o);
	if (!rc)
		rc = cli_inspect("replay", r.args);
	for (unsigned i = 0; i < r.file_count; i++)
		close_fd(&r.files[i]);
	close_fd(&r.names);
	return rc;
}
