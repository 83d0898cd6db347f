/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/config/conf_apps.h"

#include <fnmatch.h>
#include <string.h>

static const struct conf_known known[] = {
	{ "httpd", "apache2 apache2ctl apachectl apache2-foreground httpd-foreground httpd",
			"/etc/apache2/apache2.conf /usr/local/apache2/conf/httpd.conf /etc/httpd/conf/httpd.conf /etc/apache2/httpd.conf",
	  "apache2 apache2-bin httpd", conf_httpd },
	{ "nginx", "nginx nginx-debug openresty", "/etc/nginx/nginx.conf /usr/local/openresty/nginx/conf/nginx.conf /usr/local/nginx/conf/nginx.conf",
	  "nginx nginx-core nginx-light nginx-full nginx-extras", conf_nginx },
	{ "redis", "redis-server redis-sentinel valkey-server keydb-server", "/etc/redis/redis.conf /etc/redis.conf /usr/local/etc/redis/redis.conf",
	  "redis-server redis valkey", conf_redis },
	{ "redis-sentinel", "", "/etc/redis/sentinel.conf",
	  "redis-sentinel", conf_redis },
	{ "haproxy", "haproxy", "/etc/haproxy/haproxy.cfg /usr/local/etc/haproxy/haproxy.cfg",
	  "haproxy", conf_haproxy },
	{ "mysql", "mariadbd mysqld mysqld_safe mariadbd-safe", "/etc/mysql/my.cnf /etc/my.cnf /etc/mysql/mariadb.cnf",
	  "mariadb-server mariadb-server-* mysql-server-* mysql-community-server mariadb", conf_mysql },
	{ "postgresql", "postgres postmaster pg_ctl pg_ctlcluster",
			"/etc/postgresql/*/*/postgresql.conf /var/lib/postgresql/data/postgresql.conf "
	  "/var/lib/pgsql/data/postgresql.conf /var/lib/postgresql/*/main/postgresql.conf",
	  "postgresql-[0-9][0-9] postgresql[0-9][0-9]", conf_postgresql },
	{ "mongodb", "mongod mongos", "/etc/mongod.conf /etc/mongodb.conf",
	  "mongodb-org-server mongodb-server mongodb", conf_mongodb },
	{ "memcached", "memcached systemd-memcached-wrapper", "/etc/memcached.conf",
	  "memcached", conf_memcached },
	{ "rabbitmq", "rabbitmq-server", "/etc/rabbitmq/rabbitmq.conf /etc/rabbitmq/rabbitmq.config",
	  "rabbitmq-server", conf_rabbitmq },
	{ "tomcat", "catalina.sh tomcat tomcat-start.sh",
			"/usr/local/tomcat/conf/server.xml /etc/tomcat*/server.xml /usr/share/tomcat*/etc/server.xml "
	  "/opt/tomcat/conf/server.xml /var/lib/tomcat*/conf/server.xml",
	  "tomcat10 tomcat9", conf_tomcat },
	{ "elasticsearch", "elasticsearch opensearch",
			"/usr/share/elasticsearch/config/elasticsearch.yml /etc/elasticsearch/elasticsearch.yml "
	  "/usr/share/opensearch/config/opensearch.yml",
	  "elasticsearch opensearch", conf_elasticsearch },
	{ "kibana", "kibana kibana-docker", "/usr/share/kibana/config/kibana.yml /etc/kibana/kibana.yml",
	  "kibana", conf_kibana },
	{ "php-fpm", "php-fpm php-fpm[0-9]*", "/usr/local/etc/php-fpm.conf /etc/php/*/fpm/php-fpm.conf /etc/php-fpm.conf",
	  "php[0-9].[0-9]-fpm php*-fpm", conf_php_fpm },
	{ "node", "node nodejs npm yarn pnpm", "/app/package.json /usr/src/app/package.json /home/node/app/package.json /srv/app/package.json",
	  "nodejs", conf_node },
	{ "busybox-httpd", "busybox", NULL,
	  "busybox", conf_busybox_httpd },
	{ "sshd", "sshd", "/etc/ssh/sshd_config",
	  "openssh-server", conf_sshd },
	{ "mosquitto", "mosquitto", "/etc/mosquitto/mosquitto.conf /mosquitto/config/mosquitto.conf",
	  "mosquitto", conf_mosquitto },
	{ "etcd", "etcd", "/etc/default/etcd",
	  "etcd-server etcd", conf_etcd },
	{ "lighttpd", "lighttpd lighttpd-angel", "/etc/lighttpd/lighttpd.conf",
	  "lighttpd", conf_lighttpd },
	{ "dovecot", "dovecot", "/etc/dovecot/dovecot.conf",
	  "dovecot-core dovecot", conf_dovecot },
	{ "postfix", "postfix", "/etc/postfix/main.cf",
	  "postfix", conf_postfix },
	{ "exim", "exim exim4", "/etc/exim4/update-exim4.conf.conf /etc/exim/exim.conf",
	  "exim4-base exim", conf_exim },
	{ "opensmtpd", "smtpd", "/etc/smtpd.conf",
	  "opensmtpd", conf_opensmtpd },
	{ "bind", "named", "/etc/bind/named.conf /etc/named.conf",
	  "bind9 bind", conf_bind },
	{ "unbound", "unbound", "/etc/unbound/unbound.conf",
	  "unbound", conf_unbound },
	{ "nsd", "nsd", "/etc/nsd/nsd.conf",
	  "nsd", conf_nsd },
	{ "knot", "knotd", "/etc/knot/knot.conf",
	  "knot", conf_knot },
	{ "dnsmasq", "dnsmasq", "/etc/dnsmasq.conf",
	  "dnsmasq-base dnsmasq", conf_dnsmasq },
	{ "pdns", "pdns_server", "/etc/powerdns/pdns.conf",
	  "pdns-server pdns", conf_pdns },
	{ "pdns-recursor", "pdns_recursor", "/etc/powerdns/recursor.conf",
	  "pdns-recursor", conf_recursor },
	{ "squid", "squid squid3", "/etc/squid/squid.conf",
	  "squid", conf_squid },
	{ "varnish", "varnishd", NULL,
	  "varnish", conf_varnish },
	{ "privoxy", "privoxy", "/etc/privoxy/config",
	  "privoxy", conf_privoxy },
	{ "tinyproxy", "tinyproxy", "/etc/tinyproxy/tinyproxy.conf",
	  "tinyproxy-bin tinyproxy", conf_tinyproxy },
	{ "stunnel", "stunnel stunnel4", "/etc/stunnel/stunnel.conf",
	  "stunnel4 stunnel", conf_stunnel },
	{ "hitch", "hitch", "/etc/hitch/hitch.conf",
	  "hitch", conf_hitch },
	{ "pgbouncer", "pgbouncer", "/etc/pgbouncer/pgbouncer.ini",
	  "pgbouncer", conf_pgbouncer },
	{ "pgpool", "pgpool", "/etc/pgpool2/pgpool.conf",
	  "pgpool2", conf_pgpool },
	{ "tor", "tor", "/etc/tor/torrc",
	  "tor", conf_tor },
	{ "vsftpd", "vsftpd", "/etc/vsftpd.conf",
	  "vsftpd", conf_vsftpd },
	{ "proftpd", "proftpd", "/etc/proftpd/proftpd.conf",
	  "proftpd-core proftpd-basic proftpd", conf_proftpd },
	{ "pure-ftpd", "pure-ftpd", NULL,
	  "pure-ftpd pure-ftpd-common", conf_pureftpd },
	{ "chrony", "chronyd", "/etc/chrony/chrony.conf /etc/chrony.conf",
	  "chrony", conf_chrony },
	{ "snmpd", "snmpd", "/etc/snmp/snmpd.conf",
	  "snmpd net-snmp", conf_snmpd },
	{ "rsync", "rsync", "/etc/rsyncd.conf",
	  "rsync", conf_rsync },
	{ "ngircd", "ngircd", "/etc/ngircd/ngircd.conf",
	  "ngircd", conf_ngircd },
	{ "beanstalkd", "beanstalkd", NULL,
	  "beanstalkd", conf_beanstalkd },
	{ "gearmand", "gearmand", NULL,
	  "gearman-job-server", conf_gearmand },
	{ "icecast", "icecast2 icecast", "/etc/icecast2/icecast.xml",
	  "icecast2 icecast", conf_icecast },
	{ "kafka", "kafka-server-start.sh kafka-server-start",
			"/opt/kafka/config/kraft/server.properties /opt/kafka/config/server.properties /etc/kafka/server.properties",
	  "kafka", conf_kafka },
	{ "zookeeper", "zkServer.sh zookeeper-server-start.sh",
			"/conf/zoo.cfg /etc/zookeeper/conf/zoo.cfg /etc/zookeeper/conf_example/zoo.cfg /etc/zookeeper/zoo.cfg "
	  "/opt/zookeeper/conf/zoo.cfg",
	  "zookeeper", conf_zookeeper },
	{ "caddy", "caddy", "/etc/caddy/Caddyfile",
	  "caddy", conf_caddy },
	{ "traefik", "traefik", "/etc/traefik/traefik.yml /etc/traefik/traefik.yaml /etc/traefik/traefik.toml",
	  "traefik", conf_traefik },
	{ "prometheus", "prometheus", "/etc/prometheus/prometheus.yml",
	  "prometheus", conf_prometheus },
	{ "alertmanager", "alertmanager prometheus-alertmanager", NULL,
	  "prometheus-alertmanager", conf_prometheus },
	{ "prometheus-exporter", "prometheus-*-exporter node_exporter *_exporter", NULL,
	  "prometheus-node-exporter", conf_exporter },
	{ "grafana", "grafana-server grafana", "/etc/grafana/grafana.ini",
	  "grafana", conf_grafana },
	{ "registry", "registry docker-registry", "/etc/docker/registry/config.yml",
	  "docker-registry", conf_registry },
	{ "nats", "nats-server", "/etc/nats-server.conf",
	  "nats-server", conf_nats },
	{ "influxdb", "influxd", "/etc/influxdb/influxdb.conf",
	  "influxdb", conf_influxdb },
	{ "zabbix", "zabbix_agentd zabbix_server zabbix_proxy zabbix_agent2", "/etc/zabbix/zabbix_agentd.conf /etc/zabbix/zabbix_server.conf",
	  "zabbix-agent zabbix-server-mysql", conf_zabbix },
	{ "uwsgi", "uwsgi", NULL,
	  "uwsgi-core", conf_uwsgi },
	{ "gunicorn", "gunicorn uvicorn hypercorn daphne", NULL,
	  "gunicorn", conf_gunicorn },
	{ "python", "python python[23] python3.*", NULL,
	  NULL, conf_python },
	{ "jetty", "jetty9 jetty.sh", "/etc/jetty9/start.ini",
	  "jetty9", conf_jetty },
	{ "samba", "smbd nmbd", "/etc/samba/smb.conf",
	  "samba", conf_samba },
	{ "slapd", "slapd", NULL,
	  "slapd", conf_slapd },
	{ "monit", "monit", "/etc/monit/monitrc",
	  "monit", conf_monit },
	{ "mpd", "mpd", "/etc/mpd.conf",
	  "mpd", conf_mpd },
	{ "coturn", "turnserver", NULL,
	  "coturn", conf_coturn },
	{ "mumble", "mumble-server murmurd", "/etc/mumble-server.ini",
	  "mumble-server", conf_mumble },
	{ "munin-node", "munin-node", "/etc/munin/munin-node.conf",
	  "munin-node", conf_munin },
	{ "mini-httpd", "mini_httpd mini-httpd", "/etc/mini-httpd.conf",
	  "mini-httpd", conf_mini_httpd },
	{ "minidlna", "minidlnad minidlna", "/etc/minidlna.conf",
	  "minidlna", conf_minidlna },
	{ "webfs", "webfsd", "/etc/webfsd.conf",
	  "webfs", conf_webfs },
	{ "cups", "cupsd", "/etc/cups/cupsd.conf",
	  "cups-daemon cups", conf_cups },
	{ "trafficserver", "traffic_server traffic_manager", "/etc/trafficserver/records.config",
	  "trafficserver", conf_trafficserver },
	{ "openvpn", "openvpn", NULL,
	  "openvpn", conf_openvpn },
	{ "freeradius", "freeradius radiusd", "/etc/freeradius/3.0/radiusd.conf",
	  "freeradius", conf_freeradius },
	{ "wordpress", "", "/usr/src/wordpress/wp-config-docker.php /var/www/html/wp-config.php",
	  "wordpress", conf_wordpress },
	{ NULL, NULL, NULL, NULL, NULL },
};

const struct conf_known *conf_known(void)
{
	return known;
}

/* One of the blank-separated patterns. */
static bool matches(const char *patterns, const char *name)
{
	while (*patterns) {
		size_t n = strcspn(patterns, " ");
		char pattern[64];

		if (n < sizeof(pattern)) {
			memcpy(pattern, patterns, n);
			pattern[n] = '\0';
			if (fnmatch(pattern, name, 0) == 0)
				return true;
		}
		patterns += n;
		patterns += *patterns == ' ';
	}
	return false;
}

const struct conf_known *conf_known_program(const char *name)
{
	for (const struct conf_known *k = known; k->app; k++)
		if (matches(k->programs, name))
			return k;
	return NULL;
}
