/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/app_names.h"

const char *app_name(enum app_id id)
{
	switch (id) {
	case APP_UNKNOWN:
		return "Unknown";
	case APP_HTTP:
		return "HTTP";
	case APP_HTTP_CONNECT:
		return "HTTP_Connect";
	case APP_HTTP_PROXY:
		return "HTTP.HTTP_Proxy";
	case APP_WEBSOCKET:
		return "WebSocket";
	case APP_TLS:
		return "TLS";
	case APP_SSH:
		return "SSH";
	case APP_REDIS:
		return "Redis";
	case APP_POSTGRESQL:
		return "PostgreSQL";
	case APP_MYSQL:
		return "MySQL";
	case APP_MEMCACHED:
		return "Memcached";
	case APP_MONGODB:
		return "MongoDB";
	case APP_AMQP:
		return "AMQP";
	case APP_MQTT:
		return "MQTT";
	case APP_DNS:
		return "DNS";
	case APP_MDNS:
		return "MDNS";
	case APP_LLMNR:
		return "LLMNR";
	case APP_NTP:
		return "NTP";
	case APP_SMTP:
		return "SMTP";
	case APP_FTP_CONTROL:
		return "FTP_CONTROL";
	case APP_IMAP:
		return "IMAP";
	case APP_POP3:
		return "POP3";
	case APP_NATS:
		return "Nats";
	case APP_SOCKS:
		return "SOCKS";
	case APP_QUIC:
		return "QUIC";
	case APP_CASSANDRA:
		return "Cassandra";
	case APP_HTTP2:
		return "HTTP2";
	case APP_KAFKA:
		return "Kafka";
	case APP_ZOOKEEPER:
		return "ZooKeeper";
	case APP_FASTCGI:
		return "FastCGI";
	case APP_CLICKHOUSE:
		return "ClickHouse";
	case APP_VXLAN:
		return "VXLAN";
	case APP_MAX:
		break;
	}
	return "Unknown";
}
