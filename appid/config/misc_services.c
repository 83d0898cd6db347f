/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vsftpd, ProFTPD, chrony, Net-SNMP, rsync, ngIRCd, beanstalkd, gearmand, Icecast, Kafka, ZooKeeper. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "appid/config/conf_apps.h"
#include "appid/config/conf_text.h"

/* ---- vsftpd.conf(5) ---------------------------------------------------------------------------------------------- */
void conf_vsftpd(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config, *four = NULL, *six = NULL, *port = "21", *at = "default";
	bool listen4 = true, listen6 = false, said4 = false;
	struct conf_file *f;

	for (unsigned i = 1; i < r->argc && !path; i++)
		path = r->argv[i][0] != '-' ? conf_path(c, r->cwd, r->argv[i]) : NULL;
	f = conf_read(c, path ? path : "/etc/vsftpd.conf", "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f }, .comments = "#", .seps = "=" };
	while (f && conf_kv_next(&k)) {
		if (!strcmp(k.key, "listen")) {
			listen4 = conf_is_yes(k.value);
			said4 = true;
			at = listen4 ? k.at : at;
		} else if (!strcmp(k.key, "listen_ipv6")) {
			listen6 = conf_is_yes(k.value);
			at = listen6 ? k.at : at;
		} else if (!strcmp(k.key, "listen_port")) {
			port = k.value;
			at = k.at;
		} else if (!strcmp(k.key, "listen_address")) {
			four = k.value;
		} else if (!strcmp(k.key, "listen_address6")) {
			six = k.value;
		} else if (!strcmp(k.key, "local_root") || !strcmp(k.key, "anon_root")) {
			conf_place(c, "documents", k.value, k.at);
		} else if (!strcmp(k.key, "xferlog_file") || !strcmp(k.key, "vsftpd_log_file")) {
			conf_place(c, "logs", k.value, k.at);
		}
	}
	if (!f)
		return;
	if (listen6 && listen4 && said4) {
		conf_note(c, "vsftpd would not start: both listen and listen_ipv6 are set");
		return;
	}
	if (listen6)
		conf_listen_text(c, "tcp", six, port, CONF_ANY_DUAL, at);
	else if (listen4)
		conf_listen_text(c, "tcp", four, port, CONF_ANY_V4, at);
}

/* ---- ProFTPD: http://www.proftpd.org/docs/directives/ ------------------------------------------------------------------- */
struct proftpd {
	struct conf *c;
	const char *port, *port_at, *address;
	bool v4only, tight, inetd, in_virtual, virtual_port;
	unsigned includes, skip;
	struct conf_var *modules;
	struct { const char *port, *address, *at; } hosts[64];
	unsigned host_count;
};

static void proftpd_read(struct proftpd *p, const char *path, bool optional);

static bool proftpd_if(struct proftpd *p, const char *kind, const char *arg)
{
	bool no = *arg == '!';

	arg += no;
	if (!strcasecmp(kind, "IfModule")) {
		/* Built in: what names itself so; others are known by their LoadModule. */
		static const char *const built_in[] = { "mod_core.c", "mod_xfer.c", "mod_auth.c", "mod_ls.c", "mod_log.c",
				"mod_site.c", "mod_delay.c", "mod_facts.c",
							"mod_ident.c", "mod_dso.c", "mod_auth_pam.c", "mod_auth_unix.c",
									"mod_auth_file.c", "mod_ctrls.c", "mod_cap.c",
							"mod_memcache.c", "mod_redis.c", "mod_lang.c", "mod_rlimit.c" };
		bool has = conf_env_of(p->modules, arg) != NULL;

		for (size_t i = 0; i < ARRAY_SIZE(built_in); i++)
			has |= !strcmp(built_in[i], arg);
		return has != no;
	}
	return strcasecmp(kind, "IfDefine") != 0 || no;
}

static void proftpd_section(struct proftpd *p, char *text, const char *at)
{
	const char *w[CONF_WORDS];
	size_t len = strlen(text);
	unsigned n;

	if (len && text[len - 1] == '>')
		text[len - 1] = '\0';
	n = conf_words(p->c, text + 1, "", w);
	if (!n)
		return;
	if (p->skip) {
		p->skip += *w[0] == '/' ? -1U : 1;
	} else if (!strncasecmp(w[0], "If", 2) && n > 1 && !proftpd_if(p, w[0], w[1])) {
		p->skip = 1;
	} else if (!strcasecmp(w[0], "VirtualHost") && n > 1 && p->host_count < ARRAY_SIZE(p->hosts)) {
		p->in_virtual = true;
		p->hosts[p->host_count].port = "21";
		p->hosts[p->host_count].address = conf_strdup(p->c, w[1]);
		p->hosts[p->host_count++].at = at;
	} else if (!strcasecmp(w[0], "/VirtualHost")) {
		p->in_virtual = false;
	}
}

static void proftpd_directive(struct proftpd *p, const char **w, unsigned n, const char *at)
{
	struct conf_var *v;

	if (n < 2)
		return;
	if (!strcasecmp(w[0], "Port") && p->in_virtual) {
		p->hosts[p->host_count - 1].port = conf_strdup(p->c, w[1]);
		p->hosts[p->host_count - 1].at = at;
	} else if (!strcasecmp(w[0], "Port")) {
		p->port = conf_strdup(p->c, w[1]);
		p->port_at = at;
	} else if (!strcasecmp(w[0], "DefaultAddress")) {
		p->address = conf_strdup(p->c, w[1]);
	} else if (!strcasecmp(w[0], "UseIPv6")) {
		p->v4only = conf_is_no(w[1]);
	} else if (!strcasecmp(w[0], "SocketBindTight")) {
		p->tight = conf_is_yes(w[1]);
	} else if (!strcasecmp(w[0], "ServerType")) {
		p->inetd = !strcasecmp(w[1], "inetd");
	} else if (!strcasecmp(w[0], "LoadModule")) {
		v = conf_alloc(p->c, sizeof(*v));
		*v = (struct conf_var){ .name = conf_strdup(p->c, w[1]), .value = "", .next = p->modules };
		p->modules = v;
	} else if (!strcasecmp(w[0], "Include") || !strcasecmp(w[0], "IncludeOptional")) {
		unsigned count;
		const char **files;

		if (p->includes++ > 64)
			return;
		files = conf_is_dir(p->c, w[1]) ? conf_dir(p->c, w[1], NULL, &count) : conf_glob(p->c, w[1], &count);
		for (unsigned i = 0; i < count; i++)
			proftpd_read(p, files[i], true);
	} else if (!strcasecmp(w[0], "DefaultRoot")) {
		conf_place(p->c, "documents", w[1], at);
	} else if (!strcasecmp(w[0], "SystemLog") || !strcasecmp(w[0], "TransferLog")) {
		conf_place(p->c, "logs", w[1], at);
	}
}

static void proftpd_read(struct proftpd *p, const char *path, bool optional)
{
	struct conf_file *f = conf_read(p->c, path, "config", optional);
	struct conf_lines l = { .c = p->c, .f = f, .join = true };
	const char *w[CONF_WORDS];

	while (f && conf_line(&l)) {
		const char *at = conf_at(p->c, f, l.line);

		if (*l.text == '<')
			proftpd_section(p, l.text, at);
		else if (*l.text != '#' && !p->skip)
			proftpd_directive(p, w, conf_words(p->c, l.text, "#", w), at);
	}
}

void conf_proftpd(struct conf *c, const struct conf_run *r)
{
	struct proftpd *p = conf_alloc(c, sizeof(*p));
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", "--config", NULL), *port = conf_flag(c, r, "-p", "--port", NULL);

	*p = (struct proftpd){ .c = c, .port = "21", .port_at = "default" };
	proftpd_read(p, path ? conf_path(c, r->cwd, path) : "/etc/proftpd/proftpd.conf", false);
	p->port = port && isdigit((unsigned char)*port) ? port : p->port;
	if (p->inetd)
		return;
	if (strcmp(p->port, "0") != 0)
		conf_listen_text(c, "tcp", p->tight ? p->address : NULL, p->port, p->v4only ? CONF_ANY_V4 : CONF_ANY_DUAL, p->port_at);
	for (unsigned i = 0; i < p->host_count; i++)
		if (strcmp(p->hosts[i].port, "0") != 0)
			conf_listen_text(c, "tcp", p->tight ? p->hosts[i].address : NULL, p->hosts[i].port, p->v4only ? CONF_ANY_V4 :
					CONF_ANY_DUAL, p->hosts[i].at);
}

/* ---- chrony.conf(5): serves time only if someone is allowed; commands come over the loopback addresses --------------------------- */
struct chrony {
	struct conf *c;
	const char *port, *port_at, *cmd, *cmd_at, *bind[2], *cmd_bind[2];
	bool allow;
	unsigned includes;
};

static void chrony_read(struct chrony *y, const char *path, bool optional)
{
	struct conf_file *f = conf_read(y->c, path, "config", optional);
	struct conf_lines l = { .c = y->c, .f = f };
	const char *w[CONF_WORDS], **files;
	unsigned n, count;

	while (f && conf_line(&l)) {
		const char *at = conf_at(y->c, f, l.line);

		n = strchr("!;#%", *l.text) ? 0 : conf_words(y->c, l.text, "", w);
		if (!n)
			continue;
		if (!strcasecmp(w[0], "allow")) {
			y->allow = true;
		} else if (n < 2) {
			continue;
		} else if (!strcasecmp(w[0], "port")) {
			y->port = conf_strdup(y->c, w[1]);
			y->port_at = at;
		} else if (!strcasecmp(w[0], "cmdport")) {
			y->cmd = conf_strdup(y->c, w[1]);
			y->cmd_at = at;
		} else if (!strcasecmp(w[0], "bindaddress")) {
			y->bind[strchr(w[1], ':') != NULL] = conf_strdup(y->c, w[1]);
		} else if (!strcasecmp(w[0], "bindcmdaddress")) {
			if (w[1][0] == '/')
				conf_listen_unix(y->c, w[1], at);
			else
				y->cmd_bind[strchr(w[1], ':') != NULL] = conf_strdup(y->c, w[1]);
		} else if (!strcasecmp(w[0], "server") || !strcasecmp(w[0], "pool") || !strcasecmp(w[0], "peer")) {
			unsigned port = 123;

			for (unsigned i = 2; i + 1 < n; i++)
				port = !strcasecmp(w[i], "port") ? conf_port(y->c, w[i + 1]) : port;
			conf_upstream(y->c, "time", conf_strdup(y->c, w[1]), port, at);
		} else if ((!strcasecmp(w[0], "include") || !strcasecmp(w[0], "confdir")) && y->includes++ < 64) {
			files = w[0][0] == 'c' ? conf_dir(y->c, w[1], ".conf", &count) : conf_glob(y->c, conf_path(y->c,
					"/etc/chrony", w[1]), &count);
			for (unsigned i = 0; i < count; i++)
				chrony_read(y, files[i], true);
		}
	}
}

void conf_chrony(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-f", NULL, NULL);
	struct chrony y = { .c = c, .port = "123", .port_at = "default", .cmd = "323", .cmd_at = "default", .bind = { "0.0.0.0",
			"::" }, .cmd_bind = { "127.0.0.1", "::1" } };

	chrony_read(&y, path ? conf_path(c, r->cwd, path) : conf_exists(c, "/etc/chrony.conf") ? "/etc/chrony.conf" :
			"/etc/chrony/chrony.conf", false);
	for (int six = 0; six < 2; six++) {
		if (conf_switch(r, six ? '4' : '6', NULL))
			continue;
		if (y.allow)
			conf_listen_text(c, "udp", y.bind[six], y.port, CONF_ANY_V4, y.port_at);
		conf_listen_text(c, "udp", y.cmd_bind[six], y.cmd, CONF_ANY_V4, y.cmd_at);
	}
}

/* ---- snmpd(8), snmpd.conf(5): LISTENING ADDRESSES. The SMUX port is open unless its module is left out --------------------------- */
static void snmp_address(struct conf *c, const char *spec, unsigned fallback, const char *at)
{
	static const struct {
		const char *prefix, *l4;
		bool six;
	} kinds[] = { { "udp:", "udp", false },	 { "tcp:", "tcp", false },   { "udp6:", "udp", true },	 { "udpv6:", "udp", true },
			{ "udpipv6:", "udp", true },
		      { "tcp6:", "tcp", true }, { "tcpv6:", "tcp", true }, { "tcpipv6:", "tcp", true }, { "dtlsudp:", "udp",
				false }, { "tlstcp:", "tcp", false } };
	const char *l4 = "udp", *host, *port;
	bool six = spec[0] == '[';

	if (!strncmp(spec, "unix:", 5) || *spec == '/') {
		conf_listen_unix(c, *spec == '/' ? spec : spec + 5, at);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strncasecmp(spec, kinds[i].prefix, strlen(kinds[i].prefix))) {
			spec += strlen(kinds[i].prefix);
			l4 = kinds[i].l4;
			six = kinds[i].six;
			break;
		}
	conf_split(c, spec, &host, &port);
	if (host && !strcmp(host, "localhost"))
		host = six ? "::1" : "127.0.0.1";
	if (!host)
		host = six ? "::" : "0.0.0.0";
	conf_listen_text(c, l4, host, port ? port : conf_printf(c, "%u", fallback), CONF_ANY_V4, at);
}

struct snmp {
	struct conf *c;
	const char *addresses, *at, *smux, *smux_at;
	unsigned includes;
};

static void snmp_read(struct snmp *s, const char *path, bool optional)
{
	struct conf_file *f = conf_read(s->c, path, "config", optional);
	struct conf_kv k = { .lines = { .c = s->c, .f = f }, .comments = "#", .trailing = "#", .seps = " =" };
	const char **files;
	unsigned n;

	while (f && conf_kv_next(&k)) {
		if (!strcasecmp(k.key, "agentaddress")) {
			s->addresses = s->addresses ? conf_printf(s->c, "%s,%s", s->addresses, k.value) : k.value;
			s->at = k.at;
		} else if (!strcasecmp(k.key, "smuxsocket")) {
			s->smux = k.value;
			s->smux_at = k.at;
		} else if (!strcasecmp(k.key, "agentXSocket")) {
			snmp_address(s->c, !strncmp(k.value, "tcp", 3) || *k.value == '/' || !strncmp(k.value, "unix", 4) ? k.value :
					conf_printf(s->c, "tcp:%s", k.value), 705, k.at);
		} else if (!strcasecmp(k.key, "includeDir") && s->includes++ < 16) {
			files = conf_dir(s->c, k.value, ".conf", &n);
			for (unsigned i = 0; i < n; i++)
				snmp_read(s, files[i], true);
		} else if (!strcasecmp(k.key, "includeFile") && s->includes++ < 16) {
			snmp_read(s, conf_path(s->c, conf_dirname(s->c, path), k.value), true);
		}
	}
}

void conf_snmpd(struct conf *c, const struct conf_run *r)
{
	static const char takes[] = "cugDxLIpnyHm"; /* options with a value in the next word, if it is not in the same */
	struct snmp s = { .c = c };
	const char *path = NULL, *modules = conf_flag(c, r, "-I", NULL, NULL), *list[CONF_WORDS], *own = NULL, *own_at = NULL;
	unsigned i = 0, n;

	while ((path = conf_flag_next(c, r, "-c", NULL, &i, NULL)))
		snmp_read(&s, conf_path(c, r->cwd, path), false);
	if (!conf_switch(r, 'C', NULL))
		snmp_read(&s, "/etc/snmp/snmpd.conf", false);
	for (i = 1; i < r->argc; i++) {
		const char *a = r->argv[i];

		if (a[0] == '-') {
			i += a[1] && strchr(takes, a[1]) && !a[2];
		} else {
			own = own ? conf_printf(c, "%s,%s", own, a) : a;
			own_at = conf_printf(c, "flag:%s", own);
		}
	}
	if (own) {
		s.addresses = s.addresses ? conf_printf(c, "%s,%s", s.addresses, own) : own;
		s.at = own_at;
	}
	n = conf_split_list(c, s.addresses ? s.addresses : "udp:161", ",", list);
	for (i = 0; i < n; i++)
		snmp_address(c, list[i], 161, s.at ? s.at : "default");
	if (!modules || !strstr(modules, "smux") || modules[0] != '-')
		conf_listen_spec(c, "tcp", s.smux ? s.smux : "0.0.0.0:199", 199, CONF_ANY_V4, s.smux ? s.smux_at : "default");
}

/* ---- rsyncd.conf(5) ----------------------------------------------------------------------------------------------------- */
void conf_rsync(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, NULL, "--config", NULL), *port = "873", *address = NULL, *at = "default", *v;
	struct conf_file *f;

	if (!r->detected && !conf_switch(r, 0, "--daemon")) {
		conf_note(c, "rsync without --daemon listens on nothing");
		return;
	}
	f = conf_read(c, path ? conf_path(c, r->cwd, path) : "/etc/rsyncd.conf", "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f, .join = true }, .comments = "#;", .seps = "=", .sections = true };
	while (f && conf_kv_next(&k)) {
		if (k.section_begins)
			continue;
		if (!*k.section && !strcasecmp(k.key, "port")) {
			port = k.value;
			at = k.at;
		} else if (!*k.section && !strcasecmp(k.key, "address")) {
			address = k.value;
		} else if (!strcasecmp(k.key, "path")) {
			conf_place(c, "documents", k.value, k.at);
		}
	}
	if ((v = conf_flag(c, r, NULL, "--port", &at)))
		port = v;
	if ((v = conf_flag(c, r, NULL, "--address", NULL)))
		address = v;
	conf_listen_text(c, "tcp", address, port, CONF_ANY_BOTH, at);
}

/* ---- ngircd.conf(5) ------------------------------------------------------------------------------------------------------- */
void conf_ngircd(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-f", "--config", NULL), *ports = NULL, *tls = NULL,
			*listen = "::,0.0.0.0", *at = "default", *tls_at = NULL;
	struct conf_file *f = conf_read(c, path ? conf_path(c, r->cwd, path) : "/etc/ngircd/ngircd.conf", "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f }, .comments = "#;", .seps = "=", .sections = true };
	const char *hosts[CONF_WORDS], *numbers[CONF_WORDS];
	unsigned n, m;

	while (f && conf_kv_next(&k)) {
		if (k.section_begins)
			continue;
		if (!strcasecmp(k.section, "Global") && !strcasecmp(k.key, "Ports")) {
			ports = ports ? conf_printf(c, "%s,%s", ports, k.value) : k.value;
			at = k.at;
		} else if (!strcasecmp(k.section, "Global") && !strcasecmp(k.key, "Listen")) {
			listen = k.value;
		} else if (!strcasecmp(k.section, "SSL") && !strcasecmp(k.key, "Ports")) {
			tls = k.value;
			tls_at = k.at;
		}
	}
	n = conf_split_list(c, listen, ",", hosts);
	for (unsigned i = 0; i < n; i++) {
		m = conf_split_list(c, ports ? ports : "6667", ",", numbers);
		for (unsigned j = 0; j < m; j++)
			conf_listen_text(c, "tcp", hosts[i], numbers[j], CONF_ANY_V4, at);
		m = tls ? conf_split_list(c, tls, ",", numbers) : 0;
		for (unsigned j = 0; j < m; j++)
			conf_listen_text(c, "tcp", hosts[i], numbers[j], CONF_ANY_V4, tls_at);
	}
}

/* ---- flags only: beanstalkd, gearmand --------------------------------------------------------------------------------------- */
void conf_beanstalkd(struct conf *c, const struct conf_run *r)
{
	const char *at = "default", *host = conf_flag(c, r, "-l", NULL, NULL), *port = conf_flag(c, r, "-p", NULL, &at);

	if (host && !strncmp(host, "unix:", 5))
		conf_listen_unix(c, host + 5, "flag:-l");
	else
		conf_listen_text(c, "tcp", host, port ? port : "11300", CONF_ANY_V4, at);
}

void conf_gearmand(struct conf *c, const struct conf_run *r)
{
	const char *at = "default", *host_at = "default", *host = conf_flag(c, r, "-L", "--listen", &host_at), *port = conf_flag(c,
			r, "-p", "--port", &at);

	conf_listen_text(c, "tcp", host, port ? port : "4730", CONF_ANY_BOTH, port ? at : host_at);
}

/* ---- Icecast: XML ------------------------------------------------------------------------------------------------------------- */
void conf_icecast(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config ? r->config : conf_flag(c, r, "-c", NULL, NULL), *host;
	struct conf_file *f = conf_read(c, path ? conf_path(c, r->cwd, path) : "/etc/icecast2/icecast.xml", "config", false);
	struct conf_node *root = f ? conf_xml(c, f) : NULL;
	const struct conf_node *top = conf_node_find(root, "icecast"), *port;
	unsigned n = 0;

	for (const struct conf_node *s = top ? top->children : NULL; s; s = s->next) {
		if (strcmp(s->name, "listen-socket") != 0)
			continue;
		port = conf_node_find(s, "port");
		host = conf_node_value(s, "bind-address");
		conf_listen_text(c, "tcp", host, port ? port->value : "8000", CONF_ANY_V4, conf_node_at(c, port ? port : s));
		n++;
	}
	if (top && !n)
		conf_listen(c, "tcp", NULL, 8000, CONF_ANY_V4, "default");
}

/* ---- Kafka, ZooKeeper: Java properties ----------------------------------------------------------------------------------------- */
static void kafka_listeners(struct conf *c, const char *list, const char *at)
{
	const char *w[CONF_WORDS], *host, *port;
	unsigned n = conf_split_list(c, list, ",", w);

	for (unsigned i = 0; i < n; i++) {
		const char *p = strstr(w[i], "://");

		conf_split(c, p ? p + 3 : w[i], &host, &port);
		conf_listen_text(c, "tcp", host && strcmp(host, "0.0.0.0") != 0 ? host : NULL, port, CONF_ANY_DUAL, at);
	}
}

void conf_kafka(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config, *listeners = NULL, *at = "default", *host = NULL, *port = "9092";
	struct conf_file *f;

	for (unsigned i = 1; i < r->argc; i++)
		if (strstr(r->argv[i], ".properties"))
			path = conf_path(c, r->cwd, r->argv[i]);
	f = conf_read(c, path ? path : "/opt/kafka/config/server.properties", "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f, .join = true }, .comments = "#!", .seps = "=:" };
	while (f && conf_kv_next(&k)) {
		if (!strcmp(k.key, "listeners")) {
			listeners = k.value;
			at = k.at;
		} else if (!strcmp(k.key, "port")) {
			port = k.value;
			at = k.at;
		} else if (!strcmp(k.key, "host.name")) {
			host = k.value;
		} else if (!strcmp(k.key, "log.dirs") || !strcmp(k.key, "log.dir")) {
			conf_place(c, "data", k.value, k.at);
		} else if (!strcmp(k.key, "zookeeper.connect")) {
			conf_upstream(c, "coordination", conf_strndup(c, k.value, strcspn(k.value, ",/")), 2181, k.at);
		}
	}
	if (conf_env(r, "KAFKA_LISTENERS")) {
		listeners = conf_env(r, "KAFKA_LISTENERS");
		at = "env:KAFKA_LISTENERS";
	}
	if (listeners)
		kafka_listeners(c, listeners, at);
	else if (f)
		conf_listen_text(c, "tcp", host, port, CONF_ANY_DUAL, at);
	if (conf_env(r, "JMX_PORT"))
		conf_listen_text(c, "tcp", NULL, conf_env(r, "JMX_PORT"), CONF_ANY_DUAL, "env:JMX_PORT");
}

void conf_zookeeper(struct conf *c, const struct conf_run *r)
{
	const char *path = r->config, *port = NULL, *at = "default", *address = NULL, *admin = "8080", *admin_at = "default",
			*tls = NULL, *tls_at = NULL;
	bool enabled = !r->detected; /* the default AdminServer is what a running one has; a file alone says nothing of it */
	struct conf_file *f;

	for (unsigned i = 1; i < r->argc; i++)
		if (strstr(r->argv[i], ".cfg"))
			path = conf_path(c, r->cwd, r->argv[i]);
	f = conf_read(c, path ? path : conf_exists(c, "/conf/zoo.cfg") ? "/conf/zoo.cfg" : "/etc/zookeeper/conf/zoo.cfg", "config", false);
	struct conf_kv k = { .lines = { .c = c, .f = f, .join = true }, .comments = "#!", .seps = "=:" };
	while (f && conf_kv_next(&k)) {
		if (!strcmp(k.key, "clientPort")) {
			port = k.value;
			at = k.at;
		} else if (!strcmp(k.key, "clientPortAddress")) {
			address = k.value;
		} else if (!strcmp(k.key, "secureClientPort")) {
			tls = k.value;
			tls_at = k.at;
		} else if (!strcmp(k.key, "admin.serverPort")) {
			admin = k.value;
			admin_at = k.at;
			enabled = true;
		} else if (!strcmp(k.key, "admin.enableServer")) {
			enabled = enabled && conf_is_yes(k.value);
		} else if (!strncmp(k.key, "server.", 7)) {
			conf_upstream(c, "cluster", conf_strndup(c, k.value, strcspn(k.value, ";")), 0, k.at);
		} else if (!strcmp(k.key, "dataDir")) {
			conf_place(c, "data", k.value, k.at);
		}
	}
	if (port)
		conf_listen_text(c, "tcp", address, port, CONF_ANY_DUAL, at);
	if (tls)
		conf_listen_text(c, "tcp", NULL, tls, CONF_ANY_DUAL, tls_at);
	if (enabled)
		conf_listen_text(c, "tcp", NULL, admin, CONF_ANY_DUAL, admin_at);
}
