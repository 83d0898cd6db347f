#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `sudo make run`: installs what is missing, builds, starts the sensor on the local Docker engine in the foreground.
# Arguments go to pierglassd (make run leaves them empty: no configuration file is needed).
set -u
cd "$(dirname "$0")/.." || exit 1

if [ "$(id -u)" != 0 ]; then
	echo "pierglass: the sensor loads eBPF programs and enters network namespaces: run it as root (sudo make run)" >&2
	exit 1
fi
tools/deps.sh build run || exit 1
nice make -s -j"$(nproc)" all || exit 1

getent group pierglass >/dev/null || groupadd --system pierglass || exit 1
getent passwd pierglass >/dev/null ||
	useradd --system --gid pierglass --home-dir /var/lib/pierglass --no-create-home --shell /usr/sbin/nologin pierglass || exit 1

engine_answers() {
	curl -fsS --max-time 3 --unix-socket /var/run/docker.sock http://engine/_ping >/dev/null 2>&1
}
# The engine that we may have installed just now is started by its package where there is a service manager.
if [ $# = 0 ] && ! engine_answers; then
	echo "No Docker engine answers on /var/run/docker.sock yet: the sensor starts all the same and waits for it."
	if [ -d /run/systemd/system ]; then
		echo "  start it:      systemctl start docker"
	else
		echo "  start it:      dockerd &      (there is no service manager here)"
	fi
	echo "  or see a demo: make demo       (its own isolated engine, with containers and traffic)"
fi
echo "How to look, in another terminal:"
echo "  $PWD/build/pierglass status        what is attached, what cannot be seen and why"
echo "  $PWD/build/pierglass map           who talks to whom, over which protocol, by which program"
echo "  $PWD/build/pierglass flows -f      flows as they come (also: containers, listeners)"
echo "Stop with Ctrl-C."
exec build/pierglassd "$@"
