/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the kernel: processes, listeners, cgroups, from the ring and from the iterators. */
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/core_priv.h"
#include "sensor/core/model.h"
#include "sensor/core/syscall_names.h"

#define SYSCALLS_IDLE_S 10 /* system calls are watched this long after the last container */
#define EVENTS_BUSY_TURNS 8 /* ticks that the ring is looked at without a wake-up after the last record */

static void syscalls_watch(struct core *c, bool on);

static struct core_event_view view_of(struct core *c, enum core_event_kind kind, const struct pg_event *ev)
{
	struct core_event_view v = {
		.kind = kind,
		.time_ns = clock_mono_to_wall_ns(ev->ts_ns),
		.mono_ns = ev->ts_ns,
		.cgroup = ev->cgroup,
		.flags = ev->flags,
		.process = processes_find(c->procs, ev->tgid, ev->start_boot_ns),
	};

	v.p = processes_get(c->procs, v.process);
	return v;
}

static void process_event(struct core *c, const struct pg_event *ev, const char *text)
{
	static const int kinds[PG_EV_MAX] = { [PG_EV_EXEC] = CORE_EVENT_EXEC, [PG_EV_FORK] = CORE_EVENT_FORK, [PG_EV_EXIT] = CORE_EVENT_EXIT };
	struct core_event_view v;

	if (processes_event(c->procs, ev, text) == -ENOSPC)
		core_lost(c, LOSS_PROCESS_TABLE, 1);
	if (ev->type == PG_EV_EXEC && (ev->flags & PG_EVF_RUNTIME))
		return; /* no program of the container */
	if (ev->type == PG_EV_EXEC || ev->type == PG_EV_PROCESS)
		model_on_process(c, ev);
	if (ev->type == PG_EV_PROCESS || !core_event_wanted(c, (enum core_event_kind)kinds[ev->type]))
		return;
	v = view_of(c, (enum core_event_kind)kinds[ev->type], ev);
	core_publish_event(c, &v);
}

static void socket_event(struct core *c, const struct pg_event *ev)
{
	static const int kinds[PG_EV_MAX] = { [PG_EV_LISTEN] = CORE_EVENT_LISTEN, [PG_EV_BIND] = CORE_EVENT_BIND,
					      [PG_EV_CLOSE] = CORE_EVENT_CLOSE,	  [PG_EV_RAW] = CORE_EVENT_RAW_SOCKET };
	struct core_event_view v;

	if (ev->type != PG_EV_RAW && listeners_event(c->listeners, ev) == -ENOSPC)
		core_lost(c, LOSS_LISTENER_TABLE, 1);
	if (ev->type == PG_EV_LISTEN || ev->type == PG_EV_BIND)
		model_on_listener(c, ev);
	/* what was there before the sensor did not happen now */
	if ((ev->flags & PG_EVF_ITER) || !core_event_wanted(c, (enum core_event_kind)kinds[ev->type]))
		return;
	v = view_of(c, (enum core_event_kind)kinds[ev->type], ev);
	v.l4 = ev->proto;
	v.family = ev->family;
	memcpy(v.addr, ev->addr, sizeof(v.addr));
	v.port = ntohs(ev->port);
	v.cookie = ev->cookie;
	v.netns_cookie = ev->netns_cookie;
	core_publish_event(c, &v);
}

static void syscall_event(struct core *c, const struct pg_event *ev)
{
	struct core_event_view v;

	if (!core_event_wanted(c, CORE_EVENT_SYSCALL))
		return;
	v = view_of(c, CORE_EVENT_SYSCALL, ev);
	v.syscall = ev->syscall;
	v.arch = ev->arch;
	v.runtime = ev->flags & PG_EVF_RUNTIME;
	v.name = syscall_name(ev->arch, ev->syscall);
	core_publish_event(c, &v);
}

static void unix_event(struct core *c, const struct pg_event *ev, const char *text)
{
	char path[PG_TEXT_MAX + 1];
	struct core_event_view v;

	if (!ev->text_len || ev->text_len > PG_TEXT_MAX || !core_event_wanted(c, CORE_EVENT_UNIX))
		return;
	memcpy(path, text, ev->text_len);
	path[ev->text_len] = '\0';
	for (char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20)
			*p = '?';
	v = view_of(c, CORE_EVENT_UNIX, ev);
	v.text = path;
	core_publish_event(c, &v);
}

void events_flow(struct core *c, const struct flow *f, const struct core_flow_view *flow)
{
	struct core_event_view v = {
		.kind = CORE_EVENT_CONNECT,
		.time_ns = flow->first_seen_ns,
		.mono_ns = f->first_ns,
		.container = flow->client.container,
		.l4 = flow->l4,
		.port = flow->server.port,
		.flow = flow,
	};
	unsigned cl = f->client_end & 1;

	if (!v.container || v.container->remote)
		return;
	memcpy(v.addr, f->key.addr[!cl], sizeof(v.addr));
	if (flow_process(c, f, cl, &v.process) != ATTR_UNKNOWN)
		v.p = processes_get(c->procs, v.process);
	core_publish_event(c, &v);
}

static void cgroup_event(struct core *c, const struct pg_event *ev, const char *text)
{
	char path[PG_TEXT_MAX + 1];

	if (ev->text_len > PG_TEXT_MAX)
		return;
	memcpy(path, text, ev->text_len);
	path[ev->text_len] = '\0';
	engines_cgroup_seen(c, ev->cgroup, path);
	/* before its first program starts */
	if (engines_cgroup_is_container(c, ev->cgroup))
		syscalls_watch(c, true);
}

static int event_take(void *arg, void *data, size_t size)
{
	struct core *c = arg;
	const struct pg_event *ev = data;
	const char *text = (const char *)data + sizeof(*ev);

	if (size < sizeof(*ev) || ev->version != PG_ABI_VERSION || ev->text_len > size - sizeof(*ev)) {
		core_lost(c, LOSS_BAD_VERSION, 1);
		return 0;
	}
	c->priv->events_busy = EVENTS_BUSY_TURNS;
	if (!(ev->flags & PG_EVF_ITER))
		ledger_received(c, ev->type == PG_EV_CGROUP || ev->type == PG_EV_CGROUP_GONE ? ev->parent_cgroup : ev->cgroup);
	switch ((enum pg_event_type)ev->type) {
	case PG_EV_EXEC:
	case PG_EV_FORK:
	case PG_EV_EXIT:
	case PG_EV_PROCESS:
		process_event(c, ev, text);
		break;
	case PG_EV_LISTEN:
	case PG_EV_BIND:
	case PG_EV_CLOSE:
	case PG_EV_RAW:
		socket_event(c, ev);
		break;
	case PG_EV_SENT:
		model_on_sent(c, ev->cookie);
		break;
	case PG_EV_SYSCALL:
		syscall_event(c, ev);
		break;
	case PG_EV_UNIX:
		unix_event(c, ev, text);
		break;
	case PG_EV_ARP:
		model_on_arp(c, ev);
		break;
	case PG_EV_CGROUP:
		cgroup_event(c, ev, text);
		break;
	case PG_EV_CGROUP_GONE:
		engines_cgroup_gone(c, ev->cgroup);
		ledger_cgroup_gone(c, ev->cgroup);
		break;
	case PG_EV_NONE:
	case PG_EV_MAX:
		break;
	}
	return 0;
}

void events_consume(struct core *c)
{
	if (c->priv->events)
		ring_buffer__consume(c->priv->events);
}

static void events_ready(uv_poll_t *h, int status, int events)
{
	struct core *c = h->data;

	if (status < 0)
		return;
	/* Drains the epoll readiness too; bounded by what is in the ring now. */
	ring_buffer__poll(c->priv->events, 0);
}

int events_start(struct core *c)
{
	struct core_private *p = c->priv;
	int fd = core_map_fd(c, "events"), r;

	if (p->events || fd < 0)
		return 0;
	p->events = ring_buffer__new(fd, event_take, c, NULL);
	if (!p->events)
		return -errno;
	r = uv_poll_init(p->loop, &p->events_poll, ring_buffer__epoll_fd(p->events));
	if (r < 0)
		return r;
	p->events_poll.data = c;
	p->events_polled = true;
	return uv_poll_start(&p->events_poll, UV_READABLE, events_ready);
}

/* Asks for the arguments of processes that were there before, a few at a time. */
static void args_ask(struct core *c)
{
	uint32_t from = 1;

	for (unsigned i = 0; i < CORE_ARGS_ASKED_MAX && from; i++) {
		const struct process *p;
		struct msg_pid m;

		if (c->priv->args_asked[i].seq)
			continue;
		from = processes_want_args(c->procs, from);
		p = processes_get(c->procs, from);
		if (!p)
			return;
		m.pid = p->tgid;
		c->priv->args_asked[i].seq = c->priv->next_seq++;
		c->priv->args_asked[i].tgid = p->tgid;
		c->priv->args_asked[i].start_boot_ns = p->start_boot_ns;
		if (peer_send(c->priv->keeper, MSG_PROC_ARGS, c->priv->args_asked[i].seq, &m, sizeof(m)) < 0)
			c->priv->args_asked[i].seq = 0;
	}
}

void events_args_answer(struct core *c, const struct ipc_hdr *hdr, const void *body)
{
	for (unsigned i = 0; i < CORE_ARGS_ASKED_MAX; i++) {
		const struct process *p;
		uint32_t index;

		if (!hdr->seq || c->priv->args_asked[i].seq != hdr->seq)
			continue;
		c->priv->args_asked[i].seq = 0;
		events_consume(c); /* its end, should its number have gone to another meanwhile */
		index = processes_find(c->procs, c->priv->args_asked[i].tgid, c->priv->args_asked[i].start_boot_ns);
		p = processes_get(c->procs, index);
		if (hdr->status == 0 && p && !p->exit_mono_ns && !p->args[0])
			processes_set_args(c->procs, index, body, hdr->len);
		return;
	}
}

static void container_counted(const struct ident_container *ct, void *arg)
{
	if (!ct->remote && ct->pid && !ct->gone_mono_ns)
		(*(unsigned *)arg)++;
}

static void syscalls_watch(struct core *c, bool on)
{
	struct core_private *p = c->priv;
	struct msg_syscalls m = { .on = on };

	if (on)
		p->syscalls_idle_s = 0;
	if (!p->ready || p->syscalls_on == on)
		return;
	if (peer_send(p->keeper, MSG_SYSCALLS, p->next_seq++, &m, sizeof(m)) == 0)
		p->syscalls_on = on;
}

void events_second(struct core *c)
{
	struct core_private *p = c->priv;
	unsigned n = 0;

	if (!p->ready)
		return;
	args_ask(c);
	ident_each_container(c->ident, container_counted, &n);
	if (n)
		syscalls_watch(c, true);
	else if (++p->syscalls_idle_s >= SYSCALLS_IDLE_S)
		syscalls_watch(c, false);
}

void events_stop(struct core *c)
{
	struct core_private *p = c->priv;

	if (p->events_polled)
		uv_close((uv_handle_t *)&p->events_poll, NULL);
	p->events_polled = false;
	if (p->events)
		ring_buffer__free(p->events);
	p->events = NULL;
}

void events_resync(struct core *c)
{
	struct core_private *p = c->priv;

	/* Processes first: the sockets' owners are looked up among them. */
	for (unsigned kind = MSG_ITER_PROCESSES; kind <= MSG_ITER_SOCKETS; kind++) {
		struct msg_iter it = { .kind = kind };

		p->iter_seq[kind] = p->next_seq++;
		peer_send(p->keeper, MSG_ITER, p->iter_seq[kind], &it, sizeof(it));
	}
}

static void sweep_begin(struct core *c, enum msg_iter_kind kind)
{
	events_consume(c);
	if (kind == MSG_ITER_PROCESSES)
		processes_sweep_begin(c->procs, clock_mono_ns());
	else
		listeners_sweep_begin(c->listeners, clock_mono_ns());
}

static void sweep_end(struct core *c, enum msg_iter_kind kind)
{
	if (kind == MSG_ITER_PROCESSES)
		processes_sweep_end(c->procs);
	else
		listeners_sweep_end(c->listeners);
}

void events_iterate(struct core *c, enum msg_iter_kind kind, int fd)
{
	/* Records follow each other without padding: each is taken out into an aligned place. */
	struct {
		struct pg_event ev;
		char text[PG_EVENT_TEXT_MAX];
	} one;
	char buf[65536];
	size_t have = 0, at;
	ssize_t n;

	sweep_begin(c, kind);
	while ((n = read(fd, buf + have, sizeof(buf) - have)) > 0) {
		have += (size_t)n;
		for (at = 0; have - at >= sizeof(struct pg_event);) {
			size_t len;

			memcpy(&one.ev, buf + at, sizeof(one.ev));
			if (one.ev.version != PG_ABI_VERSION || one.ev.text_len > PG_EVENT_TEXT_MAX) {
				core_lost(c, LOSS_BAD_VERSION, 1);
				close(fd);
				return;
			}
			len = sizeof(one.ev) + one.ev.text_len;
			if (have - at < len)
				break;
			memcpy(&one, buf + at, len);
			event_take(c, &one, len);
			at += len;
		}
		memmove(buf, buf + at, have - at);
		have -= at;
	}
	if (n == 0)
		sweep_end(c, kind);
	if (n < 0)
		log_warn("reading what was there before the sensor failed: %s, ignoring: it becomes known when it acts", strerror(errno));
	close(fd);
}
