/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of the event ring as any bytes: the tables of processes and listeners take them or refuse them, arguments come out
 * as one line of bounded length without a control byte other than the separator. */
#include <stdlib.h>
#include <string.h>

#include "sensor/watch/args.h"
#include "sensor/watch/listeners.h"
#include "sensor/watch/processes.h"

static void check(const char *text, size_t max, char separator)
{
	if (strlen(text) > max)
		abort();
	for (; *text; text++)
		if (((unsigned char)*text < 0x20 && *text != separator) || *text == 0x7f)
			abort();
}

static void check_process(uint32_t index, const struct process *p, void *arg)
{
	check(p->exe, PG_TEXT_MAX * 4, 0);
	check(p->script, PG_TEXT_MAX * 4, 0);
	check(p->cwd, PG_TEXT_MAX * 4, 0);
	check(p->args, ARGS_TEXT_MAX, ARGS_SEPARATOR);
	check(p->comm, 15, 0);
}

static void take(struct processes *p, struct listeners *l, const struct pg_event *ev, const char *text)
{
	processes_event(p, ev, text);
	listeners_event(l, ev);
	if (ev->type == PG_EV_PROCESS && text)
		processes_set_args(p, processes_find(p, ev->tgid, ev->start_boot_ns), text, ev->text_len);
	if (ev->type == PG_EV_NONE) {
		processes_sweep_begin(p, ev->ts_ns);
		processes_sweep_end(p);
		listeners_sweep_begin(l, ev->ts_ns);
		listeners_sweep_end(l);
		processes_expire(p, ev->ts_ns);
		listeners_expire(l, ev->ts_ns);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct processes *p = processes_new(64);
	struct listeners *l = listeners_new(64);
	char args[ARGS_TEXT_MAX];

	if (size <= PG_ARGS_MAX) {
		args_redact((const char *)data, size, args, sizeof(args));
		check(args, sizeof(args) - 1, ARGS_SEPARATOR);
	}
	for (unsigned n = 0; n < 64 && size >= sizeof(struct pg_event); n++) {
		struct pg_event ev;
		char *text;

		memcpy(&ev, data, sizeof(ev));
		data += sizeof(ev);
		size -= sizeof(ev);
		ev.type %= PG_EV_MAX + 1;
		ev.tgid %= 8; /* so that they meet */
		ev.text_len %= PG_EVENT_TEXT_MAX;
		if (ev.text_len > size)
			ev.text_len = (uint32_t)size;
		text = malloc(ev.text_len + 1); /* of exactly this size: a read beyond it is seen */
		if (!text)
			break;
		memcpy(text, data, ev.text_len);
		data += ev.text_len;
		size -= ev.text_len;
		take(p, l, &ev, text);
		free(text);
	}
	processes_each(p, check_process, NULL);
	processes_free(p);
	listeners_free(l);
	return 0;
}
