# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='many failing logins by SSH'
case_class=A
case_prepare() {
	run host pg-many start-sshd
	run app pg-many sh -c 'while sleep 1; do ssh -o BatchMode=yes A13ssh-host true; done'
}
case_benign() { in_ app sh -c 'for i in 1 2 3 4 5; do ssh -o BatchMode=yes A13ssh-host true & done; wait'; }
case_attack() { in_ app sh -c 'i=0; while [ $i -lt 60 ]; do ssh -o BatchMode=yes -o PubkeyAuthentication=no nobody@A13ssh-host true & i=$((i + 1)); [ $((i % 10)) = 0 ] && wait; done; wait'; return 0; }
case_expect='auth.bruteforce A13ssh-app /usr/bin/ssh pg-many/A13ssh-host'
