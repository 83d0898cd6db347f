/* SPDX-License-Identifier: GPL-2.0-or-later */
/* feed check, feed test: what reputation feeds say, from files. This program only opens them; pierglass-inspect reads them in
 * a sandbox. No sensor, no privilege. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tools/pierglass/cli.h"
#include "tools/pierglass/cli_inspect.h"
#include "tools/pierglass/cli_text.h"

enum { THINGS_MAX = 4096, ARGS_MAX = 2 * CLI_FEEDS_MAX + THINGS_MAX + 10, FD_TEXT = 12 };

struct feed {
	const char *args[ARGS_MAX];
	unsigned arg_count;
	char fds[CLI_FEEDS_MAX][FD_TEXT];
	int files[CLI_FEEDS_MAX];
	unsigned file_count;
};

static void arg_add(struct feed *f, const char *arg)
{
	f->args[f->arg_count++] = arg; /* ARGS_MAX is enough: files and things are bounded */
}

static int file_open(struct feed *f, const char *path)
{
	bool standard = !strcmp(path, "-");
	int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
		fputs("pierglass: feed: ", stderr);
		cli_put(stderr, path);
		fprintf(stderr, ": %s\n", fd >= 0 && S_ISDIR(st.st_mode) ? strerror(EISDIR) : strerror(errno));
		close_fd(&fd);
		return CLI_USAGE;
	}
	snprintf(f->fds[f->file_count], FD_TEXT, "%d", fd);
	f->files[f->file_count] = fd;
	arg_add(f, f->fds[f->file_count++]);
	arg_add(f, standard ? "standard input" : path);
	return CLI_OK;
}

static int files_open(struct feed *f, const char *const *paths, unsigned count)
{
	int rc = CLI_OK;

	if (count > CLI_FEEDS_MAX) {
		fprintf(stderr, "pierglass: feed: at most %d feeds at once\n", CLI_FEEDS_MAX);
		return CLI_USAGE;
	}
	for (unsigned i = 0; i < count && !rc; i++)
		rc = file_open(f, paths[i]);
	return rc;
}

static int usage(const char *what)
{
	fprintf(stderr, "pierglass: feed: %s\n", what);
	return CLI_USAGE;
}

static bool is_format(const char *s)
{
	static const char *const formats[] = { "auto", "lines", "csv", "stix", "misp", "json" };

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(s, formats[i]))
			return true;
	return false;
}

int cmd_feed(const struct cli_options *o)
{
	const char *verb = o->argument_count ? o->arguments[0] : "";
	bool check = !strcmp(verb, "check"), test = !strcmp(verb, "test");
	static struct feed f; /* large */
	int rc;

	if (!check && !test)
		return usage("expected \"feed check THING… --feed FILE…\" or \"feed test FILE…\"");
	if (check && o->argument_count < 2)
		return usage("check what? (an address, a name, a digest or a URL)");
	if (check && !o->feed_count)
		return usage("in which feed? (--feed FILE, may be given several times; \"-\": standard input)");
	if (test && (o->argument_count < 2 || o->feed_count))
		return usage("expected \"feed test FILE…\"");
	if (o->argument_count > THINGS_MAX)
		return usage("too many things to check at once");
	if (o->format && !is_format(o->format))
		return usage("--format takes auto, lines, csv, stix, misp or json");
	f = (struct feed){ 0 };
	arg_add(&f, "pierglass-inspect");
	arg_add(&f, "feed");
	if (o->json)
		arg_add(&f, "--json");
	if (o->format) {
		arg_add(&f, "--format");
		arg_add(&f, o->format);
	}
	rc = check ? files_open(&f, o->feeds, o->feed_count) : files_open(&f, o->arguments + 1, o->argument_count - 1);
	if (!rc && check) {
		arg_add(&f, "--");
		for (unsigned i = 1; i < o->argument_count; i++)
			arg_add(&f, o->arguments[i]);
	}
	if (!rc)
		rc = cli_inspect("feed", f.args);
	for (unsigned i = 0; i < f.file_count; i++)
		close_fd(&f.files[i]);
	return rc;
}
