/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of keeper: keeper.c (start, loop, stop), keeper_programs.c (who is started how, who gets which descriptor),
 * keeper_core.c (what core is told and asks for). */
#ifndef PG_KEEPER_KEEPER_PRIVATE_H
#define PG_KEEPER_KEEPER_PRIVATE_H

#include <stdbool.h>

#include "enforce/contain.h"
#include "enforce/exec_verdict.h"
#include "sensor/keeper/bpf_loader.h"
#include "sensor/keeper/commands.h"
#include "sensor/keeper/engine.h"
#include "sensor/keeper/guard.h"
#include "sensor/keeper/keeper.h"
#include "sensor/keeper/link_watch.h"
#include "sensor/keeper/loop.h"
#include "sensor/keeper/program.h"

#define ENGINE_WAITING_MAX 16
#define KEEPER_FROZEN_MAX 8

/* A connection that the broker waits for while the engine's queue is full. */
struct engine_waiting {
	uint32_t seq, engine;
	unsigned tries; /* 0: free */
};

struct keeper {
	struct setup *setup;
	const struct options *options;
	struct loop *loop;
	struct program programs[PROGRAM_MAX]; /* [PROGRAM_KEEPER] is not used */
	char *core_argv[14], *broker_argv[4], *files_argv[4], *fetch_argv[4], *packets_argv[4], *documents_argv[4], *child_env[8];
	char env_tz[64];
	char *title; /* the command line's bytes */
	size_t title_len;
	uint64_t started_mono_ns;
	struct loop_source signal_source;
	int signal_fd;

	int fanotify, inotify; /* what files reads; kept here so that its marks outlive it. -1: the kernel has none */
	/* exec refusal: kept here so that a verdict process that ends takes no mark along, and no program waits for it. group -1: none */
	struct {
		int group;
		struct loop_source source;
		struct exec_places places;
		struct msg_exec_stats stats, told;
	} exec;
	struct bpf_loader *loader; /* NULL until core's first MSG_CONFIGURE */
	struct link_watch *watch;
	struct guards *guards;
	struct commands commands;
	struct engine *engines[MSG_ENGINES_MAX];
	struct engine_waiting waiting[ENGINE_WAITING_MAX];
	struct loop_timer waiting_timer, adoption_timer, thaw_timer;
	char frozen[KEEPER_FROZEN_MAX][CONTAIN_PATH_LEN]; /* cgroups, "" none */

	bool core_ready; /* core has been told everything: from now on it hears of changes */
	bool stopping;
	int exit_code;
};

/* keeper.c */
void keeper_stop(struct keeper *k, int exit_code);

/* keeper_programs.c */
void programs_init(struct keeper *k);
/* fetch: also the program that may open connections. */
void programs_start_others(struct keeper *k, bool fetch);
/* Gives core and the other one the two ends of a new socket, if both run and core is ready. */
void programs_introduce(struct keeper *k, enum msg_program_id other);
void program_tell(struct keeper *k, enum msg_program_id id);

/* keeper_files.c: what fanotify and inotify need, and who gets which end of it */
void files_open(struct keeper *k);
void files_close(struct keeper *k);
/* Gives core and the opener the two ends of a new socket, for evidence. */
void opener_introduce(struct keeper *k);
/* A program that has a part in it was started. */
void files_introduce(struct keeper *k, enum msg_program_id id);

/* keeper_contain.c: MSG_CONTAIN_* of core. False: it is another message. */
bool contain_message(struct keeper *k, const struct ipc_hdr *h, const void *body);
/* Thaws what an earlier keeper left frozen; once the cgroup mount is known. */
void contain_start(struct keeper *k);
/* Core ended, or the keeper does. */
void contain_thaw_all(struct keeper *k);

/* keeper_exec.c */
void exec_open(struct keeper *k);
void exec_close(struct keeper *k);
/* The verdict process or the opener was started. */
void exec_introduce(struct keeper *k, enum msg_program_id id);
/* The verdict process ended: its questions are answered here until there is another. */
void exec_verdict_ended(struct keeper *k);
/* MSG_EXEC_PLACES of core. */
void exec_places_message(struct keeper *k, const struct ipc_hdr *h, const void *body);

/* keeper_core.c */
void core_started(struct keeper *k);
void core_message(struct keeper *k, const struct ipc_hdr *h, const void *body);
void core_tell(void *keeper, uint16_t type, const void *body, size_t len);
/* MSG_ENGINE_CONNECT from the broker. */
void broker_message(struct keeper *k, const struct ipc_hdr *h, const void *body);

#endif
