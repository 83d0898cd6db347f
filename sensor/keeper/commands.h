/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The short table of commands that core may ask the keeper for (msg.h). Core is not trusted with more: every argument is
 * checked, nothing is interpreted that a container could have written. */
#ifndef PG_KEEPER_COMMANDS_H
#define PG_KEEPER_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

struct bpf_loader;
struct ipc_hdr;

struct commands {
	struct bpf_loader *loader; /* not owned */
	int cgroup_fd;             /* the cgroup v2 mount, O_PATH; -1: there is none */
};

/* An answer: status, up to sizeof(body) bytes, and a descriptor (owned by the caller) or -1. */
struct command_answer {
	int32_t status;
	size_t len;
	int fd;
	unsigned char body[4096];
};

/* Finds the cgroup v2 hierarchy. */
void commands_init(struct commands *c, struct bpf_loader *loader);
void commands_done(struct commands *c);

/* Carries out one command. -ENOSYS: no such command (nothing to answer); else 0 and *ret is filled. */
int commands_run(struct commands *c, const struct ipc_hdr *h, const void *body, struct command_answer *ret);

/* A path below the cgroup v2 mount that openat2 may be asked to open: terminated, not empty, relative after its leading
 * slashes. Returns the start of the relative part, or NULL. "/" becomes ".". */
const char *command_cgroup_path(const char *body, size_t len, char *buf, size_t buf_len);

#endif
