/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "pierglass feed check" without a sensor: see feed_main.h. */
#include "intel/feed_main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/jsonl.h"
#include "intel/feed.h"
#include "intel/feed_text.h"
#include "intel/reputation.h"
#include "sensor/sandbox.h"

enum { FEEDS_MAX = 64, EXIT_LISTED = 0, EXIT_NOT_LISTED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 4, ENTRY_SHOWN = 200 };
#define MEMORY (2ULL << 30)

struct loaded {
	const char *name;
	int fd;
	char *text;
	size_t len;
	int error;              /* -errno of reading, 0 */
	struct feed_report report;
	struct feed_set *set;   /* NULL: not usable */
};

struct program {
	struct loaded feeds[FEEDS_MAX];
	unsigned feed_count;
	char **things;
	unsigned thing_count;
	enum feed_format format;
	bool json;
};

/* ---- arguments ---------------------------------------------------------------------------------------------------------- */
static int arguments(struct program *p, int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0; i++) {
		if (!strcmp(argv[i], "--json"))
			p->json = true;
		else if (!strcmp(argv[i], "--format") && i + 1 < argc && feed_format_parse(argv[i + 1], &p->format) == 0)
			i++;
		else
			return -EINVAL;
	}
	for (; i + 1 < argc && strcmp(argv[i], "--") != 0 && p->feed_count < FEEDS_MAX; i += 2) {
		char *end;
		unsigned long fd = strtoul(argv[i], &end, 10);

		if (*end || end == argv[i] || fd > 1023)
			return -EINVAL;
		p->feeds[p->feed_count++] = (struct loaded){ .name = argv[i + 1], .fd = (int)fd };
	}
	if (i < argc && !strcmp(argv[i], "--")) {
		p->things = argv + i + 1;
		p->thing_count = (unsigned)(argc - i - 1);
		i = argc;
	}
	return i == argc && p->feed_count ? 0 : -EINVAL;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */
static void feed_load(struct program *p, struct loaded *f)
{
	struct feed_set *set;
	uint64_t seed = 0;
	int r;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed ^= (uint64_t)time(NULL);
	set = feed_set_new(NULL, 0, seed);
	r = set ? feed_text_read(f->fd, &f->text, &f->len) : -ENOMEM;

	if (r == 0)
		r = feed_parse(f->text, f->len, p->format, (int64_t)time(NULL), feed_set_add, set, &f->report);
	if (r == 0)
		r = feed_set_seal(set);
	if (r < 0) {
		f->error = r;
		feed_set_free(set);
		return;
	}
	f->set = set;
}

static const char *why_not(const struct loaded *f)
{
	return f->error == -EBADMSG ? f->report.refused : f->error == -EFBIG ? "it is larger than 256 MiB" : strerror(-f->error);
}

/* The entry as it stands in the feed. JSON documents count entries, not lines. */
static size_t entry_text(const struct loaded *f, uint32_t line, const char **ret)
{
	const char *p = f->text, *end = f->text + f->len, *nl;
	size_t len;

	*ret = "";
	if (f->report.format != FEED_LINES && f->report.format != FEED_CSV)
		return 0;
	for (; line > 1 && p < end; line--) {
		nl = memchr(p, '\n', (size_t)(end - p));
		p = nl ? nl + 1 : end;
	}
	nl = memchr(p, '\n', (size_t)(end - p));
	len = (size_t)((nl ? nl : end) - p);
	for (; len && (p[len - 1] == '\r' || p[len - 1] == ' '); len--)
		;
	*ret = p;
	return len < ENTRY_SHOWN ? len : ENTRY_SHOWN;
}

/* ---- asking ---------------------------------------------------------------------------------------------------------------- */
struct question {
	enum indicator_kind kind;
	uint8_t first[16], last[16], digest[HASH_LEN_MAX];
	enum hash_algo algo;
};

static bool question_read(const char *s, struct question *ret)
{
	char name[INDICATOR_NAME_MAX + 1];
	size_t len = strlen(s), host_len;
	const char *host;

	if (len > 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (indicator_ip(s, len, ret->first, ret->last))
		ret->kind = IND_IP;
	else if (indicator_hash(s, len, &ret->algo, ret->digest))
		ret->kind = IND_HASH;
	else if (indicator_url(s, len, &host, &host_len))
		ret->kind = IND_URL;
	else if (indicator_domain(s, len, name))
		ret->kind = IND_DOMAIN;
	else
		return false;
	return true;
}

static bool ask(const struct loaded *f, const char *thing, const struct question *q, struct feed_hit *ret)
{
	switch (q->kind) {
	case IND_IP:
		return feed_set_ip(f->set, q->first, ret);
	case IND_HASH:
		return feed_set_hash(f->set, q->algo, q->digest, ret);
	case IND_URL:
		return feed_set_url(f->set, thing, strlen(thing), ret);
	case IND_DOMAIN:
		return feed_set_domain(f->set, thing, strlen(thing), ret);
	default:
		return false;
	}
}

/* ---- output ---------------------------------------------------------------------------------------------------------------- */
static void hit_json(struct jsonl *j, const struct loaded *f, const struct feed_hit *h)
{
	const char *entry;
	size_t len = entry_text(f, h->line, &entry);

	jsonl_obj(j, NULL);
	jsonl_str(j, "feed", f->name);
	jsonl_str(j, "format", feed_format_name(f->report.format));
	jsonl_u64(j, f->report.format == FEED_LINES || f->report.format == FEED_CSV ? "line" : "number", h->line);
	jsonl_strn(j, "entry", len ? entry : h->text, len ? len : strlen(h->text));
	jsonl_str(j, "kind", indicator_kind_name(h->kind));
	jsonl_str(j, "match", feed_match_name(h->match));
	jsonl_str(j, "category", h->category);
	jsonl_u64(j, "confidence", h->confidence);
	jsonl_bool(j, "used", h->never == NEVER_NO);
	jsonl_str(j, "never_blocked", never_block_name(h->never));
	jsonl_bool(j, "context_only", h->flags & IND_NOT_FOR_IDS);
	jsonl_bool(j, "part_of_pattern", h->flags & IND_PARTIAL);
	jsonl_obj_end(j);
}

static void feed_json_row(struct jsonl *j, const struct loaded *f)
{
	const struct feed_report *r = &f->report;

	jsonl_obj(j, NULL);
	jsonl_str(j, "feed", f->name);
	jsonl_str(j, "format", feed_format_name(r->format));
	jsonl_obj(j, "entries");
	for (enum indicator_kind k = 0; k < IND_KINDS; k++)
		jsonl_u64(j, indicator_kind_name(k), r->entries[k]);
	jsonl_obj_end(j);
	jsonl_u64(j, "never_blocked", f->set ? feed_set_never(f->set) : 0);
	jsonl_u64(j, "unsupported", r->unsupported);
	jsonl_u64(j, "expired", r->expired);
	jsonl_u64(j, "bad", r->bad);
	jsonl_arr(j, "bad_lines");
	for (unsigned i = 0; i < r->bad && i < FEED_BAD_SHOWN; i++)
		jsonl_u64(j, NULL, r->bad_lines[i]);
	jsonl_arr_end(j);
	jsonl_u64(j, "memory", f->set ? feed_set_bytes(f->set) : 0);
	jsonl_str(j, "refused", f->set ? "" : why_not(f));
	jsonl_obj_end(j);
}

/* A name or a line that somebody else wrote, for a terminal. */
static void put_clean(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		putchar((unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i]);
}

static void hit_text(const struct loaded *f, const char *thing, const struct feed_hit *h)
{
	const char *entry;
	size_t len = entry_text(f, h->line, &entry);
	bool lines = f->report.format == FEED_LINES || f->report.format == FEED_CSV;

	put_clean(thing, strlen(thing));
	printf(" is listed by ");
	put_clean(f->name, strlen(f->name));
	printf(lines ? ":%u: " : ", entry %u: ", h->line);
	put_clean(len ? entry : h->text, len ? len : strlen(h->text));
	printf("  (%s %s, confidence %u", indicator_kind_name(h->kind), feed_match_name(h->match), h->confidence);
	if (h->category[0]) {
		printf(", ");
		put_clean(h->category, strlen(h->category));
	}
	if (h->never != NEVER_NO)
		printf(", never blocked: %s", never_block_name(h->never));
	if (h->flags & IND_NOT_FOR_IDS)
		printf(", context only");
	if (h->flags & IND_PARTIAL)
		printf(", one part of a pattern");
	puts(")");
}

static void feed_text_row(const struct loaded *f)
{
	const struct feed_report *r = &f->report;

	put_clean(f->name, strlen(f->name));
	if (!f->set) {
		printf(": cannot be used: %s\n", why_not(f));
		return;
	}
	printf(": %s; %llu addresses and prefixes, %llu names, %llu digests, %llu URLs; "
	       "%zu never blocked, %llu of other kinds, %llu expired, %llu lines not understood",
	       feed_format_name(r->format), (unsigned long long)r->entries[IND_IP], (unsigned long long)r->entries[IND_DOMAIN],
	       (unsigned long long)r->entries[IND_HASH], (unsigned long long)r->entries[IND_URL], feed_set_never(f->set),
	       (unsigned long long)r->unsupported, (unsigned long long)r->expired, (unsigned long long)r->bad);
	for (unsigned i = 0; i < r->bad && i < FEED_BAD_SHOWN; i++)
		printf("%s%u", i ? ", " : " (first: ", r->bad_lines[i]);
	puts(r->bad ? ")" : "");
}

/* ---- the program ---------------------------------------------------------------------------------------------------------------- */
static bool out_line(struct jsonl *j)
{
	size_t len;
	const char *s;

	jsonl_obj_end(j);
	jsonl_newline(j);
	s = jsonl_text(j, &len);
	return s && fwrite(s, 1, len, stdout) == len;
}

static int check_one(const struct program *p, struct jsonl *j, const char *thing)
{
	struct question q;
	struct feed_hit h;
	unsigned hits = 0;

	if (!question_read(thing, &q)) {
		fputs("pierglass: feed: not an address, a name, a digest (MD5, SHA-1, SHA-256) or a URL: ", stderr);
		for (const char *c = thing; *c; c++)
			fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, stderr);
		fputc('\n', stderr);
		return EXIT_USAGE;
	}
	if (p->json) {
		jsonl_reset(j);
		jsonl_obj(j, NULL);
		jsonl_str(j, "query", thing);
		jsonl_str(j, "kind", indicator_kind_name(q.kind));
		jsonl_arr(j, "hits");
	}
	for (unsigned i = 0; i < p->feed_count; i++) {
		if (!p->feeds[i].set || !ask(&p->feeds[i], thing, &q, &h))
			continue;
		hits++;
		if (p->json)
			hit_json(j, &p->feeds[i], &h);
		else
			hit_text(&p->feeds[i], thing, &h);
	}
	if (p->json) {
		jsonl_arr_end(j);
		jsonl_bool(j, "listed", hits > 0);
		jsonl_arr(j, "feeds");
		for (unsigned i = 0; i < p->feed_count; i++)
			feed_json_row(j, &p->feeds[i]);
		jsonl_arr_end(j);
		out_line(j);
	} else if (!hits) {
		put_clean(thing, strlen(thing));
		puts(" is not listed");
	}
	return hits ? EXIT_LISTED : EXIT_NOT_LISTED;
}

static int report_all(const struct program *p, struct jsonl *j)
{
	int r = EXIT_LISTED;

	for (unsigned i = 0; i < p->feed_count; i++) {
		if (!p->feeds[i].set)
			r = EXIT_REFUSED;
		if (!p->json) {
			feed_text_row(&p->feeds[i]);
			continue;
		}
		jsonl_reset(j);
		jsonl_obj(j, NULL);
		jsonl_arr(j, "feeds");
		feed_json_row(j, &p->feeds[i]);
		jsonl_arr_end(j);
		out_line(j);
	}
	return r;
}

static int run(struct program *p)
{
	_cleanup_(jsonl_done) struct jsonl j;
	unsigned usable = 0;
	int best = EXIT_NOT_LISTED;

	jsonl_init(&j);
	for (unsigned i = 0; i < p->feed_count; i++) {
		feed_load(p, &p->feeds[i]);
		usable += p->feeds[i].set != NULL;
		if (p->thing_count && !p->feeds[i].set)
			fprintf(stderr, "pierglass: feed: %s cannot be used: %s\n", p->feeds[i].name, why_not(&p->feeds[i]));
	}
	if (!p->thing_count)
		return report_all(p, &j);
	for (unsigned i = 0; i < p->thing_count; i++) {
		int r = check_one(p, &j, p->things[i]);

		if (r == EXIT_USAGE)
			return r;
		if (r == EXIT_LISTED)
			best = EXIT_LISTED;
	}
	return best == EXIT_LISTED || usable == p->feed_count ? best : EXIT_REFUSED;
}

int feed_main(int argc, char **argv)
{
	static struct program p;
	int r;

	if (arguments(&p, argc, argv) < 0) {
		fprintf(stderr, "usage: pierglass-inspect feed … (started by \"pierglass feed\")\n");
		return EXIT_USAGE;
	}
	r = sandbox_enter_replay(MEMORY);
	if (r < 0) {
		fprintf(stderr, "pierglass: cannot enter the sandbox: %s\n", strerror(-r));
		return EXIT_REFUSED;
	}
	r = run(&p);
	for (unsigned i = 0; i < p.feed_count; i++) {
		feed_set_free(p.feeds[i].set);
		free(p.feeds[i].text);
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "pierglass: standard output: %s\n", strerror(errno));
		return EXIT_REFUSED;
	}
	return r;
}
