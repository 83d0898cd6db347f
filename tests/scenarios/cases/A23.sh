# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a container talks to the socket of its engine'
case_class=A
case_prepare() {
	run app -v "$(lab_socket a):/var/run/docker.sock" pg-many sh -c 'while sleep 0.5; do curl -s -m 1 -o /dev/null http://localhost:9/; done'
	# a CI runner, whose model includes it
	run ci -v "$(lab_socket a):/var/run/docker.sock" pg-many sh -c 'while sleep 0.5; do curl -s -m 1 -o /dev/null --unix-socket /var/run/docker.sock http://d/_ping; done'
}
case_benign() { in_ ci curl -s -m 1 -o /dev/null --unix-socket /var/run/docker.sock http://d/containers/json; }
case_attack() { in_ app curl -s -m 1 -o /dev/null --unix-socket /var/run/docker.sock http://d/containers/json; }
case_expect='engine.access A23-app /usr/bin/curl unix:/var/run/docker.sock'
