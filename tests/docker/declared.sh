#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What running containers declare: configuration read out of their own files, with its lines; edges that configuration, links and
# environment name; edits of every kind told with the difference of effective settings (S2), and hostile root file systems (A35):
# refused with a reason, nothing from outside the container in any output, the sensor alive.
set -u
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/../scenarios/lib.sh"
docker_begin
lab_engine_start a
lab_image a pg-web pg-many pg-tiny pg-db
d network create --subnet 172.31.0.0/16 front >/dev/null
case_id=D SC_WINDOWS=6
canary="canary-$RANDOM$RANDOM-of-the-host"
host=$LAB_DIR/conf
mkdir -p "$host/mounted" "$host/k8s/..1"
echo "Listen 8001 # $canary" >"$LAB_DIR/host-file"
printf 'Listen 80\n' >"$host/mounted/ports.conf"
printf 'Listen 80\n' >"$host/k8s/..1/ports.conf"
ln -s ..1 "$host/k8s/..data"
ln -s ..data/ports.conf "$host/k8s/ports.conf"

scenario_config s
sensor_start s "$(lab_socket a)"
start='sleep infinity & setsid -w apache2ctl -DFOREGROUND; wait'
web plain
run mounted -v "$host/mounted/ports.conf:/etc/apache2/ports.conf" pg-web sh -c "$start"
run k8s -v "$host/k8s:/etc/config" pg-web sh -c "ln -sf /etc/config/ports.conf /etc/apache2/ports.conf; $start"
run caller -e BACKEND_URL=http://D-plain:80/ -e MODE=D-mounted pg-many sh -c 'exec sleep infinity'
run linked --link D-mounted:web pg-many sh -c 'exec sleep infinity'
# shellcheck disable=SC2218 # run is not the one of bats: the word after it names a container
run hostile pg-web sh -c "$start"
run nginx pg-many sh -c 'printf "server {\n listen 127.0.0.1:8085;\n listen [::]:8086 default_server;\n}\n" >/etc/nginx/conf.d/more.conf; exec nginx -g "daemon off;"'
run redis pg-many sh -c 'exec redis-server /etc/redis/redis.conf --port 6390 --daemonize no'
run postgres pg-many sh -c 'for d in /etc/postgresql/*/main/conf.d; do echo "port = 5499" >$d/p.conf; done; exec start-postgres'
run mariadb pg-db sh -c 'printf "[mariadbd]\nport = 3399\n" >/etc/mysql/mariadb.conf.d/zz-port.cnf; exec mariadbd --user=mysql'
run sshd pg-many sh -c 'echo "Port 2022" >/etc/ssh/sshd_config.d/p.conf; mkdir -p /run/sshd; exec /usr/sbin/sshd -D'
run twin pg-web sh -c "$start"

declared() { sensor s containers --json | jq -c --arg n "D-$1" '.[] | select(.name == $n) | .declared'; }
declares() { declared "$1" | jq -e "$2" >/dev/null || { declared "$1"; return 1; }; }
listens() { declares "$1" "[.listeners[] | [.port, .source]] | contains([[$2, \"$3\"]])"; }
for c in plain mounted k8s; do
	ok "$c: what it listens on is read, with its line" until_true 15 listens "$c" 80 "/etc/apache2/ports.conf:$([ $c = plain ] && echo 5 || echo 1)"
done
# What the programs themselves say that they are configured to listen on.
itself() {
	case $1 in
	plain) in_ plain apache2ctl -S | sed -nE 's/^(\*|[0-9.]+|\[.*\]):([0-9]+) .*/\2/p' ;;
	nginx) in_ nginx nginx -T 2>/dev/null | sed -nE 's/^[^#]*listen[[:space:]]+([^;[:space:]]*:)?([0-9]+)[; ].*/\2/p' ;;
	redis) in_ redis redis-cli -p 6390 CONFIG GET port | tail -n 1 ;;
	postgres) in_ postgres psql -h /tmp -p 5499 -U postgres -Atc 'show port' ;;
	mariadb) in_ mariadb mariadb -S /var/lib/mysql/mysqld.sock -NBe 'select @@port' ;;
	sshd) in_ sshd /usr/sbin/sshd -T | sed -n 's/^port //p' ;;
	esac | sort -un | paste -sd,
}
agrees() { # NAME: and so does the kernel, of what was really opened
	local said declared open
	said=$(itself "$1")
	declared=$(declared "$1" | jq -r '[.listeners[] | select(.l4 == "tcp") | .port] | unique | map(tostring) | join(",")')
	open=$(sensor s listeners --json | jq -r --arg c "D-$1" '[.[] | select(.container == $c and .l4 == "tcp" and .workload != "engine resolver") | .port] | unique | map(tostring) | join(",")')
	[ -n "$said" ] && [ "$said" = "$declared" ] && [ "$said" = "$open" ] || { echo "itself: $said; declared: $declared; open: $open"; return 1; }
}
for c in plain nginx redis postgres mariadb sshd; do ok "$c: the program itself agrees with what was read, and with what is open" until_true 20 agrees "$c"; done
ok "documents, logs and the files that were read" declares plain '[.files[] | [.role, .path]] |
	contains([["documents", "/var/www/html"], ["config", "/etc/apache2/apache2.conf"]])'
ok "command as the engine has it" declares plain '.command[0] == "sh"'
ok "learning ends" until_true 150 learned_all 12
edge_of() { sensor s model show "$1" --json | jq -e --arg p "$2" --arg w "$3" 'any(.facts[]; .dimension == "edge-out" and .source == "declared" and .fact[0] == $p and (.where | startswith($w)))' >/dev/null ||
	{ sensor s model show "$1" --json | jq -c '.facts[] | select(.dimension == "edge-out")'; return 1; }; }
ok "an edge that the environment names" until_true 10 edge_of pg-many/D-caller pg-web/D-plain env:BACKEND_URL
ok "a word of the environment that is no address declares nothing" eval '! edge_of pg-many/D-caller pg-web/D-mounted env'
ok "an edge that a link names" until_true 10 edge_of pg-many/D-linked pg-web/D-mounted links
since=$(now_iso)
bg caller sh -c 'curl -s -m 2 http://D-plain/ >/dev/null'
bg linked sh -c 'curl -s -m 2 http://web/ >/dev/null'
in_ plain sh -c 'echo "# a comment" >>/etc/apache2/ports.conf; touch /etc/apache2/apache2.conf'
in_ plain sh -c 'sed -i "s/^# If you just/# If you only/" /etc/apache2/ports.conf'
in_ mounted sh -c 'echo more >>/var/log/apache2/error.log; mv /var/log/apache2/error.log /var/log/apache2/error.log.1; : >/var/log/apache2/error.log'
cp -r "$host/k8s/..1" "$host/k8s/..2"; ln -s ..2 "$host/k8s/..tmp"; mv -T "$host/k8s/..tmp" "$host/k8s/..data"
sleep 2
quiet_of() { # edges of declared peers, comments, rotated logs, the same content by another link
	local l
	l=$(alerts_since "$since" | grep -E '^(config.drift|peer.unlinked|egress.new|file.new|listener)')
	[ -z "$l" ] || { echo "$l"; alerts_json | jq -c --arg t "$since" '.[] | select(.time >= $t) | [.finding, .container, .observed, .why]'; return 1; }
}
ok "declared edges, comments, rotated logs, an unchanged ..data: no finding" quiet_of

# -- edits
drift() { # CONTAINER TEXT...: the latest config.drift of it says all of these
	local c=$1 t last
	shift
	last=$(alerts_json --all | jq -c --arg t "$since" --arg c "D-$c" '[.[] | select(.time >= $t and .finding == "config.drift" and .container == $c)] | last // {}')
	for t; do jq -e --arg t "$t" '(.observed // "") | contains($t)' <<<"$last" >/dev/null || { echo "$last"; return 1; }; done
}
edit() { # TITLE CONTAINER TEXT -- COMMAND...
	local title=$1 c=$2 text=$3
	shift 4
	since=$(now_iso)
	"$@"
	ok "$title" until_true 5 drift "$c" "$text"
}
edit "sed -i (a rename) is an edit" plain '+ listens on tcp *:8081 (httpd) (/etc/apache2/ports.conf:5)' -- in_ plain sed -i 's/^Listen 80$/Listen 8081/' /etc/apache2/ports.conf
# (in its first half minute a container may still write its own configuration)
old_enough() { [ $(($(date +%s) - $(date -d "$(d inspect -f '{{.State.StartedAt}}' D-twin)" +%s))) -gt 31 ]; }
until_true 40 old_enough
edit "what is gone is said as well" twin '- listens on tcp *:80' -- in_ twin sed -i 's/^Listen 80$/#&/' /etc/apache2/ports.conf
in_ twin sed -i 's/^#Listen 80$/Listen 80/' /etc/apache2/ports.conf
edit "a file mounted alone, edited on the host" mounted '+ listens on tcp *:82 (httpd) (/etc/apache2/ports.conf:2)' -- sh -c "echo 'Listen 82' >>'$host/mounted/ports.conf'"
mkdir "$host/k8s/..3"; printf 'Listen 80\nListen 83\n' >"$host/k8s/..3/ports.conf"; ln -s ..3 "$host/k8s/..tmp"
edit "a ..data link that points elsewhere" k8s '+ listens on tcp *:83' -- mv -T "$host/k8s/..tmp" "$host/k8s/..data"
edit "a new file in a directory of includes" twin '+ listens on tcp *:84 (httpd) (/etc/apache2/conf-enabled/x.conf:1)' -- in_ twin sh -c 'echo "Listen 84" >/etc/apache2/conf-enabled/x.conf'
edit "a directive that is no listener" twin 'LoadModule' -- in_ twin sh -c 'echo "LoadModule evil_module /tmp/evil.so" >>/etc/apache2/apache2.conf'

# -- A35: hostile root file systems, one after the other on a running container
pids() { for p in core files opener inspect-documents; do sensor_program s "$p"; done; }
before=$(pids)
unread() { declared hostile | jq -e --arg w "$1" '[.unread[] | .why] | any(test($w))' >/dev/null || { declared hostile | jq -c '[.listeners, .unread]'; return 1; }; }
not_listening() { declares hostile '[.listeners[].port] | contains([80]) | not'; }
p=/etc/apache2/ports.conf
hostile() { # TITLE REASON COMMANDS
	in_ hostile sh -c "rm -rf $p; $3" || :
	if [ -n "$2" ]; then ok "A35: $1: refused with its reason" until_true 6 unread "$2"; else ok "A35: $1: nothing is read" until_true 6 not_listening; fi
}
hostile "a link to a file of the host" "" "ln -s $LAB_DIR/host-file $p"
hostile "a link out of the root" "" "ln -s ../../../../../../../..$LAB_DIR/host-file $p"
hostile "a link of /proc" "" "ln -s /proc/1/root$LAB_DIR/host-file $p"
hostile "a file of /proc" "no regular file" "ln -s /proc/1/environ $p"
hostile "a FIFO" "no regular file" "mkfifo $p"
hostile "a device" "no regular file" "ln -s /dev/zero $p"
hostile "a sparse file of 1 TiB" "longer than 1 MiB" "truncate -s 1T $p || truncate -s 1G $p"
hostile "10^6 Listen lines" "longer than 1 MiB" "seq -f 'Listen %.0f' 1000000 >$p"
hostile "an include loop" "deep|loop|includes" "printf 'Include $p\nInclude $p\n' >$p"
in_ hostile sh -c "rm -f $p; echo 'Listen 80' >/tmp/good; ln -s $LAB_DIR/host-file /tmp/bad
	i=0; while [ \$i -lt 300 ]; do ln -sf /tmp/good /tmp/a; mv -T /tmp/a $p; ln -sf /tmp/bad /tmp/a; mv -T /tmp/a $p; i=\$((i + 1)); done; rm $p; echo 'Listen 80' >$p"
ok "A35: racing renames: what is there at last is read" until_true 8 listens hostile 80 "$p:1"
ok "A35: no program died" [ "$before" = "$(pids)" ]
tells_nothing() {
	{ sensor s containers --json; sensor s listeners --json; alerts_json --all; cat "$LAB_DIR/sensor-s/log"; sensor s model show pg-web/D-hostile; } >"$LAB_DIR/all-output"
	[ -s "$LAB_DIR/all-output" ] && ! grep -F "$canary" "$LAB_DIR/all-output"
}
ok "A35: nothing of the host is in any output" tells_nothing
slow() { alerts_json --all | jq -rs '[.[][] | select(.finding == "config.drift") | ((.time[17:] | rtrimstr("Z") | tonumber) - (.observed_at[17:] | rtrimstr("Z") | tonumber)) * 1000 | select(. >= 0)] |
	sort | "# config.drift: \(length) findings, median \(.[length / 2 | floor]) ms, slowest \(.[-1]) ms"'; }
slow
docker_end
