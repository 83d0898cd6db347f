/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what a container starts to the programs that run: shells and scripts are followed, wrappers taken off, then the reader of the application is
 * asked. One struct scan per start. */
#include <errno.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_priv.h"
#include "appid/config/conf_shell.h"
#include "appid/config/conf_text.h"
#include "appid/config/conf_version.h"

struct candidate {
	const char *const *argv;
	unsigned argc;
	const struct conf_var *env;
	const char *cwd;
	struct candidate *next;
};

struct scan {
	struct conf *c;
	unsigned found, depth;
	struct candidate *candidates; /* started only under a condition that is not known */
	const char *unknown[8];	      /* programs without a reader: told if nothing else was found */
	unsigned unknown_count;
};

static bool start(struct scan *x, struct shell *s, const char *const *argv, unsigned argc, bool exec);

/* ---- wrappers -------------------------------------------------------------------------------------------------- */
/* What stands before the program that a wrapper starts. */
static const struct wrapper {
	const char *name;
	const char *with_value; /* options that take the next word, blanks around each */
	unsigned words;		/* plain words before the program */
	bool command;		/* -c gives shell text */
	bool user;		/* runs it as somebody else */
} wrappers[] = {
	{ "tini", " -p -e ", 0, false, false },
	{ "tini-static", " -p -e ", 0, false, false },
	{ "docker-init", " -p -e ", 0, false, false },
	{ "dumb-init", " -r --rewrite ", 0, false, false },
	{ "catatonit", "", 0, false, false },
	{ "gosu", "", 1, false, true },
	{ "su-exec", "", 1, false, true },
	{ "setuidgid", "", 1, false, true },
	{ "s6-setuidgid", "", 1, false, true },
	{ "runuser", " -u --user -g --group -G -s --shell -w ", 1, true, true },
	{ "su", " -g --group -G -s --shell -w ", 1, true, true },
	{ "sudo", " -u --user -g --group -C -h -p -r -t -U ", 0, false, true },
	{ "doas", " -u -C ", 0, false, true },
	{ "setpriv", " ", 0, false, true },
	{ "chpst", " -u -U -b -/ -e -n -l -L -m -d -o -p -f -c -r -t ", 0, false, true },
	{ "env", " -u --unset -C --chdir ", 0, false, false },
	{ "nice", " -n --adjustment ", 0, false, false },
	{ "ionice", " -c -n ", 0, false, false },
	{ "nohup", "", 0, false, false },
	{ "setsid", "", 0, false, false },
	{ "stdbuf", " -i -o -e ", 0, false, false },
	{ "unbuffer", "", 0, false, false },
	{ "timeout", " -k -s ", 1, false, false },
	{ "chrt", "", 1, false, false },
	{ "taskset", " -c ", 1, false, false },
	{ "numactl", " -i -m -N -C -l ", 0, false, false },
	{ "chroot", "", 1, false, false },
	{ "capsh", "", 0, false, false },
	{ "catchsegv", "", 0, false, false },
	{ "time", "", 0, false, false },
	{ "xvfb-run", " -n -s -f -e -w ", 0, false, false },
	{ "pid1", "", 0, false, false },
	{ "start-stop-daemon", " -p --pidfile -u --user -c --chuid -g --group -d --chdir -N --nicelevel -n --name ", 0, false, false },
};

static const struct wrapper *wrapper_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrappers); i++)
		if (!strcmp(name, wrappers[i].name))
			return &wrappers[i];
	return NULL;
}

static bool takes_value(const struct wrapper *w, const char *option)
{
	size_t n = strlen(option);

	for (const char *p = w->with_value; (p = strstr(p, option)); p += n)
		if (p > w->with_value && p[-1] == ' ' && p[n] == ' ')
			return true;
	return false;
}

static void run_text(struct scan *x, struct shell *s, const char *text, const char *const *args, unsigned count);

/* "start-stop-daemon --exec X -- ARGS": the program is a value. */
static bool start_stop(struct scan *x, struct shell *s, const char *const *argv, unsigned argc, bool exec)
{
	const char **words = conf_alloc(x->c, (argc + 1) * sizeof(*words));
	unsigned n = 0;

	for (unsigned i = 1; i < argc; i++) {
		const char *a = argv[i];

		if ((!strcmp(a, "--exec") || !strcmp(a, "-x") || !strcmp(a, "--startas") || !strcmp(a, "-a")) && i + 1 < argc) {
			words[0] = argv[++i];
			n = n ? n : 1;
		} else if (!strcmp(a, "--")) {
			while (n && ++i < argc)
				words[n++] = argv[i];
		}
	}
	return n && start(x, s, words, n, exec);
}

static bool unwrap_options(struct scan *x, struct shell *s, const struct wrapper *w, const char *const *argv, unsigned argc, bool exec)
{
	unsigned plain = w->words, i;
	const char *text = NULL, *user = NULL;

	if (!strcmp(w->name, "start-stop-daemon"))
		return start_stop(x, s, argv, argc, exec);
	for (i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--")) {
			if (!w->command)
				plain = w->words && !user ? plain : 0;
			if (!text)
				i++;
			break;
		}
		if (w->command && (!strcmp(a, "-c") || !strcmp(a, "--command")) && i + 1 < argc) {
			text = argv[++i];
		} else if (a[0] == '-' && (a[1] || !w->command)) {
			if (w->command && (!strcmp(a, "-u") || !strcmp(a, "--user")))
				plain = 0;
			i += takes_value(w, a) ? 1 : 0;
		} else if (!strcmp(a, "-")) {
			continue; /* su - */
		} else if (!strcmp(w->name, "env") && strchr(a, '=')) {
			shell_set(s, conf_strndup(x->c, a, strcspn(a, "=")), strchr(a, '=') + 1, true);
		} else if (plain) {
			plain--;
			user = a;
		} else if (!text) {
			break;
		}
	}
	if (text) {
		run_text(x, s, text, NULL, 0);
		return true;
	}
	while (plain-- && i < argc)
		i++;
	return i < argc && start(x, s, argv + i, argc - i, exec);
}

static bool unwrap(struct scan *x, struct shell *s, const struct wrapper *w, const char *const *argv, unsigned argc, bool exec)
{
	const char *uid = shell_get(s, SHELL_UID);
	bool done;

	if (w->user)
		shell_set(s, SHELL_UID, "1000", true);
	done = unwrap_options(x, s, w, argv, argc, exec);
	for (struct shell_var *v = s->vars; v; v = v->next)
		if (!strcmp(v->name, SHELL_UID))
			v->value = uid;
	return done;
}

/* ---- shells and scripts --------------------------------------------------------------------------------------- */
static enum shell_truth command(struct shell *s, const char **argv, unsigned argc, bool exec)
{
	(void)start(s->arg, s, argv, argc, exec);
	return SHELL_MAYBE; /* what it returns is not known */
}

/* Text in a shell of its own, with what is exported of the outer one. */
static void run_text(struct scan *x, struct shell *outer, const char *text, const char *const *args, unsigned count)
{
	struct shell s;

	shell_init(&s, x->c, shell_env(outer));
	s.command = command;
	s.arg = x;
	s.cwd = outer->cwd;
	s.depth = outer->depth;
	s.maybe = outer->maybe;
	shell_args(&s, count ? args[0] : "sh", count ? args + 1 : NULL, count ? count - 1 : 0);
	shell_run(&s, text);
}

static bool is_shell(const char *name)
{
	static const char *const names[] = { "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* The file behind a program's name: in PATH, links taken as the file system says. NULL: not in this root. */
static const char *resolve(struct scan *x, struct shell *s, const char *name)
{
	const char *dirs[CONF_WORDS], *path = shell_get(s, "PATH"), *file;
	unsigned n;

	if (!conf_is_known(name))
		return NULL;
	if (strchr(name, '/')) {
		file = conf_path(x->c, s->cwd, name);
		return conf_is_file(x->c, file) ? file : NULL;
	}
	if (!path || !conf_is_known(path))
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	n = conf_split_list(x->c, path, ":", dirs);
	for (unsigned i = 0; i < n && i < 32; i++) {
		file = conf_path(x->c, conf_path(x->c, "/", dirs[i]), name);
		if (conf_is_file(x->c, file))
			return file;
	}
	return NULL;
}

/* A script's own words are followed; when they lead nowhere and it ends by starting its arguments, those are what runs. */
static bool script(struct scan *x, struct shell *s, const char *path, const char *const *argv, unsigned argc)
{
	struct conf_file *f = conf_read(x->c, path, "scripts", true);
	unsigned found = x->found;
	const struct candidate *candidates = x->candidates;
	bool hands_on;

	if (!f || x->depth > SHELL_DEPTH)
		return false;
	hands_on = strstr(f->text, "exec \"$@\"") || strstr(f->text, "\n\"$@\"") || strstr(f->text, " \"$@\"");
	x->depth++;
	run_text(x, s, f->text, argv, argc);
	x->depth--;
	if (x->found == found && x->candidates == candidates && hands_on && argc > 1) {
		conf_note(x->c, "%s cannot be followed to its end: it is taken to start its arguments", path);
		start(x, s, argv + 1, argc - 1, true);
	}
	return true;
}

static bool shell_program(struct scan *x, struct shell *s, const char *const *argv, unsigned argc)
{
	const char *path;

	for (unsigned i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (a[0] == '-' && a[1] != '-' && strchr(a, 'c') && i + 1 < argc) {
			run_text(x, s, argv[i + 1], argv + i + 2, argc - i - 2);
			return true;
		}
		if (a[0] == '-' || a[0] == '+') {
			i += !strcmp(a, "-o") || !strcmp(a, "+o") || !strcmp(a, "--rcfile") || !strcmp(a, "--init-file");
			continue;
		}
		path = resolve(x, s, a);
		return path && script(x, s, path, argv + i, argc - i);
	}
	return false;
}

/* "#!/bin/sh", "#!/usr/bin/env bash": what reads the file; NULL: no script. */
static const char *interpreter(struct scan *x, const char *path)
{
	char head[256];
	const char *words[CONF_WORDS], *name;
	size_t len = 0;
	unsigned n;
	int r = x->c->fs.read(x->c->fs.ctx, path, head, sizeof(head) - 1, &len);

	if ((r < 0 && r != -EFBIG /* the head is there all the same */) || len < 3 || head[0] != '#' || head[1] != '!')
		return NULL;
	head[len] = '\0';
	head[strcspn(head, "\n")] = '\0';
	n = conf_words(x->c, head + 2, "", words);
	if (!n)
		return NULL;
	name = conf_basename(words[0]);
	for (unsigned i = 1; i < n && !strcmp(name, "env"); i++)
		if (words[i][0] != '-' && !strchr(words[i], '='))
			name = conf_basename(words[i]);
	return name;
}

/* ---- supervisors ------------------------------------------------------------------------------------------------ */
static void supervisor_file(struct scan *x, struct shell *s, const char *path, unsigned depth)
{
	struct conf_file *f = conf_read(x->c, path, "config", false);
	struct conf_kv k = { .lines = { .c = x->c, .f = f }, .comments = "#;", .trailing = ";", .seps = "=", .sections = true };
	const char *files[CONF_WORDS], **found;
	unsigned n, count;

	while (f && conf_kv_next(&k)) {
		if (k.section_begins)
			continue;
		if (!strncmp(k.section, "program:", 8) && !strcmp(k.key, "command"))
			run_text(x, s, conf_strdup(x->c, k.value), NULL, 0);
		if (strcmp(k.section, "include") != 0 || strcmp(k.key, "files") != 0 || depth)
			continue;
		n = conf_split_list(x->c, k.value, "", files);
		for (unsigned i = 0; i < n; i++) {
			found = conf_glob(x->c, conf_path(x->c, conf_dirname(x->c, path), files[i]), &count);
			for (unsigned j = 0; j < count; j++)
				supervisor_file(x, s, found[j], depth + 1);
		}
	}
}

static bool supervisord(struct scan *x, struct shell *s, const char *const *argv, unsigned argc)
{
	struct conf_run r = { .argv = argv, .argc = argc };
	const char *path = conf_flag(x->c, &r, "-c", "--configuration", NULL);

	if (!path)
		path = conf_exists(x->c, "/etc/supervisor/supervisord.conf") ? "/etc/supervisor/supervisord.conf" : "/etc/supervisord.conf";
	supervisor_file(x, s, conf_path(x->c, s->cwd, path), 0);
	return true;
}

/* ---- programs ------------------------------------------------------------------------------------------------------- */
struct reading {
	const struct conf_known *known;
	const struct conf_run *run;
};

static void read_app(struct conf *c, void *arg)
{
	const struct reading *r = arg;

	r->known->read(c, r->run);
}

static void read_known(struct scan *x, const struct conf_known *k, struct conf_run *r)
{
	struct reading reading = { k, r };

	x->found++;
	conf_app(x->c, k->app);
	r->version = conf_version(x->c, k->packages, r->path);
	if (!x->c->version)
		x->c->version = r->version;
	conf_guard(x->c, read_app, &reading, k->app);
}

static bool is_utility(const char *name)
{
	static const char list[] = " mkdir chown chmod cp mv rm ln touch install cat tee sed awk grep egrep cut tr sort head tail find xargs ls stat "
				   "date sleep id whoami hostname uname tar gzip gunzip unzip wget curl openssl ssh-keygen usermod useradd groupadd "
				   "groupmod adduser addgroup deluser getent which dirname basename readlink realpath mktemp envsubst ldconfig "
				   "update-ca-certificates pg_isready psql mysql mysqladmin redis-cli nc ping ip sysctl ulimit kill pkill test "
				   "newaliases postmap initdb mysql_install_db mariadb-install-db locale-gen dpkg-reconfigure apt-get apk crond cron "
				   "base64 md5sum sha256sum seq expr wc uniq diff cmp mount umount mountpoint mknod sync rsyslogd logger setcap getcap ";
	const char *at = strstr(list, name);
	size_t n = strlen(name);

	return n && at && at[-1] == ' ' && at[n] == ' ';
}

static bool run_program(struct scan *x, struct shell *s, const char *const *argv, unsigned argc)
{
	struct conf_run r = { .argv = argv, .argc = argc, .cwd = s->cwd, .env = shell_env(s), .path = resolve(x, s, argv[0]) };
	const struct conf_known *k = conf_known_program(conf_basename(argv[0]));
	const char *link;

	if (!k && r.path && (link = conf_link(x->c, r.path)))
		k = conf_known_program(conf_basename(link));
	if (r.path && !is_utility(conf_basename(argv[0])))
		conf_place(x->c, "program", r.path, NULL);
	if (!k)
		return false;
	read_known(x, k, &r);
	return true;
}

/* A command that is not under an unknown condition, or of which nothing better is found. */
static bool start_now(struct scan *x, struct shell *s, const char *const *argv, unsigned argc, bool exec)
{
	const char *name = conf_basename(argv[0]), *path, *reader;
	const struct wrapper *w = wrapper_find(name);
	bool done;

	if (w)
		return unwrap(x, s, w, argv, argc, exec);
	if (!strcmp(name, "busybox") && argc > 1 && strcmp(argv[1], "httpd") != 0)
		return start(x, s, argv + 1, argc - 1, exec);
	if (is_shell(name))
		return shell_program(x, s, argv, argc);
	if (!strcmp(name, "supervisord"))
		return supervisord(x, s, argv, argc);
	if (!strncmp(name, "wait-for", 8) || !strcmp(name, "dockerize"))
		for (unsigned i = 1; i + 1 < argc; i++)
			if (!strcmp(argv[i], "--"))
				return start(x, s, argv + i + 1, argc - i - 1, exec);
	if (run_program(x, s, argv, argc))
		return true;
	path = resolve(x, s, argv[0]);
	reader = path ? interpreter(x, path) : NULL;
	if (reader && is_shell(reader)) {
		done = script(x, s, path, argv, argc);
		return done;
	}
	if (reader) { /* a script of another language: as if its reader was started with it */
		const char **more = conf_alloc(x->c, (argc + 2) * sizeof(*more));

		more[0] = reader;
		memcpy(more + 1, argv, argc * sizeof(*more));
		more[1] = path;
		return run_program(x, s, more, argc + 1);
	}
	return false;
}

/* Said already of what it starts. */
static bool unwrapped(const char *name)
{
	return wrapper_find(name) || is_shell(name);
}

static bool start(struct scan *x, struct shell *s, const char *const *argv, unsigned argc, bool exec)
{
	struct candidate *k;
	const char *name;
	bool done;

	if (!argc || !argv[0][0])
		return false;
	name = conf_basename(argv[0]);
	if (is_utility(name))
		return true;
	if (!conf_is_known(argv[0])) {
		conf_unread(x->c, "command", "the program is known only when it runs");
		return false;
	}
	if (x->depth > SHELL_DEPTH) {
		conf_unread(x->c, "command", "wrappers more than %d deep", SHELL_DEPTH);
		return false;
	}
	if (s->maybe) {
		k = conf_alloc(x->c, sizeof(*k));
		*k = (struct candidate){ .argv = argv, .argc = argc, .env = shell_env(s), .cwd = s->cwd, .next = x->candidates };
		x->candidates = k;
		return true;
	}
	x->depth++;
	done = start_now(x, s, argv, argc, exec);
	x->depth--;
	if (!done && exec && !unwrapped(name))
		conf_unread(x->c, conf_printf(x->c, "program %s", argv[0]), "no reader for it");
	else if (!done && x->unknown_count < ARRAY_SIZE(x->unknown))
		x->unknown[x->unknown_count++] = argv[0];
	return done;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------- */
/* What may be started, if nothing is for certain. */
static void try_candidates(struct scan *x)
{
	struct candidate *k = x->candidates;

	x->candidates = NULL;
	for (unsigned i = 0; k && i < 16; k = k->next, i++) {
		struct shell s;

		shell_init(&s, x->c, k->env);
		s.command = command;
		s.arg = x;
		s.cwd = k->cwd;
		if (start(x, &s, k->argv, k->argc, false))
			conf_note(x->c, "whether %s is started is known only when it runs", k->argv[0]);
	}
}

static void by_command(struct scan *x, const struct conf_start *st)
{
	struct shell s;
	unsigned n = 0;

	shell_init(&s, x->c, st->env);
	s.command = command;
	s.arg = x;
	s.cwd = st->cwd ? st->cwd : "/";
	if (st->command) {
		shell_run(&s, st->command);
	} else {
		while (st->argv[n])
			n++;
		start(x, &s, st->argv, n, true);
	}
	if (!x->found)
		try_candidates(x);
	for (unsigned i = 0; !x->found && i < x->unknown_count; i++)
		conf_unread(x->c, conf_printf(x->c, "program %s", x->unknown[i]), "no reader for it");
}

static void by_files(struct scan *x, const struct conf_start *st)
{
	const char *patterns[CONF_WORDS], **files;
	unsigned n, count;

	for (const struct conf_known *k = conf_known(); k->app; k++) {
		n = k->configs ? conf_split_list(x->c, k->configs, "", patterns) : 0;
		for (unsigned i = 0; i < n; i++) {
			const char *const argv[] = { conf_strndup(x->c, k->programs, strcspn(k->programs, " *")), NULL };
			struct conf_run r = { .argv = argv, .argc = 1, .cwd = "/", .env = st->env, .detected = true };

			files = conf_glob(x->c, patterns[i], &count);
			if (!count)
				continue;
			r.config = files[0];
			read_known(x, k, &r);
			break;
		}
	}
	if (x->found)
		conf_note(x->c, "no start command was given: applications found by their configuration files, as if each was started with its own");
}

static void scan(struct conf *c, void *arg)
{
	const struct conf_start *st = arg;
	struct scan x = { .c = c };

	if (st->command || st->argv)
		by_command(&x, st);
	else
		by_files(&x, st);
}

void conf_scan(struct conf *c, const struct conf_start *s)
{
	struct conf_start copy = *s;

	conf_guard(c, scan, &copy, "scan");
}

static enum shell_truth ignored(struct shell *s, const char **argv, unsigned argc, bool exec)
{
	return SHELL_MAYBE;
}

const struct conf_var *conf_shell_env(struct conf *c, const char *path, const struct conf_var *env)
{
	struct conf_file *f = conf_read(c, path, "config", true);
	struct shell s;

	if (!f)
		return env;
	shell_init(&s, c, env);
	s.command = ignored;
	s.all_exported = true; /* what the script sets is what the program behind it is given */
	shell_run(&s, f->text);
	return shell_env(&s);
}
