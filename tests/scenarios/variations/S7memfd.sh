# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a Perl application calls process_vm_readv'
case_class=S
case_prepare() {
	run app --security-opt seccomp=unconfined pg-many perl -e '
use Socket; socket(S, PF_INET, SOCK_STREAM, 0); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1); bind(S, sockaddr_in(3000, INADDR_ANY)); listen(S, 50);
while (accept(C, S)) {
	sysread C, $b, 4096; syswrite C, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"; close C;
	if (-e "/tmp/go") { unlink "/tmp/go"; syscall(310, 1, 0, 0, 0, 0, 0); }
}'
	client_of c "http://S7memfd-app:3000/"
}
case_benign() { in_ app perl -e 'use Socket; print 1'; }
case_attack() {
	in_ app perl -e 'open F, ">/tmp/go"'
	sleep 1
}
case_expect='syscall.new S7memfd-app /usr/bin/perl* *'
