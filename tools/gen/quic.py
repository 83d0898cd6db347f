# SPDX-License-Identifier: GPL-2.0-or-later
"""QUIC's Initial packets as a client sends them (RFC 9001 5, RFC 9369): made with AES and HKDF written out here, since the
generator uses nothing but Python itself. Not for secrets: the keys of these packets are public."""
import hashlib
import hmac
import struct

SALT = {1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", 0xff00001d: "afbfec289993d24c9e9786f19c6111e04390a899",
        0x6b3343cf: "0dede3def700a6db819381be6e269dcbf9bd2ed9"}
V2 = 0x6b3343cf


def double(b):
    return (b << 1 ^ (0x11b if b & 0x80 else 0)) & 0xff


def make_sbox():
    box, p, q = [0x63] * 256, 1, 1
    while True:
        p ^= double(p)
        for s in (1, 2, 4):
            q ^= q << s & 0xff
        q ^= 9 if q & 0x80 else 0
        x = q | q << 8
        box[p] = (q ^ (x >> 7) ^ (x >> 6) ^ (x >> 5) ^ (x >> 4)) & 0xff ^ 0x63
        if p == 1:
            return box


SBOX = make_sbox()


def aes(key, block):
    """AES-128 (FIPS 197), one block."""
    words, rcon = [key[i:i + 4] for i in range(0, 16, 4)], 1
    for i in range(4, 44):
        w = words[-1]
        if i % 4 == 0:
            w = bytes([SBOX[w[1]] ^ rcon, SBOX[w[2]], SBOX[w[3]], SBOX[w[0]]])
            rcon = double(rcon)
        words.append(bytes(a ^ b for a, b in zip(w, words[-4])))
    state = bytes(a ^ b for a, b in zip(block, b"".join(words[:4])))
    for n in range(1, 11):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if n < 10:
            mixed = []
            for c in range(0, 16, 4):
                col = state[c:c + 4]
                mixed += [double(col[i]) ^ double(col[(i + 1) % 4]) ^ col[(i + 1) % 4] ^ col[(i + 2) % 4] ^ col[(i + 3) % 4] for i in range(4)]
            state = mixed
        state = bytes(a ^ b for a, b in zip(state, b"".join(words[4 * n:4 * n + 4])))
    return state


def gcm(key, nonce, plain, head):
    """AES-128-GCM (SP 800-38D): ciphertext and tag."""
    stream = b"".join(aes(key, nonce + struct.pack("!I", i + 2)) for i in range((len(plain) + 15) // 16))
    out = bytes(a ^ b for a, b in zip(plain, stream))
    h, y = int.from_bytes(aes(key, bytes(16)), "big"), 0
    for data in (head, out, struct.pack("!QQ", 8 * len(head), 8 * len(out))):
        for i in range(0, len(data), 16):
            x, y, v = y ^ int.from_bytes(data[i:i + 16].ljust(16, b"\0"), "big"), 0, h
            for bit in range(127, -1, -1):
                y ^= v if x >> bit & 1 else 0
                v = v >> 1 ^ (0xe1 << 120 if v & 1 else 0)
    return out + bytes(a ^ b for a, b in zip(y.to_bytes(16, "big"), aes(key, nonce + b"\0\0\0\1")))


def expand(secret, label, size):
    info = struct.pack("!HB", size, 6 + len(label)) + b"tls13 " + label + b"\0"
    return hmac.digest(secret, info + b"\1", hashlib.sha256)[:size]


def varint(n):
    return bytes([n]) if n < 64 else struct.pack("!H", 0x4000 | n)


def crypto(offset, data):
    return b"\6" + varint(offset) + varint(len(data)) + data


def initial(frames, number=0, version=1, dcid=bytes(range(8)), scid=bytes(range(5)), size=1200):
    """One datagram of `size` bytes with one Initial packet."""
    secret = expand(hmac.digest(bytes.fromhex(SALT[version]), dcid, hashlib.sha256), b"client in", 32)
    word = b"quicv2 " if version == V2 else b"quic "
    head = (b"\xd3" if version == V2 else b"\xc3") + struct.pack("!I", version) + bytes([len(dcid)]) + dcid + bytes([len(scid)]) + scid + b"\0"
    frames = frames.ljust(size - len(head) - 6 - 16, b"\0")
    head += struct.pack("!HI", 0x4000 | 4 + len(frames) + 16, number)
    nonce = int.from_bytes(expand(secret, word + b"iv", 12), "big") ^ number
    body = gcm(expand(secret, word + b"key", 16), nonce.to_bytes(12, "big"), frames, head)
    mask = aes(expand(secret, word + b"hp", 16), body[:16])
    return bytes([head[0] ^ mask[0] & 15]) + head[1:-4] + bytes(a ^ b for a, b in zip(head[-4:], mask[1:])) + body
