/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the kernel: processes, listeners, cgroups, from the ring and from the iterators. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sensor/core/core_priv.h"

#define EVENTS_BUSY_TURNS 8 /* ticks that the ring is looked at without a wake-up after the last record */

static int event_take(void *arg, void *data, size_t size)
{
	struct core *c = arg;
	const struct pg_event *ev = data;
	const char *text = (const char *)data + sizeof(*ev);
	char path[PG_TEXT_MAX + 1];

	if (size < sizeof(*ev) || ev->version != PG_ABI_VERSION || ev->text_len > size - sizeof(*ev)) {
		core_lost(c, LOSS_BAD_VERSION, 1);
		return 0;
	}
	switch ((enum pg_event_type)ev->type) {
	case PG_EV_EXEC:
	case PG_EV_FORK:
	case PG_EV_EXIT:
	case PG_EV_PROCESS:
		if (processes_event(c->procs, ev, text) == -ENOSPC)
			core_lost(c, LOSS_PROCESS_TABLE, 1);
		break;
	case PG_EV_LISTEN:
	case PG_EV_BIND:
	case PG_EV_CLOSE:
		if (listeners_event(c->listeners, ev) == -ENOSPC)
			core_lost(c, LOSS_LISTENER_TABLE, 1);
		break;
	case PG_EV_CGROUP:
		if (ev->text_len > PG_TEXT_MAX)
			break;
		memcpy(path, text, ev->text_len);
		path[ev->text_len] = '\0';
		engines_cgroup_seen(c, ev->cgroup, path);
		break;
	case PG_EV_NONE:
	case PG_EV_MAX:
		break;
	}
	c->priv->events_busy = EVENTS_BUSY_TURNS;
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

void events_iterate(struct core *c, int fd)
{
	/* Records follow each other without padding: each is taken out into an aligned place. */
	struct {
		struct pg_event ev;
		char text[PG_TEXT_MAX];
	} one;
	char buf[65536];
	size_t have = 0, at;
	ssize_t n;

	while ((n = read(fd, buf + have, sizeof(buf) - have)) > 0) {
		have += (size_t)n;
		for (at = 0; have - at >= sizeof(struct pg_event);) {
			size_t len;

			memcpy(&one.ev, buf + at, sizeof(one.ev));
			if (one.ev.version != PG_ABI_VERSION || one.ev.text_len > PG_TEXT_MAX) {
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
	if (n < 0)
		log_warn("reading what was there before the sensor failed: %s, ignoring: it becomes known when it acts", strerror(errno));
	close(fd);
}
