#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Files of containers: what they write is reported with its process and where it lies; executables have digest, origin and
# layer; a flood is joined; configuration files are watched against every way of changing them; nothing is opened outside;
# and when containers end no mark, watch or descriptor is left.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin
[ -x "$LAB_BUILD/tests/helpers/files_probe" ] || { echo "not ok 1 - files_probe is built (make helpers)"; exit 1; }

in_c() { lab_docker a exec "$@"; }
lab_engine_start a
lab_image a pg-many
host=$LAB_DIR/host
mkdir -p "$host/dir"
echo one >"$host/dir/app.conf"
echo one >"$host/single.conf"

# an image of two layers of its own
lab_docker a run --name maker --network none pg-many cp /bin/true /usr/local/bin/second >/dev/null
lab_docker a commit maker two-layers >/dev/null
lab_docker a rm maker >/dev/null
mapfile -t layers < <(lab_docker a inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' two-layers | grep sha256)

lab_docker a run -d --name before --network none two-layers sleep 600 >/dev/null
sensor_start s "$(lab_socket a)"
keeper=$(sensor_keeper s)
# fanotify marks of the sensor's group, inotify watches, descriptors of the programs that have to do with files
marks() { cat "/proc/$keeper/fdinfo/"* 2>/dev/null | grep -cE '^fanotify (sdev|mnt_id)'; }
fds() {
	local pid total=0
	for pid in "$keeper" $(sensor_program s files) $(sensor_program s opener); do
		total=$((total + $(find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l)))
	done
	echo "$total"
}
watched() { sensor s containers --json | jq -e --arg n "$1" '.[] | select(.name == $n) | .files.watched' >/dev/null; }
exes() { sensor s containers --json | jq -c --arg n "$1" --arg p "$2" '.[] | select(.name == $n) | .exes[] | select(.path == $p)'; }
ok "a container that was there before the sensor is watched" until_true 10 watched before
sleep 1
marks_before=$(marks) fds_before=$(fds)

"$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" events -f --json --kind file,exe,throttle,exec >"$LAB_DIR/events" 2>&1 &
follower=$!
disown
lab_docker a run -d --name one --network none -v "$LAB_ID-vol:/data" -v "$host/dir:/hostdir" -v "$host/single.conf:/etc/single.conf" \
	--tmpfs /scratch --tmpfs /exec:exec two-layers sleep 600 >/dev/null
ok "a new container is watched" until_true 10 watched one

# -- who wrote what, and where it lies
in_c one sh -c 'echo a >/etc/new; echo b >/data/v; echo c >/scratch/t; echo d >/hostdir/b; echo e >/etc/single.conf; echo f >>/etc/hosts'
seen() { # PATH PLACE EXE
	jq -es --arg p "$1" --arg w "$2" --arg x "$3" 'any(.[]; .event == "file" and .container == "one" and .path == $p and .place == $w and .process.exe == $x)' \
		"$LAB_DIR/events" >/dev/null || { grep -F "\"$1\"" "$LAB_DIR/events"; return 1; }
}
for want in /etc/new:upper /data/v:volume /scratch/t:tmpfs /hostdir/b:bind /etc/single.conf:bind /etc/hosts:engine; do
	ok "written: $want, by the shell" until_true 5 seen "${want%:*}" "${want#*:}" /usr/bin/dash
done
odd=$(printf '/tmp/a\nb\033[31m"<script>\\\342\200\250\377')
in_c one sh -c 'echo x >"$1"' sh "$odd"
odd_name() { jq -es 'any(.[]; .event == "file" and (.path | startswith("/tmp/a\\x0ab\\x1b[31m\"<script>\\x5c")))' "$LAB_DIR/events" >/dev/null; }
ok "a hostile name is one line, escaped" until_true 5 odd_name
echo from-host >"$LAB_DIR/copied"
lab_docker a cp "$LAB_DIR/copied" one:/etc/copied >/dev/null
copied() { jq -es 'any(.[]; .event == "file" and .container == "one" and (.path | endswith("/etc/copied")) and .place == "upper")' "$LAB_DIR/events" >/dev/null; }
ok "docker cp writes into the container too" until_true 5 copied

# -- executables: content, origin, layer
sum() { in_c one sha256sum "$1" | cut -d' ' -f1; }
exe_is() { # PATH PLACE CHANGED LAYER
	local want
	want=$(sum "$1")
	exes one "$1" | jq -e --arg d "$want" --arg w "$2" --argjson c "$3" --arg l "$4" \
		'.sha256 == $d and .place == $w and .changed == $c and .layer == $l' >/dev/null || { echo "sha256sum says $want; known:"; exes one "$1"; return 1; }
}
in_c one /usr/local/bin/second
ok "the image's first layer brought sleep" until_true 5 exe_is /usr/bin/sleep image false "${layers[0]}"
ok "its second layer brought second" until_true 5 exe_is /usr/local/bin/second image false "${layers[1]}"
in_c one sh -c 'cp /bin/echo /opt/dropped; /opt/dropped; cp /bin/echo /exec/dropped; /exec/dropped; chmod 700 /usr/bin/nproc; nproc' >/dev/null
ok "an executable written at run time" until_true 5 exe_is /opt/dropped upper false ""
ok "the same on a tmpfs" until_true 5 exe_is /exec/dropped tmpfs false ""
ok "an image's file that was changed names the layer of the original" until_true 5 exe_is /usr/bin/nproc upper true "${layers[0]}"
written() { jq -es --arg d "$(sum /opt/dropped)" 'any(.[]; .event == "exe" and .written and .path == "/opt/dropped" and .digest == $d and .place == "upper")' "$LAB_DIR/events" >/dev/null; }
ok "it was hashed when it was written" until_true 5 written
in_c one sh -c 'cp /bin/date /opt/dropped; /opt/dropped' >/dev/null
ok "replaced by another: the digest is the new one's" until_true 5 exe_is /opt/dropped upper false ""
# -- a script: its interpreter and itself
in_c one sh -c 'printf "#!/bin/sh\nexit 0\n" >/opt/run.sh; chmod 755 /opt/run.sh; /opt/run.sh; sed -i 1a: /usr/bin/ldd; ldd /bin/true >/dev/null; zcat </dev/null >/dev/null 2>&1'
ok "a script written at run time has its digest" until_true 5 exe_is /opt/run.sh upper false ""
ok "an image's script: digest and layer" until_true 5 exe_is /usr/bin/zcat image false "${layers[0]}"
ok "an image's script that was changed" until_true 5 exe_is /usr/bin/ldd upper true "${layers[0]}"
script_event() {
	in_c one /opt/run.sh
	jq -es --arg d "$(sum /opt/run.sh)" 'any(.[]; .event == "exec" and .process.script == "/opt/run.sh" and .script_digest == $d and .process.exe == "/usr/bin/dash" and .digest != "")' "$LAB_DIR/events" >/dev/null
}
ok "its exec names both: interpreter and script, each with its digest" until_true 5 script_event
# -- scripts by a relative path, and as an interpreter's argument
in_c one sh -c 'mkdir -p /srv/app && cp /opt/run.sh /srv/app/a.sh && echo ": more" >>/srv/app/a.sh && cp /srv/app/a.sh /srv/b.sh && echo ": yet more" >>/srv/b.sh'
in_c one sh -c 'echo "import sys" >/srv/app/c.py'
by_name() { # SCRIPT-AS-WRITTEN CWD PATH COMMAND...: the exec names it, with the digest of what is there; "-": with none
	local name=$1 cwd=$2 path=$3 want=
	shift 3
	[ "$path" = - ] || want=$(sum "$path")
	in_c -w "$cwd" "${runner:-one}" "$@" >/dev/null
	jq -es --arg n "$name" --arg w "$cwd" --arg d "$want" --arg c "${runner:-one}" 'any(.[]; .event == "exec" and .container == $c and .process.script == $n and
		(.process.cwd == $w or .process.cwd == "") and .script_digest == $d) and
		all(.[]; .event != "exec" or .container != $c or .process.script != $n or .script_digest == $d or .script_digest == "")' "$LAB_DIR/events" >/dev/null ||
		{ jq -c --arg n "$name" 'select(.event == "exec" and .process.script == $n) | [.container, .process.cwd, .process.own_root, .script_digest]' "$LAB_DIR/events" | tail -3; return 1; }
}
ok "a script by ./" until_true 5 by_name ./a.sh /srv/app /srv/app/a.sh ./a.sh
ok "by .." until_true 5 by_name ../b.sh /srv/app /srv/b.sh ../b.sh
ok "as the argument of a shell, after options" until_true 5 by_name a.sh /srv/app /srv/app/a.sh bash -e -o pipefail a.sh
ok "and of Python" until_true 5 by_name c.py /srv/app /srv/app/c.py python3 -W ignore c.py
ok "by its path from /" until_true 5 by_name /srv/b.sh / /srv/b.sh sh -e /srv/b.sh
ok "what is at the script's path in the container has its digest" until_true 5 exe_is /srv/app/a.sh upper false ""
in_c one python3 -c '
import os
fd = os.memfd_create("x")
os.write(fd, open("/bin/true", "rb").read())
os.execve(fd, ["x"], {})'
memfd() { exes one "/memfd:x" | jq -e --arg d "$(sum /bin/true)" '.place == "memory" and (.sha256 == $d or .not_hashed == "gone")' >/dev/null; }
ok "a program that is in memory only" until_true 5 memfd

# -- a flood
in_c one python3 -c '
for i in range(3000):
    open("/tmp/f%d" % i, "w").close()'
flood() {
	jq -es '[.[] | select(.event == "file" and .container == "one" and (.path | test("^/tmp(/f[0-9]+)?$")))] |
		(map(.count) | add) == 3000 and length < 60 and any(.[]; .directory and .path == "/tmp" and .window_s > 0)' "$LAB_DIR/events" >/dev/null ||
		{ jq -sc '[.[] | select(.event == "file" and (.path | test("^/tmp(/f[0-9]+)?$")))] | [length, (map(.count) | add)]' "$LAB_DIR/events"; return 1; }
}
ok "3000 files by one process in one directory: joined, none missing" until_true 12 flood
ok "no file event was lost" eval '[ "$(sensor s status --json | jq ".loss | .file_queue + .file_throttled + .file_hash")" = 0 ]'

# -- a file system that the container mounts itself, later; bind, tmpfs, and after core was killed
lab_docker a run -d --name mounter --network none --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined pg-many sleep 600 >/dev/null
ok "a container that may mount is watched" until_true 10 watched mounter
in_mount() { # PATH PLACE: written again until it is seen
	in_c mounter sh -c 'echo x >"$1"' sh "$1"
	jq -es --arg p "$1" --arg w "$2" 'any(.[]; .event == "file" and .container == "mounter" and .path == $p and .place == $w)' "$LAB_DIR/events" >/dev/null
}
in_c mounter mount -t tmpfs none /mnt
ok "written on a tmpfs that the container mounted later" until_true 5 in_mount /mnt/later tmpfs
in_c mounter sh -c 'mkdir -p /media/b; mount -t tmpfs none /media; mkdir /media/b'
ok "and on a second one" until_true 5 in_mount /media/b/later tmpfs
# -- a process with other mounts or another root than its container: nothing of the container's is taken for its own
in_c mounter sh -c 'mkdir -p /jail/bin /srv; cp /bin/true /jail/bin/prog; for f in $(ldd /bin/true | grep -o "/[^ ]*"); do mkdir -p "/jail${f%/*}"; cp -L "$f" "/jail$f"; done
	printf "#!/bin/sh\n:\n" >/srv/x.sh; printf "#!/bin/sh\n: other\n" >/root/x.sh; printf "#!/bin/sh\n: third\n" >/root/y.sh; cp /bin/true /root/other; cp /bin/false /srv/prog
	chmod 755 /srv/x.sh /root/x.sh /srv/prog'
own_mounts() {
	runner=mounter by_name /srv/x.sh / - unshare -m sh -c 'mount --bind /root/x.sh /srv/x.sh; exec sh /srv/x.sh'
}
ok "a script behind a mount of its own: no digest, and not the one of the container's file" until_true 5 own_mounts
# the program under /srv/prog is /root/other there; it lives on, then is gone at once
own_program() {
	local want
	want=$(in_c mounter sha256sum /root/other | cut -d' ' -f1)
	in_c mounter unshare -m sh -c 'mount --bind /root/other /srv/prog; cat /dev/null; /srv/prog'
	jq -es --arg d "$want" 'any(.[]; .event == "exec" and .container == "mounter" and .process.exe == "/srv/prog") and
		all(.[]; .event != "exec" or .container != "mounter" or .process.exe != "/srv/prog" or .digest == $d or .digest == "")' "$LAB_DIR/events" >/dev/null &&
		sensor s containers --json | jq -e --arg d "$want" '[.[] | select(.name == "mounter") | .exes[] | select(.path == "/srv/prog" or .path == "/root/other")] |
			length > 0 and all(.sha256 == $d or .sha256 == "")' >/dev/null ||
		{ sensor s containers --json | jq -c '.[] | select(.name == "mounter") | .exes[] | select(.path | test("prog|other"))'; return 1; }
}
ok "a program behind a mount of its own: its own digest or none" until_true 5 own_program
jailed() { # its path in the container, not the one that it gives itself
	in_c mounter chroot /jail /bin/prog
	jq -es 'any(.[]; .event == "exec" and .container == "mounter" and .process.exe == "/jail/bin/prog" and .process.own_root) and
		all(.[]; .event != "exec" or .container != "mounter" or (.process.own_root | not) or (.process.exe | startswith("/jail/")))' "$LAB_DIR/events" >/dev/null
}
ok "a program in a chroot: where it really lies" until_true 8 jailed
lab_docker a rm -f mounter >/dev/null

# -- configuration files, and opening: the programs themselves, as core would ask them
engine_pid=$(sensor s status --json | jq '.engines[0].pid')
pid=$(lab_docker a inspect -f '{{.State.Pid}}' one)
cid=$(lab_docker a inspect -f '{{.Id}}' one)
in_c one sh -c 'mkdir -p /etc/app; echo 1 >/etc/app/app.conf; ln -s app/app.conf /etc/link.conf; mkfifo /etc/app/fifo; ln -s /proc/1/root/etc/passwd /etc/app/magic
	ln -s ../../../../../../../../etc/hostname /etc/app/up; ln -s "$1" /etc/app/abs' sh "$host/single.conf"
mkfifo "$LAB_DIR/probe.in"
"$LAB_BUILD/tests/helpers/files_probe" "$pid" "$cid" "$engine_pid" <"$LAB_DIR/probe.in" >>"$LAB_DIR/probe" 2>&1 &
probe=$!
exec 7>"$LAB_DIR/probe.in"
said() { grep -qE "$1" "$LAB_DIR/probe" || { tail -n 5 "$LAB_DIR/probe"; return 1; }; }
# tell COMMAND REGEX: what it answers
tell() {
	: >"$LAB_DIR/probe"
	echo "$1" >&7
	until_true 5 said "$2"
}
ok "all of its mounts can be marked" until_true 5 said '^state error 0 marks [1-9][0-9]* unmarked 0 '
ok "open: a file" tell "open /etc/app/app.conf" '^open ok 1$'
ok "open: a symbolic link inside" tell "open /etc/link.conf" '^open ok 1$'
ok "open: .. ends at the container's root" tell "open /etc/app/up" "^open ok $(in_c one hostname)\$"
ok "open: an absolute link leads into the container, where there is no such file" tell "open /etc/app/abs" '^open No such file'
ok "open: no magic link" tell "open /etc/app/magic" '^open Too many levels'
ok "open: no FIFO" tell "open /etc/app/fifo" '^open Invalid argument'
ok "open: no device" tell "open /dev/zero" '^open Invalid argument'
ok "open: no more than asked for" tell "open /bin/bash 1000" '^open File too large'

echo "drift /etc/app/app.conf /etc/link.conf /hostdir/app.conf /etc/single.conf /etc/later/x.conf" >&7
marks_are() { : >"$LAB_DIR/probe"; echo marks >&7; sleep 0.2; said "$1"; }
ok "their directories are watched" until_true 5 marks_are '^marks [1-9][0-9]* wds [5-9]'
change() { # TITLE REGEX COMMAND...: what is said of it
	local title=$1 regex=$2
	shift 2
	sleep 0.3
	: >"$LAB_DIR/probe"
	"$@"
	ok "$title" until_true 5 said "$regex"
}
change "drift: written" '^changed written pid [1-9][0-9]* /etc/app/app.conf$' in_c one sh -c 'echo 2 >/etc/app/app.conf'
change "drift: written, by way of a link" '^changed written pid [0-9]+ /etc/link.conf$' in_c one sh -c 'echo 3 >/etc/link.conf'
change "drift: replaced by rename" '^changed moved-in pid [1-9][0-9]* /etc/app/app.conf$' in_c one sh -c 'echo 4 >/etc/app/t; mv /etc/app/t /etc/app/app.conf'
change "drift: written again, the new one" '^changed written pid [1-9][0-9]* /etc/app/app.conf$' in_c one sh -c 'echo 5 >/etc/app/app.conf'
change "drift: deleted" '^changed deleted pid [0-9]+ /etc/app/app.conf$' in_c one rm /etc/app/app.conf
change "drift: made again" '^changed created pid [0-9]+ /etc/app/app.conf$' in_c one sh -c 'echo 6 >/etc/app/app.conf'
change "drift: edited on the host, below a bind mount" '^changed written pid 0 /hostdir/app.conf$' sh -c "echo two >'$host/dir/app.conf'"
change "drift: renamed on the host" '^changed moved-in pid 0 /hostdir/app.conf$' sh -c "echo 3 >'$host/dir/t'; mv '$host/dir/t' '$host/dir/app.conf'"
change "drift: a file mounted alone, edited on the host" '^changed written pid 0 /etc/single.conf$' sh -c "echo two >'$host/single.conf'"
in_c one mkdir -p /etc/later
late() { in_c one sh -c 'echo 1 >/etc/later/x.conf'; said '^changed (created|written) pid [0-9]+ /etc/later/x.conf$'; }
ok "drift: a directory that was not there is found later" until_true 12 late
ok "exe: by its process" tell "exe $pid" "^digest state 0 image lower 2 copied_up 0 $(sum /usr/bin/sleep) /usr/bin/sleep\$"
echo unwatch >&7
ok "unwatched: no watch is left" until_true 5 marks_are "^marks [0-9]+ wds 0"

# -- the end of the container
lab_docker a rm -f one >/dev/null
ok "its marks end with it" until_true 5 marks_are '^marks 0 wds 0'
echo quit >&7
exec 7>&-
wait "$probe"
ok "files and opener end in order" eval '! grep "^end" "$LAB_DIR/probe"'
kill "$follower" 2>/dev/null
back() { [ "$(marks)" = "$marks_before" ] && [ "$(fds)" = "$fds_before" ] || { echo "marks $marks_before, now $(marks); descriptors $fds_before, now $(fds)"; return 1; }; }
ok "marks and descriptors of the sensor are as before" until_true 10 back

# -- killed and back
kill -KILL "$(sensor_program s files)" "$(sensor_program s opener)"
rewatch() { watched before && [ "$(marks)" = "$marks_before" ] && in_c before sh -c 'cp /bin/true /opt/again; /opt/again' && [ -n "$(exes before /opt/again)" ]; }
ok "files and opener killed: the containers are watched again" until_true 15 rewatch
sensor_stop s
docker_end
