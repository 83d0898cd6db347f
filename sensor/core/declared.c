/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is read when: one container at a time, at once after an edit, and a moment later where an edit looks half done. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "sensor/core/declared_priv.h"
#include "sensor/core/feeds.h"
#include "sensor/core/files.h"
#include "sensor/watch/args.h"
#include "sensor/watch/script_arg.h"

#define HALF_DONE_NS (60 * NSEC_PER_MSEC)  /* a file is gone: its successor may be on the way */
#define AGAIN_NS (500 * NSEC_PER_MSEC)     /* other files are watched now: what happened before they were? */
#define RETRY_NS NSEC_PER_SEC
#define ANSWER_NS (15 * NSEC_PER_SEC)
#define EDGES_NS (2 * NSEC_PER_SEC)
#define IN_SECOND_MAX 10                   /* readings of one container */
#define TRIES_MAX 5

/* ---- containers ---------------------------------------------------------------------------------------------------- */
static void key_set(struct declared_key *k, unsigned engine, const char *cid)
{
	memset(k, 0, sizeof(*k));
	k->engine = engine;
	memcpy(k->cid, cid, strnlen(cid, sizeof(k->cid) - 1));
}

static struct declared *find(struct core *c, const struct declared_key *k)
{
	struct declared *d;

	HASH_FIND(hh, c->declared->all, k, sizeof(*k), d);
	return d;
}

static struct declared *get(struct core *c, unsigned engine, const char *cid)
{
	struct declared_key k;
	struct declared *d;

	key_set(&k, engine, cid);
	d = find(c, &k);
	if (d)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->key = k;
	HASH_ADD(hh, c->declared->all, key, sizeof(d->key), d);
	if (d->hh.tbl)
		return d;
	free(d);
	return NULL;
}

static void drop(struct core *c, struct declared *d)
{
	HASH_DEL(c->declared->all, d);
	docker_start_free(d->start);
	settings_free(c, &d->now);
	settings_free(c, &d->coming);
	settings_free(c, &d->before);
	free(d);
}

struct declared *declared_of(struct core *c, const struct ident_container *ct)
{
	struct declared_key k;

	if (!c->declared || !ct || ct->remote)
		return NULL;
	key_set(&k, ct->engine, ct->id);
	return find(c, &k);
}

const struct ident_container *declared_container(struct core *c, const struct declared *d)
{
	const struct ident_container *ct = ident_by_id(c->ident, d->key.engine, d->key.cid);

	return ct && ct->pid && !ct->gone_mono_ns ? ct : NULL;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */
static void next_reading(struct core *c);

static void want(struct declared *d, uint64_t due_ns)
{
	d->due_ns = d->wanted && d->due_ns < due_ns ? d->due_ns : due_ns;
	d->wanted = true;
}

static void reading_over(struct core *c)
{
	memset(&c->declared->reading, 0, sizeof(c->declared->reading));
}

/* Not now: tried again, a few times. */
static void failed(struct core *c, struct declared *d, int error)
{
	d->error = error;
	settings_free(c, &d->coming);
	c->declared->failed++;
	if (++d->tries < TRIES_MAX)
		want(d, clock_mono_ns() + RETRY_NS);
	log_debug("declared: %.12s cannot be read: %s", d->key.cid, strerror(-error));
}

static size_t texts_put(uint8_t *body, size_t at, const struct docker_texts *t)
{
	if (t->len)
		memcpy(body + at, t->text, t->len);
	return at + t->len;
}

static int request_send(struct core *c, const struct declared *d, int fd)
{
	struct msg_document m = { .kind = MSG_DOCUMENT_CONFIG, .now_s = clock_wall_ns() / NSEC_PER_SEC };
	struct msg_config_start s = { .words = d->start->words.count, .env = d->start->env.count };
	_cleanup_free_ uint8_t *body = malloc(IPC_BODY_MAX);
	size_t at = sizeof(m) + sizeof(s), n = strlen(d->start->cwd) + 1;

	if (!body)
		return -ENOMEM;
	memcpy(body, &m, sizeof(m));
	memcpy(body + sizeof(m), &s, sizeof(s));
	memcpy(body + at, d->start->cwd, n);
	at = texts_put(body, at + n, &d->start->words); /* DOCKER_START_BYTES: there is room */
	at = texts_put(body, at, &d->start->env);
	return feeds_inspector_send(c, DECLARED_SEQ | c->declared->seq, body, at, fd);
}

static void root_opened(int status, int fd, void *arg)
{
	struct core *c = arg;
	struct core_declared *cd = c->declared;
	struct declared *d = cd && cd->reading.cid[0] ? find(c, &cd->reading) : NULL;

	if (d && status == 0)
		status = request_send(c, d, fd);
	if (fd >= 0)
		close(fd);
	if (!d || status == 0)
		return;
	reading_over(c);
	failed(c, d, status);
}

static bool too_often(struct declared *d, uint64_t now)
{
	if (now - d->second_ns >= NSEC_PER_SEC) {
		d->second_ns = now;
		d->in_second = 0;
	}
	if (++d->in_second <= IN_SECOND_MAX)
		return false;
	d->due_ns = d->second_ns + NSEC_PER_SEC;
	return true;
}

static bool begin(struct core *c, struct declared *d, uint64_t now)
{
	const struct ident_container *ct = declared_container(c, d);
	struct core_files_state s;
	int r;

	if (!ct) {
		d->wanted = false;
		return false;
	}
	if (!core_files_state(c, ct, &s) || !s.settled) {
		d->due_ns = now + 100 * NSEC_PER_MSEC;
		return false;
	}
	if (too_often(d, now))
		return false;
	d->wanted = false;
	if (d->trigger.at_mono_ns || !d->confirm)
		d->judged = d->trigger;
	memset(&d->trigger, 0, sizeof(d->trigger));
	settings_free(c, &d->coming);
	c->declared->reading = d->key;
	c->declared->reading_pid = ct->pid;
	c->declared->reading_ns = now;
	c->declared->seq = (c->declared->seq + 1) & ~DECLARED_SEQ;
	r = core_file_root(c, ct, root_opened, c);
	if (r == 0)
		return true;
	reading_over(c);
	failed(c, d, r);
	return false;
}

/* An edit goes before a container that is read for the first time. */
static void next_reading(struct core *c)
{
	struct core_declared *cd = c->declared;
	uint64_t now = clock_mono_ns();
	struct declared *d, *tmp;

	if (!feeds_inspector_ready(c) || !c->priv->synced)
		return;
	for (int turn = 0; turn < 2; turn++)
		HASH_ITER(hh, cd->all, d, tmp) {
			if (cd->reading.cid[0])
				return;
			if (d->wanted && d->start && now >= d->due_ns && (turn || d->trigger.at_mono_ns || d->confirm))
				(void)begin(c, d, now);
		}
}

/* The files that were read, and the directories that were listed, are watched from now on. */
static void watch(struct core *c, struct declared *d, const struct ident_container *ct, const struct settings *old)
{
	const char *paths[FILES_DRIFT_MAX];
	bool same = d->was_read;
	size_t n = 0;

	for (unsigned i = 0; i < d->now.count && n < FILES_DRIFT_MAX; i++) {
		if (d->now.list[i].kind != SETTING_WATCH || d->now.list[i].a[0] != '/')
			continue;
		paths[n++] = d->now.list[i].a;
		same = same && settings_has(old, &d->now.list[i]);
	}
	if (same)
		return;
	if (core_files_watch(c, ct, paths, n) == 0)
		want(d, clock_mono_ns() + AGAIN_NS);
}

static void read_well(struct core *c, struct declared *d, const struct ident_container *ct)
{
	struct settings old = d->now;
	uint64_t now = clock_mono_ns();
	bool again;

	d->now = d->coming;
	memset(&d->coming, 0, sizeof(d->coming));
	settings_seal(&d->now);
	d->tries = 0;
	d->error = 0;
	d->pid = ct->pid;
	d->read_ns = now;
	d->took_ns = now - c->declared->reading_ns;
	d->read_wall_ns = clock_wall_ns();
	c->declared->readings++;
	watch(c, d, ct, &old);
	again = declared_judge(c, d, &old);
	d->was_read = true;
	c->declared->edges_due = true;
	if (again) {
		/* What is gone may be back in a moment: judged again beside what was before. */
		settings_free(c, &d->now);
		d->now = old;
		d->confirm = true;
		want(d, now + HALF_DONE_NS);
		return;
	}
	d->confirm = false;
	settings_free(c, &old);
}

void declared_message(struct core *c, const struct ipc_hdr *hdr, const void *body)
{
	struct core_declared *cd = c->declared;
	struct declared *d = cd && cd->reading.cid[0] && (hdr->seq & ~DECLARED_SEQ) == cd->seq ? find(c, &cd->reading) : NULL;
	const struct ident_container *ct;

	if (!d)
		return;
	if (hdr->type == MSG_DOCUMENT_PART) {
		settings_take(c, &d->coming, body, hdr->len);
		return;
	}
	if (hdr->type != MSG_DOCUMENT_END)
		return;
	reading_over(c);
	ct = declared_container(c, d);
	/* What was read of one that ended meanwhile, whose mounts are gone, says nothing. */
	if (!ct || ct->pid != cd->reading_pid)
		settings_free(c, &d->coming);
	else if (hdr->status < 0)
		failed(c, d, hdr->status);
	else
		read_well(c, d, ct);
	next_reading(c);
}

void declared_inspector_gone(struct core *c)
{
	struct declared *d = c->declared && c->declared->reading.cid[0] ? find(c, &c->declared->reading) : NULL;

	if (!d)
		return;
	reading_over(c);
	failed(c, d, -EIO);
}

/* ---- in ------------------------------------------------------------------------------------------------------------- */
void declared_start(struct core *c, unsigned engine, const char *cid, struct docker_start *start)
{
	struct declared *d = c->declared ? get(c, engine, cid) : NULL;

	if (!d) {
		docker_start_free(start);
		return;
	}
	docker_start_free(d->start);
	d->start = start;
}

const char *declared_socket(struct core *c, const struct ident_container *ct, const char *path)
{
	const struct declared *d = c->declared ? declared_of(c, ct) : NULL;
	const char *from = NULL, *to;

	while (d && d->start && (from = docker_texts_next(&d->start->sockets, from)) && (to = docker_texts_next(&d->start->sockets, from))) {
		if (!strcmp(to, path))
			return from;
		from = to;
	}
	return "";
}

void declared_up(struct core *c, const struct ident_container *ct)
{
	struct declared *d = declared_of(c, ct);

	if (!d || !ct->pid)
		return;
	d->gone_ns = 0;
	if (d->pid == ct->pid)
		return;
	d->pid = ct->pid;
	d->tries = 0;
	d->was_read = false; /* the watches of the run before are gone */
	want(d, clock_mono_ns());
	next_reading(c);
}

void declared_gone(struct core *c, unsigned engine, const char *cid)
{
	struct declared_key k;
	struct declared *d;

	if (!c->declared)
		return;
	key_set(&k, engine, cid);
	d = find(c, &k);
	if (!d)
		return;
	d->gone_ns = clock_mono_ns();
	d->wanted = false;
	d->pid = 0;
}

static bool is_watched(const struct declared *d, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0;

	for (unsigned i = 0; i < d->now.count; i++) {
		const struct setting *s = &d->now.list[i];
		size_t n;

		if (s->kind != SETTING_WATCH)
			continue;
		n = strlen(s->a);
		if (!strcmp(s->a, path) || (n == dir && s->a[n - 1] == '/' && !strncmp(s->a, path, n)))
			return true;
	}
	return false;
}

/* ["CMD", words] are run as they are, "CMD-SHELL" by a shell; health is the words joined by spaces. */
bool declared_same_command(const char *health, const char *args, bool cut)
{
	static const char shell[] = "/bin/sh" "\037" "-c" "\037";
	char kept[ARGS_TEXT_MAX];
	size_t n;

	if (!strncmp(args, shell, sizeof(shell) - 1) && strncmp(health, "/bin/sh -c ", 11) != 0)
		args += sizeof(shell) - 1;
	args_redact(health, strnlen(health, PG_ARGS_MAX), kept, sizeof(kept)); /* as those of the process are */
	health = kept;
	for (n = 0; args[n] && health[n]; n++)
		if (args[n] != health[n] && !(args[n] == ARGS_SEPARATOR && health[n] == ' '))
			return false;
	return n && !args[n] && (!health[n] || cut);
}

bool declared_is_health(struct core *c, const struct ident_container *ct, const char *args, bool cut)
{
	const struct declared *d = declared_of(c, ct);

	return d && d->start && d->start->health[0] && declared_same_command(d->start->health, args, cut);
}

bool declared_names_script(struct core *c, const struct ident_container *ct, const char *script)
{
	const struct declared *d = declared_of(c, ct);
	const char *word = NULL;

	if (!d || !d->start)
		return false;
	while ((word = docker_texts_next(&d->start->words, word)))
		if (script_is_named_in(script, word))
			return true;
	return script_is_named_in(script, d->start->health);
}

bool declared_scratch_name(const char *name)
{
	size_t n = strlen(name);

	if (!strncmp(name, "sed", 3) && n == 9)
		return strspn(name + 3, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == 6;
	if (!strcmp(name, "4913")) /* vim tries whether it may write there */
		return true;
	if (n > 2 && ((name[0] == '.' && name[1] == '#') || (name[0] == '#' && name[n - 1] == '#')))
		return true;
	return (n > 1 && name[n - 1] == '~') || (n > 5 && name[0] == '.' && !strncmp(name + n - 4, ".sw", 3));
}

bool declared_is_scratch(struct core *c, const struct ident_container *ct, const char *path)
{
	const struct declared *d = declared_of(c, ct);
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0;

	if (!d || !d->read_ns || !dir || is_watched(d, path) || !declared_scratch_name(slash + 1))
		return false;
	for (unsigned i = 0; i < d->now.count; i++) {
		const struct setting *s = &d->now.list[i];

		if (s->kind == SETTING_WATCH && !strncmp(s->a, path, dir) && !strchr(s->a + dir, '/'))
			return true;
	}
	return false;
}

bool declared_changed(struct core *c, const struct core_event_view *v)
{
	struct declared *d = declared_of(c, v->container);
	bool half;

	if (!d || !d->read_ns || !v->text || !is_watched(d, v->text))
		return false;
	if (v->kind == CORE_EVENT_FILE_CHANGED && v->detail && !strcmp(v->detail, "attributes"))
		return true;
	half = v->kind == CORE_EVENT_FILE_CHANGED && v->detail &&
	       (!strcmp(v->detail, "deleted") || !strcmp(v->detail, "moved-away") || !strcmp(v->detail, "created"));
	/* The first that tells who it was, stands for what is read next. */
	if (!d->trigger.at_mono_ns || (!d->trigger.process[0] && v->p)) {
		snprintf(d->trigger.path, sizeof(d->trigger.path), "%s", v->text);
		snprintf(d->trigger.process, sizeof(d->trigger.process), "%s", v->p ? v->p->exe : "");
		d->trigger.change = v->kind == CORE_EVENT_FILE_CHANGED && v->detail ? v->detail : "written";
		d->trigger.pid = v->p ? v->p->tgid : v->pid;
		if (!d->trigger.at_mono_ns)
			d->trigger.at_mono_ns = v->mono_ns ? v->mono_ns : clock_mono_ns();
	}
	want(d, clock_mono_ns() + (half ? HALF_DONE_NS : 0));
	next_reading(c);
	return true;
}

void declared_tick(struct core *c, uint64_t now)
{
	struct core_declared *cd = c->declared;
	struct declared *d, *tmp;
	bool edges;

	if (!cd)
		return;
	if (cd->reading.cid[0] && now - cd->reading_ns > ANSWER_NS)
		declared_inspector_gone(c);
	next_reading(c);
	/* Names of containers that came since may be those that a configuration says. */
	edges = now - cd->edges_ns >= EDGES_NS && (cd->edges_due || cd->edges_generation != ident_generation(c->ident));
	if (edges) {
		cd->edges_ns = now;
		cd->edges_due = false;
		cd->edges_generation = ident_generation(c->ident);
	}
	HASH_ITER(hh, cd->all, d, tmp) {
		const struct ident_container *ct = edges && d->read_ns ? declared_container(c, d) : NULL;

		if (ct)
			declared_edges(c, d, ct);
		if (d->gone_ns && now - d->gone_ns > IDENT_LINGER_NS && !ident_by_id(c->ident, d->key.engine, d->key.cid))
			drop(c, d);
	}
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */
int declared_open(struct core *c)
{
	c->declared = calloc(1, sizeof(*c->declared));
	return c->declared ? 0 : -ENOMEM;
}

void declared_close(struct core *c)
{
	struct declared *d, *tmp;

	if (!c->declared)
		return;
	HASH_ITER(hh, c->declared->all, d, tmp)
		drop(c, d);
	bases_free(c);
	free(c->declared);
	c->declared = NULL;
}
