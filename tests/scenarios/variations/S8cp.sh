# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a listed file is brought in by docker cp; a listed address by UDP'
case_class=S
case_prepare() {
	mkdir -p "$LAB_DIR/kit"
	printf '%s' "$SC_KIT" >"$LAB_DIR/kit/kit2.sh"
	run app pg-many node /srv/node/app.js
	client_of c "http://S8cp-app:3000/"
}
case_attack() {
	d cp "$LAB_DIR/kit/kit2.sh" S8cp-app:/tmp/kit2.sh
	in_ app python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("203.0.113.66", 53))'
	sleep 1
}
case_expect='intel.file S8cp-app * /tmp/kit2.sh
intel.ip S8cp-app /usr/bin/python3* ext:203.0.113.66'
