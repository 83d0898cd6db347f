#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Protocols that are checked before a connection goes on (policy.protocols: check), on real containers: what a listener was learned to
# speak passes and is carried by the kernel from then on; anything else on the same edge is reset before the server reads it; what
# happens when the verdict process or the inspector is killed or hung, for workloads that fail open and closed.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

run() { lab_docker a run -d --name "$@" >/dev/null || lab_fail "docker run $*"; }
addr() { lab_docker a inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
addr6() { lab_docker a inspect -f "{{(index .NetworkSettings.Networks \"$2\").GlobalIPv6Address}}" "$1"; }
policy() { sensor a policy "$@"; }
in_app() { nsenter --net="/proc/$APP/ns/net" "$@"; }
# says ADDRESS PORT WORDS: says WORDS (for printf) to an echo within the client's network, prints the first line that comes back.
# shellcheck disable=SC2016 # for the inner shell
says() {
	timeout 6 nsenter --net="/proc/$APP/ns/net" bash -c '
		exec 3<>"/dev/tcp/$1/$2" || exit 3
		printf "$3" >&3 || exit 4
		IFS= read -r -t 4 line <&3 || exit 5
		printf "%s\n" "$line"' bash "$@" 2>/dev/null
}
HTTP='GET / HTTP/1.1\r\nHost: shop\r\n\r\n'
http() { [ "$(says "$1" 7000 "$HTTP")" = $'GET / HTTP/1.1\r' ]; }
ssh_answered() { says "$1" 7000 'SSH-2.0-OpenSSH_9.2p1\r\n' | grep -q SSH; }
ssh_refused() { ! ssh_answered "$1"; }
# A request in three pieces, and one that begins as http and goes on as nothing that anybody knows.
# shellcheck disable=SC2016
in_pieces() {
	timeout 6 nsenter --net="/proc/$APP/ns/net" bash -c '
		exec 3<>"/dev/tcp/$1/7000" || exit 3
		for piece in G "ET / HT" "TP/1.1\r\nHost: shop\r\n\r\n"; do printf "$piece" >&3 || exit 4; sleep 0.1; done
		IFS= read -r -t 4 line <&3 && [ "$line" = "$(printf "GET / HTTP/1.1\r")" ]' bash "$1" 2>/dev/null
}
learned() { sensor a model list --json | jq -es --arg w "$1" '.[0] | any(.workload == $w and ([.dimensions[] | select(.dimension | startswith("edge") or . == "protocol") | .state] | all(. == "monitoring")))' >/dev/null; }
show() { policy show --json | jq -es ".[0] | $1" >/dev/null; }
number() { policy show --json | jq -s ".[0] | $1"; }
counted() { lab_in a nft list counter inet pierglass "queued_$1" | awk '/packets/ { print $2 }'; }

lab_engine_start a
lab_image a pg-tiny
lab_docker a network create --ipv6 --subnet 172.30.0.0/24 --subnet fd60::/64 shop >/dev/null
mkdir -p "$LAB_DIR/sensor-a"
cat >"$LAB_DIR/sensor-a/config.yaml" <<-E
	node: a
	learning:
	  window_seconds: 1
	  windows: 3
	  requests: 0
	policy:
	  workloads:
	    shop/web: { protocols: check }
	    shop/safe: { protocols: check }
	    shop/ssh: { protocols: check }
	    shop/smtp: { protocols: check }
	    shop/ftp: { protocols: check }
	    shop/mysql: { protocols: check }
E
label() { printf '%s com.docker.compose.project=shop --label com.docker.compose.service=%s' --label "$1"; }
for name in web safe plain; do
	# shellcheck disable=SC2046
	run $name --network shop $(label $name) pg-tiny /bin/server echo 7000
done
# Servers that speak first: their greetings, and what their clients say then.
declare -A GREETS=([ssh]='SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n' [smtp]='220 mail.example.org ESMTP Postfix\r\n' [ftp]='220 (vsFTPd 3.0.3)\r\n'
	[mysql]='\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0saltsalt\0\xff\xff\x21\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0saltsaltsalt\0mysql_native_\0')
declare -A THEN=([ssh]='SSH-2.0-OpenSSH_9.2p1\r\n' [smtp]='EHLO client.example.org\r\n' [ftp]='USER anonymous\r\n'
	[mysql]='\x20\0\0\x01\x85\xae\x0f\0\0\0\0\x01\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0')
hex_of() {
	# shellcheck disable=SC2059 # it is one
	printf "$1" | od -An -v -tx1 | tr -d ' \n'
}
for name in "${!GREETS[@]}"; do
	# shellcheck disable=SC2046
	run "$name" --network shop $(label "$name") -v "$LAB_BUILD/tests/helpers/lab_traffic:/greet:ro" pg-tiny /greet echo 7000 "$(hex_of "${GREETS[$name]}")"
done
# greeted NAME: its greeting comes before anything is said, then it answers
# shellcheck disable=SC2016
greeted() {
	local want
	want=$(hex_of "${GREETS[$1]}${THEN[$1]}")
	[ "$(timeout 6 nsenter --net="/proc/$APP/ns/net" bash -c '
		exec 3<>"/dev/tcp/$1/7000" || exit 3
		head -c "$2" <&3
		printf "$3" >&3 || exit 4
		head -c "$4" <&3' bash "$(addr "$1" shop)" $((${#want} / 2 - $(hex_of "${THEN[$1]}" | wc -c) / 2)) "${THEN[$1]}" \
		$(($(hex_of "${THEN[$1]}" | wc -c) / 2)) 2>/dev/null | od -An -v -tx1 | tr -d ' \n')" = "$want" ]
}
# shellcheck disable=SC2046
run app --network shop $(label app) pg-tiny /bin/server sleep
W=$(addr web shop) W6=$(addr6 web shop) S=$(addr safe shop) P=$(addr plain shop)
APP=$(lab_docker a inspect -f '{{.State.Pid}}' app)
sensor_start a "$(lab_socket a)"
ok "containers are known" until_true 10 sensor_knows_all a a
for _ in 1 2 3; do
	for a in "$W" "$W6" "$S" "$P"; do http "$a"; done
	for name in "${!GREETS[@]}"; do greeted "$name"; done
	sleep 0.5
done
ok "edges and protocols are learned" until_true 30 learned shop/web
ok "of all" until_true 30 eval 'learned shop/safe && learned shop/plain'
ok "ssh is answered while nothing is enforced" ssh_answered "$W"

# -- not asked for: nothing of it
ok "enforce a workload whose protocols are not to be checked" policy enforce shop/plain
ok "it is in force" until_true 5 show '.namespaces | any(.in_force)'
ok "nothing is queued for it" test "$(lab_in a nft list table inet pierglass | grep -c 'queue\|NFQUEUE')" = 0
ok "and no queue is bound" test "$(lab_in a cat /proc/net/netfilter/nfnetlink_queue | wc -l)" = 0
ok "ssh is answered there" ssh_answered "$P"

# -- asked for
ok "enforce" policy enforce shop/web
ok "enforce, closed" policy enforce shop/safe --on-failure closed
ok "it is in force, with a queue" until_true 5 show '.namespaces | any(.in_force and .queue.bound and .queue.error == "")'
ok "the rule says what may be spoken" sh -c "$LAB_BUILD/pierglass --run $LAB_DIR/sensor-a/run policy plan shop/web --json | jq -es '.[0].rules | any(.peer == \"shop/app\" and .protocols == [\"HTTP\"])'"
policy show | sed 's/^/# /'
for what in "IPv4 $W" "IPv6 $W6" "closed $S"; do
	ok "http passes (${what% *})" http "${what#* }"
	ok "http in pieces passes (${what% *})" in_pieces "${what#* }"
	ok "ssh is refused (${what% *})" ssh_refused "${what#* }"
done
WEB=$(lab_docker a inspect -f '{{.State.Pid}}' web) SAFE=$(lab_docker a inspect -f '{{.State.Pid}}' safe)
no_server() { [ -z "$(nsenter --net="/proc/$1/ns/net" ss -Htn state established sport = :7000)" ]; }
ok "the servers of refused connections hear of it, too" until_true 3 no_server "$WEB"
ok "also closed" until_true 3 no_server "$SAFE"
ok "each was decided, none by a choice for failures" until_true 4 show '.protocols | .fits >= 3 and .wrong >= 3 and .late_open + .late_closed + .unsure_open + .unsure_closed + .no_rule_open + .no_rule_closed == 0'
ok "whole requests were recognised in the kernel, and not queued" until_true 4 show '.namespaces | any(.queue.recognised >= 3)'
# The ports of a connection that was refused are used again: for one that fits.
# shellcheck disable=SC2016
same_port() { in_app python3 -c '
import socket, sys
def say(text):
    s = socket.socket()
    s.settimeout(5)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", 45999))
    s.connect((sys.argv[1], 7000))
    s.sendall(text)
    try:
        return s.recv(100)
    except ConnectionResetError:
        return b""
    finally:
        s.close()
if say(b"SSH-2.0-OpenSSH_9.2p1\r\n"): sys.exit(1)
if say(b"SSH-2.0-OpenSSH_9.2p1\r\n"): sys.exit(2)
sys.exit(0 if say(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")[:3] == b"GET" else 3)' "$1"; }
ok "the ports of a refused connection, again" same_port "$W"
ok "the same, closed" same_port "$S"
found() { sensor a alerts --json | jq -es '.[0] | any(.finding == "listener.protocol" and (.observed | contains("SSH")))' >/dev/null; }
ok "it is a finding" until_true 5 found

# -- servers that speak first
for name in "${!GREETS[@]}"; do
	until_true 20 learned "shop/$name" >/dev/null
	ok "$name: enforce, closed" policy enforce "shop/$name" --on-failure closed
done
until_true 5 show '.namespaces | all(.in_force)' >/dev/null
for name in "${!GREETS[@]}"; do
	ok "$name: it may be spoken, and its server speaks first ($(policy plan "shop/$name" --json | jq -rs '[.[0].rules[].protocols[]?] | unique | join(" ")'))" until_true 3 greeted "$name"
done
ok "none of them waited in vain" show '.protocols | .late_open + .late_closed + .unsure_open + .unsure_closed + .no_rule_open + .no_rule_closed == 0'

# -- the kernel carries the rest: 32 MiB there and back
before=$(counted open)
# shellcheck disable=SC2016
bulk() {
	timeout 20 nsenter --net="/proc/$APP/ns/net" bash -c '
		exec 3<>"/dev/tcp/$1/7000" || exit 3
		{ printf "POST / HTTP/1.1\r\nHost: shop\r\n\r\n"; head -c 33554432 /dev/zero; } >&3 &
		[ "$(head -c 33554432 <&3 | wc -c)" = 33554432 ]' bash "$1"
}
ok "a passed connection carries 32 MiB" bulk "$W"
echo "# $(($(counted open) - before)) packets of it were queued"
ok "of which a handful was queued" test $(($(counted open) - before)) -lt 12

# -- the verdict process is killed, 10 times (FULL=1: 50) under requests that the kernel does not recognise by itself: nothing is lost,
# nothing passes that should not
KILLS=10 REQUESTS=150
[ -z "${FULL:-}" ] || KILLS=50 REQUESTS=900
ASKED='OPTIONS / HTTP/1.1\r\nHost: shop\r\n\r\n'
# shellcheck disable=SC2016
rush() { in_app bash -c 'bad=0
	for ((i = 0; i < $4; i++)); do
		line=; exec 3<>"/dev/tcp/$1/7000" || { bad=$((bad + 1)); continue; }
		printf "$2" >&3; IFS= read -r -t 4 line <&3; exec 3>&-
		if [ "$3" = pass ]; then [ -n "$line" ] || bad=$((bad + 1)); else [ -z "$line" ] || bad=$((bad + 1)); fi
	done; echo "$bad"' bash "$@" 2>/dev/null; }
RUSHES=
for a in "$W" "$S"; do
	rush "$a" "$ASKED" pass $REQUESTS >"$LAB_DIR/rush-$a" &
	RUSHES="$RUSHES $!"
done
rush "$W" 'SSH-2.0-OpenSSH_9.2p1\r\n' refused $REQUESTS >"$LAB_DIR/rush-ssh" &
RUSHES="$RUSHES $!"
kills=0 before=$(($(counted open) + $(counted closed)))
for ((k = 0; k < KILLS; k++)); do
	pid=$(sensor_program a verdict)
	[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null && kills=$((kills + 1))
	until_true 3 sh -c "p=\$($LAB_BUILD/pierglass --run $LAB_DIR/sensor-a/run status --json | jq -r '.programs[] | select(.name == \"verdict\" and .running) | .pid'); [ -n \"\$p\" ] && [ \"\$p\" != \"$pid\" ]" >/dev/null
	sleep 0.3 # one that dies at once may have died of what it was given: that is a case of its own
done
# shellcheck disable=SC2086
wait $RUSHES
echo "# $kills kills: failed requests: open $(cat "$LAB_DIR/rush-$W"), closed $(cat "$LAB_DIR/rush-$S"); ssh served: $(cat "$LAB_DIR/rush-ssh") of $REQUESTS each; $(($(counted open) + $(counted closed) - before)) packets were queued"
ok "killed: requests of the open one are served" test "$(cat "$LAB_DIR/rush-$W")" = 0
ok "killed: requests of the closed one are served" test "$(cat "$LAB_DIR/rush-$S")" = 0
ok "killed: no ssh is served" test "$(cat "$LAB_DIR/rush-ssh")" = 0

# -- hung: as configured within a second
hang() {
	local pid t0
	pid=$(sensor_program a verdict)
	t0=$(date +%s%N)
	kill -STOP "$pid"
	until_true 3 "$@" || return 1
	echo "$((($(date +%s%N) - t0) / 1000000))" >"$LAB_DIR/hang"
}
ok "hung: the open one serves" hang http "$W"
echo "# $(cat "$LAB_DIR/hang") ms after it was stopped"
ok "hung: the closed one serves again, too" until_true 3 http "$S"
ok "and ssh is refused" ssh_refused "$W"

# -- no inspector: nobody can say what they speak
pid=$(sensor_program a inspect-packets)
kill -STOP "$pid"
ok "no inspector: the open one serves" http "$W"
ok "no inspector: the closed one serves what the kernel recognises" http "$S"
ok "the open one lets ssh pass, too" ssh_answered "$W"
ok "and what comes in pieces" in_pieces "$W"
refused_closed() { ! in_pieces "$S"; }
ok "no inspector: the closed one refuses what comes in pieces" refused_closed
ok "that is counted" until_true 4 show '.protocols | .late_open >= 2 and .late_closed >= 1'
kill -KILL "$pid"
ok "it comes again: the closed one serves" until_true 5 http "$S"
ok "ssh is refused" until_true 5 ssh_refused "$W"

# -- the keeper and with it all programs are killed: what it made holds, the queues are nobody's
kill -KILL "$(sensor_keeper a)"
lab_gone "$(sensor_keeper a)"
ok "the keeper killed: the open one serves" http "$W"
ok "the closed one does not serve what nobody decides" refused_closed
sensor_start a "$(lab_socket a)"
ok "a new one: it is in force, with a queue" until_true 10 show '.namespaces | any(.in_force and .queue.bound)'
ok "http passes" until_true 5 http "$W"
ok "also with the closed one" until_true 5 http "$S"
ok "ssh is refused" ssh_refused "$W"
ok "ssh is refused (closed)" ssh_refused "$S"

# -- off
ok "monitor" policy monitor shop/web
ok "ssh is answered" until_true 5 ssh_answered "$W"
ok "but not by the other one" ssh_refused "$S"
ok "off" policy off
no_queue() { [ "$(lab_in a cat /proc/net/netfilter/nfnetlink_queue | wc -l)" = 0 ]; }
ok "no queue is left" until_true 5 no_queue
docker_end
