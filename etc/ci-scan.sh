#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# An example for CI: fails when an image would do something else than it did when its baseline was written.
#   ci-scan.sh ROOT-DIRECTORY BASELINE.json START-COMMAND
# ROOT-DIRECTORY is the image's file system (docker export, buildah mount, mmdebstrap, …). The first run writes the baseline: look
# at it, and put it under version control.
set -eu
root=$1 baseline=$2 command=$3
if [ ! -f "$baseline" ]; then
	pierglass scan "$root" --cmd "$command" --json >"$baseline"
	echo "$baseline written: review and commit it"
	exit 0
fi
exec pierglass scan "$root" --cmd "$command" --baseline "$baseline"
