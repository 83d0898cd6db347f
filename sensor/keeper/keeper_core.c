/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core is told, what it may ask for, and the broker's one question. The order in which a new core hears things:
 *   MSG_FD config and MSG_FD api listener; without a configuration file MSG_FD api listener, MSG_PROGRAM of all
 *   <- MSG_CONFIGURE; answer MSG_CONFIGURE with status
 *   MSG_FD of every map, MSG_FEATURE, MSG_PROGRAM, MSG_ENGINE of all
 *   MSG_NS_ADD of all; for each namespace MSG_LINK_ADD (+ MSG_HOOK) of all its links, MSG_ADDR_ADD
 *   MSG_READY
 *   MSG_FD broker, MSG_FD inspector "packets", "documents"; from then on changes as they happen */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/keeper/keeper_private.h"
#include "sensor/keeper/named_file.h"

#define WAITING_EVERY_NS (20 * NSEC_PER_MSEC)
#define WAITING_TRIES 50
/* An engine that does not come back in this time does not get its old hooks kept for it. */
#define ADOPTION_NS (30 * NSEC_PER_SEC)

static const char *const map_names[] = { "flows",   "samples", "inspected", "events", "counters",   "interfaces",
					 "if_stats", "if_slots", "sockets", "servers", "ledgers", "syscalls", "hostnet",   "vteps",  "flow_gauge", "early_drop",
					 "flow_news", "flow_asks", "flow_shares", "listed", "listed_drops", "syscalls_outside" };

static struct program *core_of(struct keeper *k)
{
	return &k->programs[PROGRAM_CORE];
}

void core_tell(void *keeper, uint16_t type, const void *body, size_t len)
{
	struct keeper *k = keeper;

	if (type == MSG_NS_DEL)
		guards_ns_gone(k->guards, ((const struct msg_ns *)body)->ns);
	if (k->core_ready)
		program_send(core_of(k), type, 0, 0, body, len, -1);
}

/* ---- policy ------------------------------------------------------------------------------------------- */
static void guard_tell(void *keeper, uint16_t type, uint32_t seq, const void *body, size_t len)
{
	struct keeper *k = keeper;

	if (k->core_ready)
		program_send(core_of(k), type, seq, 0, body, len, -1);
}

static int guard_ns_fd(void *keeper, uint16_t ns)
{
	return link_watch_ns_fd(((struct keeper *)keeper)->watch, ns);
}

static int guard_ns_has(void *keeper, uint16_t ns, const uint8_t addr[16])
{
	return link_watch_ns_has(((struct keeper *)keeper)->watch, ns, addr);
}

static void guard_ns_each(void *keeper, void (*cb)(uint16_t ns, void *cb_arg), void *cb_arg)
{
	link_watch_each_ns(((struct keeper *)keeper)->watch, cb, cb_arg);
}

static int guard_verdict(void *keeper, uint16_t type, const void *body, size_t len, int fd, uint16_t ns)
{
	struct program *p = &((struct keeper *)keeper)->programs[PROGRAM_VERDICT];

	if (!program_is_running(p))
		return -ENOTCONN;
	if (type == MSG_FD)
		program_send_fd(p, *(const uint16_t *)body, ns, "", fd);
	else
		program_send(p, type, 0, 0, body, len, fd);
	return 0;
}

static void guard_checked_rows(void *keeper, uint16_t ns, const struct checked_row *rows, uint32_t count)
{
	int r = bpf_loader_checked(((struct keeper *)keeper)->loader, ns, rows, count);

	if (r < 0)
		log_debug("policy: namespace %u: first bytes of some services are not looked at in the kernel: %s", ns, strerror(-r));
}

static int guards_open(struct keeper *k)
{
	const struct guard_events events = { .tell = guard_tell, .ns_fd = guard_ns_fd, .ns_has = guard_ns_has, .ns_each = guard_ns_each,
					     .verdict = guard_verdict, .checked = guard_checked_rows, .arg = k };

	return guards_new(k->loop, &events, &k->guards);
}

/* In the snapshot core is not ready yet, and is told all the same. */
static void tell_feature(const struct msg_feature *f, void *arg)
{
	program_send(arg, MSG_FEATURE, 0, 0, f, sizeof(*f), -1);
}

static void engine_changed(const struct msg_engine *m, void *arg)
{
	struct keeper *k = arg;

	core_tell(k, MSG_ENGINE, m, sizeof(*m));
}

void core_started(struct keeper *k)
{
	int fd = -1;

	k->core_ready = false;
	guards_core_started(k->guards);
	/* Opened anew each time: a restarted core reads today's file. A file that went away is said in the log. */
	(void)setup_config(k->options, &fd);
	if (fd >= 0)
		program_send_fd(core_of(k), MSG_FD_CONFIG, 0, k->options->config, fd);
	program_send_fd(core_of(k), MSG_FD_API_LISTENER, 0, "", k->setup->api_fd);
	/* Anything that is no descriptor says that none is to come for the configuration. */
	for (unsigned i = 0; i < PROGRAM_MAX && fd < 0; i++)
		program_tell(k, (enum msg_program_id)i);
	close_fd(&fd);
}

/* ---- configuration ---------------------------------------------------------------------------------- */

/* The loader's functions as link_watch wants them. */
static int hook_ns_number(void *arg, uint64_t cookie, uint16_t *ret)
{
	return bpf_loader_ns_number(arg, cookie, ret);
}

static int hook_prepare(void *arg, uint16_t ns)
{
	return bpf_loader_prepare_ns(arg, ns);
}

static int hook_attach(void *arg, int netns_fd, uint16_t ns, uint32_t ifindex, enum pg_if_role role, uint32_t vni, struct msg_hook *ret)
{
	return bpf_loader_attach_link(arg, netns_fd, ns, ifindex, role, vni, ret);
}

static int hook_detach(void *arg, int netns_fd, uint16_t ns, uint32_t ifindex)
{
	return bpf_loader_detach_link(arg, netns_fd, ns, ifindex);
}

static void hook_forget_link(void *arg, uint16_t ns, uint32_t ifindex)
{
	bpf_loader_forget_link(arg, ns, ifindex);
}

static void hook_forget_ns(void *arg, uint16_t ns)
{
	bpf_loader_forget_ns(arg, ns);
}

static int hook_xdp_attach(void *arg, int netns_fd, uint16_t ns, uint32_t ifindex, bool generic, struct msg_hook *ret)
{
	return bpf_loader_xdp_attach(arg, netns_fd, ns, ifindex, generic, ret);
}

static int hook_xdp_detach(void *arg, uint16_t ns, uint32_t ifindex)
{
	return bpf_loader_xdp_detach(arg, ns, ifindex);
}

/* First configuration: programs are loaded, the kernel-wide hooks attached. */
static int kernel_open(struct keeper *k, const struct msg_configure *c)
{
	char pin_dir[PATH_MAX + 8];
	struct bpf_loader_options o = { .pin_dir = pin_dir, .flows_max = c->flows_max, .half_open_max = c->half_open_max,
					.vxlan_port = c->vxlan_port };
	unsigned adopted = 0, replaced = 0;
	int r;

	snprintf(pin_dir, sizeof(pin_dir), "%s/bpf", k->setup->run);
	r = bpf_loader_open(&o, &k->loader);
	if (r < 0) {
		log_error("the programs cannot be loaded into the kernel: %s", bpf_loader_error());
		return r;
	}
	bpf_loader_adopted(k->loader, &adopted, &replaced);
	if (adopted || replaced)
		log_info("adopted %u maps of an earlier run%s", adopted, replaced ? ", replaced others of another size or version" : "");
	r = bpf_loader_attach_global(k->loader);
	if (r < 0)
		log_warn("no hook for processes and sockets could be attached, ignoring: flows will lack their programs: %s", strerror(-r));
	commands_init(&k->commands, k->loader);
	contain_start(k);
	return 0;
}

static int watch_open(struct keeper *k)
{
	const struct link_hooks hooks = {
		.ns_number = hook_ns_number,   .prepare = hook_prepare,     .attach = hook_attach,	      .detach = hook_detach,
		.forget_link = hook_forget_link, .forget_ns = hook_forget_ns, .xdp_attach = hook_xdp_attach,
		.xdp_detach = hook_xdp_detach, .arg = k->loader,
	};
	const struct link_watch_events events = { .tell = core_tell, .arg = k };

	return link_watch_new(k->loop, &hooks, &events, &k->watch);
}

static void adoption_due(void *arg)
{
	struct keeper *k = arg;

	bpf_loader_adoption_done(k->loader);
}

/* Which engines: kept where the path is the same, else begun anew. */
static void engines_configure(struct keeper *k, const struct msg_configure *c)
{
	unsigned count = c->engine_count < MSG_ENGINES_MAX ? c->engine_count : MSG_ENGINES_MAX;

	for (unsigned i = 0; i < MSG_ENGINES_MAX; i++) {
		char path[sizeof(c->engines[0])] = "";
		int r;

		if (i < count)
			memcpy(path, c->engines[i], sizeof(path) - 1);
		if (k->engines[i] && !strcmp(engine_path(k->engines[i]), path))
			continue;
		engine_free(k->engines[i]);
		k->engines[i] = NULL;
		if (path[0] != '/')
			continue;
		r = engine_new(k->loop, k->watch, (uint8_t)i, path, engine_changed, k, &k->engines[i]);
		if (r < 0)
			log_error("engine %s: %s", path, strerror(-r));
	}
}

static void engines_report(const struct keeper *k)
{
	struct link_watch_stats st;

	for (unsigned i = 0; i < MSG_ENGINES_MAX; i++) {
		struct msg_engine m;

		if (!k->engines[i])
			continue;
		engine_describe(k->engines[i], &m);
		if (!m.up)
			log_warn("engine %s does not answer (%s): waiting for it", engine_path(k->engines[i]), strerror(-m.error));
	}
	link_watch_count(k->watch, &st);
	log_info("watching %u namespaces, %u links, %u of them hooked", st.namespaces, st.links, st.hooks);
	if (st.hook_failures)
		log_warn("%u links could not be hooked: see pierglass status", st.hook_failures);
}

static void snapshot(struct keeper *k)
{
	for (size_t i = 0; i < ARRAY_SIZE(map_names); i++) {
		int fd = bpf_loader_map_fd(k->loader, map_names[i]);

		if (fd >= 0)
			program_send_fd(core_of(k), MSG_FD_MAP, 0, map_names[i], fd);
	}
	if (bpf_loader_ask_fd(k->loader) >= 0)
		program_send_fd(core_of(k), MSG_FD_PROGRAM, 0, "flow_ask", bpf_loader_ask_fd(k->loader));
	bpf_loader_each_feature(k->loader, tell_feature, core_of(k));
	files_open(k);
	exec_open(k);
	for (unsigned i = 0; i < PROGRAM_MAX; i++)
		program_tell(k, (enum msg_program_id)i);
	/* From here on everything that is told goes to core, also what happens meanwhile. */
	k->core_ready = true;
	for (unsigned i = 0; i < MSG_ENGINES_MAX; i++)
		if (k->engines[i]) {
			struct msg_engine m;

			engine_describe(k->engines[i], &m);
			core_tell(k, MSG_ENGINE, &m, sizeof(m));
		}
	link_watch_snapshot(k->watch);
	program_send(core_of(k), MSG_READY, 0, 0, NULL, 0, -1);
}

static void configure(struct keeper *k, const struct ipc_hdr *h, const void *body)
{
	struct msg_configure c;
	bool first = !k->loader;
	int r = 0;

	if (h->len != sizeof(c)) {
		program_send(core_of(k), MSG_CONFIGURE, h->seq, -EINVAL, NULL, 0, -1);
		return;
	}
	memcpy(&c, body, sizeof(c));
	for (unsigned i = 0; i < MSG_ENGINES_MAX; i++)
		c.engines[i][sizeof(c.engines[i]) - 1] = 0;
	if (first)
		r = kernel_open(k, &c);
	if (r == 0 && !k->watch)
		r = watch_open(k);
	if (r == 0 && !k->guards)
		r = guards_open(k);
	if (r < 0) {
		keeper_stop(k, r == -EPERM || r == -ENOTSUP ? EXIT_REFUSED : EXIT_ERROR);
		return;
	}
	link_watch_configure(k->watch, &c);
	engines_configure(k, &c);
	if (first) {
		engines_report(k);
		loop_timer_set(k->loop, &k->adoption_timer, ADOPTION_NS, adoption_due, k);
	}
	program_send(core_of(k), MSG_CONFIGURE, h->seq, 0, NULL, 0, -1);
	if (k->core_ready) /* a second one: only what it changed is told */
		return;
	snapshot(k);
	programs_start_others(k, c.fetch);
}

/* MSG_OPEN, MSG_LISTEN. The file is read anew each time, as core reads it. */
static void open_named(struct keeper *k, const struct ipc_hdr *h, const void *body)
{
	_cleanup_close_ int config = -1, fd = -1;
	int r = setup_config(k->options, &config) == 0 && config >= 0 ? 0 : -EACCES;

	if (r == 0)
		r = h->type == MSG_OPEN ? named_file_open(config, body, h->len) : named_listener_open(config, body, h->len);
	fd = r < 0 ? -1 : r;
	program_send(core_of(k), h->type, h->seq, r < 0 ? r : 0, NULL, 0, fd);
}

void core_message(struct keeper *k, const struct ipc_hdr *h, const void *body)
{
	struct command_answer a = { .fd = -1 };

	if (h->type == MSG_CONFIGURE) {
		configure(k, h, body);
		return;
	}
	if (k->loader && contain_message(k, h, body))
		return;
	if (h->type == MSG_EXEC_PLACES) {
		exec_places_message(k, h, body);
		return;
	}
	if (h->type == MSG_OPEN || h->type == MSG_LISTEN) {
		open_named(k, h, body);
		return;
	}
	if (h->type >= MSG_POLICY_PLAN && h->type <= MSG_POLICY_COUNTERS) {
		if (k->guards)
			guards_message(k->guards, h, body);
		return;
	}
	if (!k->loader || commands_run(&k->commands, h, body, &a) < 0) {
		log_debug("core: message %u, ignoring", h->type);
		return;
	}
	program_send(core_of(k), h->type, h->seq, a.status, a.len ? a.body : NULL, a.len, a.fd);
	close_fd(&a.fd);
}

/* ---- the broker --------------------------------------------------------------------------------------- */

static void answer_connect(struct keeper *k, uint32_t seq, int status, int fd)
{
	program_send(&k->programs[PROGRAM_BROKER], MSG_ENGINE_CONNECT, seq, status, NULL, 0, fd);
}

/* False: the engine's queue is full, ask again. */
static bool try_connect(struct keeper *k, uint32_t seq, uint32_t engine)
{
	_cleanup_close_ int fd = -1;
	int r = engine < MSG_ENGINES_MAX && k->engines[engine] ? engine_connect(k->engines[engine], &fd) : -ENOENT;

	if (r == -EAGAIN)
		return false;
	answer_connect(k, seq, r, fd);
	return true;
}

static void waiting_due(void *arg)
{
	struct keeper *k = arg;
	bool more = false;

	for (size_t i = 0; i < ENGINE_WAITING_MAX; i++) {
		struct engine_waiting *w = &k->waiting[i];

		if (!w->tries)
			continue;
		if (try_connect(k, w->seq, w->engine)) {
			w->tries = 0;
		} else if (++w->tries > WAITING_TRIES) {
			answer_connect(k, w->seq, -ETIMEDOUT, -1);
			w->tries = 0;
		} else {
			more = true;
		}
	}
	if (more)
		loop_timer_set(k->loop, &k->waiting_timer, WAITING_EVERY_NS, waiting_due, k);
}

void broker_message(struct keeper *k, const struct ipc_hdr *h, const void *body)
{
	struct msg_engine_ref m;

	if (h->type != MSG_ENGINE_CONNECT || h->len != sizeof(m)) {
		log_debug("broker: message %u, ignoring", h->type);
		return;
	}
	memcpy(&m, body, sizeof(m));
	if (try_connect(k, h->seq, m.engine))
		return;
	for (size_t i = 0; i < ENGINE_WAITING_MAX; i++)
		if (!k->waiting[i].tries) {
			k->waiting[i] = (struct engine_waiting){ h->seq, m.engine, 1 };
			loop_timer_set(k->loop, &k->waiting_timer, WAITING_EVERY_NS, waiting_due, k);
			return;
		}
	answer_connect(k, h->seq, -EAGAIN, -1);
}
