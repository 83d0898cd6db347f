/* SPDX-License-Identifier: GPL-2.0-or-later */
/* feed list, feed check: a running sensor's feeds. feed check --feed, feed test: what feeds say, from files; this program only
 * opens them, pierglass-inspect reads them in a sandbox: no sensor, no privilege. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tools/pierglass/cli.h"
#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_inspect.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

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

/* ---- a running sensor's feeds ---------------------------------------------------------------------------------------- */
/* How long ago (or in how long) a time of the API is: "5 s", "3 min", "2 h", "4 d"; "" none. */
static const char *age_text(const char *time_text, bool ahead, char *buf, size_t len)
{
	struct tm tm = { 0 };
	long s;

	buf[0] = '\0';
	if (!strptime(time_text, "%Y-%m-%dT%H:%M:%S", &tm))
		return buf;
	s = (long)(time(NULL) - timegm(&tm));
	s = ahead ? -s : s;
	s = s < 0 ? 0 : s;
	if (s < 120)
		snprintf(buf, len, "%ld s", s);
	else if (s < 7200)
		snprintf(buf, len, "%ld min", s / 60);
	else if (s < 2 * 86400)
		snprintf(buf, len, "%ld h", s / 3600);
	else
		snprintf(buf, len, "%ld d", s / 86400);
	return buf;
}

static void list_row(struct cli_table *t, const json_t *f)
{
	static const char *const kinds[] = { "ip", "domain", "hash", "url" };
	const json_t *e = json_object_get(f, "entries");
	char age[24], next[24];

	cli_table_add(t, str_of(f, "feed"));
	cli_table_add(t, str_of(f, "state"));
	cli_table_add(t, str_of(f, "format"));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		cli_table_addf(t, "%lld", (long long)json_integer_value(json_object_get(e, kinds[i])));
	cli_table_addf(t, "%lld", (long long)json_integer_value(json_object_get(f, "never_blocked")));
	cli_table_addf(t, "%lld", (long long)json_integer_value(json_object_get(f, "hits")));
	cli_table_add(t, age_text(str_of(f, json_object_get(f, "url") ? "fetched" : "read"), false, age, sizeof(age)));
	cli_table_add(t, age_text(str_of(f, "next"), true, next, sizeof(next)));
	cli_table_add(t, str_of(f, "error")[0] ? str_of(f, "error") : str_of(f, "refused"));
}

static int feed_list(const struct cli_options *o)
{
	static const struct cli_column columns[] = {
		{ "FEED", false, 0 }, { "STATE", false, 0 }, { "FORMAT", false, 0 }, { "ADDRESSES", true, 0 }, { "NAMES", true, 0 }, { "DIGESTS", true, 0 },
		{ "URLS", true, 0 }, { "NEVER", true, 0 }, { "HITS", true, 0 }, { "AGE", true, 0 }, { "NEXT", true, 0 }, { "ERROR", false, 0 },
	};
	struct cli_table *t;
	json_t *j, *v;
	size_t i;
	int rc;

	rc = cli_get_json(o, "/v1/feeds", &j, NULL);
	if (rc)
		return rc;
	if (o->json) {
		json_dumpf(j, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else if (!json_array_size(j)) {
		puts("No feeds. Name files under feeds.files or URLs under feeds.urls in the configuration (pierglass.yaml(5)).");
	} else {
		t = cli_table_new(columns, ARRAY_SIZE(columns));
		json_array_foreach(j, i, v)
			list_row(t, v);
		cli_table_write(t, stdout, cli_width());
		cli_table_free(t);
	}
	json_decref(j);
	return CLI_OK;
}

/* ---- fetching now --------------------------------------------------------------------------------------------------------- */
static bool wanted(const json_t *f, const char *name)
{
	return !name[0] || !strcmp(str_of(f, "feed"), name);
}

/* Says what became of each; CLI_FOUND (1) if one could not be used. */
static int update_told(const struct cli_options *o, const json_t *feeds, const char *name)
{
	const json_t *f;
	int rc = CLI_OK;
	size_t i;

	json_array_foreach(feeds, i, f) {
		const char *error = str_of(f, "error"), *refused = str_of(f, "refused");
		_cleanup_free_ char *s = NULL;

		if (!wanted(f, name))
			continue;
		if (error[0] || refused[0])
			rc = CLI_FOUND;
		if (!o->json && asprintf(&s, "%s: %s%s", str_of(f, "feed"), str_of(f, "state"), "") >= 0) {
			cli_put(stdout, s);
			if (error[0] || refused[0]) {
				fputs(": ", stdout);
				cli_put(stdout, error[0] ? error : refused);
			}
			putchar('\n');
		}
	}
	if (o->json) {
		json_dumpf(feeds, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	}
	return rc;
}

/* accept: takes what comes, however much it changed. */
static int feed_update(const struct cli_options *o, bool accept)
{
	enum { TURNS = 4 * 3600, TURN_US = 250000 };
	const char *name = o->argument_count > 1 ? o->arguments[1] : "";
	char path[4096];
	json_t *j = NULL;
	int rc;

	snprintf(path, sizeof(path), "/v1/feeds/update");
	if ((name[0] && !cli_query(path, sizeof(path), "thing", name)) || (accept && !cli_query(path, sizeof(path), "all", "1")))
		return usage("too long a name");
	rc = cli_post(o, path, "", 0, &j);
	json_decref(j);
	for (int i = 0; !rc && i < TURNS; i++) {
		bool busy = false;
		const json_t *f;
		size_t k;

		usleep(TURN_US);
		rc = cli_get_json(o, "/v1/feeds", &j, NULL);
		if (rc)
			return rc;
		json_array_foreach(j, k, f)
			busy |= wanted(f, name) && bool_of(f, "busy");
		if (!busy) {
			rc = update_told(o, j, name);
			json_decref(j);
			return rc;
		}
		json_decref(j);
	}
	return rc;
}

static void hit_print(const char *thing, const json_t *h)
{
	_cleanup_free_ char *s = NULL;
	const char *to = str_of(h, "to"), *category = str_of(h, "category"), *never = str_of(h, "never_blocked");

	if (asprintf(&s, "%s is listed by %s:%lld: %s%s%s  (%s %s, confidence %lld%s%s%s%s)", thing, str_of(h, "feed"),
		     (long long)json_integer_value(json_object_get(h, "line")), str_of(h, "entry"), to[0] && strcmp(to, str_of(h, "entry")) ? "-" : "",
		     to[0] && strcmp(to, str_of(h, "entry")) ? to : "", str_of(h, "kind"), str_of(h, "match"),
		     (long long)json_integer_value(json_object_get(h, "confidence")), category[0] ? ", " : "", category,
		     never[0] ? ", never blocked: " : "", never) < 0)
		return;
	cli_put(stdout, s);
	putchar('\n');
}

static int ask_sensor(const struct cli_options *o)
{
	int best = CLI_FOUND; /* 1: not listed */

	for (unsigned i = 1; i < o->argument_count; i++) {
		char path[4096] = "/v1/feeds/check";
		json_t *j, *h;
		size_t k;
		int rc;

		if (!cli_query(path, sizeof(path), "thing", o->arguments[i]))
			return usage("too long a thing to ask for");
		rc = cli_get_json(o, path, &j, NULL);
		if (rc)
			return rc;
		if (!str_of(j, "kind")[0]) {
			json_decref(j);
			return usage("not an address, a name, a digest (MD5, SHA-1, SHA-256) or a URL");
		}
		if (bool_of(j, "listed"))
			best = CLI_OK;
		if (o->json) {
			json_dumpf(j, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
			putchar('\n');
		}
		json_array_foreach(json_object_get(j, "hits"), k, h)
			if (!o->json)
				hit_print(o->arguments[i], h);
		if (!o->json && !bool_of(j, "listed")) {
			cli_put(stdout, o->arguments[i]);
			puts(" is not listed");
		}
		json_decref(j);
	}
	return best;
}

/* ---- a GeoIP database, from a file ------------------------------------------------------------------------------------------ */
static int ask_geo(const struct cli_options *o)
{
	static struct feed f; /* large */
	int rc;

	if (o->argument_count > THINGS_MAX)
		return usage("too many things to check at once");
	arg_add(&f, "pierglass-inspect");
	arg_add(&f, "geo");
	if (o->json)
		arg_add(&f, "--json");
	rc = files_open(&f, &o->geo, 1);
	arg_add(&f, "--");
	for (unsigned i = 1; i < o->argument_count; i++)
		arg_add(&f, o->arguments[i]);
	if (!rc)
		rc = cli_inspect("feed", f.args);
	for (unsigned i = 0; i < f.file_count; i++)
		close_fd(&f.files[i]);
	return rc;
}

int cmd_feed(const struct cli_options *o)
{
	const char *verb = o->argument_count ? o->arguments[0] : "";
	bool check = !strcmp(verb, "check"), test = !strcmp(verb, "test");
	static struct feed f; /* large */
	int rc;

	if (o->geo && (!check || o->feed_count))
		return usage("--geo is for feed check, without --feed");
	if (!strcmp(verb, "list") && o->argument_count == 1 && !o->feed_count)
		return feed_list(o);
	if ((!strcmp(verb, "update") && o->argument_count <= 2) || (!strcmp(verb, "accept") && o->argument_count == 2))
		return o->feed_count ? usage("--feed is for feed check") : feed_update(o, verb[0] == 'a');
	if (!check && !test)
		return usage("expected \"feed list\", \"feed update [NAME]\", \"feed accept NAME\", "
			     "\"feed check THING… [--feed FILE…]\" or \"feed test FILE…\"");
	if (check && o->argument_count < 2)
		return usage("check what? (an address, a name, a digest or a URL)");
	if (check && o->geo)
		return ask_geo(o);
	if (check && !o->feed_count)
		return ask_sensor(o);
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
