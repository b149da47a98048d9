# SPDX-License-Identifier: LGPL-2.1-or-later
"""What org.xen.xcp.Bus1 says of domains and rings."""
import time
import uuid

import pytest

import wire
from client import BUS, BUS_PATH, PATIENCE, Refused, echo_once
from test_bus1 import BUS1, ask, link_of, pending

PROPERTIES = 'org.freedesktop.DBus.Properties'


def until(condition, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not (result := condition()):
        assert time.monotonic() < deadline, 'it did not come to that'
        time.sleep(0.02)  # nobody announces it
    return result


def domain_of(admin, guest):
    return next((d for d in ask(admin, 'ListDomains') if d['domid'] == guest.domid
                 and d['generation']), None)


def test_domains(xen, hosted_bus):
    admin = hosted_bus.connect()
    guest = xen.create('described')
    client, other = guest.connect(), guest.connect()
    client.own('org.example.Described')
    before = domain_of(admin, guest)
    assert before['name'] == 'described' and uuid.UUID(before['uuid']).int
    assert before['links'] == 2 and before['names'] == ['org.example.Described']
    assert before['quotas']['max_names_per_domain'] == (1, 64)
    assert before['quotas']['max_connections_per_domain'] == (2, 128)
    assert 'max_fds_per_domain' not in before['quotas']
    echo_once(admin, client)
    echo_once(other, client)
    after = domain_of(admin, guest)
    grown = {key: after['traffic'][key] - before['traffic'][key] for key in after['traffic']}
    assert (grown['messages_sent'], grown['messages_received'], grown['calls_sent']) == (3, 3, 1)
    domains = ask(admin, 'ListDomains')
    assert domains[0]['domid'] == 0 and domains[0]['generation'] == 0
    assert [d['domid'] for d in domains] == sorted(d['domid'] for d in domains)
    guest.release()


def test_what_a_domain_has_done_outlives_its_links(xen, hosted_bus):
    admin = hosted_bus.connect()
    guest = xen.create('busy')
    client = guest.connect()
    for _ in range(7):
        client.bus('GetId')
    before = domain_of(admin, guest)
    client.close()
    gone = until(lambda: (d := domain_of(admin, guest)) and d['links'] == 0 and d)
    assert gone['traffic'] == before['traffic'] and gone['traffic']['calls_sent'] >= 8
    assert gone['quotas']['max_connections_per_domain'][0] == 0
    guest.destroy()
    until(lambda: domain_of(admin, guest) is None)


def test_a_domid_that_comes_back_is_another_domain(xen, hosted_bus):
    admin = hosted_bus.connect()
    first = xen.create('first')
    first.connect().bus('GetId')
    old = domain_of(admin, first)
    first.destroy()
    until(lambda: domain_of(admin, first) is None)
    second = xen.create('second', domid=first.domid)
    second.connect()
    new = domain_of(admin, second)
    assert new['name'] == 'second' and new['generation'] != old['generation']
    assert new['traffic']['calls_sent'] == 1
    second.release()


def test_rings(xen, hosted_bus):
    admin = hosted_bus.connect()
    guest = xen.create('ringed')
    client = guest.connect(32768, 65536)
    client.sync()
    link = link_of(admin, client)
    assert (link['transport'], link['domain_name']) == ('Vchan', 'ringed')
    assert {link['to_bus'][0], link['from_bus'][0]} == {32768, 65536}
    assert link['to_bus'][1] == link['from_bus'][1] == 0
    assert 'uid' not in link and 'pid' not in link

    # It does not read any more: its ring fills up, and then its queue.
    client.freeze()
    admin.send(wire.call(client.name, '/a', 'a.b', 'C', 'ay', b'x' * 200_000, flags=1))
    link = until(lambda: (now := link_of(admin, client))['queued_bytes'] and now)
    size, used = link['from_bus']
    assert used == size and link['queued_bytes'] > 100_000
    client.close()
    guest.release()


def test_calls_between_domains(xen, hosted_bus):
    admin = hosted_bus.connect()
    one, two = xen.create('asks'), xen.create('answers')
    caller, service = one.connect(), two.connect()
    caller.send(wire.call(service.name, '/a', 'a.b', 'Member'))
    request = service.take_call()
    (call,), total = pending(admin)
    assert total == 1 and call['member'] == 'Member'
    assert (call['caller_domid'], call['callee_domid']) == (one.domid, two.domid)
    until(lambda: domain_of(admin, two)['oldest_owed_us'] > 0)
    service.send(wire.reply_to(request))
    caller.take_reply(request.serial)
    assert domain_of(admin, two)['oldest_owed_us'] == 0
    assert sum(link_of(admin, service)['answer_times']) == 1
    one.release()
    two.release()


def test_guests_are_told_nothing(xen, hosted_bus):
    guest = xen.create('curious')
    client, admin = guest.connect(), hosted_bus.connect()
    before = domain_of(admin, guest)['refusals']
    for member, signature, arguments in (
            ('ListDomains', None, ()), ('ListUsers', None, ()), ('ListLinks', 'tu', (0, 0)),
            ('ListPendingCalls', 'tu', (0, 0)), ('GetCounters', None, ())):
        with pytest.raises(Refused) as problem:
            client.call(BUS, BUS_PATH, BUS1, member, signature, *arguments)
        assert problem.value.name.endswith('.AccessDenied')
    with pytest.raises(Refused) as problem:
        client.call(BUS, BUS_PATH, PROPERTIES, 'Get', 'ss', BUS1, 'Version')
    assert problem.value.name.endswith('.AccessDenied')
    after = domain_of(admin, guest)['refusals']
    assert after['denied'] == before['denied'] + 6
    # What lists all properties of an object is not stopped by that.
    assert client.call(BUS, BUS_PATH, PROPERTIES, 'GetAll', 's', BUS1) == {}
    guest.release()
