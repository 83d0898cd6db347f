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
	bool none;      /* it must not come: half a second is waited for it */
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

/* Reads the ring until something wanted came, at most 10 s of the clock: other processes of the machine fill the ring too. */
FIXTURE_UNUSED static unsigned events_wait(struct wanted *w)
{
	struct ring_buffer *r = ring_buffer__new(bpf_loader_map_fd(fx->loader, "events"), on_event, w, NULL);
	uint64_t until = clock_mono_ns() + (w->none ? NSEC_PER_SEC / 2 : 10 * NSEC_PER_SEC);

	w->count = 0;
	while (!w->count && clock_mono_ns() < until) {
		ring_buffer__poll(r, 20);
		ring_buffer__consume(r); /* a record sent soon after another wakes nobody (events_wake_flags()) */
	}
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

/* ---- a cgroup of the test's own: events are budgeted by cgroup, and the machine's other processes have theirs ---- */
static char own_cgroup[128], former_cgroup[512];

static int cgroup_enter(const char *dir)
{
	char path[640];
	int fd, r;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write(fd, "0", 1) == 1 ? 0 : -errno;
	close(fd);
	return r;
}

/* 0 also where there is no cgroup v2: the test goes on in the cgroup it is in. */
FIXTURE_UNUSED static int own_cgroup_enter(void)
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	char line[256], path[128];
	FILE *f;

	for (size_t i = 0; i < ARRAY_SIZE(roots) && !own_cgroup[0]; i++) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", roots[i]);
		if (access(path, F_OK))
			continue;
		f = fopen("/proc/self/cgroup", "re");
		while (f && fgets(line, sizeof(line), f))
			if (strncmp(line, "0::", 3) == 0)
				snprintf(former_cgroup, sizeof(former_cgroup), "%s%.*s", roots[i], (int)strcspn(line + 3, "\n"), line + 3);
		if (f)
			fclose(f);
		snprintf(own_cgroup, sizeof(own_cgroup), "%s/pg-bpf-events-%d", roots[i], getpid());
	}
	if (!own_cgroup[0] || !former_cgroup[0])
		return 0;
	return mkdir(own_cgroup, 0755) ? -errno : cgroup_enter(own_cgroup);
}

FIXTURE_UNUSED static void own_cgroup_leave(void)
{
	if (own_cgroup[0] && former_cgroup[0] && cgroup_enter(former_cgroup) == 0)
		rmdir(own_cgroup);
}

#endif
