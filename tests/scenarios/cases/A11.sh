# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a connect scan over the network'
case_class=A
case_prepare() {
	run app pg-many sh -c 'while sleep 0.5; do :; done & exec node /srv/node/app.js'
	run scraper pg-many sh -c 'while sleep 0.5; do for i in 1 2 3 4 5 6 7 8 9 10 11 12; do nc -z -w 1 203.0.113.9 91$i; done; done'
}
# the monitoring container goes on scraping
case_benign() { sleep 1; }
case_attack() {
	in_ app node -e 'const net=require("net"); let n=0; for (let i=1;i<60;i++) for (const p of [22,80]) { const s=net.connect({host:"203.0.113."+(100+i),port:p}); s.setTimeout(700,()=>s.destroy()); s.on("error",()=>{}); } setTimeout(()=>process.exit(0),900);'
}
case_expect='scan.horizontal A11-app /usr/bin/node *'
