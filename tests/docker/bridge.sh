#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One engine, bridges: real servers and clients of Debian, some there before the sensor and some after; the map must show
# every edge with the right ends, port, protocol and programs, and no other. Then the listeners, against what ss says.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

run() { lab_docker a run -d --name "$@" >/dev/null || lab_fail "docker run $*"; }
in_c() { lab_docker a exec "$@"; }
addr() { lab_docker a inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
answers() { "$@" >/dev/null 2>&1; }

lab_outside a
lab_engine_start a
lab_image a pg-many pg-web pg-db pg-tiny
lab_docker a network create --subnet 172.30.0.0/24 front >/dev/null
lab_docker a network create --subnet 172.31.0.0/24 back >/dev/null
lab_docker a network create --ipv6 --subnet 172.29.0.0/24 --subnet fd60::/64 six >/dev/null

# The stranger: a web server and a name server of its own, outside the engine.
mkdir -p "$LAB_DIR/outside/srv"
(cd "$LAB_DIR/outside/srv" && exec nsenter --net="/run/netns/$(lab_ns outside)" python3 -m http.server --bind :: 8000 >/dev/null 2>&1) &
disown
nsenter --net="/run/netns/$(lab_ns outside)" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
	--no-daemon --listen-address=203.0.113.9 --bind-interfaces --address=/shop.example/203.0.113.9 >/dev/null 2>&1 &
disown

# -- before the sensor
run apache --network front pg-web
run mariadb --network back pg-db
run postgres --network back pg-many start-postgres
run redis --network back pg-many redis-server --bind 0.0.0.0 --protected-mode no --save ''
run memcached --network front pg-many memcached -u nobody
run echo --network front pg-tiny /bin/server echo 7000
run steady --network front pg-tiny /bin/client tick "$(addr echo front)" 7000 600 100
run desk --network front --dns 203.0.113.9 pg-many sleep infinity
lab_docker a network connect back desk
lab_docker a network connect six desk
until_true 20 answers in_c desk curl -sf http://apache/
until_true 20 answers in_c desk mariadb -h mariadb -u wordpress -pwordpress -e 'select 1' wordpress
until_true 20 answers in_c desk psql -h postgres -U postgres -c 'select 1'

sensor_start a "$(lab_socket a)"
pass "the sensor starts on an engine that is at work"
ok "every running container is known" until_true 10 sensor_knows_all a a

# -- after the sensor
run nginx --network front pg-many nginx -g 'daemon off;'
run node --network front pg-many node /srv/node/app.js
run sshd --network front pg-many start-sshd
run published --network front -p 8090:80 pg-many nginx -g 'daemon off;'
run plain pg-many nginx -g 'daemon off;'
run plaindesk pg-many sleep infinity
run sixserver --network six pg-many nginx -g 'daemon off;'
run hostweb --network host pg-many memcached -u nobody -p 11311
run side --network container:apache pg-many sleep infinity
run lonely --network none pg-tiny /bin/server echo 7001
run rover --network front pg-many sleep infinity
run udpsink --network front pg-tiny /bin/server sink udp 5353
six=$(lab_docker a inspect -f '{{(index .NetworkSettings.Networks "six").GlobalIPv6Address}}' sixserver)
until_true 10 answers in_c desk curl -sf http://nginx/
until_true 10 answers in_c desk curl -sf http://node:3000/
until_true 10 answers in_c desk nc -z sshd 22

# do_ COMMAND...: quiet unless it fails
do_() {
	local out
	out=$("$@" 2>&1 </dev/null) || { printf 'failed: %s\n%s\n' "$*" "$out"; bad=1; }
}
traffic() {
	local bad=0
	do_ in_c desk curl -sf http://apache/
	do_ in_c desk mariadb -h mariadb -u wordpress -pwordpress -e 'show tables' wordpress
	do_ in_c desk psql -qh postgres -U postgres -c 'select 1'
	do_ in_c desk redis-cli -h redis set a b
	do_ in_c desk sh -c 'printf "stats\r\nget a\r\nquit\r\n" | nc -N -w 2 memcached 11211'
	do_ in_c desk ssh sshd true
	do_ in_c desk curl -sf http://node:3000/
	do_ in_c plaindesk curl -sf "http://$(addr plain bridge)/"
	do_ in_c desk curl -sf "http://[$six]/"
	do_ in_c desk sh -c 'printf "stats\r\nget a\r\nquit\r\n" | nc -N -w 2 172.30.0.1 11311'
	do_ in_c side curl -sf http://nginx/
	do_ lab_in outside curl -sf http://203.0.113.1:8090/
	# the published port from the node's other network: the engine's proxy copies; then as with userland-proxy off, where the kernel
	# translates (and the engine's rules let it through)
	do_ in_c redis curl -sf http://172.31.0.1:8090/
	do_ lab_in a iptables -t nat -D DOCKER -i "br-$(lab_docker a network inspect -f '{{printf "%.12s" .Id}}' back)" -j RETURN
	do_ lab_in a iptables -I DOCKER-USER -j ACCEPT
	do_ in_c postgres curl -sf http://172.31.0.1:8090/
	do_ in_c desk curl -sf http://shop.example:8000/
	do_ in_c lonely /bin/client send tcp 127.0.0.1 7001 1000
	do_ lab_docker a run --rm --name courier --network front pg-tiny /bin/client send udp "$(addr udpsink front)" 5353 10 100
	# connected to the second network while it runs, taken off, connected again
	do_ in_c rover curl -sf http://apache/
	do_ lab_docker a network connect back rover
	do_ in_c rover redis-cli -h redis get a
	do_ lab_docker a network disconnect back rover
	do_ lab_docker a network connect back rover
	do_ in_c rover mariadb -h mariadb -u wordpress -pwordpress -e 'show tables' wordpress
	return "$bad"
}
ok "the traffic itself works" traffic

pg=/usr/lib/postgresql/15/bin
# client server l4 port app client_exes server_exes
expect_edges a "bridge" 15 <<EDGES
desk      apache    tcp 80    HTTP         /usr/bin/curl         /usr/sbin/apache2
desk      mariadb   tcp 3306  MySQL        /usr/bin/mariadb      /usr/sbin/mariadbd
desk      postgres  tcp 5432  PostgreSQL   $pg/psql              $pg/postgres
desk      redis     tcp 6379  Redis        /usr/bin/redis-cli    /usr/bin/redis-*
desk      memcached tcp 11211 Memcached    /usr/bin/nc.openbsd   /usr/bin/memcached
desk      sshd      tcp 22    SSH          *                     /usr/sbin/sshd
desk      nginx     tcp 80    HTTP         /usr/bin/curl         /usr/sbin/nginx
desk      node      tcp 3000  HTTP         /usr/bin/curl         /usr/bin/node
desk      sixserver tcp 80    HTTP         /usr/bin/curl         /usr/sbin/nginx
desk      hostweb   tcp 11311 Memcached    /usr/bin/nc.openbsd   /usr/bin/memcached
desk      ext:shop.example tcp 8000 HTTP   /usr/bin/curl         *
side      nginx     tcp 80    HTTP         /usr/bin/curl         /usr/sbin/nginx
plaindesk plain     tcp 80    HTTP         /usr/bin/curl         /usr/sbin/nginx
ext:203.0.113.9 published tcp 80 HTTP      *                     /usr/sbin/nginx
redis     published tcp 80 HTTP        /usr/bin/curl         /usr/sbin/nginx
postgres  published tcp 80 HTTP        /usr/bin/curl         /usr/sbin/nginx
steady    echo      tcp 7000  *            /bin/client           /bin/server
courier   udpsink   udp 5353  *            /bin/client           /bin/server
rover     apache    tcp 80    HTTP         /usr/bin/curl         /usr/sbin/apache2
rover     redis     tcp 6379  Redis        /usr/bin/redis-cli    /usr/bin/redis-*
rover     mariadb   tcp 3306  MySQL        /usr/bin/mariadb      /usr/sbin/mariadbd
# the engine's resolver asks the name server in the container's name; what stays in one container is no edge between two
?* ext:203.0.113.9 udp 53 * * *
?lonely   lonely    tcp 7001  *            /bin/client           /bin/server
EDGES

flows() { { sensor a flows --json --limit 10000; sensor a flows --history --json --limit 10000; } | jq -cs '[.. | objects | select(has("sport") and has("dport"))]'; }
through_published() { flows | jq -e 'any(.[]; .published_port == 8090 and .server.container == "published")'; }
ok "the flow through a published port says which one" until_true 5 through_published
once() { # each of them is one flow, with what went both ways
	flows | jq -e 'def from($c): [.[] | select(.client.container == $c and .server.container == "published")] | unique_by([.sport, .first_seen]);
		[from("redis"), from("postgres")] | all(length == 1 and .[0].published_port == 8090 and .[0].dport == 80
			and .[0].server.exe == "/usr/sbin/nginx" and .[0].packets_to_server > 3 and .[0].bytes_to_client > 600)'
}
ok "a published port used from inside is one flow, both ways, by proxy or translated" until_true 5 once
host_name() { flows | jq -e 'any(.[]; .dport == 80 and .host == "nginx" and .app == "HTTP" and (.app_confidence == "dpi" or .app_confidence == "own"))'; }
ok "the HTTP host is kept, the label is confirmed" until_true 5 host_name
exact() { flows | jq -e '[.[] | select(.l4 == "tcp" and .client.container == "desk") | .client.attribution] | length > 5 and all(. == "exact")'; }
ok "a client started after the sensor is attributed exactly" until_true 5 exact

# -- listeners: what ss sees in each sandbox, the engine's own resolver left out
want_listeners() {
	local name pid
	for name in $(lab_docker a ps --format '{{.Names}}'); do
		[ "$name" != side ] && [ "$name" != hostweb ] || continue
		pid=$(lab_docker a inspect -f '{{.State.Pid}}' "$name")
		nsenter --net -t "$pid" ss -H -lntup |
			awk -v c="$name" '$5 !~ /^127\.0\.0\.11:/ { n = $5; sub(/.*:/, "", n); match($7, /pid=[0-9]+/)
				print c, $1, n, substr($7, RSTART + 4, RLENGTH - 4) }' |
			while read -r c l4 port pid; do echo "$c $l4 $port $(readlink "/proc/$pid/exe")"; done
	done | sort -u
	echo "hostweb tcp 11311 /usr/bin/memcached"
}
have_listeners() {
	sensor a listeners --json | jq -rs '[.. | objects | select(has("port") and has("exe") and has("from"))]
		| map(select(.workload != "engine resolver" and .open and .container != "")) | map("\(.container) \(.l4) \(.port) \(.exe)") | unique | .[]'
}
same_listeners() { diff <(want_listeners | sort -u) <(have_listeners | sort -u); }
ok "every listener with its container, port and program, and no other" until_true 10 same_listeners
iterated() {
	sensor a listeners --json | jq -es '[.. | objects | select(has("port") and has("from"))] |
		(any(.[]; .container == "apache" and .port == 80 and .from == "iterator" and .pid > 0)) and
		(any(.[]; .container == "nginx" and .port == 80 and .from == "event" and .pid > 0))' >/dev/null
}
ok "those from before the sensor come from the iterators, later ones from events" iterated
spoken() {
	sensor a listeners --json | jq -es '[.. | objects | select(has("port") and has("from"))] |
		any(.[]; .container == "sshd" and .port == 22 and .app == "SSH") and any(.[]; .container == "apache" and .port == 80 and .app == "HTTP")' >/dev/null
}
ok "a listener says what is spoken on it" until_true 5 spoken
closed() {
	lab_docker a stop -t 1 sshd >/dev/null
	until_true 5 eval '! have_listeners | grep -q "^sshd "'
}
ok "a listener goes with its container" closed

none_lost() { sensor a status --json | jq -es '[.. | objects | select(has("loss")) | .loss | to_entries[] | select(.value > 0 and .key != "late_attach")] | if length == 0 then true else (tostring | error) end'; }
ok "nothing was lost" none_lost
sensor_stop a
left() { [ -z "$(sensor_pids a)" ] || { echo "left: $(sensor_pids a)"; return 1; }; }
ok "the sensor ends and leaves no process" until_true 10 left
docker_end
