/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the opener gives: the /proc files and executables of a container's processes, and its upper layer, walked entry by entry.
 * Everything read here was written by the container or names it: bytes go through, nothing is parsed but directory entries. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "sensor/core/evidence_priv.h"
#include "sensor/core/model.h"
#include "sensor/core/redact.h"
#include "sensor/watch/files_mounts.h"

static const char *const proc_names[MSG_PROC_FILE_MAX] = { "status", "cmdline", "environ", "maps", "mountinfo", "limits", "cgroup" };

/* ---- asking ------------------------------------------------------------------------------------------------------------- */
static void ask_free(struct evidence_ask *a)
{
	free(a->path);
	free(a);
}

/* Takes path over. */
static void ask_add(struct evidence_job *job, enum evidence_ask_kind kind, uint32_t pid, uint32_t file, char *path)
{
	struct evidence_ask *a = calloc(1, sizeof(*a));

	if (!a) {
		free(path);
		evidence_cut(job, "no memory");
		return;
	}
	*a = (struct evidence_ask){ .kind = kind, .pid = pid, .file = file, .path = path };
	*job->asks_end = a;
	job->asks_end = &a->next;
}

static struct msg_place place_of(const struct evidence_job *job, uint32_t pid)
{
	struct msg_place p = { .pid = pid };

	snprintf(p.cid, sizeof(p.cid), "%s", job->ct->id);
	return p;
}

static int ask_send(struct evidence_job *job, struct evidence_ask *a)
{
	struct core *c = job->core;
	struct peer *opener = c->evidence->opener;
	struct msg_place place = place_of(job, a->pid);
	struct msg_place_proc proc = { .place = place, .file = a->file };
	struct msg_place_open exe = { .place = place, .size_max = c->config.evidence_file_bytes };
	struct msg_place_upper upper = { .engine_pid = job->ct->engine < c->engine_count ? c->engines[job->ct->engine].pid : 0 };
	char body[sizeof(upper) + 2 * (FILES_PATH_MAX + 1)];
	size_t dir, path;

	a->seq = c->priv->next_seq++;
	switch (a->kind) {
	case ASK_PROC:
		return peer_send(opener, MSG_PLACE_PROC, a->seq, &proc, sizeof(proc));
	case ASK_EXE:
		return peer_send(opener, MSG_PLACE_OPEN, a->seq, &exe, sizeof(exe));
	case ASK_MOUNTS:
		return peer_send(opener, MSG_PLACE_MOUNTS, a->seq, &place, sizeof(place));
	case ASK_UPPER:
		break;
	}
	dir = strlen(job->layer) + 1;
	path = strlen(a->path);
	if (dir > FILES_PATH_MAX || path > FILES_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(body, &upper, sizeof(upper));
	memcpy(body + sizeof(upper), job->layer, dir);
	memcpy(body + sizeof(upper) + dir, a->path, path);
	return peer_send(opener, MSG_PLACE_UPPER, a->seq, body, sizeof(upper) + dir + path);
}

void evidence_asks_pump(struct evidence_job *job)
{
	struct evidence_ask **at = &job->asks, *a;

	while ((a = *at) && job->asked < EV_ASKS_MAX && job->queued + job->asked < EV_QUEUE_MAX) {
		if (a->seq) {
			at = &a->next;
			continue;
		}
		if (ask_send(job, a) < 0) {
			evidence_cut(job, "the opener takes no question");
			*at = a->next;
			if (!a->next)
				job->asks_end = at;
			ask_free(a);
			continue;
		}
		job->asked++;
		at = &a->next;
	}
}

void evidence_asks_drop(struct evidence_job *job)
{
	for (struct evidence_ask *a = job->asks, *next; a; a = next) {
		next = a->next;
		ask_free(a);
	}
	job->asks = NULL;
	job->asks_end = &job->asks;
	job->asked = 0;
}

static struct evidence_ask *ask_take(struct evidence_job *job, uint32_t seq)
{
	for (struct evidence_ask **at = &job->asks, *a; (a = *at); at = &a->next)
		if (a->seq == seq) {
			*at = a->next;
			if (!a->next)
				job->asks_end = at;
			job->asked--;
			return a;
		}
	return NULL;
}

/* ---- processes ------------------------------------------------------------------------------------------------------------ */
struct pids {
	uint32_t pid[EV_PIDS_MAX];
	unsigned count, more;
};

static void pid_cb(const struct process *p, const struct core_process_counts *n, void *arg)
{
	struct pids *s = arg;

	if (s->count < EV_PIDS_MAX)
		s->pid[s->count++] = p->tgid;
	else
		s->more++;
}

/* Executables of the incident's processes, as far as these live. */
static void ask_exe(const struct finding *f, void *arg)
{
	struct evidence_job *job = arg;
	const char *base = strrchr(f->process, '/');
	char *name = NULL;

	if (strcmp(f->incident, job->id) || !f->pid)
		return;
	for (const struct evidence_ask *a = job->asks; a; a = a->next)
		if (a->kind == ASK_EXE && a->pid == f->pid)
			return;
	if (asprintf(&name, "exe/%u-%.100s", f->pid, base && base[1] ? base + 1 : "program") >= 0)
		ask_add(job, ASK_EXE, f->pid, 0, name);
}

void evidence_live_begin(struct evidence_job *job)
{
	static const enum msg_proc_file each[] = { MSG_PROC_STATUS, MSG_PROC_CMDLINE, MSG_PROC_ENVIRON, MSG_PROC_MAPS, MSG_PROC_LIMITS };
	struct core *c = job->core;
	struct pids s = { .count = 0 };

	evidence_docs_live(job);
	if (!c->evidence->opener) {
		evidence_cut(job, "processes and upper layer: the opener is not there");
		return;
	}
	if (core_findings(c))
		findings_each(core_findings(c), ask_exe, job);
	core_each_process(c, job->ct, pid_cb, &s);
	for (unsigned i = 0; i < s.count; i++)
		for (size_t f = 0; f < ARRAY_SIZE(each); f++) {
			bool secret = each[f] == MSG_PROC_CMDLINE ? c->config.payload_keep != REDACT_KEEP_ALL :
				      each[f] == MSG_PROC_ENVIRON && c->config.payload_keep == REDACT_KEEP_NONE;

			if (!secret)
				ask_add(job, ASK_PROC, s.pid[i], each[f], NULL);
		}
	ask_add(job, ASK_PROC, job->ct->pid, MSG_PROC_MOUNTINFO, NULL);
	ask_add(job, ASK_PROC, job->ct->pid, MSG_PROC_CGROUP, NULL);
	if (s.more)
		evidence_cut(job, "processes: %u beyond %u", s.more, EV_PIDS_MAX);
	evidence_asks_pump(job);
}

/* Of a process's environment only what says where it lives is kept; values of the rest become their length. In place: len bytes,
 * NUL-separated; *ret is new. */
static char *environ_redact(const char *text, size_t len, size_t *ret_len)
{
	static const char *const harmless[] = { "PATH", "HOME", "HOSTNAME", "LANG", "TZ", "TERM", "PWD", "SHLVL", "USER", "SHELL", "_" };
	char *out = NULL;
	size_t at = 0;
	FILE *f = open_memstream(&out, ret_len);

	if (!f)
		return NULL;
	while (at < len) {
		const char *s = text + at, *eq;
		size_t n = strnlen(s, len - at), key;
		bool keep = false;

		eq = memchr(s, '=', n);
		key = eq ? (size_t)(eq - s) : 0; /* without '=' nothing says what is a name */
		for (size_t i = 0; i < ARRAY_SIZE(harmless) && !keep; i++)
			keep = strlen(harmless[i]) == key && !memcmp(s, harmless[i], key);
		if (keep)
			fwrite(s, 1, n, f);
		else if (n)
			fprintf(f, "%.*s=<%zu bytes>", (int)key, s, n - key - (eq ? 1 : 0));
		fputc('\0', f);
		at += n + 1;
	}
	fclose(f);
	return out;
}

static void add_data(struct evidence_job *job, char *name, char *data, size_t len)
{
	struct evidence_item *it = calloc(1, sizeof(*it));

	if (!it || !name || !data) {
		free(it);
		free(name);
		free(data);
		evidence_cut(job, "no memory");
		return;
	}
	it->name = name;
	it->data = data;
	it->fd = -1;
	it->st.st_mode = S_IFREG | 0440;
	it->st.st_size = (off_t)len;
	it->st.st_mtime = (time_t)(clock_wall_ns() / NSEC_PER_SEC);
	it->size_max = UINT64_MAX;
	evidence_add(job, it);
}

static char *read_all(int fd, size_t max, size_t *ret_len, bool *ret_more)
{
	char *buf = malloc(max + 1);
	size_t have = 0;
	ssize_t n = 0;

	*ret_more = false;
	while (buf && have < max && (n = read(fd, buf + have, max - have)) > 0)
		have += (size_t)n;
	if (buf && have == max && read(fd, buf + have, 1) == 1)
		*ret_more = true;
	*ret_len = have;
	return buf;
}

static void take_proc(struct evidence_job *job, const struct evidence_ask *a, int fd)
{
	char *name = NULL, *text, *kept;
	size_t len, kept_len;
	bool more;

	text = read_all(fd, EV_PROC_TEXT_MAX, &len, &more);
	if (text && a->file == MSG_PROC_ENVIRON && job->core->config.payload_keep != REDACT_KEEP_ALL) {
		kept = environ_redact(text, len, &kept_len);
		free(text);
		text = kept;
		len = kept_len;
	}
	if (more)
		evidence_cut(job, "/proc/%u/%s: longer than %u bytes", a->pid, proc_names[a->file], EV_PROC_TEXT_MAX);
	if (asprintf(&name, "proc/%u/%s", a->pid, proc_names[a->file]) < 0)
		name = NULL;
	add_data(job, name, text, len);
}

static void take_exe(struct evidence_job *job, struct evidence_ask *a, int *fd)
{
	struct evidence_item *it = calloc(1, sizeof(*it));

	if (!it || fstat(*fd, &it->st) < 0) {
		free(it);
		return;
	}
	it->name = take_ptr(a->path);
	it->fd = take_fd(fd);
	it->size_max = job->core->config.evidence_file_bytes;
	evidence_add(job, it);
}

/* ---- upper layer -------------------------------------------------------------------------------------------------------------- */
void evidence_upper_begin(struct evidence_job *job)
{
	jsonl_arr(&job->upper, NULL);
	if (job->core->evidence->opener)
		ask_add(job, ASK_MOUNTS, job->ct->pid, 0, NULL);
	evidence_asks_pump(job);
}

static void take_mounts(struct evidence_job *job, int fd)
{
	struct files_mounts m;
	size_t len;
	bool more;
	_cleanup_free_ char *text = read_all(fd, 4 << 20, &len, &more);
	char *top = strdup("");

	if (!text || !top || files_mounts_read(text, len, &m) < 0) {
		free(top);
		evidence_cut(job, "upper layer: its mounts cannot be read");
		return;
	}
	if (m.layer_count)
		job->layer = strdup(m.layers);
	files_mounts_done(&m);
	if (job->layer) {
		ask_add(job, ASK_UPPER, 0, 0, top);
		return;
	}
	free(top);
	evidence_cut(job, "upper layer: its file system is no overlay");
}

static const char *type_name(mode_t mode, bool whiteout)
{
	return whiteout ? "deleted" : S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "link" : S_ISFIFO(mode) ? "fifo" :
	       S_ISSOCK(mode) ? "socket" : "device";
}

static void upper_list(struct evidence_job *job, const char *path, const struct stat *st, const char *link)
{
	struct jsonl *j = &job->upper;
	bool whiteout = S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
	char mode[16];

	snprintf(mode, sizeof(mode), "%04o", (unsigned)(st->st_mode & 07777));
	jsonl_obj(j, NULL);
	jsonl_str(j, "path", path);
	jsonl_str(j, "type", type_name(st->st_mode, whiteout));
	jsonl_u64(j, "size", S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0);
	jsonl_str(j, "mode", mode);
	jsonl_u64(j, "uid", st->st_uid);
	jsonl_u64(j, "gid", st->st_gid);
	jsonl_time(j, "modified", (uint64_t)st->st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st->st_mtim.tv_nsec);
	jsonl_time(j, "changed", (uint64_t)st->st_ctim.tv_sec * NSEC_PER_SEC + (uint64_t)st->st_ctim.tv_nsec);
	jsonl_str(j, "link", link);
	jsonl_obj_end(j);
}

static void list_directory(struct evidence_job *job, const char *path, int *fd)
{
	DIR *d = fdopendir(*fd);
	struct dirent *e;

	if (!d)
		return;
	take_fd(fd);
	while ((e = readdir(d))) {
		char *below = NULL;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (job->entries++ >= EV_ENTRIES_MAX)
			break;
		if (asprintf(&below, "%s%s%s", path, path[0] ? "/" : "", e->d_name) >= 0 && strlen(below) <= FILES_PATH_MAX)
			ask_add(job, ASK_UPPER, 0, 0, below);
		else
			free(below);
	}
	if (job->entries == EV_ENTRIES_MAX + 1)
		evidence_cut(job, "upper layer: more than %u entries", EV_ENTRIES_MAX);
	closedir(d);
}

static void take_upper(struct evidence_job *job, struct evidence_ask *a, int *fd)
{
	struct evidence_item *it = calloc(1, sizeof(*it));
	char link[FILES_PATH_MAX + 1] = "";
	ssize_t n;

	if (!it || fstat(*fd, &it->st) < 0) {
		free(it);
		return;
	}
	if (S_ISDIR(it->st.st_mode))
		list_directory(job, a->path, fd);
	if (!a->path[0]) {
		free(it);
		return;
	}
	if (S_ISLNK(it->st.st_mode)) {
		n = readlinkat(*fd, "", link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = '\0';
		it->link = strdup(link);
	}
	upper_list(job, a->path, &it->st, link[0] ? link : NULL);
	it->fd = S_ISREG(it->st.st_mode) ? take_fd(fd) : -1;
	it->size_max = job->core->config.evidence_file_bytes;
	if (asprintf(&it->name, "upper/%s", a->path) < 0)
		it->name = NULL;
	evidence_add(job, it);
}

/* ---- answers --------------------------------------------------------------------------------------------------------------------- */
static void take_answer(struct evidence_job *job, struct evidence_ask *a, int32_t status, int *fd)
{
	if (status == 0 && *fd >= 0) {
		if (a->kind == ASK_PROC)
			take_proc(job, a, *fd);
		else if (a->kind == ASK_EXE)
			take_exe(job, a, fd);
		else if (a->kind == ASK_MOUNTS)
			take_mounts(job, *fd);
		else
			take_upper(job, a, fd);
	} else if (a->kind == ASK_MOUNTS) {
		evidence_cut(job, "upper layer: %s", strerror(-status));
	} else if (a->kind == ASK_EXE) {
		evidence_cut(job, "%s: %s", a->path, status == -ESRCH ? "the process is gone" : strerror(-status));
	} else if (a->kind == ASK_UPPER && status != -ENOENT) { /* gone meanwhile: so is the way of a living container */
		evidence_cut(job, "upper/%.150s: %s", a->path, strerror(-status));
	}
}

static void opener_message(const struct ipc_hdr *hdr, const void *body, int given, void *arg)
{
	struct core *c = arg;
	_cleanup_close_ int fd = given;

	for (struct evidence_job *job = c->evidence->jobs; job; job = job->next) {
		struct evidence_ask *a = ask_take(job, hdr->seq);

		if (!a)
			continue;
		take_answer(job, a, hdr->status, &fd);
		ask_free(a);
		evidence_asks_pump(job);
		evidence_advance(job);
		return;
	}
}

static void opener_gone(void *arg)
{
	struct core *c = arg;

	peer_close(c->evidence->opener);
	c->evidence->opener = NULL;
	for (struct evidence_job *job = c->evidence->jobs; job; job = job->next) {
		if (job->asked)
			evidence_cut(job, "the opener ended while it was asked");
		evidence_asks_drop(job);
	}
}

void evidence_opener(struct core *c, int fd)
{
	if (!c->evidence) {
		close(fd);
		return;
	}
	if (c->evidence->opener)
		opener_gone(c);
	if (peer_open(c->priv->loop, fd, opener_message, opener_gone, c, &c->evidence->opener) < 0)
		c->evidence->opener = NULL;
}
