/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pieces all readers of engine JSON share, containers and events. Networks and swarm objects: docker_json_net.c. */
#include "sensor/watch/docker_json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/watch/docker_json_priv.h"

/* ---- pieces ------------------------------------------------------------------------------------------ */

/* jansson refuses a document with "\u0000" in an object's key: a label could hide its container. So it becomes U+001F, which
 * docker_json_copy() shows as '?'. *ret stays NULL when there is none. */
static int nul_replace(const char *buf, size_t len, char **ret)
{
	static const char nul[] = "\\u0000";
	const char *p = memmem(buf, len, nul, 6), *end = buf + len;
	char *copy;

	if (!p)
		return 0;
	copy = malloc(len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, buf, len);
	for (; p; p = memmem(p + 6, (size_t)(end - p - 6), nul, 6)) {
		size_t slashes = 0;

		while (p - slashes > buf && p[-1 - (ptrdiff_t)slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0) /* else the backslash itself is escaped */
			memcpy(copy + (p - buf) + 4, "1f", 2);
	}
	*ret = copy;
	return 0;
}

int docker_json_load(const char *buf, size_t len, json_t **ret)
{
	_cleanup_free_ char *clean = NULL;
	json_error_t err;
	json_t *j;
	int r = nul_replace(buf, len, &clean);

	if (r < 0)
		return r;
	/* Duplicate keys: the last wins; refusing the document would let a label hide its container. */
	j = json_loadb(clean ? clean : buf, len, 0, &err);
	if (!j)
		return json_error_code(&err) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
	*ret = j;
	return 0;
}

/* Length of the UTF-8 sequence that starts with c (jansson gives valid UTF-8 only). */
static size_t utf8_len(unsigned char c)
{
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

void docker_json_copy(const json_t *s, char *ret, size_t size)
{
	const char *p = json_string_value(s);
	size_t len = json_string_length(s), n = 0;

	for (size_t i = 0; p && i < len;) {
		size_t l = utf8_len((unsigned char)p[i]);

		if (l > len - i || n + l >= size)
			break;
		if (l == 1 && ((unsigned char)p[i] < 0x20 || p[i] == 0x7f))
			ret[n] = '?';
		else
			memcpy(ret + n, p + i, l);
		n += l;
		i += l;
	}
	ret[n] = '\0';
}

void docker_json_get(const json_t *obj, const char *key, char *ret, size_t size)
{
	docker_json_copy(json_object_get(obj, key), ret, size);
}

bool docker_json_id_ok(const char *id)
{
	size_t n = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz");

	return n >= 12 && n <= 64 && id[n] == '\0';
}

bool docker_json_get_id(const json_t *obj, const char *key, char ret[IDENT_ID_LEN])
{
	const json_t *s = json_object_get(obj, key);
	const char *p = json_string_value(s);

	if (!p || json_string_length(s) != strlen(p) || !docker_json_id_ok(p))
		return false;
	memcpy(ret, p, strlen(p) + 1);
	return true;
}

uint64_t docker_json_get_u64(const json_t *obj, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(obj, key));

	return v > 0 ? (uint64_t)v : 0;
}

bool docker_json_get_bool(const json_t *obj, const char *key)
{
	return json_is_true(json_object_get(obj, key));
}

bool docker_json_addr(const char *s, uint8_t ret[16], uint8_t *ret_prefix)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = s ? strchr(s, '/') : NULL;
	size_t len = s ? (slash ? (size_t)(slash - s) : strlen(s)) : 0;
	unsigned prefix = 128, off = 0;
	uint8_t a[16] = { 0 };

	if (!len || len >= sizeof(host))
		return false;
	memcpy(host, s, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, a + 12) == 1) {
		a[10] = a[11] = 0xff;
		off = 96;
	} else if (inet_pton(AF_INET6, host, a) != 1) {
		return false;
	}
	if (slash) {
		size_t digits = strspn(slash + 1, "0123456789");

		if (!digits || digits > 3 || slash[1 + digits] != '\0')
			return false;
		prefix = off;
		for (unsigned i = 0, v = 0; i <= digits; i++) {
			if (i == digits)
				prefix += v;
			else
				v = v * 10 + (unsigned)(slash[1 + i] - '0');
		}
		if (prefix > 128)
			return false;
	}
	memcpy(ret, a, 16);
	if (ret_prefix)
		*ret_prefix = (uint8_t)prefix;
	return true;
}

void docker_json_get_addr(const json_t *obj, const char *key, uint8_t ret[16], uint8_t *ret_prefix)
{
	(void)docker_json_addr(json_string_value(json_object_get(obj, key)), ret, ret_prefix);
}

void docker_json_get_mac(const json_t *obj, const char *key, uint8_t ret[6])
{
	const char *s = json_string_value(json_object_get(obj, key));
	unsigned m[6];
	char end;

	if (s && strlen(s) == 17 &&
	    sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%c", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5], &end) == 6)
		for (int i = 0; i < 6; i++)
			ret[i] = (uint8_t)m[i];
}

/* Takes exactly n digits. */
static bool digits(const char **s, unsigned n, unsigned *ret)
{
	unsigned v = 0;

	for (unsigned i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (unsigned)(**s - '0');
	}
	*ret = v;
	return true;
}

static bool take(const char **s, char c)
{
	return **s == c && (*s)++;
}

uint64_t docker_json_time_ns(const char *s)
{
	unsigned y, mo, d, h, mi, se, zh = 0, zm = 0;
	uint64_t frac = 0;
	struct tm tm = { 0 };
	int64_t t;
	int sign = 0;

	if (!s || !digits(&s, 4, &y) || !take(&s, '-') || !digits(&s, 2, &mo) || !take(&s, '-') || !digits(&s, 2, &d) ||
	    !take(&s, 'T') || !digits(&s, 2, &h) || !take(&s, ':') || !digits(&s, 2, &mi) || !take(&s, ':') ||
	    !digits(&s, 2, &se))
		return 0;
	if (take(&s, '.')) {
		uint64_t unit = NSEC_PER_SEC / 10;

		for (; *s >= '0' && *s <= '9'; s++, unit /= 10)
			frac += (uint64_t)(*s - '0') * unit;
	}
	if (*s == '+' || *s == '-') {
		sign = *s++ == '+' ? 1 : -1;
		if (!digits(&s, 2, &zh) || !take(&s, ':') || !digits(&s, 2, &zm))
			return 0;
	} else if (!take(&s, 'Z')) {
		return 0;
	}
	if (*s || y < 1970 || y > 2500 || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || se > 60 || zh > 23 || zm > 59)
		return 0;
	tm.tm_year = (int)y - 1900;
	tm.tm_mon = (int)mo - 1;
	tm.tm_mday = (int)d;
	tm.tm_hour = (int)h;
	tm.tm_min = (int)mi;
	tm.tm_sec = (int)se;
	t = (int64_t)timegm(&tm) - sign * (int64_t)(zh * 3600 + zm * 60);
	return t <= 0 ? 0 : (uint64_t)t * NSEC_PER_SEC + frac;
}

/* ---- containers -------------------------------------------------------------------------------------------- */

static void labels_read(const json_t *labels, struct ident_container *c)
{
	docker_json_get(labels, "com.docker.compose.project", c->compose_project, sizeof(c->compose_project));
	docker_json_get(labels, "com.docker.compose.service", c->compose_service, sizeof(c->compose_service));
	if (!c->compose_project[0]) { /* podman-compose before 1.0 */
		docker_json_get(labels, "io.podman.compose.project", c->compose_project, sizeof(c->compose_project));
		docker_json_get(labels, "io.podman.compose.service", c->compose_service, sizeof(c->compose_service));
	}
	docker_json_get(labels, "com.docker.swarm.service.name", c->swarm_service, sizeof(c->swarm_service));
	docker_json_get(labels, "com.docker.swarm.service.id", c->swarm_service_id, sizeof(c->swarm_service_id));
	docker_json_get(labels, "com.docker.swarm.task.name", c->swarm_task, sizeof(c->swarm_task));
	docker_json_get(labels, "com.docker.stack.namespace", c->swarm_stack, sizeof(c->swarm_stack));
}

static enum ident_state state_of(const char *s)
{
	static const struct {
		const char *name;
		enum ident_state state;
	} states[] = {
		{ "running", IDENT_RUNNING },   { "paused", IDENT_PAUSED },       { "restarting", IDENT_RESTARTING },
		{ "created", IDENT_CREATED },   { "configured", IDENT_CREATED },  { "initialized", IDENT_CREATED },
		{ "removing", IDENT_REMOVED },  { "stopping", IDENT_RUNNING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (!strcmp(s, states[i].name))
			return states[i].state;
	return IDENT_EXITED; /* "exited", "dead", "stopped", and whatever comes next */
}

static void name_set(struct ident_container *c, const json_t *name)
{
	char buf[sizeof(c->name) + 1];
	const char *p = buf;

	docker_json_copy(name, buf, sizeof(buf));
	while (*p == '/')
		p++;
	snprintf(c->name, sizeof(c->name), "%.*s", (int)sizeof(c->name) - 1, p);
}

static void endpoint_read(const char *name, const json_t *e, struct ident_container *c)
{
	struct ident_endpoint *ep;
	json_t *n;

	if (c->endpoint_count >= IDENT_ENDPOINTS_MAX || !json_is_object(e))
		return;
	ep = &c->endpoints[c->endpoint_count++];
	n = json_string(name);
	docker_json_copy(n, ep->network_name, sizeof(ep->network_name));
	json_decref(n);
	(void)docker_json_get_id(e, "NetworkID", ep->network_id);
	docker_json_get_addr(e, "IPAddress", ep->addr4, NULL);
	docker_json_get_addr(e, "GlobalIPv6Address", ep->addr6, NULL);
	docker_json_get_addr(e, "Gateway", ep->gateway4, NULL);
	docker_json_get_mac(e, "MacAddress", ep->mac);
}

static void port_add(struct ident_container *c, uint8_t proto, uint64_t inner, uint64_t outer, const char *host)
{
	struct ident_port *p;

	if (c->port_count >= IDENT_PORTS_MAX || !inner || inner > 65535 || !outer || outer > 65535)
		return;
	p = &c->ports[c->port_count++];
	*p = (struct ident_port){ .proto = proto, .container_port = (uint16_t)inner, .host_port = (uint16_t)outer };
	(void)docker_json_addr(host, p->host_addr, NULL);
}

static uint8_t proto_of(const char *s)
{
	return !strcmp(s, "udp") ? IPPROTO_UDP : !strcmp(s, "sctp") ? IPPROTO_SCTP : IPPROTO_TCP;
}

/* A decimal number <= 65535, 0 for anything else. */
static uint64_t port_number(const char *s, size_t len)
{
	uint64_t v = 0;

	if (!len || len > 5)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	return v <= 65535 ? v : 0;
}

/* {"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"443/tcp":null} */
static void ports_read(json_t *ports, struct ident_container *c)
{
	const char *key;
	json_t *list, *b;
	size_t i;

	json_object_foreach(ports, key, list) {
		const char *slash = strchr(key, '/');
		size_t len = slash ? (size_t)(slash - key) : strlen(key);

		json_array_foreach(list, i, b) {
			const char *hp = json_string_value(json_object_get(b, "HostPort"));

			port_add(c, proto_of(slash ? slash + 1 : "tcp"), port_number(key, len), hp ? port_number(hp, strlen(hp)) : 0,
				 json_string_value(json_object_get(b, "HostIp")));
		}
	}
}

static void networks_read(json_t *ns, struct ident_container *c)
{
	json_t *nets = json_object_get(ns, "Networks"), *e;
	const char *name, *key;

	json_object_foreach(nets, name, e)
		endpoint_read(name, e, c);
	if (c->endpoint_count)
		return;
	/* Engines and Podman versions that fill only the flat members of the default network. */
	key = json_string_value(json_object_get(ns, "IPAddress"));
	if (key && *key)
		endpoint_read(!c->network_mode[0] || !strcmp(c->network_mode, "default") ? "bridge" : c->network_mode, ns, c);
}

static void sandbox_read(const json_t *ns, struct ident_container *c)
{
	char key[512];
	const char *base;

	docker_json_get(ns, "SandboxKey", key, sizeof(key));
	base = strrchr(key, '/');
	base = base ? base + 1 : key;
	if (!strcmp(base, ".") || !strcmp(base, "..") || strlen(base) >= sizeof(c->sandbox_name))
		base = "";
	memcpy(c->sandbox_name, base, strlen(base) + 1);
}

static void state_read(const json_t *st, struct ident_container *c)
{
	char status[32];
	uint64_t pid = docker_json_get_u64(st, "Pid");

	docker_json_get(st, "Status", status, sizeof(status));
	if (status[0])
		c->state = state_of(status);
	else
		c->state = docker_json_get_bool(st, "Paused")       ? IDENT_PAUSED :
			   docker_json_get_bool(st, "Restarting")   ? IDENT_RESTARTING :
			   docker_json_get_bool(st, "Running")      ? IDENT_RUNNING :
								      IDENT_EXITED;
	if (pid <= INT32_MAX && (c->state == IDENT_RUNNING || c->state == IDENT_PAUSED))
		c->pid = (uint32_t)pid;
	c->started_wall_ns = docker_json_time_ns(json_string_value(json_object_get(st, "StartedAt")));
}

int docker_json_container(const char *buf, size_t len, unsigned engine, struct ident_container *ret)
{
	_cleanup_(docker_json_freep) json_t *root = NULL;
	json_t *j, *config, *host, *ns;
	struct ident_container *c;
	int r = docker_json_load(buf, len, &root);

	if (r < 0)
		return r;
	j = json_is_array(root) ? json_array_get(root, 0) : root;
	_cleanup_free_ struct ident_container *made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	c = made;
	if (!json_is_object(j) || !docker_json_get_id(j, "Id", c->id))
		return -EBADMSG;
	config = json_object_get(j, "Config");
	host = json_object_get(j, "HostConfig");
	ns = json_object_get(j, "NetworkSettings");
	c->engine = engine;
	name_set(c, json_object_get(j, "Name"));
	docker_json_get(config, "Image", c->image, sizeof(c->image));
	if (!c->image[0])
		docker_json_get(j, "ImageName", c->image, sizeof(c->image)); /* Podman */
	docker_json_get(j, "Image", c->image_id, sizeof(c->image_id));
	docker_json_get(config, "Hostname", c->hostname, sizeof(c->hostname));
	docker_json_get(host, "NetworkMode", c->network_mode, sizeof(c->network_mode));
	labels_read(json_object_get(config, "Labels"), c);
	state_read(json_object_get(j, "State"), c);
	sandbox_read(ns, c);
	networks_read(ns, c);
	ports_read(json_object_get(ns, "Ports"), c);
	c->created_wall_ns = docker_json_time_ns(json_string_value(json_object_get(j, "Created")));
	*ret = *c;
	return 0;
}

/* {"Id":…,"Names":["/web","/db/web"],"Image":…,"Ports":[{"IP":…,"PrivatePort":80,"PublicPort":8080,"Type":"tcp"}],…} */
static bool list_entry_read(json_t *j, unsigned engine, struct ident_container *c)
{
	json_t *names = json_object_get(j, "Names"), *n, *p;
	char state[32];
	size_t i;

	memset(c, 0, sizeof(*c));
	if (!json_is_object(j) || !docker_json_get_id(j, "Id", c->id))
		return false;
	c->engine = engine;
	json_array_foreach(names, i, n) {
		const char *s = json_string_value(n);

		/* "/db/alias" is a link, not the name. */
		if (s && (i == 0 || !strchr(s + (*s == '/'), '/')))
			name_set(c, n);
	}
	docker_json_get(j, "Image", c->image, sizeof(c->image));
	docker_json_get(j, "ImageID", c->image_id, sizeof(c->image_id));
	docker_json_get(j, "State", state, sizeof(state));
	c->state = state_of(state);
	docker_json_get(json_object_get(j, "HostConfig"), "NetworkMode", c->network_mode, sizeof(c->network_mode));
	labels_read(json_object_get(j, "Labels"), c);
	networks_read(json_object_get(j, "NetworkSettings"), c);
	json_array_foreach(json_object_get(j, "Ports"), i, p) {
		const char *type = json_string_value(json_object_get(p, "Type"));

		port_add(c, proto_of(type ? type : "tcp"), docker_json_get_u64(p, "PrivatePort"),
			 docker_json_get_u64(p, "PublicPort"), json_string_value(json_object_get(p, "IP")));
	}
	c->created_wall_ns = docker_json_get_u64(j, "Created");
	c->created_wall_ns = c->created_wall_ns < UINT32_MAX * 4ULL ? c->created_wall_ns * NSEC_PER_SEC : 0;
	return true;
}

int docker_json_containers(const char *buf, size_t len, unsigned engine,
			   void (*cb)(const struct ident_container *c, void *arg), void *arg)
{
	_cleanup_(docker_json_freep) json_t *root = NULL;
	_cleanup_free_ struct ident_container *c = NULL;
	json_t *j;
	size_t i;
	int r = docker_json_load(buf, len, &root);

	if (r < 0)
		return r;
	if (!json_is_array(root))
		return -EBADMSG;
	c = malloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	json_array_foreach(root, i, j)
		if (list_entry_read(j, engine, c))
			cb(c, arg);
	return 0;
}

/* ---- events ------------------------------------------------------------------------------------------------ */

int docker_json_event(const char *line, size_t len, unsigned engine, struct docker_event *ret)
{
	_cleanup_(docker_json_freep) json_t *j = NULL;
	json_t *actor, *attr;
	char *colon;
	int r = docker_json_load(line, len, &j);

	if (r < 0)
		return r;
	if (!json_is_object(j))
		return -EBADMSG;
	_cleanup_free_ struct docker_event *ev = calloc(1, sizeof(*ev));
	if (!ev)
		return -ENOMEM;
	actor = json_object_get(j, "Actor");
	attr = json_object_get(actor, "Attributes");
	docker_json_get(j, "Type", ev->type, sizeof(ev->type));
	docker_json_get(j, "Action", ev->action, sizeof(ev->action));
	if (!ev->action[0]) { /* before API 1.22, and Podman's own form */
		docker_json_get(j, "status", ev->action, sizeof(ev->action));
		if (!ev->type[0] && ev->action[0])
			snprintf(ev->type, sizeof(ev->type), "container");
	}
	if (!ev->type[0] || !ev->action[0])
		return -EBADMSG;
	colon = strchr(ev->action, ':'); /* "exec_create: sh -c …", "health_status: healthy" */
	if (colon)
		*colon = '\0';
	docker_json_get(json_object_get(actor, "ID") ? actor : j, json_object_get(actor, "ID") ? "ID" : "id", ev->id,
			sizeof(ev->id));
	ev->time_ns = docker_json_get_u64(j, "timeNano");
	if (!ev->time_ns)
		ev->time_ns = docker_json_get_u64(j, "time") * NSEC_PER_SEC;
	docker_json_get(attr, "name", ev->name, sizeof(ev->name));
	if (!strcmp(ev->type, "network")) {
		docker_json_get(attr, "type", ev->driver, sizeof(ev->driver));
		if (!docker_json_get_id(attr, "container", ev->container))
			ev->container[0] = '\0';
		if (!docker_json_id_ok(ev->id))
			return -EBADMSG;
	} else if (!strcmp(ev->type, "container")) {
		struct ident_container *c = &ev->partial;

		if (!docker_json_id_ok(ev->id))
			return -EBADMSG;
		c->engine = engine;
		snprintf(c->id, sizeof(c->id), "%.64s", ev->id);
		snprintf(c->name, sizeof(c->name), "%.255s", ev->name);
		docker_json_get(attr, "image", c->image, sizeof(c->image));
		labels_read(attr, c); /* an event's attributes are the container's labels and a few more */
	}
	*ret = *ev;
	return 0;
}

/* ---- engine --------------------------------------------------------------------------------------------------- */

int docker_json_version(const char *buf, size_t len, struct docker_engine_info *io)
{
	_cleanup_(docker_json_freep) json_t *j = NULL;
	json_t *c;
	size_t i;
	int r = docker_json_load(buf, len, &j);

	if (r < 0)
		return r;
	if (!json_is_object(j) || !json_is_string(json_object_get(j, "ApiVersion")))
		return -EBADMSG;
	docker_json_get(j, "Version", io->version, sizeof(io->version));
	docker_json_get(j, "ApiVersion", io->api_version, sizeof(io->api_version));
	docker_json_get(j, "MinAPIVersion", io->min_api_version, sizeof(io->min_api_version));
	io->podman = false;
	json_array_foreach(json_object_get(j, "Components"), i, c) {
		const char *n = json_string_value(json_object_get(c, "Name"));

		io->podman |= n && !strncmp(n, "Podman", 6);
	}
	return 0;
}

static void security_read(const json_t *opts, struct docker_engine_info *io)
{
	const json_t *o;
	size_t i;

	io->rootless = io->userns = false;
	json_array_foreach(opts, i, o) {
		const char *s = json_string_value(o);

		io->rootless |= s && !strncmp(s, "name=rootless", 13);
		io->userns |= s && !strncmp(s, "name=userns", 11);
	}
}

int docker_json_info(const char *buf, size_t len, struct docker_engine_info *io)
{
	_cleanup_(docker_json_freep) json_t *j = NULL;
	json_t *swarm;
	char state[16];
	int r = docker_json_load(buf, len, &j);

	if (r < 0)
		return r;
	if (!json_is_object(j))
		return -EBADMSG;
	docker_json_get(j, "ID", io->id, sizeof(io->id));
	docker_json_get(j, "Name", io->name, sizeof(io->name));
	docker_json_get(j, "Driver", io->storage_driver, sizeof(io->storage_driver));
	docker_json_get(j, "CgroupDriver", io->cgroup_driver, sizeof(io->cgroup_driver));
	docker_json_get(j, "CgroupVersion", io->cgroup_version, sizeof(io->cgroup_version));
	docker_json_get(j, "DockerRootDir", io->root_dir, sizeof(io->root_dir));
	io->live_restore = docker_json_get_bool(j, "LiveRestoreEnabled");
	io->containers_running = (unsigned)docker_json_get_u64(j, "ContainersRunning");
	security_read(json_object_get(j, "SecurityOptions"), io);
	swarm = json_object_get(j, "Swarm");
	docker_json_get(swarm, "LocalNodeState", state, sizeof(state));
	io->swarm_active = !strcmp(state, "active");
	io->swarm_manager = docker_json_get_bool(swarm, "ControlAvailable");
	if (!docker_json_get_id(swarm, "NodeID", io->swarm_node_id))
		io->swarm_node_id[0] = '\0';
	docker_json_get(swarm, "NodeAddr", io->swarm_node_addr, sizeof(io->swarm_node_addr));
	return 0;
}
