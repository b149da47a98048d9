# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts dbus-broker without systemd.

dbus-broker does nothing until a controller hands it a listening socket and a
policy. Its own controller, dbus-broker-launch, wants the journal and systemd; this
one wants neither, and lets everybody do everything. It speaks just the one call
that is needed: AddListener, as the program's D-Bus interface has it since version 30.
"""

import array
import os
import socket
import struct
import subprocess

BATCH = "bta(btbs)a(btssssuutt)a(btssssuutt)"
POLICY = f"(a(u({BATCH}))a(buu({BATCH}))a(ss)bs)"
EVERY_USER = 0xFFFFFFFF
LIMITS = {"bytes": 1 << 30, "fds": 10000, "matches": 1000000, "objects": 1000000}
DEADLINE_S = 30

FIXED = {"y": ("B", 1), "b": ("I", 4), "u": ("I", 4), "h": ("I", 4), "t": ("Q", 8)}


def align(out, boundary):
    out.extend(b"\0" * (-len(out) % boundary))


def split(signature):
    """The first complete type, and the rest."""
    if signature[0] == "a":
        head, rest = split(signature[1:])
        return "a" + head, rest
    depth = 0
    for at, letter in enumerate(signature):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return signature[: at + 1], signature[at + 1 :]
    raise ValueError(signature)


def marshal_array(out, signature, items):
    align(out, 4)
    length_at = len(out)
    out.extend(b"\0" * 4)
    align(out, 8 if signature[0] == "(" else 4)
    start = len(out)
    for item in items:
        marshal(out, signature, [item])
    struct.pack_into("<I", out, length_at, len(out) - start)


def marshal_one(out, signature, value):
    kind = signature[0]
    if kind in FIXED:
        form, size = FIXED[kind]
        align(out, size)
        out += struct.pack("<" + form, value)
    elif kind in "so":
        align(out, 4)
        out += struct.pack("<I", len(value)) + value.encode() + b"\0"
    elif kind == "g":
        out += bytes([len(value)]) + value.encode() + b"\0"
    elif kind == "v":
        marshal(out, "g" + value[0], value)
    elif kind == "(":
        align(out, 8)
        marshal(out, signature[1:-1], value)
    else:
        marshal_array(out, signature[1:], value)


def marshal(out, signature, values):
    for value in values:
        head, signature = split(signature)
        marshal_one(out, head, value)


def add_listener():
    """The method call, which needs the listening socket beside it."""
    everything = [(True, 1, "", "", "", "", 0, 0, 0, 2**64 - 1)]
    batch = (True, 1, [(True, 1, True, "")], everything, everything)
    policy = ([(EVERY_USER, batch)], [], [], False, "session")
    body = bytearray()
    marshal(body, "ohv", ["/org/bus1/DBus/Listener/0", 0, (POLICY, policy)])
    fields = [
        (1, ("o", "/org/bus1/DBus/Broker")),
        (2, ("s", "org.bus1.DBus.Broker")),
        (3, ("s", "AddListener")),
        (8, ("g", "ohv")),
        (9, ("u", 1)),
    ]
    head = bytearray()
    marshal(head, "yyyyuua(yv)", [ord("l"), 1, 0, 1, len(body), 1, fields])
    align(head, 8)
    return bytes(head + body)


def say(link, text, answer):
    link.sendall(text)
    got = b""
    while not got.endswith(b"\r\n"):
        more = link.recv(512)
        if not more:
            raise RuntimeError("dbus-broker has closed the controller's connection")
        got += more
    if not got.startswith(answer):
        raise RuntimeError(f"dbus-broker answered {got!r} to {text!r}")


def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def start(path, wrapper=(), **popen_options):
    """dbus-broker listening at path, as (process, socket); it ends when the socket closes."""
    ours, theirs = socket.socketpair()
    ours.settimeout(DEADLINE_S)
    command = [*wrapper, "dbus-broker", f"--controller={theirs.fileno()}"]
    command += ["--machine-id", "0123456789abcdef0123456789abcdef"]
    for name, value in LIMITS.items():
        command += [f"--max-{name}", str(value)]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], **popen_options)
    theirs.close()
    with listen(path) as listener:
        uid = str(os.geteuid()).encode().hex().encode()
        say(ours, b"\0AUTH EXTERNAL " + uid + b"\r\n", b"OK ")
        say(ours, b"NEGOTIATE_UNIX_FD\r\n", b"AGREE_UNIX_FD")
        ours.sendall(b"BEGIN\r\n")
        # The fd must not arrive together with the last line of the authentication.
        fds = array.array("i", [listener.fileno()])
        ours.sendmsg([add_listener()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        reply = ours.recv(4096)
    if reply[1:2] != b"\2":
        raise RuntimeError(f"dbus-broker refused the listener: {reply!r}")
    return process, ours
