# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a listed file comes in pieces under one name and is given another'
case_class=S
case_prepare() { run app pg-many sh -c 'while sleep 0.5; do cat /etc/hostname >/tmp/state; done'; }
case_attack() {
	printf '%s' "$SC_KIT" | d exec -i S8moved-app sh -c 'cat >/tmp/part; mv /tmp/part /tmp/.hidden; chmod 755 /tmp/.hidden; /tmp/.hidden'
	sleep 0.5
}
case_expect='intel.file S8moved-app * /tmp/*'
