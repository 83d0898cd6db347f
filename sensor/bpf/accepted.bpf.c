/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who reads from accepted connections (served.bpf.h). Runs in the reader's context: tcp_rcv_space_adjust() follows each copy
 * out of a receive queue. (Who only closes one is noted in sockets.bpf.c.) */
#include "sensor/bpf/served.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(server_reads, struct sock *sk)
{
	if (was_accepted(sk))
		server_note(sk);
	return 0;
}
