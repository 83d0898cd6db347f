/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One of our programs as the keeper's child: started from a descriptor opened at start (or forked, the verdict process),
 * spoken to over one ipc socket, watched by pidfd and heartbeat, started again with back-off when it ends. */
#ifndef PG_KEEPER_PROGRAM_H
#define PG_KEEPER_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ipc.h"
#include "sensor/keeper/loop.h"
#include "sensor/keeper/outbox.h"
#include "sensor/msg.h"

struct program;

/* How a program is started; all of it lives as long as the program. */
struct program_spec {
	enum msg_program_id id;
	int exe_fd;               /* O_PATH; -1: forked without exec, then main is called in the child */
	char *const *argv;        /* NULL-terminated */
	char *const *envp;
	int (*main)(int keeper_sock);
	uid_t uid;
	gid_t gid;
	const int *caps;          /* CAP_… kept until the program enters its sandbox */
	size_t cap_count;
	uint64_t ping_every_ns, hung_after_ns;
	uint64_t backoff_max_ns;  /* longest wait before it is started again; 0: 10 s */
};

/* What the keeper wants to hear; any thread of it is the loop's. The body is valid during the call, *fd (or -1) may be
 * taken by setting it to -1. */
struct program_events {
	void (*started)(struct program *p, void *arg);
	void (*message)(struct program *p, const struct ipc_hdr *h, const void *body, int *fd, void *arg);
	void (*ended)(struct program *p, void *arg);
};

struct program {
	struct program_spec spec;
	const struct program_events *events;
	void *arg;
	struct loop *loop;
	pid_t pid; /* 0: not running */
	int pidfd, sock;
	struct loop_source pid_source, sock_source;
	struct loop_timer restart_timer, ping_timer;
	struct outbox outbox;
	bool wants_write, stopping, ending, ping_open;
	uint32_t ping_seq;
	uint64_t ping_sent_ns, since_ns, backoff_ns;
	/* the ledger of this program */
	uint32_t starts, hung, overflows, malformed;
	int last_status;
};

void program_init(struct program *p, struct loop *l, const struct program_spec *spec, const struct program_events *e, void *arg);
/* Starts it now. A failure is logged and tried again with back-off. */
void program_start(struct program *p);
static inline bool program_is_running(const struct program *p)
{
	return p->pid > 0;
}
/* Queues a message. A program that does not take its messages is restarted (counted in overflows); one that does not run
 * gets none. */
void program_send(struct program *p, uint16_t type, uint32_t seq, int32_t status, const void *body, size_t len, int fd);
/* MSG_FD with a descriptor (not closed here). */
void program_send_fd(struct program *p, enum msg_fd_kind kind, uint32_t arg, const char *name, int fd);
/* No restart any more; asks it to quit. */
void program_quit(struct program *p);
/* SIGKILL; with program_quit() before, it stays down. */
void program_kill(struct program *p);
/* Frees descriptors; the process must be gone or is killed and waited for. */
void program_done(struct program *p);
void program_describe(const struct program *p, struct msg_program *ret);
const char *program_name(enum msg_program_id id);

#endif
