/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/fact.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

const char *fact_kind_name(enum fact_kind k)
{
	switch (k) {
	case FACT_PROCESS:
		return "process";
	case FACT_LISTENER:
		return "listener";
	case FACT_PROTOCOL:
		return "protocol";
	case FACT_EDGE_IN:
		return "edge-in";
	case FACT_EDGE_OUT:
		return "edge-out";
	case FACT_SYSCALL:
		return "syscall";
	case FACT_FILE:
		return "file";
	case FACT_DNS:
		return "dns";
	case FACT_VOLUME:
		return "volume";
	case FACT_KIND_MAX:
		break;
	}
	return "unknown";
}

int fact_kind_of(const char *name)
{
	for (int k = 0; k < FACT_KIND_MAX; k++)
		if (!strcmp(name, fact_kind_name((enum fact_kind)k)))
			return k;
	return -1;
}

const char *fact_source_name(unsigned sources)
{
	return sources & FACT_HUMAN ? "human" : sources & FACT_DECLARED ? "declared" : sources & (FACT_LEARNED | FACT_CARRIED) ? "learned" : "none";
}

static size_t put(char *ret, size_t at, const char *s)
{
	for (; *s && at + 1 < FACT_KEY_MAX; s++)
		ret[at++] = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
	ret[at] = '\0';
	return at;
}

char *fact_key(char ret[FACT_KEY_MAX], const char *a, const char *b)
{
	size_t n = put(ret, 0, a);

	if (b && n + 2 < FACT_KEY_MAX) {
		ret[n++] = '\t';
		put(ret, n, b);
	}
	return ret;
}

const char *fact_proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		return "ip";
	}
}

char *fact_port(char ret[24], uint8_t proto, uint16_t port)
{
	const char *name = fact_proto_name(proto);

	if (!strcmp(name, "ip"))
		snprintf(ret, 24, "ip%u/%u", proto, port);
	else
		snprintf(ret, 24, "%s/%u", name, port);
	return ret;
}

size_t fact_fields(const char *key, const char **ret_second)
{
	size_t n = strcspn(key, "\t");

	*ret_second = key[n] ? key + n + 1 : "";
	return n;
}

char *fact_text(enum fact_kind k, const char *key, char *ret, size_t len)
{
	const char *second;
	int first = (int)fact_fields(key, &second);

	switch (k) {
	case FACT_PROCESS:
		if (!strcmp(second, FACT_RUNTIME))
			snprintf(ret, len, "%.*s started by the engine", first, key);
		else
			snprintf(ret, len, "%.*s started by %s", first, key, second);
		break;
	case FACT_LISTENER:
	case FACT_FILE:
		snprintf(ret, len, "%.*s by %s", first, key, !strcmp(second, FACT_ANY) ? "any program" : second);
		break;
	case FACT_PROTOCOL:
		snprintf(ret, len, "%.*s speaks %s", first, key, second);
		break;
	case FACT_EDGE_IN:
		snprintf(ret, len, "from %.*s to %s", first, key, !strcmp(second, FACT_ANY) ? "any port" : second);
		break;
	case FACT_EDGE_OUT:
	case FACT_VOLUME:
		snprintf(ret, len, "to %.*s %s", first, key, !strcmp(second, FACT_ANY) ? "any port" : second);
		break;
	case FACT_SYSCALL:
		if (!strcmp(second, FACT_RUNTIME))
			second = "what the engine started (docker exec)";
		snprintf(ret, len, "%.*s%s%s", first, key, *second ? " by " : "", second);
		break;
	case FACT_DNS:
	case FACT_KIND_MAX:
		snprintf(ret, len, "%s", key);
	}
	return ret;
}

bool fact_exe_is_interpreter(const char *exe)
{
	static const char *const names[] = { "sh", "dash", "bash", "ash", "zsh", "ksh", "busybox", "python", "perl", "ruby",
					     "php", "lua", "node", "nc", "ncat", "socat", "env" };
	const char *base = strrchr(exe, '/');

	base = base ? base + 1 : exe;
	if (!strncmp(base, "busybox (", 9)) /* its applet (sensor/watch/applet.h) */
		base += 9;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i]);

		/* python3.11, nc.openbsd, php8.2 */
		if (!strncmp(base, names[i], n) && (!base[n] || base[n] == ')' || base[n] == '.' || base[n] == '-' || (base[n] >= '0' && base[n] <= '9')))
			return true;
	}
	return false;
}
