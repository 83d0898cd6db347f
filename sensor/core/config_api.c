/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys below "api". */
#include <arpa/inet.h>
#include <libfyaml.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/core/config_priv.h"

bool config_listen_address(const char *text, char host[64], uint16_t *ret_port, bool *ret_loopback)
{
	const char *colon = strrchr(text, ':');
	unsigned char a[16];
	char *end;
	unsigned long port;
	size_t len;

	if (!colon || colon[1] < '0' || colon[1] > '9')
		return false;
	port = strtoul(colon + 1, &end, 10);
	len = (size_t)(colon - text);
	if (*end || !port || port > 65535 || len < 2 || len >= 64)
		return false;
	if (text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return false;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	*ret_port = (uint16_t)port;
	if (inet_pton(AF_INET, host, a) == 1) {
		*ret_loopback = a[0] == 127;
		return true;
	}
	*ret_loopback = !strcmp(host, "::1");
	return inet_pton(AF_INET6, host, a) == 1;
}

static int read_listen(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char text[sizeof(r->c.api.listen)], host[64];
	bool loopback;
	uint16_t port;

	if (!config_node_text(n, text, sizeof(text)) || !config_listen_address(text, host, &port, &loopback))
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	memcpy(r->c.api.listen, text, sizeof(text));
	return 0;
}

static int read_path(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	char *field = (char *)&r->c.api + k->offset;

	if (!config_node_text(n, field, sizeof(r->c.api.token_file)) || field[0] != '/')
		return config_refuse(r, line, "bad value for", k->name, k->expected);
	return 0;
}

static int read_hosts(struct config_reader *r, const struct config_key *k, struct fy_node *n, int line)
{
	memset(r->c.api.hosts, 0, sizeof(r->c.api.hosts));
	return config_rows(r, k, n, line, r->c.api.hosts[0], sizeof(r->c.api.hosts[0]), ARRAY_SIZE(r->c.api.hosts), false, &r->c.api.host_count);
}

#define AT(field) offsetof(struct config_api, field)
const struct config_key config_api_keys[] = {
	{ "listen", read_listen, "ADDRESS:PORT, both numbers ([::1]:8470)", 0, 0, 0, NULL },
	{ "token_file", read_path, "an absolute path", AT(token_file), 0, 0, NULL },
	{ "tls_cert", read_path, "an absolute path", AT(tls_cert), 0, 0, NULL },
	{ "tls_key", read_path, "an absolute path", AT(tls_key), 0, 0, NULL },
	{ "hosts", read_hosts, "up to 8 names", 0, 0, 0, NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};

const char *config_api_fault(const struct config_api *a)
{
	char host[64];
	bool loopback = true;
	uint16_t port;

	if (!a->listen[0])
		return NULL;
	if (!a->token_file[0])
		return "api.listen: who comes by TCP needs a token: name a file that holds one by api.token_file";
	if (!a->tls_cert[0] != !a->tls_key[0])
		return "api.tls_cert and api.tls_key belong together";
	if (config_listen_address(a->listen, host, &port, &loopback) && !loopback && !a->tls_cert[0])
		return "api.listen: TLS is needed on an address that others reach: api.tls_cert and api.tls_key";
	return NULL;
}
