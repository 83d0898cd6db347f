# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a program is run out of memory by perl'
case_class=A
case_prepare() { run app pg-many nginx -g 'daemon off;'; }
case_attack() { in_ app perl -e 'my $n = "kit"; my $fd = syscall(319, $n, 0); open(my $o, ">&=", $fd) or die; open(my $i, "<", "/usr/bin/id"); binmode $i; local $/; my $all = <$i>; syswrite $o, $all; $^F = 255; exec {"/proc/$$/fd/$fd"} "kworker/0:1"'; }
case_expect='process.fileless A25perl-app * *'
