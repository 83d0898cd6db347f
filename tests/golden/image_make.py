#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""image_make.py OUT docker|oci-gzip|oci-zstd|oci-gzip-tar|oci-zstd-tar [CHANGE]: a small image with an nginx configuration in two
layers. CHANGE: what a rebuilt one has otherwise (listener, binary, entrypoint), or what a hostile one tries (escape, loop, bomb, deep)."""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

out, fmt = sys.argv[1:3]
change = sys.argv[3] if len(sys.argv) > 3 else ""


def layer(files):
    b = io.BytesIO()
    t = tarfile.open(fileobj=b, mode="w", format=tarfile.GNU_FORMAT)
    for name, content, *mode in files:
        i = tarfile.TarInfo(name)
        if content is None:
            i.type, i.mode = tarfile.DIRTYPE, 0o755
            t.addfile(i)
        elif isinstance(content, tuple):
            i.type, i.linkname = content[1] if len(content) > 1 else tarfile.SYMTYPE, content[0]
            t.addfile(i)
        else:
            i.size, i.mode = len(content), mode[0] if mode else 0o644
            t.addfile(i, io.BytesIO(content))
    t.close()
    return b.getvalue()


base = [
    ("etc/nginx", None),
    ("etc/nginx/nginx.conf", b"events {}\nhttp {\n include /etc/nginx/conf.d/*.conf;\n}\n"),
    ("etc/nginx/conf.d/default.conf", b"server {\n listen 80;\n location / { proxy_pass http://app:3000; }\n}\n"),
    ("etc/nginx/conf.d/gone.conf", b"server { listen 99; }\n"),
    ("usr/sbin/nginx", b"\x7fELF" + b"\0" * 5000 + change.encode() * (change == "binary"), 0o755),
    ("entry.sh", b"#!/bin/sh\nset -e\n" + b"echo more\n" * (change == "entrypoint") + b'exec "$@"\n', 0o755),
    ("bin", ("usr/bin",)),
    ("usr/bin/sh", b"\x7fELFsh", 0o755),
]
hostile = {
    "escape": [("etc/nginx/conf.d/a.conf", ("/../../../../../etc/passwd",)), ("../../../../etc/evil", b"x"), ("etc/nginx/conf.d/b.conf", ("/etc/passwd", tarfile.LNKTYPE)),
               ("etc/nginx/conf.d/c.conf", ("", tarfile.FIFOTYPE)), ("etc/nginx/conf.d/d.conf", ("", tarfile.CHRTYPE))],
    "loop": [("etc/nginx/conf.d/a.conf", ("b.conf",)), ("etc/nginx/conf.d/b.conf", ("a.conf",)), ("etc/nginx/conf.d/c.conf", ("../conf.d/c.conf",))],
    "bomb": [("var/zero", b"\0" * (40 << 20), 0o755), ("etc/nginx/conf.d/big.conf", b"listen 1;\n" * 1000000)],
    "deep": [("d/" * 1500 + "x", b"x"), ("etc/.wh..wh..opq", b""), ("etc/nginx/conf.d/" + "n" * 200 + ".conf", b"server { listen 7; }\n")],
}
l1 = layer(base + hostile.get(change, []))
l2 = layer([
    ("etc/nginx/conf.d/.wh.gone.conf", b""),
    ("etc/nginx/conf.d/new.conf", b"server {\n listen 8080;\n" + b" listen 81;\n" * (change == "listener") + b"}\n"),
])
cfg={"architecture":"amd64","os":"linux","config":{"Entrypoint":["/entry.sh"],"Cmd":["nginx","-g","daemon off;"],"Env":["PATH=/usr/sbin:/usr/bin"],"ExposedPorts":{"80/tcp":{}},"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:"+hashlib.sha256(x).hexdigest() for x in(l1,l2)]}}
c=json.dumps(cfg).encode(); ch=hashlib.sha256(c).hexdigest()


def add(t, n, b):
    i = tarfile.TarInfo(n)
    i.size = len(b)
    t.addfile(i, io.BytesIO(b))


if fmt=='docker':
    t=tarfile.open(out,'w')
    add(t,'a/layer.tar',l1); add(t,'b/layer.tar',l2); add(t,ch+'.json',c)
    add(t,'manifest.json',json.dumps([{"Config":ch+'.json',"RepoTags":["web:1"],"Layers":["a/layer.tar","b/layer.tar"]}]).encode()); t.close()
else:
    comp={'gzip':gzip.compress,'zstd':lambda b: subprocess.run(['zstd','-c'],input=b,stdout=subprocess.PIPE).stdout}[fmt.split('-')[1]]
    blobs={}
    def blob(b):
        h=hashlib.sha256(b).hexdigest(); blobs['blobs/sha256/'+h]=b; return {"digest":"sha256:"+h,"size":len(b)}
    ls=[dict(blob(comp(x)),mediaType="application/vnd.oci.image.layer.v1.tar+"+fmt.split('-')[1]) for x in(l1,l2)]
    m=blob(json.dumps({"schemaVersion":2,"config":blob(c),"layers":ls}).encode())
    files={'oci-layout':b'{"imageLayoutVersion":"1.0.0"}','index.json':json.dumps({"schemaVersion":2,"manifests":[dict(m,annotations={"org.opencontainers.image.ref.name":"1"})]}).encode(),**blobs}
    if fmt.endswith('tar'):
        t=tarfile.open(out,'w:gz')
        for n,b in files.items(): add(t,n,b)
        t.close()
    else:
        for n,b in files.items():
            os.makedirs(os.path.dirname(os.path.join(out,n)) or out,exist_ok=True); open(os.path.join(out,n),'wb').write(b)
