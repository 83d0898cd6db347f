# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the configuration is written again as it was, and read again'
case_class=B
case_prepare() {
	mkdir -p "$LAB_DIR/Breload"
	printf 'events {}\nhttp {\n server {\n  listen 8080;\n }\n}\n' >"$LAB_DIR/Breload/nginx.conf"
	run app -v "$LAB_DIR/Breload/nginx.conf:/etc/nginx/nginx.conf" pg-many nginx -g 'daemon off;'
	client_of c "http://Breload-app:8080/"
}
case_benign() {
	cp "$LAB_DIR/Breload/nginx.conf" "$LAB_DIR/Breload/copy"
	cat "$LAB_DIR/Breload/copy" >"$LAB_DIR/Breload/nginx.conf"
	touch "$LAB_DIR/Breload/nginx.conf"
	d kill -s HUP Breload-app >/dev/null
	sleep 2
}
