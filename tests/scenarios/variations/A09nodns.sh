# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a bind shell: socat listens and gives a shell'
case_class=A
case_prepare() { run app pg-many redis-server --bind 0.0.0.0 --protected-mode no; }
case_attack() {
	bg app socat TCP-LISTEN:4447,reuseaddr EXEC:/bin/sh
	sleep 0.5
	(echo id; sleep 0.3) | lab_in a nc -w 1 "$(d inspect -f '{{.NetworkSettings.Networks.front.IPAddress}}' A09nodns-app)" 4447
}
case_expect='process.new A09nodns-app /usr/bin/socat* *
listener.new A09nodns-app /usr/bin/socat* *'
