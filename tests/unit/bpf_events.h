/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests that wait for an event of the kernel's ring. The test includes bpf_fixture.h before. */
#ifndef PG_TESTS_BPF_EVENTS_H
#define PG_TESTS_BPF_EVENTS_H

static struct fixture *fx;

struct wanted {
	uint16_t type;
	bool (*is)(const struct pg_event *e, const char *text, void *arg);
	void *arg;
	struct pg_event event;
	char text[PG_EVENT_TEXT_MAX + 1];
	char path[PG_TEXT_MAX + 1];
	size_t text_len;
	unsigned count;
	pid_t ending;   /* counts this process's end too, since it may be in the same batch */
	unsigned ended;
};

FIXTURE_UNUSED static void wanted_offer(struct wanted *w, const struct pg_event *e)
{
	char text[PG_EVENT_TEXT_MAX + 1] = {};

	assert_int_equal(e->version, PG_ABI_VERSION);
	assert_in_range(e->text_len, 0, PG_EVENT_TEXT_MAX);
	memcpy(text, e + 1, e->text_len);
	if (e->type == PG_EV_EXIT && w->ending && e->tgid == (uint32_t)w->ending)
		w->ended++;
	if (e->type != w->type || (w->is && !w->is(e, text, w->arg)))
		return;
	w->count++;
	w->event = *e;
	memcpy(w->text, text, sizeof(text));
	w->text_len = e->text_len;
	memset(w->path, 0, sizeof(w->path));
	memcpy(w->path, text, e->path_len);
}

static int on_event(void *arg, void *data, size_t len)
{
	const struct pg_event *e = data;

	assert_true(len >= sizeof(*e) + e->text_len);
	wanted_offer(arg, e);
	return 0;
}

/* Reads the ring until something wanted came, at most a second. The reader's rule: poll 20 ms while busy. */
FIXTURE_UNUSED static unsigned events_wait(struct wanted *w)
{
	struct ring_buffer *r = ring_buffer__new(bpf_loader_map_fd(fx->loader, "events"), on_event, w, NULL);

	w->count = 0;
	for (int i = 0; i < 50 && !w->count; i++)
		ring_buffer__poll(r, 20);
	ring_buffer__free(r);
	return w->count;
}

FIXTURE_UNUSED static void events_drop(void)
{
	struct wanted w = { .type = PG_EV_MAX };
	struct ring_buffer *r = ring_buffer__new(bpf_loader_map_fd(fx->loader, "events"), on_event, &w, NULL);

	ring_buffer__consume(r);
	ring_buffer__free(r);
}

#endif
