# SPDX-License-Identifier: LGPL-2.1-or-later
"""A monitor that was left standing: nobody pays for it, and it learns what it has missed."""
import json
import os
import socket
import subprocess
import sys
import tempfile

import pytest

import wire
from client import Client
from hosted import resident_kib
from test_bus1 import BUS1, link_of
from test_monitor import become_monitor
from wire import signal

BENCH = os.path.join(os.path.dirname(__file__), '../../bench')
QUEUE = 64 * 1024
MANY = 1_000_000


def stand_still(open_client, *rules):
    """A monitor that has lost something already, and reads no more."""
    monitor, noisy = open_client(), open_client()
    monitor.drain()
    become_monitor(monitor, *rules)
    for _ in range(QUEUE // 4096 + 2):
        noisy.send(signal('/a', 'a.b', 'Noise', 'ay', b'x' * 4096))
        noisy.sync()
    # What the socket holds is not in the queue: it is full, and so is the queue, when one was lost.
    while not link_of(noisy, monitor)['lost']:
        noisy.send(signal('/a', 'a.b', 'Noise', 'ay', b'x' * 4096))
        noisy.sync()
    noisy.close()
    return monitor


def read_what_is_there(monitor):
    while monitor.fill():
        pass
    while len(monitor.data) >= 16 and len(monitor.data) >= wire.size_of(monitor.data):
        monitor.read_message()
    messages, monitor.inbox = monitor.inbox, []
    return messages


def load(bus, *options):
    command = [f'{bus.load}', f'--address=unix:path={bus.path}', *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return json.loads(done.stdout)


@pytest.fixture
def bus(start_bus, build):
    bus = start_bus(limits={'max_outgoing_bytes': QUEUE})
    bus.load = f'{build}/bench/load'
    return bus


def test_a_million_messages_later(bus):
    admin = bus.connect()
    monitor = stand_still(bus.connect)
    load(bus, '--kind=call', '--batch=32', '--window=128', '--count=10000')
    before, resident = link_of(admin, monitor), resident_kib(bus.pid)
    load(bus, '--kind=call', '--batch=32', '--window=128', f'--count={MANY}')
    after = link_of(admin, monitor)
    assert after['lost'] - before['lost'] >= MANY
    assert after['queued_bytes'] == before['queued_bytes'] <= QUEUE
    assert resident_kib(bus.pid) < resident + 4096
    # Now it reads, and is told, exactly: of what is sent meanwhile, too, while it is still behind.
    told = 0
    while told < link_of(admin, monitor)['lost']:
        admin.send(signal('/a', 'a.b', 'Wake'))
        admin.sync()
        told += sum(message.body[0] for message in read_what_is_there(monitor)
                    if message.member == 'MessagesLost' and message.interface == BUS1)
    assert told >= after['lost']


def instructions(build, rules):
    """For a message that is passed on, as bench/run counts them."""
    sys.path.insert(0, BENCH)
    sys.dont_write_bytecode = True
    import measure
    import peers

    class Watched(peers.XcpBusd):
        monitor = None

        def command(self):
            command = super().command()
            config = os.path.join(self.scratch, 'xcp-busd.conf')
            with open(config, 'w', encoding='ascii') as file:
                file.write(peers.configuration(self.path, limits={'max_outgoing_bytes': QUEUE}))
            return command

        def start(self, *arguments, **more):
            super().start(*arguments, **more)
            if rules is not None:
                self.monitor = stand_still(self.open_client, *rules)

        def open_client(self):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.path)
            return Client(sock).auth().hello()

    with tempfile.TemporaryDirectory(dir='/tmp') as scratch:
        return measure.instructions(Watched(build, scratch), '--kind=call --batch=32', 3200)


def test_what_it_costs_others(build):
    nobody = instructions(build, None)
    # One that wants all is not even looked at; the rules of another have to be, to count what it misses.
    assert instructions(build, []) < nobody * 1.06
    assert instructions(build, ["type='signal',interface='a.b'"]) < nobody * 1.2
