# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a listener that is there for a moment'
case_class=S
case_prepare() { run app pg-many node /srv/node/app.js; client_of c "http://S10brief-app:3000/"; }
case_attack() { in_ app python3 -c '
import socket
s = socket.socket(); s.bind(("", 4321)); s.listen(1); s.close()'; sleep 0.3; }
case_expect='listener.new S10brief-app /usr/bin/python3* *'
