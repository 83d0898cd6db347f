/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program build/pierglass-inspect as the keeper starts it: real ring, real map, sockets, sandbox. The ring's producer
 * is a four-line eBPF program made here, run by BPF_PROG_TEST_RUN with each sample as its packet. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "sensor/bpf/abi.h"
#include "sensor/msg.h"

#define ETH 14 /* BPF_PROG_TEST_RUN wants an Ethernet header before our bytes */
#define SERIAL 300001 /* of the flow: beyond the number of slots */
#define RECORD 256 /* the program copies this many bytes: enough for the samples here */

struct rig {
	int ring, inspected, prog, keeper, core;
	pid_t pid;
};

static int load_producer(int ring)
{
	const struct bpf_insn insns[] = {
		/* r6 = ctx; bpf_skb_load_bytes(ctx, ETH, fp - RECORD, RECORD) */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = ETH },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 3, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 3, .imm = -RECORD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = RECORD },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_load_bytes },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 0, .imm = 0, .off = 7 },
		/* bpf_ringbuf_output(ring, fp - RECORD, RECORD, 0) */
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = ring },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -RECORD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = RECORD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ringbuf_output },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "pgtest", "GPL", insns, ARRAY_SIZE(insns), NULL);
}

/* The program that was built with this test: two directories above it. */
static void program_path(char *ret, size_t size)
{
	const char *given = getenv("PIERGLASS_INSPECT");
	ssize_t n = readlink("/proc/self/exe", ret, size - 1);
	char *slash = NULL;

	if (n > 0) {
		ret[n] = '\0';
		for (int i = 0; i < 3 && (slash = strrchr(ret, '/')); i++)
			*slash = '\0';
	}
	if (given)
		snprintf(ret, size, "%s", given);
	else if (slash)
		snprintf(ret + strlen(ret), size - strlen(ret), "/pierglass-inspect");
	else
		snprintf(ret, size, "build/pierglass-inspect");
}

static pid_t start(int keeper_end, const char *mode)
{
	char path[4096];
	pid_t pid;

	program_path(path, sizeof(path));
	pid = fork();
	if (pid == 0) {
		if (keeper_end == CHILD_FD_KEEPER)
			fcntl(keeper_end, F_SETFD, 0);
		else
			dup2(keeper_end, CHILD_FD_KEEPER);
		execl(path, "pierglass-inspect", mode, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static void send_fd(int keeper, enum msg_fd_kind kind, const char *name, int fd)
{
	struct msg_fd m = { .kind = kind };

	snprintf(m.name, sizeof(m.name), "%s", name);
	assert_int_equal(ipc_send(keeper, MSG_FD, 0, 0, &m, sizeof(m), fd), 0);
}

/* Waits for a message of this type for at most 5 s; others are passed over. Returns its length, -1: none came. */
static int await(int sock, uint16_t type, void *ret, size_t size)
{
	static uint8_t body[IPC_BODY_MAX];
	uint64_t end = clock_mono_ns() + 5 * NSEC_PER_SEC;

	while (clock_mono_ns() < end) {
		struct pollfd p = { .fd = sock, .events = POLLIN };
		struct ipc_hdr h;
		int fd = -1, r;

		if (poll(&p, 1, 200) <= 0)
			continue;
		r = ipc_recv(sock, &h, body, &fd);
		if (r == 0)
			return -1;
		if (r == 1 && h.type == type) {
			if (size)
				memcpy(ret, body, h.len < size ? h.len : size);
			return (int)h.len;
		}
	}
	return -1;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	LIBBPF_OPTS(bpf_map_create_opts, mmapable, .map_flags = BPF_F_MMAPABLE);
	int k[2], c[2];

	*state = rig;
	if (geteuid() != 0)
		return 0;
	rig->ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "pgtest_ring", 0, 0, 1 << 20, NULL);
	rig->inspected = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pgtest_insp", 4, sizeof(struct pg_inspected), 1, &mmapable);
	rig->prog = rig->ring >= 0 ? load_producer(rig->ring) : -1;
	assert_true(rig->prog >= 0 && rig->inspected >= 0);
	assert_int_equal(ipc_pair(k), 0);
	assert_int_equal(ipc_pair(c), 0);
	rig->keeper = k[0];
	rig->core = c[0];
	rig->pid = start(k[1], "packets");
	close(k[1]);
	send_fd(rig->keeper, MSG_FD_CORE, "", c[1]);
	close(c[1]);
	send_fd(rig->keeper, MSG_FD_MAP, "samples", rig->ring);
	send_fd(rig->keeper, MSG_FD_MAP, "inspected", rig->inspected);
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	int status;

	if (rig->pid > 0) {
		ipc_send(rig->keeper, MSG_QUIT, 0, 0, NULL, 0, -1);
		assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		close(rig->ring);
		close(rig->inspected);
		close(rig->prog);
		close(rig->keeper);
		close(rig->core);
	}
	free(rig);
	return 0;
}

static struct flow_key key_of(uint16_t client_port, uint16_t server_port)
{
	struct flow_key k = { .ns = 1, .proto = 6, .port = { htons(client_port), htons(server_port) } };

	memcpy(k.addr[0], "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1", 16);
	memcpy(k.addr[1], "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\2", 16);
	return k;
}

static void produce(struct rig *rig, const struct flow_key *key, unsigned dir, uint32_t seq, const void *data, size_t len)
{
	uint8_t packet[ETH + RECORD] = { 0 };
	struct pg_sample s = { .version = PG_ABI_VERSION, .dir = (uint8_t)dir, .tcp_seq = seq, .flow_serial = SERIAL, .ts_ns = clock_mono_ns(),
			       .payload_len = (uint32_t)len, .cap_len = (uint16_t)len, .key = *key };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet), .repeat = 1);

	assert_true(len <= RECORD - sizeof(s));
	memcpy(packet + ETH, &s, sizeof(s));
	memcpy(packet + ETH + sizeof(s), data, len);
	assert_int_equal(bpf_prog_test_run_opts(rig->prog, &opts), 0);
}

#define NEED_ROOT()                \
	do {                       \
		if (geteuid() != 0) \
			skip();    \
	} while (0)

static void test_ping(void **state)
{
	struct rig *rig = *state;

	NEED_ROOT();
	assert_int_equal(ipc_send(rig->keeper, MSG_PING, 77, 0, NULL, 0, -1), 0);
	assert_int_equal(await(rig->keeper, MSG_PONG, NULL, 0), 0);
}

static bool is_inspected(const struct rig *rig)
{
	struct pg_inspected *t = mmap(NULL, sizeof(*t), PROT_READ, MAP_SHARED, rig->inspected, 0);
	bool yes;

	assert_true(t != MAP_FAILED);
	yes = t->serial[SERIAL % PG_INSPECTED_SLOTS] == SERIAL;
	munmap(t, sizeof(*t));
	return yes;
}

static void test_label_leaves(void **state)
{
	static const char request[] = "GET /index.html HTTP/1.1\r\nHost: shop.example\r\n\r\n";
	static const char answer[] = "HTTP/1.1 200 OK\r\nServer: Apache\r\n\r\n";
	struct rig *rig = *state;
	struct flow_key key = key_of(40001, 80);
	struct msg_label l;
	uint64_t begin;

	NEED_ROOT();
	begin = clock_mono_ns();
	produce(rig, &key, 0, 1000, request, sizeof(request) - 1);
	assert_true(await(rig->core, MSG_LABEL, &l, sizeof(l)) >= (int)sizeof(l));
	print_message("# first label after %.1f ms\n", (double)(clock_mono_ns() - begin) / 1e6);
	assert_memory_equal(&l.key, &key, sizeof(key));
	assert_string_equal(l.app, "HTTP");
	assert_string_equal(l.host, "shop.example");
	assert_int_equal(l.confidence, LABEL_OWN);
	assert_int_equal(l.server_end, 1);
	assert_int_equal(l.final, 0);
	assert_false(is_inspected(rig));
	produce(rig, &key, 1, 9000, answer, sizeof(answer) - 1);
	assert_true(await(rig->core, MSG_LABEL, &l, sizeof(l)) >= (int)sizeof(l));
	assert_int_equal(l.final, 1);
	assert_non_null(strstr(l.info, "server Apache"));
	assert_true(is_inspected(rig)); /* wants no more */
}

static void test_bad_records_are_survived(void **state)
{
	static const char banner[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";
	struct rig *rig = *state;
	struct flow_key key = key_of(40002, 22), bad = key_of(1, 2);
	struct msg_inspect_stats s;
	struct msg_label l;

	NEED_ROOT();
	bad.proto = 200;
	produce(rig, &bad, 0, 0, "x", 1);
	produce(rig, &key, 1, 1, banner, sizeof(banner) - 1);
	assert_true(await(rig->core, MSG_LABEL, &l, sizeof(l)) > 0);
	assert_string_equal(l.app, "SSH");
	assert_non_null(strstr(l.info, "OpenSSH_9.2p1"));
	do
		assert_int_equal(await(rig->core, MSG_INSPECT_STATS, &s, sizeof(s)), (int)sizeof(s));
	while (!s.bad_version);
	assert_int_equal(s.bad_version, 1);
}

static void test_new_core_takes_over(void **state)
{
	struct rig *rig = *state;
	struct flow_key key = key_of(40003, 6379);
	struct msg_label l;
	int c[2];

	NEED_ROOT();
	close(rig->core);
	usleep(50000);
	produce(rig, &key, 0, 1, "*1\r\n$4\r\nPING\r\n", 14); /* nobody listens: is kept */
	usleep(50000);
	assert_int_equal(ipc_pair(c), 0);
	rig->core = c[0];
	send_fd(rig->keeper, MSG_FD_CORE, "", c[1]);
	close(c[1]);
	assert_true(await(rig->core, MSG_LABEL, &l, sizeof(l)) > 0);
	assert_string_equal(l.app, "Redis");
}

static void test_memory_and_idle(void **state)
{
	struct rig *rig = *state;
	char path[64], line[256];
	long rss = 0;
	FILE *f;

	NEED_ROOT();
	snprintf(path, sizeof(path), "/proc/%d/status", rig->pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &rss) == 1)
			break;
	fclose(f);
	print_message("# resident: %ld KiB\n", rss);
#ifndef PG_SAN /* the sanitizers' own memory is beyond measure */
	assert_in_range(rss, 1, 25 * 1024);
#endif
}

static void test_documents_answers_ping(void **state)
{
	int k[2], status;
	pid_t pid;

	NEED_ROOT();
	assert_int_equal(ipc_pair(k), 0);
	pid = start(k[1], "documents");
	close(k[1]);
	ipc_send(k[0], MSG_PING, 1, 0, NULL, 0, -1);
	assert_int_equal(await(k[0], MSG_PONG, NULL, 0), 0);
	close(k[0]); /* the keeper's end: it leaves by itself */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ping),
		cmocka_unit_test(test_label_leaves),
		cmocka_unit_test(test_bad_records_are_survived),
		cmocka_unit_test(test_new_core_takes_over),
		cmocka_unit_test(test_memory_and_idle),
		cmocka_unit_test(test_documents_answers_ping),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
