/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/replay_write.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "appid/replay_label.h"
#include "appid/text.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/facts.h"

#define ADDR_LEN INET6_ADDRSTRLEN

int replay_format_parse(const char *s, enum replay_format *ret)
{
	static const char *const names[REPLAY_FORMAT_MAX] = { "text", "json", "csv" };

	for (int i = 0; i < REPLAY_FORMAT_MAX; i++)
		if (!strcmp(s, names[i])) {
			*ret = (enum replay_format)i;
			return 0;
		}
	return -EINVAL;
}

/* ---- names ------------------------------------------------------------------------------------------------ */
struct name {
	uint8_t addr[16];
	char *name;
};

struct replay_names {
	struct name *at;
	size_t count, cap;
};

struct replay_names *replay_names_new(void)
{
	return calloc(1, sizeof(struct replay_names));
}

void replay_names_free(struct replay_names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->count; i++)
		free(n->at[i].name);
	free(n->at);
	free(n);
}

static int by_addr(const void *a, const void *b)
{
	return memcmp(((const struct name *)a)->addr, ((const struct name *)b)->addr, 16);
}

static bool addr_parse(const char *s, uint8_t ret[16])
{
	if (strchr(s, ':'))
		return inet_pton(AF_INET6, s, ret) == 1;
	memset(ret, 0, 16);
	ret[10] = ret[11] = 0xff;
	return inet_pton(AF_INET, s, ret + 12) == 1;
}

static int name_add(struct replay_names *n, const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len);
	char addr[ADDR_LEN], clean[256];
	struct name e;

	if (!space || (size_t)(space - line) >= sizeof(addr))
		return 0;
	memcpy(addr, line, (size_t)(space - line));
	addr[space - line] = '\0';
	if (!addr_parse(addr, e.addr))
		return 0;
	if (n->count == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 64;
		struct name *p = reallocarray(n->at, cap, sizeof(*p));

		if (!p)
			return -ENOMEM;
		n->at = p;
		n->cap = cap;
	}
	text_sanitise(clean, sizeof(clean), space + 1, len - (size_t)(space + 1 - line));
	e.name = strdup(clean);
	if (!e.name)
		return -ENOMEM;
	n->at[n->count++] = e;
	return 0;
}

int replay_names_read(struct replay_names *n, const char *text, size_t len)
{
	const char *end = text + len;
	int r = 0;

	while (text < end && r == 0) {
		const char *nl = memchr(text, '\n', (size_t)(end - text)), *stop = nl ? nl : end;

		r = name_add(n, text, (size_t)(stop - text));
		text = stop + 1;
	}
	qsort(n->at, n->count, sizeof(n->at[0]), by_addr);
	return r;
}

const char *replay_names_find(const struct replay_names *n, const uint8_t addr[16])
{
	struct name key;
	const struct name *e;

	if (!n || !n->count)
		return NULL;
	memcpy(key.addr, addr, 16);
	e = bsearch(&key, n->at, n->count, sizeof(n->at[0]), by_addr);
	return e ? e->name : NULL;
}

/* ---- rows -------------------------------------------------------------------------------------------------- */
/* Decimal digits of n, at least `least` of them. Returns where the text goes on. (printf is a tenth of a replay's time.) */
static char *digits(char *to, uint64_t n, unsigned least)
{
	char back[20];
	unsigned i = 0;

	for (; n || i < least; n /= 10)
		back[i++] = (char)('0' + n % 10);
	while (i)
		*to++ = back[--i];
	return to;
}

static const char *addr_text(const uint8_t addr[16], char buf[ADDR_LEN])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char *to = buf;

	if (memcmp(addr, mapped, 12))
		return inet_ntop(AF_INET6, addr, buf, ADDR_LEN);
	for (unsigned i = 12; i < 16; i++) {
		to = digits(to, addr[i], 1);
		*to++ = i < 15 ? '.' : '\0';
	}
	return buf;
}

static const char *proto_text(uint8_t proto, char buf[8])
{
	const char *name = replay_proto_name(proto);

	if (name)
		return name;
	snprintf(buf, 8, "ip-%u", proto);
	return buf;
}

/* Seconds since 1970, with as many digits as the capture has. */
static const char *time_text(uint64_t ns, char buf[32])
{
	char *to = digits(buf, ns / NSEC_PER_SEC, 1);

	*to++ = '.';
	to = ns % 1000 ? digits(to, ns % NSEC_PER_SEC, 9) : digits(to, ns % NSEC_PER_SEC / 1000, 6);
	*to = '\0';
	return buf;
}

void replay_writer_init(struct replay_writer *w, FILE *out, enum replay_format format, const struct replay_names *names)
{
	*w = (struct replay_writer){ .out = out, .format = format, .names = names };
	jsonl_init(&w->json);
}

void replay_writer_done(struct replay_writer *w)
{
	jsonl_done(&w->json);
}

static void row_json(struct replay_writer *w, const struct replay_row *row)
{
	char src[ADDR_LEN], dst[ADDR_LEN], l4[8], first[32], last[32];
	struct jsonl *j = &w->json;
	const char *text;
	size_t len;

	jsonl_reset(j);
	jsonl_obj(j, NULL);
	jsonl_str(j, "src", addr_text(row->src, src));
	jsonl_str(j, "dst", addr_text(row->dst, dst));
	jsonl_u64(j, "sport", row->sport);
	jsonl_u64(j, "dport", row->dport);
	jsonl_str(j, "l4", proto_text(row->proto, l4));
	jsonl_str(j, "app", row->app);
	jsonl_str(j, "app_confidence", row->confidence);
	jsonl_str(j, "host", row->host[0] ? row->host : NULL);
	jsonl_u64(j, "bytes_to_server", row->bytes_to_server);
	jsonl_u64(j, "bytes_to_client", row->bytes_to_client);
	jsonl_u64(j, "packets_to_server", row->packets_to_server);
	jsonl_u64(j, "packets_to_client", row->packets_to_client);
	jsonl_raw(j, "first_seen", time_text(row->first_ns, first));
	jsonl_raw(j, "last_seen", time_text(row->last_ns, last));
	if (row->has_vni)
		jsonl_u64(j, "vni", row->vni);
	else
		jsonl_null(j, "vni");
	if (row->vlan_count) {
		jsonl_arr(j, "vlan");
		for (unsigned i = 0; i < row->vlan_count; i++)
			jsonl_u64(j, NULL, row->vlan[i]);
		jsonl_arr_end(j);
	}
	if (row->info[0])
		jsonl_str(j, "info", row->info);
	if (row->facts && row->facts[0])
		facts_json(j, row->facts, replay_fact_ns, NULL, true);
	if (w->names) {
		jsonl_str(j, "client", replay_names_find(w->names, row->src));
		jsonl_str(j, "server", replay_names_find(w->names, row->dst));
	}
	jsonl_obj_end(j);
	jsonl_newline(j);
	text = jsonl_text(j, &len);
	if (text)
		fwrite(text, 1, len, w->out);
}

/* RFC 4180 2; a value that a spreadsheet would take for a formula is made text. */
static void csv_text(FILE *f, const char *s)
{
	fputs(",\"", f);
	if (s && s[0] && strchr("=+-@", s[0]))
		fputc('\'', f);
	for (; s && *s; s++) {
		if (*s == '"')
			fputc('"', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

static void row_csv(struct replay_writer *w, const struct replay_row *row)
{
	char src[ADDR_LEN], dst[ADDR_LEN], l4[8], first[32], last[32], vni[16] = "";

	if (!w->begun)
		fprintf(w->out, "src,dst,sport,dport,l4,app,app_confidence,host,bytes_to_server,bytes_to_client,packets_to_server,"
				"packets_to_client,first_seen,last_seen,vni%s\r\n", w->names ? ",client,server" : "");
	if (row->has_vni)
		snprintf(vni, sizeof(vni), "%u", row->vni);
	fprintf(w->out, "%s,%s,%u,%u,%s,%s,%s", addr_text(row->src, src), addr_text(row->dst, dst), row->sport, row->dport,
		proto_text(row->proto, l4), row->app, row->confidence);
	csv_text(w->out, row->host);
	fprintf(w->out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s,%s,%s", row->bytes_to_server, row->bytes_to_client,
		row->packets_to_server, row->packets_to_client, time_text(row->first_ns, first), time_text(row->last_ns, last), vni);
	if (w->names) {
		csv_text(w->out, replay_names_find(w->names, row->src));
		csv_text(w->out, replay_names_find(w->names, row->dst));
	}
	fputs("\r\n", w->out);
}

static const char *end_text(const struct replay_writer *w, const uint8_t addr[16], uint16_t port, char *buf, size_t size)
{
	const char *name = replay_names_find(w->names, addr);
	char a[ADDR_LEN];

	addr_text(addr, a);
	if (port && strchr(a, ':'))
		snprintf(buf, size, "%s%s[%s]:%u", name ? name : "", name ? " " : "", a, port);
	else if (port)
		snprintf(buf, size, "%s%s%s:%u", name ? name : "", name ? " " : "", a, port);
	else
		snprintf(buf, size, "%s%s%s", name ? name : "", name ? " " : "", a);
	return buf;
}

static void row_text(struct replay_writer *w, const struct replay_row *row)
{
	char src[320], dst[320], l4[8], app[48], vni[24] = "";

	if (!w->begun)
		fprintf(w->out, "%-24s %-24s %-6s %-22s %-10s %9s %9s %12s %12s %10s  %s\n", "CLIENT", "SERVER", "L4", "PROTOCOL", "SURE",
			"PACKETS>", "<PACKETS", "BYTES>", "<BYTES", "SECONDS", "HOST");
	snprintf(app, sizeof(app), "%s", row->app);
	if (row->has_vni)
		snprintf(vni, sizeof(vni), " (VNI %u)", row->vni);
	fprintf(w->out, "%-24s %-24s %-6s %-22s %-10s %9" PRIu64 " %9" PRIu64 " %12" PRIu64 " %12" PRIu64 " %10.3f  %s%s\n",
		end_text(w, row->src, row->sport, src, sizeof(src)), end_text(w, row->dst, row->dport, dst, sizeof(dst)),
		proto_text(row->proto, l4), app, row->confidence, row->packets_to_server, row->packets_to_client,
		row->bytes_to_server, row->bytes_to_client, (double)(row->last_ns - row->first_ns) / 1e9,
		row->host[0] ? row->host : row->has_vni ? "" : "-", vni);
}

bool replay_write_row(const struct replay_row *row, void *arg)
{
	static void (*const write_row[REPLAY_FORMAT_MAX])(struct replay_writer *, const struct replay_row *) = { row_text, row_json,
														row_csv };
	struct replay_writer *w = arg;

	write_row[w->format](w, row);
	w->begun = true;
	return !ferror(w->out);
}

/* ---- summary ------------------------------------------------------------------------------------------------ */
static void _printf_(4, 5) note(FILE *out, uint64_t n, const char *unit, const char *fmt, ...)
{
	va_list ap;

	if (!n)
		return;
	fprintf(out, "  %" PRIu64 " %s", n, unit);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	fputc('\n', out);
}

void replay_write_summary(const struct replay_stats *s, FILE *out)
{
	fprintf(out, "%" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " flows in %.3f s of capture; %" PRIu64 " packets in flows\n", s->packets,
		s->bytes, s->flows, (double)(s->last_ns - s->first_ns) / 1e9, s->counted);
	note(out, s->tunnelled, "packets", " were taken out of tunnels");
	note(out, s->joined, "datagrams", " were joined from fragments");
	note(out, s->bare, "packets", " have a transport header that is cut or damaged");
	note(out, s->cut_payloads, "packets", " have content that is cut by the snap length");
	note(out, s->too_deep, "packets", " carry a further tunnel that was left closed (encapsulation too deep)");
	for (int i = 0; i < REPLAY_SKIP_MAX; i++)
		note(out, s->skipped[i], "packets", " skipped: %s", replay_skip_name((enum replay_skip)i));
	for (unsigned i = 0; i < s->linktypes_unknown_count; i++)
		fprintf(out, "  link type %u is not supported\n", s->linktypes_unknown[i]);
}
