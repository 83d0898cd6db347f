/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/target.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

static const struct {
	const char *scheme;
	unsigned port;
} schemes[] = {
	{ "http", 80 },	      { "https", 443 },	      { "redis", 6379 },     { "rediss", 6379 },    { "mysql", 3306 },	 { "mysqli", 3306 },
	{ "mysql2", 3306 },   { "mariadb", 3306 },    { "postgres", 5432 },  { "postgresql", 5432 }, { "pgsql", 5432 },	 { "mongodb", 27017 },
	{ "amqp", 5672 },     { "amqps", 5671 },      { "memcached", 11211 }, { "mqtt", 1883 },	     { "mqtts", 8883 },	 { "ldap", 389 },
	{ "ldaps", 636 },     { "smtp", 25 },	      { "nats", 4222 },	     { "kafka", 9092 },	    { "ws", 80 },	 { "wss", 443 },
	{ "ftp", 21 },	      { "fastcgi", 9000 },    { "fcgi", 9000 },	     { "grpc", 0 },	    { "tcp", 0 },
	{ "elasticsearch", 9200 },
};

bool target_split(const char *t, size_t len, char ret[TARGET_HOST_MAX], unsigned *ret_port)
{
	const char *end = t + len, *at, *p, *scheme = memmem(t, len, "://", 3);
	size_t n;

	*ret_port = 0;
	if (scheme) {
		for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
			if (strlen(schemes[i].scheme) == (size_t)(scheme - t) && !strncasecmp(schemes[i].scheme, t, (size_t)(scheme - t)))
				*ret_port = schemes[i].port;
		t = scheme + 3;
	}
	for (p = t; p < end && *p != '/' && *p != '?' && *p != '#'; p++)
		;
	end = p;
	at = memrchr(t, '@', (size_t)(end - t));
	if (at)
		t = at + 1;
	if (t < end && *t == '[') {
		p = memchr(t, ']', (size_t)(end - t));
		if (!p)
			return false;
		n = (size_t)(p - t - 1);
		t++;
		p++;
	} else {
		p = memchr(t, ':', (size_t)(end - t));
		if (!p)
			p = end;
		n = (size_t)(p - t);
	}
	if (!n || n >= TARGET_HOST_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)t[i]) && !strchr("-_.:", t[i]))
			return false;
	memcpy(ret, t, n);
	ret[n] = '\0';
	if (p < end && *p == ':') {
		unsigned long v = strtoul(p + 1, NULL, 10);

		if (p + 1 == end || !isdigit((unsigned char)p[1]) || !v || v > 65535)
			return false;
		*ret_port = (unsigned)v;
	}
	return true;
}

bool target_is_self(const char *host)
{
	return !strcasecmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "::1") || !strcmp(host, "0.0.0.0") ||
	       !strcmp(host, "::") || !strcmp(host, "*");
}

bool target_is_named_by(const char *name, size_t len)
{
	static const char *const ends[] = { "HOST", "HOSTNAME", "SERVER", "SERVERS", "ADDR", "ADDRESS", "URL",  "URI",	"DSN",
					    "ENDPOINT", "SERVICE", "UPSTREAM", "BACKEND", "PEER", "HOSTS", "NODES", "BROKER", "BROKERS" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t n = strlen(ends[i]);

		if (len >= n && !strncasecmp(name + len - n, ends[i], n) &&
		    (len == n || name[len - n - 1] == '_' || !isupper((unsigned char)name[len - n - 1])))
			return strcasecmp(name, "HOSTNAME") != 0 || len != 8;
	}
	return false;
}
