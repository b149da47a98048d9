# SPDX-License-Identifier: LGPL-2.1-or-later
"""As much as a big host has, and more than it should: a thousand connections, a hundred thousand
names and rules, storms of connections. What is released leaves nothing behind."""
import contextlib
import os

import pytest

import wire
from client import BUS, BUS_PATH, Closed, echo_once
from crowd import PLENTY, ask_all, bus_template, count_fds, leave, limit, many_fds, until

EACH = 100
NAME = 'org.example.Heavy.n000000'
RULE = "type='signal',interface='org.example.Heavy',member='M000000'"


@pytest.fixture(autouse=True)
def fds():
    many_fds()


def settle(bus, innocents, fds, names):
    """Nothing is left of those who have gone."""
    until(lambda: count_fds(bus.pid) <= fds, innocents[0])
    until(lambda: len(innocents[0].bus('ListNames')) == names, innocents[0])
    echo_once(*innocents)


def all_do(clients, template):
    got = ask_all(clients, template, EACH)
    assert (got.good, got.errors) == (len(clients) * EACH, [])


def test_connections_names_and_rules(start_bus):
    """A thousand connections, a hundred thousand names, as many rules."""
    bus = start_bus(limits=PLENTY)
    innocents = bus.innocents()
    fds, names = count_fds(bus.pid), len(innocents[0].bus('ListNames'))
    crowd = [bus.connect() for _ in range(bus.caps.crowd)]
    all_do(crowd, bus_template('RequestName', 'su', NAME, 4))
    all_do(crowd, bus_template('AddMatch', 's', RULE))

    # All of it is there, and works.
    last, middle = len(crowd) * EACH - 1, len(crowd) // 2
    assert len(innocents[0].bus('ListNames')) == names + len(crowd) * (EACH + 1)
    echo_once(innocents[0], crowd[-1], f'org.example.Heavy.n{last:06}')
    echo_once(innocents[0], crowd[0], 'org.example.Heavy.n000000')
    member = f'M{middle * EACH + 21:06}'
    innocents[0].send(wire.signal('/a', 'org.example.Heavy', member, 's', 'to one'))
    assert crowd[middle].take_signal(member).body == ('to one',)
    for other in crowd[middle - 1], crowd[middle + 1]:
        assert not [m for m in other.drain() if m.type == wire.SIGNAL]

    # One half is given back in so many words, the other by leaving.
    all_do(crowd[:middle], bus_template('ReleaseName', 's', NAME))
    all_do(crowd[:middle], bus_template('RemoveMatch', 's', RULE))
    assert len(innocents[0].bus('ListNames')) == names + last + 1 - middle * EACH + len(crowd)
    leave(bus, crowd)
    settle(bus, innocents, fds, names)


# --- storms ---

def test_connections_that_say_nothing(start_bus):
    """Thousands stand in the doorway; those who are in keep talking, and it empties again."""
    bus = start_bus(limits={'auth_timeout': 1000, 'max_connections_per_user': 4000})
    innocents = bus.innocents()
    fds, names = count_fds(bus.pid), len(innocents[0].bus('ListNames'))
    silent = []
    for _ in range(2000):
        silent.append(bus.open())
        if len(silent) % 50 == 0:
            echo_once(*innocents)
    for client in silent[:1000:7]:
        with contextlib.suppress(Closed):  # of one user but root, not all may stand there
            client.send_bytes(b'\0AUTH EXT')
        echo_once(*innocents)
    leave(bus, silent)
    settle(bus, innocents, fds, names)
    echo_once(bus.connect(), innocents[0])


def test_connections_that_leave_at_once(start_bus):
    """Before, within and right after the authentication, and with a call under way."""
    bus = start_bus()
    innocents = bus.innocents()
    fds, names = count_fds(bus.pid), len(innocents[0].bus('ListNames'))
    hello = wire.call(BUS, BUS_PATH, BUS, 'Hello', serial=1).encode()
    call = wire.call(innocents[1].name, '/a', 'a.b', 'C', serial=2).encode()
    begin = b'\0AUTH EXTERNAL %s\r\nBEGIN\r\n' % str(os.getuid()).encode().hex().encode()
    said = [b'', b'\0', begin[:20], begin, begin + hello[:50], begin + hello, begin + hello + call]
    for n in range(3000):
        client = bus.open()
        client.send_bytes(said[n % len(said)])
        leave(bus, [client])
        if n % 50 == 0:
            echo_once(*innocents)
    innocents[1].drain()
    settle(bus, innocents, fds, names)


def test_out_of_file_descriptors(start_bus):
    """New ones wait outside; those who are in keep talking. Then the others come in."""
    bus = start_bus(limits={'max_incomplete_connections': 400})
    innocents = bus.innocents()
    fds, names = count_fds(bus.pid), len(innocents[0].bus('ListNames'))
    limit(bus.pid, 'nofile', fds + 5)
    inside = [bus.connect() for _ in range(2)]
    waiting = [bus.open() for _ in range(60)]
    for _ in range(50):
        echo_once(*innocents)
        echo_once(*inside)
    assert count_fds(bus.pid) <= fds + 5
    limit(bus.pid, 'nofile', 1024)
    for client in waiting:
        client.auth().hello()
    echo_once(waiting[0], waiting[-1])
    leave(bus, inside + waiting)
    settle(bus, innocents, fds, names)
