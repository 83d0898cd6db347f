/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading what an application is configured to do, out of its own files: where it would listen, whom it would call, where its
 * documents, data and logs lie; each with the place that says so.
 *
 * The readers open nothing: they ask for files through struct conf_fs, so the same code runs for `pierglass scan DIR` (in a
 * sandboxed process, files handed over by the command) and in the sensor's documents inspector. Everything they read is hostile.
 * Memory comes from one arena with a limit, time has a limit; when one is exceeded the reader that runs is left by longjmp to
 * where it was started (conf_guard), with what it found until then and a line in unread[]. Readers therefore own nothing outside
 * the arena; the two parsers of libraries register what must be freed. What a reader cannot read it says (conf_unread), it never
 * guesses.
 *
 * One thread per struct conf. Strings are NUL-terminated, owned by the arena, alive until conf_free(). */
#ifndef PG_APPID_CONFIG_CONF_H
#define PG_APPID_CONFIG_CONF_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/root_files.h"

struct conf;

enum {
	CONF_FILE_BYTES = 1 << 20,    /* of one file */
	CONF_FILES_BYTES = 32 << 20,  /* of all */
	CONF_FILES = 2000,	      /* opened */
	CONF_DEPTH = 32,	      /* includes inside includes, blocks inside blocks */
	CONF_FILE_MS = 200,	      /* reading one */
	CONF_MEMORY = 192 << 20,
	CONF_RESULTS = 4096,	      /* listeners, upstreams, notes, each */
	CONF_WORDS = 256,	      /* of a line */
};

/* Where files come from. Paths are absolute inside the root. All return 0 or -errno as in base/root_files.h. */
struct conf_fs {
	void *ctx;
	/* At most cap bytes; -EFBIG: the file is longer; -ETIMEDOUT. */
	int (*read)(void *ctx, const char *path, char *buf, size_t cap, size_t *ret_len);
	int (*list)(void *ctx, const char *path, char *buf, size_t *ret_len); /* buf holds ROOT_LIST_BYTES */
	int (*stat)(void *ctx, const char *path, struct root_stat *ret);
	int (*link)(void *ctx, const char *path, char *buf, size_t cap);
};

struct conf_file {
	const char *path;
	char *text; /* NUL-terminated; readers may cut it up */
	size_t len;
};

/* A name with its value and where that comes from. */
struct conf_var {
	const char *name, *value, *source;
	struct conf_var *next;
};

/* A program as it would be started. */
struct conf_run {
	const char *const *argv; /* ends with NULL */
	unsigned argc;
	const char *path;     /* of the executable, if it is in the root; else NULL */
	const char *cwd;
	const struct conf_var *env;
	const char *version;  /* NULL: not known */
	bool detected;	      /* no command was given: found by its files; config is set */
	const char *config;   /* of a detected one: the file that it was found by */
};

/* ---- arena and limits (conf.c) ------------------------------------------------------------------------- */
/* now_ns: a clock (monotonic), so that tests can stop it; deadline_ns on that clock. NULL on lack of memory. */
struct conf *conf_new(const struct conf_fs *fs, uint64_t (*now_ns)(void), uint64_t deadline_ns);
void conf_free(struct conf *c);

/* Never NULL: without memory the reader is left. Zeroed. */
void *conf_alloc(struct conf *c, size_t size);
char *conf_strdup(struct conf *c, const char *s);
char *conf_strndup(struct conf *c, const char *s, size_t len);
char *conf_printf(struct conf *c, const char *fmt, ...) _printf_(2, 3);
/* Looks at the clock every now and then; leaves the reader when time is over. Called by all iterators. */
void conf_tick(struct conf *c);
void conf_leave(struct conf *c, const char *why) __attribute__((noreturn));
/* Runs fn(arg) so that conf_leave() ends it; what: named in unread[] then. Nestable. False when it was left. */
bool conf_guard(struct conf *c, void (*fn)(struct conf *c, void *arg), void *arg, const char *what);
/* At most one thing of a library at a time: freed by conf_leave() and conf_free(); NULL fn: it was freed. */
void conf_owns(struct conf *c, void (*fn)(void *), void *thing);

/* ---- files (conf_files.c) --------------------------------------------------------------------------------- */
/* Reads a file, each time anew (readers cut the text up). role (NULL: none): listed in files{} under it. NULL: recorded in unread[]
 * with the reason, unless it is absent and optional. */
struct conf_file *conf_read(struct conf *c, const char *path, const char *role, bool optional);
bool conf_exists(struct conf *c, const char *path);
bool conf_is_dir(struct conf *c, const char *path);
bool conf_is_file(struct conf *c, const char *path);
/* What the link at path says; NULL: no link. */
const char *conf_link(struct conf *c, const char *path);
/* Paths that match, sorted as glob(3) does, NULL-terminated; wild cards in any part. Without wild cards the path itself, if there. */
const char **conf_glob(struct conf *c, const char *pattern, unsigned *ret_count);
/* Files of a directory, full paths, sorted bytewise; suffix NULL: any. */
const char **conf_dir(struct conf *c, const char *dir, const char *suffix, unsigned *ret_count);
/* path if absolute, else joined to dir; "." and ".." and doubled slashes are taken out. */
const char *conf_path(struct conf *c, const char *dir, const char *path);
const char *conf_dirname(struct conf *c, const char *path);
const char *conf_basename(const char *path);
/* "path:line" */
const char *conf_at(struct conf *c, const struct conf_file *f, unsigned line);

/* ---- results (conf_results.c) -------------------------------------------------------------------------------- */
/* What an empty host or "*" becomes: one socket for both families, IPv4 only, or one socket each. */
enum conf_any { CONF_ANY_DUAL, CONF_ANY_V4, CONF_ANY_BOTH };
/* The application that further results belong to; from the list in conf_apps.c. */
void conf_app(struct conf *c, const char *app);
/* host: an address, with or without brackets; NULL, "" and "*": any; a name: its addresses in /etc/hosts of the root, "localhost" is
 * 127.0.0.1 and ::1; else as it is. Port 0 is nothing. The same again changes nothing. */
void conf_listen(struct conf *c, const char *l4, const char *host, unsigned port, enum conf_any any, const char *source);
/* As conf_listen() with the port as text: a number or a name of /etc/services; what is neither is unread. */
void conf_listen_text(struct conf *c, const char *l4, const char *host, const char *port, enum conf_any any, const char *source);
/* Splits "host:port", "[v6]:port", ":port", "port", "host" (then fallback is the port; 0: unread) and listens. */
void conf_listen_spec(struct conf *c, const char *l4, const char *spec, unsigned fallback, enum conf_any any, const char *source);
/* A listener on a socket in the file system: files{} "sockets". */
void conf_listen_unix(struct conf *c, const char *path, const char *source);
/* Whom it would call: "host:port", "unix:/path" or a URL; kind: proxy, database, cache, … */
void conf_upstream(struct conf *c, const char *kind, const char *target, unsigned fallback_port, const char *source);
/* role: config, documents, data, logs, sockets, modules, … */
void conf_place(struct conf *c, const char *role, const char *path, const char *source);
void conf_note(struct conf *c, const char *fmt, ...) _printf_(2, 3);
void conf_unread(struct conf *c, const char *what, const char *fmt, ...) _printf_(3, 4);
/* Takes back what the application listens on (from the mark on): the program would refuse its configuration. */
unsigned conf_mark(const struct conf *c);
void conf_refused(struct conf *c, unsigned mark, const char *source, const char *fmt, ...) _printf_(4, 5);
/* Port of a number or a service name; 0: neither. */
unsigned conf_port(struct conf *c, const char *text);
/* "a:b", "[v6]:b", "b"; *ret_host NULL if none, *ret_port NULL if none. */
void conf_split(struct conf *c, const char *spec, const char **ret_host, const char **ret_port);
/* The text has a piece that is known only when it runs (of the shell: a command's output). */
#define CONF_UNKNOWN '\1'
bool conf_is_known(const char *s);

/* ---- command line and environment (conf_run.c) ---------------------------------------------------------------- */
/* Value of the last -s V, -sV, --long V, --long=V; NULL if not there. short_name, long_name may be NULL. "-long V" counts when long_name begins
 * with one dash. *ret_source "flag:…". */
const char *conf_flag(struct conf *c, const struct conf_run *r, const char *short_name, const char *long_name, const char **ret_source);
/* The next one after *at (0 first); for flags that may stand several times. */
const char *conf_flag_next(struct conf *c, const struct conf_run *r, const char *short_name, const char *long_name, unsigned *at,
			   const char **ret_source);
/* A switch without value; short ones also inside a cluster ("-dk"). */
bool conf_switch(const struct conf_run *r, char short_name, const char *long_name);
const char *conf_env(const struct conf_run *r, const char *name);
const char *conf_env_of(const struct conf_var *env, const char *name);

#endif
