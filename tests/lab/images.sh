#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Root file systems for the lab's containers, made from Debian packages (no registry is needed), kept as tar files outside
# the repository. A file's name carries a hash of its recipe, so that a changed recipe builds a new one.
#   tests/lab/images.sh build [NAME…]   make what is missing (all)
#   tests/lab/images.sh list            names, files, sizes
# Sourced by lab.sh for image_file and image_changes.

IMAGES_CACHE=${PIERGLASS_CACHE:-/var/cache/pierglass/images}
IMAGES_SUITE=bookworm
IMAGES_MIRROR=${PIERGLASS_MIRROR:-http://deb.debian.org/debian}
IMAGES_SECURITY=${PIERGLASS_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
IMAGES_ALL="pg-many pg-web pg-db pg-protocols pg-plain"

# shellcheck disable=SC2034 # lab.sh reads recipe_changes
# image_recipe NAME: sets recipe_packages (comma list), recipe_files (shell run with $1 = root), recipe_changes (array).
image_recipe() {
	recipe_packages=
	recipe_files=true
	recipe_changes=()
	case $1 in
	pg-many)
		# servers and clients that most tests need, in one image: a test names the command
		recipe_packages=postgresql,redis-server,nginx-light,memcached,openssh-server,nodejs,apache2
		recipe_packages+=,curl,wget,netcat-openbsd,python3-minimal,socat,bind9-dnsutils,iproute2,iputils-ping,procps
		recipe_packages+=,mariadb-client,redis-tools,postgresql-client,openssh-client
		# shellcheck disable=SC2016 # for the shell that runs in the build
		recipe_files='
mkdir -p "$1/root/.ssh" "$1/srv/node"
ssh-keygen -q -t ed25519 -N "" -C lab -f "$1/root/.ssh/id_ed25519"
cp "$1/root/.ssh/id_ed25519.pub" "$1/root/.ssh/authorized_keys"
chmod 700 "$1/root/.ssh"; chmod 600 "$1/root/.ssh/authorized_keys"
printf "Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n" >"$1/root/.ssh/config"
v=$(ls "$1/etc/postgresql")
printf "listen_addresses = '\''*'\''\nssl = off\njit = off\nunix_socket_directories = '\''/tmp'\''\n" >>"$1/etc/postgresql/$v/main/postgresql.conf"
printf "host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n" >>"$1/etc/postgresql/$v/main/pg_hba.conf"
sed -i "s/^\(local.*\)peer$/\1trust/" "$1/etc/postgresql/$v/main/pg_hba.conf"
printf "#!/bin/sh\nexec setpriv --reuid=postgres --regid=postgres --init-groups /usr/lib/postgresql/$v/bin/postgres -D /var/lib/postgresql/$v/main -c config_file=/etc/postgresql/$v/main/postgresql.conf\n" >"$1/usr/local/bin/start-postgres"
printf "#!/bin/sh\nmkdir -p /run/sshd\nexec /usr/sbin/sshd -D\n" >"$1/usr/local/bin/start-sshd"
chmod 755 "$1/usr/local/bin/"start-*
cat >"$1/srv/node/app.js" <<"END"
// The Node application of the tests and the demo: answers on 3000 (IPv4 and IPv6), and at /up fetches UPSTREAM first.
const http = require("http");
http.createServer((req, res) => {
	const say = (text) => { res.writeHead(200, { "content-type": "text/plain" }); res.end(text + "\n"); };
	if (req.url !== "/up" || !process.env.UPSTREAM)
		return say("hello from node");
	http.get(process.env.UPSTREAM, { agent: false }, (up) => {
		up.resume();
		up.on("end", () => say("upstream said " + up.statusCode));
	}).on("error", (e) => say("upstream: " + e.code));
}).listen(3000);
END
'
		recipe_changes=('CMD ["sleep","infinity"]')
		;;
	pg-web)
		recipe_packages=apache2,libapache2-mod-php,php-mysql,wordpress,curl,wget,netcat-openbsd
		# shellcheck disable=SC2016
		recipe_files='
cat >"$1/etc/wordpress/config-default.php" <<"END"
<?php
define("DB_NAME", getenv("WORDPRESS_DB_NAME") ?: "wordpress");
define("DB_USER", getenv("WORDPRESS_DB_USER") ?: "wordpress");
define("DB_PASSWORD", getenv("WORDPRESS_DB_PASSWORD") ?: "wordpress");
define("DB_HOST", getenv("WORDPRESS_DB_HOST") ?: "db");
define("WP_CONTENT_DIR", "/var/lib/wordpress/wp-content");
define("DISABLE_WP_CRON", true);
define("WP_HTTP_BLOCK_EXTERNAL", true);
END
chown root:www-data "$1/etc/wordpress/config-default.php"
printf "Alias /wp/wp-content /var/lib/wordpress/wp-content\nAlias /wp /usr/share/wordpress\n<Directory /usr/share/wordpress>\n  Options FollowSymLinks\n  DirectoryIndex index.php\n  Require all granted\n</Directory>\n<Directory /var/lib/wordpress/wp-content>\n  Options FollowSymLinks\n  Require all granted\n</Directory>\n" >"$1/etc/apache2/conf-available/wordpress.conf"
chroot "$1" a2enconf -q wordpress
printf "ServerName web\n" >"$1/etc/apache2/conf-available/name.conf"
chroot "$1" a2enconf -q name
'
		recipe_changes=('CMD ["apache2ctl","-DFOREGROUND"]' 'EXPOSE 80')
		;;
	pg-db)
		recipe_packages=mariadb-server
		# shellcheck disable=SC2016
		recipe_files='
cat >"$1/etc/mysql/init.sql" <<"END"
CREATE DATABASE IF NOT EXISTS wordpress;
CREATE USER IF NOT EXISTS wordpress@"%" IDENTIFIED BY "wordpress";
GRANT ALL ON wordpress.* TO wordpress@"%";
END
printf "[mariadbd]\nbind-address = *\nsocket = /var/lib/mysql/mysqld.sock\npid-file = /var/lib/mysql/mysqld.pid\nskip-name-resolve\ninit-file = /etc/mysql/init.sql\ninnodb_flush_log_at_trx_commit = 0\n" >"$1/etc/mysql/mariadb.conf.d/99-lab.cnf"
'
		recipe_changes=('CMD ["mariadbd","--user=mysql"]' 'EXPOSE 3306')
		;;
	pg-protocols)
		# one server and one client of each protocol that tests/docker/protocols.sh speaks
		recipe_packages=nginx-light,openssh-server,openssh-client,mariadb-server,postgresql,redis-server,memcached,curl,socat
		recipe_packages+=,iproute2,procps,python3-minimal,python3-websockets,python3-grpcio,python3-pika,python3-kazoo
		recipe_packages+=,python3-pymongo,nghttp2-server,rabbitmq-server,mosquitto,mosquitto-clients,opensmtpd
		recipe_packages+=,dovecot-imapd,dovecot-pop3d,vsftpd,slapd,ldap-utils,dnsmasq-base,bind9-dnsutils,chrony,snmpd,snmp
		recipe_packages+=,zookeeper,default-jre-headless,etcd-server,etcd-client,nats-server,microsocks,php-fpm,libfcgi-bin
		recipe_packages+=,rsync,git,inetutils-telnetd,tigervnc-standalone-server,kamailio,sipsak,rsyslog,bsdutils,kcat
		recipe_packages+=,ngircd,tftpd-hpa,coturn,openssl
		# shellcheck disable=SC2016 # for the shell that runs in the build
		recipe_files='mkdir -p "$1/srv/tftp" "$1/srv/git"'
		recipe_changes=('CMD ["sleep","infinity"]')
		;;
	pg-plain)
		# a clean Debian with what the package depends on, and nothing else (tests/docker/package.sh)
		recipe_packages=libarchive13,libbpf1,libcap-ng0,libcurl4,libexpat1,libfixbuf9,libfyaml0,libgcrypt20,libglib2.0-0,libjansson4,libmaxminddb0
		recipe_packages+=,libmicrohttpd12,libmnl0,libncursesw6,libndpi4.2,libnetfilter-queue1,libnftables1,libnftnl11,libseccomp2
		recipe_packages+=,libsqlite3-0,libssl3,libsystemd0,libtinfo6,libuv1,libzstd1,curl,ca-certificates,init-system-helpers
		recipe_changes=('CMD ["sleep","infinity"]')
		;;
	*)
		echo "images.sh: no image is called $1 (there are: $IMAGES_ALL)" >&2
		return 2
		;;
	esac
}

# image_file NAME: prints the path of its tar file (which may not be there yet).
image_file() {
	image_recipe "$1" || return
	local hash
	hash=$(printf '%s\n' "$IMAGES_SUITE" "$recipe_packages" "$recipe_files" | sha256sum | cut -c1-12)
	printf '%s/%s-%s.tar\n' "$IMAGES_CACHE" "$1" "$hash"
}

# Puts what was downloaded into the cache, as links where that can be.
# shellcheck disable=SC2016 # for the shell that runs in the build
image_keep_hook='find "$1/var/cache/apt/archives" -maxdepth 1 -name "*.deb" -exec cp -n -l -t "'$IMAGES_CACHE'/archives" {} + 2>/dev/null || true'

# image_build NAME: makes the tar file unless it is there; safe against others doing the same.
image_build() {
	local file start
	file=$(image_file "$1") || return
	[ -s "$file" ] && return 0
	image_recipe "$1" || return
	mkdir -p "$IMAGES_CACHE/archives"
	(
		flock 9
		[ -s "$file" ] && exit 0
		echo "images.sh: building $1 from Debian packages (once, into $file) ..." >&2
		start=$SECONDS
		# the downloads are kept between images and between recipes
		# shellcheck disable=SC2016 # for the shell that runs in the build
		if ! nice mmdebstrap --quiet --mode=root --variant=minbase \
			--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
			--dpkgopt=force-unsafe-io --aptopt='Acquire::Languages "none"' \
			--aptopt='APT::Install-Recommends "false"' \
			--setup-hook='mkdir -p "$1/var/cache/apt/archives"' \
			--setup-hook="find '$IMAGES_CACHE/archives' -name '*.deb' -exec ln -t \"\$1/var/cache/apt/archives\" {} + 2>/dev/null || \
				find '$IMAGES_CACHE/archives' -name '*.deb' -exec cp -t \"\$1/var/cache/apt/archives\" {} + || true" \
			--essential-hook="$image_keep_hook" \
			--essential-hook='mkdir -p "$1/usr/share/man/man1"' \
			--include="$recipe_packages" \
			--customize-hook="$image_keep_hook" \
			--customize-hook="$recipe_files" \
			"$IMAGES_SUITE" "$file.tmp.tar" \
			"deb $IMAGES_MIRROR $IMAGES_SUITE main" "deb $IMAGES_SECURITY $IMAGES_SUITE-security main" >&2; then
			rm -f "$file.tmp.tar"
			echo "images.sh: could not build $1" >&2
			exit 1
		fi
		mv "$file.tmp.tar" "$file"
		find "$IMAGES_CACHE" -maxdepth 1 -name "$1-*.tar" ! -name "${file##*/}" -delete
		echo "images.sh: built $1 in $((SECONDS - start)) s, $(stat -c %s "$file" | numfmt --to=iec)B" >&2
	) 9>"$IMAGES_CACHE/.lock"
}
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	set -eu
	command=${1:-build}
	[ $# -gt 0 ] && shift
	# shellcheck disable=SC2086 # a list of words
	[ $# -gt 0 ] || set -- $IMAGES_ALL
	case $command in
	build) for name; do image_build "$name"; done ;;
	list) for name; do file=$(image_file "$name"); printf '%s\t%s\t%s\n' "$name" "$file" "$(stat -c %s "$file" 2>/dev/null || echo missing)"; done ;;
	*) echo "usage: images.sh build|list [NAME...]" >&2; exit 2 ;;
	esac
fi
