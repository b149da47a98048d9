# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's memory goes back after a peak."""
import pytest

import wire
from client import echo_once
from crowd import PLENTY, ask_all, bus_template, fill, leave, many_fds, memory_of, until

KIB, MIB = 1 << 10, 1 << 20
SLACK = 12 * MIB  # what the allocator may keep


@pytest.fixture(autouse=True)
def fds():
    many_fds()


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


@pytest.mark.parametrize('how,size', [('reads', 500), ('reads', 200 * KIB), ('reads', 3 * MIB),
                                      ('leaves', 500), ('leaves', 8 * KIB)])
def test_after_a_queue(start_bus, how, size):
    """With something that lasts on top of it all, as there is on any bus."""
    bus = start_bus(limits={**PLENTY, 'stuck_timeout': 1})
    innocents = bus.innocents()
    before = memory_of(bus.pid)
    caller, sleeper = bus.connect(), bus.connect()
    fill(caller, sleeper, size, 64 * MIB)
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
