/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/json_events.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/files.h"
#include "sensor/core/json_views.h"
#include "sensor/core/syscall_names.h"
#include "sensor/watch/args.h"

#define ANCESTORS_MAX 16
#define AF_PACKET_NUMBER 17

static void json_args(struct jsonl *j, const char *args)
{
	jsonl_arr(j, "args");
	while (*args) {
		const char *end = strchrnul(args, ARGS_SEPARATOR);

		jsonl_strn(j, NULL, args, (size_t)(end - args));
		if (*end && !end[1])
			jsonl_str(j, NULL, "");
		args = *end ? end + 1 : end;
	}
	jsonl_arr_end(j);
}

static void json_process_keys(struct jsonl *j, const struct process *p)
{
	jsonl_u64(j, "pid", p->tgid);
	jsonl_u64(j, "parent_pid", p->parent_tgid);
	jsonl_u64(j, "uid", p->uid);
	jsonl_str(j, "exe", p->exe);
	jsonl_str(j, "script", p->script);
	jsonl_str(j, "cwd", p->cwd);
	jsonl_bool(j, "own_root", p->flags & PG_EVF_OWN_ROOT);
	json_args(j, p->args);
	jsonl_str(j, "comm", p->comm);
	jsonl_time(j, "started", p->start_boot_ns ? clock_boot_to_wall_ns(p->start_boot_ns) : 0);
	jsonl_bool(j, "args_cut", p->flags & PG_EVF_ARGS_CUT);
	jsonl_bool(j, "memfd", p->flags & PG_EVF_MEMFD);
	jsonl_bool(j, "deleted", p->flags & PG_EVF_DELETED);
}

/* Parents, the nearest first, up to the container's first process. */
static void json_ancestors(struct jsonl *j, struct core *c, const struct process *p)
{
	uint64_t cgroup = p->cgroup;

	jsonl_arr(j, "ancestors");
	for (int i = 0; i < ANCESTORS_MAX && p && p->parent; i++) {
		p = processes_get(c->procs, p->parent);
		if (!p || p->cgroup != cgroup)
			break;
		jsonl_obj(j, NULL);
		jsonl_u64(j, "pid", p->tgid);
		jsonl_str(j, "exe", p->exe);
		jsonl_obj_end(j);
	}
	jsonl_arr_end(j);
}

static const char *arch_name(uint8_t arch)
{
	switch ((enum pg_arch)arch) {
	case PG_ARCH_NATIVE:
		return "native";
	case PG_ARCH_IA32:
		return "ia32";
	case PG_ARCH_X32:
		return "x32";
	case PG_ARCH_MAX:
		break;
	}
	return "native";
}

static const char *family_name(uint8_t family)
{
	return family == AF_INET ? "inet" : family == AF_INET6 ? "inet6" : family == AF_PACKET_NUMBER ? "packet" : "other";
}

static void json_event_socket(struct jsonl *j, const struct core_event_view *v)
{
	char a[JSON_ADDR_LEN], l4[JSON_L4_LEN];
	static const uint8_t any[16];

	jsonl_str(j, "l4", json_l4_name(v->l4, l4));
	jsonl_str(j, "address", memcmp(v->addr, any, sizeof(any)) ? json_addr(v->addr, a) : "::");
	jsonl_u64(j, "port", v->port);
}

static void json_event_kind(struct jsonl *j, struct core *c, const struct core_event_view *v)
{
	const struct core_exe *script;
	char l4[JSON_L4_LEN];

	switch (v->kind) {
	case CORE_EVENT_EXEC:
		jsonl_bool(j, "entered", v->entered);
		jsonl_str(j, "digest", v->digest ? v->digest : "");
		script = core_script_of(c, v->container, v->p);
		jsonl_str(j, "script_digest", script ? script->sha256 : "");
		if (v->p)
			json_ancestors(j, c, v->p);
		break;
	case CORE_EVENT_LISTEN:
	case CORE_EVENT_BIND:
	case CORE_EVENT_CLOSE:
		json_event_socket(j, v);
		break;
	case CORE_EVENT_CONNECT:
		json_event_socket(j, v);
		jsonl_str(j, "server", v->flow ? v->flow->server.id : "");
		jsonl_str(j, "attribution", core_attribution_name(v->flow ? v->flow->client.attribution : ATTR_UNKNOWN));
		break;
	case CORE_EVENT_RAW_SOCKET:
		jsonl_str(j, "family", family_name(v->family));
		jsonl_str(j, "l4", v->family == AF_PACKET_NUMBER ? "" : json_l4_name(v->l4, l4));
		break;
	case CORE_EVENT_SYSCALL:
		jsonl_str(j, "syscall", v->name ? v->name : "");
		jsonl_u64(j, "number", v->syscall);
		jsonl_str(j, "arch", arch_name(v->arch));
		jsonl_bool(j, "runtime", v->runtime);
		break;
	case CORE_EVENT_FILE:
		jsonl_str(j, "path", v->text ? v->text : "");
		jsonl_str(j, "place", v->detail ? v->detail : "unknown");
		jsonl_str(j, "digest", v->digest ? v->digest : "");
		jsonl_u64(j, "count", v->count);
		jsonl_bool(j, "executable", v->executable);
		jsonl_bool(j, "directory", v->directory);
		jsonl_bool(j, "outside", v->outside);
		jsonl_bool(j, "deleted", v->deleted);
		jsonl_u64(j, "pid", v->pid);
		jsonl_u64(j, "size", v->size);
		jsonl_f64(j, "window_s", (double)v->window_ns / 1e9);
		break;
	case CORE_EVENT_FILE_CHANGED:
		jsonl_str(j, "path", v->text ? v->text : "");
		jsonl_str(j, "change", v->detail ? v->detail : "");
		jsonl_u64(j, "pid", v->pid);
		break;
	case CORE_EVENT_EXE:
		jsonl_str(j, "path", v->text ? v->text : "");
		jsonl_str(j, "place", v->detail ? v->detail : "unknown");
		jsonl_str(j, "digest", v->digest ? v->digest : "");
		jsonl_str(j, "not_hashed", v->name ? v->name : "");
		jsonl_str(j, "layer", v->layer ? v->layer : "");
		jsonl_bool(j, "changed", v->changed);
		jsonl_bool(j, "written", v->written);
		jsonl_u64(j, "pid", v->pid);
		jsonl_u64(j, "size", v->size);
		break;
	case CORE_EVENT_UNIX:
		jsonl_str(j, "path", v->text ? v->text : "");
		break;
	case CORE_EVENT_THROTTLE:
		jsonl_str(j, "state", v->text ? v->text : "");
		jsonl_u64(j, "count", v->count);
		break;
	case CORE_EVENT_FORK:
	case CORE_EVENT_EXIT:
	case CORE_EVENT_MAX:
		break;
	}
}

void json_event(struct jsonl *j, struct core *c, const struct core_event_view *v)
{
	const struct ident_container *k = v->container;

	jsonl_obj(j, NULL);
	jsonl_time(j, "time", v->time_ns);
	jsonl_str(j, "event", core_event_name(v->kind));
	jsonl_str(j, "workload", k->workload);
	jsonl_str(j, "container", k->name);
	jsonl_str(j, "container_id", k->id);
	if (v->p) {
		jsonl_obj(j, "process");
		json_process_keys(j, v->p);
		jsonl_obj_end(j);
	} else {
		jsonl_null(j, "process");
	}
	json_event_kind(j, c, v);
	jsonl_str(j, "engine", json_engine(c, k->engine));
	jsonl_str(j, "node", c->node);
	jsonl_obj_end(j);
}

bool json_container_is(const struct ident_container *k, const char *name)
{
	size_t n = strlen(name);

	return !strcmp(k->name, name) || (n >= 4 && n < IDENT_ID_LEN && !strncmp(k->id, name, n));
}

/* ---- tree --------------------------------------------------------------------------------------------------------- */
struct tree {
	struct jsonl *j;
	struct core *c;
	const char *which;
	const struct ident_container *container;
	uint32_t tgid;
	uint64_t start_boot_ns;
};

static void tree_listener(const struct core_listener_view *v, void *arg)
{
	struct tree *t = arg;
	char l4[JSON_L4_LEN];

	if (v->l->tgid != t->tgid || v->l->start_boot_ns != t->start_boot_ns)
		return;
	jsonl_obj(t->j, NULL);
	jsonl_str(t->j, "l4", json_l4_name(v->l->proto, l4));
	jsonl_str(t->j, "address", v->addr);
	jsonl_u64(t->j, "port", v->l->port);
	jsonl_str(t->j, "app", v->l->app[0] ? v->l->app : "Unknown");
	jsonl_u64(t->j, "flows", v->l->flows);
	jsonl_obj_end(t->j);
}

static void tree_process(const struct process *p, const struct core_process_counts *n, void *arg)
{
	struct tree *t = arg;

	jsonl_obj(t->j, NULL);
	json_process_keys(t->j, p);
	json_exe_keys(t->j, n->exe_file);
	jsonl_bool(t->j, "entered", p->entered && !(p->flags & PG_EVF_NS_INIT) && p->tgid != t->container->pid);
	jsonl_u64(t->j, "connections_out", n->client);
	jsonl_u64(t->j, "connections_in", n->server);
	t->tgid = p->tgid;
	t->start_boot_ns = p->start_boot_ns;
	jsonl_arr(t->j, "listeners");
	core_each_listener(t->c, tree_listener, t);
	jsonl_arr_end(t->j);
	jsonl_obj_end(t->j);
}

static void tree_container(const struct ident_container *k, void *arg)
{
	struct tree *t = arg;

	if (k->remote || k->gone_mono_ns || !k->pid || (t->which[0] && !json_container_is(k, t->which)))
		return;
	t->container = k;
	jsonl_obj(t->j, NULL);
	jsonl_str(t->j, "container", k->name);
	jsonl_str(t->j, "container_id", k->id);
	jsonl_str(t->j, "workload", k->workload);
	jsonl_str(t->j, "engine", json_engine(t->c, k->engine));
	jsonl_arr(t->j, "processes");
	core_each_process(t->c, k, tree_process, t);
	jsonl_arr_end(t->j);
	jsonl_obj_end(t->j);
}

void json_tree(struct jsonl *j, struct core *c, const char *container)
{
	struct tree t = { .j = j, .c = c, .which = container };

	jsonl_arr(j, NULL);
	ident_each_container(c->ident, tree_container, &t);
	jsonl_arr_end(j);
}

/* ---- system calls --------------------------------------------------------------------------------------------------- */
static void json_calls(struct jsonl *j, const char *key, const struct pg_syscall_set_bits *b, uint8_t arch)
{
	char number[24];

	jsonl_arr(j, key);
	for (unsigned nr = 0; nr < PG_SYSCALL_MAX; nr++) {
		const char *name;

		if (!(b->bits[nr / 64] & 1ULL << (nr & 63)))
			continue;
		name = syscall_name(arch, (uint16_t)nr);
		snprintf(number, sizeof(number), "#%u", nr); /* a call without a name cannot be allowed by name */
		jsonl_str(j, NULL, name[0] ? name : number);
	}
	jsonl_arr_end(j);
}

static void json_workload_calls(const char *workload, const struct core_syscalls *s, void *arg)
{
	struct jsonl *j = arg;

	jsonl_obj(j, NULL);
	jsonl_str(j, "workload", workload);
	json_calls(j, "native", &s->used[PG_ARCH_NATIVE], PG_ARCH_NATIVE);
	json_calls(j, "ia32", &s->used[PG_ARCH_IA32], PG_ARCH_IA32);
	json_calls(j, "x32", &s->used[PG_ARCH_X32], PG_ARCH_X32);
	json_calls(j, "runtime", &s->used[PG_SYSCALL_RUNTIME], PG_ARCH_NATIVE);
	json_calls(j, "runtime_filtered", &s->used[PG_SYSCALL_RUNTIME_FILTERED], PG_ARCH_NATIVE);
	jsonl_obj_end(j);
}

void json_syscalls(struct jsonl *j, struct core *c, const char *workload)
{
	jsonl_arr(j, NULL);
	core_each_syscalls(c, workload, json_workload_calls, j);
	jsonl_arr_end(j);
}
