/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/pierglass/scan_stack.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

/* "8080->80/tcp 443/tcp" */
static void add_ports(struct cli_table *t, const json_t *v)
{
	char buf[400] = "";
	size_t i, len = 0;
	json_t *p;

	json_array_foreach(json_object_get(v, "ports"), i, p) {
		unsigned published = (unsigned)u64_of(p, "published");
		int n = snprintf(buf + len, sizeof(buf) - len, "%s%s%s", len ? " " : "", str_of(p, "host_ip"), str_of(p, "host_ip")[0] ? ":" : "");

		if (n < 0 || (size_t)n >= sizeof(buf) - len)
			break;
		len += (size_t)n;
		n = published ? snprintf(buf + len, sizeof(buf) - len, "%u->%u/%s", published, (unsigned)u64_of(p, "target"), str_of(p, "protocol")) :
				snprintf(buf + len, sizeof(buf) - len, "%u/%s", (unsigned)u64_of(p, "target"), str_of(p, "protocol"));
		if (n < 0 || (size_t)n >= sizeof(buf) - len)
			break;
		len += (size_t)n;
	}
	cli_table_add(t, buf);
}

static void add_names(struct cli_table *t, const json_t *list)
{
	char buf[300] = "";
	size_t i, len = 0;
	json_t *v;

	json_array_foreach(list, i, v) {
		int n = snprintf(buf + len, sizeof(buf) - len, "%s%s", len ? " " : "", json_string_value(v));

		if (n < 0 || (size_t)n >= sizeof(buf) - len)
			break;
		len += (size_t)n;
	}
	cli_table_add(t, buf);
}

void scan_show_stack(const json_t *root)
{
	static const struct cli_column services[] = { { "SERVICE", false, 8 }, { "IMAGE", false, 12 }, { "PORTS", false, 8 }, { "NETWORKS", false, 8 },
						      { "REPLICAS", true, 0 }, { "BECAUSE OF", false, 12 } },
				       edges[] = { { "CLIENT", false, 8 }, { "SERVER", false, 8 }, { "PORT", true, 0 },
						   { "BY", false, 0 }, { "BECAUSE OF", false, 12 } };
	struct cli_table *t = cli_table_new(services, ARRAY_SIZE(services));
	size_t i;
	json_t *v;

	fputs("Project: ", stdout);
	cli_put(stdout, str_of(root, "project"));
	fputs("\n\n", stdout);
	json_array_foreach(json_object_get(root, "services"), i, v) {
		cli_table_add(t, str_of(v, "name"));
		cli_table_addf(t, "%s%s", str_of(v, "image"), str_of(v, "image")[0] ? "" : str_of(v, "build")[0] ? "(built)" : "");
		add_ports(t, v);
		add_names(t, json_object_get(v, "networks"));
		cli_table_addf(t, "%u", (unsigned)u64_of(v, "replicas"));
		cli_table_add(t, str_of(v, "source"));
	}
	cli_table_write(t, stdout, cli_width());
	cli_table_free(t);
	if (!json_array_size(json_object_get(root, "edges"))) {
		puts("\nNo service is declared to call another.");
		return;
	}
	putchar('\n');
	t = cli_table_new(edges, ARRAY_SIZE(edges));
	json_array_foreach(json_object_get(root, "edges"), i, v) {
		cli_table_add(t, str_of(v, "client"));
		cli_table_add(t, str_of(v, "server"));
		cli_table_addf(t, u64_of(v, "port") ? "%u" : "any", (unsigned)u64_of(v, "port"));
		cli_table_add(t, str_of(v, "kind"));
		cli_table_add(t, str_of(v, "source"));
	}
	cli_table_write(t, stdout, cli_width());
	cli_table_free(t);
}
