# SPDX-License-Identifier: LGPL-2.1-or-later
"""Policies: the same files, the same verdicts, whichever daemon."""
import os
import signal

import pytest

import wire
from client import BUS, BUS_PATH, Closed, Refused, echo_once

ERR = 'org.freedesktop.DBus.Error.'
NOBODY = 65534
NAME = 'org.example.A'

OPEN = '''<policy context="default">
  <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
</policy>'''


def default(*rules):
    """Everything is allowed, and then come the rules."""
    return OPEN + f'<policy context="default">{"".join(rules)}</policy>'


def closed(*rules):
    """Nothing but talking to the bus and being answered, and then come the rules."""
    return f'''<policy context="default">
      <allow user="*"/>
      <allow send_destination="{BUS}"/>
      <allow send_type="method_return"/><allow send_type="error"/>
      <allow receive_type="method_return"/><allow receive_type="error"/>
      <allow receive_sender="{BUS}"/>
      {"".join(rules)}</policy>'''


@pytest.fixture
def start(start_bus):
    return lambda policy, **options: start_bus(policy=policy, **options)


def connect_as(bus, uid):
    """A client of another user, if the test is root's."""
    return bus.open(uid).auth(uid=uid).hello()


def is_denied(caller, to, path='/p', interface='x.I', member='M', signature=None, *body):
    """Call, and say whether the bus refused to pass it on. The receiver need not answer."""
    serial = caller.send(wire.call(to, path, interface, member, signature, *body))
    caller.sync()
    for message in caller.inbox:
        if message.type == wire.ERROR and message.reply_serial == serial:
            assert message.error_name == ERR + 'AccessDenied', message
            assert message.text().startswith('Rejected '), message.text()
            return True
    return False


needs_root = pytest.mark.parametrize('root', [0] if os.geteuid() == 0 else [])


# --- who may connect ---

def test_without_a_rule_only_the_owner_connects(start):
    bus = start(closed().replace('<allow user="*"/>', ''))
    bus.connect().sync()


@needs_root
def test_others_are_let_in_by_rules(start, root):
    bus = start(default('<deny user="nobody"/>'))
    bus.connect().sync()
    with pytest.raises((AssertionError, Closed)):
        connect_as(bus, NOBODY)
    bus = start(default())
    connect_as(bus, NOBODY).sync()


@needs_root
def test_mandatory_rules_have_the_last_word(start, root):
    bus = start('<policy context="mandatory"><deny user="65534"/></policy>'
                + default('<allow user="nobody"/>'))
    with pytest.raises((AssertionError, Closed)):
        connect_as(bus, NOBODY)


# --- who may own ---

@pytest.mark.parametrize('rules, allowed, denied', [
    (['<deny own="*"/>'], [], [NAME, 'a.b']),
    (['<deny own="*"/>', f'<allow own="{NAME}"/>'], [NAME], ['a.b', NAME + '.B']),
    (['<deny own="*"/>', f'<allow own_prefix="{NAME}"/>'], [NAME, NAME + '.B', NAME + '.B.C'],
     ['org.example', NAME + 'B']),
    ([f'<deny own_prefix="{NAME}"/>', f'<allow own="{NAME}.B"/>'], ['a.b', NAME + '.B'],
     [NAME, NAME + '.C']),
    ([f'<allow own="{NAME}"/>', f'<deny own="{NAME}"/>'], ['a.b'], [NAME]),
])
def test_owning(start, rules, allowed, denied):
    client = start(default(*rules)).connect()
    for name in allowed:
        assert client.own(name) == 1
    for name in denied:
        refused = client.refusal('RequestName', 'su', name, 0)
        assert refused.name == ERR + 'AccessDenied'
        assert 'not allowed to own' in refused.text and name in refused.text


@needs_root
def test_users_and_groups_have_policies(start, root):
    bus = start(default('<deny own="*"/>') + '<policy user="nobody"><allow own="a.b"/></policy>'
                + '<policy group="root"><allow own="a.c"/></policy>'
                + '<policy user="root"><allow own="a.d"/></policy>')
    ours, theirs = bus.connect(), connect_as(bus, NOBODY)
    assert theirs.own('a.b') == 1
    assert ours.own('a.c') == 1 and ours.own('a.d') == 1
    for client, name in ((ours, 'a.b'), (theirs, 'a.d')):
        assert client.refusal('RequestName', 'su', name, 0).name == ERR + 'AccessDenied'


def test_policies_for_nobody_known_do_no_harm(start):
    bus = start(default('<deny own="*"/>') + '<policy user="no-such-user"><allow own="*"/></policy>'
                '<policy group="no-such-group"><allow own="*"/></policy>'
                '<policy at_console="true"><allow own="*"/></policy>')
    assert bus.connect().refusal('RequestName', 'su', NAME, 0).name == ERR + 'AccessDenied'


def test_nobody_is_at_the_console(start):
    bus = start(default('<deny own="*"/>') + f'<policy at_console="false"><allow own="{NAME}"/></policy>')
    assert bus.connect().own(NAME) == 1


# --- what may be sent ---

@pytest.mark.parametrize('rule, denied', [
    ('<deny send_interface="x.I"/>', [{}, {'interface': None}]),
    ('<deny send_interface="x.I" send_member="M"/>', [{}]),
    ('<deny send_path="/p"/>', [{}]),
    ('<deny send_path="/p" send_member="M"/>', [{}]),
    ('<deny send_type="method_call" send_destination="org.example.A"/>', [{}]),
    ('<deny send_destination_prefix="org.example"/>', [{}]),
    ('<deny send_broadcast="false" send_interface="x.I"/>', [{}]),
    ('<deny receive_interface="x.I"/>', [{}]),
    ('<deny receive_path="/p"/>', [{}]),
    ('<deny receive_sender="org.example.B"/>', [{}]),
])
def test_what_a_rule_to_deny_is_about(start, rule, denied):
    bus = start(default(rule))
    caller, service, other = bus.connect(), bus.connect(), bus.connect()
    service.own(NAME)
    caller.own('org.example.B')
    for parts in denied:
        assert is_denied(caller, service.name, **parts), parts
        assert is_denied(caller, NAME, **parts), parts
    free = {'path': '/q', 'interface': 'x.J', 'member': 'N'}
    if 'destination' in rule:
        assert not is_denied(caller, other.name)
    elif 'sender' in rule:
        assert not is_denied(other, service.name)
    else:
        assert not is_denied(caller, service.name, **free)
    echo_once(other, bus.connect())


@pytest.mark.parametrize('rule', [
    f'<allow send_destination="{NAME}" send_interface="x.I" send_member="M"/>',
    f'<allow send_destination="{NAME}" send_path="/p"/>',
    f'<allow send_destination="{NAME}"/>',
    '<allow send_destination_prefix="org.example"/>',
    '<allow send_interface="x.I"/>',
])
def test_what_a_rule_to_allow_is_about(start, rule):
    bus = start(closed('<allow own="*"/>', '<allow receive_type="method_call"/>', rule))
    caller, service, other = bus.connect(), bus.connect(), bus.connect()
    assert is_denied(caller, service.name) == ('destination' in rule)
    service.own(NAME)
    caller.drain()
    assert not is_denied(caller, NAME) and not is_denied(caller, service.name)
    assert is_denied(caller, other.name) == ('destination' in rule)
    if 'interface' in rule:
        assert is_denied(caller, NAME, interface=None)
    service.release(NAME)
    assert is_denied(caller, service.name) == ('destination' in rule)


def test_who_waits_for_a_name_is_a_destination_too(start):
    bus = start(closed('<allow own="*"/>', '<allow receive_type="method_call"/>',
                       f'<allow send_destination="{NAME}"/>'))
    caller, owner, waiting = bus.connect(), bus.connect(), bus.connect()
    owner.own(NAME)
    assert is_denied(caller, waiting.name)
    waiting.own(NAME)
    assert not is_denied(caller, waiting.name)


def test_the_words_of_a_denial(start):
    bus = start(default('<deny send_interface="x.I"/>'))
    caller, service = bus.connect(), bus.connect()
    with pytest.raises(Refused) as refused:
        caller.call(service.name, '/p', 'x.I', 'M')
    text = refused.value.text
    assert text.startswith('Rejected send message, ')
    for part in ('matched rules; type="method_call"', f'sender="{caller.name}"', 'interface="x.I"',
                 'member="M"', 'error name="(unset)"', 'requested_reply="0"',
                 f'destination="{service.name}"'):
        assert part in text
    caller.inbox = []
    bus = start(default('<deny receive_interface="x.I"/>'))
    caller, service = bus.connect(), bus.connect()
    with pytest.raises(Refused, match='Rejected receive message, '):
        caller.call(service.name, '/p', 'x.I', 'M')


def test_calls_to_the_bus_are_messages_too(start):
    bus = start(default(f'<deny send_destination="{BUS}" send_interface="{BUS}" send_member="GetId"/>'))
    client = bus.connect()
    refused = client.refusal('GetId')
    assert refused.name == ERR + 'AccessDenied' and f'destination="{BUS}"' in refused.text
    assert client.bus('ListNames')


def test_signals_that_may_not_be_sent_or_received(start):
    bus = start(default('<deny send_type="signal" send_interface="x.Secret"/>',
                        '<deny receive_type="signal" receive_interface="x.Dull"/>'))
    sender, listener = bus.connect(), bus.connect()
    listener.match("type='signal',path='/s'")
    for interface in ('x.Secret', 'x.Dull', 'x.Fine'):
        sender.send(wire.signal('/s', interface, 'S'))
        sender.send(wire.signal('/s', interface, 'S', destination=listener.name))
    sender.sync()
    listener.sync()
    assert [m.interface for m in listener.inbox if m.path == '/s'] == ['x.Fine'] * 2


def test_broadcasts_can_be_forbidden(start):
    bus = start(default('<deny send_broadcast="true" send_interface="x.I"/>'))
    sender, listener = bus.connect(), bus.connect()
    listener.match("type='signal',path='/s'")
    sender.send(wire.signal('/s', 'x.I', 'S'))
    sender.send(wire.signal('/s', 'x.I', 'T', destination=listener.name))
    sender.sync()
    assert listener.take(lambda m: m.path == '/s').member == 'T'


def test_replies_pass_if_they_were_asked_for(start):
    bus = start(f'''<policy context="default">
      <allow user="*"/><allow own="*"/>
      <deny send_type="method_call"/><allow send_type="signal"/>
      <allow send_requested_reply="true" send_type="method_return"/>
      <allow send_requested_reply="true" send_type="error"/>
      <allow receive_type="method_call"/><allow receive_type="method_return"/>
      <allow receive_type="error"/><allow receive_type="signal"/>
      <allow send_destination="{BUS}"/><allow send_destination="{NAME}"/></policy>''')
    caller, service, third = bus.connect(), bus.connect(), bus.connect()
    service.own(NAME)
    echo_once(caller, service, NAME)
    assert is_denied(caller, third.name)
    service.send(wire.Message(wire.METHOD_RETURN, reply_serial=1, destination=third.name))
    service.sync()
    assert not [m for m in third.sync() if m.sender == service.name]


@pytest.mark.parametrize('bounds, denied', [
    ('min_fds="1"', [False, True, True, True, True]),
    ('min_fds="2" max_fds="3"', [False, False, True, True, False]),
])
def test_descriptors_can_be_counted(start, bounds, denied):
    bus = start(default(f'<deny send_interface="x.I" {bounds}/>'))
    caller, service = bus.open().auth(fds=True).hello(), bus.open().auth(fds=True).hello()
    read, write = os.pipe()
    outcomes = []
    for count in range(5):
        call = wire.call(service.name, '/p', 'x.I', 'M', 'h' * count or None, *range(count))
        call.unix_fds = count or None
        serial = caller.send(call, [read] * count)
        outcomes.append(any(m.reply_serial == serial for m in caller.sync()))
    os.close(read)
    os.close(write)
    assert outcomes == denied


# --- orders and changes ---

def test_contexts_hold_in_their_order(start):
    bus = start('<policy context="mandatory"><deny own="a.mandatory"/></policy>'
                f'<policy user="{os.getuid()}"><allow own="*"/></policy>'
                + default('<deny own="*"/>'))
    client = bus.connect()
    assert client.own('a.b') == 1
    assert client.refusal('RequestName', 'su', 'a.mandatory', 0).name == ERR + 'AccessDenied'


def test_a_new_policy_without_losing_anybody(start):
    bus = start(default('<deny own="*"/>'))
    caller, service = bus.connect(), bus.connect()
    assert service.refusal('RequestName', 'su', NAME, 0).name == ERR + 'AccessDenied'
    bus.configure(policy=default('<deny send_interface="x.I"/>'))
    caller.bus('ReloadConfig')
    assert service.own(NAME) == 1
    assert is_denied(caller, NAME)
    echo_once(caller, service, NAME)
    bus.configure(policy=default())
    bus.process.send_signal(signal.SIGHUP)
    while is_denied(caller, NAME):  # a signal arrives when it does
        caller.inbox = []
    echo_once(caller, service, NAME)


def test_a_broken_file_leaves_the_old_policy_in_force(start):
    bus = start(default('<deny send_interface="x.I"/>'))
    caller, service = bus.connect(), bus.connect()
    bus.config.write_text('<busconfig><nonsense/></busconfig>')
    with pytest.raises(Refused):
        caller.bus('ReloadConfig')
    assert is_denied(caller, service.name)
    echo_once(caller, service)


@needs_root
def test_who_may_have_the_file_read_again(start, root):
    bus = start(default())
    client = connect_as(bus, NOBODY)
    if bus.caps.reloads_for_all:
        client.bus('ReloadConfig')
    else:
        assert client.refusal('ReloadConfig').name == ERR + 'AccessDenied'
    bus.connect().bus('ReloadConfig')


def test_many_denials_cost_the_log_little(start):
    bus = start(default('<deny send_interface="x.I"/>'))
    caller, service = bus.connect(), bus.connect()
    for _ in range(500):
        caller.send(wire.call(service.name, '/p', 'x.I', 'M'))
    refused = [m for m in caller.sync() if m.error_name == ERR + 'AccessDenied']
    assert len(refused) == 500
    if not bus.caps.needs_policy:  # dbus-daemon writes them all, to syslog alone
        lines = [line for line in bus.stderr.read_text().splitlines() if 'Rejected' in line]
        assert 1 <= len(lines) < 100


def test_a_path_of_the_driver_is_no_way_around(start):
    bus = start(default(f'<deny send_destination="{BUS}" send_interface="{BUS}" send_member="ListNames"/>'))
    client = bus.connect()
    assert client.refusal('ListNames').name == ERR + 'AccessDenied'
    with pytest.raises(Refused):
        client.call(BUS, BUS_PATH, None, 'ListNames')
