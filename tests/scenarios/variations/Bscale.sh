# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a service under one name goes from one replica to three and back, its client is recreated'
case_class=B
replica() { run "$1" --label com.docker.compose.project=Bscale --label com.docker.compose.service=web --network-alias Bscale-web pg-many nginx -g 'daemon off;'; }
caller() { run "$1" --label com.docker.compose.project=Bscale --label com.docker.compose.service=caller pg-many sh -c 'while sleep 0.3; do curl -s -m 2 -o /dev/null http://Bscale-web/; done'; }
case_prepare() {
	replica web1
	caller c1
	run other pg-many sh -c 'while sleep 0.4; do :; done'
}
case_benign() {
	replica web2
	replica web3
	sleep 2
	d rm -f Bscale-c1 >/dev/null
	caller c2
	sleep 2
	d rm -f Bscale-web2 Bscale-web3 >/dev/null
	sleep 1
	d restart -t 1 Bscale-web1 >/dev/null
	sleep 1
}
