/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each protocol's first words: the label is the same whole, cut at every offset, in single bytes, with the pieces in reverse
 * order, over IPv6, and (where it can be told) from one direction alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "appid/allowed.h"
#include "appid/recognise.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/inspect_rig.h"

enum { ALONE_NO, ALONE_CLIENT = 1, ALONE_SERVER = 2, ALONE_BOTH = 3 };

struct talk {
	const char *name, *app;
	int proto;
	uint16_t port;
	int alone; /* which side alone is enough */
	const char *host, *info; /* host as is, info: contained; NULL: do not care */
	struct said said[4];
};

#define TLS_CLIENT                                                                                                     \
	"\x16\x03\x01\x00\x61\x01\x00\x00\x5d\x03\x03"                                                                 \
	"0123456789abcdef0123456789abcdef\x00\x00\x04\x13\x01\xc0\x2f\x01\x00\x00\x30"                               \
	"\x00\x00\x00\x11\x00\x0f\x00\x00\x0c" "shop.example"                                                          \
	"\x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1"                                                                 \
	"\x00\x2b\x00\x05\x04\x03\x04\x03\x03"
#define TLS_SERVER                                                                                                     \
	"\x16\x03\x03\x00\x34\x02\x00\x00\x30\x03\x03"                                                                 \
	"fedcba9876543210fedcba9876543210\x00\x13\x01\x00\x00\x08\x00\x2b\x00\x02\x03\x04\x00\x00"
#define RANDOM64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DNS_QUERY "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02" "db\x04shop\x07" "example\x00\x00\x01\x00\x01"
#define DNS_ANSWER                                                                                                     \
	"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x02" "db\x04shop\x07" "example\x00\x00\x01\x00\x01"          \
	"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x01\x02\x03"

static const struct talk talks[] = {
	{ "http", "HTTP", 6, 8080, ALONE_BOTH, "shop.example", "GET /a?b=c; agent curl/7.88.1",
	  { C_("GET /a?b=c HTTP/1.1\r\nHost: Shop.Example:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"),
	    S_("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Length: 0\r\n\r\n") } },
	{ "http post", "HTTP", 6, 80, ALONE_BOTH, "api", "POST /v1/",
	  { C_("POST /v1/ HTTP/1.0\r\nhost: api\r\ncontent-length: 2\r\n\r\n{}"), S_("HTTP/1.0 404 Not Found\r\n\r\n") } },
	{ "http connect", "HTTP_Connect", 6, 3128, ALONE_CLIENT, "example.org", "CONNECT example.org:443",
	  { C_("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"), S_("HTTP/1.1 200 Established\r\n\r\n") } },
	{ "http proxy", "HTTP.HTTP_Proxy", 6, 3128, ALONE_CLIENT, "example.org", "GET /x",
	  { C_("GET http://example.org/x HTTP/1.1\r\nHost: example.org\r\n\r\n"), S_("HTTP/1.1 200 OK\r\n\r\n") } },
	{ "websocket", "WebSocket", 6, 80, ALONE_NO, "chat", "GET /ws",
	  { C_("GET /ws HTTP/1.1\r\nHost: chat\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
	    S_("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n") } },
	{ "http2", "HTTP2", 6, 50051, ALONE_CLIENT, "", NULL,
	  { C_("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"), S_("\0\0\0\4\0\0\0\0\0") } },
	{ "tls", "TLS", 6, 8443, ALONE_BOTH, "shop.example", "TLS 1.3", { C_(TLS_CLIENT), S_(TLS_SERVER) } },
	{ "ssh", "SSH", 6, 2222, ALONE_BOTH, "", "SSH-2.0-OpenSSH_9.2p1",
	  { S_("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), C_("SSH-2.0-OpenSSH_9.2p1\r\n") } },
	{ "redis", "Redis", 6, 6379, ALONE_CLIENT, "", NULL,
	  { C_("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n"), S_("+OK\r\n") } },
	{ "redis inline", "Redis", 6, 7000, ALONE_SERVER, "", NULL, { C_("PING\r\n"), S_("+PONG\r\n") } },
	{ "redis info", "Redis", 6, 6379, ALONE_BOTH, "", "server 7.0.15",
	  { C_("*1\r\n$4\r\nINFO\r\n"), S_("$3200\r\n# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:0\r\n") } },
	{ "postgresql", "PostgreSQL", 6, 5432, ALONE_BOTH, "", "database wp; server 15.8",
	  { C_("\0\0\0\x1d\0\3\0\0user\0app\0database\0wp\0\0"),
	    S_("R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\0" "15.8\0") } },
	{ "postgresql scram", "PostgreSQL", 6, 15432, ALONE_BOTH, "", NULL,
	  { C_("\0\0\0\x11\0\3\0\0user\0app\0\0"), S_("R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0") } },
	{ "postgresql ssl", "PostgreSQL", 6, 5432, ALONE_CLIENT, NULL, NULL, { C_("\0\0\0\x08\x04\xd2\x16\x2f"), S_("N") } },
	{ "mysql", "MySQL", 6, 3306, ALONE_SERVER, "", "server 8.0.36",
	  { S_("\x4a\0\0\0\x0a" "8.0.36\0\x08\0\0\0" "abcdefgh\0\xff\xff\xff\2\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0" "ijklmnopqrst\0"
	       "caching_sha2_pass\0") } },
	{ "mariadb 10.11", "MySQL", 6, 13306, ALONE_SERVER, "", "server 10.11.6-MariaDB",
	  { S_("\x6f\0\0\0\x0a" "5.5.5-10.11.6-MariaDB-0+deb12u1\0\x1f\0\0\0" "UPTK[u%J\0\xfe\xf7\x2d\2\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0"
	       "y/h|Zp[>zM>5\0mysql_native_password\0") } },
	{ "mysql login", "MySQL", 6, 3306, ALONE_CLIENT, "", NULL,
	  { C_("\x3a\0\0\1\x8d\xa6\xff\1\0\0\0\1\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0app\0\0shop\0mysql_native_pass\0") } },
	{ "mysql refused", "MySQL", 6, 3306, ALONE_SERVER, "", NULL,
	  { S_("\x45\0\0\0\xff\x6a\4Host '10.0.0.9' is not allowed to connect to this MySQL server....") } },
	{ "memcached set", "Memcached", 6, 11211, ALONE_BOTH, "", NULL, { C_("set k 0 60 5\r\nhello\r\n"), S_("STORED\r\n") } },
	{ "memcached get", "Memcached", 6, 11311, ALONE_NO, "", NULL, { C_("get k\r\n"), S_("VALUE k 0 5\r\nhello\r\nEND\r\n") } },
	{ "memcached version", "Memcached", 6, 11211, ALONE_NO, "", "server 1.6.18", { C_("version\r\n"), S_("VERSION 1.6.18\r\n") } },
	{ "memcached binary", "Memcached", 6, 11211, ALONE_BOTH, "", NULL,
	  { C_("\x80\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0k"), S_("\x81\0\0\0\0\0\0\1\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0\0Not found") } },
	{ "mongodb query", "MongoDB", 6, 27017, ALONE_CLIENT, "", NULL,
	  { C_("\x3a\0\0\0\1\0\0\0\0\0\0\0\xd4\7\0\0\0\0\0\0admin.$cmd\0\0\0\0\0\xff\xff\xff\xff\x13\0\0\0\x10isMaster\0\1\0\0\0\0") } },
	{ "mongodb msg", "MongoDB", 6, 27018, ALONE_BOTH, "", NULL,
	  { C_("\x29\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x14\0\0\0\x10hello\0\1\0\0\0\0xxxx"),
	    S_("\x26\0\0\0\2\0\0\0\1\0\0\0\xdd\7\0\0\0\0\0\0\0\x11\0\0\0\1ok\0\0\0\0\0\0\0\xf0?\0") } },
	{ "amqp", "AMQP", 6, 5672, ALONE_CLIENT, "", NULL,
	  { C_("AMQP\0\0\x09\1"), S_("\1\0\0\0\0\1\xf8\0\x0a\0\x0a\0\x09\0\0\1\xd3\x0c" "capabilities") } },
	{ "mqtt", "MQTT", 6, 1883, ALONE_CLIENT, "", NULL, { C_("\x10\x11\0\4MQTT\4\2\0\x3c\0\5dev42"), S_("\x20\2\0\0") } },
	{ "mqtt 5", "MQTT", 6, 11883, ALONE_CLIENT, "", NULL, { C_("\x10\x12\0\4MQTT\5\2\0\x3c\0\0\5dev42"), S_("\x20\3\0\0\0") } },
	{ "dns", "DNS", 17, 53, ALONE_BOTH, "db.shop.example", NULL, { C_(DNS_QUERY), S_(DNS_ANSWER) } },
	{ "dns elsewhere", "DNS", 17, 38471, ALONE_BOTH, "db.shop.example", NULL, { C_(DNS_QUERY), S_(DNS_ANSWER) } },
	{ "dns tcp", "DNS", 6, 53, ALONE_BOTH, "db.shop.example", NULL, { C_("\0\x21" DNS_QUERY), S_("\0\x31" DNS_ANSWER) } },
	{ "dns tcp elsewhere", "DNS", 6, 5300, ALONE_BOTH, "db.shop.example", NULL, { C_("\0\x21" DNS_QUERY), S_("\0\x31" DNS_ANSWER) } },
	{ "mdns", "MDNS", 17, 5353, ALONE_CLIENT, "_http._tcp.local", NULL,
	  { C_("\0\0\0\0\0\1\0\0\0\0\0\0\5_http\4_tcp\5local\0\0\x0c\0\1") } },
	{ "llmnr", "LLMNR", 17, 5355, ALONE_CLIENT, "wpad", NULL, { C_("\1\2\0\0\0\1\0\0\0\0\0\0\4wpad\0\0\1\0\1") } },
	{ "quic not to be decrypted", "QUIC", 17, 8443, ALONE_CLIENT, "", NULL,
	  { C_("\xc3\0\0\0\1\x08" "abcdefgh\0\0\x40\x44" RANDOM64 "1234") } },
	{ "ntp", "NTP", 17, 123, ALONE_BOTH, "", NULL,
	  { C_("\x23\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe0\1\2\3\4\5\6\7"),
	    S_("\x24\2\0\xe8\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe0\1\2\3\4\5\6\7") } },
	{ "smtp", "SMTP", 6, 25, ALONE_BOTH, "", "220 mail.example ESMTP Postfix",
	  { S_("220 mail.example ESMTP Postfix\r\n"), C_("EHLO client.example\r\n") } },
	{ "smtp plain banner", "SMTP", 6, 2525, ALONE_CLIENT, "", NULL, { S_("220 ready\r\n"), C_("EHLO x\r\n") } },
	{ "ftp", "FTP_CONTROL", 6, 21, ALONE_SERVER, "", "220 (vsFTPd 3.0.3)", { S_("220 (vsFTPd 3.0.3)\r\n"), C_("USER anonymous\r\n") } },
	{ "ftp plain banner", "FTP_CONTROL", 6, 2121, ALONE_NO, "", NULL, { S_("220 ready\r\n"), C_("USER anonymous\r\n") } },
	{ "imap", "IMAP", 6, 143, ALONE_SERVER, "", "Dovecot", { S_("* OK [CAPABILITY IMAP4rev1 SASL-IR] Dovecot ready.\r\n"), C_("a1 LOGIN a b\r\n") } },
	{ "pop3", "POP3", 6, 110, ALONE_SERVER, "", "POP3", { S_("+OK POP3 server ready\r\n"), C_("USER a\r\n") } },
	{ "nats", "Nats", 6, 4222, ALONE_SERVER, "", NULL,
	  { S_("INFO {\"server_id\":\"NA\",\"version\":\"2.9.10\",\"proto\":1}\r\n"), C_("CONNECT {\"verbose\":false,\"lang\":\"c\"}\r\nPING\r\n") } },
	{ "socks5", "SOCKS", 6, 1080, ALONE_NO, "", NULL, { C_("\5\1\0"), S_("\5\0") } },
	{ "kafka", "Kafka", 6, 9092, ALONE_CLIENT, "", NULL, { C_("\0\0\0\x14\0\x12\0\3\0\0\0\1\0\x08rdkafka1\0\0") } },
	{ "zookeeper", "ZooKeeper", 6, 2181, ALONE_BOTH, "", NULL,
	  { C_("\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	    S_("\0\0\0\x25\0\0\0\0\0\0\x75\x30\1\0\0\0\0\0\0\1\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") } },
	{ "fastcgi", "FastCGI", 6, 9000, ALONE_CLIENT, "", NULL,
	  { C_("\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0\1\4\0\1\0\x13\5\0\x0e\3REQUEST_METHODGET\0\0\0\0\0") } },
	{ "clickhouse", "ClickHouse", 6, 9000, ALONE_BOTH, "", NULL,
	  { C_("\0\x11" "ClickHouse client\x16\3\xb1\xa9\3\0\7default\0"), S_("\0\x0a" "ClickHouse\x16\3\xb1\xa9\3") } },
	{ "vxlan", "VXLAN", 17, 4789, ALONE_CLIENT, "", NULL,
	  { C_("\x08\0\0\0\0\x10\1\0\2\x42\x0a\0\1\2\2\x42\x0a\0\1\3\x08\6\0\1") } },
	{ "cassandra", "Cassandra", 6, 9042, ALONE_CLIENT, "", NULL,
	  { C_("\4\0\0\0\1\0\0\0\x16\0\1\0\x0b" "CQL_VERSION\0\5" "3.0.0"), S_("\x84\0\0\0\2\0\0\0\0") } },
	{ "cassandra options", "Cassandra", 6, 9042, ALONE_NO, "", NULL, { C_("\4\0\0\x07\5\0\0\0\0"), S_("\x84\0\0\x07\6\0\0\0\2\0\0") } },
	{ "http2 server", "HTTP2", 6, 8080, ALONE_SERVER, "", NULL,
	  { S_("\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64\0\0\4\x08\0\0\0\0\0\0\1\0\0") } },
	{ "grpc", "gRPC", 6, 50051, ALONE_CLIENT, "cart", "POST /shop.Cart/Add",
	  { C_("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\x3a\1\4\0\0\0\1\x83\x86\x44\x0e/shop.Cart/Add\x41\4" "cart"
	       "\x40\x0c" "content-type\x10" "application/grpc"),
	    S_("\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0\0\0\1\1\4\0\0\0\1\x88") } },
	{ "etcd grpc", "gRPC.etcd", 6, 2379, ALONE_NO, "etcd", NULL,
	  { C_("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\x42\1\4\0\0\0\1\x83\x86\x44\x16/etcdserverpb.KV/Range\x41\4" "etcd"
	       "\x40\x0c" "content-type\x10" "application/grpc") } },
	{ "etcd http", "HTTP.etcd", 6, 2379, ALONE_SERVER, "e", "server 3.4.23",
	  { C_("GET /version HTTP/1.1\r\nHost: e\r\n\r\n"),
	    S_("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 23\r\n\r\n{\"etcdserver\":\"3.4.23\"}") } },
	{ "elasticsearch http", "HTTP.Elasticsearch", 6, 9200, ALONE_SERVER, "e", "server 8.11.1",
	  { C_("GET / HTTP/1.1\r\nHost: e:9200\r\n\r\n"),
	    S_("HTTP/1.1 200 OK\r\nX-elastic-product: Elasticsearch\r\ncontent-type: application/json\r\ncontent-length: 59\r\n\r\n"
	       "{\"version\":{\"number\":\"8.11.1\",\"lucene_version\":\"9.8.0\"}} ") } },
	{ "not elasticsearch", "HTTP", 6, 9200, ALONE_BOTH, "e", NULL,
	  { C_("GET /a/_search HTTP/1.1\r\nHost: e\r\n\r\n"),
	    S_("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"rows\":[1]}") } },
	{ "elasticsearch nodes", "Elasticsearch", 6, 9300, ALONE_BOTH, "", NULL,
	  { C_("ES\0\0\0\x13\0\0\0\0\0\0\0\1\x08\0\x6c\x56\x4b\0\0\0\0"), S_("ES\0\0\0\x13\0\0\0\0\0\0\0\1\x09\0\x6c\x56\x4b\0\0\0\0") } },
	{ "stratum", "Mining", 6, 3333, ALONE_BOTH, "", NULL,
	  { C_("{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}\n"),
	    S_("{\"id\":1,\"result\":[[[\"mining.notify\",\"ae\"]],\"08\",4],\"error\":null}\n") } },
	{ "stratum of monero", "Mining", 6, 443, ALONE_BOTH, "", NULL,
	  { C_("{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"4A\",\"pass\":\"x\",\"agent\":\"XMRig\"}}\n"),
	    S_("{\"id\":1,\"result\":{\"job\":{\"blob\":\"07\",\"job_id\":\"a\",\"target\":\"b8\"},\"status\":\"OK\"}}\n") } },
	{ "fastcgi answer", "FastCGI", 6, 9000, ALONE_BOTH, "", NULL,
	  { C_("\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0"), S_("\1\6\0\1\0\x13\5\0Status: 404 gone\r\n\r\n") } },
	{ "socks4", "SOCKS", 6, 1080, ALONE_NO, "10.0.0.9", NULL, { C_("\4\1\0\x50\x0a\0\0\x09user\0"), S_("\0\x5a\0\0\0\0\0\0") } },
	{ "ldap starttls", "LDAP", 6, 389, ALONE_CLIENT, "", NULL,
	  { C_("\x30\x1d\2\1\1\x77\x18\x80\x16" "1.3.6.1.4.1.1466.20037"), S_("\x30\x0c\2\1\1\x78\7\x0a\1\0\4\0\4\0") } },
	{ "xmpp", "Jabber", 6, 5222, ALONE_BOTH, "chat.example", NULL,
	  { C_("<?xml version='1.0'?><stream:stream to='chat.example' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"),
	    S_("<?xml version='1.0'?><stream:stream id='1' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>") } },
	{ "smtp starttls", "SMTP", 6, 25, ALONE_NO, NULL, "then TLS",
	  { S_("220 mail.example ESMTP\r\n"), C_("STARTTLS\r\n"), S_("220 go\r\n"), C_(TLS_CLIENT) } },
	{ "postgresql in tls", "PostgreSQL", 6, 5432, ALONE_NO, "shop.example", "then TLS",
	  { C_("\0\0\0\x08\x04\xd2\x16\x2f"), S_("S"), C_(TLS_CLIENT), S_(TLS_SERVER) } },
	{ "ssh in connect", "HTTP_Connect", 6, 3128, ALONE_NO, "a", "then SSH",
	  { C_("CONNECT a:22 HTTP/1.1\r\n\r\n"), S_("HTTP/1.1 200 OK\r\n\r\n"), C_("SSH-2.0-x_1\r\n"), S_("SSH-2.0-y_1\r\n") } },
	/* for nDPI */
	{ "rsync", "RSYNC", 6, 8873, ALONE_BOTH, "", NULL, { S_("@RSYNCD: 31.0 sha512 md5\n"), C_("@RSYNCD: 31.0 md5\nfiles\n") } },
	{ "git", "Git", 6, 9419, ALONE_CLIENT, "", NULL,
	  { C_("0033git-upload-pack /shop.git\0host=shop.example\0"), S_("00000000000000000000000000000000000000000000 capabilities^{}\0") } },
	{ "syslog tcp", "Syslog", 6, 1514, ALONE_CLIENT, "", NULL, { C_("<38>Nov 22 01:00:00 shop sshd: Accepted\n") } },
	{ "syslog counted", "Syslog", 6, 1514, ALONE_CLIENT, "", NULL, { C_("40 <38>1 2026-11-22T01:00:00Z shop sshd 1 - - x") } },
	{ "tftp", "TFTP", 17, 6969, ALONE_CLIENT, "", NULL, { C_("\0\1pxelinux.0\0octet\0") } },
	{ "vnc", "VNC", 6, 5901, ALONE_NO, "", NULL, { S_("RFB 003.008\n"), C_("RFB 003.008\n"), S_("\1\2") } },
	{ "rtsp", "RTSP", 6, 8554, ALONE_NO, NULL, NULL,
	  { C_("OPTIONS rtsp://10.0.0.2:8554/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n"), S_("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n") } },
	{ "ldap", "LDAP", 6, 3389, ALONE_NO, NULL, NULL, { C_("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0"), S_("\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0") } },
};

static struct ndpi_engine *engine;

static unsigned said_count(const struct talk *t)
{
	unsigned n = 0;

	while (n < 4 && t->said[n].len)
		n++;
	return n;
}

static bool matches(const struct talk *t, const struct rig *r, bool details)
{
	if (strcmp(r->last.app, t->app) || r->last.confidence < LABEL_OWN)
		return false;
	if (!details)
		return true;
	return (!t->host || !strcmp(r->last.host, t->host)) && (!t->info || strstr(r->last.info, t->info));
}

static void fail_talk(const struct talk *t, const struct rig *r, const char *how, size_t at)
{
	print_message("# %s, %s, %zu: app \"%s\" (%u) host \"%s\" info \"%s\", wanted \"%s\" \"%s\" \"%s\"\n", t->name, how, at, r->last.app,
		      r->last.confidence, r->last.host, r->last.info, t->app, t->host ? t->host : "*", t->info ? t->info : "*");
	fail();
}

/* only: -1 both, 0 the client alone, 1 the server alone. cut: offset in message `which` where a new segment begins. */
static void play(const struct talk *t, struct rig *r, int only, int which, size_t cut, bool reversed, bool bytes)
{
	for (unsigned m = 0; m < said_count(t); m++) {
		const struct said *s = &t->said[m];
		uint32_t seq = r->seq[s->server];

		if (only >= 0 && s->server != (only == 1))
			continue;
		if (bytes && t->proto == 6) {
			for (size_t i = 0; i < s->len; i++)
				rig_say(r, s->server, s->data + i, 1, 0);
			continue;
		}
		if ((int)m != which || t->proto != 6) {
			rig_say(r, s->server, s->data, s->len, 0);
			inspector_flush(r->insp);
			continue;
		}
		if (reversed)
			rig_sample(r, s->server, seq + (uint32_t)cut, s->data + cut, s->len - cut, 0);
		rig_sample(r, s->server, seq, s->data, cut, 0);
		inspector_flush(r->insp);
		if (!reversed)
			rig_sample(r, s->server, seq + (uint32_t)cut, s->data + cut, s->len - cut, 0);
		r->seq[s->server] += (uint32_t)s->len;
	}
	inspector_flush(r->insp);
	rig_wait(r, 100 * NSEC_PER_MSEC);
	rig_wait(r, 11 * NSEC_PER_SEC);
	rig_wait(r, 31 * NSEC_PER_SEC);
}

static void run_one(const struct talk *t, bool v6, int only, int which, size_t cut, bool reversed, bool bytes, const char *how)
{
	struct rig r;

	rig_init(&r, engine, 64);
	rig_flow(&r, t->proto, 40000, t->port, v6);
	play(t, &r, only, which, cut, reversed, bytes);
	if (!matches(t, &r, only < 0))
		fail_talk(t, &r, how, cut);
	assert_int_equal(r.finals, 1);
	rig_done(&r);
}

static void test_whole(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++)
		run_one(&talks[i], false, -1, -1, 0, false, false, "whole");
}

static void test_ipv6(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++)
		run_one(&talks[i], true, -1, -1, 0, false, false, "IPv6");
}

static void test_cut_at_every_offset(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++)
		for (unsigned m = 0; m < said_count(&talks[i]) && talks[i].proto == 6; m++)
			for (size_t cut = 1; cut < talks[i].said[m].len; cut++)
				run_one(&talks[i], false, -1, (int)m, cut, false, false, "cut");
}

static void test_pieces_in_reverse_order(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++)
		for (unsigned m = 0; m < said_count(&talks[i]) && talks[i].proto == 6; m++)
			for (size_t cut = 1; cut < talks[i].said[m].len; cut++)
				run_one(&talks[i], false, -1, (int)m, cut, true, false, "reversed");
}

static void test_single_bytes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++)
		run_one(&talks[i], false, -1, -1, 0, false, true, "single bytes");
}

static void test_one_direction(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
		if (talks[i].alone & ALONE_CLIENT)
			run_one(&talks[i], false, 0, -1, 0, false, false, "client alone");
		if (talks[i].alone & ALONE_SERVER)
			run_one(&talks[i], false, 1, -1, 0, false, false, "server alone");
	}
}

/* The last port number changes nothing: a label comes from what is said. */
static void test_unusual_port(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
		struct talk t = talks[i];

		if (t.proto != 6)
			continue;
		t.port = 31999;
		run_one(&t, false, -1, -1, 0, false, false, "port 31999");
	}
}

/* The server is known from what is said, without the SYN. */
static void test_server_end(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
		struct rig r;

		if (!strcmp(talks[i].app, "SSH") || !strcmp(talks[i].app, "VXLAN") || !strcmp(talks[i].app, "RSYNC") ||
		    i + 3 >= ARRAY_SIZE(talks))
			continue;
		rig_init(&r, engine, 64);
		rig_flow(&r, talks[i].proto, 40000, talks[i].port, false);
		play(&talks[i], &r, -1, -1, 0, false, false);
		if (r.last.server_end != 1)
			fail_talk(&talks[i], &r, "server end", r.last.server_end);
		rig_done(&r);
	}
}

/* Not a test: the table of names, ours and nDPI's. */
static void test_names_agree_with_ndpi(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
		const struct talk *t = &talks[i];
		struct ndpi_turn turns[4];
		struct ndpi_answer a;
		struct rig r;
		unsigned n = said_count(t);

		rig_init(&r, engine, 4);
		rig_flow(&r, t->proto, 40000, t->port, false);
		for (unsigned m = 0; m < n; m++)
			turns[m] = (struct ndpi_turn){ t->said[m].server, bytes_of(t->said[m].data, t->said[m].len), t->said[m].len };
		ndpi_engine_ask(engine, &r.key, turns, n, true, &a);
		print_message("# %-20s ours %-12s nDPI %s\n", t->name, t->app, a.sure ? a.app : "-");
		rig_done(&r);
	}
}

static uint32_t next_random(uint32_t *x)
{
	*x = *x * 1664525u + 1013904223u;
	return *x >> 16;
}

/* Bytes of no protocol get no name of ours: even ones, and such as are mostly small numbers, as binary formats have them. */
static void test_random_bytes_are_nothing(void **state)
{
	const bool whole[2] = { true, true };
	uint32_t x = 20260101;
	unsigned wrong = 0;

	for (unsigned round = 0; round < 256 * 1500; round++) {
		const uint16_t ports[2] = { 40000, (uint16_t)next_random(&x) };
		struct recog_state race = { 0 };
		struct recog_found found;
		struct bytes heads[2];
		uint8_t data[2][64];

		for (unsigned d = 0; d < 2; d++) {
			for (unsigned i = 0; i < sizeof(data[d]); i++) {
				uint32_t v = next_random(&x);

				data[d][i] = (uint8_t)(round & 1 && v & 0x800 ? v & 3 : v);
			}
			heads[d] = bytes_of(data[d], sizeof(data[d]));
		}
		data[0][0] = (uint8_t)round;
		if (recognise_stream(&race, heads, whole, ports, &found) == RECOG_YES) {
			print_message("# round %u is taken for %s\n", round, app_name(found.app));
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* What one side of one protocol says, with what the other side of another answers: never a third one's name. */
static void test_mixed_conversations(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++)
		for (size_t k = 0; k < ARRAY_SIZE(talks); k++) {
			const struct talk *a = &talks[i], *b = &talks[k];
			const bool whole[2] = { true, true };
			const uint16_t ports[2] = { 40000, 31999 };
			struct bytes heads[2] = { bytes_of(a->said[0].data, a->said[0].len), bytes_of(b->said[0].data, b->said[0].len) };
			struct recog_state race = { 0 };
			struct recog_found found;
			const char *name;

			if (a->proto != 6 || b->proto != 6 || recognise_stream(&race, heads, whole, ports, &found) != RECOG_YES)
				continue;
			name = app_name(found.app);
			if (strncmp(name, a->app, strlen(name)) && strncmp(name, b->app, strlen(name)) && found.app != APP_HTTP2 &&
			    found.app != APP_HTTP && found.app != APP_REDIS /* "set …" and "+OK" is just that, inline */) {
				print_message("# %s and %s: %s\n", a->name, b->name, name);
				fail();
			}
		}
}

/* What may be spoken, asked for after each byte of the conversation, as the verdict process does: never wrong. */
static void test_allowed_is_never_wrong(void **state)
{
	static struct {
		struct msg_queue_ask head;
		char bytes[2 * QUEUE_HEAD_MAX];
	} m;
	unsigned known = 0, sure = 0, wrong = 0;

	for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
		const struct talk *t = &talks[i];
		struct msg_queue_answer a = { .what = QUEUE_MORE };
		size_t len[2] = { 0, 0 };
		char app[40];
		static char heads[2][QUEUE_HEAD_MAX];

		snprintf(app, sizeof(app), "%.*s", (int)strcspn(t->app, "."), t->app);
		for (size_t k = 0; t->proto == 6 && k < ARRAY_SIZE(t->said) && a.what != QUEUE_FITS && a.what != QUEUE_CANNOT; k++)
			for (size_t at = 0; at < t->said[k].len && a.what != QUEUE_FITS && a.what != QUEUE_CANNOT; at++) {
				unsigned side = t->said[k].server;

				if (len[side] == QUEUE_HEAD_MAX)
					break;
				heads[side][len[side]++] = t->said[k].data[at];
				m.head = (struct msg_queue_ask){ .port = { 40000, t->port }, .len = { (uint16_t)len[0], (uint16_t)len[1] }, .count = 1 };
				m.head.app[0] = queue_app_hash(app);
				memcpy(m.bytes, heads[0], len[0]);
				memcpy(m.bytes + len[0], heads[1], len[1]);
				assert_true(allowed_answer(&m, sizeof(m.head) + len[0] + len[1], &a));
				if (a.what != QUEUE_WRONG)
					continue;
				print_message("# %s: after %zu bytes of the client, %zu of the server, it is said not to be %s but %s\n", t->name, len[0],
					      len[1], app, a.app);
				wrong++;
				k = ARRAY_SIZE(t->said) - 1;
				break;
			}
		known += t->proto == 6 && a.what != QUEUE_CANNOT;
		sure += a.what == QUEUE_FITS || a.what == QUEUE_LIKELY;
		if (t->proto == 6 && a.what == QUEUE_MORE)
			print_message("# %s: not sure at its end\n", t->name);
	}
	print_message("# %u conversations, %u of them sure\n", known, sure);
	assert_int_equal(wrong, 0);
	assert_true(known > 30 && sure + 5 >= known);
}

static void test_tables_fit_the_mask(void **state)
{
	assert_true(recog_text_count + recog_binary_count <= 64);
}

static int setup(void **state)
{
	engine = ndpi_engine_new();
	return engine ? 0 : -1;
}

static int teardown(void **state)
{
	ndpi_engine_free(engine);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_cut_at_every_offset),
		cmocka_unit_test(test_pieces_in_reverse_order),
		cmocka_unit_test(test_single_bytes),
		cmocka_unit_test(test_one_direction),
		cmocka_unit_test(test_unusual_port),
		cmocka_unit_test(test_server_end),
		cmocka_unit_test(test_names_agree_with_ndpi),
		cmocka_unit_test(test_random_bytes_are_nothing),
		cmocka_unit_test(test_mixed_conversations),
		cmocka_unit_test(test_allowed_is_never_wrong),
		cmocka_unit_test(test_tables_fit_the_mask),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
