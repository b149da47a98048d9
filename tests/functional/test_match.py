# SPDX-License-Identifier: LGPL-2.1-or-later
"""Match rules: every key of the D-Bus specification, quoting, what is refused, and copies."""
import pytest

import wire
from client import BUS

ERR = 'org.freedesktop.DBus.Error.'
SERVICE = 'org.example.Service'


def got(receiver, *senders):
    """Members of the signals that came from other clients."""
    for sender in senders:
        sender.sync()
    return [m.member for m in receiver.drain() if m.type == wire.SIGNAL and m.sender != BUS]


def heard(bus, rule, message):
    """How often a client with this one rule gets the message."""
    sender, receiver = bus.connect(), bus.connect()
    receiver.match(rule)
    sender.send(message)
    return len(got(receiver, sender))


def a_signal(signature=None, *body, path='/org/example/thing', interface='org.example.Iface',
             member='Changed', **more):
    return wire.signal(path, interface, member, signature, *body, **more)


MATCHING = [
    ('', a_signal()),
    ("type='signal'", a_signal()),
    ("interface='org.example.Iface'", a_signal()),
    ("member='Changed'", a_signal()),
    ("path='/org/example/thing'", a_signal()),
    ("path='/'", a_signal(path='/')),
    ("path_namespace='/org/example/thing'", a_signal()),
    ("path_namespace='/org/example'", a_signal()),
    ("path_namespace='/'", a_signal()),
    ("path_namespace='/'", a_signal(path='/')),
    ("arg0='x'", a_signal('s', 'x')),
    ("arg0=''", a_signal('s', '')),
    ("arg1='y'", a_signal('ss', 'x', 'y')),
    ("arg2='z'", a_signal('sa{sv}s', 'x', {'k': wire.Variant('u', 1)}, 'z')),
    ("arg0='x',arg1='y'", a_signal('ss', 'x', 'y')),
    ("arg63='last'", a_signal('i' * 63 + 's', *range(63), 'last')),
    ("arg0path='/aa/bb/'", a_signal('s', '/')),
    ("arg0path='/aa/bb/'", a_signal('s', '/aa/')),
    ("arg0path='/aa/bb/'", a_signal('s', '/aa/bb/')),
    ("arg0path='/aa/bb/'", a_signal('s', '/aa/bb/cc/')),
    ("arg0path='/aa/bb/'", a_signal('s', '/aa/bb/cc')),
    ("arg0path='/aa/bb'", a_signal('s', '/aa/bb')),
    ("arg0path='/aa/bb'", a_signal('o', '/aa/bb')),
    ("arg1path='/aa/'", a_signal('uo', 1, '/aa/bb')),
    ("arg0namespace='com.example'", a_signal('s', 'com.example')),
    ("arg0namespace='com.example'", a_signal('s', 'com.example.backend')),
    ("arg0namespace='com'", a_signal('s', 'com.example.backend')),
    ("type='signal',interface='org.example.Iface',member='Changed',path='/org/example/thing'",
     a_signal('s', 'x')),
    # Quoting: outside of quotes a backslash protects an apostrophe, inside nothing does.
    ("member=Changed", a_signal()),
    ("member=Chan'ged'", a_signal()),
    (r"arg0='it'\''s'", a_signal('s', "it's")),
    (r"arg0=\'", a_signal('s', "'")),
    (r"arg0='\'", a_signal('s', '\\')),
    (r"arg0=\\", a_signal('s', '\\\\')),
    (r"arg0='a\b'", a_signal('s', r'a\b')),
    ("arg0='a,b'", a_signal('s', 'a,b')),
    ("arg0='a=b'", a_signal('s', 'a=b')),
    ("arg0='a b'", a_signal('s', 'a b')),
    ("arg0='\u00e4\u4e16'", a_signal('s', '\u00e4\u4e16')),
    (" type='signal', \tmember='Changed'", a_signal()),
    ("type='signal',", a_signal()),
]

NOT_MATCHING = [
    ("type='method_call'", a_signal()),
    ("type='method_return'", a_signal()),
    ("type='error'", a_signal()),
    ("interface='org.example.Ifac'", a_signal()),
    ("interface='org.example.Iface2'", a_signal()),
    ("member='Change'", a_signal()),
    ("path='/org/example'", a_signal()),
    ("path='/org/example/thing/more'", a_signal()),
    ("path_namespace='/org/example/thi'", a_signal()),
    ("path_namespace='/org/example/thing/more'", a_signal()),
    ("arg0='x'", a_signal()),
    ("arg0='x'", a_signal('s', 'xx')),
    ("arg0=''", a_signal()),
    ("arg0='/x'", a_signal('o', '/x')),       # argN is for strings alone
    ("arg0='s'", a_signal('g', 's')),
    ("arg0='x'", a_signal('v', wire.Variant('s', 'x'))),
    ("arg0='x'", a_signal('as', ['x'])),
    ("arg1='x'", a_signal('s', 'x')),
    ("arg0='x',arg1='z'", a_signal('ss', 'x', 'y')),
    ("arg0path='/aa/bb/'", a_signal('s', '/aa/b')),
    ("arg0path='/aa/bb/'", a_signal('s', '/aa')),
    ("arg0path='/aa/bb/'", a_signal('s', '/aa/bb')),
    ("arg0path='/aa/bb'", a_signal('s', '/aa/bb/cc')),
    ("arg0path='/aa/bb'", a_signal('s', '/aa/bbb')),
    ("arg0namespace='com.example'", a_signal('s', 'com.example2')),
    ("arg0namespace='com.example'", a_signal('s', 'com')),
    ("arg0namespace='com.example'", a_signal('o', '/com')),
    ("sender='org.freedesktop.DBus'", a_signal()),
    ("sender=':1.99999'", a_signal()),
    ("sender='org.example.NotThere'", a_signal()),
]

INVALID = [
    'type', "type=", "type=''", "type='signals'", 'type=signal,type=signal', "nokey='x'",
    "member='1x'", "member='a.b'", "interface='nodot'", "interface='a..b'",
    "path='relative'", "path='/trailing/'", "path=''", "path_namespace='x'",
    "path_namespace='/a/'", "path='/a',path_namespace='/a'", "sender='nodot'", "sender=''",
    "destination='org..x'", "destination='a.b.'", "arg64='x'", "arg='x'", "argx='x'",
    "arg-1='x'", "arg0='x',arg0='y'", "arg0='x',arg0path='/x'", "arg1namespace='a.b'",
    "arg0namespace='a..b'", "arg0='unfinished", "member='Changed',,", "arg0foo='x'",
    "arg999999999999999999999='x'", "eavesdrop='maybe'",
]


@pytest.mark.parametrize('rule, message', MATCHING)
def test_matches(bus, rule, message):
    assert heard(bus, rule, message) == 1


@pytest.mark.parametrize('rule, message', NOT_MATCHING)
def test_does_not_match(bus, rule, message):
    assert heard(bus, rule, message) == 0


@pytest.mark.parametrize('method', ['AddMatch', 'RemoveMatch'])
@pytest.mark.parametrize('rule', INVALID)
def test_invalid_rules(bus, method, rule):
    assert bus.connect().refusal(method, 's', rule).name == ERR + 'MatchRuleInvalid'


def test_a_rule_of_absurd_length(bus):
    client = bus.connect()
    assert client.refusal('AddMatch', 's', "arg0='" + 'x' * 4096 + "'").name in (
        ERR + 'MatchRuleInvalid', ERR + 'LimitsExceeded')


def test_big_endian_arguments_match_too(bus):
    for endian in 'lB':
        assert heard(bus, "arg1='y'", a_signal('us', 1, 'y', endian=endian)) == 1
        assert heard(bus, "arg1='z'", a_signal('us', 1, 'y', endian=endian)) == 0


# --- sender ---

def test_sender_by_unique_name(bus):
    sender, other, receiver = bus.connect(), bus.connect(), bus.connect()
    receiver.match(f"sender='{sender.name}'")
    sender.send(a_signal(member='Yes'))
    other.send(a_signal(member='No'))
    assert got(receiver, sender, other) == ['Yes']


def test_sender_by_well_known_name_follows_the_owner(bus):
    first, second, receiver = bus.connect(), bus.connect(), bus.connect()
    receiver.match(f"type='signal',sender='{SERVICE}'")
    first.send(a_signal(member='TooEarly'))
    assert got(receiver, first) == []
    first.own(SERVICE)
    first.send(a_signal(member='First'))
    second.own(SERVICE)
    second.send(a_signal(member='Waiting'))
    assert got(receiver, first, second) == ['First']
    first.release(SERVICE)
    first.send(a_signal(member='NoLonger'))
    second.send(a_signal(member='Second'))
    assert got(receiver, first, second) == ['Second']


def test_sender_bus(bus):
    client, receiver = bus.connect(), bus.connect()
    receiver.match(f"sender='{BUS}',member='NameOwnerChanged',arg0='{SERVICE}'")
    client.own(SERVICE)
    assert receiver.take_signal('NameOwnerChanged').body == (SERVICE, '', client.name)


# --- destination: signals to one receiver ---

def test_a_unicast_signal_needs_no_rule_and_goes_nowhere_else(bus):
    sender, receiver, other = bus.connect(), bus.connect(), bus.connect()
    other.match("type='signal'").match(f"destination='{receiver.name}'")
    sender.send(a_signal(member='ForYou', destination=receiver.name))
    assert got(receiver, sender) == ['ForYou']
    assert got(other, sender) == []


def test_a_unicast_signal_comes_once_whatever_the_rules(bus):
    sender, receiver = bus.connect(), bus.connect()
    receiver.match("type='signal'").match(f"destination='{receiver.name}'")
    sender.send(a_signal(destination=receiver.name))
    assert got(receiver, sender) == ['Changed']


def test_a_destination_rule_does_not_match_broadcasts(bus):
    sender, receiver = bus.connect(), bus.connect()
    receiver.match(f"destination='{receiver.name}'")
    sender.send(a_signal())
    assert got(receiver, sender) == []


def test_a_unicast_signal_by_well_known_name(bus):
    sender, receiver = bus.connect(), bus.connect()
    receiver.own(SERVICE)
    sender.send(a_signal('s', 'x', destination=SERVICE))
    sender.sync()
    signal = receiver.take_signal('Changed')
    assert (signal.destination, signal.sender) == (SERVICE, sender.name)


# --- copies ---

def test_one_copy_however_many_rules_match(bus):
    sender, receiver = bus.connect(), bus.connect()
    for rule in '', "type='signal'", "member='Changed'", f"sender='{sender.name}'", "arg0='x'":
        receiver.match(rule)
    sender.send(a_signal('s', 'x'))
    assert got(receiver, sender) == ['Changed']


def test_a_sender_hears_itself_if_it_asked(bus):
    client = bus.connect()
    client.send(a_signal(member='Before'))
    client.match("member='After'")
    client.send(a_signal(member='After'))
    assert got(client) == ['After']


def test_everybody_who_asked_gets_one(bus):
    sender = bus.connect()
    receivers = [bus.connect().match("member='Changed'") for _ in range(40)]
    deaf = bus.connect()
    for number in range(10):
        sender.send(a_signal('u', number))
    sender.sync()
    for receiver in receivers:
        bodies = [m.body for m in receiver.drain() if m.member == 'Changed']
        assert bodies == [(number,) for number in range(10)]
    assert got(deaf) == []


def test_the_signal_arrives_as_it_was_sent(bus):
    sender, receiver = bus.connect(), bus.connect()
    receiver.match("member='Changed'")
    body = ('text', {'key': wire.Variant('(iay)', (7, b'\1\2'))}, [1.5, -2.5])
    serial = sender.send(a_signal('sa{sv}ad', *body, flags=wire.NO_REPLY_EXPECTED))
    signal = receiver.take_signal('Changed')
    assert (signal.serial, signal.flags, signal.body) == (serial, 1, body)
    assert (signal.path, signal.interface, signal.sender, signal.destination) == (
        '/org/example/thing', 'org.example.Iface', sender.name, None)


# --- adding and removing ---

def test_rules_count(bus):
    """Added twice, removed once: still there."""
    sender, receiver = bus.connect(), bus.connect()
    receiver.match("member='Changed'").match("member='Changed'")
    receiver.unmatch("member='Changed'")
    sender.send(a_signal())
    assert got(receiver, sender) == ['Changed']
    receiver.unmatch("member='Changed'")
    sender.send(a_signal())
    assert got(receiver, sender) == []


def test_the_same_rule_written_otherwise(bus):
    receiver = bus.connect()
    receiver.match("type='signal',member='Changed',arg0='x'")
    receiver.unmatch("arg0=x,member=Changed,type=signal")


def test_removing_what_is_not_there(bus):
    client, other = bus.connect(), bus.connect()
    other.match("member='Changed'")
    refused = client.refusal('RemoveMatch', 's', "member='Changed'")
    assert refused.name == ERR + 'MatchRuleNotFound'
    assert refused.text == "The given match rule wasn't found and can't be removed"
    client.sync()


def test_rules_go_with_their_owner(bus):
    sender, receiver = bus.connect(), bus.connect()
    receiver.match('')
    receiver.close()
    for _ in range(5):
        sender.send(a_signal())
    sender.sync()


def test_many_rules(bus):
    sender, receiver = bus.connect(), bus.connect()
    for number in range(300):
        receiver.match(f"member='Changed',arg0='{number}'")
    for number in 0, 150, 299, 300:
        sender.send(a_signal('s', str(number)))
    sender.sync()
    heard = [m.body[0] for m in receiver.drain() if m.member == 'Changed']
    assert heard == ['0', '150', '299']
    for number in range(300):
        receiver.unmatch(f"member='Changed',arg0='{number}'")
    sender.send(a_signal('s', '150'))
    assert got(receiver, sender) == []


def test_limit_of_rules(start_bus):
    client = start_bus(limits={'max_match_rules_per_connection': 3}).connect()
    for number in range(3):
        client.match(f"arg0='{number}'")
    assert client.refusal('AddMatch', 's', "arg0='x'").name == ERR + 'LimitsExceeded'
    client.unmatch("arg0='1'")
    client.match("arg0='x'")


def test_calls_are_not_broadcast(bus):
    """Only a monitor sees what others say to each other, whoever asks for eavesdropping."""
    caller, service, listener = bus.connect(), bus.connect(), bus.connect()
    for rule in ("eavesdrop='true'", "eavesdrop='false',type='signal'", "type='method_call'",
                 "type='method_return'", ''):
        listener.match(rule)
    listener.drain()
    serial = caller.send(wire.call(service.name, '/', 'a.b', 'C'))
    service.send(wire.reply_to(service.take_call()))
    caller.result(serial)
    assert [m for m in listener.drain() if m.type in (1, 2) and m.sender != BUS] == []
