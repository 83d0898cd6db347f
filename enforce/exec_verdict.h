/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of FAN_OPEN_EXEC_PERM events (fanotify(7), Linux 5.0): whether a container may run a program. What core has said once is
 * remembered by mount, inode and time of change; what it has not is asked, and after EXEC_WAIT_MS the place's choice for failures
 * holds. Of a script core refuses only what is refused as a file (its interpreter is asked about next), and the dynamic loader
 * passes where the kernel opens it for a program that was just allowed. An event that cannot be understood is allowed and counted:
 * nothing may wait for ever. One thread. */
#ifndef PG_ENFORCE_EXEC_VERDICT_H
#define PG_ENFORCE_EXEC_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/msg_exec.h"

struct exec_verdict;

/* Sends to core: MSG_EXEC_ASK, MSG_EXEC_DENIED with a path. 0 or -errno. */
typedef int (*exec_send)(void *arg, uint16_t type, const void *body, size_t len);

struct exec_verdict *exec_verdict_new(exec_send send, void *arg);
/* Allows what waits. */
void exec_verdict_free(struct exec_verdict *v);
/* The group's descriptor; taken over. */
void exec_verdict_group(struct exec_verdict *v, int fd);
int exec_verdict_fd(const struct exec_verdict *v); /* -1 */
/* Messages of keeper and core. */
void exec_verdict_places(struct exec_verdict *v, const void *body, size_t len);
void exec_verdict_answer(struct exec_verdict *v, const void *body, size_t len);
void exec_verdict_forget(struct exec_verdict *v, const void *body, size_t len);
/* The group is readable. */
void exec_verdict_read(struct exec_verdict *v, uint64_t now_ns);
/* Answers what waited too long. Milliseconds until the next is due, -1: none waits. */
int exec_verdict_tick(struct exec_verdict *v, uint64_t now_ns);
const struct msg_exec_stats *exec_verdict_stats(const struct exec_verdict *v);

/* ---- what the keeper does while there is nobody: reads and answers by the choice for failures, and releases what the one before
 * had read and not answered ---------------------------------------------------------------------------------------------- */
struct exec_places {
	uint32_t count;
	struct msg_exec_place place[EXEC_PLACES_MAX];
};
int exec_places_set(struct exec_places *p, const void *body, size_t len); /* 0 or -EINVAL */
/* NULL: none in force. */
const struct msg_exec_place *exec_places_find(const struct exec_places *p, uint32_t mnt_id, uint32_t major, uint32_t minor);
void exec_drain(int group, const struct exec_places *p, struct msg_exec_stats *s);
void exec_release(int group, struct msg_exec_stats *s);

/* Whether the file's name is that of a dynamic loader in one of its places. Pure. */
bool exec_is_loader(const char *path);

#endif
