# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='authorized_keys is written, an SSH server comes up on 2222'
case_class=A
case_prepare() {
	run app pg-many sh -c 'while sleep 0.5; do :; done & exec node /srv/node/app.js'
	run learned pg-many start-sshd
}
case_benign() { sleep 0.2; }
case_attack() {
	in_ app sh -c 'echo "ssh-ed25519 AAAA evil" >>/root/.ssh/authorized_keys; mkdir -p /run/sshd; /usr/sbin/sshd -p 2222'
	sleep 0.5
}
case_expect='file.new A18-app /usr/bin/dash *
process.new A18-app /usr/sbin/sshd *
listener.new A18-app /usr/sbin/sshd *'
