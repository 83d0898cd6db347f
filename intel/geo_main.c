/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The library opens databases by name, so that is done before the sandbox is entered; their trees and records are read in it. */
#include "intel/geo_main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/jsonl.h"
#include "intel/geo_mmdb.h"
#include "intel/indicator.h"
#include "sensor/sandbox.h"

enum { DATABASES_MAX = 8, EXIT_FOUND = 0, EXIT_NOT_FOUND = 1, EXIT_USAGE = 2, EXIT_REFUSED = 4 };

struct database {
	const char *name;
	struct geo *geo;
	char why[GEO_WHY_LEN];
};

static const char *wrong(int rc)
{
	return rc == -EAFNOSUPPORT ? "an IPv6 address, and the database has none" : "the record is broken";
}

/* 0: found, 1: not, 4: broken. */
static int answer(const struct database *d, const char *text, bool json)
{
	_cleanup_free_ char *data = NULL;
	struct geo_entry e = { .asn = 0 };
	uint8_t first[16], last[16];
	struct jsonl j;
	int rc = -1;
	bool address = indicator_ip(text, strlen(text), first, last) && !memcmp(first, last, 16);

	if (address && d->geo) {
		/* Written as IPv6 it is asked for as that, as mmdblookup does. */
		rc = strchr(text, ':') && geo_has_v4_only(d->geo) ? -EAFNOSUPPORT : geo_json(d->geo, first, &data);
		if (rc > 0)
			(void)geo_lookup(d->geo, first, &e);
	}
	if (json) {
		jsonl_init(&j);
		jsonl_obj(&j, NULL);
		jsonl_str(&j, "query", text);
		jsonl_str(&j, "database", d->name);
		jsonl_bool(&j, "found", rc > 0);
		jsonl_str(&j, "error", !address ? "no address" : !d->geo ? d->why : rc < 0 ? wrong(rc) : "");
		jsonl_str(&j, "country", e.country);
		jsonl_u64(&j, "asn", e.asn);
		jsonl_str(&j, "as_org", e.as_org);
		if (data)
			jsonl_raw(&j, "data", data);
		else
			jsonl_null(&j, "data");
		jsonl_obj_end(&j);
		jsonl_newline(&j);
		fputs(jsonl_text(&j, NULL) ? jsonl_text(&j, NULL) : "", stdout);
		jsonl_done(&j);
	} else if (rc > 0) {
		printf("%s: %s%s%.0u%s%s\n", text, e.country[0] ? e.country : "-", e.asn ? " AS" : "", e.asn, e.as_org[0] ? " " : "", e.as_org);
	} else {
		printf("%s: %s\n", text, !address ? "no address" : !d->geo ? d->why : rc < 0 ? wrong(rc) : "not in the database");
	}
	return !address ? EXIT_USAGE : rc > 0 ? EXIT_FOUND : rc == 0 ? EXIT_NOT_FOUND : EXIT_REFUSED;
}

int geo_main(int argc, char **argv)
{
	static struct database databases[DATABASES_MAX];
	unsigned count = 0;
	bool json = false;
	int i = 1, worst = EXIT_FOUND, r;

	for (; i < argc && !strcmp(argv[i], "--json"); i++)
		json = true;
	for (; i + 1 < argc && strcmp(argv[i], "--") != 0 && count < DATABASES_MAX; i += 2, count++) {
		databases[count].name = argv[i + 1];
		(void)geo_open((int)strtoul(argv[i], NULL, 10), &databases[count].geo, databases[count].why);
	}
	if (!count || i >= argc || strcmp(argv[i], "--") != 0) {
		fprintf(stderr, "usage: pierglass-inspect geo … (started by \"pierglass feed check --geo\")\n");
		return EXIT_USAGE;
	}
	r = sandbox_enter_replay(1ULL << 30);
	if (r < 0) {
		fprintf(stderr, "pierglass: cannot enter the sandbox: %s\n", strerror(-r));
		return EXIT_REFUSED;
	}
	for (i++; i < argc; i++)
		for (unsigned k = 0; k < count; k++) {
			r = answer(&databases[k], argv[i], json);
			worst = r > worst ? r : worst;
		}
	for (unsigned k = 0; k < count; k++)
		geo_close(databases[k].geo);
	return fflush(stdout) ? EXIT_REFUSED : worst;
}
