# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many connections at once, each of which says much at once; and what the daemon holds meanwhile.

Messages are made by putting numbers of a fixed width into a template, and answers are counted
rather than decoded: the daemon is what is to be kept busy.
"""
import os
import resource
import struct
import subprocess
import time

import wire
from client import BUS, BUS_PATH, PATIENCE

# Limits of one connection: that of all of a user's is 64 times as high.
PLENTY = {'max_connections_per_user': 3000, 'max_names_per_connection': 100_000,
          'max_match_rules_per_connection': 100_000, 'max_replies_per_connection': 100_000}


def many_fds():
    """A thousand connections have two ends, and one of each is ours."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Template:
    """A message of which `hole` (as many characters as the numbers) and the serial vary."""

    def __init__(self, message, hole):
        message.serial = 0
        self.width = len(hole)
        self.head, *self.parts = message.encode().split(hole.encode())
        assert self.parts, 'there is no hole'

    def fill(self, number, serial):
        text = b'%0*d' % (self.width, number)
        raw = text.join((self.head, *self.parts))
        return b'%s%s%s' % (raw[:8], struct.pack('<I', serial), raw[12:])

    def bulk(self, numbers, first_serial):
        return b''.join(self.fill(n, first_serial + i) for i, n in enumerate(numbers))


def bus_template(member, signature, *body, hole='000000'):
    return Template(wire.call(BUS, BUS_PATH, BUS, member, signature, *body), hole)


def frames(client):
    """Take over the complete messages a client has: (type, bytes) of each."""
    data, at = client.data, 0
    while len(data) - at >= 16:
        body, _, fields = struct.unpack_from('<III', data, at + 4)
        end = at + 16 + fields + -fields % 8 + body
        if end > len(data):
            break
        yield data[at + 1], data[at:end]
        at = end
    del data[:at]


class Answers:
    """How many were good, and the errors."""

    def __init__(self):
        self.good, self.errors = 0, []

    def collect(self, client, count):
        """Read until so many calls are answered; signals are passed over."""
        deadline, wanted = time.monotonic() + PATIENCE, count
        while wanted:
            for kind, raw in frames(client):
                if kind == wire.METHOD_RETURN:
                    self.good += 1
                elif kind == wire.ERROR:
                    self.errors.append(wire.decode(bytes(raw)).error_name)
                wanted -= kind in (wire.METHOD_RETURN, wire.ERROR)
            if wanted:
                client.fill_within(deadline)


def ask_all(clients, template, each):
    """Each client sends `each` calls in one piece, with numbers of its own; then all answers are
    read."""
    answers = Answers()
    for i, client in enumerate(clients):
        client.send_bytes(template.bulk(range(i * each, (i + 1) * each), client.serial + 1))
        client.serial += each
    for client in clients:
        answers.collect(client, each)
    return answers


def count_fds(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def status_of(pid, field):
    """A number of /proc/<pid>/status: bytes of RssAnon, VmSize."""
    with open(f'/proc/{pid}/status') as status:
        for line in status:
            if line.startswith(field + ':'):
                return int(line.split()[1]) * 1024
    raise AssertionError(f'no {field}')


def memory_of(pid):
    return status_of(pid, 'RssAnon')


def limit(pid, what, soft):
    """Set the soft limit; the hard one stays, so that it can be taken back."""
    subprocess.run(['prlimit', f'--pid={pid}', f'--{what}={soft}:'], check=True)


def until(fits, client):
    """Ask the bus something until it fits: an answer comes after whatever else is due."""
    deadline = time.monotonic() + PATIENCE
    while not fits():
        client.sync()
        assert time.monotonic() < deadline, 'it did not come to that'


def leave(bus, crowd):
    for client in crowd:
        client.close()
    gone = set(map(id, crowd))
    bus.clients = [client for client in bus.clients if id(client) not in gone]


def fill(caller, sleeper, size, total):
    """Calls that nobody answers, until so many bytes are queued."""
    call = wire.call(sleeper.name, '/a', 'a.b', 'C', 'ay', bytes(size), flags=1, serial=7).encode()
    for _ in range(total // size):
        caller.send_bytes(call)
    caller.sync()


def send_what_goes(client, messages):
    """Send until the other side takes no more. The rest, which it has not taken."""
    data = b''.join(messages)
    sent = 0
    try:
        while sent < len(data):
            sent += client.sock.send(data[sent:sent + (1 << 20)])
    except BlockingIOError:
        pass
    return data[sent:]
