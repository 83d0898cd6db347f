/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/root_ipc.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ipc.h"

enum request { ASK_FILE = 1, ASK_STAT, ASK_LIST, ASK_LINK };

static int answer(int sock, int root, const struct ipc_hdr *h, char *buf)
{
	char path[PATH_MAX];
	struct root_stat st = { 0 };
	_cleanup_close_ int fd = -1;
	size_t len = 0;
	int r;

	memcpy(path, buf, h->len);
	path[h->len] = '\0';
	switch (h->type) {
	case ASK_FILE:
		r = root_open_file(root, path, &st);
		fd = r;
		break;
	case ASK_STAT:
		r = root_stat(root, path, &st);
		break;
	case ASK_LIST:
		r = root_list(root, path, buf, &len);
		break;
	case ASK_LINK:
		r = root_readlink(root, path, buf, PATH_MAX);
		len = r < 0 ? 0 : strlen(buf) + 1;
		break;
	default:
		return -EPROTO;
	}
	if (r >= 0 && h->type != ASK_LIST && h->type != ASK_LINK) {
		memcpy(buf, &st, sizeof(st));
		len = sizeof(st);
	}
	return ipc_send(sock, h->type, h->seq, r < 0 ? r : 0, buf, len, fd);
}

int root_serve(int sock, int root, char *buf)
{
	struct ipc_hdr h;
	_cleanup_close_ int fd = -1;
	int r = ipc_recv(sock, &h, buf, &fd);

	if (r <= 0)
		return r;
	if (h.len >= PATH_MAX || memchr(buf, '\0', h.len))
		return -EPROTO;
	r = answer(sock, root, &h, buf);
	return r < 0 ? r : 1;
}

/* Sends and waits. *ret_len: bytes in buf (IPC_BODY_MAX). */
static int ask(int sock, enum request what, const char *path, char *buf, size_t *ret_len, int *ret_fd)
{
	struct ipc_hdr h;
	int r;

	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	r = ipc_send(sock, (uint16_t)what, 0, 0, path, strlen(path), -1);
	if (r < 0)
		return r;
	r = ipc_recv(sock, &h, buf, ret_fd);
	if (r <= 0)
		return r < 0 ? r : -EPIPE;
	if (h.type != what)
		return -EPROTO;
	*ret_len = h.len;
	return h.status < 0 ? h.status : 0;
}

static int ask_stat(int sock, enum request what, const char *path, struct root_stat *ret, int *ret_fd)
{
	char buf[IPC_BODY_MAX];
	size_t len = 0;
	int r = ask(sock, what, path, buf, &len, ret_fd);

	if (r == 0 && len != sizeof(*ret))
		r = -EPROTO;
	if (r == 0)
		memcpy(ret, buf, sizeof(*ret));
	return r;
}

int root_ask_file(int sock, const char *path, struct root_stat *ret)
{
	_cleanup_close_ int fd = -1;
	int r = ask_stat(sock, ASK_FILE, path, ret, &fd);

	if (r < 0)
		return r;
	return fd < 0 ? -EPROTO : take_fd(&fd);
}

int root_ask_stat(int sock, const char *path, struct root_stat *ret)
{
	_cleanup_close_ int fd = -1;

	return ask_stat(sock, ASK_STAT, path, ret, &fd);
}

static int ask_text(int sock, enum request what, const char *path, char *buf, size_t cap, size_t *ret_len)
{
	char body[IPC_BODY_MAX];
	_cleanup_close_ int fd = -1;
	size_t len = 0;
	int r = ask(sock, what, path, body, &len, &fd);

	if (r < 0)
		return r;
	if (len > cap || (len && body[len - 1]))
		return -EPROTO;
	memcpy(buf, body, len);
	*ret_len = len;
	return 0;
}

int root_ask_list(int sock, const char *path, char *buf, size_t *ret_len)
{
	return ask_text(sock, ASK_LIST, path, buf, ROOT_LIST_BYTES, ret_len);
}

int root_ask_link(int sock, const char *path, char *buf, size_t cap)
{
	size_t len = 0;
	int r = ask_text(sock, ASK_LINK, path, buf, cap, &len);

	return r == 0 && !len ? -EPROTO : r;
}
