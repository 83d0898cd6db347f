# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a connection to the cloud metadata address'
case_class=A
case_prepare() {
	run app pg-many sh -c 'while sleep 0.5; do curl -s -m 1 -o /dev/null http://localhost:9/; done & exec node /srv/node/app.js'
	# an image that is learned to use it
	run cloud pg-many sh -c 'while sleep 0.5; do curl -s -m 0.3 -o /dev/null http://169.254.169.254/; done'
}
case_benign() { sleep 1; }
case_attack() { in_ app sh -c 'curl -s -m 1 http://169.254.169.254/latest/meta-data/; true'; }
case_expect='metadata.access A24-app /usr/bin/curl ext:169.254.169.254'
