/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A workload's system calls as a seccomp profile for "docker run --security-opt seccomp=FILE". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_text.h"
#include "tools/pierglass/cli_value.h"

/* What runc calls between installing the filter and starting the program, whichever program that is (runc 1.1, with and
 * without no-new-privileges; measured, and read off its finalizeNamespace()). */
static const char *const runtime_needs[] = {
	"arch_prctl", "brk", "capget", "capset", "chdir", "clone", "close", "close_range", "epoll_create1", "epoll_ctl", "epoll_pwait",
	"execve", "exit", "exit_group", "faccessat", "faccessat2", "fchdir", "fchown", "fcntl", "fstat", "fstatfs", "futex", "getcwd",
	"getdents64", "getpid", "getppid", "gettid", "getuid", "kill", "lseek", "madvise", "mmap", "mprotect", "munmap", "nanosleep",
	"newfstatat", "open", "openat", "openat2", "pipe2", "prctl", "pread64", "read", "readlinkat", "rt_sigaction", "rt_sigprocmask",
	"rt_sigreturn", "sched_getaffinity", "sched_yield", "seccomp", "set_tid_address", "setgid", "setgroups", "setuid",
	"sigaltstack", "stat", "statfs", "statx", "tgkill", "umask", "uname", "unlinkat", "write",
};

static void names_take(json_t *names, const json_t *from)
{
	size_t i;
	json_t *v;

	json_array_foreach(from, i, v) {
		const char *s = json_string_value(v);

		if (s && s[0] == '#')
			fprintf(stderr, "pierglass: model: system call %s has no name here, it is not in the profile\n", s + 1);
		else if (s)
			json_object_set_new(names, s, json_true()); /* a set */
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *names_sorted(json_t *names)
{
	size_t n = json_object_size(names), i = 0;
	_cleanup_free_ const char **list = calloc(n ? n : 1, sizeof(*list));
	json_t *r = json_array(), *v;
	const char *key;

	if (!list)
		return r;
	json_object_foreach(names, key, v)
		list[i++] = key;
	qsort(list, n, sizeof(*list), by_name);
	for (i = 0; i < n; i++)
		json_array_append_new(r, json_string(list[i]));
	return r;
}

static json_t *profile_of(const json_t *calls)
{
	json_t *names = json_object(), *rules = json_array(), *archs = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(runtime_needs); i++)
		json_object_set_new(names, runtime_needs[i], json_true());
	json_array_append_new(archs, json_string("SCMP_ARCH_X86_64"));
	if (json_array_size(json_object_get(calls, "ia32")))
		json_array_append_new(archs, json_string("SCMP_ARCH_X86"));
	if (json_array_size(json_object_get(calls, "x32")))
		json_array_append_new(archs, json_string("SCMP_ARCH_X32"));
	names_take(names, json_object_get(calls, "native"));
	names_take(names, json_object_get(calls, "ia32"));
	names_take(names, json_object_get(calls, "x32"));
	names_take(names, json_object_get(calls, "runtime_filtered"));
	json_array_append_new(rules, json_pack("{s:o, s:s}", "names", names_sorted(names), "action", "SCMP_ACT_ALLOW"));
	/* Where it is refused, libraries fall back to clone() only if it seems not to exist. */
	if (!json_object_get(names, "clone3"))
		json_array_append_new(rules, json_pack("{s:[s], s:s, s:i}", "names", "clone3", "action", "SCMP_ACT_ERRNO", "errnoRet", 38));
	json_decref(names);
	return json_pack("{s:s, s:o, s:o}", "defaultAction", "SCMP_ACT_ERRNO", "architectures", archs, "syscalls", rules);
}

int cli_seccomp(const struct cli_options *o, const char *workload)
{
	char path[1024] = "/v1/syscalls";
	_cleanup_free_ char *text = NULL;
	json_t *j, *profile;
	int code;

	if (!cli_query(path, sizeof(path), "workload", workload)) {
		fputs("pierglass: model: the name is too long\n", stderr);
		return CLI_USAGE;
	}
	code = cli_get_json(o, path, &j, NULL);
	if (code)
		return code;
	if (!json_array_size(json_object_get(json_array_get(j, 0), "native"))) {
		fputs("pierglass: model: no system calls of workload \"", stderr);
		cli_put(stderr, workload);
		fputs("\" are known\n", stderr);
		json_decref(j);
		return CLI_REFUSED;
	}
	profile = profile_of(json_array_get(j, 0));
	text = json_dumps(profile, JSON_INDENT(1));
	if (text)
		cli_put_json(stdout, text, strlen(text));
	putchar('\n');
	json_decref(profile);
	json_decref(j);
	return CLI_OK;
}
