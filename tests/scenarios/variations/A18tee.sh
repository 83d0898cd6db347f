# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a key for another user, by tee; a server for it on an odd port'
case_class=A
case_prepare() { run app pg-many nginx -g 'daemon off;'; client_of c "http://A18tee-app/"; run ssh pg-many start-sshd; }
case_benign() { sleep 0.2; }
case_attack() {
	in_ app sh -c 'mkdir -p /var/www/.ssh; echo "ssh-ed25519 AAAA evil" | tee -a /var/www/.ssh/authorized_keys >/dev/null; mkdir -p /run/sshd; /usr/sbin/sshd -p 50022'
	sleep 0.5
}
case_expect='file.new A18tee-app * *
process.new A18tee-app * *
listener.new A18tee-app /usr/sbin/sshd *'
