/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packet sockets by io_uring (IORING_OP_SOCKET), which pass neither a system call of their own nor a hook of cgroups. Seen when
 * the request is submitted, by the process or by its submitting thread; whether it will be granted (a ring may have other
 * credentials than its process) is not looked at: who asks for one in this way is told.
 * The tracepoint had another name before Linux 6.4; only one of the two programs is loaded. */
#include "sensor/bpf/ledger.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define AF_PACKET 17
#define OP_SOCKET 45 /* IORING_OP_SOCKET, Linux 5.19 */

static __always_inline int uring_submitted(struct io_kiocb *req)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct io_socket *s;
	struct pg_event e;

	if (req->opcode != OP_SOCKET || !is_of_container(t))
		return 0;
	s = (void *)req + bpf_core_field_offset(struct io_kiocb, cmd);
	if (BPF_CORE_READ(s, domain) != AF_PACKET)
		return 0;
	event_of_task(&e, t, PG_EV_RAW);
	e.family = AF_PACKET;
	e.sock_type = BPF_CORE_READ(s, type) & 0xf;
	event_send(&e);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(uring_submit_req, struct io_kiocb *req)
{
	return uring_submitted(req);
}

SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(uring_submit_sqe, struct io_kiocb *req)
{
	return uring_submitted(req);
}
