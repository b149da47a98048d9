# SPDX-License-Identifier: LGPL-2.1-or-later
"""Match rules with eavesdrop='true', and what is told of messages that were denied."""
import pytest

import wire
from client import BUS, Refused, echo_once
from wire import ERROR, METHOD_CALL, METHOD_RETURN, SIGNAL

ERR = 'org.freedesktop.DBus.Error.'
MONITORING = 'org.freedesktop.DBus.Monitoring'
STATS = 'org.freedesktop.DBus.Debug.Stats'

CLOSED = '''<policy context="default">
  <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
</policy>'''
# As on a session bus.
OPEN = CLOSED.replace('</policy>', '''
  <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy>''')
FORBIDDING = CLOSED.replace('</policy>', '<deny send_interface="x.Not"/></policy>')


def listen(bus, rule):
    client = bus.connect()
    client.match(rule)
    client.drain()
    return client


def kinds(client):
    """What has arrived, apart from what the bus itself says and is asked."""
    return [message.type for message in client.drain() if BUS not in (message.sender, message.destination)]


@pytest.mark.parametrize('rule, heard', [
    ("eavesdrop='true'", [METHOD_CALL, METHOD_RETURN]),
    ("eavesdrop='true',type='method_call'", [METHOD_CALL]),
    ("eavesdrop='true',member='Other'", []),
    ("eavesdrop='false'", []),
    ("type='method_call'", []),
])
def test_calls_of_others(start_bus, rule, heard):
    bus = start_bus(policy=OPEN)
    listener = listen(bus, rule)
    caller, service = bus.innocents()
    echo_once(caller, service)
    assert kinds(listener) == heard
    listener.unmatch(rule)
    echo_once(caller, service)
    assert kinds(listener) == []


def test_calls_of_the_bus(start_bus):
    bus = start_bus(policy=OPEN)
    listener = listen(bus, f"eavesdrop='true',destination='{BUS}',member='ListNames'")
    bus.connect().bus('ListNames')
    listener.sync()
    assert [message.member for message in listener.drain() if message.type == METHOD_CALL] == [
        'ListNames']


def test_by_sender_and_destination(start_bus):
    bus = start_bus(policy=OPEN)
    caller, service = bus.innocents()
    service.own('org.example.Heard')
    to = listen(bus, "eavesdrop='true',destination='org.example.Heard'")
    back = listen(bus, "eavesdrop='true',sender='org.example.Heard'")
    echo_once(caller, service, 'org.example.Heard')
    assert kinds(to) == [METHOD_CALL]
    assert kinds(back) == [METHOD_RETURN]


def test_the_receiver_gets_one_copy(start_bus):
    bus = start_bus(policy=OPEN)
    caller, service = bus.connect(), listen(bus, "eavesdrop='true'")
    caller.send(wire.signal('/p', 'x.I', 'S', destination=service.name))
    caller.sync()
    assert kinds(service) == [SIGNAL]


def test_only_where_the_policy_allows(start_bus):
    bus = start_bus(policy=CLOSED)
    listener = listen(bus, "eavesdrop='true'")
    caller, service = bus.innocents()
    echo_once(caller, service)
    assert kinds(listener) == []


def test_one_that_left(start_bus):
    bus = start_bus(policy=OPEN)
    listener = listen(bus, "eavesdrop='true'")
    listener.match("eavesdrop='true',member='Other'")
    listener.close()
    echo_once(*bus.innocents())


def test_who_sends_a_denied_signal_to_somebody_is_told(start_bus):
    bus = start_bus(policy=FORBIDDING)
    sender, receiver = bus.innocents()
    serial = sender.send(wire.signal('/p', 'x.Not', 'S', destination=receiver.name))
    told = sender.take(lambda message: message.type == ERROR)
    assert told.reply_serial == serial and told.error_name == ERR + 'AccessDenied'


def test_of_a_denied_broadcast_only_monitors_are_told(start_bus):
    bus = start_bus(policy=FORBIDDING)
    sender, receiver = bus.innocents()
    receiver.match("type='signal'")
    monitor = bus.connect()
    monitor.call(BUS, '/org/freedesktop/DBus', MONITORING, 'BecomeMonitor', 'asu', [], 0)
    serial = sender.send(wire.signal('/p', 'x.Not', 'S'))
    seen = monitor.take(lambda message: message.type == ERROR)
    assert seen.reply_serial == serial and seen.error_name == ERR + 'AccessDenied'
    assert seen.destination == sender.name
    sender.sync()
    assert ERROR not in [message.type for message in sender.inbox]


@pytest.mark.parametrize('interface, member, body, error', [
    (BUS, 'UpdateActivationEnvironment', ('a{ss}', {}), 'AccessDenied'),
    (None, 'UpdateActivationEnvironment', ('a{ss}', {}), 'AccessDenied'),
    (MONITORING, 'BecomeMonitor', ('asu', [], 0), 'UnknownInterface'),
    (None, 'BecomeMonitor', ('asu', [], 0), 'UnknownMethod'),
    (STATS, 'GetStats', (), 'UnknownInterface'),
])
def test_what_is_not_everywhere(bus, interface, member, body, error):
    client = bus.connect()
    with pytest.raises(Refused) as refused:
        client.call(BUS, '/elsewhere', interface, member, *body)
    assert refused.value.name == ERR + error
    client.call(BUS, '/elsewhere', BUS, 'GetId')
