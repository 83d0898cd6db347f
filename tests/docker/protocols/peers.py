#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that are a library's (WebSocket, gRPC), and two for which Debian has no server: MongoDB and Kafka. Those answer as a real
one does to what the real clients (pymongo, librdkafka) ask, in the format of the protocol's documentation, and know no more."""
import asyncio
import concurrent.futures
import socketserver
import struct
import threading

import bson
import grpc
import websockets


class Server(socketserver.ThreadingTCPServer):
    address_family = socketserver.socket.AF_INET6
    allow_reuse_address = daemon_threads = True


class Mongo(socketserver.StreamRequestHandler):
    """MongoDB wire protocol: OP_QUERY isMaster is answered by OP_REPLY, OP_MSG by OP_MSG."""
    hello = {"ismaster": True, "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000,
             "minWireVersion": 0, "maxWireVersion": 13, "readOnly": False, "ok": 1.0}

    def handle(self):
        while len(head := self.rfile.read(16)) == 16:
            length, ident, _, op = struct.unpack("<iiii", head)
            self.rfile.read(length - 16)
            body = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(self.hello) if op == 2004 else \
                struct.pack("<iB", 0, 0) + bson.encode(self.hello)
            self.wfile.write(struct.pack("<iiii", 16 + len(body), 7, ident, 1 if op == 2004 else 2013) + body)


class Kafka(socketserver.StreamRequestHandler):
    """ApiVersions and Metadata in their version 0, one broker."""

    def handle(self):
        while len(head := self.rfile.read(4)) == 4:
            request = self.rfile.read(struct.unpack(">i", head)[0])
            key, version, ident = struct.unpack(">hhi", request[:8])
            if key == 18:
                body = struct.pack(">hi", 0 if version == 0 else 35, 2) + struct.pack(">hhhhhh", 3, 0, 0, 18, 0, 0)
            else:
                body = struct.pack(">iih", 1, 1, 6) + b"broker" + struct.pack(">ii", 9092, 0)
            body = struct.pack(">i", ident) + body
            self.wfile.write(struct.pack(">i", len(body)) + body)


def grpc_server():
    class Greeter(grpc.GenericRpcHandler):
        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"\n\x05hello")

    s = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=[Greeter()])
    s.add_insecure_port("[::]:50051")
    s.start()
    return s


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def main():
    for port, handler in (27017, Mongo), (9092, Kafka):
        threading.Thread(target=Server(("::", port), handler).serve_forever, daemon=True).start()
    keep = grpc_server()
    async with websockets.serve(echo, None, 8765):
        await asyncio.Future()
    del keep

asyncio.run(main())
