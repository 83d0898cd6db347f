#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
if [ "$(id -u)" = 0 ]; then exec gosu postgres "$BASH_SOURCE" "$@"; fi
exec "$@"
