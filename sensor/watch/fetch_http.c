/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server is not trusted with more than its certificate shows: no other scheme, no redirect into this node's own world, and
 * bounds for size (unpacked), time and slowness. */
#include "sensor/watch/fetch_http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "intel/indicator.h"
#include "intel/never_block.h"

enum {
	CONNECT_TIMEOUT_S = 20,
	SLOW_BYTES_S = 64, /* less than this for SLOW_S seconds: given up */
	SLOW_S = 20,
	CA_BYTES_MAX = 4 << 20,
	NEVER_COUNT_MAX = 512,
};

struct request {
	struct request *next;
	struct fetch_http *h;
	CURL *easy;
	uint32_t seq, flags;
	struct curl_slist *headers;
	char url[FETCH_URL_MAX + 1], origin[600]; /* origin: scheme://host:port that the operator named */
	char *post;
	struct never_range *never;
	unsigned never_count, redirects;
	bool proxied, away, refused_address, too_long; /* away: redirected to another origin than the operator's */
	uint64_t max_bytes, bytes;
	int fd;
	struct msg_fetched answer;
	char curl_says[CURL_ERROR_SIZE];
};

struct fetch_http {
	CURLM *multi;
	struct request *requests;
	unsigned count;
	bool stale;
	fetch_http_cb cb;
	void *arg;
};

/* ---- where it may connect to -------------------------------------------------------------------------------------------- */
static bool is_forbidden(const struct request *r, const uint8_t addr[16])
{
	return never_block_check(addr, addr, r->never, r->never_count) != NEVER_NO;
}

static bool sockaddr_write(const struct sockaddr *sa, uint8_t ret[16])
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	if (sa->sa_family == AF_INET) {
		memcpy(ret, (const uint8_t[12]){ [10] = 0xff, 0xff }, 12);
		memcpy(ret + 12, &v4->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(ret, &v6->sin6_addr, 16);
	} else {
		return false;
	}
	return true;
}

/* Where the operator sends us is the operator's business; where a server sends us must be outside. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct request *r = arg;
	uint8_t addr[16];

	if (purpose != CURLSOCKTYPE_IPCXN || !sockaddr_write(&a->addr, addr))
		return CURL_SOCKET_BAD;
	if (r->away && !r->proxied && is_forbidden(r, addr)) {
		r->refused_address = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* "https://host:port" in lower case; false: no URL of a scheme that is allowed here. ret_forbidden: its host is a written
 * address that a server may not send us to. */
static bool origin_of(const struct request *r, const char *url, bool plain, char *ret, size_t len, bool *ret_forbidden)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	CURLU *u = curl_url();
	bool good = false;

	if (u && !curl_url_set(u, CURLUPART_URL, url, 0) && !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) &&
	    !curl_url_get(u, CURLUPART_HOST, &host, 0) && !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
	    (!strcmp(scheme, "https") || (plain && !strcmp(scheme, "http")))) {
		size_t n = strlen(host);
		bool bracket = n > 1 && host[0] == '[';
		uint8_t first[16], last[16];

		good = (size_t)snprintf(ret, len, "%s://%s:%s", scheme, host, port) < len;
		for (char *p = ret; good && *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p + 'a' - 'A');
		*ret_forbidden = indicator_ip(host + bracket, n - 2 * bracket, first, last) && is_forbidden(r, first);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return good;
}

/* ---- what comes ----------------------------------------------------------------------------------------------------------- */
static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct request *r = arg;
	size_t len = size * n;

	r->bytes += len;
	if (r->bytes > r->max_bytes) {
		r->too_long = true;
		return 0;
	}
	for (size_t done = 0; r->fd >= 0 && done < len;) {
		ssize_t w = write(r->fd, p + done, len - done);

		if (w <= 0)
			return 0;
		done += (size_t)w;
	}
	return len;
}

/* What the server calls this version of the document: kept only if it can be said back as it is. */
static void header_keep(const char *value, size_t len, char *ret, size_t ret_len)
{
	while (len && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len && (unsigned char)value[len - 1] <= ' ')
		len--;
	ret[0] = '\0';
	if (len >= ret_len)
		return;
	for (size_t i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~')
			return;
	memcpy(ret, value, len);
	ret[len] = '\0';
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char etag[] = "etag:", modified[] = "last-modified:";
	struct request *r = arg;
	size_t len = size * n;

	if (len > 5 && !strncasecmp(p, "HTTP/", 5))
		r->answer.etag[0] = r->answer.modified[0] = '\0'; /* of an earlier answer */
	else if (len > sizeof(etag) - 1 && !strncasecmp(p, etag, sizeof(etag) - 1))
		header_keep(p + sizeof(etag) - 1, len - sizeof(etag) + 1, r->answer.etag, sizeof(r->answer.etag));
	else if (len > sizeof(modified) - 1 && !strncasecmp(p, modified, sizeof(modified) - 1))
		header_keep(p + sizeof(modified) - 1, len - sizeof(modified) + 1, r->answer.modified, sizeof(r->answer.modified));
	return len;
}

/* ---- the end of a request --------------------------------------------------------------------------------------------------- */
static void request_free(struct request *r)
{
	struct fetch_http *h = r->h;

	for (struct request **at = &h->requests; *at; at = &(*at)->next)
		if (*at == r) {
			*at = r->next;
			h->count--;
			break;
		}
	if (r->easy) {
		curl_multi_remove_handle(h->multi, r->easy);
		curl_easy_cleanup(r->easy);
	}
	curl_slist_free_all(r->headers);
	free(r->never);
	free(r->post);
	close_fd(&r->fd);
	free(r);
}

static void request_answer(struct request *r, int status, const char *why)
{
	bool body = status == 0 && r->answer.http_status == 200 && r->fd >= 0;

	r->answer.bytes = r->bytes;
	if (why)
		snprintf(r->answer.why, sizeof(r->answer.why), "%s", why);
	if (body && (lseek(r->fd, 0, SEEK_SET) < 0 || fcntl(r->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)) {
		status = -errno;
		body = false;
	}
	r->h->cb(r->seq, status, &r->answer, body ? r->fd : -1, r->h->arg);
	request_free(r);
}

static bool resolver_is_replaced(void)
{
	_cleanup_close_ int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);

	return fd < 0 && errno == EACCES;
}

static void request_failed(struct request *r, CURLcode code)
{
	const char *says = r->curl_says[0] ? r->curl_says : curl_easy_strerror(code);
	char why[sizeof(r->answer.why)];
	int status = -EPROTO;

	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CERTPROBLEM:
		status = -EKEYREJECTED;
		break;
	case CURLE_OPERATION_TIMEDOUT:
		status = -ETIMEDOUT;
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		r->h->stale |= resolver_is_replaced();
		status = -EHOSTUNREACH;
		break;
	case CURLE_COULDNT_CONNECT:
		status = -EHOSTUNREACH;
		break;
	case CURLE_UNSUPPORTED_PROTOCOL:
		status = -EPERM;
		break;
	default:
		break;
	}
	snprintf(why, sizeof(why), "%s", says);
	if (r->refused_address) {
		status = -EPERM;
		snprintf(why, sizeof(why), "it was redirected to an address of this node's own world");
	} else if (r->too_long || code == CURLE_FILESIZE_EXCEEDED) {
		status = -EFBIG;
		snprintf(why, sizeof(why), "it is longer than %llu bytes", (unsigned long long)r->max_bytes);
	}
	for (char *p = why; *p; p++) /* parts of it are the server's */
		if (*p < ' ' || *p > '~')
			*p = '?';
	request_answer(r, status, why);
}

/* The server sends us elsewhere. False: over, it was answered. */
static bool request_follow(struct request *r, const char *url)
{
	char origin[sizeof(r->origin)];
	bool forbidden = false;

	if (++r->redirects > FETCH_REDIRECTS_MAX || r->flags & FETCH_POST) {
		request_answer(r, -EPERM, r->flags & FETCH_POST ? "it is redirected" : "it is redirected too often");
		return false;
	}
	if (strlen(url) > FETCH_URL_MAX || !origin_of(r, url, false, origin, sizeof(origin), &forbidden)) {
		request_answer(r, -EPERM, "it is redirected to something else than https");
		return false;
	}
	r->away = strcmp(origin, r->origin) != 0;
	if (r->away && forbidden) {
		request_answer(r, -EPERM, "it was redirected to an address of this node's own world");
		return false;
	}
	curl_multi_remove_handle(r->h->multi, r->easy);
	r->bytes = 0;
	if (r->fd >= 0 && (ftruncate(r->fd, 0) < 0 || lseek(r->fd, 0, SEEK_SET) < 0)) {
		request_answer(r, -EIO, NULL);
		return false;
	}
	if (r->away) { /* what was said to the operator's server is not for another */
		curl_slist_free_all(r->headers);
		r->headers = NULL;
		curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, NULL);
	}
	curl_easy_setopt(r->easy, CURLOPT_FRESH_CONNECT, 1L); /* a connection from before would not be asked about its address */
	curl_easy_setopt(r->easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(r->easy, CURLOPT_URL, url);
	curl_multi_add_handle(r->h->multi, r->easy);
	return true;
}

static void request_over(struct request *r, CURLcode code)
{
	long http = 0;
	curl_off_t retry = 0;
	char *to = NULL;

	if (code != CURLE_OK) {
		request_failed(r, code);
		return;
	}
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &http);
	curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &retry);
	curl_easy_getinfo(r->easy, CURLINFO_REDIRECT_URL, &to);
	if (http >= 300 && http < 400 && http != 304) {
		if (to && to[0])
			request_follow(r, to);
		else
			request_answer(r, -EPERM, "it is redirected to nowhere");
		return;
	}
	r->answer.http_status = (int32_t)http;
	r->answer.retry_after_s = retry > 0 && retry < 864000 ? (uint32_t)retry : 0;
	request_answer(r, 0, NULL);
}

/* ---- the beginning -------------------------------------------------------------------------------------------------------- */
/* The parts that follow a struct msg_fetch. */
struct parts {
	const char *url, *proxy, *etag, *modified, *headers, *body;
	const uint8_t *never;
};

static bool parts_read(const struct msg_fetch *m, const char *p, size_t len, struct parts *ret)
{
	if (m->url_len > FETCH_URL_MAX || m->body_len > FETCH_BODY_MAX || m->never_count > NEVER_COUNT_MAX ||
	    len != (size_t)m->url_len + m->proxy_len + m->etag_len + m->modified_len + m->headers_len + m->body_len + 32U * m->never_count)
		return false;
	ret->url = p;
	ret->proxy = ret->url + m->url_len;
	ret->etag = ret->proxy + m->proxy_len;
	ret->modified = ret->etag + m->etag_len;
	ret->headers = ret->modified + m->modified_len;
	ret->body = ret->headers + m->headers_len;
	ret->never = (const uint8_t *)ret->body + m->body_len;
	return true;
}

static bool header_add(struct request *r, const char *name, const char *value, size_t len)
{
	char line[1200];
	struct curl_slist *l;

	if (!len)
		return true;
	if (strlen(name) + len + 3 > sizeof(line))
		return false;
	for (size_t i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~')
			return false;
	snprintf(line, sizeof(line), "%s%.*s", name, (int)len, value);
	l = curl_slist_append(r->headers, line);
	r->headers = l ? l : r->headers;
	return l != NULL;
}

static bool headers_add(struct request *r, const struct msg_fetch *m, const struct parts *p)
{
	bool good = header_add(r, "If-None-Match: ", p->etag, m->etag_len) && header_add(r, "If-Modified-Since: ", p->modified, m->modified_len);

	for (size_t at = 0, n; good && at < m->headers_len; at += n + 1) {
		const char *end = memchr(p->headers + at, '\n', m->headers_len - at);

		n = end ? (size_t)(end - p->headers) - at : m->headers_len - at;
		good = header_add(r, "", p->headers + at, n);
	}
	return good;
}

static bool never_copy(struct request *r, const struct msg_fetch *m, const struct parts *p)
{
	if (!m->never_count)
		return true;
	r->never = malloc(sizeof(*r->never) * m->never_count);
	if (!r->never)
		return false;
	memcpy(r->never, p->never, 32UL * m->never_count);
	r->never_count = m->never_count;
	return true;
}

static bool ca_set(struct request *r, int ca)
{
	_cleanup_free_ char *text = malloc(CA_BYTES_MAX);
	size_t len = 0;
	ssize_t n = 1;
	struct curl_blob b;

	while (text && len < CA_BYTES_MAX && (n = pread(ca, text + len, CA_BYTES_MAX - len, (off_t)len)) > 0)
		len += (size_t)n;
	if (!text || n < 0 || !len || len == CA_BYTES_MAX)
		return false;
	b = (struct curl_blob){ .data = text, .len = len, .flags = CURL_BLOB_COPY };
	curl_easy_setopt(r->easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(r->easy, CURLOPT_CAPATH, NULL);
	return curl_easy_setopt(r->easy, CURLOPT_CAINFO_BLOB, &b) == CURLE_OK;
}

static void easy_options(struct request *r, const struct msg_fetch *m)
{
	CURL *e = r->easy;

	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, r->flags & FETCH_PLAIN_HTTP ? "https,http" : "https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_URL, r->url);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* does not wait for a resolver that takes long */
	curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)m->timeout_s);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)(m->timeout_s < CONNECT_TIMEOUT_S ? m->timeout_s : CONNECT_TIMEOUT_S));
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_S);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S);
	curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)m->max_bytes);
	curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	curl_easy_setopt(e, CURLOPT_USERAGENT, "pierglass");
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, r);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->curl_says);
	curl_easy_setopt(e, CURLOPT_PRIVATE, r);
	curl_easy_setopt(e, CURLOPT_MAXCONNECTS, 1L);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
}

/* What is wrong with the request, NULL: it is under way. */
static const char *request_begin(struct request *r, const struct msg_fetch *m, const struct parts *p, int ca)
{
	_cleanup_free_ char *proxy = strndup(p->proxy, m->proxy_len);
	bool forbidden;

	memcpy(r->url, p->url, m->url_len);
	r->flags = m->flags;
	r->max_bytes = m->max_bytes;
	if (strlen(r->url) != m->url_len || m->timeout_s < 1 || m->timeout_s > 3600)
		return "a malformed request";
	if (!origin_of(r, r->url, r->flags & FETCH_PLAIN_HTTP, r->origin, sizeof(r->origin), &forbidden))
		return r->flags & FETCH_PLAIN_HTTP ? "it is no URL of https or http" : "it is no URL of https";
	r->easy = curl_easy_init();
	if (!r->easy || !proxy || !never_copy(r, m, p))
		return "no memory";
	easy_options(r, m);
	r->proxied = proxy[0] != '\0';
	curl_easy_setopt(r->easy, CURLOPT_PROXY, proxy); /* "": none, whatever the environment says */
	if (ca >= 0 && !ca_set(r, ca))
		return "its certificates cannot be used";
	if (!headers_add(r, m, p))
		return "a header cannot be sent";
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
	if (r->flags & FETCH_POST) {
		r->post = malloc(m->body_len + 1);
		if (!r->post)
			return "no memory";
		memcpy(r->post, p->body, m->body_len);
		curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE, (long)m->body_len);
		curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, r->post);
	}
	if (r->flags & FETCH_WANT_BODY) {
		r->fd = memfd_create("fetched", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (r->fd < 0)
			return "no memory";
	}
	return curl_multi_add_handle(r->h->multi, r->easy) == CURLM_OK ? NULL : "no memory";
}

void fetch_http_start(struct fetch_http *h, uint32_t seq, const void *body, size_t len, int ca)
{
	struct msg_fetched failed = { .why = "the fetching program has no room for it" };
	struct request *r = h->count < FETCH_PARALLEL_MAX ? calloc(1, sizeof(*r)) : NULL;
	const char *wrong = "a malformed request";
	struct parts parts;
	struct msg_fetch m;

	if (!r) {
		h->cb(seq, -EAGAIN, &failed, -1, h->arg);
		return;
	}
	r->h = h;
	r->seq = seq;
	r->fd = -1;
	r->next = h->requests;
	h->requests = r;
	h->count++;
	if (len >= sizeof(m)) {
		memcpy(&m, body, sizeof(m));
		if (parts_read(&m, (const char *)body + sizeof(m), len - sizeof(m), &parts))
			wrong = request_begin(r, &m, &parts, ca);
	}
	if (wrong)
		request_answer(r, -EINVAL, wrong);
}

void fetch_http_forget(struct fetch_http *h, uint32_t seq)
{
	for (struct request *r = h->requests; r; r = r->next)
		if (r->seq == seq) {
			request_free(r);
			return;
		}
}

void fetch_http_forget_all(struct fetch_http *h)
{
	while (h->requests)
		request_free(h->requests);
}

/* ---- going on ----------------------------------------------------------------------------------------------------------------- */
int fetch_http_run(struct fetch_http *h, const int *fds, unsigned count, int wait_ms)
{
	struct curl_waitfd extra[4];
	int running, left;
	CURLMsg *msg;

	for (unsigned i = 0; i < count && i < ARRAY_SIZE(extra); i++)
		extra[i] = (struct curl_waitfd){ .fd = fds[i], .events = CURL_WAIT_POLLIN };
	if (curl_multi_poll(h->multi, extra, count, wait_ms, NULL) != CURLM_OK || curl_multi_perform(h->multi, &running) != CURLM_OK)
		return -EIO;
	while ((msg = curl_multi_info_read(h->multi, &left))) {
		CURLcode code = msg->data.result;
		struct request *r = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&r);
		if (r)
			request_over(r, code);
	}
	return 0;
}

int fetch_http_is_stale(const struct fetch_http *h)
{
	return h->stale;
}

struct fetch_http *fetch_http_new(fetch_http_cb cb, void *arg)
{
	struct fetch_http *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->cb = cb;
	h->arg = arg;
	if (!curl_global_init(CURL_GLOBAL_DEFAULT))
		h->multi = curl_multi_init();
	if (!h->multi) {
		free(h);
		return NULL;
	}
	return h;
}

void fetch_http_free(struct fetch_http *h)
{
	if (!h)
		return;
	fetch_http_forget_all(h);
	curl_multi_cleanup(h->multi);
	curl_global_cleanup();
	free(h);
}
