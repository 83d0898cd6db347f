#!/usr/bin/env bash
if [ "$(id -u)" = 0 ]; then exec gosu postgres "$BASH_SOURCE" "$@"; fi
exec "$@"
