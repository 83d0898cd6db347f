#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# An example for CI: fails when an image would do something else than it did when its baseline was written.
#   ci-scan.sh IMAGE BASELINE.json [START-COMMAND]
# IMAGE: what `docker save` wrote, an OCI image layout (directory or archive), or a root directory (docker export, buildah mount,
# mmdebstrap, …), which needs the start command. The first run writes the baseline: look at it, and put it under version control.
set -eu
image=$1 baseline=$2 command=${3:-}
set -- "$image"
[ -z "$command" ] || set -- "$@" --cmd "$command"
if [ ! -f "$baseline" ]; then
	pierglass scan "$@" --json >"$baseline"
	echo "$baseline written: review and commit it"
	exit 0
fi
exec pierglass scan "$@" --baseline "$baseline"
