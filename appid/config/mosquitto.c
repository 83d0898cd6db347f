/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mosquitto: mosquitto.conf(5). Since 2.0, without any listener only the machine itself is served. */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

struct listener {
	const char *port, *host, *at, *domain;
};

struct mosquitto {
	struct conf *c;
	struct listener all[CONF_WORDS];
	unsigned count, includes;
	struct listener plain; /* port and bind_address outside of a listener */
};

static void read_file(struct mosquitto *m, const char *path);

static void setting(struct mosquitto *m, const char **w, unsigned n, const char *at)
{
	struct conf *c = m->c;
	struct listener *last = m->count ? &m->all[m->count - 1] : &m->plain;

	if (n < 2)
		return;
	if (!strcmp(w[0], "listener") && m->count < CONF_WORDS) {
		m->all[m->count++] = (struct listener){ conf_strdup(c, w[1]), n > 2 ? conf_strdup(c, w[2]) : NULL, at, NULL };
	} else if (!strcmp(w[0], "port")) {
		m->plain.port = conf_strdup(c, w[1]);
		m->plain.at = at;
	} else if (!strcmp(w[0], "bind_address")) {
		m->plain.host = conf_strdup(c, w[1]);
		m->plain.at = m->plain.at ? m->plain.at : at;
	} else if (!strcmp(w[0], "socket_domain")) {
		last->domain = conf_strdup(c, w[1]);
	} else if (!strcmp(w[0], "address") || !strcmp(w[0], "addresses")) {
		for (unsigned i = 1; i < n; i++)
			conf_upstream(c, "bridge", conf_strdup(c, w[i]), 1883, at);
	} else if (!strcmp(w[0], "persistence_location")) {
		conf_place(c, "data", w[1], at);
	} else if (!strcmp(w[0], "log_dest") && n > 2 && !strcmp(w[1], "file")) {
		conf_place(c, "logs", w[2], at);
	} else if (!strcmp(w[0], "include_dir") && m->includes++ < CONF_DEPTH) {
		unsigned count;
		const char **files = conf_dir(c, w[1], ".conf", &count);

		for (unsigned i = 0; i < count; i++)
			read_file(m, files[i]);
	}
}

static void read_file(struct mosquitto *m, const char *path)
{
	struct conf_file *f = conf_read(m->c, path, "config", false);
	struct conf_lines l = { .c = m->c, .f = f };
	const char *w[CONF_WORDS];

	while (f && conf_line(&l)) {
		unsigned n = *l.text == '#' ? 0 : conf_words(m->c, l.text, "", w);

		setting(m, w, n, conf_at(m->c, f, l.line));
	}
}

static void listens(struct mosquitto *m, const struct listener *l)
{
	const char *host = l->host;

	if (!strcmp(l->port, "0") && host && *host == '/') {
		conf_listen_unix(m->c, host, l->at);
		return;
	}
	if (!host && l->domain)
		host = !strcmp(l->domain, "ipv6") ? "::" : !strcmp(l->domain, "ipv4") ? "0.0.0.0" : NULL;
	conf_listen_text(m->c, "tcp", host, l->port, CONF_ANY_BOTH, l->at);
}

void conf_mosquitto(struct conf *c, const struct conf_run *r)
{
	struct mosquitto *m = conf_alloc(c, sizeof(*m));
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", "--config-file", NULL), *at = "default",
			*port = conf_flag(c, r, "-p", "--port", &at);
	bool old = r->version && strtoul(r->version, NULL, 10) == 1;

	m->c = c;
	if (path)
		read_file(m, conf_path(c, r->cwd, path));
	for (unsigned i = 0; i < m->count; i++)
		listens(m, &m->all[i]);
	if (m->plain.port || m->plain.host) {
		m->plain.port = m->plain.port ? m->plain.port : "1883";
		listens(m, &m->plain);
	} else if (!m->count) {
		conf_listen_text(c, "tcp", old ? NULL : "localhost", port ? port : "1883", CONF_ANY_BOTH, at);
	}
}
