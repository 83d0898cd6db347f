/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memcached 1.6: memcached(1). Debian's wrapper reads flags from the lines of a file; no file of its own. */
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

struct memcached {
	struct conf *c;
	const char *port, *port_at, *udp, *udp_at, *socket;
	const char *listen[CONF_WORDS], *listen_at[CONF_WORDS];
	unsigned listens;
};

static void option(struct memcached *m, char name, const char *value, const char *at)
{
	const char *list[CONF_WORDS];
	unsigned n;

	switch (name) {
	case 'p':
		m->port = value;
		m->port_at = at;
		break;
	case 'U':
		m->udp = value;
		m->udp_at = at;
		break;
	case 's':
		m->socket = value;
		conf_listen_unix(m->c, value, at);
		break;
	case 'l':
		n = conf_split_list(m->c, value, ",", list);
		for (unsigned i = 0; i < n && m->listens < CONF_WORDS; i++) {
			m->listen[m->listens] = list[i];
			m->listen_at[m->listens++] = at;
		}
		break;
	}
}

/* The words of a command line, or of all lines of the file. */
static void options(struct memcached *m, const char *const *w, unsigned n, const char *at)
{
	static const struct {
		const char *name;
		char letter;
	} longs[] = { { "--port=", 'p' }, { "--udp-port=", 'U' }, { "--listen=", 'l' }, { "--unix-socket=", 's' } };
	static const char with_value[] = "pUlsaumcPfntbRCIoYD";

	for (unsigned i = 0; i < n; i++) {
		const char *a = w[i], *value;
		bool next = false;

		for (size_t k = 0; k < ARRAY_SIZE(longs); k++)
			if (!strncmp(a, longs[k].name, strlen(longs[k].name)))
				option(m, longs[k].letter, a + strlen(longs[k].name), at ? at : conf_printf(m->c, "flag:%s", a));
		if (a[0] != '-' || a[1] == '-' || !a[1] || !strchr(with_value, a[1]))
			continue;
		value = a[2] ? a + 2 : i + 1 < n ? (next = true, w[i + 1]) : NULL;
		if (value)
			option(m, a[1], value, at ? at : conf_printf(m->c, "flag:-%c %s", a[1], value));
		i += next;
	}
}

static void read_file(struct memcached *m, const char *path)
{
	struct conf_file *f = conf_read(m->c, path, "config", false);
	struct conf_lines l = { .c = m->c, .f = f };
	const char *w[CONF_WORDS];

	while (f && conf_line(&l)) {
		unsigned n = conf_words(m->c, l.text, "#", w);

		options(m, w, n, conf_at(m->c, f, l.line));
	}
}

static void listen_each(struct memcached *m, const char *l4, const char *port, const char *port_at)
{
	for (unsigned i = 0; i < m->listens; i++) {
		const char *spec = m->listen[i], *host, *own;

		spec += !strncmp(spec, "notls:", 6) ? 6 : 0;
		conf_split(m->c, spec, &host, &own);
		if (own && !host && spec[0] != ':') { /* digits alone are no address that one means: a port is given with -p */
			conf_unread(m->c, m->listen_at[i], "what address is \"%s\"?", spec);
			continue;
		}
		/* A port given with the address is TCP's; UDP goes with -U. */
		conf_listen_text(m->c, l4, host, own && *l4 == 't' ? own : port, CONF_ANY_BOTH, own || !port_at ? m->listen_at[i] : port_at);
	}
	if (!m->listens)
		conf_listen_text(m->c, l4, NULL, port, CONF_ANY_BOTH, port_at ? port_at : "default");
}

void conf_memcached(struct conf *c, const struct conf_run *r)
{
	struct memcached m = { .c = c };

	if (r->config)
		read_file(&m, r->config);
	else if (strstr(conf_basename(r->argv[0]), "wrapper") && r->argc > 1)
		read_file(&m, conf_path(c, r->cwd, r->argv[1]));
	else
		options(&m, r->argv + 1, r->argc - 1, NULL);
	if (m.socket)
		return;
	if (!m.port || strcmp(m.port, "0") != 0)
		listen_each(&m, "tcp", m.port ? m.port : "11211", m.port_at);
	if (m.udp && strcmp(m.udp, "0") != 0)
		listen_each(&m, "udp", m.udp, m.udp_at);
}
