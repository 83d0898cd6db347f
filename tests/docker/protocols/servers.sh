#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Inside the servers' container: one daemon of Debian for each line of the table (but MongoDB, Kafka: see peers.py), then
# relay.py in front of those that speak TCP. Logs in /tmp/log.
here=$(dirname "$0")
mkdir -p /tmp/log /tmp/etc /run/sshd /run/mysqld /run/slapd /srv/git /srv/tftp /tmp/mail /tmp/etcd /tmp/empty
chmod 1777 /tmp/mail /srv/tftp
cd /tmp/etc || exit 1
start() {
	name=$1
	shift
	"$@" >"/tmp/log/$name" 2>&1 </dev/null &
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out cert -subj /CN=shop.example 2>/dev/null
cat >nginx <<END
daemon off; pid /tmp/nginx.pid; error_log stderr;
events { }
http {
	access_log off;
	server {
		listen [::]:80 ipv6only=off; listen [::]:443 ssl ipv6only=off;
		ssl_certificate /tmp/etc/cert; ssl_certificate_key /tmp/etc/key;
		location / { return 200 "hello\n"; }
	}
}
END
start http nginx -c /tmp/etc/nginx
start h2c nghttpd --no-tls -d /srv 8080
start peers python3 "$here/peers.py"
ssh-keygen -q -A
start ssh /usr/sbin/sshd -D -e
chown mysql /run/mysqld
chown openldap /run/slapd
echo 'CREATE USER IF NOT EXISTS t@"%" IDENTIFIED BY "t";' >mysql.sql
start mysql mariadbd --user=mysql --bind-address='*' --skip-name-resolve --init-file=/tmp/etc/mysql.sql --innodb-flush-log-at-trx-commit=0
echo 'host all all all trust' >hba
chmod 644 hba
start postgresql setpriv --reuid=postgres --regid=postgres --init-groups /usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main \
	-c config_file=/etc/postgresql/15/main/postgresql.conf -c listen_addresses='*' -c ssl=off -c hba_file=/tmp/etc/hba -c unix_socket_directories=/tmp
start redis redis-server --bind '* -::*' --protected-mode no --save ''
start memcached memcached -u nobody
printf 'loopback_users = none\n' >rabbit.conf
RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_CONFIG_FILE=/tmp/etc/rabbit.conf RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 1:1 +sbwt none' \
	start amqp rabbitmq-server
printf 'listener 1883\nallow_anonymous true\n' >mosquitto
start mqtt mosquitto -c /tmp/etc/mosquitto
printf 'listen on 0.0.0.0 port 25\nlisten on :: port 25\naction keep maildir "/tmp/mail/smtp"\nmatch from any for any action keep\n' >smtpd
start smtp smtpd -d -f /tmp/etc/smtpd
cat >dovecot <<END
protocols = imap pop3
listen = *, ::
ssl = no
disable_plaintext_auth = no
log_path = /dev/stderr
base_dir = /tmp/dovecot
mail_location = maildir:/tmp/mail/%u
first_valid_uid = 1
passdb {
	driver = static
	args = password=t
}
userdb {
	driver = static
	args = uid=nobody gid=nogroup home=/tmp/mail
}
END
start imap dovecot -F -c /tmp/etc/dovecot
printf 'listen=NO\nlisten_ipv6=YES\nanonymous_enable=YES\nbackground=NO\nseccomp_sandbox=NO\nsecure_chroot_dir=/tmp/empty\nanon_root=/tmp/empty\n' >vsftpd
start ftp vsftpd /tmp/etc/vsftpd
start ldap slapd -h ldap:/// -g openldap -u openldap -F /etc/ldap/slapd.d -d 0
start dns dnsmasq -k -C /dev/null --no-resolv --no-hosts --user=root --address=/shop.example/192.0.2.7
printf 'local stratum 8\nallow all\ncmdport 0\n' >chrony
start ntp chronyd -x -d -u root -f /tmp/etc/chrony
printf 'rocommunity public\nrocommunity6 public\n' >snmpd
start snmp snmpd -f -Lo -C -c /tmp/etc/snmpd udp:161 udp6:161
printf 'tickTime=2000\ndataDir=/tmp/zookeeper\nclientPort=2181\nadmin.enableServer=false\n' >zoo.cfg
start zookeeper java -Xmx64m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp '/usr/share/java/*' org.apache.zookeeper.server.quorum.QuorumPeerMain /tmp/etc/zoo.cfg
start etcd etcd --data-dir /tmp/etcd --listen-client-urls 'http://[::]:2379' --advertise-client-urls http://127.0.0.1:2379
start nats nats-server -a ::
start socks microsocks -i :: -p 1080
printf '[global]\nerror_log = /proc/self/fd/2\n[www]\nuser = www-data\nlisten = 9000\npm = static\npm.max_children = 1\n' >php
start fastcgi php-fpm8.2 -F -y /tmp/etc/php
printf 'pid file = /tmp/rsyncd.pid\n[files]\npath = /srv\n' >rsync
start rsync rsync --daemon --no-detach --config=/tmp/etc/rsync
git init -q --bare /srv/git/shop.git
start git git daemon --export-all --base-path=/srv/git --reuseaddr
start telnet socat TCP6-LISTEN:23,fork,reuseaddr,ipv6only=0 EXEC:/usr/sbin/telnetd,nofork
start vnc Xtigervnc :0 -rfbport 5900 -SecurityTypes None -geometry 320x200 -depth 16
printf 'children=1\nlisten=udp:0.0.0.0:5060\nlisten=udp:[::]:5060\nloadmodule "sl.so"\nrequest_route { sl_send_reply("200", "OK"); }\n' >kamailio
start sip kamailio -f /tmp/etc/kamailio -DD -E -m 8 -M 4
printf 'module(load="imudp")\nmodule(load="imtcp")\ninput(type="imudp" port="514")\ninput(type="imtcp" port="514")\n*.* /tmp/log/messages\n' >rsyslog
start syslog rsyslogd -n -f /tmp/etc/rsyslog -i NONE
printf '[Global]\nName = irc.shop.example\nListen = ::,0.0.0.0\n[Options]\nPAM = no\nDNS = no\nIdent = no\n' >ngircd
start irc ngircd -n -f /tmp/etc/ngircd
echo hello >/srv/tftp/hello
start tftp in.tftpd -L -u root --address :69 --secure /srv/tftp
start stun turnserver -n --no-tls --no-dtls --no-cli -p 3478 --log-file stdout
start relay python3 "$here/relay.py" far "$here/table"
exec sleep infinity
