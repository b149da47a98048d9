# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service on libxcpbus, in a guest, when its bus or its ring goes. It is examples/counter."""
import os
import select
import signal
import subprocess
import time

import pytest

import bus as bus_module
import wire
from client import PATIENCE, Refused

NAME = 'org.xen.xcp.counter1'
TOTAL = '/org/xen/xcp/counter1/total'
INTERFACE = 'org.xen.xcp.Counter1'
PROPERTIES = 'org.freedesktop.DBus.Properties'


class Counter:
    def __init__(self, guest, address, *arguments):
        env = {'XCP_BUS_ADDRESS': address, **bus_module.sanitizer_environment(guest.xen.top)}
        self.process = guest.popen(guest.xen.build / 'examples/counter', *arguments, env=env,
                                   stdout=subprocess.PIPE)
        self.said = b''

    def expect(self, beginning):
        """The next line that begins so, and all that came before it."""
        deadline = time.monotonic() + 2 * PATIENCE
        before = []
        while True:
            line, newline, rest = self.said.partition(b'\n')
            if newline:
                self.said = rest
                if line.decode().startswith(beginning):
                    return line.decode(), before
                before.append(line.decode())
                continue
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(deadline - time.monotonic(), 0))
            assert ready, f'no {beginning!r} after {before}'
            more = os.read(self.process.stdout.fileno(), 65536)
            assert more, f'it ended after {before}'
            self.said += more


@pytest.fixture(params=['ring', 'agent'])
def address(request, guest):
    if request.param == 'ring':
        return 'vchan:domain=0'
    guest.start_agent()
    return f'unix:path={guest.agent_path}'


def add(client, number=1):
    return client.call(NAME, TOTAL, INTERFACE, 'Add', 'u', number)


def test_the_daemon_is_killed_and_started_again(start_hosted_bus, guest, address):
    first = start_hosted_bus()
    counter = Counter(guest, address)
    counter.expect('counting as')
    counter.expect('org.xen.xcp.friend1 is not there')
    client = first.connect()
    assert add(client, 5) == 5
    first.process.kill()
    client.wait_closed()
    first.stop(signal.SIGKILL)
    counter.expect('lost: ')

    second = start_hosted_bus()
    line, _ = counter.expect('back as')
    assert 'but' not in line
    client = second.connect()
    # The name, the object with its state, the subscription and the watch are there again.
    assert add(client) == 6
    client.match(f"type='signal',sender='{NAME}'")
    client.send(wire.signal('/p', INTERFACE, 'Bump'))
    changed = client.take_signal('PropertiesChanged')
    assert changed.body[0] == INTERFACE and changed.path == TOTAL
    assert client.call(NAME, TOTAL, PROPERTIES, 'Get', 'ss', INTERFACE, 'Count').value == 7
    objects = client.call(NAME, '/org/xen/xcp/counter1', 'org.freedesktop.DBus.ObjectManager',
                          'GetManagedObjects')
    assert TOTAL in dict(objects)
    client.own('org.xen.xcp.friend1')
    counter.expect(f'org.xen.xcp.friend1 is {client.name}')


def test_callers_get_errors_and_then_answers(start_hosted_bus, new_guest):
    """Nobody starts the service again: it comes to the new bus by itself."""
    guest = new_guest('service')
    first = start_hosted_bus()
    counter = Counter(guest, 'vchan:domain=0')
    counter.expect('counting as')
    first.process.kill()
    first.stop(signal.SIGKILL)
    second = start_hosted_bus()
    client = second.connect()
    deadline = time.monotonic() + PATIENCE
    errors = set()
    while True:
        try:
            assert add(client) == 1
            break
        except Refused as refused:
            errors.add(refused.name)
        assert time.monotonic() < deadline
    assert errors <= {'org.freedesktop.DBus.Error.ServiceUnknown'}
    counter.expect('back as')


def expect_answer(client, wanted):
    """The name comes back as soon as the daemon has noticed that the old connection is no more."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            assert add(client) == wanted
            return
        except Refused:
            assert time.monotonic() < deadline


def test_a_bus_that_stands_still_is_noticed(start_hosted_bus, guest):
    bus = start_hosted_bus()
    counter = Counter(guest, 'vchan:domain=0', 300)
    counter.expect('counting as')
    client = bus.connect()
    assert add(client, 3) == 3
    os.kill(bus.pid, signal.SIGSTOP)
    line, _ = counter.expect('lost: ')
    assert 'does not answer' in line
    os.kill(bus.pid, signal.SIGCONT)
    counter.expect('back as')
    expect_answer(client, 4)


def test_a_domain_that_was_suspended_is_back(start_hosted_bus, guest):
    bus = start_hosted_bus()
    counter = Counter(guest, 'vchan:domain=0', 300)
    counter.expect('counting as')
    client = bus.connect()
    assert add(client, 3) == 3
    guest.xen.hx('suspend', guest.domid)
    counter.expect('lost: ')
    counter.expect('back as')
    expect_answer(client, 4)
