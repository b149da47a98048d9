# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon has too little memory: guests that are there go on talking, and no others come."""
import pytest

from client import Closed, echo_once
from crowd import fill, leave, limit, status_of, until

KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def poor(start_hosted_bus, guest):
    """A bus that has run out of memory, and who talked before: a guest and a program in dom0."""
    bus = start_hosted_bus(limits={'stuck_timeout': 1})
    bus.talkers = bus.connect(), guest.connect()
    echo_once(*bus.talkers)
    bus.greedy = [bus.connect(), bus.connect()]
    limit(bus.pid, 'as', status_of(bus.pid, 'VmSize') + 6 * MIB)
    try:
        fill(*bus.greedy, 200 * KIB, 20 * MIB)
    except Closed:
        pass
    echo_once(*bus.talkers)
    assert 'out of memory' in bus.stderr.read_text()
    limit(bus.pid, 'as', status_of(bus.pid, 'VmSize') + 200 * KIB)  # for the pages of a ring
    return bus


def test_guests_that_come_meanwhile(poor, guest):
    with pytest.raises((Closed, AssertionError)):
        guest.connect(1024, 1024)
    assert 'what="Cannot allocate memory"' in poor.stderr.read_text()
    for _ in range(50):
        echo_once(*poor.talkers)
    limit(poor.pid, 'as', 'unlimited')
    leave(poor, poor.greedy)
    until(lambda: 'there is memory again' in poor.stderr.read_text(), poor.talkers[0])
    newcomer = guest.connect(1024, 1024)
    echo_once(poor.talkers[0], newcomer)
    newcomer.close()
    poor.talkers[1].close()
