# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's memory goes back after a peak."""
import pytest

import wire
from client import echo_once
from crowd import ask_all, bus_template, many_fds, memory_of, until

KIB, MIB = 1 << 10, 1 << 20
SLACK = 12 * MIB  # what the allocator may keep
PLENTY = {'max_connections_per_user': 3000, 'max_names_per_connection': 5000,
          'max_match_rules_per_connection': 5000, 'max_replies_per_connection': 100_000}


@pytest.fixture(autouse=True)
def fds():
    many_fds()


def leave(bus, crowd):
    for client in crowd:
        client.close()
    bus.clients = [client for client in bus.clients if client not in crowd]


def test_after_a_crowd(start_bus):
    bus = start_bus(limits=PLENTY)
    innocents = bus.innocents()
    before = memory_of(bus.pid)
    crowd = [bus.connect() for _ in range(bus.caps.crowd)]
    ask_all(crowd, bus_template('RequestName', 'su', 'org.example.Heavy.n000000', 4), 100)
    ask_all(crowd, bus_template('AddMatch', 's', "member='M000000'"), 100)
    assert memory_of(bus.pid) > before + 5 * MIB
    leave(bus, crowd)
    until(lambda: memory_of(bus.pid) < before + SLACK, innocents[0])


def fill(bus, caller, sleeper, size, total):
    """Calls that nobody answers. Whoever is in line stays in line."""
    call = wire.call(sleeper.name, '/a', 'a.b', 'C', 'ay', bytes(size), flags=1, serial=7).encode()
    for _ in range(total // size):
        caller.send_bytes(call)
    caller.sync()


@pytest.mark.parametrize('how,size', [('reads', 500), ('reads', 200 * KIB), ('reads', 3 * MIB),
                                      ('leaves', 500), ('leaves', 8 * KIB)])
def test_after_a_queue(start_bus, how, size):
    """With something that lasts on top of it all, as there is on any bus."""
    bus = start_bus(limits={**PLENTY, 'stuck_timeout': 1})
    innocents = bus.innocents()
    before = memory_of(bus.pid)
    caller, sleeper = bus.connect(), bus.connect()
    fill(bus, caller, sleeper, size, 64 * MIB)
    assert memory_of(bus.pid) > before + 60 * MIB
    innocents[0].own('org.example.OnTop')
    innocents[1].match("member='OnTop'")
    later = bus.connect()
    if how == 'reads':
        while len(sleeper.data) < 60 * MIB:
            sleeper.fill_within(float('inf'))
    leave(bus, [sleeper])
    until(lambda: memory_of(bus.pid) < before + SLACK, innocents[0])
    echo_once(later, innocents[0])
