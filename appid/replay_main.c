/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/replay.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appid/digest_text.h"
#include "appid/ndpi_engine.h"
#include "appid/replay_capture.h"
#include "appid/replay_write.h"
#include "appid/text.h"
#include "base/clock.h"
#include "sensor/sandbox.h"

enum { FILES_MAX = 256, NAMES_MAX = 4 << 20, PROGRESS_EVERY = 4096 /* packets between two looks at the clock */ };
#define MEMORY (4ULL << 30)
#define OUT_BUFFER (1u << 18)

struct source {
	const char *name;
	int fd;
	off_t size; /* 0: not known (a pipe) */
	struct capture *capture;
	struct capture_packet head;
	bool has_head;
	int error; /* -errno of opening */
};

struct program {
	struct source files[FILES_MAX];
	unsigned file_count;
	enum replay_format format;
	struct replay_options options;
	bool progress;
	int names_fd;
	struct replay_names *names;
	struct ndpi_engine *engine;
	struct replay *replay;
	uint64_t began_ns, told_ns;
};

/* ---- arguments ------------------------------------------------------------------------------------------ */
static bool number(const char *s, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(s, &end, 10);
	return *s >= '0' && *s <= '9' && !*end && !errno && *ret <= max;
}

static int arguments(struct program *p, int argc, char **argv)
{
	unsigned long n;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		bool value = i + 1 < argc;

		if (!strcmp(argv[i], "--progress"))
			p->progress = true;
		else if (!strcmp(argv[i], "--format") && value && replay_format_parse(argv[i + 1], &p->format) == 0)
			i++;
		else if (!strcmp(argv[i], "--vxlan-port") && value && number(argv[i + 1], 65535, &n))
			p->options.vxlan_port = (uint16_t)n, i++;
		else if (!strcmp(argv[i], "--names") && value && number(argv[i + 1], 1023, &n))
			p->names_fd = (int)n, i++;
		else
			return -EINVAL;
	}
	for (; i + 1 < argc && p->file_count < FILES_MAX; i += 2) {
		struct source *s = &p->files[p->file_count];
		struct stat st;

		if (!number(argv[i], 1023, &n) || fstat((int)n, &st) < 0)
			return -EINVAL;
		s->fd = (int)n;
		s->name = argv[i + 1];
		s->size = S_ISREG(st.st_mode) ? st.st_size : 0;
		p->file_count++;
	}
	return i == argc && p->file_count ? 0 : -EINVAL;
}

/* A name the user gave, or a file's: made harmless for a terminal. */
static const char *shown(const struct source *s)
{
	static char buf[512];

	text_sanitise(buf, sizeof(buf), s->name, strlen(s->name));
	return buf;
}

static int names_read(struct program *p)
{
	size_t len = 0;
	char *text;
	ssize_t n;
	int r;

	if (p->names_fd < 0)
		return 0;
	p->names = replay_names_new();
	text = malloc(NAMES_MAX);
	if (!p->names || !text) {
		free(text);
		return -ENOMEM;
	}
	while (len < NAMES_MAX && (n = read(p->names_fd, text + len, NAMES_MAX - len)) > 0)
		len += (size_t)n;
	r = replay_names_read(p->names, text, len);
	free(text);
	return r;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */
static void source_advance(struct source *s)
{
	s->has_head = s->capture && capture_next(s->capture, &s->head) == 1;
}

/* The next packet in order of time over all files; a file's own order is kept. NULL: no more. */
static struct source *next_source(struct program *p)
{
	struct source *best = NULL;

	for (unsigned i = 0; i < p->file_count; i++)
		if (p->files[i].has_head && (!best || p->files[i].head.ts_ns < best->head.ts_ns))
			best = &p->files[i];
	return best;
}

static void progress(struct program *p, bool last)
{
	const struct replay_stats *s = replay_stats(p->replay);
	uint64_t now = clock_mono_ns(), read_bytes = 0, size = 0;
	char part[32] = "";

	if (!p->progress || (!last && now - p->told_ns < NSEC_PER_SEC) || (last && p->told_ns == p->began_ns))
		return;
	p->told_ns = now;
	for (unsigned i = 0; i < p->file_count; i++) {
		read_bytes += p->files[i].capture ? capture_stats(p->files[i].capture)->bytes : 0;
		size = p->files[i].size && (size || !i) ? size + (uint64_t)p->files[i].size : 0;
	}
	if (size)
		snprintf(part, sizeof(part), " (%.0f %%)", 100.0 * (double)read_bytes / (double)size);
	fprintf(stderr, "\r%.1f MiB%s, %llu packets, %.0f packets/s  %s", (double)read_bytes / 1048576, part, (unsigned long long)s->packets,
		(double)s->packets * 1e9 / (double)(now - p->began_ns + 1), last ? "\n" : "");
}

static void read_all(struct program *p)
{
	struct capture_packet batch[REPLAY_BATCH];
	unsigned count = 0;
	struct source *s;
	uint64_t n = 0;

	for (unsigned i = 0; i < p->file_count; i++) {
		p->files[i].error = capture_open_fd(p->files[i].fd, &p->files[i].capture);
		source_advance(&p->files[i]);
	}
	while ((s = next_source(p))) {
		int r;

		batch[count++] = s->head;
		r = count < REPLAY_BATCH ? capture_next_held(s->capture, &s->head) : -EAGAIN;
		s->has_head = r == 1;
		if (r == -EAGAIN) {
			replay_packets(p->replay, batch, count);
			count = 0;
			source_advance(s);
		}
		if (++n % PROGRESS_EVERY == 0)
			progress(p, false);
	}
	replay_packets(p->replay, batch, count);
	replay_finish(p->replay);
	progress(p, true);
}

/* ---- the end ------------------------------------------------------------------------------------------------- */
/* What could not be read, file by file. Returns how many were captures. */
static unsigned report_files(const struct program *p, FILE *out)
{
	unsigned good = 0;

	for (unsigned i = 0; i < p->file_count; i++) {
		const struct source *s = &p->files[i];
		const struct capture_stats *c;

		if (!s->capture) {
			fprintf(stderr, "pierglass: %s: %s\n", shown(s),
				s->error == -EPROTONOSUPPORT ? "no capture format that is known (pcap, pcapng)" :
				s->error == -ENODATA	     ? "empty" :
							       strerror(-s->error));
			continue;
		}
		good++;
		c = capture_stats(s->capture);
		if (c->end != CAPTURE_WHOLE)
			fprintf(out, "  %s: %s after %llu packets%s%s\n", shown(s), capture_end_name(c->end), (unsigned long long)c->packets,
				c->error ? ": " : "", c->error ? strerror(c->error) : "");
		if (c->bad_blocks)
			fprintf(out, "  %s: %llu blocks skipped: malformed\n", shown(s), (unsigned long long)c->bad_blocks);
	}
	return good;
}

static int finish(struct program *p)
{
	FILE *out = p->format == REPLAY_TEXT ? stdout : stderr;
	struct replay_writer w;
	unsigned good;

	replay_writer_init(&w, stdout, p->format, p->names);
	replay_each(p->replay, replay_write_row, &w);
	replay_writer_done(&w);
	fflush(stdout);
	replay_write_summary(replay_stats(p->replay), out);
	good = report_files(p, out);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "pierglass: standard output: %s\n", strerror(errno));
		return 4;
	}
	return good ? 0 : 2;
}

static void program_done(struct program *p)
{
	for (unsigned i = 0; i < p->file_count; i++)
		capture_close(p->files[i].capture);
	replay_free(p->replay);
	ndpi_engine_free(p->engine);
	replay_names_free(p->names);
}

static int run(struct program *p)
{
	uint64_t seed;
	int r;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
		fprintf(stderr, "pierglass: no random numbers: %s\n", strerror(errno));
		return 4;
	}
	r = names_read(p);
	p->engine = ndpi_engine_new();
	if (!p->engine)
		fprintf(stderr, "pierglass: libndpi is not the version this was built for, going on with own recognisers\n");
	p->replay = r == 0 ? replay_new(&p->options, p->engine, seed) : NULL;
	if (!p->replay) {
		fprintf(stderr, "pierglass: no memory\n");
		return 4;
	}
	p->began_ns = p->told_ns = clock_mono_ns();
	read_all(p);
	return finish(p);
}

int replay_main(int argc, char **argv)
{
	static struct program p = { .names_fd = -1 };
	static char buffer[OUT_BUFFER];
	int r;

	if (arguments(&p, argc, argv) < 0) {
		fprintf(stderr, "usage: pierglass-inspect replay … (started by \"pierglass replay\")\n");
		return 2;
	}
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	digest_init(); /* reads its configuration */
	r = sandbox_enter_replay(MEMORY);
	if (r < 0) {
		fprintf(stderr, "pierglass: cannot enter the sandbox: %s\n", strerror(-r));
		return 4;
	}
	r = run(&p);
	program_done(&p);
	return r;
}
