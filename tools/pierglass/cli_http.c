/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/pierglass/cli_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tools/pierglass/cli_text.h"

#define LINE_MAX_BYTES (1U << 20)

struct receiver {
	char *buf;
	size_t len, cap;
	bool too_long, stopped;
	bool (*on_line)(const char *line, size_t len, void *arg);
	void *arg;
	long status;
	CURL *curl;
	const char *body; /* POST; NULL: GET */
	size_t body_len;
};

static void curl_free_p(char **p)
{
	curl_free(*p);
}

static void curl_cleanup_p(CURL **c)
{
	curl_easy_cleanup(*c);
}

bool cli_query(char *path, size_t cap, const char *name, const char *value)
{
	_cleanup_(curl_free_p) char *escaped = curl_easy_escape(NULL, value, 0);
	size_t len = strlen(path);
	int n;

	if (!escaped)
		return false;
	n = snprintf(path + len, cap - len, "%c%s=%s", strchr(path, '?') ? '&' : '?', name, escaped);
	return n > 0 && (size_t)n < cap - len;
}

int cli_query_filter(const struct cli_options *o, char *path, size_t cap)
{
	if ((!o->filter || cli_query(path, cap, "filter", o->filter)) && (!o->since || cli_query(path, cap, "since", o->since)))
		return CLI_OK;
	fputs("pierglass: --filter: the expression is too long (at most 1024 bytes)\n", stderr);
	return CLI_USAGE;
}

/* Says why nobody answers, before HTTP hides the reason. 0, or an exit code after one line. */
static int check_socket(const struct cli_options *o, char *path, size_t path_len)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	int err;

	if ((size_t)snprintf(path, path_len, "%s/api.sock", o->run) >= sizeof(sa.sun_path)) {
		fprintf(stderr, "pierglass: --run %s: the path is too long for a socket (107 bytes)\n", o->run);
		return CLI_USAGE;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return 0;
	err = errno;
	switch (err) {
	case EACCES:
	case EPERM:
		fprintf(stderr, "pierglass: %s: permission denied: run as root or join the group pierglass\n", path);
		return CLI_REFUSED;
	case ENOENT:
	case ECONNREFUSED:
	case ENOTDIR:
		fprintf(stderr, "pierglass: no sensor at %s (%s): start one with \"pierglassd\" or \"systemctl start pierglassd\", "
				"or name its directory with --run DIR\n",
			path, strerror(err));
		return CLI_NO_SENSOR;
	default:
		fprintf(stderr, "pierglass: %s: %s\n", path, strerror(err));
		return CLI_NO_SENSOR;
	}
}

static bool receiver_append(struct receiver *r, const char *p, size_t n, size_t max)
{
	if (r->len + n + 1 > r->cap) {
		size_t cap = r->cap ? r->cap : 65536;
		char *q;

		while (cap < r->len + n + 1)
			cap *= 2;
		if (cap > max + 65536 || !(q = realloc(r->buf, cap))) {
			r->too_long = true;
			return false;
		}
		r->buf = q;
		r->cap = cap;
	}
	memcpy(r->buf + r->len, p, n);
	r->len += n;
	r->buf[r->len] = '\0';
	return true;
}

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
	struct receiver *r = arg;
	size_t total = size * n;

	if (!r->status)
		curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &r->status);
	if (!r->on_line || r->status != 200)
		return receiver_append(r, p, total, CLI_ANSWER_MAX) ? total : 0;
	while (n) {
		char *end = memchr(p, '\n', n);
		size_t l = end ? (size_t)(end - p) : n;

		if (!receiver_append(r, p, l, LINE_MAX_BYTES))
			return 0;
		if (!end)
			break;
		if (!r->on_line(r->buf, r->len, r->arg)) {
			r->stopped = true;
			return 0;
		}
		r->len = 0;
		p += l + 1;
		n -= l + 1;
	}
	return total;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char name[] = "pierglass-total:", unknown[] = "pierglass-unknown-field:";
	char text[80];

	if (size * n > sizeof(name) && !strncasecmp(p, name, sizeof(name) - 1)) {
		snprintf(text, sizeof(text), "%.*s", (int)(size * n - sizeof(name) + 1), p + sizeof(name) - 1);
		*(long long *)arg = strtoll(text, NULL, 10);
	}
	if (size * n > sizeof(unknown) && !strncasecmp(p, unknown, sizeof(unknown) - 1)) {
		snprintf(text, sizeof(text), "%.*s", (int)(size * n - sizeof(unknown) + 1), p + sizeof(unknown));
		text[strcspn(text, "\r\n")] = '\0';
		fputs("pierglass: nothing here has the field \"", stderr);
		cli_put(stderr, text);
		fputs("\": fields are the keys that --json shows\n", stderr);
	}
	return size * n;
}

/* The sensor's own words for a refusal. */
static int refused(const struct receiver *r)
{
	json_error_t e;
	json_t *j = r->buf ? json_loadb(r->buf, r->len, 0, &e) : NULL;
	const char *why = json_string_value(json_object_get(j, "error"));

	fputs("pierglass: the sensor refused: ", stderr);
	cli_put(stderr, why ? why : "no reason given");
	fprintf(stderr, " (HTTP %ld)\n", r->status);
	json_decref(j);
	return r->status == 400 || r->status == 404 || r->status == 414 ? CLI_USAGE : CLI_REFUSED;
}

static int perform(const struct cli_options *o, const char *path, struct receiver *r, long long *total)
{
	_cleanup_(curl_cleanup_p) CURL *c = NULL;
	char sock[4096], url[4096 + 32];
	CURLcode rc;
	int code = check_socket(o, sock, sizeof(sock));

	if (code)
		return code;
	c = curl_easy_init();
	if (!c) {
		fprintf(stderr, "pierglass: out of memory\n");
		return CLI_REFUSED;
	}
	snprintf(url, sizeof(url), "http://pierglass%s", path);
	r->curl = c;
	curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, sock);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, total);
	if (r->body) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
	}
	if (!r->on_line) { /* a sensor that hangs is told from one that works */
		curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 30L);
	}
	rc = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r->status);
	if (r->stopped)
		return CLI_OK;
	if (r->too_long) {
		fprintf(stderr, "pierglass: the answer is too long\n");
		return CLI_REFUSED;
	}
	if (rc != CURLE_OK) {
		fprintf(stderr, "pierglass: the sensor at %s has ended the connection: %s\n", sock, curl_easy_strerror(rc));
		return CLI_NO_SENSOR;
	}
	if (r->status != 200)
		return refused(r);
	return CLI_OK;
}

int cli_ask(const char *socket, const char *path, json_t **ret)
{
	_cleanup_(curl_cleanup_p) CURL *c = curl_easy_init();
	struct receiver r = { .curl = c };
	long long total = -1;
	char url[256];
	json_error_t e;
	CURLcode rc;

	*ret = NULL;
	if (!c)
		return -ENOMEM;
	snprintf(url, sizeof(url), "http://local%s", path);
	curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 5L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &r);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, &total);
	rc = curl_easy_perform(c);
	if (rc == CURLE_OK && r.buf)
		*ret = json_loadb(r.buf, r.len, 0, &e);
	free(r.buf);
	return *ret ? 0 : rc == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
}

int cli_get(const struct cli_options *o, const char *path, struct cli_answer *ret)
{
	struct receiver r = { 0 };
	long long total = -1;
	int code = perform(o, path, &r, &total);

	if (code || !r.buf) {
		free(r.buf);
		if (!code)
			fprintf(stderr, "pierglass: the sensor's answer is empty\n");
		return code ? code : CLI_REFUSED;
	}
	*ret = (struct cli_answer){ .text = r.buf, .len = r.len, .total = total };
	return CLI_OK;
}

int cli_get_json(const struct cli_options *o, const char *path, json_t **ret, long long *ret_total)
{
	struct cli_answer a;
	json_error_t e;
	json_t *j;
	int code = cli_get(o, path, &a);

	if (code)
		return code;
	j = json_loadb(a.text, a.len, 0, &e);
	free(a.text);
	if (!j) {
		fprintf(stderr, "pierglass: the sensor's answer is no JSON: %s\n", e.text);
		return CLI_REFUSED;
	}
	if (ret_total)
		*ret_total = a.total;
	*ret = j;
	return CLI_OK;
}

int cli_print_json(const struct cli_options *o, const char *path)
{
	struct cli_answer a;
	int code = cli_get(o, path, &a);

	if (code)
		return code;
	cli_put_json(stdout, a.text, a.len);
	free(a.text);
	return CLI_OK;
}

int cli_post(const struct cli_options *o, const char *path, const char *body, size_t len, json_t **ret)
{
	struct receiver r = { .body = body, .body_len = len };
	long long total = -1;
	json_error_t e;
	int code = perform(o, path, &r, &total);

	*ret = code ? NULL : json_loadb(r.buf ? r.buf : "", r.len, 0, &e);
	free(r.buf);
	if (!code && !*ret) {
		fprintf(stderr, "pierglass: the sensor's answer is no JSON: %s\n", e.text);
		return CLI_REFUSED;
	}
	return code;
}

int cli_stream(const struct cli_options *o, const char *path, bool (*on_line)(const char *line, size_t len, void *arg), void *arg)
{
	struct receiver r = { .on_line = on_line, .arg = arg };
	long long total = -1;
	int code = perform(o, path, &r, &total);

	free(r.buf);
	if (!code && !r.stopped) {
		fprintf(stderr, "pierglass: the sensor at %s/api.sock has ended\n", o->run);
		return CLI_NO_SENSOR;
	}
	return code;
}

bool cli_running(const struct cli_options *o)
{
	char sock[4096];
	json_t *j;

	snprintf(sock, sizeof(sock), "%s/api.sock", o->run);
	if (cli_ask(sock, "/v1/version", &j) < 0)
		return false;
	json_decref(j);
	return true;
}
