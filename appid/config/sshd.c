/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OpenSSH: sshd_config(5), sshd(8). Port and ListenAddress add up; Match blocks cannot hold them. BusyBox httpd: its flags. */
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

struct sshd {
	struct conf *c;
	const char *ports[CONF_WORDS], *ports_at[CONF_WORDS], *addresses[CONF_WORDS], *addresses_at[CONF_WORDS];
	unsigned port_count, address_count, includes;
	const char *family;
	bool flag_ports, match;
};

static void read_file(struct sshd *s, const char *path, bool optional);

static void setting(struct sshd *s, const char **w, unsigned n, const char *at)
{
	if (n < 2)
		return;
	if (!strcasecmp(w[0], "Match")) {
		s->match = strcasecmp(w[1], "all") != 0 || n > 2;
	} else if (!strcasecmp(w[0], "Include") && s->includes < 16) {
		const char **files;
		unsigned count;

		s->includes++;
		for (unsigned i = 1; i < n; i++) {
			files = conf_glob(s->c, conf_path(s->c, "/etc/ssh", w[i]), &count);
			for (unsigned k = 0; k < count; k++)
				read_file(s, files[k], true);
		}
		s->includes--;
	} else if (s->match) {
		return;
	} else if (!strcasecmp(w[0], "Port") && s->port_count < CONF_WORDS && !s->flag_ports) {
		s->ports[s->port_count] = conf_strdup(s->c, w[1]);
		s->ports_at[s->port_count++] = at;
	} else if (!strcasecmp(w[0], "ListenAddress") && s->address_count < CONF_WORDS) {
		s->addresses[s->address_count] = conf_strdup(s->c, w[1]);
		s->addresses_at[s->address_count++] = at;
	} else if (!strcasecmp(w[0], "AddressFamily") && !s->family) {
		s->family = conf_strdup(s->c, w[1]);
	}
}

static void read_file(struct sshd *s, const char *path, bool optional)
{
	struct conf_file *f = conf_read(s->c, path, "config", optional);
	struct conf_lines l = { .c = s->c, .f = f };
	const char *w[CONF_WORDS];
	bool match = s->match;

	while (f && conf_line(&l)) {
		char *equals = l.text + strcspn(l.text, "= \t\"");
		unsigned n;

		if (*equals == '=')
			*equals = ' ';
		n = conf_words(s->c, l.text, "#", w);
		setting(s, w, n, conf_at(s->c, f, l.line));
	}
	s->match = match; /* a Match of an included file ends with it */
}

static void listens(struct sshd *s, const char *host, const char *port, const char *at)
{
	bool four = s->family && !strcasecmp(s->family, "inet"), six = s->family && !strcasecmp(s->family, "inet6");

	if (host && !strcmp(host, "localhost") && (four || six))
		host = four ? "127.0.0.1" : "::1";
	if (!host || !strcmp(host, "*"))
		host = four ? "0.0.0.0" : six ? "::" : NULL;
	conf_listen_text(s->c, "tcp", host, port, CONF_ANY_BOTH, at);
}

void conf_sshd(struct conf *c, const struct conf_run *r)
{
	struct sshd *s = conf_alloc(c, sizeof(*s));
	const char *path = r->config ? r->config : conf_flag(c, r, "-f", NULL, NULL), *v, *at, *w[CONF_WORDS];
	unsigned i = 0, n;

	s->c = c;
	while ((v = conf_flag_next(c, r, "-p", NULL, &i, &at)) && s->port_count < CONF_WORDS) {
		s->ports[s->port_count] = v;
		s->ports_at[s->port_count++] = at;
	}
	i = 0;
	while ((v = conf_flag_next(c, r, "-o", NULL, &i, &at))) {
		char *text = conf_strdup(c, v);

		if (strchr(text, '='))
			*strchr(text, '=') = ' ';
		n = conf_words(c, text, "", w);
		setting(s, w, n, at);
	}
	s->flag_ports = s->port_count > 0;
	read_file(s, path ? conf_path(c, r->cwd, path) : "/etc/ssh/sshd_config", false);
	if (!s->port_count) {
		s->ports[0] = "22";
		s->ports_at[0] = "default";
		s->port_count = 1;
	}
	for (i = 0; i < s->address_count; i++) {
		const char *host, *port;

		conf_split(c, s->addresses[i], &host, &port);
		if (port && !host) { /* "ListenAddress 10": a number alone is a host */
			host = port;
			port = NULL;
		}
		for (unsigned k = 0; k < (port ? 1 : s->port_count); k++)
			listens(s, host, port ? port : s->ports[k], s->addresses_at[i]);
	}
	for (i = 0; i < s->port_count && !s->address_count; i++)
		listens(s, NULL, s->ports[i], s->ports_at[i]);
}

void conf_busybox_httpd(struct conf *c, const struct conf_run *r)
{
	const char *at = "default", *spec = conf_flag(c, r, "-p", NULL, &at), *home, *home_at, *path, *fallback;
	struct conf_file *f;

	conf_app(c, "busybox-httpd");
	conf_listen_spec(c, "tcp", spec ? spec : "80", 80, CONF_ANY_DUAL, at);
	home = conf_flag(c, r, "-h", NULL, &home_at);
	if (home)
		conf_place(c, "documents", conf_path(c, r->cwd, home), home_at);
	path = conf_flag(c, r, "-c", NULL, NULL);
	fallback = home ? conf_path(c, conf_path(c, r->cwd, home), "httpd.conf") : "/etc/httpd.conf";
	f = conf_read(c, path ? conf_path(c, r->cwd, path) : fallback, "config", !path);
	if (f) {
		struct conf_lines l = { .c = c, .f = f };

		while (conf_line(&l)) {
			const char *parts[CONF_WORDS];

			if (!strncmp(l.text, "H:", 2))
				conf_place(c, "documents", l.text + 2, conf_at(c, f, l.line));
			else if (!strncmp(l.text, "P:", 2) && conf_split_list(c, l.text + 2, "", parts) && strchr(parts[0],
					':')) /* P:/url:[http://]host[:port]/path */
				conf_upstream(c, "proxy", strchr(parts[0], ':') + 1, 0, conf_at(c, f, l.line));
		}
	}
}
