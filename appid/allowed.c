/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "appid/allowed.h"

#include <stdio.h>
#include <string.h>

#include "appid/recognise.h"
#include "base/cleanup.h"

/* Protocols that one conversation may change to by itself: what a listener of the one may answer when it was learned as the other. */
static const enum app_id kin[][2] = {
	{ APP_HTTP, APP_HTTP_CONNECT }, { APP_HTTP, APP_HTTP_PROXY }, { APP_HTTP, APP_WEBSOCKET }, { APP_HTTP, APP_HTTP2 },
	{ APP_HTTP, APP_HTTP_ETCD }, { APP_HTTP, APP_HTTP_ELASTICSEARCH }, { APP_HTTP, APP_HTTP_OPENSEARCH }, { APP_HTTP2, APP_GRPC },
	{ APP_HTTP2, APP_GRPC_ETCD }, { APP_HTTP_CONNECT, APP_HTTP_PROXY }, { APP_GRPC, APP_GRPC_ETCD }, { APP_HTTP2, APP_WEBSOCKET },
};

/* As models have them: without what comes after the dot. */
static uint32_t hash_of(enum app_id app)
{
	static uint32_t hashes[APP_MAX]; /* filled at the first call */
	char name[40];

	for (int i = 0; !hashes[APP_UNKNOWN] && i < APP_MAX; i++) {
		enum app_id a = (enum app_id)(APP_MAX - 1 - i);

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(app_name(a), "."), app_name(a));
		hashes[a] = queue_app_hash(name);
	}
	return hashes[app];
}

/* Whether app is what has that name, or its kin. */
static bool is_of(uint32_t name, enum app_id app)
{
	if (hash_of(app) == name)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(kin); i++)
		for (int way = 0; way < 2; way++)
			if (kin[i][way] == app && hash_of(kin[i][!way]) == name)
				return true;
	return false;
}

static bool fits(const struct msg_queue_ask *m, enum app_id app)
{
	for (unsigned i = 0; i < m->count; i++)
		if (is_of(m->app[i], app))
			return true;
	return false;
}

static const struct recogniser *recogniser_at(unsigned i)
{
	return i < recog_text_count ? &recog_text[i] : &recog_binary[i - recog_text_count];
}

/* The recogniser of SMTP's greeting is that of FTP's, too. */
static bool recognises(const struct recogniser *r, uint32_t name)
{
	return is_of(name, r->app) || (r->app == APP_SMTP && is_of(name, APP_FTP_CONTROL));
}

/* Whether our recognisers know all that begins a conversation of this name. Of LDAP they know one message only. */
static bool is_judged(uint32_t name, bool datagram)
{
	static const enum app_id datagrams[] = { APP_DNS, APP_MDNS, APP_LLMNR, APP_NTP, APP_VXLAN, APP_TFTP, APP_QUIC };

	for (size_t i = 0; datagram && i < ARRAY_SIZE(datagrams); i++)
		if (hash_of(datagrams[i]) == name)
			return true;
	for (unsigned i = 0; !datagram && i < recog_text_count + recog_binary_count; i++)
		if (recogniser_at(i)->app != APP_LDAP && recognises(recogniser_at(i), name))
			return true;
	return false;
}

/* Of several names one that cannot be judged is enough: then nothing is wrong. */
static bool all_judged(const struct msg_queue_ask *m)
{
	for (unsigned i = 0; i < m->count; i++)
		if (!is_judged(m->app[i], m->datagram))
			return false;
	return m->count > 0;
}

/* Whether one that was not ruled out is of what is allowed. */
static bool in_the_race(const struct msg_queue_ask *m, const struct recog_state *s)
{
	for (unsigned i = 0; i < recog_text_count + recog_binary_count; i++)
		for (unsigned k = 0; k < m->count; k++)
			if (((s->alive[0] | s->alive[1]) >> i & 1) && recognises(recogniser_at(i), m->app[k]))
				return true;
	return false;
}

static enum queue_what stream_judge(const struct msg_queue_ask *m, const struct bytes heads[2], enum app_id *ret_app)
{
	static const bool whole[2] = { false, false };
	struct recog_state s = { 0 };
	struct recog_found found = { .app = APP_UNKNOWN };
	enum recog r = recognise_stream(&s, heads, whole, m->port, &found);

	if (r >= RECOG_LIKELY)
		*ret_app = found.app;
	if (r == RECOG_YES)
		return fits(m, found.app) ? QUEUE_FITS : QUEUE_WRONG;
	if (r == RECOG_LIKELY && fits(m, found.app))
		return QUEUE_LIKELY;
	return in_the_race(m, &s) ? QUEUE_MORE : QUEUE_WRONG;
}

/* The side that spoke last is not known: what either said counts. */
static enum queue_what datagram_judge(const struct msg_queue_ask *m, const struct bytes heads[2], enum app_id *ret_app)
{
	enum queue_what what = QUEUE_WRONG;

	for (unsigned dir = 0; dir < 2; dir++) {
		struct recog_found found = { .app = APP_UNKNOWN };
		enum recog r;

		if (!bytes_left(&heads[dir]))
			continue;
		r = recognise_datagram(dir, heads[dir], bytes_left(&heads[dir]) == QUEUE_HEAD_MAX, m->port, &found);
		if (r == RECOG_NO)
			r = recognise_quic(dir, heads[dir], &found);
		if (r >= RECOG_LIKELY)
			*ret_app = found.app;
		if (r >= RECOG_LIKELY && fits(m, found.app))
			return QUEUE_FITS;
	}
	return what;
}

bool allowed_answer(const void *body, size_t len, struct msg_queue_answer *ret)
{
	const uint8_t *at = (const uint8_t *)body + sizeof(struct msg_queue_ask);
	enum app_id app = APP_UNKNOWN;
	struct msg_queue_ask m;
	struct bytes heads[2];

	if (len < sizeof(m))
		return false;
	memcpy(&m, body, sizeof(m));
	if (m.len[0] > QUEUE_HEAD_MAX || m.len[1] > QUEUE_HEAD_MAX || m.count > QUEUE_APPS_MAX || len != sizeof(m) + m.len[0] + m.len[1])
		return false;
	heads[0] = (struct bytes){ at, at + m.len[0] };
	heads[1] = (struct bytes){ at + m.len[0], at + m.len[0] + m.len[1] };
	*ret = (struct msg_queue_answer){ .id = m.id };
	ret->what = (uint8_t)(m.datagram ? datagram_judge(&m, heads, &app) : stream_judge(&m, heads, &app));
	if (ret->what != QUEUE_FITS && !all_judged(&m))
		ret->what = QUEUE_CANNOT;
	snprintf(ret->app, sizeof(ret->app), "%s", app_name(app));
	return true;
}
