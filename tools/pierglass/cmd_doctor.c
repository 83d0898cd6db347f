/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor: what this machine has and lacks for the sensor, how the sensor does, and what to do about it. Changes nothing. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"
#include "tools/pierglass/doctor.h"

static const char *const verdict_names[] = { "ok", "note", "warning", "fault" };

void doctor_add(struct doctor *d, enum doctor_verdict v, const char *group, const char *check, const char *advice, const char *seen, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, seen);
	vsnprintf(text, sizeof(text), seen, ap);
	va_end(ap);
	d->counts[v]++;
	json_array_append_new(d->checks, json_pack("{ss ss ss ss+ ss}", "group", group, "check", check, "verdict", verdict_names[v], "seen",
						   text, "", "advice", advice));
}

static void print(const struct doctor *d)
{
	const char *group = "";
	json_t *c;
	size_t i;

	json_array_foreach(d->checks, i, c) {
		if (strcmp(group, str_of(c, "group")))
			printf("%s%s\n", *group ? "\n" : "", str_of(c, "group"));
		group = str_of(c, "group");
		printf("  %-8s %-22s ", str_of(c, "verdict"), str_of(c, "check"));
		cli_put(stdout, str_of(c, "seen"));
		putchar('\n');
		if (*str_of(c, "advice"))
			printf("  %-8s %-22s -> %s\n", "", "", str_of(c, "advice"));
	}
	printf("\n%u faults, %u warnings\n", d->counts[DOCTOR_FAIL], d->counts[DOCTOR_WARN]);
}

int cmd_doctor(const struct cli_options *o)
{
	struct doctor d = { .checks = json_array() };
	char *text;

	doctor_machine(&d);
	doctor_engine(&d, NULL);
	doctor_sensor(&d, o);
	if (!o->json) {
		print(&d);
	} else {
		text = json_dumps(d.checks, JSON_COMPACT);
		printf("{\"checks\":%s,\"faults\":%u,\"warnings\":%u}\n", text ? text : "[]", d.counts[DOCTOR_FAIL], d.counts[DOCTOR_WARN]);
		free(text);
	}
	json_decref(d.checks);
	return d.counts[DOCTOR_FAIL] ? CLI_FOUND : CLI_OK;
}
