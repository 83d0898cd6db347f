/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts from the bus of events: system calls, raw sockets, files, executables. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "sensor/core/declared.h"
#include "sensor/core/events.h"
#include "sensor/core/model_priv.h"
#include "sensor/watch/applet.h"

#define KINDS (1U << CORE_EVENT_SYSCALL | 1U << CORE_EVENT_RAW_SOCKET | 1U << CORE_EVENT_FILE | 1U << CORE_EVENT_FILE_CHANGED | 1U << CORE_EVENT_EXE | \
	       1U << CORE_EVENT_UNIX)

/* ---- system calls ------------------------------------------------------------------------------------------------- */
/* Calls whose first use says nothing: files, memory, threads, signals, time, sockets (what comes of those, the edges tell). The
 * rest is what attacks are made of: other processes' memory, namespaces, modules, keys, tracing, mounts. */
static const char *const ordinary[] = {
	"accept", "accept4", "access", "alarm", "arch_prctl", "bind", "brk", "chdir", "chmod", "chown", "clock_getres", "clock_gettime",
	"clock_nanosleep", "clone", "clone3", "close", "close_range", "connect", "copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group",
	"faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr",
	"flistxattr", "flock", "fork", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futex", "futex_waitv", "futimesat", "get_mempolicy",
	"get_robust_list", "getcpu", "getcwd", "getdents", "getdents64", "getegid", "geteuid", "getgid", "getgroups", "getitimer", "getpeername",
	"getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid",
	"getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1",
	"inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_setup", "io_submit", "io_pgetevents", "ioctl", "ioprio_get", "ioprio_set",
	"kill", "lchown", "lgetxattr", "link", "linkat", "listen", "listxattr", "llistxattr", "lseek", "lsetxattr", "lstat", "madvise", "mbind", "membarrier",
	"mincore", "mkdir", "mkdirat", "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mq_getsetattr", "mq_open", "mq_timedreceive", "mq_timedsend",
	"mq_unlink", "mremap", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap", "nanosleep", "newfstatat", "open",
	"openat", "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "poll", "ppoll", "prctl", "pread64", "preadv", "preadv2",
	"prlimit64", "pselect6", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "recvfrom", "recvmmsg",
	"recvmsg", "rename", "renameat", "renameat2", "restart_syscall", "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
	"rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min",
	"sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_setaffinity", "sched_setattr", "sched_setparam",
	"sched_setscheduler", "sched_yield", "select", "semctl", "semget", "semop", "semtimedop", "sendfile", "sendmmsg", "sendmsg", "sendto",
	"set_mempolicy", "set_robust_list", "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups", "setitimer", "setpgid", "setpriority",
	"setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setsockopt", "setuid", "setxattr", "shmat", "shmctl", "shmdt", "shmget",
	"shutdown", "sigaltstack", "signalfd", "signalfd4", "socket", "socketpair", "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync",
	"sync_file_range", "syncfs", "sysinfo", "tee", "tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
	"timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime", "times", "tkill", "truncate", "umask", "uname", "unlink", "unlinkat",
	"utime", "utimensat", "utimes", "vfork", "vmsplice", "wait4", "waitid", "write", "writev", "capget", "capset", "removexattr", "fremovexattr",
	"lremovexattr", "memfd_create", "sched_rr_get_interval", "pkey_alloc", "pkey_free", "pkey_mprotect", "mknod", "mknodat", "getpmsg", "ugetrlimit",
};

static bool is_ordinary(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ordinary); i++)
		if (!strcmp(ordinary[i], name))
			return true;
	return false;
}

/* Of these, what a daemon does at its start or never: later it says something. Who comes in from outside (docker exec, a health
 * check) is another matter: its programs start now. */
static const char *const at_start[] = {
	"capset", "inotify_add_watch", "inotify_init", "inotify_init1", "ioprio_set", "memfd_create", "mknod", "mknodat", "mlockall", "pidfd_open",
	"pidfd_send_signal", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "setfsgid", "setfsuid", "setgid",
	"setgroups", "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setuid", "vmsplice", "tee", "pkey_alloc", "pkey_mprotect",
};

static bool is_at_start(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(at_start); i++)
		if (!strcmp(at_start[i], name))
			return true;
	return false;
}

#define YOUNG_NS (5 * NSEC_PER_SEC)
#define ANCESTORS_MAX 16

/* One of the container's own: its first process came from outside as well. */
static bool is_own(struct core *c, const struct ident_container *ct, const struct process *p)
{
	for (unsigned i = 0; p && i < ANCESTORS_MAX; i++, p = processes_get(c->procs, p->parent))
		if (p->entered)
			return ct->pid && p->tgid == ct->pid;
	return true;
}

/* And it has run for a while. */
static bool is_settled(struct core *c, const struct ident_container *ct, const struct process *p)
{
	return p && clock_wall_ns() - clock_boot_to_wall_ns(p->start_boot_ns) >= YOUNG_NS && is_own(c, ct, p);
}

static struct model_fact_in fact_of(const struct core_event_view *v, enum fact_kind k, enum finding_kind finding)
{
	return (struct model_fact_in){ .kind = k, .finding = finding, .exe = v->p ? v->p->exe : "", .pid = v->p ? v->p->tgid : v->pid,
				       .at_mono_ns = v->mono_ns };
}

static void on_syscall(struct core *c, const struct core_event_view *v)
{
	struct model_fact_in in = fact_of(v, FACT_SYSCALL, FINDING_SYSCALL_NEW);
	struct model *m = model_of(c, v->container);
	char observed[512], key[FACT_KEY_MAX];
	bool outside;

	if (!config_checks(&c->config, CHECK_SYSCALL) || v->runtime || !v->name || !v->name[0] || !m)
		return;
	outside = (v->flags & PG_EVF_OUTSIDE) && (!v->p || !is_own(c, v->container, v->p));
	if (is_ordinary(v->name) && model_dimension_state(m, FACT_SYSCALL) != MODEL_LEARNING &&
	    !(is_at_start(v->name) && is_settled(c, v->container, v->p)))
		return;
	/* What came in by docker exec may use what the application uses, not the other way round. */
	if (outside && model_match(m, FACT_SYSCALL, v->name))
		return;
	in.key = outside ? fact_key(key, v->name, FACT_RUNTIME) : v->name;
	if (outside && model_is_health(c, v->container, v->p))
		model_vouch(m, FACT_SYSCALL, in.key, FACT_DECLARED, "image:healthcheck", clock_wall_ns());
	in.observed = observed;
	snprintf(observed, sizeof(observed), "%.200s in %.200s called %s for the first time", in.exe[0] ? in.exe : "A program", v->container->name, v->name);
	model_on_fact(c, v->container, &in);
}

static void on_raw_socket(struct core *c, const struct core_event_view *v)
{
	struct model_fact_in in = fact_of(v, FACT_SYSCALL, FINDING_SOCKET_RAW);
	const char *family = v->family == AF_PACKET ? "packet" : v->family == AF_INET6 ? "inet6" : "inet";
	char key[FACT_KEY_MAX], text[64], observed[512];

	if (!config_checks(&c->config, CHECK_RAW))
		return;
	snprintf(text, sizeof(text), "raw socket %s", family);
	in.key = fact_key(key, text, in.exe[0] ? in.exe : FACT_ANY);
	in.observed = observed;
	snprintf(observed, sizeof(observed), "%.200s in %.200s opened a %s socket (%s)", in.exe[0] ? in.exe : "A program", v->container->name,
		 v->family == AF_PACKET ? "packet" : "raw", family);
	model_on_fact(c, v->container, &in);
}

/* ---- the engine's socket ------------------------------------------------------------------------------------------------- */
static bool is_engine_socket(const char *path)
{
	static const char *const names[] = { "docker.sock", "containerd.sock", "containerd.sock.ttrpc", "podman.sock", "crio.sock", "dockershim.sock",
					     "cri-dockerd.sock", "buildkitd.sock", "balena-engine.sock", "lxd.socket", "incus.socket" };
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void on_unix(struct core *c, const struct core_event_view *v)
{
	struct model_fact_in in = fact_of(v, FACT_EDGE_OUT, FINDING_ENGINE_ACCESS);
	const struct process *parent = v->p ? processes_get(c->procs, v->p->parent) : NULL;
	char key[FACT_KEY_MAX], peer[300], observed[512];

	if (!v->text || !config_checks(&c->config, CHECK_ENGINE))
		return;
	if (!is_engine_socket(v->text) && !is_engine_socket(declared_socket(c, v->container, v->text)))
		return;
	snprintf(peer, sizeof(peer), "unix:%.280s", v->text);
	in.key = fact_key(key, peer, "engine");
	in.peer = peer;
	in.parent = parent ? parent->exe : "";
	in.observed = observed;
	snprintf(observed, sizeof(observed), "%.200s in %.100s connected to the engine's socket %.150s: who can use it commands the node",
		 in.exe[0] ? in.exe : "A program", v->container->name, v->text);
	model_on_fact(c, v->container, &in);
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */
static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), w = strlen(with);

	return n >= w && !strcmp(s + n - w, with);
}

static bool is_configuration(const char *path)
{
	static const char *const suffixes[] = { ".conf", ".cnf", ".cfg", ".ini", ".yml", ".yaml", ".toml", ".properties", ".load", "wp-config.php" };

	if (!begins(path, "/etc/") && !begins(path, "/usr/local/etc/") && !begins(path, "/opt/"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (ends(path, suffixes[i]))
			return true;
	return begins(path, "/etc/apache2/") || begins(path, "/etc/nginx/") || begins(path, "/etc/httpd/");
}

/* Where a write changes what will run, who may come in, or what is resolved. */
static bool is_sensitive(const struct core_event_view *v, const char *path)
{
	static const char *const places[] = { "/etc/", "/usr/", "/bin/", "/sbin/", "/lib", "/boot/", "/opt/", "/var/spool/cron/" };
	/* of whoever logs in */
	static const char *const files[] = { "/.bashrc", "/.bash_profile", "/.bash_login", "/.bash_logout", "/.profile", "/.zshrc", "/.zshenv", "/.rhosts" };

	if (v->executable || strstr(path, "/.ssh/") || strstr(path, "/.config/systemd/") || strstr(path, "/.config/autostart/"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (ends(path, files[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (begins(path, places[i]))
			return true;
	return false;
}

static void tell_drift(struct core *c, const struct core_event_view *v, const char *what)
{
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));
	struct model *m = model_of(c, v->container);

	if (!f || !m)
		return;
	if (!config_checks(&c->config, CHECK_DRIFT))
		return;
	f->kind = FINDING_CONFIG_DRIFT;
	f->fact_kind = -1;
	f->pid = v->p ? v->p->tgid : v->pid;
	f->observed_ns = v->mono_ns ? clock_mono_to_wall_ns(v->mono_ns) : 0;
	snprintf(f->key, sizeof(f->key), "drift\t%.1200s", v->text);
	snprintf(f->process, sizeof(f->process), "%s", v->p ? v->p->exe : "");
	snprintf(f->observed, sizeof(f->observed), "%.300s in %.100s was %s%s%.80s", v->text, v->container->name, what, f->process[0] ? " by " : "",
		 f->process);
	snprintf(f->why, sizeof(f->why), "Configuration of a running container is not edited in place: it is changed in the image.");
	model_expect(f, "%.300s as the image brought it", v->text);
	model_expect_facts(f, m, FACT_LISTENER, false, NULL);
	model_tell(c, v->container, m, FACT_FILE, f);
}

static void on_file(struct core *c, const struct core_event_view *v)
{
	enum finding_kind kind = FINDING_FILE_NEW;
	struct model_fact_in in = fact_of(v, FACT_FILE, kind);
	struct model *m = model_of(c, v->container);
	char key[FACT_KEY_MAX], area[600], observed[512];
	const char *path = v->text ? v->text : "", *slash;

	if (!m || path[0] != '/' || v->deleted || !config_checks(&c->config, CHECK_FILE))
		return;
	/* By directory: names of logs, sessions and temporary files change all the time. */
	slash = v->directory ? path + strlen(path) : strrchr(path, '/');
	snprintf(area, sizeof(area), "%.*s%s", (int)(slash - path), path, v->executable ? "/ (executable)" : "/");
	in.key = fact_key(key, area, in.exe[0] ? in.exe : FACT_ANY);
	in.observed = observed;
	/* What the application reads is judged by what it says (declared.h), what nobody reads by its place. */
	if (!v->executable && (declared_changed(c, v) || declared_is_scratch(c, v->container, path)))
		return;
	if (model_dimension_state(m, FACT_FILE) != MODEL_LEARNING) {
		if (model_match(m, FACT_FILE, key) || !is_sensitive(v, path))
			return;
		if (is_configuration(path)) {
			tell_drift(c, v, "written");
			return;
		}
	}
	snprintf(observed, sizeof(observed), "%.300s%s was written in %.100s%s%.80s", path, v->executable ? ", which may be executed," : "",
		 v->container->name, in.exe[0] ? " by " : "", in.exe);
	if (v->executable)
		model_hold(c, v->container, &in);
	else
		model_on_fact(c, v->container, &in);
}

static void on_file_changed(struct core *c, const struct core_event_view *v)
{
	(void)declared_changed(c, v);
}

struct known_exe {
	const char *path;
	bool found;
};

static void known_exe_cb(const struct fact *f, void *arg)
{
	struct known_exe *k = arg;
	const char *second;
	size_t n = fact_fields(f->key, &second);

	if (applet_same(k->path, strlen(k->path), f->key, n))
		k->found = true;
}

/* An executable that is not the image's, under a name that is. */
static void on_exe(struct core *c, const struct core_event_view *v)
{
	struct model_fact_in in = fact_of(v, FACT_FILE, FINDING_PROCESS_MODIFIED);
	struct known_exe known = { .path = v->text };
	struct model *m = model_of(c, v->container);
	char key[FACT_KEY_MAX], digest[96], observed[512];

	if (!m || v->written || !v->text || !v->text[0] || !v->detail || strcmp(v->detail, "upper") != 0)
		return;
	model_each_fact(m, FACT_PROCESS, known_exe_cb, &known);
	if (!v->changed && !known.found)
		return; /* a new program: process.new says so */
	snprintf(digest, sizeof(digest), "sha256:%.64s", v->digest && v->digest[0] ? v->digest : "unknown");
	in.key = fact_key(key, v->text, digest);
	in.exe = v->text;
	in.observed = observed;
	snprintf(observed, sizeof(observed), "%.300s runs in %.100s with another content than its image brought: %.20s...", v->text, v->container->name,
		 digest);
	model_on_fact(c, v->container, &in);
}

static void on_event(const struct core_event_view *v, void *arg)
{
	struct core *c = arg;

	if (!c->model || !v->container || v->container->remote)
		return;
	switch (v->kind) {
	case CORE_EVENT_SYSCALL:
		on_syscall(c, v);
		break;
	case CORE_EVENT_RAW_SOCKET:
		on_raw_socket(c, v);
		break;
	case CORE_EVENT_FILE:
		on_file(c, v);
		break;
	case CORE_EVENT_FILE_CHANGED:
		on_file_changed(c, v);
		break;
	case CORE_EVENT_UNIX:
		on_unix(c, v);
		break;
	case CORE_EVENT_EXE:
		on_exe(c, v);
		break;
	default:
		break;
	}
}

int model_events_start(struct core *c)
{
	return core_subscribe_events(c, KINDS, on_event, c);
}
