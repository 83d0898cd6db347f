/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor, the machine. What the kernel can do is tried, not guessed from its version; what needs root is said to be untried. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tools/pierglass/doctor.h"

#define STATE_DIR "/var/lib/pierglass"

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static void kernel_programs(struct doctor *d)
{
	static const struct {
		const char *name, *lost;
		enum bpf_prog_type type;
		bool needed;
	} types[] = {
		{ "TC programs", "flows cannot be counted", BPF_PROG_TYPE_SCHED_CLS, true },
		{ "cgroup programs", "traffic on lo is not seen", BPF_PROG_TYPE_CGROUP_SKB, true },
		{ "cgroup socket hooks", "flows are not joined with processes", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true },
		{ "syscall-type programs", "asking for many flows costs more (Linux 5.14)", BPF_PROG_TYPE_SYSCALL, false },
		{ "XDP programs", "early drop (hooks.xdp) is not available", BPF_PROG_TYPE_XDP, false },
	};
	static const struct {
		enum bpf_map_type type;
		const char *name;
	} maps[] = { { BPF_MAP_TYPE_RINGBUF, "ring buffer maps" }, { BPF_MAP_TYPE_LPM_TRIE, "LPM trie maps" } };

	libbpf_set_print(quiet);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		bool has = libbpf_probe_bpf_prog_type(types[i].type, NULL) == 1;

		doctor_add(d, has ? DOCTOR_OK : types[i].needed ? DOCTOR_FAIL : DOCTOR_WARN, "Kernel", types[i].name,
			   has ? "" : "boot a kernel with CONFIG_BPF_SYSCALL and its network hooks (Debian 12's has them)", "%s",
			   has ? "load" : types[i].lost);
	}
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		bool has = libbpf_probe_bpf_map_type(maps[i].type, NULL) == 1;

		doctor_add(d, has ? DOCTOR_OK : DOCTOR_FAIL, "Kernel", maps[i].name, has ? "" : "the sensor needs Linux 5.8 or newer", "%s",
			   has ? "can be made" : "cannot be made");
	}
}

static void kernel(struct doctor *d)
{
	bool root = geteuid() == 0, btf = !access("/sys/kernel/btf/vmlinux", R_OK);
	struct utsname u = { 0 };
	int fd;

	uname(&u);
	doctor_add(d, strcmp(u.machine, "x86_64") ? DOCTOR_WARN : DOCTOR_OK, "Kernel", "release",
		   strcmp(u.machine, "x86_64") ? "only x86_64 is tested" : "", "%s %s", u.release, u.machine);
	doctor_add(d, btf ? DOCTOR_OK : DOCTOR_FAIL, "Kernel", "BTF", btf ? "" : "boot a kernel with CONFIG_DEBUG_INFO_BTF=y", "%s",
		   btf ? "/sys/kernel/btf/vmlinux" : "/sys/kernel/btf/vmlinux is not there");
	if (!root) {
		doctor_add(d, DOCTOR_NOTE, "Kernel", "eBPF, fanotify", "run as root: sudo pierglass doctor", "not tried: needs root");
		return;
	}
	kernel_programs(d);
	fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_REPORT_DFID_NAME, O_RDONLY);
	doctor_add(d, fd >= 0 ? DOCTOR_OK : DOCTOR_WARN, "Kernel", "fanotify", fd >= 0 ? "" : "files written are not seen: CONFIG_FANOTIFY, Linux 5.9",
		   "%s", fd >= 0 ? "groups with file names" : strerror(errno));
	if (fd >= 0)
		close(fd);
	fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	doctor_add(d, fd >= 0 ? DOCTOR_OK : DOCTOR_WARN, "Kernel", "fanotify permission",
		   fd >= 0 ? "" : "programs cannot be refused: CONFIG_FANOTIFY_ACCESS_PERMISSIONS", "%s",
		   fd >= 0 ? "permission events" : strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void filters(struct doctor *d)
{
	bool queue = !access("/proc/net/netfilter/nfnetlink_queue", F_OK) || !access("/proc/net/netfilter", X_OK);
	char bridge = '-';
	FILE *f = fopen("/proc/sys/net/bridge/bridge-nf-call-iptables", "re");

	if (f) {
		if (fread(&bridge, 1, 1, f) != 1)
			bridge = '-';
		fclose(f);
	}
	doctor_add(d, queue ? DOCTOR_OK : DOCTOR_WARN, "Kernel", "netfilter", queue ? "" : "blocking needs CONFIG_NETFILTER and nf_tables", "%s",
		   queue ? "is there" : "is not there");
	doctor_add(d, bridge == '1' ? DOCTOR_OK : DOCTOR_NOTE, "Kernel", "br_netfilter",
		   bridge == '1' ? "" : "an engine switches it on by itself; without it blocking on a bridge cannot send resets", "%s",
		   bridge == '1' ? "on: bridged traffic passes nftables' inet hooks" : "off in this namespace");
}

static bool mounted(const char *path, long magic)
{
	struct statfs s;

	return !statfs(path, &s) && (long)s.f_type == magic;
}

static void mounts(struct doctor *d)
{
	const char *cgroup = mounted("/sys/fs/cgroup", CGROUP2_SUPER_MAGIC) ? "/sys/fs/cgroup" :
			     mounted("/sys/fs/cgroup/unified", CGROUP2_SUPER_MAGIC) ? "/sys/fs/cgroup/unified" : NULL;
	bool bpffs = mounted("/sys/fs/bpf", BPF_FS_MAGIC);

	doctor_add(d, cgroup ? DOCTOR_OK : DOCTOR_FAIL, "Mounts", "cgroup v2",
		   cgroup ? "" : "mount it: mount -t cgroup2 none /sys/fs/cgroup/unified (flows are not joined with processes without it)", "%s",
		   cgroup ? cgroup : "is not mounted");
	doctor_add(d, bpffs ? DOCTOR_OK : DOCTOR_NOTE, "Mounts", "bpffs", "", "%s",
		   bpffs ? "/sys/fs/bpf" : "not at /sys/fs/bpf: the sensor mounts one below its run directory");
}

/* Room in the state directory, or where it will be made. */
static void disk(struct doctor *d)
{
	const char *path = STATE_DIR;
	struct statvfs s;
	uint64_t mib;

	if (statvfs(path, &s) && (path = "/var/lib", statvfs(path, &s)))
		return;
	mib = (uint64_t)s.f_bavail * s.f_frsize >> 20;
	doctor_add(d, mib < 256 ? DOCTOR_FAIL : mib < 2048 ? DOCTOR_WARN : DOCTOR_OK, "Machine", "disk",
		   mib < 2048 ? "make room, lower store.max_bytes and alerts.max_bytes, or start with --state DIR elsewhere" : "",
		   "%" PRIu64 " MiB free in %s", mib, path);
	if (s.f_flag & ST_RDONLY)
		doctor_add(d, DOCTOR_FAIL, "Machine", "disk", "start with --state DIR elsewhere", "%s is read-only", path);
}

static void machine(struct doctor *d)
{
	struct timex t = { 0 };
	struct sysinfo s;
	int clock = adjtimex(&t);

	doctor_add(d, clock == TIME_ERROR ? DOCTOR_WARN : DOCTOR_OK, "Machine", "clock",
		   clock == TIME_ERROR ? "start a time service (systemd-timesyncd, chrony): alerts of several nodes are compared by their times" : "",
		   "%s", clock == TIME_ERROR ? "not synchronised, says the kernel" : "synchronised");
	if (!sysinfo(&s)) {
		uint64_t mib = (uint64_t)s.totalram * s.mem_unit >> 20;

		doctor_add(d, mib < 512 ? DOCTOR_WARN : DOCTOR_OK, "Machine", "memory", mib < 512 ? "lower limits.flows" : "",
			   "%" PRIu64 " MiB, %ld processors", mib, sysconf(_SC_NPROCESSORS_ONLN));
	}
	disk(d);
	if (getpwnam("pierglass") && getgrnam("pierglass"))
		doctor_add(d, DOCTOR_OK, "Machine", "user pierglass", "", "is there, with its group");
	else
		doctor_add(d, DOCTOR_NOTE, "Machine", "user pierglass", "make install, or the package, makes them (systemd-sysusers)",
			   "no such user or group: the sensor uses numbers without a name (64999)");
}

void doctor_machine(struct doctor *d)
{
	kernel(d);
	filters(d);
	mounts(d);
	machine(d);
}
