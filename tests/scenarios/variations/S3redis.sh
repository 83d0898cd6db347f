# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='Redis is shut down, socat takes its port'
case_class=S
case_prepare() {
	run db pg-many sh -c 'sleep infinity & redis-server --bind 0.0.0.0 --protected-mode no; wait'
	run c pg-many sh -c 'while sleep 0.4; do redis-cli -h S3redis-db ping; done'
}
case_benign() { in_ c sh -c 'redis-cli -h S3redis-db info >/dev/null'; }
case_attack() {
	bg db sh -c 'redis-cli shutdown nosave; sleep 0.7; exec socat TCP-LISTEN:6379,fork,reuseaddr EXEC:cat'
	sleep 1.5
}
case_expect='listener.squatted S3redis-db /usr/bin/socat* *'
