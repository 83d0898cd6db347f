#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a TCP conversation travel in segments of one byte. One at each end: near (in the clients' namespace) listens on
127.0.0.1:20000+N and goes to SERVER:20000+N; far (in the servers') listens there and goes to the server itself. What goes on
the wire between the two goes byte by byte; each end says at once what it got, so that TCP has no reason to join bytes.
relay.py near TABLE SERVER | relay.py far TABLE"""
import asyncio
import select
import socket
import sys

BYTEWISE = 2200  # of a direction; the rest as it comes, so that long answers end


async def to_wire(loop, local, wire):
    sent = 0
    while data := await loop.sock_recv(local, 4096):
        for i in range(max(0, min(len(data), BYTEWISE - sent))):
            await loop.sock_sendall(wire, data[i:i + 1])
        if sent + len(data) > BYTEWISE:
            await loop.sock_sendall(wire, data[max(0, BYTEWISE - sent):])
        sent += len(data)


async def from_wire(loop, wire, local):
    while data := await loop.sock_recv(wire, 4096):
        await asyncio.sleep(0.003)  # some programs take what one read gives for a whole message
        if more := wire.recv(4096) if select.select([wire], [], [], 0)[0] else b"":
            data += more
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        await loop.sock_sendall(local, data)


async def half(pump, target):
    try:
        await pump
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


async def carry(loop, near, sock, target):
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    other = socket.socket(family, socket.SOCK_STREAM)
    other.setblocking(False)
    local, wire = (sock, other) if near else (other, sock)
    try:
        await loop.sock_connect(other, target)
        for s in (sock, other):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        await asyncio.gather(half(to_wire(loop, local, wire), wire), half(from_wire(loop, wire, local), local))
    except OSError:
        pass
    sock.close()
    other.close()


async def serve(loop, near, number, target):
    s = socket.socket(socket.AF_INET if near else socket.AF_INET6, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1" if near else "::", 20000 + number))
    s.listen(16)
    s.setblocking(False)
    while True:
        c, _ = await loop.sock_accept(s)
        loop.create_task(carry(loop, near, c, target))


async def main():
    loop, near = asyncio.get_running_loop(), sys.argv[1] == "near"
    own = socket.gethostbyname(socket.gethostname())  # OpenSMTPD asks for the name of 127.0.0.1
    rows = [line.split() for line in open(sys.argv[2]) if not line.startswith("#")]
    await asyncio.gather(*(serve(loop, near, n, (sys.argv[3], 20000 + n) if near else (own, int(port)))
                           for n, (_, transport, port, _) in enumerate(rows, 1) if transport == "tcp"))

asyncio.run(main())
