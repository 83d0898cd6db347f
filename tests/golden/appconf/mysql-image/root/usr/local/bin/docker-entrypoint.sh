#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
set -eo pipefail
_is_sourced() {
	[ "${#FUNCNAME[@]}" -ge 2 ] && [ "${FUNCNAME[0]}" = '_is_sourced' ]
}
_main() {
	if [ "${1:0:1}" = '-' ]; then
		set -- mysqld "$@"
	fi
	if [ "$1" = 'mysqld' ] && ! _mysql_want_help "$@"; then
		mysql_note "Entrypoint script"
		if [ "$(id -u)" = "0" ]; then
			exec gosu mysql "$BASH_SOURCE" "$@"
		fi
		docker_setup_env "$@"
	fi
	exec "$@"
}
if ! _is_sourced; then
	_main "$@"
fi
