/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Engine JSON: the first byte chooses the reader. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/watch/docker_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_container(const struct ident_container *c, void *arg)
{
	if (!docker_json_id_ok(c->id) || c->endpoint_count > IDENT_ENDPOINTS_MAX || c->port_count > IDENT_PORTS_MAX ||
	    strlen(c->name) >= sizeof(c->name) || strchr(c->sandbox_name, '/'))
		abort();
}

static void check_network(const struct ident_network *n, void *arg)
{
	if (!docker_json_id_ok(n->id) || n->subnet_count > 8 || strlen(n->name) >= sizeof(n->name))
		abort();
}

static void check_task(const struct docker_task *t, void *arg)
{
	if (!docker_json_id_ok(t->id) || t->attachment_count > 16)
		abort();
}

static void check_service(const struct docker_service *s, void *arg)
{
	if (!docker_json_id_ok(s->id) || s->vip_count > 16)
		abort();
}

static void check_node(const struct docker_node *n, void *arg)
{
	if (!docker_json_id_ok(n->id))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct docker_engine_info info = { 0 };
	struct docker_network *n = NULL;
	struct ident_container c;
	struct docker_start *start;
	struct docker_event ev;
	const char *text;

	if (size < 2)
		return 0;
	text = (const char *)data + 1;
	size--;
	switch (data[0]) {
	case 'c':
		if (docker_json_start(text, size, &start) == 0) {
			for (const char *t = NULL; (t = docker_texts_next(&start->env, t));)
				if (strlen(t) >= start->env.len)
					__builtin_trap();
			docker_start_free(start);
		}
		if (docker_json_container(text, size, 0, &c) == 0)
			check_container(&c, NULL);
		break;
	case 'l':
		(void)docker_json_containers(text, size, 0, check_container, NULL);
		break;
	case 'n':
		if (docker_json_network(text, size, 0, &n) == 0)
			check_network(&n->net, NULL);
		docker_network_free(n);
		break;
	case 'N':
		(void)docker_json_networks(text, size, 0, check_network, NULL);
		break;
	case 'e':
		(void)docker_json_event(text, size, 0, &ev);
		break;
	case 'v':
		(void)docker_json_version(text, size, &info);
		break;
	case 'i':
		(void)docker_json_info(text, size, &info);
		break;
	case 't':
		(void)docker_json_tasks(text, size, check_task, NULL);
		break;
	case 's':
		(void)docker_json_services(text, size, check_service, NULL);
		break;
	default:
		(void)docker_json_nodes(text, size, check_node, NULL);
		break;
	}
	return 0;
}
