/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API's second door, TCP: only when configured, only with the token, and only for requests that were meant for it: Host must
 * be one of its names (DNS rebinding), Origin its own (pages of others). What lies behind is the same as at the socket. The
 * page's own files need no token: they say nothing of the node; the page sends the token with each request. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/core/api_priv.h"
#include "sensor/core/named.h"
#include "sensor/core/core_priv.h"

#define TOKEN_LEAST 16
#define FILE_MAX 65536

struct api_tcp {
	struct api *api;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	bool polling;
	char token[256];
	size_t token_len;
	char *cert, *key;  /* PEM; NULL: no TLS */
	unsigned waiting;  /* for files and the listener */
	int listen_fd;
	bool failed;
};

/* ---- who may ------------------------------------------------------------------------------------------------------------- */
/* Takes the same time wherever the two differ. */
static bool token_is(const struct api_tcp *t, const char *given)
{
	size_t len = strlen(given);
	unsigned char different = len != t->token_len;

	for (size_t i = 0; i < t->token_len; i++)
		different |= (unsigned char)(t->token[i] ^ (i < len ? given[i] : 0));
	return !different;
}

static bool host_is_ours(const struct api_tcp *t, const char *host)
{
	const struct config_api *a = &t->api->core->config.api;
	const char *port = strrchr(a->listen, ':');
	char text[160];

	if (!host)
		return false;
	if (!strcasecmp(host, a->listen))
		return true;
	snprintf(text, sizeof(text), "localhost%s", port);
	if (!strcasecmp(host, text))
		return true;
	for (unsigned i = 0; i < a->host_count; i++) {
		snprintf(text, sizeof(text), "%s%s", a->hosts[i], port);
		if (!strcasecmp(host, a->hosts[i]) || !strcasecmp(host, text))
			return true;
	}
	return false;
}

static bool origin_is_ours(const struct api_tcp *t, const char *origin, const char *host)
{
	const char *scheme = t->cert ? "https://" : "http://";

	return !origin || (!strncasecmp(origin, scheme, strlen(scheme)) && !strcasecmp(origin + strlen(scheme), host));
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url, const char *method, const char *version,
				  const char *data, size_t *data_len, void **con_cls)
{
	struct api_tcp *t = cls;
	const char *host, *origin, *auth;

	if (*con_cls) /* a body's pieces: its head was let in */
		return api_on_request(t->api, conn, url, method, version, data, data_len, con_cls);
	host = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Host");
	origin = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Origin");
	auth = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Authorization");
	if (!host_is_ours(t, host))
		return api_refuse(t->api, conn, MHD_HTTP_MISDIRECTED_REQUEST, "this is no name of this sensor: see api.hosts");
	if (!origin_is_ours(t, origin, host))
		return api_refuse(t->api, conn, MHD_HTTP_FORBIDDEN, "pages of others have no access");
	if (!api_path_is_page(url) && (!auth || strncasecmp(auth, "Bearer ", 7) || !token_is(t, auth + 7)))
		return api_refuse(t->api, conn, MHD_HTTP_UNAUTHORIZED, "a token is needed: Authorization: Bearer TOKEN (api.token_file)");
	return api_on_request(t->api, conn, url, method, version, data, data_len, con_cls);
}

/* ---- opening: files by the keeper's help, then the listener ------------------------------------------------------------- */
static void on_readable(uv_poll_t *h, int status, int events)
{
	api_wake(h->data);
}

static void serve(struct api_tcp *t)
{
	struct MHD_OptionItem tls[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, t->cert }, { MHD_OPTION_HTTPS_MEM_KEY, 0, t->key }, { MHD_OPTION_END, 0, NULL } };
	const struct config_api *a = &t->api->core->config.api;
	const union MHD_DaemonInfo *info;
	struct core_private *p = t->api->core->priv;

	if (!t->cert)
		tls[0].option = MHD_OPTION_END;
	t->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (t->cert ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, t,
				     MHD_OPTION_LISTEN_SOCKET, (MHD_socket)t->listen_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)API_CLIENTS_MAX,
				     MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)API_CLIENTS_MAX * 3 / 4, MHD_OPTION_CONNECTION_TIMEOUT,
				     (unsigned)API_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)API_MEMORY_PER_CLIENT,
				     MHD_OPTION_NOTIFY_CONNECTION, api_on_connection, t->api, MHD_OPTION_NOTIFY_COMPLETED, api_on_completed, t->api,
				     MHD_OPTION_UNESCAPE_CALLBACK, api_unescape, t->api, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	info = t->daemon ? MHD_get_daemon_info(t->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!t->daemon || !info || uv_poll_init(p->loop, &t->poll, info->epoll_fd)) {
		if (!t->daemon)
			close(t->listen_fd);
		log_error("cannot serve the API at %s%s", a->listen, t->cert ? ": are certificate and key PEM, and do they fit?" : "");
		return;
	}
	t->poll.data = t->api;
	t->polling = true;
	uv_poll_start(&t->poll, UV_READABLE, on_readable);
	log_info("the API and the page are at %s://%s/", t->cert ? "https" : "http", a->listen);
	api_wake(t->api);
}

static void got_one(struct api_tcp *t, bool good)
{
	t->failed |= !good;
	if (--t->waiting)
		return;
	if (!t->failed)
		serve(t);
	else if (t->listen_fd >= 0)
		close_fd(&t->listen_fd);
}

static char *read_file(int fd, const char *path)
{
	char *text = fd < 0 ? NULL : calloc(1, FILE_MAX + 1);
	ssize_t n = text ? pread(fd, text, FILE_MAX + 1, 0) : -1;

	if (fd < 0)
		log_error("the API's %s: %s", path, strerror(-fd));
	else if (n <= 0 || n > FILE_MAX)
		log_error("the API's %s: %s", path, n < 0 ? strerror(errno) : n ? "larger than 64 KiB" : "is empty");
	if (n <= 0 || n > FILE_MAX) {
		free(text);
		text = NULL;
	} else {
		text[n] = '\0';
	}
	close_fd(&fd);
	return text;
}

static void got_token(struct core *c, int fd, void *arg)
{
	struct api_tcp *t = arg;
	_cleanup_free_ char *text = read_file(fd, c->config.api.token_file);
	size_t len = text ? strcspn(text, "\r\n") : 0;

	if (text && (len < TOKEN_LEAST || len >= sizeof(t->token)))
		log_error("the API's %s: its first line must be a token of %d to %zu characters (openssl rand -hex 24)", c->config.api.token_file,
			  TOKEN_LEAST, sizeof(t->token) - 1);
	if (text && len >= TOKEN_LEAST && len < sizeof(t->token)) {
		memcpy(t->token, text, len);
		t->token_len = len;
	}
	got_one(t, t->token_len);
}

static void got_cert(struct core *c, int fd, void *arg)
{
	struct api_tcp *t = arg;

	t->cert = read_file(fd, c->config.api.tls_cert);
	got_one(t, t->cert);
}

static void got_key(struct core *c, int fd, void *arg)
{
	struct api_tcp *t = arg;

	t->key = read_file(fd, c->config.api.tls_key);
	got_one(t, t->key);
}

static void got_listener(struct core *c, int fd, void *arg)
{
	struct api_tcp *t = arg;

	t->listen_fd = fd;
	if (fd < 0)
		log_error("the API's %s: %s", c->config.api.listen, strerror(-fd));
	got_one(t, fd >= 0);
}

int api_tcp_open(struct api *a)
{
	const struct config_api *k = &a->core->config.api;
	struct api_tcp *t;

	if (!k->listen[0])
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->api = a;
	t->listen_fd = -1;
	a->tcp = t;
	t->waiting = k->tls_cert[0] ? 4 : 2;
	core_open_named(a->core, k->token_file, got_token, t);
	if (k->tls_cert[0]) {
		core_open_named(a->core, k->tls_cert, got_cert, t);
		core_open_named(a->core, k->tls_key, got_key, t);
	}
	core_listen_named(a->core, k->listen, got_listener, t);
	return 0;
}

struct MHD_Daemon *api_tcp_daemon(const struct api_tcp *t)
{
	return t ? t->daemon : NULL;
}

static void on_closed(uv_handle_t *h)
{
}

void api_tcp_close(struct api_tcp *t)
{
	if (!t)
		return;
	if (t->polling) {
		uv_poll_stop(&t->poll);
		uv_close((uv_handle_t *)&t->poll, on_closed);
	}
	if (t->daemon)
		MHD_stop_daemon(t->daemon);
	t->daemon = NULL;
}

void api_tcp_free(struct api_tcp *t)
{
	if (!t)
		return;
	if (t->key)
		explicit_bzero(t->key, strlen(t->key));
	free(t->key);
	free(t->cert);
	explicit_bzero(t->token, sizeof(t->token));
	free(t);
}
