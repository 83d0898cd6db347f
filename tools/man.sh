#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tools/man.sh PIERGLASS DIR: a manual page for each command, pierglass-COMMAND.1, into DIR: what etc/man/pierglass.1 says of it under
# COMMANDS, and the options that PIERGLASS help (the built program) names for it.
set -eu
cd "$(dirname "$0")/.."
program=$1 dir=$2
mkdir -p "$dir"
head=$(sed -n 's/^\.TH PIERGLASS 1 //p' etc/man/pierglass.1)
commands=$("$program" help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on && /^  [a-z]/ { print $1 }')
for command in $commands; do
	{
		printf '.\\" SPDX-License-Identifier: GPL-2.0-or-later\n.TH PIERGLASS\\-%s 1 %s\n' "${command^^}" "$head"
		"$program" help | awk -v c="$command" '/^Commands:/ { on = 1 } /^$/ { on = 0 } on && $1 == c {
			sub(/^ *[a-z]+ +/, ""); gsub(/\\/, "\\e"); gsub(/-/, "\\-"); print ".SH NAME\npierglass\\-" c " \\- " $0; exit }'
		# The entries of the command: a tag's line behind .TP or .TQ, and text up to the next one.
		awk -v c="$command" '
			/^\.SH COMMANDS/ { on = 1; next }
			/^\.SH/ { on = 0; mine = 0 }
			!on { next }
			/^\.PP/ { mine = 0; next }
			/^\.T[PQ]$/ { kind = $0; tag = 1; next }
			tag { tag = 0; t = $0; gsub(/\\f[A-Z]|"/, "", t); sub(/^\.[A-Z]+ /, "", t); split(t, w, " ")
				mine = w[1] == c
				if (mine) { tags[++n] = $0; kinds[n] = kind; body[n] = "" }
				next }
			mine { body[n] = body[n] $0 "\n" }
			END {
				print ".SH SYNOPSIS"
				for (i = 1; i <= n; i++)
					printf "%s.B pierglass\n%s\n", (i > 1 ? ".br\n" : ""), tags[i]
				print ".SH DESCRIPTION"
				if (n == 1)
					printf "%s", body[1]
				for (i = 1; n > 1 && i <= n; i++)
					printf "%s\n%s\n%s", kinds[i], tags[i], body[i]
				exit (n == 0)
			}' etc/man/pierglass.1 || { echo "tools/man.sh: etc/man/pierglass.1 says nothing of $command" >&2; exit 1; }
		# "flows, alerts: at most N": an option of these two; "map: table ...", "replay: text ..." in lines of their own.
		"$program" help | awk -v c="$command" '
			function flush() { if (text != "") { o = option; gsub(/-/, "\\-", o); gsub(/\\/, "\\e", text); gsub(/-/, "\\-", text); out = out ".TP\n.B \"" o "\"\n" text "\n" } text = "" }
			/^Commands:/ { names = 1; next } /^Options:/ { names = 0; on = 1; next } /^Exit codes/ { on = 0 }
			names && /^  [a-z]/ { is[$1] = 1 }
			!on || !NF { next }
			/^  -/ { flush(); match($0, /[^ ]  +/); rest = substr($0, 3); m = match(rest, /  +/)
				option = substr(rest, 1, m - 1); line = substr(rest, m); sub(/^ +/, "", line); mine = 1 }
			!/^  -/ { line = $0; sub(/^ +/, "", line) }
			{ if (match(line, /^[a-z, ]+: /)) {
					list = substr(line, 1, RLENGTH - 2); k = split(list, w, /, /); all = 1; hit = 0
					for (i = 1; i <= k; i++) { split(w[i], v, " "); if (i == 1 && !(v[1] in is)) all = 0; if (v[1] == c) hit = 1 }
					if (all) mine = hit
				}
				if (mine) text = text (text == "" ? "" : "\n") line }
			END { flush(); if (out != "") printf ".SH OPTIONS\n%s", out }'
		printf '.SH EXIT STATUS\nAs of\n.BR pierglass (1).\n.SH SEE ALSO\n.BR pierglass (1),\n.BR pierglass\\-filter (7),\n.BR pierglassd (8)\n'
	} >"$dir/pierglass-$command.1"
done
