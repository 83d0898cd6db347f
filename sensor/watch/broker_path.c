/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of what the broker may ask an engine for. Pure. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/watch/broker.h"

enum arg_rule { ARG_NONE, ARG_SEGMENT, ARG_PATH, ARG_TIME };

static const struct {
	const char *before, *after;
	enum arg_rule rule;
	bool unversioned;
} requests[DOCKER_REQ_MAX] = {
	[DOCKER_REQ_VERSION] = { "/version", "", ARG_NONE, true },
	[DOCKER_REQ_INFO] = { "/info", "", ARG_NONE, false },
	[DOCKER_REQ_CONTAINERS] = { "/containers/json?all=1", "", ARG_NONE, false },
	[DOCKER_REQ_CONTAINER] = { "/containers/", "/json", ARG_SEGMENT, false },
	[DOCKER_REQ_NETWORKS] = { "/networks", "", ARG_NONE, false },
	[DOCKER_REQ_NETWORK] = { "/networks/", "?verbose=true", ARG_SEGMENT, false },
	[DOCKER_REQ_NETWORK_PLAIN] = { "/networks/", "", ARG_SEGMENT, false },
	[DOCKER_REQ_IMAGE] = { "/images/", "/json", ARG_PATH, false },
	[DOCKER_REQ_TASKS] = { "/tasks", "", ARG_NONE, false },
	[DOCKER_REQ_SERVICES] = { "/services", "", ARG_NONE, false },
	[DOCKER_REQ_NODES] = { "/nodes", "", ARG_NONE, false },
	[DOCKER_REQ_EVENTS] = { "/events", "", ARG_TIME, false },
	[DOCKER_REQ_PAUSE] = { "/containers/", "/pause", ARG_SEGMENT, false },
	[DOCKER_REQ_UNPAUSE] = { "/containers/", "/unpause", ARG_SEGMENT, false },
	[DOCKER_REQ_STOP] = { "/containers/", "/stop?t=2", ARG_SEGMENT, false },
	/* CANCEL is no request of the engine. */
};

/* No way out of the place where it stands in the path: no empty, "." or ".." segment, nothing that ends the path. */
static bool segments_ok(const char *arg, bool slashes)
{
	for (const char *p = arg;; p++) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
		if (!*p)
			return true;
		if (!slashes)
			return false;
	}
}

static bool arg_ok(const char *arg, enum arg_rule rule)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:/@-";

	if (arg[strspn(arg, chars)])
		return false;
	switch (rule) {
	case ARG_NONE:
		return !*arg;
	case ARG_SEGMENT:
		return segments_ok(arg, false);
	case ARG_PATH:
		return segments_ok(arg, true);
	case ARG_TIME:
		return !arg[strspn(arg, "0123456789.")];
	}
	return false;
}

bool broker_request_is_post(uint8_t what)
{
	return what == DOCKER_REQ_PAUSE || what == DOCKER_REQ_UNPAUSE || what == DOCKER_REQ_STOP;
}

int broker_request_path(const struct msg_docker_req *req, const char *api, char *ret, size_t len)
{
	char version[24] = "";
	int n;

	if (req->what >= DOCKER_REQ_MAX || !requests[req->what].before || !memchr(req->arg, 0, sizeof(req->arg)) ||
	    !arg_ok(req->arg, requests[req->what].rule))
		return -EINVAL;
	if (!requests[req->what].unversioned)
		snprintf(version, sizeof(version), "/v%.16s", api);
	n = snprintf(ret, len, "%s%s%s%s%s", version, requests[req->what].before,
		     req->what == DOCKER_REQ_EVENTS && req->arg[0] ? "?since=" : "", req->arg, requests[req->what].after);
	return n < 0 || (size_t)n >= len ? -EINVAL : 0;
}

/* "1.41" -> 1041; -1: no version. */
static int version_number(const char *s)
{
	int part[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		size_t n = strspn(s, "0123456789");

		if (!n || n > 3)
			return -1;
		for (size_t k = 0; k < n; k++)
			part[i] = part[i] * 10 + (s[k] - '0');
		s += n;
		if (i == 0 && *s++ != '.')
			return -1;
	}
	return *s && *s != '.' ? -1 : part[0] * 1000 + part[1];
}

int broker_api_version(const char *engine_min, const char *engine_max, char ret[16])
{
	const int known = 1043, floor = 1024;
	int max = version_number(engine_max), min = *engine_min ? version_number(engine_min) : floor, v = known;

	if (max < 0 || min < 0)
		return -EBADMSG;
	if (max < floor || min > max)
		return -EPROTONOSUPPORT;
	/* Docker 29 speaks nothing below 1.44: what we read has not changed up to 1.52, so go along. */
	if (v < min)
		v = min;
	if (v > max)
		v = max;
	snprintf(ret, 16, "%d.%d", v / 1000, v % 1000);
	return 0;
}
