# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a passive range is learned; another program beside it is not'
case_class=S
case_prepare() {
	run ftp pg-many python3 -u -c '
import random, socket, time
while True:
	s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	try: s.bind(("", random.randint(40000, 40100))); s.listen(1)
	except OSError: pass
	time.sleep(0.15); s.close()'
}
# and the sensor loses its core
case_benign() {
	kill -9 "$(sensor_program s core)"
	until_true 10 sensor_is_ready s
	sleep 3
}
case_attack() { bg ftp nc -l -p 40123; sleep 0.5; }
case_expect='listener.new S10range-ftp /usr/bin/nc.openbsd *'
