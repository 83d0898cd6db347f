#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2119
# The API by TCP, on a real sensor: every route against bad tokens, foreign Host and Origin, odd paths, bodies, slow clients; TLS;
# refusals of the configuration. tests/netns/api.py asks.
cd "$(dirname "$0")/../.." || exit 1
. tests/netns/lib.sh
lab_open pgap
port=$((20000 + $$ % 20000))
token=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
mkdir "$T/etc"
printf '%s\n' "$token" >"$T/etc/token"
chmod 600 "$T/etc/token"
conf() { printf 'api:\n' >"$T/conf.yaml"; printf '  %s\n' "$@" >>"$T/conf.yaml"; }
refused() { # PATTERN: one line, exit 2
	local out r
	out=$(timeout 20 "$B/pierglassd" --state "$T/state" --run "$T/run" --docker "$T/engine.sock" --config "$T/conf.yaml" 2>&1)
	r=$?
	[ "$r" = 2 ] && [ "$(grep -c . <<<"$out")" = 1 ] && grep -q -- "$1" <<<"$out" || { note "exit $r: $out"; false; }
}
conf "listen: 127.0.0.1:$port"
refused 'token_file'
ok $? "a listener without a token is refused"
conf "listen: 192.0.2.1:$port" "token_file: $T/etc/token"
refused 'TLS is needed'
ok $? "an address that others reach needs TLS"
conf "listen: localhost:$port" "token_file: $T/etc/token"
refused 'both numbers'
ok $? "a name is no address"
conf "listen: 127.0.0.1:$port" "token_file: $T/etc/token" "tls_cert: $T/etc/cert.pem"
refused 'belong together'
ok $? "a certificate without its key is refused"

ask() { python3 tests/netns/api.py "$@"; }
serves() { ask "$1" 127.0.0.1 "$port" "$token" alive 2>/dev/null; }
conf "listen: 127.0.0.1:$port" "token_file: $T/etc/token" "hosts: [sensor.example]"
keeper_start --config "$T/conf.yaml"
wait_for 20 serves http
ok $? "the API answers by TCP" || tail -5 "$T/keeper.log"
out=$(ask http 127.0.0.1 "$port" "$token" matrix "$(pgrep -P "$KPID" -f 'pierglass-core core')")
r=$?
ok $r "every route: no token, bad token, odd path, foreign Host and Origin, methods, bodies"
sed 's/^/# /' <<<"$out"
out=$(ask http 127.0.0.1 "$port" "$token" slow "$(pgrep -P "$KPID" -f 'pierglass-core core')")
r=$?
ok $r "200 slow clients and a body of 1 GiB: bounded memory, the socket answers"
sed 's/^/# /' <<<"$out"
"$B/pierglass" --run "$T/run" status >/dev/null
ok $? "the command line is not held up"
keeper_stop
is $? 0 "it stops in order"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext 'subjectAltName=IP:127.0.0.1' \
	-keyout "$T/etc/key.pem" -out "$T/etc/cert.pem" 2>/dev/null
conf "listen: 127.0.0.1:$port" "token_file: $T/etc/token" "tls_cert: $T/etc/cert.pem" "tls_key: $T/etc/key.pem"
: >"$T/keeper.log"
keeper_start --config "$T/conf.yaml"
wait_for 20 serves "https:$T/etc/cert.pem"
ok $? "by TLS, too" || tail -5 "$T/keeper.log"
! ask http 127.0.0.1 "$port" "$token" alive 2>/dev/null
ok $? "and then not in clear"
keeper_stop

printf 'short\n' >"$T/etc/token"
: >"$T/keeper.log"
keeper_start --config "$T/conf.yaml"
wait_for 20 grep -q 'must be a token of 16' "$T/keeper.log"
ok $? "a short token: said, and not served"
! serves "https:$T/etc/cert.pem"
ok $? "... really not"
"$B/pierglass" --run "$T/run" version >/dev/null
ok $? "... but the socket is"
keeper_stop
plan_done
