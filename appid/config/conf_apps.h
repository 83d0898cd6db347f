/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The applications that are known: one table. Each reader adds what it finds to the struct conf. */
#ifndef PG_APPID_CONFIG_CONF_APPS_H
#define PG_APPID_CONFIG_CONF_APPS_H

#include "appid/config/conf.h"

typedef void conf_reader(struct conf *c, const struct conf_run *r);

struct conf_known {
	const char *app;      /* the name in output: lower case, this list only */
	const char *programs; /* basenames that start it, blanks between; "name*" matches a version behind it */
	const char *configs;  /* without a command: any of these files says that it is there; blanks between, wild cards */
	const char *packages; /* Debian and Alpine names, for the version */
	conf_reader *read;
};
/* Ends with an entry whose app is NULL. */
const struct conf_known *conf_known(void);
/* By basename of a program; NULL: not known. */
const struct conf_known *conf_known_program(const char *basename);

conf_reader conf_beanstalkd, conf_bind, conf_busybox_httpd, conf_caddy, conf_chrony, conf_coturn, conf_cups,
	conf_dnsmasq, conf_dovecot, conf_elasticsearch, conf_etcd, conf_exim, conf_exporter, conf_freeradius, conf_gearmand,
	conf_grafana, conf_gunicorn, conf_haproxy, conf_hitch, conf_httpd, conf_icecast, conf_influxdb, conf_jetty,
	conf_kafka, conf_kibana, conf_knot, conf_lighttpd, conf_memcached, conf_mini_httpd, conf_minidlna, conf_mongodb,
	conf_monit, conf_mosquitto, conf_mpd, conf_mumble, conf_munin, conf_mysql, conf_nats, conf_nginx, conf_ngircd,
	conf_node, conf_nsd, conf_opensmtpd, conf_openvpn, conf_pdns, conf_pgbouncer, conf_pgpool, conf_php_fpm,
	conf_postfix, conf_postgresql, conf_privoxy, conf_proftpd, conf_prometheus, conf_pureftpd, conf_python,
	conf_rabbitmq, conf_recursor, conf_redis, conf_registry, conf_rsync, conf_samba, conf_slapd, conf_snmpd, conf_squid,
	conf_sshd, conf_stunnel, conf_tinyproxy, conf_tomcat, conf_tor, conf_traefik, conf_trafficserver, conf_unbound,
	conf_uwsgi, conf_varnish, conf_vsftpd, conf_webfs, conf_wordpress, conf_zabbix, conf_zookeeper;

/* ---- from the start command to programs (conf_command.c) ------------------------------------------------------ */
/* What a container or a case gives. */
struct conf_start {
	const char *command;		 /* shell text; NULL: none */
	const char *const *argv;	 /* or words (exec form); NULL: none */
	const struct conf_var *env;
	const char *cwd;		 /* NULL: "/" */
};
/* Looks through shells, scripts and wrappers to the programs, and runs the readers. Without a command: looks for known configuration files. */
void conf_scan(struct conf *c, const struct conf_start *s);
/* Assignments of a shell file ("export X=Y", ${X:-…}, if, case), on top of env. The file is not there: env as it is. */
const struct conf_var *conf_shell_env(struct conf *c, const char *path, const struct conf_var *env);

#endif
