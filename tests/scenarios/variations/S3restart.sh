# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='netcat takes the port of nginx, just after a new start of the sensor'
case_class=S
case_prepare() {
	run app pg-many sh -c 'sleep infinity & nginx -g "daemon off;"; wait'
	client_of c "http://S3restart-app/"
}
case_attack() {
	sensor_stop s
	sensor_start s "$(lab_socket a)"
	until_true 15 learned_all 1
	in_ app sh -c 'nginx -s stop; sleep 0.5; nc -l -p 80 >/dev/null & sleep 1'
}
case_expect='listener.squatted S3restart-app /usr/bin/nc.openbsd *'
