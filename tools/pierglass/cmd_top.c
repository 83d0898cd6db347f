/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top: workloads by what they send and receive, their connections, processes, events and losses, looked at again and again.
 * On a terminal with ncurses; elsewhere, or with --json, one answer. */
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

#define REFRESH_MS 2000
#define ROWS_MAX 1000

struct row {
	char workload[384];
	unsigned containers;
	uint64_t connections, processes, listeners, sent, received, events, lost;
	double sent_s, received_s, events_s; /* a second, since the answer before */
	bool throttled;
};

struct sample {
	struct row rows[ROWS_MAX];
	size_t count;
	uint64_t at_ns;
};

static struct row *row_of(struct sample *s, const char *workload)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strncmp(s->rows[i].workload, workload, sizeof(s->rows[i].workload) - 1))
			return &s->rows[i];
	if (s->count == ROWS_MAX)
		return NULL;
	s->rows[s->count] = (struct row){ .containers = 0 };
	snprintf(s->rows[s->count].workload, sizeof(s->rows[0].workload), "%s", workload);
	return &s->rows[s->count++];
}

static void take(struct sample *s, const json_t *containers)
{
	const json_t *v;
	size_t i;

	s->count = 0;
	s->at_ns = clock_mono_ns();
	json_array_foreach(containers, i, v) {
		const json_t *events = json_object_get(v, "events");
		struct row *r;

		if (strcmp(str_of(v, "state"), "running") || bool_of(v, "remote"))
			continue;
		r = row_of(s, str_of(v, "workload"));
		if (!r)
			continue;
		r->containers++;
		r->connections += u64_of(v, "connections");
		r->processes += u64_of(v, "processes");
		r->listeners += u64_of(v, "listeners");
		r->sent += u64_of(v, "bytes_sent");
		r->received += u64_of(v, "bytes_received");
		r->events += u64_of(events, "produced");
		r->lost += u64_of(events, "ring_lost") + u64_of(events, "throttled") +
			   u64_of(json_object_get(v, "flow_table"), "refused_packets");
		r->throttled |= bool_of(events, "throttled_now");
	}
}

static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0; /* flows that ended take their bytes with them */
}

static void rates(struct sample *now, struct sample *before)
{
	double seconds = (double)(now->at_ns - before->at_ns) / (double)NSEC_PER_SEC;

	for (size_t i = 0; i < now->count && before->at_ns && seconds > 0; i++) {
		struct row *r = &now->rows[i];

		for (size_t k = 0; k < before->count; k++) {
			const struct row *b = &before->rows[k];

			if (strcmp(b->workload, r->workload) != 0)
				continue;
			r->sent_s = rate(r->sent, b->sent, seconds);
			r->received_s = rate(r->received, b->received, seconds);
			r->events_s = rate(r->events, b->events, seconds);
		}
	}
}

static int by_traffic(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	double dx = x->sent_s + x->received_s, dy = y->sent_s + y->received_s;

	if (dx > dy || dx < dy)
		return dx > dy ? -1 : 1;
	if (x->connections != y->connections)
		return x->connections > y->connections ? -1 : 1;
	return strcmp(x->workload, y->workload);
}

static const char head[] = "    SENT/S     RECV/S  CONNS  PROCS  LISTEN   EVENTS/S       LOST  WORKLOAD";

static void row_text(const struct row *r, char *line, size_t len)
{
	char sent[16], received[16], count[24] = "";

	if (r->containers > 1)
		snprintf(count, sizeof(count), " x%u", r->containers);
	snprintf(line, len, "%10s %10s %6llu %6llu %7llu %10.1f %10llu  %s%s%s", cli_bytes((uint64_t)r->sent_s, sent),
		 cli_bytes((uint64_t)r->received_s, received), (unsigned long long)r->connections, (unsigned long long)r->processes,
		 (unsigned long long)r->listeners, r->events_s, (unsigned long long)r->lost, r->workload, count,
		 r->throttled ? " (events cut off)" : "");
}

static int ask(const struct cli_options *o, struct sample *s)
{
	json_t *j;
	int code = cli_get_json(o, "/v1/containers", &j, NULL);

	if (code)
		return code;
	take(s, j);
	json_decref(j);
	return CLI_OK;
}

static void draw(struct sample *s)
{
	char line[1024];
	int height, width;

	getmaxyx(stdscr, height, width);
	erase();
	attron(A_BOLD);
	mvaddnstr(0, 0, head, width);
	attroff(A_BOLD);
	qsort(s->rows, s->count, sizeof(s->rows[0]), by_traffic);
	for (size_t i = 0; i < s->count && (int)i + 2 < height; i++) {
		_cleanup_free_ char *clean = NULL;

		row_text(&s->rows[i], line, sizeof(line));
		clean = cli_clean(line, (size_t)width, NULL);
		if (clean)
			mvaddstr((int)i + 1, 0, clean);
	}
	mvaddnstr(height - 1, 0, "q: quit", width);
	refresh();
}

static int watch(const struct cli_options *o, struct sample *now, struct sample *before)
{
	int code = CLI_OK, key = 0;

	setlocale(LC_CTYPE, "");
	if (!initscr())
		return CLI_REFUSED;
	cbreak();
	noecho();
	curs_set(0);
	timeout(REFRESH_MS);
	while (!code && key != 'q') {
		rates(now, before);
		draw(now);
		*before = *now;
		key = getch();
		if (key != 'q')
			code = ask(o, now);
	}
	endwin();
	return code;
}

int cmd_top(const struct cli_options *o)
{
	struct sample *two = calloc(2, sizeof(*two));
	const char *term = getenv("TERM");
	char line[1024];
	int code;

	if (!two)
		return CLI_REFUSED;
	if (o->json) {
		free(two);
		return cmd_containers(o);
	}
	code = ask(o, &two[1]);
	if (!code && isatty(1) && isatty(0) && term && term[0] && strcmp(term, "dumb") != 0) {
		two[0] = two[1];
		code = watch(o, &two[0], &two[1]);
	} else if (!code) { /* one table, with the rates of a second */
		sleep(1);
		code = ask(o, &two[0]);
		rates(&two[0], &two[1]);
		qsort(two[0].rows, two[0].count, sizeof(two[0].rows[0]), by_traffic);
		puts(head);
		for (size_t i = 0; !code && i < two[0].count; i++) {
			row_text(&two[0].rows[i], line, sizeof(line));
			cli_put(stdout, line);
			putchar('\n');
		}
	}
	free(two);
	return code;
}
