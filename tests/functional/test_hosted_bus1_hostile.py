# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that make names, rules, calls, errors and links as fast as they can, while dom0 looks on:
answers stay within their page, and the daemon as large as it was."""
import pytest

import wire
from client import BUS, BUS_PATH
from hosted import resident_kib
from test_bus1 import ask, links, pending
from test_hosted_bus1 import domain_of, until

PAGE = 128 * 1024
ROUNDS = 25
PIPELINE = 200


@pytest.fixture(scope='module')
def hosted_bus(xen):
    bus = xen.bus(limits={'max_new_links_per_second': 10_000})
    yield bus
    bus.stop()


def size_of_answer(client, member, signature=None, *arguments):
    serial = client.send(wire.call(BUS, BUS_PATH, 'org.xen.xcp.Bus1', member, signature, *arguments))
    return len(client.take_reply(serial).encode())


def look_at_all(admin):
    """Everything that there is to see, and that it is bounded."""
    assert size_of_answer(admin, 'ListLinks', 'tu', 0, 0) <= PAGE + 4096
    assert size_of_answer(admin, 'ListPendingCalls', 'tu', 0, 0) <= PAGE + 4096
    assert size_of_answer(admin, 'ListDomains') <= 64 * 1024
    assert size_of_answer(admin, 'ListUsers') <= 16 * 1024
    assert size_of_answer(admin, 'GetCounters') <= 4096


def make_noise(client, service, number):
    """All that a guest can do a lot of, sent at once; nothing of it is waited for."""
    for i in range(PIPELINE):
        name = f'org.example.{"y" * 150}.n{number}.i{i}'
        client.send(wire.call(BUS, BUS_PATH, BUS, 'RequestName', 'su', name, 4))
        client.send(wire.call(BUS, BUS_PATH, BUS, 'AddMatch', 's', f"arg0='{number}.{i}'"))
        client.send(wire.call(f'org.example.Nobody{i}', f'/a{number}/{i}', 'a.b', f'M{i}'))
        client.send(wire.call(service, f'/a{number}/{i}', 'a.b' * 9, f'Slow{i}'))
        client.send(wire.signal('/a', 'a.b', f'S{number}x{i}'))
    client.drain()


def test_noise_of_every_kind(xen, hosted_bus):
    admin = hosted_bus.connect()
    noisy, lazy = xen.create('noisy'), xen.create('lazy')
    service, caller = lazy.connect(), noisy.connect()
    resident = None
    for number in range(ROUNDS):
        make_noise(caller, service.name, number)
        service.drain()
        look_at_all(admin)
        if number == 4:
            resident = resident_kib(hosted_bus.pid)  # by then it has reached its limits
        if number % 5 == 4:
            caller.close()  # and what waits for it is forgotten
            caller = noisy.connect()
    # What it sent is counted, though none of it is kept.
    domain = domain_of(admin, noisy)
    assert domain['traffic']['messages_sent'] >= ROUNDS * PIPELINE * 5
    assert domain['traffic']['errors_received'] >= ROUNDS * PIPELINE
    assert domain['refusals']['over_quota'] > PIPELINE
    assert resident_kib(hosted_bus.pid) < resident + 8 * 1024
    noisy.release()
    lazy.release()


def test_more_pending_calls_than_a_page_has(xen, hosted_bus):
    admin = hosted_bus.connect()
    noisy, lazy = xen.create('impatient'), xen.create('slow')
    caller, service = noisy.connect(), lazy.connect()
    for i in range(1500):
        caller.send(wire.call(service.name, f'/a/{"z" * 60}', 'a.b', f'Slow{i}'))
    caller.sync()
    calls, total = pending(admin)
    assert total == 1500 and 100 < len(calls) < total
    assert [call['member'] for call in calls] == [f'Slow{i}' for i in range(len(calls))]
    look_at_all(admin)
    caller.close()
    until(lambda: pending(admin) == ([], 0))
    noisy.release()
    lazy.release()


def test_calls_of_one_domain_do_not_hide_those_of_others(xen, hosted_bus):
    """Older ones, and more than a page has."""
    admin, client = hosted_bus.connect(), hosted_bus.connect()
    noisy, third, lazy = xen.create('patient'), xen.create('third'), xen.create('asleep')
    caller, other, service = noisy.connect(), third.connect(), lazy.connect()
    for i in range(1500):
        caller.send(wire.call(service.name, f'/a/{i}', 'a.b', 'Slow'))
    caller.sync()
    for who in (client, other):
        who.send(wire.call(service.name, '/a', 'a.b', 'Stuck'))
        who.sync()
    calls, total = pending(admin)
    assert total == 1502 and len(calls) < 200
    assert [call['caller'] for call in calls if call['member'] == 'Stuck'] == [client.name, other.name]
    ages = [call['age_us'] for call in calls]
    assert ages == sorted(ages, reverse=True)
    slow = [call['path'] for call in calls if call['member'] == 'Slow']
    assert slow == [f'/a/{i}' for i in range(len(slow))] and len(slow) >= 50
    look_at_all(admin)
    caller.close()
    client.close()
    for guest in (noisy, third, lazy):
        guest.release()
    until(lambda: pending(admin) == ([], 0))


def test_links_that_come_and_go(xen, hosted_bus):
    """Each leaves its traffic behind, and nothing else."""
    admin = hosted_bus.connect()
    guest = xen.create('fickle')
    count = 5 * xen.come_and_go
    before = ask(admin, 'GetCounters')['links_accepted']
    for _ in range(count):
        client = guest.connect_agent()
        client.sync()
        client.close()
    until(lambda: domain_of(admin, guest)['links'] == 0)
    counters = ask(admin, 'GetCounters')
    assert counters['links_accepted'] == before + count
    assert domain_of(admin, guest)['traffic']['calls_sent'] == 2 * count
    assert len(links(admin)[0]) == counters['links']
    guest.release()


def test_domains_that_come_and_go(xen, hosted_bus):
    """Of those that are gone, nothing is left but in the sums."""
    admin = hosted_bus.connect()
    sent = 0
    for number in range(xen.come_and_go):
        guest = xen.create(f'brief{number}')
        guest.connect().sync()
        sent += 2
        guest.destroy()
    until(lambda: not any(d['name'].startswith('brief') for d in ask(admin, 'ListDomains')
                          if d['generation']))
    assert ask(admin, 'GetCounters')['traffic']['calls_sent'] >= sent
