# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a packet socket of datagrams, of a container on IPv6'
case_class=A
case_prepare() { run app --cap-add NET_RAW pg-many node /srv/node/app.js; client_of c "http://A28dgram-app:3000/"; }
case_attack() { in_ app python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800)); s.bind(("eth0", 0x800))'; }
case_expect='socket.raw A28dgram-app /usr/bin/python3* *'
