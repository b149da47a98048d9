# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the bus is when what it needs for guests is not there, and what it says of refused rings."""
import pytest

from client import BUS, PATIENCE
from test_bus1 import ask, plain
from test_bus1_health import HEALTH1, check, parts
from test_hosted_bus1 import until


@pytest.fixture
def bus(xen, start_hosted_bus):
    yield start_hosted_bus(limits={'max_connections_per_domain': 2})
    xen.hx('fault', 'clear')


def told(client):
    """What it is told of the next change of the whole."""
    change = plain(client.take_signal('Changed').body[0])
    while change['component']:
        change = plain(client.take_signal('Changed').body[0])
    return change


def test_without_xenstored_it_goes_on(xen, bus):
    client = bus.connect()
    until(lambda: check(client)['status'] == 'Serving')
    client.match(f"type='signal',sender='{BUS}',interface='{HEALTH1}'")
    xen.hx('fault', 'xenstored=kill')
    change = told(client)
    assert change['status'] == 'Degraded' and 'xenstored' in change['reason']
    assert check(client, 'guests')['status'] == 'Degraded'
    assert check(client, 'memory')['status'] == 'Serving'
    assert parts(client)[0]['status'] == 'Degraded'
    xen.hx('fault', 'xenstored=start')
    change = told(client)
    assert (change['status'], change['reason']) == ('Serving', '')


def refuse_one(guest):
    """Two are all that it may have."""
    clients = [guest.connect(), guest.connect()]
    assert 'as many connections' in guest.ring().report()
    return clients


def test_refused_rings_are_counted(xen, bus):
    admin = bus.connect()
    guest = xen.create('pushy')
    before = ask(admin, 'GetCounters')['links_refused']
    clients = refuse_one(guest)
    until(lambda: ask(admin, 'GetCounters')['links_refused'] == before + 1)
    for client in clients:
        client.sync()
    guest.release()


def test_an_xenstored_that_does_not_answer(xen, bus):
    """It is there. Only who asks how the bus is finds out, once there is something to ask xenstored:
    a refusal is taken away after ten seconds."""
    client = bus.connect()
    guest = xen.create('waiting')
    refuse_one(guest)
    assert check(client)['status'] == 'Serving'
    xen.hx('fault', 'xenstored=stop')
    until(lambda: check(client)['status'] == 'Degraded', 3 * PATIENCE)
    assert 'does not answer' in check(client)['reason']
    xen.hx('fault', 'xenstored=cont')
    until(lambda: check(client)['status'] == 'Serving')
    guest.release()
