#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `pierglass replay` against reference answers for real captures: see replay_reference.py, which takes the same arguments.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s build/pierglass build/pierglass-inspect >&2 || { echo "not ok 1 - build"; exit 1; }
exec python3 tests/golden/replay_reference.py "$@"
