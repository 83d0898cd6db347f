# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a second Port in sshd_config, then HUP'
case_class=S
case_prepare() {
	run host pg-many sh -c 'sleep infinity & start-sshd; wait'
	run c pg-many sh -c 'while sleep 0.5; do nc -z S2sshd-host 22; done'
}
case_benign() { in_ host sh -c 'echo "# note" >>/etc/ssh/sshd_config'; }
case_attack() { in_ host sh -c 'printf "Port 22\nPort 2222\n" >>/etc/ssh/sshd_config; kill -HUP $(cat /run/sshd.pid)'; sleep 0.5; }
case_expect='config.drift S2sshd-host /usr/bin/dash *
listener.new S2sshd-host /usr/sbin/sshd *'
