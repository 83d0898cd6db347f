#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Odd but valid forms of listeners (appconf_forms.py).
cd "$(dirname "$0")/../.." || exit 1
make -s build/pierglass build/pierglass-inspect >&2 || { echo "not ok 1 - build"; exit 1; }
exec python3 tests/golden/appconf_forms.py
