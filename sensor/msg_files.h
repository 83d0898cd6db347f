/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages about files in containers. Three programs have a part in it (DESIGN 3, DECISIONS 12, 13):
 *
 *   core    says which containers are watched, and hears what was written, changed and hashed
 *   files   no capability, can open nothing: reads the events of fanotify and inotify, reads file contents (SHA-256) from
 *           descriptors it is given. (Not core itself: Landlock, in which core lives, also refuses the descriptors that
 *           fanotify opens for its reader.)
 *   opener  child of the keeper with three capabilities: opens and marks what lies in a container, never outside; parses
 *           nothing. A file system that hangs (FUSE, NFS) hangs the opener, which is then replaced, not the keeper
 *
 * Paths are as the container sees them, absolute, without symbolic links, raw bytes without NUL; they follow the struct. */
#ifndef PG_SENSOR_MSG_FILES_H
#define PG_SENSOR_MSG_FILES_H

#include <stdint.h>

#define FILES_PATH_MAX 4095   /* bytes of a path, without NUL */
#define FILES_DRIFT_MAX 512   /* paths watched for one container */
#define FILES_LAYERS_MAX 256

/* ---- files -> opener, each answered by the same type and seq ------------------------------------------------------ */
/* A container is reached through one of its processes. cid: the container's id, which must be part of that process's cgroup
 * path (a process id may be another's by now); "" leaves it unchecked. */
struct msg_place {
	uint32_t pid;
	uint32_t pad;
	char cid[72];
};
/* MSG_PLACE_MOUNTS: struct msg_place -> descriptor of its /proc/PID/mountinfo */

enum msg_mark_how { MSG_MARK_FILESYSTEM, MSG_MARK_MOUNT, MSG_MARK_HOW_MAX };
/* MSG_PLACE_MARK: adds or removes FAN_CLOSE_WRITE. -ESTALE: another mount is there now. */
struct msg_place_mark {
	struct msg_place place;
	uint32_t how;    /* enum msg_mark_how */
	uint32_t on;
	uint32_t mnt_id; /* as mountinfo says */
	uint32_t exec;   /* FAN_OPEN_EXEC_PERM in the group of exec permissions instead (sensor/msg_exec.h) */
	/* path of the mount point */
};

/* MSG_PLACE_OPEN -> descriptor, read-only, of a regular file. No path: the process's own executable. -ESTALE: it is another
 * file than ino says; -EFBIG; -EINVAL: no regular file. */
struct msg_place_open {
	struct msg_place place;
	uint64_t ino;      /* st_ino it must have; 0: any */
	uint64_t size_max; /* 0: any */
};

/* MSG_PLACE_DIR: struct msg_place + path of a directory, or of a regular file: watched by inotify -> struct msg_place_wd */
struct msg_place_wd {
	int32_t wd;
	uint32_t is_dir;
	uint64_t dev, ino;
};
/* MSG_PLACE_DIR_DROP: struct msg_place_wd (wd) */

/* MSG_PLACE_ROOT: struct msg_place -> a socket on which files of the container's root are asked for (base/root_ipc.h), for whoever reads
 * what its application is configured to do. It ends after PLACE_ROOT_S seconds; -EBUSY: PLACE_ROOTS_MAX are in use. */
#define PLACE_ROOTS_MAX 4
#define PLACE_ROOT_S 10

/* MSG_PLACE_LAYER: which of these directories brought the file. After the struct: the file's path, then the layers, upper
 * first, each NUL-terminated; they are the engine's paths, the last component may be a symbolic link. */
struct msg_place_layer {
	uint32_t engine_pid; /* whose root the layers' paths are under */
	uint32_t count;
};
struct msg_place_layer_answer {
	int32_t index;    /* 0: the upper one; -1: none has it */
	int32_t lower;    /* the first of the others that has a file of that name too; -1: none */
};

/* ---- core -> opener, for evidence ------------------------------------------------------------------------------------ */
/* MSG_PLACE_MOUNTS, MSG_PLACE_OPEN as above, and: */
/* MSG_PLACE_PROC: struct msg_place_proc -> descriptor of a file of /proc/PID; cid must be given */
enum msg_proc_file { MSG_PROC_STATUS, MSG_PROC_CMDLINE, MSG_PROC_ENVIRON, MSG_PROC_MAPS, MSG_PROC_MOUNTINFO, MSG_PROC_LIMITS, MSG_PROC_CGROUP,
	MSG_PROC_FILE_MAX };
struct msg_place_proc {
	struct msg_place place;
	uint32_t file; /* enum msg_proc_file */
	uint32_t pad;
};
/* MSG_PLACE_UPPER: a thing in a container's upper layer -> descriptor: of a regular file to read, of a directory to list, of anything
 * else O_PATH. After the struct: the layer's directory as the engine calls it, NUL, the path below it (no NUL; none: itself).
 * No link is followed below the layer. */
struct msg_place_upper {
	uint32_t engine_pid;
	uint32_t pad;
};

/* ---- core -> files -------------------------------------------------------------------------------------------------- */
/* A container runs: its file systems are marked. The number is core's, not used again within a run of core. */
struct msg_files_watch {
	uint32_t watch, pid;
	uint32_t engine_pid; /* 0: layers are not looked up */
	uint32_t pad;
	char cid[72];
};
struct msg_files_unwatch {
	uint32_t watch;
};
/* MSG_FILES_EXE: the executable of a process is wanted -> MSG_FILES_DIGEST with the same seq. The path is for when the
 * process is gone already; with pid 0 it is what is wanted (a script). */
struct msg_files_exe {
	uint32_t watch, pid;
	uint64_t ino;
	uint32_t major, minor; /* of its file system; both 0: not known */
	uint32_t elsewhere;    /* the process has another root or other mounts than the container: the path is only its own */
	uint32_t pad;
	/* path */
};
/* MSG_FILES_OPEN: path follows -> the same type with status and a descriptor (read-only, regular file). */
struct msg_files_open {
	uint32_t watch, pad;
	uint64_t size_max;
	/* path */
};
/* MSG_FILES_ROOT -> the same type with status and the socket of MSG_PLACE_ROOT */
struct msg_files_root {
	uint32_t watch, pad;
};
/* MSG_FILES_DRIFT: the files of a container whose changes are wanted, replacing those of before; NUL-terminated paths
 * follow. Their directories are watched, and the files themselves where they are mount points. A path that ends in "/" is a
 * directory any entry of which is meant. */
struct msg_files_drift {
	uint32_t watch, count;
};

/* MSG_FILES_MOUNTS: struct msg_files_unwatch. The container makes mounts: from now on those that are new are found and marked
 * within FILES_MOUNTS_AGAIN_NS. (To wait at its mountinfo instead would hold its mount namespace after its end.) */
#define FILES_MOUNTS_AGAIN_NS 1000000000ULL

/* ---- files -> core ---------------------------------------------------------------------------------------------------- */
/* Where a file lies. IMAGE and UPPER need the layers; ROOT: the container's own file system, layer not (yet) looked up. */
enum files_origin {
	FILES_ORIGIN_UNKNOWN,
	FILES_ORIGIN_ROOT,
	FILES_ORIGIN_IMAGE,  /* a layer of the image (or the engine's init layer) brought it */
	FILES_ORIGIN_UPPER,  /* written at run time */
	FILES_ORIGIN_VOLUME,
	FILES_ORIGIN_TMPFS,
	FILES_ORIGIN_BIND,   /* a directory or file of the host */
	FILES_ORIGIN_ENGINE, /* what the engine mounts: hosts, resolv.conf, secrets */
	FILES_ORIGIN_MEMORY, /* memfd: no file at all */
	FILES_ORIGIN_MAX
};

/* MSG_FILES_STATE: after a watch was set up, and when it is throttled */
struct msg_files_state {
	uint32_t watch;
	int32_t error;       /* -errno: nothing could be marked */
	uint16_t marks, unmarked; /* mounts that are watched; writable ones that are not (FUSE, refused) */
	uint8_t throttled;   /* its events are not taken for the time being */
	uint8_t pad[3];
	uint16_t lower_count;  /* layers below the upper one; 0: no overlay */
	uint16_t pad2;
};

enum msg_files_event_flag {
	FILES_EVENT_EXECUTABLE = 1 << 0, /* mode x, or ELF or "#!" at its start */
	FILES_EVENT_DELETED = 1 << 1,    /* had no name any more when it was closed */
	FILES_EVENT_MANY = 1 << 2,       /* path is a directory: count further files were written in it */
	FILES_EVENT_OUTSIDE = 1 << 3,    /* not through one of the container's own mounts: from the host */
	FILES_EVENT_ENDED = 1 << 4,      /* the process was gone when the event was read: pid may be used again */
};
/* MSG_FILES_EVENT: a file was written and closed, or a directory's flood in a window */
struct msg_files_event {
	uint32_t watch, pid;
	uint64_t mono_ns;    /* when it was read; MANY: end of the window */
	uint64_t window_ns;  /* MANY: its length */
	uint64_t count;      /* closes it stands for */
	uint64_t size, ino;
	uint32_t mode, flags; /* enum msg_files_event_flag */
	uint8_t origin;      /* enum files_origin */
	uint8_t pad[7];
	/* path */
};

enum files_digest_state {
	FILES_HASHED,
	FILES_NOT_BIG,     /* larger than limits allow */
	FILES_NOT_BUSY,    /* too many wait already */
	FILES_NOT_SLOW,    /* could not be read within the time allowed */
	FILES_NOT_GONE,    /* process and file were gone, or the file is another one by now */
	FILES_NOT_CHANGED, /* changed while it was read */
	FILES_NOT_ERROR,   /* could not be opened or read */
	FILES_NOT_INSIDE,  /* no file of the container: the runtime's own program, on its way in */
	FILES_DIGEST_STATE_MAX
};
/* MSG_FILES_DIGEST: content of a file; seq of the MSG_FILES_EXE, or 0: an executable that was written */
struct msg_files_digest {
	uint32_t watch, pid;
	uint64_t ino, size;
	uint64_t ctime_ns, mtime_ns; /* wall */
	uint32_t mode;
	uint8_t state;      /* enum files_digest_state */
	uint8_t origin;     /* enum files_origin */
	uint8_t copied_up;  /* UPPER: a lower layer has a file of this name as well */
	uint8_t pad;
	int16_t lower;      /* IMAGE, copied_up: index among the lower layers, nearest first; else -1 */
	uint16_t lower_count;
	uint32_t pad2;
	uint8_t sha256[32];
	/* path */
};

enum files_change { FILES_WRITTEN, FILES_CREATED, FILES_DELETED, FILES_MOVED_IN, FILES_MOVED_AWAY, FILES_ATTRIBUTES, FILES_CHANGE_MAX };
/* MSG_FILES_CHANGED: something happened to a file of MSG_FILES_DRIFT */
struct msg_files_changed {
	uint32_t watch;
	uint32_t pid;     /* who wrote it last within the second before; 0: not known */
	uint8_t change;   /* enum files_change */
	uint8_t flags;    /* 1: events were lost before it */
	uint8_t pad[6];
	uint64_t mono_ns;
	/* path */
};

/* MSG_FILES_STATS: sums since the start of files, once a second while there is change */
struct msg_files_stats {
	uint64_t events;        /* taken from the kernel */
	uint64_t unmatched;     /* of these: of no watched container (any more) */
	uint64_t delivered, aggregated; /* reported alone; counted in a MANY event */
	uint64_t overflows;     /* times the kernel's queue was full (how many events were lost, it does not say) */
	uint64_t throttles, throttled; /* times a container was left alone; events of such times that came all the same */
	uint64_t hashed, hashed_bytes, hash_refused;
	uint64_t drift_events, drift_overflows;
	uint32_t watches, marks, wds, pad;
};

#endif
