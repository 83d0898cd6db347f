/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Redis, Valkey and Sentinel: redis.conf(5) of 7.x; later lines and files win, flags of the command line come last. The
 * image's own entry point starts
 * without a file: then protected mode still binds to all. */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

struct redis {
	struct conf *c;
	bool sentinel, cluster, unread;
	const char *port, *port_at, *tls_port, *tls_at, *bind_at, *bus_port, *bus_at;
	const char *bind[CONF_WORDS];
	unsigned binds, includes;
};

static void read_file(struct redis *x, const char *path, bool optional);

static void setting(struct redis *x, const char **w, unsigned n, const char *at)
{
	struct conf *c = x->c;

	if (n < 2)
		return;
	if (!strcasecmp(w[0], "port")) {
		x->port = conf_strdup(c, w[1]);
		x->port_at = at;
	} else if (!strcasecmp(w[0], "tls-port")) {
		x->tls_port = conf_strdup(c, w[1]);
		x->tls_at = at;
	} else if (!strcasecmp(w[0], "bind")) {
		x->binds = 0;
		for (unsigned i = 1; i < n; i++)
			if (w[i][0])
				x->bind[x->binds++] = conf_strdup(c, w[i]);
		x->bind_at = at;
	} else if (!strcasecmp(w[0], "cluster-enabled")) {
		x->cluster = conf_is_yes(w[1]);
	} else if (!strcasecmp(w[0], "cluster-port")) {
		x->bus_port = strcmp(w[1], "0") != 0 ? conf_strdup(c, w[1]) : NULL;
		x->bus_at = at;
	} else if (!strcasecmp(w[0], "unixsocket")) {
		conf_listen_unix(c, w[1], at);
	} else if (!strcasecmp(w[0], "dir")) {
		conf_place(c, "data", w[1], at);
	} else if (!strcasecmp(w[0], "logfile") && w[1][0]) {
		conf_place(c, "logs", w[1], at);
	} else if ((!strcasecmp(w[0], "replicaof") || !strcasecmp(w[0], "slaveof")) && n > 2 && strcasecmp(w[1], "no") != 0) {
		conf_upstream(c, "replication", conf_printf(c, strchr(w[1], ':') ? "[%s]:%s" : "%s:%s", w[1], w[2]), 0, at);
	} else if (!strcasecmp(w[0], "sentinel") && n > 4 && !strcasecmp(w[1], "monitor")) {
		conf_upstream(c, "monitored", conf_printf(c, "%s:%s", w[3], w[4]), 0, at);
	} else if (!strcasecmp(w[0], "include")) {
		const char **files;
		unsigned count;

		files = conf_glob(c, conf_path(c, "/", w[1]), &count);
		for (unsigned i = 0; i < count; i++)
			read_file(x, files[i], false);
		if (!count && !strpbrk(w[1], "*?["))
			read_file(x, w[1], false);
	}
}

static void read_file(struct redis *x, const char *path, bool optional)
{
	struct conf_file *f;
	struct conf_lines l = { .c = x->c };
	const char *w[CONF_WORDS];

	if (x->includes == CONF_DEPTH) {
		conf_unread(x->c, path, "includes more than 32 deep: a loop?");
		return;
	}
	f = conf_read(x->c, path, "config", optional);
	l.f = f;
	x->includes++;
	while (f && conf_line(&l)) {
		unsigned n = *l.text == '#' ? 0 : conf_words(x->c, l.text, "", w);

		setting(x, w, n, conf_at(x->c, f, l.line));
	}
	x->includes--;
}

/* "--port 1 --bind a b": up to the next word with two dashes. */
static void flags(struct redis *x, const struct conf_run *r)
{
	for (unsigned i = 1; i < r->argc; i++) {
		const char *w[CONF_WORDS], *at;
		unsigned n = 0;

		if (strncmp(r->argv[i], "--", 2) != 0)
			continue;
		w[n++] = r->argv[i] + 2;
		at = conf_printf(x->c, "flag:%s", r->argv[i]);
		while (i + 1 < r->argc && strncmp(r->argv[i + 1], "--", 2) != 0 && n + 1 < CONF_WORDS) {
			w[n++] = r->argv[++i];
			at = conf_printf(x->c, "%s %s", at, r->argv[i]);
		}
		w[n] = NULL;
		if (n == 2 && strchr(w[1], ' ')) /* several values in one word */
			n = 1 + conf_words(x->c, w[1], "", w + 1);
		setting(x, w, n, at);
	}
}

static void listens(struct redis *x, const char *port, const char *at)
{
	for (unsigned i = 0; i < x->binds; i++) {
		const char *host = x->bind[i];

		host += *host == '-'; /* "-::*": no failure if the family is not there */
		if (!strcmp(host, "::*"))
			host = "::";
		conf_listen_text(x->c, "tcp", host, port, CONF_ANY_V4, at);
	}
	if (!x->binds)
		conf_listen_text(x->c, "tcp", NULL, port, CONF_ANY_BOTH, at);
}

void conf_redis(struct conf *c, const struct conf_run *r)
{
	struct redis x = { .c = c, .port = "6379", .port_at = "default", .tls_port = "0", .bus_at = "default" };
	unsigned bus;

	x.sentinel = strstr(conf_basename(r->argv[0]), "sentinel") || conf_switch(r, 0, "--sentinel") ||
		     (r->config && strstr(r->config, "sentinel"));
	if (x.sentinel) {
		x.port = "26379";
		conf_app(c, "redis-sentinel");
	}
	if (r->config)
		read_file(&x, r->config, false);
	else if (r->argc > 1 && r->argv[1][0] != '-')
		read_file(&x, conf_path(c, r->cwd, r->argv[1]), false);
	flags(&x, r);
	if (conf_port(c, x.port))
		listens(&x, x.port, x.binds && !strcmp(x.port_at, "default") ? x.bind_at : x.port_at);
	else if (strcmp(x.port, "0") != 0)
		conf_unread(c, x.port_at, "what port is \"%s\"?", x.port);
	if (strcmp(x.tls_port, "0") != 0)
		listens(&x, x.tls_port, x.tls_at);
	if (x.cluster && !x.sentinel) {
		bus = x.bus_port ? conf_port(c, x.bus_port) : 10000 + (conf_port(c, x.port) ? conf_port(c, x.port) : conf_port(c, x.tls_port));
		if (bus <= 65535)
			listens(&x, conf_printf(c, "%u", bus), x.bus_at);
	}
}
