# SPDX-License-Identifier: LGPL-2.1-or-later
"""Monitors and statistics."""
import pytest

from client import BUS, BUS_PATH, Closed, Refused, echo_once
from wire import METHOD_CALL, METHOD_RETURN, SIGNAL, call, signal

MONITORING = 'org.freedesktop.DBus.Monitoring'
STATS = 'org.freedesktop.DBus.Debug.Stats'
ERR = 'org.freedesktop.DBus.Error.'


def become_monitor(client, *rules, flags=0):
    return client.call(BUS, BUS_PATH, MONITORING, 'BecomeMonitor', 'asu', list(rules), flags)



def plain(variants):
    return {key: variant.value for key, variant in variants.items()}


def refused(monitor, *rules, flags=0):
    with pytest.raises(Refused) as problem:
        become_monitor(monitor, *rules, flags=flags)
    return problem.value.name


def watch(bus, *rules):
    monitor = bus.connect()
    monitor.drain()
    become_monitor(monitor, *rules)
    return monitor


def until(monitor, wanted):
    """The messages up to the first that is wanted."""
    messages = []
    while not messages or not wanted(messages[-1]):
        messages.append(monitor.take())
    return messages


def test_bad_arguments(bus):
    client = bus.connect()
    assert refused(client, "type='nonsense'") == ERR + 'MatchRuleInvalid'
    assert refused(client, flags=1) == ERR + 'InvalidArgs'
    client.sync()


def test_it_leaves_the_bus(bus):
    watcher, monitor = bus.connect(), bus.connect()
    watcher.match("type='signal',member='NameOwnerChanged'")
    monitor.own('org.example.Left')
    watcher.drain()
    monitor.drain()
    become_monitor(monitor)
    lost = {monitor.take_signal('NameLost').body[0] for _ in range(2)}
    assert lost == {monitor.name, 'org.example.Left'}
    changes = sorted(tuple(watcher.take_signal('NameOwnerChanged').body) for _ in range(2))
    assert changes == sorted([('org.example.Left', monitor.name, ''),
                              (monitor.name, monitor.name, '')])
    assert monitor.name not in watcher.bus('ListNames')


def test_it_sees_calls_replies_and_signals_of_others(bus):
    monitor = watch(bus)
    one, two = bus.connect(), bus.connect()
    echo_once(one, two)
    one.send(signal('/a', 'a.b', 'Passing', 's', 'by'))
    messages = until(monitor, lambda m: m.member == 'Passing')
    asked = next(m for m in messages if m.type == METHOD_CALL and m.destination == two.name)
    answer = next(m for m in messages if m.type == METHOD_RETURN and m.sender == two.name)
    assert asked.sender == one.name and answer.reply_serial == asked.serial
    assert messages[-1].type == SIGNAL and messages[-1].sender == one.name


def test_it_sees_what_the_bus_is_asked_and_answers(bus):
    monitor = watch(bus)
    client = bus.connect()
    client.bus('GetId')
    messages = until(monitor, lambda m: m.type == METHOD_RETURN and m.sender == BUS
                     and m.destination == client.name and m.signature == 's'
                     and len(m.body[0]) == 32)
    assert any(m.member == 'GetId' and m.sender == client.name for m in messages)


@pytest.mark.parametrize('rule', [
    "type='method_call',member='Wanted'", "interface='a.b',member='Wanted'",
    "path='/wanted'", "path_namespace='/wanted'", "sender='org.example.Caller'",
    "destination='org.example.Callee'",
])
def test_rules_choose(bus, rule):
    caller, callee = bus.connect(), bus.connect()
    caller.own('org.example.Caller')
    callee.own('org.example.Callee')
    monitor = watch(bus, rule)
    other, end = bus.connect(), bus.connect()
    other.send(call(end.name, '/other', 'c.d', 'Other', flags=1))
    caller.send(call(callee.name, '/wanted', 'a.b', 'Wanted', flags=1))
    while (first := monitor.take()).member in ('NameLost', 'NameAcquired', 'NameOwnerChanged'):
        pass
    assert first.member == 'Wanted'


def test_it_may_send_nothing(bus):
    monitor = watch(bus)
    monitor.send(call(BUS, BUS_PATH, BUS, 'GetId'))
    with pytest.raises(Closed):
        while True:
            monitor.take()
    bus.connect().sync()


def test_statistics(bus):
    client, other = bus.connect(), bus.connect()
    other.own('org.example.Counted')
    other.match("type='signal',interface='x.y',arg0='it''s'")
    stats = plain(client.call(BUS, BUS_PATH, STATS, 'GetStats'))
    assert stats['ActiveConnections'] >= 2 and stats['MatchRules'] >= 1
    mine = plain(client.call(BUS, BUS_PATH, STATS, 'GetConnectionStats', 's',
                             'org.example.Counted'))
    assert mine['UniqueName'] == other.name
    assert mine['MatchRules'] == 1 and mine['BusNames'] == 2
    rules = client.call(BUS, BUS_PATH, STATS, 'GetAllMatchRules')
    assert len(rules[other.name]) == 1 and "interface='x.y'" in rules[other.name][0]
    with pytest.raises(Refused) as problem:
        client.call(BUS, BUS_PATH, STATS, 'GetConnectionStats', 's', ':9.9')
    assert problem.value.name == ERR + 'NameHasNoOwner'
