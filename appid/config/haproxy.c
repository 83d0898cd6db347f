/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HAProxy 2.x: configuration manual section 3 to 5. Addresses that it refuses make it refuse the whole file (str2sa_range()). */
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

enum { BINDS = 2048, CONDITIONS = 16 };

struct haproxy {
	struct conf *c;
	const struct conf_var *env;
	const char *section; /* its kind */
	unsigned mark;
	bool refused, disabled, new; /* new: 2.1 or later, also when the version is not known */
	struct { const char *l4, *host, *at; unsigned port; bool dual; } binds[BINDS]; /* of this section: it may yet be disabled */
	unsigned bind_count;
	bool active[CONDITIONS], taken[CONDITIONS]; /* .if */
	unsigned depth;
};

static void refuse(struct haproxy *h, const char *at, const char *what, const char *spec)
{
	if (!h->refused)
		conf_refused(h->c, h->mark, at, "%s in '%s'", what, spec);
	h->refused = true;
}

static void section_end(struct haproxy *h)
{
	for (unsigned i = 0; i < h->bind_count && !h->disabled && !h->refused; i++)
		conf_listen(h->c, h->binds[i].l4, h->binds[i].host, h->binds[i].port, h->binds[i].dual ? CONF_ANY_DUAL : CONF_ANY_V4, h->binds[i].at);
	h->bind_count = 0;
	h->disabled = false;
}

/* "80", "80-89". */
static bool ports(struct haproxy *h, const char *text, const char *spec, const char *at, unsigned *ret_first, unsigned *ret_last)
{
	char *end;
	unsigned long a, b;

	if (!*text)
		return refuse(h, at, "missing port specification", spec), false;
	if (*text == '+' || *text == '-')
		return refuse(h, at, "port offset not permitted here", spec), false;
	a = b = strtoul(text, &end, 10);
	if (end != text && *end == '-' && end[1] >= '0' && end[1] <= '9')
		b = strtoul(end + 1, &end, 10);
	if (*end && end == text && conf_port(h->c, text)) {
		*ret_first = *ret_last = conf_port(h->c, text);
		return true;
	}
	if (*end || !a || a > 65535 || b > 65535 || b < a)
		return refuse(h, at, "invalid port", spec), false;
	*ret_first = (unsigned)a;
	*ret_last = (unsigned)b;
	return true;
}

/* One address of a bind line; l4: what the line takes. */
static void bind_one(struct haproxy *h, const char *spec, const char *l4, bool v4v6, bool v6only, const char *at)
{
	static const struct {
		const char *prefix, *l4;
	} families[] = { { "ipv4@", NULL }, { "ipv6@", NULL }, { "tcp@", "tcp" },     { "tcp4@", "tcp" },   { "tcp6@", "tcp" },
			 { "udp@", "udp" }, { "udp4@", "udp" }, { "udp6@", "udp" },   { "quic4@", "quic" }, { "quic6@", "quic" } };
	const char *p = spec, *colon, *host;
	unsigned first, last;
	bool six = false;

	if (*p == '/' || !strncmp(p, "unix@", 5) || !strncmp(p, "abns@", 5)) {
		conf_listen_unix(h->c, *p == '/' ? p : p + 5, at);
		return;
	}
	if (!strncmp(p, "fd@", 3) || !strncmp(p, "sockpair@", 9)) {
		conf_unread(h->c, at, "a descriptor that it is given: %s", spec);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (!strncmp(p, families[i].prefix, strlen(families[i].prefix))) {
			p += strlen(families[i].prefix);
			six = strchr(families[i].prefix, '6') != NULL;
			if (families[i].l4 && strcmp(families[i].l4, "quic") != 0 && strcmp(families[i].l4, l4) != 0) {
				refuse(h, at, *l4 == 't' ? "dgram-type socket not acceptable" : "stream-type socket not acceptable", spec);
				return;
			}
			l4 = families[i].l4 && *families[i].l4 == 'q' ? "udp" : l4;
			break;
		}
	colon = strrchr(p, ':');
	if (!colon) {
		refuse(h, at, "missing port specification", spec);
		return;
	}
	if (!ports(h, colon + 1, spec, at, &first, &last))
		return;
	host = conf_strndup(h->c, p, (size_t)(colon - p));
	if (!*host || !strcmp(host, "*"))
		host = six ? "::" : "0.0.0.0";
	if (host[0] == '[')
		host = conf_strndup(h->c, host + 1, strcspn(host + 1, "]"));
	for (; first <= last && h->bind_count < BINDS; first++) {
		bool any6 = !strcmp(host, "::") && !v6only;

		h->binds[h->bind_count].l4 = l4;
		h->binds[h->bind_count].host = any6 ? NULL : host;
		h->binds[h->bind_count].dual = any6;
		h->binds[h->bind_count].port = first;
		h->binds[h->bind_count++].at = at;
	}
	(void)v4v6;
	if (first <= last)
		conf_unread(h->c, at, "more than %d addresses", BINDS);
}

static void bind_line(struct haproxy *h, const char *const *w, unsigned n, const char *l4, const char *at)
{
	const char *specs[CONF_WORDS];
	bool v6only = false, v4v6 = false;
	unsigned count = conf_split_list(h->c, w[0], ",", specs);

	for (unsigned i = 1; i < n; i++) {
		v6only |= !strcmp(w[i], "v6only");
		v4v6 |= !strcmp(w[i], "v4v6");
	}
	for (unsigned i = 0; i < count && !h->refused; i++)
		bind_one(h, specs[i], l4, v4v6, v6only, at);
}

static void upstream(struct haproxy *h, const char *address, const char *at)
{
	static const char *const prefixes[] = { "ipv4@", "ipv6@", "unix@", "tcp@", "tcp4@", "tcp6@" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(address, prefixes[i], strlen(prefixes[i])))
			address += strlen(prefixes[i]);
	conf_upstream(h->c, "proxy", *address == '/' ? conf_printf(h->c, "unix:%s", address) : address, 0, at);
}

static bool is_section(const char *w)
{
	static const char *const names[] = { "global",	  "defaults", "frontend",    "listen", "backend", "peers",	"userlist", "resolvers",
					     "mailers",	  "cache",    "http-errors", "ring",   "program", "log-forward", "fcgi-app",
							"crt-store", "traces" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(w, names[i]))
			return true;
	return false;
}

static void section_begin(struct haproxy *h, const char **w, unsigned n, const char *at)
{
	section_end(h);
	h->section = conf_strdup(h->c, w[0]);
	if ((!strcmp(w[0], "frontend") || !strcmp(w[0], "listen")) && n > 2 && strcmp(w[2], "from") != 0)
		refuse(h, at, "addresses belong to the 'bind' keyword", w[2]);
}

/* Directives that 2.1 took out: "not supported anymore", and the file is refused (cfg_parse_listen()). */
static bool is_gone(const char *w)
{
	static const char *const names[] = { "reqadd", "reqallow", "reqdel",   "reqdeny",    "reqiallow",  "reqidel",	"reqideny", "reqipass",
					     "reqirep", "reqitarpit", "reqpass", "reqrep",   "reqtarpit",  "rspadd",	"rspdel",   "rspdeny",
					     "rspidel", "rspideny",   "rspirep", "rsprep",   "clitimeout", "contimeout", "srvtimeout", "redispatch",
					     "block",	"appsession" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(w, names[i]))
			return true;
	return false;
}

static void keyword(struct haproxy *h, const char **w, unsigned n, const char *at)
{
	bool proxy = !strcmp(h->section, "frontend") || !strcmp(h->section, "listen") || !strcmp(h->section, "peers") ||
			!strcmp(h->section, "log-forward");

	if (is_section(w[0])) {
		section_begin(h, w, n, at);
		return;
	}
	if (h->new && strcmp(h->section, "global") != 0 && is_gone(w[0])) {
		refuse(h, at, "not supported anymore", w[0]);
		return;
	}
	if (n < 2) {
		h->disabled |= !strcmp(w[0], "disabled");
		return;
	}
	if (proxy && !strcmp(w[0], "bind"))
		bind_line(h, w + 1, n - 1, "tcp", at);
	else if (!strcmp(h->section, "log-forward") && !strcmp(w[0], "dgram-bind"))
		bind_line(h, w + 1, n - 1, "udp", at);
	else if (!strcmp(h->section, "global") && !strcmp(w[0], "stats") && !strcmp(w[1], "socket") && n > 2)
		bind_line(h, w + 2, n - 2, "tcp", at);
	else if (!strcmp(h->section, "global") && (!strcmp(w[0], "setenv") || !strcmp(w[0], "presetenv")) && n > 2) {
		struct conf_var *v = conf_alloc(h->c, sizeof(*v));

		*v = (struct conf_var){ .name = conf_strdup(h->c, w[1]), .value = conf_strdup(h->c, w[2]), .next = (struct conf_var *)h->env };
		if (w[0][0] == 's' || !conf_env_of(h->env, w[1]))
			h->env = v;
	} else if ((!strcmp(h->section, "backend") || !strcmp(h->section, "listen")) && !strncmp(w[0], "server", 6) && n > 2)
		upstream(h, !strcmp(w[0], "server-template") && n > 3 ? w[3] : w[2], at);
	else if (!strcmp(h->section, "peers") && !strcmp(w[0], "peer") && n > 2)
		conf_upstream(h->c, "peer", w[2], 0, at);
}

/* .if defined(X), streq(a,b), … : what is not known is taken as true, said so. */
static bool condition(struct haproxy *h, const char *text, const char *at)
{
	bool no = *text == '!', is = true;
	const char *args[CONF_WORDS];

	text += no;
	if (!strncmp(text, "defined(", 8)) {
		is = conf_env_of(h->env, conf_strndup(h->c, text + 8, strcspn(text + 8, ")"))) != NULL;
	} else if (!strncmp(text, "streq(", 6) && conf_split_list(h->c, conf_strndup(h->c, text + 6, strcspn(text + 6, ")")), ",", args) == 2) {
		is = !strcmp(args[0], args[1]);
	} else if (*text == '0' || *text == '1' || !strcmp(text, "true") || !strcmp(text, "false")) {
		is = *text == '1' || *text == 't';
	} else {
		conf_note(h->c, "%s: the condition \"%s\" is taken as true", at, text);
		return true;
	}
	return is != no;
}

static void conditional(struct haproxy *h, const char **w, unsigned n, const char *at)
{
	bool outer = !h->depth || (h->depth > 1 ? h->active[h->depth - 2] : true);

	if (!strcmp(w[0], ".if") && h->depth < CONDITIONS) {
		outer = !h->depth || h->active[h->depth - 1];
		h->active[h->depth] = h->taken[h->depth] = outer && n > 1 && condition(h, w[1], at);
		h->depth++;
	} else if (h->depth && (!strcmp(w[0], ".elif") || !strcmp(w[0], ".else"))) {
		bool is = outer && !h->taken[h->depth - 1] && (w[0][3] == 's' || (n > 1 && condition(h, w[1], at)));

		h->active[h->depth - 1] = is;
		h->taken[h->depth - 1] |= is;
	} else if (h->depth && !strcmp(w[0], ".endif")) {
		h->depth--;
	}
}

static void read_file(struct haproxy *h, const char *path)
{
	struct conf_file *f = conf_read(h->c, path, "config", false);
	struct conf_lines l = { .c = h->c, .f = f, .join = true };
	const char *w[CONF_WORDS];

	while (f && conf_line(&l) && !h->refused) {
		const char *text = l.text, *at = conf_at(h->c, f, l.line);
		unsigned n;

		if (strchr(text, '"') && strchr(text, '$')) /* variables count inside of "…" only */
			text = conf_expand(h->c, text, h->env, true);
		n = conf_words(h->c, text, "#", w);
		if (!n)
			continue;
		if (w[0][0] == '.')
			conditional(h, w, n, at);
		else if (!h->depth || h->active[h->depth - 1])
			keyword(h, w, n, at);
	}
	section_end(h);
}

void conf_haproxy(struct conf *c, const struct conf_run *r)
{
	struct haproxy *h = conf_alloc(c, sizeof(*h));
	const char *path, **files;
	unsigned at = 0, count, given = 0;

	h->c = c;
	h->env = r->env;
	h->section = "";
	h->mark = conf_mark(c);
	h->new = !r->version || strtoul(r->version, NULL, 10) > 2 || (strtoul(r->version, NULL, 10) == 2 && strncmp(r->version, "2.0", 3) != 0);
	while ((path = conf_flag_next(c, r, "-f", NULL, &at, NULL))) {
		given++;
		path = conf_path(c, r->cwd, path);
		if (!conf_is_dir(c, path)) {
			read_file(h, path);
			continue;
		}
		files = conf_dir(c, path, ".cfg", &count);
		for (unsigned i = 0; i < count; i++)
			read_file(h, files[i]);
	}
	if (!given)
		read_file(h, r->config ? r->config : conf_exists(c, "/usr/local/etc/haproxy/haproxy.cfg") ? "/usr/local/etc/haproxy/haproxy.cfg" :
												  "/etc/haproxy/haproxy.cfg");
}
