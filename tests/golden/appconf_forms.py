#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Odd but valid forms of listeners, as the applications' own documentation has them: one line a case, each a root directory with one
or two files, a start command, and the sockets that the program would open. Prints TAP."""
import json
import os
import shutil
import subprocess
import tempfile

B = "build/pierglass"
TOP = tempfile.mkdtemp(prefix="pgX-forms-")
R = TOP + "/root"
bad = count = 0


def case(name,cmd,files,want,env=()):
    global bad, count
    count += 1
    shutil.rmtree(R,ignore_errors=True); os.makedirs(R)
    for p,t in files.items():
        f=R+p; os.makedirs(os.path.dirname(f),exist_ok=True); open(f,'w').write(t)
    a=[B,'scan',R,'--json','--cmd',cmd]
    for e in env: a+=['--env',e]
    r=subprocess.run(a,capture_output=True,text=True)
    try:
        j=json.loads(r.stdout)
    except ValueError:
        j={"listeners": [{"l4": "none", "address": r.stderr.strip()[:200], "port": r.returncode}]}
    got=sorted('%s %s:%d'%(l['l4'],l['address'],l['port']) for l in j['listeners'])
    if got == sorted(want):
        print(f"ok {count} - {name}")
    else:
        bad += 1
        print(f"not ok {count} - {name}\n# got  {got}\n# want {sorted(want)}")
A='/etc/apache2/apache2.conf'
httpd=lambda n,t,w,cmd='apache2 -DFOREGROUND',**f: case('httpd '+n,cmd,{A:t,**f.get('files',{})},w,f.get('env',()))
httpd('cont','Listen \\\n 8080\nlIsTeN 81\n',['tcp *:8080','tcp *:81'])
httpd('quoted','Listen "86"\nListen 443 https\n',['tcp *:86','tcp *:443'])
httpd('v6','Listen [2001:db8::1]:80 http\nListen 10.0.0.1:81\n',['tcp 2001:db8::1:80','tcp 10.0.0.1:81'])
httpd('define','Define P 83\nListen ${P}\n<IfDefine P>\nListen 84\n</IfDefine>\n<IfDefine !P>\nListen 85\n</IfDefine>\n',['tcp *:83','tcp *:84'])
httpd('undef','Define P\nUnDefine P\n<IfDefine P>\nListen 84\n</IfDefine>\nListen 80\n',['tcp *:80'])
httpd('version','<IfVersion >= 2.4>\nListen 84\n</IfVersion>\nListen 80\n',['tcp *:80','tcp *:84'])
httpd('iffile','<IfFile /etc/yes>\nListen 84\n</IfFile>\n<IfFile !/etc/no>\nListen 85\n</IfFile>\n',['tcp *:84','tcp *:85'],files={'/etc/yes':'x'})
httpd('-c','Listen 80\n',['tcp *:80','tcp *:85','tcp *:86'],cmd='apache2 -DFOREGROUND -c "Listen 85" -C "Listen 86"')
httpd('-D','<IfDefine X>\nListen 90\n</IfDefine>\nListen 80\n',['tcp *:80','tcp *:90'],cmd='apache2 -D X -DFOREGROUND')
httpd('incdir','Include /etc/apache2/d\nListen 80\n',['tcp *:80','tcp *:91'],files={'/etc/apache2/d/a.conf':'Listen 91\n'})
httpd('macro','<Macro L $p>\nListen $p\n</Macro>\nUse L 92\n',['tcp *:92'])
httpd('dup','Listen 80\nListen 0.0.0.0:80\n',['tcp *:80','tcp 0.0.0.0:80'])
N='/etc/nginx/nginx.conf'
ng=lambda n,t,w,cmd="nginx -g 'daemon off;'",files={},env=(): case('nginx '+n,cmd,{N:t,**files},w,env)
ng('forms','events{} http{ server{ listen 80 default_server reuseport; listen [::]:80 ipv6only=off; listen 127.0.0.1; listen *:8080 ssl; listen unix:/run/x.sock; } }',['tcp 0.0.0.0:80','tcp *:80','tcp 0.0.0.0:8080']) # one that a wildcard covers is not opened
ng('nolisten','events{} http{ server{ server_name x; } }',['tcp 0.0.0.0:80'])
ng('stream','events{} stream{ server{ listen 53 udp; proxy_pass 1.1.1.1:53; } server { listen [::1]:12345; proxy_pass x; } }',['udp 0.0.0.0:53','tcp ::1:12345'])
ng('range','events{} http{ server{ listen 7000-7002; } }',['tcp 0.0.0.0:7000','tcp 0.0.0.0:7001','tcp 0.0.0.0:7002'])
ng('quoted','events{} http{ server{ listen "8081"; listen \'8082\' ; }}',['tcp 0.0.0.0:8081','tcp 0.0.0.0:8082'])
ng('inc','events{}\nhttp{ include sites/*;\n}',['tcp 0.0.0.0:81','tcp 0.0.0.0:82'],files={'/etc/nginx/sites/a':'server{listen 81;}','/etc/nginx/sites/b.conf':'server{listen 82;}'})
ng('mail','events{} mail{ server{ listen 25; protocol smtp; } server{ protocol imap; listen 143; } }',['tcp 0.0.0.0:25','tcp 0.0.0.0:143'])
ng('-c rel','events{} http{ server{ listen 80; } }',['tcp 0.0.0.0:99'],cmd='nginx -c /o.conf -g "daemon off;"',files={'/o.conf':'events{} http { server { listen 99; } }'})
C='/etc/redis/redis.conf'
rd=lambda n,t,w,cmd='redis-server /etc/redis/redis.conf',files={},env=(): case('redis '+n,cmd,{C:t,**files},w,env)
rd('bind','bind 127.0.0.1 -::1\nport 6380\n',['tcp 127.0.0.1:6380','tcp ::1:6380'])
rd('star','bind * -::*\n',['tcp 0.0.0.0:6379','tcp :::6379'])
rd('port0 tls','port 0\ntls-port 6390\nbind 0.0.0.0\n',['tcp 0.0.0.0:6390'])
rd('override','bind 127.0.0.1\nport 1\n',['tcp 0.0.0.0:7000'],cmd='redis-server /etc/redis/redis.conf --port 7000 --bind 0.0.0.0')
rd('quoted','bind "127.0.0.1"\n"port" "6381"\nPORT 6382\n',['tcp 127.0.0.1:6382'])
rd('cluster','bind 0.0.0.0\ncluster-enabled yes\nport 7000\n',['tcp 0.0.0.0:7000','tcp 0.0.0.0:17000'])
rd('clusterport','bind 0.0.0.0\ncluster-enabled yes\nport 7000\ncluster-port 7100\n',['tcp 0.0.0.0:7000','tcp 0.0.0.0:7100'])
rd('include','include /etc/redis/i.conf\nbind 0.0.0.0\n',['tcp 0.0.0.0:6400'],files={'/etc/redis/i.conf':'port 6400\n'})
case('redis noconf','redis-server --port 6555',{},['tcp 0.0.0.0:6555','tcp :::6555'])
P='/var/lib/postgresql/data/postgresql.conf'
pg=lambda n,t,w,cmd='postgres -D /var/lib/postgresql/data',files={},env=(): case('pg '+n,cmd,{P:t,**files},w,env)
pg('star',"listen_addresses = '*'\nport = 5433 # c\n",['tcp 0.0.0.0:5433','tcp :::5433'])
pg('noeq',"listen_addresses '0.0.0.0'\nport 5436\n",['tcp 0.0.0.0:5436'])
pg('auto',"listen_addresses='0.0.0.0'\nport=1\n",['tcp 0.0.0.0:5437'],files={'/var/lib/postgresql/data/postgresql.auto.conf':"port = '5437'\n"})
pg('flag',"listen_addresses='0.0.0.0'\nport=1\n",['tcp 10.0.0.1:5438'],cmd='postgres -D /var/lib/postgresql/data -p 5438 -c listen_addresses=10.0.0.1')
pg('none',"listen_addresses=''\n",[])
pg('list',"listen_addresses = 'localhost, 10.0.0.1'\n",['tcp 127.0.0.1:5432','tcp ::1:5432','tcp 10.0.0.1:5432'])
pg('default',"",['tcp 127.0.0.1:5432','tcp ::1:5432'])
pg('env',"listen_addresses='0.0.0.0'\n",['tcp 0.0.0.0:5440'],cmd='postgres',env=('PGDATA=/var/lib/postgresql/data','PGPORT=5440'))
pg('-i',"",['tcp 0.0.0.0:5432','tcp :::5432'],cmd='postgres -i -D /var/lib/postgresql/data')
pg('long',"",['tcp 10.0.0.2:5441'],cmd='postgres --port=5441 --listen-addresses=10.0.0.2 -D /var/lib/postgresql/data')
pg('incdir',"listen_addresses='0.0.0.0'\ninclude_dir 'conf.d'\n",['tcp 0.0.0.0:5442'],files={'/var/lib/postgresql/data/conf.d/a.conf':'port=5442\n'})
pg('-h',"",['tcp 10.0.0.3:5432'],cmd='postgres -h 10.0.0.3 -D /var/lib/postgresql/data')
M='/etc/mysql/my.cnf'
my=lambda n,t,w,cmd='mariadbd',files={},env=(): case('mysql '+n,cmd,{M:t,**files},w,env)
my('plain','[mysqld]\nport=3307\nbind-address=0.0.0.0\n[client]\nport=1\n',['tcp 0.0.0.0:3307'])
my('under','[mysqld]\nport = 3307\nbind_address = 127.0.0.1\n',['tcp 127.0.0.1:3307'])
my('skip','[mysqld]\nskip-networking\n',[])
my('skip=0','[mysqld]\nskip_networking=0\nbind-address=0.0.0.0\n',['tcp 0.0.0.0:3306'])
my('group','[mariadb]\nport=3311\n[mariadbd]\nbind-address=0.0.0.0\n',['tcp 0.0.0.0:3311'])
my('inc','!includedir /etc/mysql/c.d/\n',['tcp 0.0.0.0:3312'],files={'/etc/mysql/c.d/a.cnf':'[mysqld]\nport=3312\nbind-address=0.0.0.0\n'})
my('flag','[mysqld]\nbind-address=0.0.0.0\n',['tcp 0.0.0.0:3313'],cmd='mariadbd -P 3313')
my('flag2','[mysqld]\nbind-address=0.0.0.0\n',['tcp 127.0.0.1:3314'],cmd='mariadbd --port 3314 --bind-address=127.0.0.1')
my('extra','[mysqld]\nbind-address=0.0.0.0\nextra-port=3399\n',['tcp 0.0.0.0:3306','tcp 0.0.0.0:3399'])
my('defaults','[mysqld]\nport=1\n',['tcp 0.0.0.0:3320'],cmd='mariadbd --defaults-file=/o.cnf',files={'/o.cnf':'[mysqld]\nport=3320\nbind-address=0.0.0.0\n'})
my('loose','[mysqld]\nloose-port=3321\nbind-address="0.0.0.0"\n',['tcp 0.0.0.0:3321'])
H='/etc/haproxy/haproxy.cfg'
ha=lambda n,t,w,cmd='haproxy -f /etc/haproxy/haproxy.cfg',files={},env=(): case('haproxy '+n,cmd,{H:t,**files},w,env)
D='defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n'
ha('forms',D+'frontend a\n bind :80\n bind *:81,127.0.0.1:82\n bind 10.0.0.1:8000-8002\n bind ipv4@:90\n bind ipv6@:91\n bind :::92 v6only\n bind /run/x.sock\n bind unix@/run/y\n',['tcp 0.0.0.0:80','tcp 0.0.0.0:81','tcp 127.0.0.1:82','tcp 10.0.0.1:8000','tcp 10.0.0.1:8001','tcp 10.0.0.1:8002','tcp 0.0.0.0:90','tcp *:91','tcp :::92'])
ha('env',D+'frontend a\n bind "${H}:${P}"\n',['tcp 127.0.0.1:8088'],env=('H=127.0.0.1','P=8088'))
ha('v4v6',D+'frontend a\n bind :::80 v4v6\n',['tcp *:80'])
ha('stats','global\n stats socket ipv4@127.0.0.1:9999 level admin\n'+D+'listen s\n bind 127.0.0.1:8404\n stats enable\n',['tcp 127.0.0.1:9999','tcp 127.0.0.1:8404'])
ha('peers',D+'peers p\n bind :10001\n server local\nfrontend f\n bind :80\n',['tcp 0.0.0.0:80','tcp 0.0.0.0:10001'])
case('memc','memcached -p 0 -U 11211 -u nobody',{},['udp 0.0.0.0:11211','udp :::11211'])
case('memc l','memcached -l 127.0.0.1,10.0.0.1:11213 -p11212',{},['tcp 127.0.0.1:11212','tcp 10.0.0.1:11213'])
case('memc long','memcached --port=11300 --listen=127.0.0.1',{},['tcp 127.0.0.1:11300'])
case('memc sock','memcached -s /tmp/x',{},[])
case('memc default','memcached',{},['tcp 0.0.0.0:11211','tcp :::11211'])
Q='/etc/mosquitto/mosquitto.conf'
mo=lambda n,t,w,cmd='mosquitto -c /etc/mosquitto/mosquitto.conf',files={}: case('mosq '+n,cmd,{Q:t,**files},w)
mo('listener','listener 1884\nlistener 1885 127.0.0.1\nlistener 0 /tmp/s\n',['tcp 0.0.0.0:1884','tcp :::1884','tcp 127.0.0.1:1885'])
mo('port','port 1886\n',['tcp 0.0.0.0:1886','tcp :::1886'])
mo('ws','listener 9001 0.0.0.0\nprotocol websockets\n',['tcp 0.0.0.0:9001'])
mo('none','# nothing\n',['tcp 127.0.0.1:1883','tcp ::1:1883'])
mo('bindaddr','bind_address 10.0.0.1\nport 1887\n',['tcp 10.0.0.1:1887'])
case('mosq -p','mosquitto -p 1890',{},['tcp 127.0.0.1:1890','tcp ::1:1890'])
S='/etc/ssh/sshd_config'
sd=lambda n,t,w,cmd='/usr/sbin/sshd -D',files={}: case('sshd '+n,cmd,{S:t,**files},w)
sd('ports','Port 22\nPort=2222\n',['tcp 0.0.0.0:22','tcp :::22','tcp 0.0.0.0:2222','tcp :::2222'])
sd('la','Port 2022\nListenAddress 0.0.0.0\nListenAddress [::1]:2201\n',['tcp 0.0.0.0:2022','tcp ::1:2201'])
sd('la first','ListenAddress 10.0.0.1\nPort 2023\n',['tcp 10.0.0.1:2023'])
sd('inet','AddressFamily inet\n',['tcp 0.0.0.0:22'])
sd('-p','Port 22\n',['tcp 0.0.0.0:2203','tcp :::2203'],cmd='/usr/sbin/sshd -D -p 2203')
sd('-o','Port 22\n',['tcp 0.0.0.0:2204','tcp :::2204'],cmd='/usr/sbin/sshd -D -o Port=2204')
sd('inc','Include /etc/ssh/sshd_config.d/*.conf\n',['tcp 0.0.0.0:2206','tcp :::2206'],files={'/etc/ssh/sshd_config.d/a.conf':'Port 2206\n'})
case('etcd','etcd --listen-client-urls http://0.0.0.0:2379,http://127.0.0.1:4001 --listen-peer-urls=http://10.0.0.1:2380 --advertise-client-urls http://x:2379',{},['tcp *:2379','tcp 127.0.0.1:4001','tcp 10.0.0.1:2380']) 
G='/etc/mongod.conf'
mg=lambda n,t,w,cmd='mongod --config /etc/mongod.conf': case('mongo '+n,cmd,{G:t},w)
mg('yaml','net:\n  port: 27018\n  bindIp: localhost,10.0.0.1\n',['tcp 127.0.0.1:27018','tcp 10.0.0.1:27018'])
mg('all','net:\n  bindIpAll: true\n',['tcp 0.0.0.0:27017'])
mg('all6','net: {bindIpAll: true, ipv6: true}\n',['tcp 0.0.0.0:27017','tcp :::27017'])
mg('ini','port=27020\nbind_ip=0.0.0.0\n',['tcp 0.0.0.0:27020'])
case('mongo flag','mongod --bind_ip_all --port 27021',{},['tcp 0.0.0.0:27021'])
case('mongo conf','mongod --configsvr --bind_ip 10.0.0.1',{},['tcp 10.0.0.1:27019'])
E_='/usr/share/elasticsearch/config/elasticsearch.yml'
es=lambda n,t,w,cmd='/usr/share/elasticsearch/bin/elasticsearch',env=(): case('es '+n,cmd,{E_:t,'/usr/share/elasticsearch/bin/elasticsearch':'\x7fELF'},w,env)
es('net','network.host: 0.0.0.0\nhttp.port: 9201\ntransport.port: 9301\n',['tcp 0.0.0.0:9201','tcp 0.0.0.0:9301'])
es('-E','network.host: 0.0.0.0\n',['tcp 0.0.0.0:9205','tcp 0.0.0.0:9300'],cmd='/usr/share/elasticsearch/bin/elasticsearch -Ehttp.port=9205')
K='/usr/share/kibana/config/kibana.yml'
case('kibana','/usr/share/kibana/bin/kibana',{K:'server.host: "0.0.0.0"\nserver.port: 5602\n','/usr/share/kibana/bin/kibana':'x'},['tcp 0.0.0.0:5602'])
F='/usr/local/etc/php-fpm.conf'
fp=lambda n,t,w: case('fpm '+n,'php-fpm',{F:'[global]\ninclude=etc/php-fpm.d/*.conf\n','/usr/local/etc/php-fpm.d/www.conf':t},w)
fp('port','[www]\nlisten = 9000\n',['tcp *:9000'])
fp('addr','[www]\nlisten = 127.0.0.1:9002\n[b]\nlisten=/run/b.sock\n[c]\nlisten = [::1]:9003\n',['tcp 127.0.0.1:9002','tcp ::1:9003'])
T='/usr/local/tomcat/conf/server.xml'
case('tomcat','catalina.sh run',{T:'<Server port="-1"><Service name="C"><Connector port="8080"/><!-- <Connector port="1"/> --><Connector port="8009" protocol="AJP/1.3" address="127.0.0.1" secretRequired="false"/></Service></Server>'},['tcp *:8080','tcp 127.0.0.1:8009'],('CATALINA_HOME=/usr/local/tomcat',))
case('tomcat prop','catalina.sh run',{T:'<Server port="8005" shutdown="S"><Service name="C"><Connector port="${http.port}"/></Service></Server>'},['tcp 127.0.0.1:8005','tcp *:8181'],('CATALINA_HOME=/usr/local/tomcat','CATALINA_OPTS=-Dhttp.port=8181'))
RQ='/etc/rabbitmq/rabbitmq.conf'
rq=lambda n,t,w,env=(): case('rabbit '+n,'rabbitmq-server',{RQ:t},w,env)
base=['tcp *:4369','tcp 0.0.0.0:25672']
rq('default','listeners.tcp.default = 5673\n',['tcp *:5673']+base)
rq('list','listeners.tcp.1 = 127.0.0.1:5674\nlisteners.tcp.2 = ::1:5675\n',['tcp 127.0.0.1:5674','tcp ::1:5675']+base)
rq('none','listeners.tcp = none\nlisteners.ssl.default = 5671\n',['tcp *:5671']+base)
rq('env','',['tcp *:5680','tcp *:4369','tcp 0.0.0.0:25680'],('RABBITMQ_NODE_PORT=5680',))
nd=lambda n,js,w,env=(),pkg=None: case('node '+n,'node server.js' if not pkg else 'npm start',{'/server.js':js,**({'/package.json':pkg} if pkg else {})},w,env)
nd('env',"const app=require('express')();\nconst port = process.env.PORT || 3000;\napp.listen(port);\n",['tcp *:8123'],('PORT=8123',))
nd('default',"const port = process.env.PORT || 3000;\nrequire('http').createServer().listen(port, '0.0.0.0', () => {});\n",['tcp 0.0.0.0:3000'])
nd('obj',"server.listen({ port: 3001, host: '127.0.0.1' });\n",['tcp 127.0.0.1:3001'])
nd('nullish',"const PORT = Number(process.env.PORT ?? 4000);\napp.listen(PORT)\n",['tcp *:4000'])
nd('parseInt',"let port = parseInt(process.env.PORT || '4001', 10);\napp.set('port', port);\nserver.listen(port);\n",['tcp *:4001'])
nd('npm',"app.listen(5000)\n",['tcp *:5000'],pkg='{"scripts":{"start":"NODE_ENV=production node ./server.js"}}')
nd('destruct',"const { PORT = 4002 } = process.env;\napp.listen(PORT);\n",['tcp *:4002'])
case('bb','busybox httpd -f -p 127.0.0.1:8081 -h /www',{},['tcp 127.0.0.1:8081'])
case('bb6','busybox httpd -f -p [::1]:8082',{},['tcp ::1:8082'])
ng('-p','events{} http{ server{ listen 80; } }',['tcp 0.0.0.0:97'],cmd='nginx -p /srv -c conf/n.conf',files={'/srv/conf/n.conf':'events{} http{ include i.conf; }','/srv/conf/i.conf':'server { listen 97; }'})
ng('off','events{} http{ server{ listen 8080 http2; # listen 1;\n } }',['tcp 0.0.0.0:8080'])
ng('braces','events {\n}\nhttp\n{\n  server\n  {\n    listen\n      8090 ;\n  }\n}\n',['tcp 0.0.0.0:8090'])
my('comment','[mysqld]\nport=3331 # the port\nbind-address=0.0.0.0\n;port=1\n',['tcp 0.0.0.0:3331'])
my('two','[mysqld]\nport=1\n[mysqld]\nport=3332\nbind-address=0.0.0.0\n',['tcp 0.0.0.0:3332'])
pg('conn',"listen_addresses = '0.0.0.0'\nPORT = 5450\n",['tcp 0.0.0.0:5450'])
pg('entry',"listen_addresses = '*'\n",['tcp 0.0.0.0:5451','tcp :::5451'],cmd='docker-entrypoint.sh postgres -c port=5451',files={'/usr/local/bin/docker-entrypoint.sh':'#!/bin/sh\nexec "$@"\n'},env=('PGDATA=/var/lib/postgresql/data',))
rd('many','bind 127.0.0.1\nbind 10.0.0.1 10.0.0.2\n',['tcp 10.0.0.1:6379','tcp 10.0.0.2:6379'])
sd('three','Port 1022\nListenAddress 10.0.0.1:2022\nListenAddress 10.0.0.2\n',['tcp 10.0.0.1:2022','tcp 10.0.0.2:1022'])
sd('none','# nothing\n',['tcp 0.0.0.0:22','tcp :::22'])
ha('dir',D,['tcp 0.0.0.0:85'],cmd='haproxy -W -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/d',files={'/etc/haproxy/d/a.cfg':'frontend x\n bind :85\n'})
ha('disabled',D+'frontend a\n disabled\n bind :86\nfrontend b\n bind :87\n',['tcp 0.0.0.0:87'])
httpd('sh','Listen 80\n',['tcp *:80'],cmd='sh -c "set -e; exec apache2 -DFOREGROUND"')
httpd('nested','<IfModule mod_nothing.c>\n<IfDefine A>\nListen 1\n</IfDefine>\nListen 2\n</IfModule>\nListen 80\n',['tcp *:80'])
httpd('comment','#Listen 1\n  # Listen 2\nListen 80\n',['tcp *:80'])
httpd('tabs','\tListen\t\t8088\t\n',['tcp *:8088'])
fp('multi','[www]\nlisten = 9010\n; listen = 1\n[b]\nuser = x\nlisten = 0.0.0.0:9011\n',['tcp *:9010','tcp 0.0.0.0:9011'])
mg('list','net:\n  port: 27030\n  bindIp: 0.0.0.0\n  unixDomainSocket: {enabled: false}\n',['tcp 0.0.0.0:27030'])
nd('https',"https.createServer(opts, app).listen(8443);\nhttp.createServer(app).listen(8080);\n",['tcp *:8443','tcp *:8080'])
nd('fastify',"fastify.listen({ port: process.env.PORT || 7001, host: '0.0.0.0' })\n",['tcp 0.0.0.0:7001'])
mo('two','per_listener_settings true\nlistener 1883\nlistener 8883\ncafile /x\n',['tcp 0.0.0.0:1883','tcp :::1883','tcp 0.0.0.0:8883','tcp :::8883'])
shutil.rmtree(TOP)
print(f"1..{count}")
raise SystemExit(bad > 0)
