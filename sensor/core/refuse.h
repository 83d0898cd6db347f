/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that may not run: for containers of workloads that are enforced and whose actions name `refuse`, every exec waits for the
 * verdict process (enforce/exec_verdict.h), which asks here. process.new: what the model does not know is refused, once it has
 * learned which programs run. intel.file: files whose digest a feed lists are refused from the moment that their digest is known (of a
 * file that is written: when it is closed; of others: when they have run once). Core's loop only. */
#ifndef PG_SENSOR_CORE_REFUSE_H
#define PG_SENSOR_CORE_REFUSE_H

#include "base/ipc.h"
#include "sensor/core/core.h"
#include "sensor/msg_exec.h"

struct core_refuse;

int refuse_open(struct core *c); /* 0 or -ENOMEM */
void refuse_close(struct core *c);
/* Once a second: which containers are in force. */
void refuse_second(struct core *c);
/* A socket to the verdict process (taken over). */
void refuse_verdict(struct core *c, int fd);
/* The program "files" is a new one: it is to be told anew. */
void refuse_files_connected(struct core *c);
/* MSG_FILES_EXEC of files. */
void refuse_files_state(struct core *c, const struct ipc_hdr *hdr, const void *body);
/* MSG_EXEC_STATS of the keeper: what it answered itself. */
void refuse_keeper_stats(struct core *c, const struct ipc_hdr *hdr, const void *body);
/* The verdict process ended: a finding (loss.blind) while anything is in force. */
void refuse_verdict_ended(struct core *c, const struct msg_program *m);
/* The digest of this file of the container is known: a feed lists it (then it is not to be run, whatever the model says), or none
 * does. */
void refuse_file(struct core *c, const struct ident_container *ct, const char *path, const char *digest, bool listed);
/* Whether programs of this container wait for an answer before they run. */
bool refuse_is_in_force(const struct core *c, const struct ident_container *ct);

struct refuse_counts {
	unsigned containers;      /* in force */
	unsigned unmarked;        /* of their mounts: not watched */
	struct msg_exec_stats sums;
};
void refuse_counts_get(const struct core *c, struct refuse_counts *ret);

#endif
