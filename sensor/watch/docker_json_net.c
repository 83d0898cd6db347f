/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Engine JSON: networks and what a swarm manager knows. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sensor/watch/docker_json.h"
#include "sensor/watch/docker_json_priv.h"

#define REMOTES_MAX 65536

static void bridge_name_read(const json_t *options, struct ident_network *n)
{
	docker_json_get(options, "com.docker.network.bridge.name", n->bridge_name, sizeof(n->bridge_name));
	if (n->bridge_name[0] || strcmp(n->driver, "bridge") != 0)
		return;
	/* Docker's rule for networks that name none: "br-" and the first 12 characters of the id. */
	if (strcmp(n->name, "bridge") == 0)
		snprintf(n->bridge_name, sizeof(n->bridge_name), "docker0");
	else
		snprintf(n->bridge_name, sizeof(n->bridge_name), "br-%.12s", n->id);
}

static void subnets_read(const json_t *config, struct ident_network *n)
{
	const json_t *s;
	size_t i;

	json_array_foreach(config, i, s) {
		unsigned k = n->subnet_count;

		if (k >= ARRAY_SIZE(n->subnets))
			break;
		if (!docker_json_addr(json_string_value(json_object_get(s, "Subnet")), n->subnets[k].addr, &n->subnets[k].prefix_len))
			continue;
		docker_json_get_addr(s, "Gateway", n->subnets[k].gateway, NULL);
		n->subnet_count++;
	}
}

/* "4097" or "4097,4098" */
static uint32_t first_number(const char *s)
{
	uint32_t v = 0;

	for (; *s >= '0' && *s <= '9' && v < (1u << 24); s++)
		v = v * 10 + (uint32_t)(*s - '0');
	return v < (1u << 24) ? v : 0;
}

static bool network_read(const json_t *j, unsigned engine, struct ident_network *n)
{
	const json_t *options = json_object_get(j, "Options");
	char vni[64];

	memset(n, 0, sizeof(*n));
	if (!json_is_object(j) || !docker_json_get_id(j, "Id", n->id))
		return false;
	n->engine = engine;
	docker_json_get(j, "Name", n->name, sizeof(n->name));
	docker_json_get(j, "Driver", n->driver, sizeof(n->driver));
	docker_json_get(j, "Scope", n->scope, sizeof(n->scope));
	n->internal = docker_json_get_bool(j, "Internal");
	n->attachable = docker_json_get_bool(j, "Attachable");
	n->ingress = docker_json_get_bool(j, "Ingress");
	n->encrypted = json_object_get(options, "encrypted") != NULL; /* its value does not matter to the driver */
	subnets_read(json_object_get(json_object_get(j, "IPAM"), "Config"), n);
	bridge_name_read(options, n);
	docker_json_get(options, "com.docker.network.driver.overlay.vxlanid_list", vni, sizeof(vni));
	n->vni = first_number(vni);
	return true;
}

static int members_read(json_t *containers, struct docker_network *dn)
{
	size_t n = json_object_size(containers);
	const char *key;
	json_t *m;

	if (!n)
		return 0;
	dn->members = calloc(n, sizeof(*dn->members));
	if (!dn->members)
		return -ENOMEM;
	json_object_foreach(containers, key, m) {
		struct docker_member *e = &dn->members[dn->member_count];

		if (!json_is_object(m))
			continue;
		if (docker_json_id_ok(key))
			snprintf(e->id, sizeof(e->id), "%s", key);
		else
			e->own = !strncmp(key, "lb-", 3) || (strlen(key) > 5 && !strcmp(key + strlen(key) - 5, "-sbox"));
		docker_json_get(m, "Name", e->name, sizeof(e->name));
		docker_json_get_addr(m, "IPv4Address", e->addr4, NULL);
		docker_json_get_addr(m, "IPv6Address", e->addr6, NULL);
		docker_json_get_mac(m, "MacAddress", e->mac);
		dn->member_count++;
	}
	return 0;
}

static bool is_member_addr(const struct docker_network *dn, const uint8_t addr[16])
{
	for (size_t i = 0; i < dn->member_count; i++)
		if (!memcmp(dn->members[i].addr4, addr, 16) || !memcmp(dn->members[i].addr6, addr, 16))
			return true;
	return false;
}

/* Room for one more; *cap grows by doubling. NULL: no memory or too many. */
static struct docker_remote *remote_add(struct docker_network *dn, size_t *cap)
{
	if (dn->remote_count >= REMOTES_MAX)
		return NULL;
	if (dn->remote_count == *cap) {
		size_t n = *cap ? *cap * 2 : 16;
		struct docker_remote *p = reallocarray(dn->remotes, n, sizeof(*p));

		if (!p)
			return NULL;
		dn->remotes = p;
		*cap = n;
	}
	memset(&dn->remotes[dn->remote_count], 0, sizeof(*dn->remotes));
	return &dn->remotes[dn->remote_count];
}

/* {"svc":{"VIP":"10.0.9.11","Tasks":[{"Name":"svc.1.x","EndpointIP":"10.0.9.12","Info":{"Host IP":"192.168.99.1"}}]}}; standalone
 * containers stand under the service "". Tasks of our own members are left out: their containers are known better. */
static int services_read(json_t *services, struct docker_network *dn)
{
	const char *key;
	json_t *s, *t;
	size_t i, cap = 0;

	json_object_foreach(services, key, s) {
		uint8_t vip[16];
		struct docker_remote *r;

		if (*key && docker_json_addr(json_string_value(json_object_get(s, "VIP")), vip, NULL)) {
			json_t *name = json_string(key);

			r = remote_add(dn, &cap);
			if (!r) {
				json_decref(name);
				return -ENOMEM;
			}
			docker_json_copy(name, r->name, sizeof(r->name));
			json_decref(name);
			memcpy(r->addr, vip, sizeof(vip));
			r->vip = true;
			dn->remote_count++;
		}
		json_array_foreach(json_object_get(s, "Tasks"), i, t) {
			uint8_t addr[16];

			if (!docker_json_addr(json_string_value(json_object_get(t, "EndpointIP")), addr, NULL) ||
			    is_member_addr(dn, addr))
				continue;
			r = remote_add(dn, &cap);
			if (!r)
				return -ENOMEM;
			docker_json_get(t, "Name", r->name, sizeof(r->name));
			docker_json_get(json_object_get(t, "Info"), "Host IP", r->node, sizeof(r->node));
			memcpy(r->addr, addr, sizeof(addr));
			if (r->name[0])
				dn->remote_count++;
		}
	}
	return 0;
}

void docker_network_free(struct docker_network *n)
{
	if (!n)
		return;
	free(n->members);
	free(n->remotes);
	free(n);
}

static void docker_network_freep(struct docker_network **n)
{
	docker_network_free(*n);
}

static void peers_read(const json_t *peers, struct docker_network *dn)
{
	json_t *p;
	size_t i;

	dn->peer_count = json_array_size(peers);
	json_array_foreach(peers, i, p) {
		if (dn->net.peer_count == IDENT_PEERS_MAX)
			return;
		if (docker_json_addr(json_string_value(json_object_get(p, "IP")), dn->net.peers[dn->net.peer_count], NULL))
			dn->net.peer_count++;
	}
}

int docker_json_network(const char *buf, size_t len, unsigned engine, struct docker_network **ret)
{
	_cleanup_(docker_json_freep) json_t *root = NULL;
	_cleanup_(docker_network_freep) struct docker_network *dn = NULL;
	const json_t *j;
	int r = docker_json_load(buf, len, &root);

	if (r < 0)
		return r;
	j = json_is_array(root) ? json_array_get(root, 0) : root;
	dn = calloc(1, sizeof(*dn));
	if (!dn)
		return -ENOMEM;
	if (!network_read(j, engine, &dn->net))
		return -EBADMSG;
	peers_read(json_object_get(j, "Peers"), dn);
	r = members_read(json_object_get(j, "Containers"), dn);
	if (r == 0)
		r = services_read(json_object_get(j, "Services"), dn);
	if (r < 0)
		return r;
	*ret = take_ptr(dn);
	return 0;
}

int docker_json_networks(const char *buf, size_t len, unsigned engine,
			 void (*cb)(const struct ident_network *n, void *arg), void *arg)
{
	_cleanup_(docker_json_freep) json_t *root = NULL;
	struct ident_network n;
	const json_t *j;
	size_t i;
	int r = docker_json_load(buf, len, &root);

	if (r < 0)
		return r;
	if (!json_is_array(root))
		return -EBADMSG;
	json_array_foreach(root, i, j)
		if (network_read(j, engine, &n))
			cb(&n, arg);
	return 0;
}

/* ---- swarm ------------------------------------------------------------------------------------------------ */

static void task_read(const json_t *j, struct docker_task *t)
{
	const json_t *a, *s;
	char state[16];
	size_t i, k;

	(void)docker_json_get_id(j, "ServiceID", t->service_id);
	(void)docker_json_get_id(j, "NodeID", t->node_id);
	t->slot = docker_json_get_u64(j, "Slot");
	docker_json_get(json_object_get(j, "Status"), "State", state, sizeof(state));
	t->running = !strcmp(state, "running") || !strcmp(state, "starting");
	json_array_foreach(json_object_get(j, "NetworksAttachments"), i, a) {
		json_array_foreach(json_object_get(a, "Addresses"), k, s) {
			struct docker_attachment *at = &t->attachments[t->attachment_count];

			if (t->attachment_count >= ARRAY_SIZE(t->attachments))
				return;
			if (docker_json_get_id(json_object_get(a, "Network"), "ID", at->network_id) &&
			    docker_json_addr(json_string_value(s), at->addr, NULL))
				t->attachment_count++;
		}
	}
}

int docker_json_tasks(const char *buf, size_t len, void (*cb)(const struct docker_task *t, void *arg), void *arg)
{
	_cleanup_(docker_json_freep) json_t *root = NULL;
	const json_t *j;
	size_t i;
	int r = docker_json_load(buf, len, &root);

	if (r < 0)
		return r;
	if (!json_is_array(root))
		return -EBADMSG;
	json_array_foreach(root, i, j) {
		struct docker_task t = { 0 };

		if (!docker_json_get_id(j, "ID", t.id))
			continue;
		task_read(j, &t);
		cb(&t, arg);
	}
	return 0;
}

int docker_json_services(const char *buf, size_t len, void (*cb)(const struct docker_service *s, void *arg), void *arg)
{
	_cleanup_(docker_json_freep) json_t *root = NULL;
	const json_t *j, *v;
	size_t i, k;
	int r = docker_json_load(buf, len, &root);

	if (r < 0)
		return r;
	if (!json_is_array(root))
		return -EBADMSG;
	json_array_foreach(root, i, j) {
		struct docker_service s = { 0 };

		if (!docker_json_get_id(j, "ID", s.id))
			continue;
		docker_json_get(json_object_get(j, "Spec"), "Name", s.name, sizeof(s.name));
		json_array_foreach(json_object_get(json_object_get(j, "Endpoint"), "VirtualIPs"), k, v) {
			struct docker_attachment *at = &s.vips[s.vip_count];

			if (s.vip_count >= ARRAY_SIZE(s.vips))
				break;
			if (docker_json_get_id(v, "NetworkID", at->network_id) &&
			    docker_json_addr(json_string_value(json_object_get(v, "Addr")), at->addr, NULL))
				s.vip_count++;
		}
		cb(&s, arg);
	}
	return 0;
}

int docker_json_nodes(const char *buf, size_t len, void (*cb)(const struct docker_node *n, void *arg), void *arg)
{
	_cleanup_(docker_json_freep) json_t *root = NULL;
	const json_t *j;
	size_t i;
	int r = docker_json_load(buf, len, &root);

	if (r < 0)
		return r;
	if (!json_is_array(root))
		return -EBADMSG;
	json_array_foreach(root, i, j) {
		struct docker_node n = { 0 };

		if (!docker_json_get_id(j, "ID", n.id))
			continue;
		docker_json_get(json_object_get(j, "Description"), "Hostname", n.name, sizeof(n.name));
		docker_json_get(json_object_get(j, "Status"), "Addr", n.addr, sizeof(n.addr));
		cb(&n, arg);
	}
	return 0;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

/* "sha256:0123…": algorithm, colon, hex digits. */
static bool is_digest(const json_t *v)
{
	const char *s = json_string_value(v), *colon = s ? strchr(s, ':') : NULL;
	size_t n = colon ? strspn(colon + 1, "0123456789abcdef") : 0;

	return colon && colon > s && n >= 32 && !colon[1 + n] && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789") == (size_t)(colon - s) &&
	       strlen(s) < DOCKER_LAYER_LEN && strlen(s) == json_string_length(v);
}

int docker_json_image_layers(const char *buf, size_t len, char (**ret)[DOCKER_LAYER_LEN], size_t *ret_count)
{
	_cleanup_(docker_json_freep) json_t *root = NULL;
	_cleanup_free_ char(*made)[DOCKER_LAYER_LEN] = NULL;
	int r = docker_json_load(buf, len, &root);
	json_t *image, *layers, *v;
	size_t i;

	if (r < 0)
		return r;
	image = json_is_array(root) ? json_array_get(root, 0) : root;
	layers = json_object_get(json_object_get(image, "RootFS"), "Layers");
	if (!json_array_size(layers))
		return -EBADMSG;
	if (json_array_size(layers) > DOCKER_LAYERS_MAX)
		return -E2BIG;
	made = calloc(json_array_size(layers), sizeof(*made));
	if (!made)
		return -ENOMEM;
	json_array_foreach(layers, i, v) {
		if (!is_digest(v))
			return -EBADMSG;
		memcpy(made[i], json_string_value(v), json_string_length(v) + 1);
	}
	*ret_count = json_array_size(layers);
	*ret = take_ptr(made);
	return 0;
}
