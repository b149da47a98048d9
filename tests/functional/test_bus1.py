# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.xen.xcp.Bus1: who is on the bus, what they use, what waits for whom. The numbers are those of
traffic that the test makes itself."""
import os

import pytest

from bus import POLICY
from client import BUS, BUS_PATH, Refused, echo_once
from wire import SIGNAL, call, reply_to, signal

BUS1 = 'org.xen.xcp.Bus1'
PROPERTIES = 'org.freedesktop.DBus.Properties'
ERR = 'org.freedesktop.DBus.Error.'
CLASSES = 26


@pytest.fixture
def bus(start_bus):
    """One for each test: some numbers are of all who are there."""
    return start_bus()


def plain(value):
    """Without the types of variants."""
    if hasattr(value, 'value'):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def ask(client, member, signature=None, *arguments):
    return plain(client.call(BUS, BUS_PATH, BUS1, member, signature, *arguments))


def links(client, page=0):
    """All, by unique name, and how many pages that took."""
    found, after, is_all, pages = [], 0, False, 0
    while not is_all:
        some, is_all = client.call(BUS, BUS_PATH, BUS1, 'ListLinks', 'tu', after, page)
        some = plain(some)
        assert some or is_all
        assert not page or len(some) <= page
        ids = [link['id'] for link in some]
        assert ids == sorted(ids) and all(number > after for number in ids)
        after = ids[-1] if ids else after
        found, pages = found + some, pages + 1
    return {link['unique_name']: link for link in found}, pages


def link_of(client, other):
    return links(client)[0][other.name]


def pending(client, older_than=0, count=0):
    calls, total = client.call(BUS, BUS_PATH, BUS1, 'ListPendingCalls', 'tu', older_than, count)
    return plain(calls), total


def test_what_a_link_has_carried(bus):
    admin, one, two = bus.connect(), bus.connect(), bus.connect()
    first = [link_of(admin, client)['traffic'] for client in (one, two)]
    for _ in range(10):
        echo_once(one, two, body=b'x' * 1000)
    with pytest.raises(Refused):
        one.call('org.example.Nobody', '/a', 'a.b', 'C')
    second = [link_of(admin, client)['traffic'] for client in (one, two)]
    grown = [{key: after[key] - before[key] for key in after}
             for before, after in zip(first, second)]
    assert grown[0]['messages_sent'] == 11 and grown[0]['calls_sent'] == 11
    assert grown[0]['messages_received'] == 11 and grown[0]['errors_received'] == 1
    assert grown[1]['messages_sent'] == grown[1]['messages_received'] == 10
    assert grown[1]['calls_sent'] == grown[1]['errors_received'] == 0
    for side in grown:
        assert side['bytes_sent'] > 10000 and side['bytes_received'] > 10000


def test_what_all_have_carried_outlives_them(bus):
    admin = bus.connect()
    before = ask(admin, 'GetCounters')
    one, two = bus.connect(), bus.connect()
    for _ in range(5):
        echo_once(one, two)
    during = ask(admin, 'GetCounters')
    assert sum(during['answer_times']) == sum(before['answer_times']) + 5
    one.close()
    two.close()
    admin.match("member='NameOwnerChanged'")
    while len(links(admin)[0]) > 1:
        admin.take_signal('NameOwnerChanged')
    after = ask(admin, 'GetCounters')
    assert after['links'] == 1 and after['links_accepted'] == before['links_accepted'] + 2
    for kind in ('messages_sent', 'bytes_sent', 'calls_sent'):
        assert after['traffic'][kind] > during['traffic'][kind] > before['traffic'][kind]
    assert sum(after['answer_times']) == sum(during['answer_times'])
    assert after['up_us'] > during['up_us'] > before['up_us']


def test_who_a_link_is(bus):
    admin, other = bus.connect(), bus.connect()
    other.own('org.example.Known')
    other.match("type='signal',interface='a.b'")
    link = link_of(admin, other)
    assert link['pid'] == os.getpid() and link['uid'] == os.getuid()
    assert (link['domid'], link['domain_name'], link['transport']) == (0, 'Domain-0', 'Unix')
    assert link['names'] == ['org.example.Known'] and link['match_rules'] == 1
    assert 'to_bus' not in link and not link['is_silent'] and not link['is_monitor']
    assert link['age_us'] >= link['idle_us']
    assert len(link['answer_times']) == CLASSES
    assert not any(link[key] for key in ('queued_bytes', 'unread_bytes', 'calls_asked', 'lost'))


def test_who_has_not_said_hello_is_there_without_a_name(bus):
    admin = bus.connect()
    bus.open().auth()
    shy = links(admin)[0]['']
    assert shy['pid'] == os.getpid() and shy['names'] == []
    assert ask(admin, 'GetCounters')['incomplete_links'] == 1


def test_links_come_in_pages(bus):
    clients = [bus.connect() for _ in range(7)]
    found, pages = links(clients[0], page=3)
    assert set(found) == {client.name for client in clients} and pages == 3
    # From a link that has gone since, too.
    gone = found[clients[3].name]['id']
    clients[3].close()
    clients[0].match("member='NameOwnerChanged'")
    while clients[3].name in links(clients[0])[0]:
        clients[0].take_signal('NameOwnerChanged')
    some, is_all = clients[0].call(BUS, BUS_PATH, BUS1, 'ListLinks', 'tu', gone, 2)
    assert [link['unique_name'] for link in plain(some)] == [clients[4].name, clients[5].name]
    assert not is_all


def test_a_link_with_very_many_names_does_not_burst_the_page(bus):
    admin, greedy = bus.connect(), bus.connect()
    names = [f'org.example.{"x" * 200}.n{i}' for i in range(2000)]
    for name in names:
        greedy.send(call(BUS, BUS_PATH, BUS, 'RequestName', 'su', name, 4))
    greedy.sync()
    found, pages = links(admin)
    assert pages == 2
    listed = found[greedy.name]['names']
    assert 100 < len(listed) < len(names) and set(listed) < set(names)
    assert ask(admin, 'GetCounters')['names'] == len(names)
    domain = ask(admin, 'ListDomains')[0]
    assert len(domain['names']) == len(names)


def test_pending_calls(bus):
    admin, caller, service = bus.connect(), bus.connect(), bus.connect()
    service.own('org.example.Slow')
    serials = [caller.send(call('org.example.Slow', f'/a/{i}', 'org.example.Slow1', 'Work'))
               for i in range(5)]
    requests = [service.take_call() for _ in serials]
    calls, total = pending(admin)
    assert total == 5 and [c['serial'] for c in calls] == serials
    first = calls[0]
    assert (first['caller'], first['callee']) == (caller.name, service.name)
    assert (first['caller_domid'], first['callee_domid']) == (0, 0)
    assert (first['destination'], first['path']) == ('org.example.Slow', '/a/0')
    assert (first['interface'], first['member']) == ('org.example.Slow1', 'Work')
    assert first['age_us'] >= calls[-1]['age_us'] and first['lapses_us'] > 0
    link = link_of(admin, service)
    assert link['calls_owed'] == 5 and link['oldest_owed_us'] >= first['age_us']
    assert link_of(admin, caller)['calls_asked'] == 5
    assert ask(admin, 'ListDomains')[0]['oldest_owed_us'] >= first['age_us']

    assert len(pending(admin, count=2)[0]) == 2 and pending(admin, count=2)[1] == 5
    assert pending(admin, older_than=3600 * 10**6) == ([], 5)
    for request in requests:
        service.send(reply_to(request))
    for serial in serials:
        caller.take_reply(serial)
    assert pending(admin) == ([], 0)
    link = link_of(admin, service)
    assert sum(link['answer_times']) == 5 and link['calls_owed'] == 0


def test_a_call_with_longer_names_than_are_kept(bus):
    admin, caller, service = bus.connect(), bus.connect(), bus.connect()
    caller.send(call(service.name, '/' + 'p' * 200, 'a.b', 'C' * 100))
    service.take_call()
    (waiting,), _ = pending(admin)
    assert waiting['path'] == '' and waiting['callee'] == service.name


def test_calls_of_those_who_go(bus):
    admin, caller, service = bus.connect(), bus.connect(), bus.connect()
    before = ask(admin, 'GetCounters')
    serial = caller.send(call(service.name, '/a', 'a.b', 'C'))
    service.take_call()
    service.close()
    assert caller.take_reply(serial).error_name == ERR + 'NoReply'
    after = ask(admin, 'GetCounters')
    assert after['calls_orphaned'] == before['calls_orphaned'] + 1
    assert after['calls_pending'] == 0


def test_calls_whose_time_is_up(start_bus):
    bus = start_bus(limits={'reply_timeout': 100})
    admin, caller, service = bus.connect(), bus.connect(), bus.connect()
    caller.result(caller.send(call(BUS, BUS_PATH, BUS, 'GetId')))
    assert caller.take_reply(caller.send(call(service.name, '/a', 'a.b', 'C'))).error_name == \
        ERR + 'NoReply'
    assert ask(admin, 'GetCounters')['calls_lapsed'] == 1


def test_users_and_what_they_may(start_bus):
    bus = start_bus(limits={'max_names_per_user': 3, 'max_replies_per_user': 2})
    admin, other = bus.connect(), bus.connect()
    for i in range(4):
        other.send(call(BUS, BUS_PATH, BUS, 'RequestName', 'su', f'org.example.N{i}', 0))
    other.sync()
    for _ in range(3):
        other.send(call(admin.name, '/a', 'a.b', 'C'))
    other.sync()
    (user,) = ask(admin, 'ListUsers')
    assert user['uid'] == os.getuid() and user['links'] == 2
    assert user['quotas']['max_names_per_user'] == (3, 3)
    assert user['quotas']['max_replies_per_user'] == (2, 2)
    assert user['quotas']['max_connections_per_user'] == (2, 2048)
    assert user['refusals']['over_quota'] == 2
    assert ask(admin, 'GetCounters')['refusals']['over_quota'] == 2
    assert ask(admin, 'ListDomains')[0]['refusals']['over_quota'] == 2


def test_what_is_denied_is_counted(start_bus):
    denials = '<policy context="mandatory"><deny own="org.example.Not"/>' \
              '<deny send_interface="a.b" send_member="Never"/></policy>'
    bus = start_bus(policy=POLICY + denials)
    admin, other = bus.connect(), bus.connect()
    admin.own('org.example.There')
    other.refusal('RequestName', 'su', 'org.example.Not', 0)
    with pytest.raises(Refused):
        other.call('org.example.There', '/a', 'a.b', 'Never')
    assert ask(admin, 'GetCounters')['refusals']['denied'] == 2


def test_who_is_cut_off_is_counted_and_who_leaves_is_not(bus):
    admin, bad, good = bus.connect(), bus.connect(), bus.connect()
    good.close()
    bad.send_bytes(b'l' + b'\xff' * 99)
    bad.wait_closed()
    counters = ask(admin, 'GetCounters')
    assert counters['refusals']['disconnected'] == 1


def test_receivers_that_are_full(start_bus):
    bus = start_bus(limits={'max_outgoing_bytes': 200000, 'stuck_timeout': 10})
    admin, sender, sleeper = bus.connect(), bus.connect(), bus.connect()
    refused = None
    while not refused:  # it is stuck as soon as it was found so
        sender.send(call(sleeper.name, '/a', 'a.b', 'C', 'ay', b'x' * 50000))
        sender.sync()
        refused = next((m for m in sender.inbox if m.error_name == ERR + 'LimitsExceeded'), None)
    counters = ask(admin, 'GetCounters')
    assert counters['refusals']['receiver_full'] >= 1
    link = link_of(admin, sleeper)
    assert link['is_stuck'] and link['queued_bytes'] > 0 and link['queued_allowed'] == 200000


def test_it_is_introspectable(bus):
    client = bus.connect()
    text = client.call(BUS, BUS_PATH, 'org.freedesktop.DBus.Introspectable', 'Introspect')
    assert '<interface name="org.xen.xcp.Bus1">' in text
    for member in ('ListDomains', 'ListUsers', 'ListLinks', 'ListPendingCalls', 'GetCounters',
                   'MessagesLost', 'AnswerTimeBounds', 'Version'):
        assert f'name="{member}"' in text


def test_properties(bus):
    client = bus.connect()
    values = plain(client.call(BUS, BUS_PATH, PROPERTIES, 'GetAll', 's', BUS1))
    bounds = values['AnswerTimeBounds']
    assert len(bounds) == CLASSES - 1 and bounds == sorted(set(bounds))
    assert values['Version'].count('.') == 2
    assert plain(client.call(BUS, BUS_PATH, PROPERTIES, 'Get', 'ss', BUS1, 'Version')) == \
        values['Version']
    with pytest.raises(Refused) as problem:
        client.call(BUS, BUS_PATH, PROPERTIES, 'Get', 'ss', BUS1, 'Features')
    assert problem.value.name == ERR + 'UnknownProperty'


def test_other_arguments_are_refused(bus):
    client = bus.connect()
    with pytest.raises(Refused) as problem:
        ask(client, 'ListLinks', 'uu', 0, 0)
    assert problem.value.name == ERR + 'InvalidArgs'


def test_a_monitor_that_does_not_read(start_bus):
    bus = start_bus(limits={'max_outgoing_bytes': 100000})
    admin, monitor, one = bus.connect(), bus.connect(), bus.connect()
    monitor.drain()
    monitor.call(BUS, BUS_PATH, 'org.freedesktop.DBus.Monitoring', 'BecomeMonitor', 'asu',
                 ["member='Noise'"], 0)
    sent, lost = 0, 0
    while not lost:
        for _ in range(100):
            one.send(signal('/a', 'a.b', 'Noise', 'ay', b'x' * 1000))
        one.sync()
        sent += 100
        link = link_of(admin, monitor)
        lost = link['lost']
    assert link['is_monitor'] and link['queued_bytes'] <= 100000
    seen = confessed = 0
    while seen + confessed < sent:
        message = monitor.take(lambda m: m.type == SIGNAL)
        if message.member == 'MessagesLost':
            assert message.interface == BUS1
            confessed += message.body[0]
        elif message.member == 'Noise':
            seen += 1
        if seen + lost == sent and not confessed:
            # There is room again: one more, and it hears what it has missed.
            one.send(signal('/a', 'a.b', 'Noise', 'ay', b'x'))
            sent += 1
    assert confessed == lost == link_of(admin, monitor)['lost']
