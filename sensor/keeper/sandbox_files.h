/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One engine's directory of sandbox files (run/docker/netns below the engine's root): every file that a network namespace
 * is mounted on is watched; a file without one, or that is gone, lets its namespace go. A file appears a moment before the
 * namespace is mounted on it, and stays up to a minute after it was unmounted: so it is the mount table that tells. */
#ifndef PG_KEEPER_SANDBOX_FILES_H
#define PG_KEEPER_SANDBOX_FILES_H

#include <stdint.h>
#include <sys/types.h>

#include "sensor/keeper/link_watch.h"

struct sandbox_files;

int sandbox_files_new(struct loop *loop, struct link_watch *watch, uint8_t engine, struct sandbox_files **ret);
/* Lets all namespaces go. */
void sandbox_files_free(struct sandbox_files *f);

/* The engine runs as pid (0: look in our own root): opens its directory, or waits for it to appear, and rescans. What was
 * known before stays known if it is still there. node_cookie: that namespace's own file ("default") is passed over. */
int sandbox_files_open(struct sandbox_files *f, pid_t pid, uint64_t node_cookie);
/* The engine has ended: nothing of its mount namespace is held on to; what is known stays as long as it is mounted. */
void sandbox_files_engine_gone(struct sandbox_files *f);
/* Looks at every file again. */
void sandbox_files_rescan(struct sandbox_files *f);

#endif
