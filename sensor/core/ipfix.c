/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/ipfix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fixbuf/public.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/json_views.h"
#include "sensor/msg.h"

#define TEXT_MAX 96 /* of a name in a record: a record with all of them fits into a message */
enum { TID_V4 = 0x1000, TID_V6 };
/* flowEndReason, RFC 5102 */
enum { END_IDLE = 1, END_ACTIVE = 2, END_DETECTED = 3 };

/* As libfixbuf reads it, in the order of the templates: no gaps. */
struct record {
	uint64_t start_ms, end_ms;
	uint64_t bytes, packets, flow_id;
	uint8_t src6[16], dst6[16];
	uint32_t src4, dst4;
	uint16_t sport, dport;
	uint8_t proto, end_reason, direction, padding;
	fbVarfield_t app, src_workload, dst_workload, src_container, dst_container, src_program, dst_program, confidence, verdict, host, network, engine, node;
};

struct ipfix {
	fbInfoModel_t *model;
	fbSession_t *session;
	fBuf_t *buf;
	fbExporter_t *exporter;
	uint8_t message[IPFIX_MESSAGE_MAX];
	void (*emit)(const uint8_t *message, size_t len, void *arg);
	void *arg;
};

enum { V4 = 1, V6 = 2 };
#define IN(name, len) { (char *)(name), len, 0 }
static fbInfoElementSpec_t fields[] = {
	IN("flowStartMilliseconds", 8), IN("flowEndMilliseconds", 8), IN("octetDeltaCount", 8), IN("packetDeltaCount", 8), IN("flowId", 8),
	{ (char *)"sourceIPv6Address", 16, V6 }, { (char *)"destinationIPv6Address", 16, V6 },
	{ (char *)"sourceIPv4Address", 4, V4 }, { (char *)"destinationIPv4Address", 4, V4 },
	IN("sourceTransportPort", 2), IN("destinationTransportPort", 2), IN("protocolIdentifier", 1), IN("flowEndReason", 1), IN("biflowDirection", 1),
	{ (char *)"paddingOctets", 1, V4 | V6 | 4 }, /* inside only */
	IN("applicationName", FB_IE_VARLEN), IN("pierglassSourceWorkload", FB_IE_VARLEN), IN("pierglassDestinationWorkload", FB_IE_VARLEN),
	IN("pierglassSourceContainer", FB_IE_VARLEN), IN("pierglassDestinationContainer", FB_IE_VARLEN), IN("pierglassSourceProgram", FB_IE_VARLEN),
	IN("pierglassDestinationProgram", FB_IE_VARLEN), IN("pierglassApplicationConfidence", FB_IE_VARLEN), IN("pierglassVerdict", FB_IE_VARLEN),
	IN("pierglassHost", FB_IE_VARLEN), IN("pierglassNetwork", FB_IE_VARLEN), IN("pierglassEngine", FB_IE_VARLEN), IN("pierglassNode", FB_IE_VARLEN),
	FB_IESPEC_NULL
};

static void failed(const char *what, GError **e)
{
	log_debug("IPFIX: %s: %s", what, *e ? (*e)->message : "no reason given");
	g_clear_error(e);
}

static void add_elements(fbInfoModel_t *m, uint32_t ent)
{
	static const struct {
		const char *name, *what;
	} own[] = {
		{ "pierglassSourceWorkload", "workload that sent: compose project/service, Swarm service, or a name for outside parties" },
		{ "pierglassDestinationWorkload", "workload that received" },
		{ "pierglassSourceContainer", "container that sent" },
		{ "pierglassDestinationContainer", "container that received" },
		{ "pierglassSourceProgram", "executable that owns the sending socket" },
		{ "pierglassDestinationProgram", "executable that owns the receiving socket" },
		{ "pierglassApplicationConfidence", "how applicationName was found: dpi, port-guess, ..." },
		{ "pierglassVerdict", "none, allow, drop, reset, listed" },
		{ "pierglassHost", "host name of HTTP, TLS or DNS" },
		{ "pierglassNetwork", "container network" },
		{ "pierglassEngine", "container engine" },
		{ "pierglassNode", "node of the sensor" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
		fbInfoElement_t e = FB_IE_INIT_FULL(own[i].name, ent, (uint16_t)(i + 1), FB_IE_VARLEN, 0, 0, 0, FB_STRING, own[i].what);

		fbInfoModelAddElement(m, &e);
	}
}

/* The template inside (all fields) or of one family outside. */
static bool add_template(struct ipfix *x, bool internal, uint16_t tid, uint32_t family, GError **e)
{
	fbTemplate_t *t = fbTemplateAlloc(x->model);

	for (fbInfoElementSpec_t *s = fields; s->name; s++) {
		fbInfoElementSpec_t one = *s;

		if (!internal && s->flags && (!(s->flags & family) || s->flags & 4))
			continue;
		one.flags = 0;
		if (!fbTemplateAppendSpec(t, &one, 0xffffffff, e)) {
			fbTemplateFreeUnused(t);
			return false;
		}
	}
	if (fbSessionAddTemplate(x->session, internal, tid, t, e))
		return true;
	fbTemplateFreeUnused(t);
	return false;
}

int ipfix_new(uint32_t domain, uint32_t enterprise, void (*emit)(const uint8_t *message, size_t len, void *arg), void *arg, struct ipfix **ret)
{
	struct ipfix *x = calloc(1, sizeof(*x));
	GError *e = NULL;
	bool good;

	if (!x)
		return -ENOMEM;
	x->emit = emit;
	x->arg = arg;
	x->model = fbInfoModelAlloc();
	add_elements(x->model, enterprise);
	x->session = fbSessionAlloc(x->model);
	fbSessionSetDomain(x->session, domain); /* before its templates */
	good = add_template(x, true, TID_V4, 0, &e) && add_template(x, false, TID_V4, V4, &e) && add_template(x, false, TID_V6, V6, &e);
	x->exporter = fbExporterAllocBuffer(x->message, sizeof(x->message));
	x->buf = fBufAllocForExport(x->session, x->exporter); /* takes both over */
	fBufSetAutomaticMode(x->buf, FALSE);
	if (!good || !fBufSetInternalTemplate(x->buf, TID_V4, &e)) {
		log_error("IPFIX: %s", e ? e->message : "the templates do not hold together");
		g_clear_error(&e);
		ipfix_free(x);
		return -ENOMEM;
	}
	*ret = x;
	return 0;
}

void ipfix_free(struct ipfix *x)
{
	if (!x)
		return;
	fBufFree(x->buf);
	fbInfoModelFree(x->model);
	free(x);
}

int ipfix_flush(struct ipfix *x)
{
	GError *e = NULL;
	size_t len;

	x->message[1] = 0; /* of the version: stays when there was nothing to emit, which the length does not tell */
	if (!fBufEmit(x->buf, &e)) {
		failed("a message could not be ended", &e);
		return -EIO;
	}
	len = fbExporterGetMsgLen(x->exporter);
	if (len && x->message[1])
		x->emit(x->message, len, x->arg);
	return 0;
}

int ipfix_templates(struct ipfix *x)
{
	GError *e = NULL;

	/* They have a message of their own: what is begun ends, and libfixbuf may want to be told so twice. */
	for (int again = 0; again < 2; again++) {
		if (ipfix_flush(x) < 0)
			return -EIO;
		if (fbSessionExportTemplates(x->session, &e))
			return ipfix_flush(x);
		if (again || !g_error_matches(e, FB_ERROR_DOMAIN, FB_ERROR_EOM))
			break;
		g_clear_error(&e);
	}
	failed("templates", &e);
	return -EIO;
}

static fbVarfield_t text(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (n > TEXT_MAX)
		for (n = TEXT_MAX; n && ((unsigned char)s[n] & 0xc0) == 0x80; n--) /* no half characters */
			;
	return (fbVarfield_t){ .buf = (uint8_t *)(uintptr_t)(s ? s : ""), .len = n };
}

static bool put(struct ipfix *x, uint16_t tid, struct record *r)
{
	GError *e = NULL;

	for (int again = 0; again < 2; again++) {
		if (!fBufSetExportTemplate(x->buf, tid, &e) || !fBufAppend(x->buf, (uint8_t *)r, sizeof(*r), &e)) {
			bool full = g_error_matches(e, FB_ERROR_DOMAIN, FB_ERROR_EOM);

			if (full && !again && ipfix_flush(x) == 0) {
				g_clear_error(&e);
				continue;
			}
			failed("a record", &e);
			return false;
		}
		return true;
	}
	return false;
}

static const char *workload_of(const struct core_end_view *e)
{
	return e->container ? e->container->workload : e->id;
}

static void set_ends(struct record *r, const struct core_end_view *from, const struct core_end_view *to)
{
	r->sport = from->port;
	r->dport = to->port;
	r->src_workload = text(workload_of(from));
	r->dst_workload = text(workload_of(to));
	r->src_container = text(from->container ? from->container->name : "");
	r->dst_container = text(to->container ? to->container->name : "");
	r->src_program = text(from->exe);
	r->dst_program = text(to->exe);
}

/* 4 or 6; 0: this is no address. */
static int set_addresses(struct record *r, const char *from, const char *to)
{
	struct in_addr a, b;

	if (inet_pton(AF_INET, from, &a) == 1 && inet_pton(AF_INET, to, &b) == 1) {
		r->src4 = ntohl(a.s_addr);
		r->dst4 = ntohl(b.s_addr);
		return 4;
	}
	return inet_pton(AF_INET6, from, r->src6) == 1 && inet_pton(AF_INET6, to, r->dst6) == 1 ? 6 : 0;
}

int ipfix_flow(struct ipfix *x, const struct core_flow_view *v, const char *node, const char *verdict)
{
	struct record r = {
		.start_ms = v->first_seen_ns / NSEC_PER_MSEC, .end_ms = v->last_seen_ns / NSEC_PER_MSEC, .flow_id = v->id, .proto = v->l4,
		.end_reason = !v->state || strcmp(v->state, "closed") ? END_IDLE : END_DETECTED,
		.app = text(v->app && v->app[0] ? v->app : "Unknown"), .confidence = text(label_confidence_name(v->app_confidence)),
		.verdict = text(verdict), .host = text(v->host),
		.network = text(v->server.network && v->server.network[0] ? v->server.network : v->client.network),
		.engine = text(v->engine), .node = text(node),
	};
	int done = 0;

	for (int back = 0; back < 2; back++) {
		const struct core_end_view *from = back ? &v->server : &v->client, *to = back ? &v->client : &v->server;
		int family;

		r.bytes = back ? v->bytes_to_client : v->bytes_to_server;
		r.packets = back ? v->packets_to_client : v->packets_to_server;
		r.direction = back ? 2 : 1; /* RFC 5103: reverse of, from the initiator */
		family = r.packets ? set_addresses(&r, from->addr, to->addr) : 0;
		if (!family)
			continue;
		set_ends(&r, from, to);
		if (!put(x, family == 4 ? TID_V4 : TID_V6, &r))
			return -EIO;
		done++;
	}
	return done;
}
