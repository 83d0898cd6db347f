/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Privileges and system calls of our programs (DESIGN section 3, DECISIONS 10-13, 17). Each program calls its own
 * sandbox_enter_…() once, as the first thing after it parsed its options, before it reads a byte from anybody and before
 * it starts a thread; after that there is no way back. A call that is not on the program's list fails with EPERM and is
 * logged by the kernel (audit); a few calls that no honest library makes (execve, ptrace, mount, …) kill the process with
 * SIGSYS, which the keeper counts. Threads and forks inherit everything.
 *
 * Builds with sanitizers (PG_SAN) allow the listed further calls that those runtimes need, keep the inspector's root and
 * set no memory limit; the unsanitised build is what tests/netns/test_sandbox.sh proves.
 *
 * All return 0 or -errno; on failure the caller must exit: the process may be half way in. */
#ifndef PG_SENSOR_SANDBOX_H
#define PG_SENSOR_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* pierglass-core, "core" mode. Allowed: files (as its user may; below Landlock where the kernel has it: read and write in
 * state_dir, read in /etc, /usr/share, /proc/self), threads, passed sockets (accept, send, receive), bpf() on passed maps.
 * Not allowed: socket, connect, bind, exec, fork, making maps, loading programs, PROT_EXEC. state_dir NULL: no Landlock. */
int sandbox_enter_core(const char *state_dir);

/* pierglass-core, "broker" mode: passed sockets only; no open, no socket, no connect, no bpf. */
int sandbox_enter_broker(void);

/* pierglass-inspect, both modes. Started by the keeper as an unprivileged user with CAP_SYS_ADMIN (ambient) for this call
 * only: goes into mount, network, IPC and UTS namespaces of its own, replaces the root by an empty read-only file system,
 * limits memory, drops every capability, and allows: passed sockets and descriptors, memory, time, bpf() on passed maps.
 * Everything that libraries read from files must have been read before. Started without CAP_SYS_ADMIN (by hand, in a
 * test) it fails with -EPERM. mem_max_bytes: limit of private writable memory, 0: 256 MiB. */
int sandbox_enter_inspector(uint64_t mem_max_bytes);

/* pierglass-inspect, "replay" mode, started by the command line by whoever runs it, with the files open. Needs no privilege and
 * drops what there is. Allowed: reading and writing what is open, memory (at most mem_max_bytes > 0, private and writable), time.
 * No open, no socket, no bpf, no thread, no exec. */
int sandbox_enter_replay(uint64_t mem_max_bytes);

/* The keeper: a wide list (it is also the outer bound of all others, who inherit it), but: no execve at all, execveat
 * only of a descriptor (AT_EMPTY_PATH), sockets only AF_NETLINK and AF_UNIX (and, for fetch, TCP and UDP), no ptrace, no modules, no keys, no clocks. */
int sandbox_enter_keeper(void);

/* The verdict process: passed sockets only; drops all capabilities but CAP_NET_ADMIN, then as the broker. */
int sandbox_enter_verdict(void);

/* pierglass-core, "files" mode: descriptors it is given by the keeper, by fanotify and by the opener: reading, their names and
 * status. No open, no socket, no new thread or process. The worker thread must have been started before. */
int sandbox_enter_files(void);

/* pierglass-core, "fetch" mode: connections over IP (no raw socket, nothing that listens); reads the resolver's files and the
 * system's certificates, where the kernel has Landlock nothing else; threads (the resolver's). No bpf, no process. */
int sandbox_enter_fetch(void);

/* The opener (forked from the keeper): keeps CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; opens and marks files,
 * sends descriptors; nothing else: no mount, no namespace, no socket, no process. */
int sandbox_enter_opener(void);

/* ---- for the keeper ---------------------------------------------------------------------------- */

/* In a fresh child of the keeper, still root: takes on uid and gid, no supplementary groups, clears the bounding set, keeps
 * only the capabilities of caps[] (CAP_… numbers; ambient, so that they survive our own execveat), sets no_new_privs. */
int sandbox_become(uid_t uid, gid_t gid, const int *caps, size_t cap_count);

/* Drops every capability of this process but those of caps[] (may be none) that it has, also from the bounding set; uid and
 * gid stay. */
int sandbox_keep_caps(const int *caps, size_t cap_count);

#endif
