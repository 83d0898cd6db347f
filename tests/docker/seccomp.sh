#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Generated seccomp profiles: Apache, PostgreSQL and Redis run for a while under the sensor's eyes; started again under the
# profile of what they used, they start and serve the same; and a call that they never made is refused.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

SOAK=${FULL:+60}
SOAK=${SOAK:-4}
lab_engine_start a
lab_image a pg-many pg-web
lab_docker a network create --subnet 172.27.0.0/24 net >/dev/null
sensor_start s "$(lab_socket a)"
ok "the sensor sees an engine without containers" until_true 10 sensor_knows_all s a

start() { # NAME SUFFIX DOCKER-OPTION...
	local name=$1 suffix=$2
	shift 2
	case $name in
	apache) lab_docker a run -d --name "apache$suffix" --network net "$@" pg-web ;;
	postgres) lab_docker a run -d --name "postgres$suffix" --network net "$@" pg-many start-postgres ;;
	redis) lab_docker a run -d --name "redis$suffix" --network net "$@" pg-many redis-server --bind 0.0.0.0 --protected-mode no ;;
	esac >/dev/null
}
in_desk() { lab_docker a exec desk "$@"; }
serve() { # NAME SUFFIX: work of several kinds
	case $1 in
	apache) in_desk sh -c "curl -sf http://apache$2/ >/dev/null && curl -s -o /dev/null -w '%{http_code}' http://apache$2/nothing | grep -q 404 && head -c 200000 /dev/zero | curl -sf --data-binary @- http://apache$2/ >/dev/null" ;;
	postgres) in_desk psql -qh "postgres$2" -U postgres -v ON_ERROR_STOP=1 -c "create table if not exists t(i int, s text)" \
		-c "insert into t select i, md5(i::text) from generate_series(1, 5000) i" -c "select count(distinct s) from t" \
		-c "delete from t where i % 3 = 0" -c "create index if not exists ti on t(s)" -c "vacuum analyze t" -c checkpoint \
		-c "select s from t order by s limit 3" ;;
	redis) in_desk sh -c "redis-cli -h redis$2 set a b && redis-cli -h redis$2 eval 'for i=1,20000 do redis.call(\"set\", i, i) end' 0 && redis-cli -h redis$2 get a | grep -q b && redis-cli -h redis$2 bgsave && redis-cli -h redis$2 save" ;;
	esac >/dev/null 2>&1
}
soak() { # NAME SUFFIX SECONDS
	local end=$((SECONDS + $3)) n=0
	while [ "$SECONDS" -lt "$end" ]; do
		serve "$1" "$2" || { echo "stopped serving after $n rounds"; lab_docker a logs "$1$2" 2>&1 | tail -5; return 1; }
		n=$((n + 1))
		sleep 0.3
	done
	[ "$n" -gt 0 ]
}
lab_docker a run -d --name desk --network net pg-many sleep infinity >/dev/null
sleep 1
declare -A WORKLOAD
workload() { sensor s containers --json | jq -r --arg n "$1" '.[] | select(.name == $n) | .workload'; }
profile() { # NAME
	sensor s model show "${WORKLOAD[$1]}" --seccomp >"$LAB_DIR/$1.json" 2>"$LAB_DIR/$1.err" && jq -e '.defaultAction == "SCMP_ACT_ERRNO" and (.syscalls[0].names | length) > 60 and (.syscalls[0].names | length) < 250' "$LAB_DIR/$1.json" >/dev/null ||
		{ cat "$LAB_DIR/$1.err"; head -c 300 "$LAB_DIR/$1.json"; return 1; }
}

all() { # COMMAND SUFFIX ARGUMENT...: for the three at once; output and success of each in a file
	local name pids=() status=0 p
	for name in apache postgres redis; do
		"$1" "$name" "${@:2}" >"$LAB_DIR/out.$name" 2>&1 &
		pids+=($!)
	done
	for p in "${pids[@]}"; do wait "$p" || status=1; done
	[ "$status" = 0 ] || cat "$LAB_DIR"/out.*
	return "$status"
}
begins() { until_true 30 serve "$@"; }

# A first life from start to stop.
all start ""
ok "all three serve" all begins ""
for name in apache postgres redis; do WORKLOAD[${name}]=$(workload "$name"); done
ok "all three go on serving" all soak "" "$SOAK"
lab_docker a stop -t 20 apache postgres redis >/dev/null
for name in apache postgres redis; do
	ok "$name: a profile of what it used" profile "$name"
	echo "# $name: $(jq '.syscalls[0].names | length' "$LAB_DIR/$name.json") calls allowed"
done
confined() { start "$1" "$2" --security-opt "seccomp=$LAB_DIR/$1.json" "${@:3}"; }
ok "all three start under their profiles" all confined 2
ok "all three serve under them" all begins 2
ok "all three go on serving under them" all soak 2 "$SOAK"
ok "all three start with no-new-privileges too" all confined 3 --security-opt no-new-privileges
ok "all three serve with no-new-privileges" all begins 3
# the filter is there, and what was never used is refused: unshare() by a shell of the same image would be another program,
# so the profile itself is asked
refused() { ! jq -e '.syscalls[0].names | any(. == "unshare" or . == "mount" or . == "ptrace" or . == "keyctl" or . == "bpf" or . == "init_module")' "$LAB_DIR/$1.json" >/dev/null; }
filtered() { [ "$(awk '/^Seccomp:/ { print $2 }' "/proc/$(lab_docker a inspect -f '{{.State.Pid}}' "$1")/status")" = 2 ]; }
for name in apache postgres redis; do
	ok "$name: calls that it never made are refused" refused "$name"
	ok "$name: the filter is in force" filtered "${name}2"
done
# the sensor starts anew: its eBPF maps are gone, what the workloads use is known all the same
sensor_stop s
sensor_start s "$(lab_socket a)"
kept() { # NAME
	local before
	before=$(jq -c '.syscalls[0].names | sort' "$LAB_DIR/$1.json")
	profile "$1" && [ "$(jq -c --argjson b "$before" '$b - .syscalls[0].names' "$LAB_DIR/$1.json")" = "[]" ]
}
for name in apache postgres redis; do ok "$name: its profile outlives a restart of the sensor" kept "$name"; done
docker_end
