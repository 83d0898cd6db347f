# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the socket of the engine under another name, by a link, and by its directory'
case_class=A
case_prepare() {
	run app -v "$(lab_socket a):/tmp/x.sock" pg-many sh -c 'while sleep 0.5; do curl -s -m 1 -o /dev/null http://localhost:9/; done'
	run dir -v "$(dirname "$(lab_socket a)"):/host/run" pg-many sh -c 'while sleep 0.5; do curl -s -m 1 -o /dev/null http://localhost:9/; done'
}
case_attack() {
	in_ app curl -s -m 1 -o /dev/null --unix-socket /tmp/x.sock http://d/containers/json
	in_ dir sh -c "cd /host/run; curl -s -m 1 -o /dev/null --unix-socket ./$(basename "$(lab_socket a)") http://d/containers/json"
}
case_expect='engine.access A23path-app /usr/bin/curl unix:/tmp/x.sock
engine.access A23path-dir /usr/bin/curl *'
