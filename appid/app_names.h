/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The protocols our own recognisers know, and their names, in one place (DECISIONS 29): nDPI's spelling where it has one,
 * else ours. What nDPI alone knows keeps the name nDPI gives it. */
#ifndef PG_APPID_APP_NAMES_H
#define PG_APPID_APP_NAMES_H

enum app_id {
	APP_UNKNOWN,
	/* names as in nDPI 4.2 */
	APP_HTTP,
	APP_HTTP_CONNECT,
	APP_HTTP_PROXY,
	APP_WEBSOCKET,
	APP_TLS,
	APP_SSH,
	APP_REDIS,
	APP_POSTGRESQL,
	APP_MYSQL,
	APP_MEMCACHED,
	APP_MONGODB,
	APP_AMQP,
	APP_MQTT,
	APP_DNS,
	APP_MDNS,
	APP_LLMNR,
	APP_NTP,
	APP_SMTP,
	APP_FTP_CONTROL,
	APP_IMAP,
	APP_POP3,
	APP_NATS,
	APP_SOCKS,
	APP_QUIC,
	APP_CASSANDRA,
	APP_MINING,
	APP_LDAP,
	APP_XMPP,
	APP_RSYNC,
	APP_GIT,
	APP_SYSLOG,
	APP_TFTP,
	APP_BITTORRENT,
	/* names of ours */
	APP_HTTP2,
	APP_KAFKA,
	APP_ZOOKEEPER,
	APP_FASTCGI,
	APP_CLICKHOUSE,
	APP_VXLAN,
	APP_GRPC,
	APP_GRPC_ETCD,
	APP_HTTP_ETCD,
	APP_HTTP_ELASTICSEARCH,
	APP_HTTP_OPENSEARCH,
	APP_HTTP_OCSP, /* nDPI's */
	APP_ELASTIC_TRANSPORT,
	APP_MAX
};

const char *app_name(enum app_id id);

#endif
