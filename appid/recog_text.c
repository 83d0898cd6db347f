/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recognisers of protocols that speak in lines. */
#include "appid/http2_head.h"
#include "appid/http_head.h"
#include "appid/recognise.h"
#include "appid/text.h"
#include "base/cleanup.h"

#define SELF(app_, fn_, first_) { .app = (app_), .fn = (fn_), .first = (first_), .first_len = (int)sizeof(first_) - 1 }

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Does b begin with one of the words (case ignored) followed by a space, CR, LF? MORE while it could. */
static enum recog one_of(struct bytes b, const char *const *words, size_t count)
{
	bool more = false;

	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(words[i]), left = bytes_left(&b);

		if (left <= n) {
			char part[24] = "";

			if (left < sizeof(part)) {
				memcpy(part, words[i], left);
				more |= text_starts_nocase(b, part);
			}
			continue;
		}
		if (text_starts_nocase(b, words[i]) && (b.p[n] == ' ' || b.p[n] == '\r' || b.p[n] == '\n'))
			return RECOG_YES;
	}
	return more ? RECOG_MORE : RECOG_NO;
}

#define LINE_MAX_LEN 400 /* of a banner or an answer; what is longer is judged by its begin */

/* The first line of a side with its line end; cut at LINE_MAX_LEN. False: it has not come yet. What a recogniser says about
 * a line must not depend on how much came after it: a stream that comes in pieces gets the same label. */
static bool whole_line(struct bytes b, bool whole, struct bytes *ret)
{
	struct bytes rest = b, line;

	if (bytes_left(&rest) > LINE_MAX_LEN)
		rest.end = rest.p + LINE_MAX_LEN;
	if (text_line(&rest, &line))
		*ret = (struct bytes){ b.p, rest.p };
	else if (bytes_left(&b) >= LINE_MAX_LEN || (whole && bytes_left(&b)))
		*ret = rest;
	else
		return false;
	return true;
}

/* ---- HTTP/1 -------------------------------------------------------------------------------------- */
static enum recog http(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct http_head h;

	switch (http_head_probe(in->head[0], in->whole[0])) {
	case HTTP_NOT:
		return RECOG_NO;
	case HTTP_MORE:
		return RECOG_MORE;
	case HTTP_CUT:
		*ret_server = RECOG_SERVER_OTHER;
		return RECOG_LIKELY;
	case HTTP_RESPONSE:
		/* Whether the request named a proxy or a tunnel is the request's to say; wait for it if it may come. */
		*ret_server = RECOG_SERVER_SELF;
		return RECOG_YES;
	case HTTP_REQUEST:
		break;
	}
	http_head_parse(in->head[0], in->whole[0], &h);
	*ret_server = RECOG_SERVER_OTHER;
	if (text_starts(h.method, "CONNECT"))
		*ret_app = APP_HTTP_CONNECT;
	else if (text_starts_nocase(h.target, "http://"))
		*ret_app = APP_HTTP_PROXY;
	return RECOG_YES;
}

static enum recog http2(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	int r = http2_preface(in->head[0]);

	*ret_server = RECOG_SERVER_OTHER;
	return r > 0 ? RECOG_YES : r ? RECOG_NO : RECOG_MORE;
}

/* ---- SSH (RFC 4253 4.2) -------------------------------------------------------------------------- */
static enum recog ssh(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];

	*ret_server = RECOG_SERVER_UNKNOWN;
	if (!text_may_start(b, "SSH-"))
		return RECOG_NO;
	if (bytes_left(&b) < 8)
		return RECOG_MORE;
	if ((b.p[4] != '1' && b.p[4] != '2') || b.p[5] != '.' || !is_digit(b.p[6]))
		return RECOG_NO;
	return b.p[7] == '-' || is_digit(b.p[7]) ? RECOG_YES : RECOG_NO;
}

/* ---- Redis (RESP) -------------------------------------------------------------------------------- */
/* "<digits>\r\n" from *b: 1 taken, 0 not all there, -1 something else. */
static int resp_number(struct bytes *b, uint32_t *ret)
{
	uint32_t v = 0;
	size_t n = 0;

	for (; n < bytes_left(b) && is_digit(b->p[n]); n++) {
		if (n == 8)
			return -1;
		v = v * 10 + (uint32_t)(b->p[n] - '0');
	}
	if (n == bytes_left(b))
		return 0;
	if (!n || b->p[n] != '\r')
		return -1;
	if (n + 1 == bytes_left(b))
		return 0;
	if (b->p[n + 1] != '\n')
		return -1;
	b->p += n + 2;
	*ret = v;
	return 1;
}

static enum recog redis_request(struct bytes b)
{
	uint32_t count, len;
	int r;

	b.p++;
	r = resp_number(&b, &count);
	if (r <= 0)
		return r < 0 ? RECOG_NO : RECOG_MORE;
	if (!bytes_left(&b))
		return RECOG_MORE;
	if (!count || *b.p++ != '$')
		return RECOG_NO;
	r = resp_number(&b, &len);
	if (r <= 0)
		return r < 0 ? RECOG_NO : RECOG_MORE;
	if (!len || len > 64)
		return RECOG_NO;
	for (uint32_t i = 0; i < len; i++) {
		if (i == bytes_left(&b))
			return RECOG_MORE;
		if (!is_alpha(b.p[i]) && b.p[i] != '.' && b.p[i] != '_' && !is_digit(b.p[i]))
			return RECOG_NO;
	}
	return RECOG_YES;
}

static enum recog redis_client(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	*ret_server = RECOG_SERVER_OTHER;
	return redis_request(in->head[0]);
}

/* Is this line, with its end, the begin of any RESP2/RESP3 answer? */
static bool resp_answer(struct bytes b)
{
	uint32_t n;

	if (!bytes_left(&b) || !memchr("+-:$*%_#", *b.p, 8))
		return false;
	if (*b.p == '+' || *b.p == '-')
		return bytes_left(&b) > 3 && is_alpha(b.p[1]) && b.end[-2] == '\r' && b.end[-1] == '\n' && text_is_printable(b);
	if (*b.p++ == '$' && text_starts(b, "-1\r\n"))
		return true;
	return resp_number(&b, &n) > 0;
}

static enum recog redis_inline(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const words[] = { "PING", "INFO", "AUTH", "SELECT", "HELLO", "GET", "SET", "CONFIG", "MONITOR",
					     "REPLCONF", "PSYNC", "SYNC", "SUBSCRIBE", "KEYS", "DBSIZE", "ECHO", "INCR" };
	struct bytes line, answer;
	enum recog r = one_of(in->head[0], words, ARRAY_SIZE(words));

	*ret_server = RECOG_SERVER_OTHER;
	if (r != RECOG_YES)
		return r;
	if (!whole_line(in->head[0], in->whole[0], &line) || !whole_line(in->head[1], in->whole[1], &answer))
		return RECOG_MORE;
	return text_is_printable(line) && resp_answer(answer) ? RECOG_YES : RECOG_NO;
}

/* The server alone: only what no other protocol's server says. */
static enum recog redis_server(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const sure[] = { "+PONG\r\n", "-NOAUTH ", "-WRONGPASS ", "-DENIED Redis", "-WRONGTYPE ", "-MISCONF ",
					    "-READONLY ", "-LOADING Redis", "-ERR unknown command", "+FULLRESYNC ",
					    "-ERR wrong number of arguments", "-MOVED ", "-NOPERM " };
	struct bytes b = in->head[0];
	bool more = false;

	*ret_server = RECOG_SERVER_SELF;
	for (size_t i = 0; i < ARRAY_SIZE(sure); i++) {
		if (text_starts(b, sure[i]))
			return RECOG_YES;
		more |= text_may_start(b, sure[i]);
	}
	if (*b.p == '$') {
		uint32_t n;
		int r;

		b.p++;
		r = resp_number(&b, &n);
		if (r <= 0)
			return r < 0 ? RECOG_NO : RECOG_MORE;
		if (text_starts(b, "# Server\r\nredis_version:"))
			return RECOG_YES;
		return text_may_start(b, "# Server\r\nredis_version:") ? RECOG_MORE : RECOG_NO;
	}
	return more ? RECOG_MORE : RECOG_NO;
}

/* ---- memcached, text protocol -------------------------------------------------------------------- */
/* "<cmd> <key> <flags> <exptime> <bytes> [cas|noreply]" */
static bool memcached_storage_line(struct bytes line)
{
	unsigned word = 0;

	for (; bytes_left(&line); word++) {
		const uint8_t *sp = memchr(line.p, ' ', bytes_left(&line)), *end = sp ? sp : line.end;

		if (end == line.p || (word == 1 && end - line.p > 250))
			return false;
		for (const uint8_t *p = line.p; p < end && word >= 2 && word <= 4; p++)
			if (!is_digit(*p) && !(word == 3 && p == line.p && *p == '-'))
				return false;
		line.p = sp ? sp + 1 : line.end;
	}
	return word >= 5 && word <= 7;
}

static bool memcached_answer(struct bytes b)
{
	static const char *const answers[] = { "VALUE ", "END\r\n", "STORED\r\n", "NOT_STORED\r\n", "EXISTS\r\n", "NOT_FOUND\r\n",
					       "DELETED\r\n", "STAT ", "VERSION ", "TOUCHED\r\n", "HD ", "HD\r\n", "VA ", "EN\r\n",
					       "ITEM ", "CLIENT_ERROR ", "SERVER_ERROR " };

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		if (text_starts(b, answers[i]))
			return true;
	return text_starts(b, "ERROR\r\n") || text_starts(b, "OK\r\n");
}

static enum recog memcached_client(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const storage[] = { "set", "add", "replace", "append", "prepend", "cas" };
	static const char *const others[] = { "get", "gets", "delete", "incr", "decr", "touch", "gat", "gats", "mg", "ms",
					      "md", "mn", "me", "stats", "version", "verbosity", "flush_all", "slabs", "lru" };
	struct bytes rest = in->head[0], line, answer;
	enum recog s, o;

	*ret_server = RECOG_SERVER_OTHER;
	if (is_alpha(*rest.p) && *rest.p < 'a')
		return RECOG_NO; /* commands are lower case */
	s = one_of(rest, storage, ARRAY_SIZE(storage));
	o = one_of(rest, others, ARRAY_SIZE(others));
	if (s == RECOG_NO && o == RECOG_NO)
		return RECOG_NO;
	if (s != RECOG_YES && o != RECOG_YES)
		return RECOG_MORE;
	if (!whole_line(in->head[0], false, &line))
		return RECOG_MORE;
	rest = line;
	if (!text_line(&rest, &line) || !text_is_printable(line))
		return RECOG_NO;
	if (s == RECOG_YES && memcached_storage_line(line))
		return RECOG_YES;
	if (s == RECOG_YES)
		return RECOG_NO;
	if (whole_line(in->head[1], in->whole[1], &answer))
		return memcached_answer(answer) ? RECOG_YES : RECOG_NO;
	return in->port[1] == 11211 ? RECOG_LIKELY : RECOG_MORE;
}

static enum recog memcached_server(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0], line;

	*ret_server = RECOG_SERVER_SELF;
	if (text_starts(b, "STAT pid ") || text_starts(b, "STORED\r\n") || text_starts(b, "NOT_STORED\r\n"))
		return RECOG_YES;
	if (text_starts(b, "VALUE ") && text_line(&b, &line))
		return memcached_storage_line(line) || text_contains_nocase(line, " 0 ") ? RECOG_YES : RECOG_NO;
	return text_may_start(b, "STAT pid ") || text_may_start(b, "STORED\r\n") || text_may_start(b, "NOT_STORED\r\n") ||
			       text_may_start(b, "VALUE ") ? RECOG_MORE : RECOG_NO;
}

/* ---- mail and FTP: the server speaks first ------------------------------------------------------- */
static enum recog smtp_or_ftp(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const smtp[] = { "EHLO", "HELO", "LHLO", "MAIL", "STARTTLS" };
	static const char *const ftp[] = { "USER", "FEAT", "SYST", "AUTH", "OPTS", "CLNT", "PASS", "ACCT", "PBSZ", "PWD" };
	struct bytes b = in->head[0], line;

	*ret_server = RECOG_SERVER_SELF;
	if (!text_may_start(b, "220 ") && !text_may_start(b, "220-") && !text_may_start(b, "554 ") && !text_may_start(b, "421 "))
		return RECOG_NO;
	if (!whole_line(b, in->whole[0], &line))
		return RECOG_MORE;
	b = line;
	if (text_contains_nocase(b, "ftp")) {
		*ret_app = APP_FTP_CONTROL;
		return RECOG_YES;
	}
	if (text_contains_nocase(b, "smtp") || text_contains_nocase(b, "postfix") || text_contains_nocase(b, "exim") ||
	    text_contains_nocase(b, "sendmail") || text_contains_nocase(b, "lmtp"))
		return RECOG_YES;
	if (!whole_line(in->head[1], in->whole[1], &line))
		return RECOG_MORE;
	if (one_of(line, smtp, ARRAY_SIZE(smtp)) == RECOG_YES)
		return RECOG_YES;
	*ret_app = APP_FTP_CONTROL;
	return one_of(line, ftp, ARRAY_SIZE(ftp)) == RECOG_YES ? RECOG_YES : RECOG_NO;
}

static enum recog smtp_client(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const words[] = { "EHLO", "HELO", "LHLO" };
	struct bytes line;
	enum recog r = one_of(in->head[0], words, ARRAY_SIZE(words));

	*ret_server = RECOG_SERVER_OTHER;
	if (r != RECOG_YES)
		return r;
	if (!whole_line(in->head[0], in->whole[0], &line))
		return RECOG_MORE;
	return bytes_left(&line) > 6 && text_is_printable(line) ? RECOG_YES : RECOG_NO;
}

static enum recog imap(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0], line, tag;

	*ret_server = RECOG_SERVER_SELF;
	if (!text_may_start(b, "* OK ") && !text_may_start(b, "* PREAUTH ") && !text_may_start(b, "* BYE "))
		return RECOG_NO;
	if (!whole_line(b, in->whole[0], &line))
		return RECOG_MORE;
	if (text_starts(line, "* OK [CAPABILITY") || text_contains_nocase(line, "imap"))
		return RECOG_YES;
	/* a client's "<tag> COMMAND" decides */
	if (!whole_line(in->head[1], in->whole[1], &tag))
		return RECOG_MORE;
	while (bytes_left(&tag) && *tag.p != ' ')
		tag.p++;
	if (text_starts_nocase(tag, " capability") || text_starts_nocase(tag, " login ") || text_starts_nocase(tag, " id "))
		return RECOG_YES;
	return RECOG_NO;
}

static enum recog pop3(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const words[] = { "USER", "CAPA", "APOP", "STLS", "QUIT", "AUTH" };
	struct bytes rest = in->head[0], line, command;

	*ret_server = RECOG_SERVER_SELF;
	if (!text_may_start(rest, "+OK") || (bytes_left(&rest) > 3 && rest.p[3] != ' ' && rest.p[3] != '\r'))
		return RECOG_NO;
	if (!whole_line(rest, in->whole[0], &line))
		return RECOG_MORE;
	if (text_contains_nocase(line, "pop") || text_contains_nocase(line, "dovecot"))
		return RECOG_YES;
	if (!whole_line(in->head[1], in->whole[1], &command))
		return RECOG_MORE;
	return one_of(command, words, ARRAY_SIZE(words)) == RECOG_YES ? RECOG_YES : RECOG_NO;
}

/* ---- others -------------------------------------------------------------------------------------- */
static enum recog nats(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];

	*ret_server = RECOG_SERVER_SELF;
	if (text_starts(b, "INFO {"))
		return text_contains_nocase(b, "\"server_id\"") ? RECOG_YES : in->whole[0] ? RECOG_NO : RECOG_MORE;
	if (text_may_start(b, "INFO {"))
		return RECOG_MORE;
	*ret_server = RECOG_SERVER_OTHER;
	if (text_starts(b, "CONNECT {"))
		return text_contains_nocase(b, "\"verbose\"") || text_contains_nocase(b, "\"lang\"") ? RECOG_YES :
			in->whole[0] ? RECOG_NO : RECOG_MORE;
	return text_may_start(b, "CONNECT {") ? RECOG_MORE : RECOG_NO;
}

static enum recog zookeeper_word(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const words[] = { "ruok", "stat", "srvr", "mntr", "conf", "cons", "envi", "isro" };
	struct bytes b = in->head[0], answer;
	size_t left = bytes_left(&b);

	*ret_server = RECOG_SERVER_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!text_may_start(b, words[i]) || (left > 4 && b.p[4] != '\n' && b.p[4] != '\r'))
			continue;
		if (left >= 4 && text_starts(in->head[1], "imok"))
			return RECOG_YES;
		if (left < 4 || !whole_line(in->head[1], in->whole[1], &answer))
			return RECOG_MORE;
		return text_contains_nocase(answer, "zookeeper") || text_contains_nocase(answer, "whitelist") ||
				       text_starts(answer, "zk_") ? RECOG_YES : RECOG_NO;
	}
	return RECOG_NO;
}

/* ---- Stratum: miners and their pools, JSON in lines ------------------------------------------------ */
/* What is judged of it must not depend on how much came: the first line, or LINE_MAX_LEN bytes of it. */
static enum recog stratum(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const client[] = { "\"mining.subscribe\"", "\"mining.authorize\"", "\"mining.configure\"", "\"mining.submit\"",
					      "\"mining.extranonce.subscribe\"", "\"eth_submitLogin\"", "\"eth_submitWork\"",
					      "\"eth_getWork\"" };
	static const char *const server[] = { "\"mining.notify\"", "\"mining.set_difficulty\"", "\"mining.set_target\"",
					      "\"mining.set_extranonce\"" };
	struct bytes b = in->head[0], line;

	if (bytes_left(&b) > 1 && b.p[1] != '"' && b.p[1] != ' ')
		return RECOG_NO;
	if (!whole_line(b, in->whole[0], &line))
		return text_is_printable(b) ? RECOG_MORE : RECOG_NO;
	if (!text_is_printable(line))
		return RECOG_NO;
	*ret_server = RECOG_SERVER_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(client); i++)
		if (text_contains_nocase(line, client[i]))
			return RECOG_YES;
	if (text_contains_nocase(line, "\"login\"") && text_contains_nocase(line, "\"method\"") && text_contains_nocase(line, "\"params\"") &&
	    text_contains_nocase(line, "\"pass\"") && text_contains_nocase(line, "\"agent\"")) /* Monero's */
		return RECOG_YES;
	*ret_server = RECOG_SERVER_SELF;
	for (size_t i = 0; i < ARRAY_SIZE(server); i++)
		if (text_contains_nocase(line, server[i]))
			return RECOG_YES;
	return text_contains_nocase(line, "\"job\"") && text_contains_nocase(line, "\"blob\"") && text_contains_nocase(line, "\"job_id\"") ?
		RECOG_YES : RECOG_NO;
}

/* ---- XMPP (RFC 6120 4): either side opens its stream ------------------------------------------------ */
static enum recog xmpp(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	struct bytes b = in->head[0];

	*ret_server = RECOG_SERVER_UNKNOWN;
	if (!text_may_start(b, "<?xml") && !text_may_start(b, "<stream:stream"))
		return RECOG_NO;
	if (bytes_left(&b) > LINE_MAX_LEN)
		b.end = b.p + LINE_MAX_LEN;
	if (text_contains_nocase(b, "http://etherx.jabber.org/streams")) {
		if (text_contains_nocase(b, "'im.truphone.com'"))
			return RECOG_NO; /* nDPI has a name for this one */
		/* the client names whom it wants, the server gives an id */
		*ret_server = text_contains_nocase(b, " id=") ? RECOG_SERVER_SELF : RECOG_SERVER_OTHER;
		return RECOG_YES;
	}
	return in->whole[0] || bytes_left(&b) == LINE_MAX_LEN ? RECOG_NO : RECOG_MORE;
}

/* rsync's daemon and its client begin alike: "@RSYNCD: 31.0". */
static enum recog rsync(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char greeting[] = "@RSYNCD: ";
	struct bytes b = in->head[0];

	if (!text_starts(b, greeting))
		return text_may_start(b, greeting) ? RECOG_MORE : RECOG_NO;
	bytes_skip(&b, sizeof(greeting) - 1);
	return !bytes_left(&b) ? RECOG_MORE : *b.p >= '0' && *b.p <= '9' ? RECOG_YES : RECOG_NO;
}

/* git's own protocol (gitprotocol-pack): the first packet line, four digits of length and the service. */
static enum recog git(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const services[] = { "git-upload-pack /", "git-receive-pack /", "git-upload-archive /" };
	struct bytes b = in->head[0];
	enum recog best = RECOG_NO;
	uint8_t c;

	*ret_server = RECOG_SERVER_OTHER;
	for (unsigned i = 0; i < 4; i++) {
		if (!bytes_u8(&b, &c))
			return RECOG_MORE;
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return RECOG_NO;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(services); i++)
		if (text_starts(b, services[i]))
			return RECOG_YES;
		else if (text_may_start(b, services[i]))
			best = RECOG_MORE;
	return best;
}

/* Digits up to and with the byte that ends them. Yes: *ret_number has at most max. */
static enum recog number_to(struct bytes *b, char end, unsigned max, unsigned *ret_number)
{
	unsigned n = 0, digits = 0;
	uint8_t c;

	while (bytes_u8(b, &c)) {
		if (c == (uint8_t)end && digits) {
			*ret_number = n;
			return n <= max ? RECOG_YES : RECOG_NO;
		}
		if (c < '0' || c > '9' || ++digits > 6)
			return RECOG_NO;
		n = n * 10 + c - '0';
	}
	return RECOG_MORE;
}

/* Syslog over TCP (RFC 6587): octets counted or not, then RFC 5424's header or the month of RFC 3164's. */
static enum recog syslog_tcp(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char *const begins[] = { "1 1", "1 2", "1 -",  "Jan ", "Feb ", "Mar ", "Apr ", "May ",
					      "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ", "Dec " };
	struct bytes b = in->head[0];
	enum recog r = RECOG_YES, best = RECOG_NO;
	unsigned n;
	uint8_t c;

	*ret_server = RECOG_SERVER_OTHER;
	if (*b.p != '<')
		r = number_to(&b, ' ', 65535, &n);
	if (r == RECOG_YES)
		r = !bytes_u8(&b, &c) ? RECOG_MORE : c == '<' ? number_to(&b, '>', 191, &n) : RECOG_NO;
	if (r != RECOG_YES)
		return r;
	for (unsigned i = 0; i < ARRAY_SIZE(begins); i++)
		if (text_starts(b, begins[i]))
			return RECOG_YES;
		else if (text_may_start(b, begins[i]))
			best = RECOG_MORE;
	return best;
}

/* BEP 3: either peer may speak first. */
static enum recog bittorrent(const struct recog_in *in, enum app_id *ret_app, int *ret_server)
{
	static const char start[] = "\x13" "BitTorrent protocol";

	if (!text_may_start(in->head[0], start))
		return RECOG_NO;
	return bytes_left(&in->head[0]) >= sizeof(start) - 1 ? RECOG_YES : RECOG_MORE;
}

const struct recogniser recog_text[] = {
	SELF(APP_HTTP, http, "GPHDOCTMULRSNBV"),
	SELF(APP_HTTP2, http2, "P"),
	SELF(APP_SSH, ssh, "S"),
	SELF(APP_REDIS, redis_client, "*"),
	SELF(APP_REDIS, redis_inline, "PIASHGCMRKDEpiashgcmrkde"),
	SELF(APP_REDIS, redis_server, "+-$"),
	SELF(APP_MEMCACHED, memcached_client, "sarpcgditmvfl"),
	SELF(APP_MEMCACHED, memcached_server, "SNV"),
	SELF(APP_SMTP, smtp_or_ftp, "254"),
	SELF(APP_SMTP, smtp_client, "EHLehl"),
	SELF(APP_IMAP, imap, "*"),
	SELF(APP_POP3, pop3, "+"),
	SELF(APP_NATS, nats, "IC"),
	SELF(APP_ZOOKEEPER, zookeeper_word, "rsmcei"),
	SELF(APP_MINING, stratum, "{"),
	SELF(APP_XMPP, xmpp, "<"),
	SELF(APP_RSYNC, rsync, "@"),
	SELF(APP_GIT, git, "0"),
	SELF(APP_SYSLOG, syslog_tcp, "123456789<"),
	SELF(APP_BITTORRENT, bittorrent, "\x13"),
};
const unsigned recog_text_count = ARRAY_SIZE(recog_text);
