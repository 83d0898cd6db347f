/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many of the reference labels of real captures the inspector finds when it is fed as the kernel feeds it. The captures
 * are not in the repository; PIERGLASS_DATA names the directory that holds pcap-ndpi (default ../shared/data). Without it
 * this is a note. PIERGLASS_VERBOSE=1 lists what differs; PIERGLASS_SPLIT=N cuts each TCP payload into pieces of N bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>
#include <pcap/pcap.h>

#include "appid/inspector.h"
#include "appid/ndpi_engine.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define SLOTS (1u << 14)

struct seen {
	struct flow_key key;
	bool used;
	unsigned sampled[2], samples[2];
	uint8_t confidence;
	char app[40], host[128];
};

struct run {
	struct seen *slots;
	struct inspector *insp;
	uint64_t ns, samples;
	unsigned split;
};

static struct seen *slot_of(struct run *r, const struct flow_key *key)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof(*key); i++)
		h = (h ^ ((const uint8_t *)key)[i]) * 16777619u;
	for (unsigned i = 0; i < SLOTS; i++) {
		struct seen *s = &r->slots[(h + i) & (SLOTS - 1)];

		if (!s->used || !memcmp(&s->key, key, sizeof(*key))) {
			s->used = true;
			s->key = *key;
			return s;
		}
	}
	return NULL;
}

static void on_label(const struct msg_label *l, void *arg)
{
	struct seen *s = slot_of(arg, &l->key);

	assert_non_null(memchr(l->app, 0, sizeof(l->app)));
	assert_non_null(memchr(l->host, 0, sizeof(l->host)));
	assert_non_null(memchr(l->info, 0, sizeof(l->info)));
	if (s && l->confidence >= s->confidence) {
		s->confidence = l->confidence;
		memcpy(s->app, l->app, sizeof(s->app));
		memcpy(s->host, l->host, sizeof(s->host));
	}
}

static void on_dns(const struct msg_dns *d, void *arg)
{
	assert_non_null(memchr(d->name, 0, sizeof(d->name)));
}

static void on_enough(const struct flow_key *key, uint32_t serial, void *arg)
{
}

static unsigned budget(uint8_t proto)
{
	return proto == IPPROTO_UDP ? PG_SAMPLE_DATAGRAM_BUDGET : PG_SAMPLE_BUDGET;
}

static bool budget_used(const struct seen *f, unsigned dir, uint8_t proto)
{
	return f->sampled[dir] >= budget(proto) || (proto == IPPROTO_UDP && f->samples[dir] >= PG_SAMPLE_COUNT_MAX);
}

/* As the kernel does it: at most PG_SAMPLE_MAX of a packet (PG_SAMPLE_STREAM_MAX of a segment), so much of a direction, PG_SAMPLE_COUNT_MAX datagrams. */
static void sample(struct run *r, const struct flow_key *key, unsigned dir, uint32_t seq, struct bytes payload, size_t wire_len,
		   uint64_t ts_ns)
{
	struct seen *f = slot_of(r, key);
	size_t cap = bytes_left(&payload);
	uint64_t begin;
	struct pg_sample s = { .version = PG_ABI_VERSION, .dir = (uint8_t)dir, .tcp_seq = seq, .ts_ns = ts_ns,
			       .payload_len = (uint32_t)wire_len, .key = *key };

	if (!f || !cap || budget_used(f, dir, key->proto))
		return;
	if (cap > (key->proto == IPPROTO_UDP ? PG_SAMPLE_MAX : PG_SAMPLE_STREAM_MAX))
		cap = key->proto == IPPROTO_UDP ? PG_SAMPLE_MAX : PG_SAMPLE_STREAM_MAX;
	if (cap > budget(key->proto) - f->sampled[dir])
		cap = budget(key->proto) - f->sampled[dir];
	f->sampled[dir] += (unsigned)cap;
	f->samples[dir]++;
	s.cap_len = (uint16_t)cap;
	if (cap < wire_len)
		s.flags |= PG_SAMPLE_CUT;
	if (budget_used(f, dir, key->proto))
		s.flags |= PG_SAMPLE_LAST;
	begin = clock_mono_ns();
	inspector_sample(r->insp, &s, payload.p);
	inspector_tick(r->insp, ts_ns);
	r->ns += clock_mono_ns() - begin;
	r->samples++;
}

static void map4(uint8_t out[16], const uint8_t *p)
{
	memset(out, 0, 16);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, p, 4);
}

static void transport(struct run *r, struct flow_key key, struct bytes b, size_t wire_len, uint64_t ts_ns)
{
	unsigned dir = 0;
	uint32_t seq = 0;
	size_t header = 8;

	if ((key.proto != 6 && key.proto != 17) || bytes_left(&b) < (key.proto == 6 ? 20u : 8u))
		return;
	memcpy(key.port, b.p, 4);
	if (key.proto == 6) {
		seq = be32_at(b.p + 4) + !!(b.p[13] & 2);
		header = (size_t)(b.p[12] >> 4) * 4;
	} else if (be16_at(b.p + 4) >= 8 && be16_at(b.p + 4) < wire_len) {
		wire_len = be16_at(b.p + 4);
	}
	if (header > wire_len || !bytes_skip(&b, header))
		return;
	wire_len -= header;
	if (bytes_left(&b) > wire_len)
		b.end = b.p + wire_len;
	{
		uint8_t a[18], z[18];

		memcpy(a, key.addr[0], 16);
		memcpy(a + 16, &key.port[0], 2);
		memcpy(z, key.addr[1], 16);
		memcpy(z + 16, &key.port[1], 2);
		if (memcmp(a, z, 18) > 0) {
			struct flow_key swapped = key;

			memcpy(swapped.addr[0], key.addr[1], 16);
			memcpy(swapped.addr[1], key.addr[0], 16);
			swapped.port[0] = key.port[1];
			swapped.port[1] = key.port[0];
			key = swapped;
			dir = 1;
		}
	}
	if (key.proto == 6 && r->split) {
		while (bytes_left(&b)) {
			size_t n = bytes_left(&b) < r->split ? bytes_left(&b) : r->split;

			sample(r, &key, dir, seq, bytes_of(b.p, n), n, ts_ns);
			b.p += n;
			seq += (uint32_t)n;
		}
		return;
	}
	sample(r, &key, dir, seq, b, wire_len, ts_ns);
}

static void network(struct run *r, struct bytes b, uint64_t ts_ns)
{
	struct flow_key key = { .ns = 1 };
	size_t header, wire_len;

	if (bytes_left(&b) >= 20 && b.p[0] >> 4 == 4) {
		header = (size_t)(b.p[0] & 15) * 4;
		wire_len = be16_at(b.p + 2);
		if (be16_at(b.p + 6) & 0x3fff || wire_len < header)
			return;
		key.proto = b.p[9];
		map4(key.addr[0], b.p + 12);
		map4(key.addr[1], b.p + 16);
	} else if (bytes_left(&b) >= 40 && b.p[0] >> 4 == 6) {
		header = 40;
		wire_len = be16_at(b.p + 4) + 40u;
		key.proto = b.p[6];
		memcpy(key.addr[0], b.p + 8, 16);
		memcpy(key.addr[1], b.p + 24, 16);
	} else {
		return;
	}
	if (key.proto == 41 || key.proto == 4) { /* the reference looks into these */
		if (bytes_skip(&b, header))
			network(r, b, ts_ns);
		return;
	}
	if (bytes_left(&b) > wire_len)
		b.end = b.p + wire_len;
	if (bytes_skip(&b, header))
		transport(r, key, b, wire_len - header, ts_ns);
}

static void link_layer(struct run *r, int dlt, struct bytes b, uint64_t ts_ns)
{
	uint16_t type = 0;

	switch (dlt) {
	case DLT_EN10MB:
		if (!bytes_skip(&b, 12) || !bytes_be16(&b, &type))
			return;
		while (type == 0x8100 || type == 0x88a8)
			if (!bytes_skip(&b, 2) || !bytes_be16(&b, &type))
				return;
		if (type == 0x8864 && bytes_left(&b) > 8) { /* PPPoE session */
			b.p += 8;
			break;
		}
		if (type == 0x8847) /* one MPLS label is enough here */
			bytes_skip(&b, 4);
		break;
	case DLT_LINUX_SLL:
		bytes_skip(&b, 16);
		break;
	case DLT_NULL:
		bytes_skip(&b, 4);
		break;
	}
	network(r, b, ts_ns);
}

static void read_capture(struct run *r, const char *path)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, err);
	struct pcap_pkthdr *h;
	const u_char *data;

	if (!p)
		return;
	while (pcap_next_ex(p, &h, &data) == 1)
		link_layer(r, pcap_datalink(p), bytes_of(data, h->caplen),
			   (uint64_t)h->ts.tv_sec * NSEC_PER_SEC + (uint64_t)h->ts.tv_usec);
	pcap_close(p);
}

static bool parse_addr(const char *s, uint8_t out[16])
{
	uint8_t four[4];

	if (inet_pton(AF_INET, s, four) == 1) {
		map4(out, four);
		return true;
	}
	return inet_pton(AF_INET6, s, out) == 1;
}

static const struct seen *reference_flow(struct run *r, json_t *f)
{
	const char *src = json_string_value(json_object_get(f, "src_ip")), *dst = json_string_value(json_object_get(f, "dst_ip"));
	uint8_t a[16], b[16];
	uint16_t sport = htons((uint16_t)json_integer_value(json_object_get(f, "src_port")));
	uint16_t dport = htons((uint16_t)json_integer_value(json_object_get(f, "dst_port")));
	int proto = (int)json_integer_value(json_object_get(f, "l4proto"));

	if (!src || !dst || !parse_addr(src, a) || !parse_addr(dst, b))
		return NULL;
	for (unsigned i = 0; i < SLOTS; i++) {
		const struct seen *s = &r->slots[i];

		if (!s->used || s->key.proto != proto)
			continue;
		for (unsigned e = 0; e < 2; e++)
			if (!memcmp(s->key.addr[e], a, 16) && !memcmp(s->key.addr[!e], b, 16) && s->key.port[e] == sport &&
			    s->key.port[!e] == dport)
				return s;
	}
	return NULL;
}

struct tally {
	unsigned all, same, same_master, ours_more, wrong, none;
};

static void compare(struct run *r, const char *file, json_t *ref, struct tally *t)
{
	json_t *f;
	bool verbose = getenv("PIERGLASS_VERBOSE");
	size_t i;

	json_array_foreach(json_object_get(ref, "flows"), i, f) {
		const char *want = json_string_value(json_object_get(f, "ndpi_proto_dpi_only"));
		int proto = (int)json_integer_value(json_object_get(f, "l4proto"));
		const struct seen *s;
		size_t n;

		if (!want || (proto != 6 && proto != 17) || !strcmp(want, "Unknown"))
			continue;
		if (!strcmp(want, "FTP_DATA")) /* nDPI takes port 20 for it: a guess here */
			continue;
		s = reference_flow(r, f);
		n = strcspn(want, ".");
		t->all++;
		if (s && s->confidence >= LABEL_PARTIAL && !strcmp(s->app, want))
			t->same++;
		else if (s && s->confidence >= LABEL_PARTIAL && !strncmp(s->app, want, n) && (!s->app[n] || s->app[n] == '.'))
			t->same_master++;
		else if (s && s->confidence >= LABEL_PARTIAL)
			t->wrong++;
		else
			t->none++;
		if (verbose && !(s && s->confidence >= LABEL_PARTIAL && !strcmp(s->app, want)))
			print_message("# %s: %s:%d %s:%d want %s got %s (%d)\n", file, json_string_value(json_object_get(f, "src_ip")),
				      (int)json_integer_value(json_object_get(f, "src_port")),
				      json_string_value(json_object_get(f, "dst_ip")),
				      (int)json_integer_value(json_object_get(f, "dst_port")), want, s ? s->app : "no payload",
				      s ? s->confidence : -1);
	}
}

struct bench {
	struct run run;
	struct inspector_sink sink;
	struct ndpi_engine *engine;
	struct tally tally;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->run.split = getenv("PIERGLASS_SPLIT") ? (unsigned)strtoul(getenv("PIERGLASS_SPLIT"), NULL, 10) : 0;
	b->sink = (struct inspector_sink){ .label = on_label, .dns = on_dns, .enough = on_enough, .arg = &b->run };
	b->run.slots = calloc(SLOTS, sizeof(*b->run.slots));
	b->engine = ndpi_engine_new();
	*state = b;
	return b->engine && b->run.slots ? 0 : -1;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	free(b->run.slots);
	ndpi_engine_free(b->engine);
	free(b);
	return 0;
}

static void run_capture(struct bench *b, const char *dir, const char *file, json_t *ref)
{
	const struct inspector_limits limits = { .flows = 16384, .seed = 1 };
	const char *only = getenv("PIERGLASS_ONLY");
	char path[800];

	if (only && !strstr(file, only))
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	memset(b->run.slots, 0, SLOTS * sizeof(*b->run.slots));
	b->run.insp = inspector_new(&limits, &b->sink, b->engine);
	assert_non_null(b->run.insp);
	read_capture(&b->run, path);
	inspector_finish(b->run.insp);
	compare(&b->run, file, ref, &b->tally);
	inspector_free(b->run.insp);
}

static void verdict(const struct bench *b)
{
	const struct tally *t = &b->tally;

	print_message("# of %u reference labels: %u the same, %u the same protocol with another application, %u other, %u none; "
		      "%llu ns a sample\n", t->all, t->same, t->same_master, t->wrong, t->none,
		      (unsigned long long)(b->run.samples ? b->run.ns / b->run.samples : 0));
	if (!getenv("PIERGLASS_ONLY") && t->all)
		assert_true((t->same + t->same_master) * 100 >= t->all * 90);
}

static const char *data_dir(const char *family, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", getenv("PIERGLASS_DATA") ?: "../shared/data", family);
	if (access(buf, R_OK) == 0)
		return buf;
	print_message("# note: no captures at %s; the generator's own are what counts\n", buf);
	return NULL;
}

static void test_ndpi_captures(void **state)
{
	struct bench *b = *state;
	char buf[512], ref_path[800];
	const char *dir = data_dir("pcap-ndpi", buf, sizeof(buf));
	DIR *list = dir ? opendir(dir) : NULL;
	struct dirent *d;

	while (list && (d = readdir(list))) {
		json_t *ref;

		if (!strstr(d->d_name, ".pcap"))
			continue;
		snprintf(ref_path, sizeof(ref_path), "%s/ref/%s.json", dir, d->d_name);
		ref = json_load_file(ref_path, 0, NULL);
		run_capture(b, dir, d->d_name, ref);
		json_decref(ref);
	}
	if (list)
		closedir(list);
	verdict(b);
}

/* One line of ref.jsonl a capture. */
static void run_family(struct bench *b, const char *family)
{
	char buf[512], ref_path[800], *line = NULL;
	const char *dir = data_dir(family, buf, sizeof(buf));
	size_t size = 0;
	FILE *f;

	if (!dir)
		return;
	snprintf(ref_path, sizeof(ref_path), "%s/ref.jsonl", dir);
	f = fopen(ref_path, "r");
	while (f && getline(&line, &size, f) > 0) {
		json_t *ref = json_loads(line, 0, NULL);
		const char *file = json_string_value(json_object_get(ref, "file"));

		if (file)
			run_capture(b, dir, file, ref);
		json_decref(ref);
	}
	free(line);
	if (f)
		fclose(f);
}

static void test_suricata_captures(void **state)
{
	struct bench *b = *state;

	memset(&b->tally, 0, sizeof(b->tally));
	run_family(b, "pcap-suricata");
	verdict(b);
}

/* No crash is what counts here; few flows have a label. */
static void test_malformed_captures(void **state)
{
	struct bench *b = *state;

	memset(&b->tally, 0, sizeof(b->tally));
	run_family(b, "pcap-malformed");
	print_message("# %llu samples so far\n", (unsigned long long)b->run.samples);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ndpi_captures), cmocka_unit_test(test_suricata_captures),
					    cmocka_unit_test(test_malformed_captures) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
