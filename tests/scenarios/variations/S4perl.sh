# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a server in perl takes the port of a Node application'
case_class=S
case_prepare() {
	run app pg-many sh -c 'sleep infinity & node /srv/node/app.js; wait'
	client_of c "http://S4perl-app:3000/"
}
case_attack() {
	bg app sh -c 'kill $(pidof node); sleep 0.7; exec perl -MIO::Socket::INET -e "
\$s = IO::Socket::INET->new(LocalPort => 3000, Listen => 5, ReuseAddr => 1) or die;
while (\$c = \$s->accept) { sysread \$c, \$b, 4096; print \$c qq(HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n); close \$c }"'
	sleep 1.5
}
case_expect='listener.squatted S4perl-app /usr/bin/perl* *'
