# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus as a service: who is connected, Peer, Introspectable, Properties, and its errors."""
import os
import re
import xml.etree.ElementTree as xml

import pytest

import wire
from client import BUS, BUS_PATH, Refused

ERR = 'org.freedesktop.DBus.Error.'
PEER, INTROSPECTABLE = BUS + '.Peer', BUS + '.Introspectable'
PROPERTIES = BUS + '.Properties'


def refusal(client, *call):
    with pytest.raises(Refused) as refused:
        client.call(*call)
    return refused.value


# --- who is connected ---

def test_unix_user_and_process(bus):
    client, other = bus.connect(), bus.connect()
    other.own('org.example.Other')
    for name in client.name, other.name, 'org.example.Other':
        assert client.bus('GetConnectionUnixUser', 's', name) == os.getuid()
        assert client.bus('GetConnectionUnixProcessID', 's', name) == os.getpid()


def test_the_bus_itself_has_a_user_and_a_process(bus):
    client = bus.connect()
    assert client.bus('GetConnectionUnixUser', 's', BUS) == os.getuid()
    assert client.bus('GetConnectionUnixProcessID', 's', BUS) == bus.pid
    assert client.bus('GetConnectionCredentials', 's', BUS)['ProcessID'].value == bus.pid


def test_credentials(bus):
    client = bus.connect()
    credentials = client.bus('GetConnectionCredentials', 's', client.name)
    assert credentials['UnixUserID'] == wire.Variant('u', os.getuid())
    assert credentials['ProcessID'] == wire.Variant('u', os.getpid())
    groups = credentials['UnixGroupIDs']
    assert groups == wire.Variant('au', sorted({os.getegid(), *os.getgroups()}))


@pytest.mark.parametrize('method', [
    'GetConnectionUnixUser', 'GetConnectionUnixProcessID', 'GetConnectionCredentials'])
def test_credentials_of_nobody(bus, method):
    refused = bus.connect().refusal(method, 's', 'org.example.None')
    assert refused.name == ERR + 'NameHasNoOwner'
    assert refused.text.endswith("of name 'org.example.None': no such name")


# --- arguments and addresses of calls to the bus ---

METHODS = {
    'Hello': '', 'RequestName': 'su', 'ReleaseName': 's', 'ListNames': '', 'NameHasOwner': 's',
    'ListQueuedOwners': 's', 'GetNameOwner': 's', 'AddMatch': 's', 'RemoveMatch': 's',
    'GetId': '', 'GetConnectionUnixUser': 's', 'GetConnectionUnixProcessID': 's',
    'GetConnectionCredentials': 's', 'ListActivatableNames': '', 'StartServiceByName': 'su',
}


@pytest.mark.parametrize('method', METHODS)
def test_wrong_arguments(bus, method):
    client = bus.connect()
    for signature, body in ('u', [1]), ('ss', ['a', 'b']), ('sus', ['a', 1, 'b']), ('', []):
        if signature == METHODS[method]:
            continue
        refused = client.refusal(method, signature or None, *body)
        assert refused.name == ERR + 'InvalidArgs'
        assert refused.text.strip() == (f'Call to {method} has wrong args ({signature}, expected '
                                f'{METHODS[method]})')


def test_unknown_method_and_interface(bus):
    client = bus.connect()
    refused = client.refusal('NoSuchMethod')
    assert refused.name == ERR + 'UnknownMethod'
    assert refused.text == ('org.freedesktop.DBus does not understand message NoSuchMethod')
    refused = refusal(client, BUS, BUS_PATH, 'org.example.Nothing', 'GetId')
    assert refused.name == ERR + 'UnknownInterface'


def test_the_interface_may_be_left_out(bus):
    client = bus.connect()
    assert client.call(BUS, BUS_PATH, None, 'NameHasOwner', 's', BUS) is True
    assert refusal(client, BUS, BUS_PATH, None, 'NoSuchMethod').name == ERR + 'UnknownMethod'


@pytest.mark.parametrize('path', ['/', '/org/freedesktop', '/somewhere/else'])
def test_most_methods_are_found_at_any_path(bus, path):
    """dbus-send --bus asks at '/'; old programs ask anywhere."""
    client = bus.connect()
    assert BUS in client.call(BUS, path, BUS, 'ListNames')
    client.call(BUS, path, PEER, 'Ping')


def test_calls_without_a_reply(bus):
    client = bus.connect()
    serials = [client.send(wire.call(BUS, BUS_PATH, BUS, member, flags=wire.NO_REPLY_EXPECTED))
               for member in ('GetId', 'NoSuchMethod', 'ListNames')]
    answered = [m.reply_serial for m in client.sync() if m.reply_serial in serials]
    assert answered == (serials if bus.caps.answers_unasked else [])


def test_no_reply_still_does_it(bus):
    client = bus.connect()
    client.send(wire.call(BUS, BUS_PATH, BUS, 'RequestName', 'su', 'org.example.Quiet', 0,
                          flags=wire.NO_REPLY_EXPECTED))
    assert client.bus('GetNameOwner', 's', 'org.example.Quiet') == client.name


def test_replies_of_the_bus(bus):
    client = bus.connect()
    answer = client.take_reply(client.send(wire.call(BUS, BUS_PATH, BUS, 'GetId')))
    assert (answer.sender, answer.destination) == (BUS, client.name)
    assert answer.serial != 0 and answer.flags & wire.NO_REPLY_EXPECTED
    answer = client.take_reply(client.send(wire.call(BUS, BUS_PATH, BUS, 'Nothing')))
    assert (answer.sender, answer.destination) == (BUS, client.name)


def test_answers_come_in_the_order_of_the_questions(bus):
    """d-feet falls over if they do not."""
    client = bus.connect()
    client.drain()
    serials = [client.send(wire.call(BUS, BUS_PATH, BUS, member))
               for member in ('ListActivatableNames', 'ListNames', 'Nothing', 'GetId') * 20]
    client.take_reply(serials[-1])
    assert [m.reply_serial for m in client.inbox] == serials[:-1]


def test_other_messages_to_the_bus_are_ignored(bus):
    client = bus.connect()
    client.send(wire.signal('/a', 'a.b', 'C', destination=BUS))
    client.send(wire.Message(wire.METHOD_RETURN, reply_serial=77, destination=BUS))
    client.send(wire.Message(wire.ERROR, reply_serial=77, error_name='a.b', destination=BUS))
    assert client.bus('NameHasOwner', 's', BUS)


# --- activation: none in this version, but the wording decides whether d-feet works ---

def test_starting_a_service(bus):
    """Of one that runs: 2 (it does already, says the specification), or as of any other."""
    client = bus.connect()
    client.own('org.example.Running')
    for name in 'org.example.None', 'org.example.Running', BUS:
        serial = client.send(wire.call(BUS, BUS_PATH, BUS, 'StartServiceByName', 'su', name, 0))
        answer = client.take_reply(serial)
        if name == 'org.example.None' or answer.type == wire.ERROR:
            assert answer.error_name == ERR + 'ServiceUnknown'
            assert answer.text() == f'The name {name} was not provided by any .service files'
        else:
            assert answer.body == (2,)


def test_activatable_names(bus):
    assert bus.connect().bus('ListActivatableNames') in ([], [BUS])


# --- Peer ---

def test_ping(bus):
    client = bus.connect()
    assert client.call(BUS, BUS_PATH, PEER, 'Ping') == ()
    assert client.call(BUS, '/', PEER, 'Ping') == ()


def test_machine_id(bus):
    client = bus.connect()
    machine_id = client.call(BUS, '/', PEER, 'GetMachineId')
    assert re.fullmatch('[0-9a-f]{32}', machine_id)


def test_ping_between_peers_is_passed_on(bus):
    client, other = bus.connect(), bus.connect()
    serial = client.send(wire.call(other.name, '/', PEER, 'Ping'))
    request = other.take_call('Ping')
    other.send(wire.reply_to(request))
    assert client.result(serial) == ()


# --- Introspectable ---

def test_introspection_names_what_there_is(bus):
    client = bus.connect()
    root = xml.fromstring(client.call(BUS, BUS_PATH, INTROSPECTABLE, 'Introspect'))
    interfaces = {i.get('name'): i for i in root.findall('interface')}
    assert {BUS, PEER, INTROSPECTABLE, PROPERTIES} <= set(interfaces)
    methods = {m.get('name'): m for m in interfaces[BUS].findall('method')}
    for name, signature in METHODS.items():
        arguments = [a.get('type') for a in methods[name].findall('arg')
                     if a.get('direction') == 'in']
        assert ''.join(arguments) == signature, name
    signals = {s.get('name'): ''.join(a.get('type') for a in s.findall('arg'))
               for s in interfaces[BUS].findall('signal')}
    wanted = {'NameOwnerChanged': 'sss', 'NameLost': 's', 'NameAcquired': 's'}
    assert signals.items() >= wanted.items()


def test_introspection_leads_to_it_from_the_root(bus):
    client, path = bus.connect(), '/'
    while path != BUS_PATH:
        root = xml.fromstring(client.call(BUS, path, INTROSPECTABLE, 'Introspect'))
        child, = [node.get('name') for node in root.findall('node')]
        path = f'{path.rstrip("/")}/{child}'
        assert BUS_PATH.startswith(path)


# --- Properties ---

def test_get(bus):
    client = bus.connect()
    features = client.call(BUS, BUS_PATH, PROPERTIES, 'Get', 'ss', BUS, 'Features')
    assert features.signature == 'as' and 'HeaderFiltering' in features.value
    interfaces = client.call(BUS, BUS_PATH, PROPERTIES, 'Get', 'ss', BUS, 'Interfaces')
    assert interfaces.signature == 'as'
    known = {BUS + '.Monitoring', BUS + '.Debug.Stats'}
    assert all(name in known or name.startswith('org.xen.xcp.') for name in interfaces.value)


def test_get_all(bus):
    client = bus.connect()
    everything = client.call(BUS, BUS_PATH, PROPERTIES, 'GetAll', 's', BUS)
    assert {'Features', 'Interfaces'} <= set(everything)
    assert client.call(BUS, BUS_PATH, PROPERTIES, 'Get', 'ss', BUS, 'Features') == (
        everything['Features'])


@pytest.mark.parametrize('call, error', [
    ((PROPERTIES, 'Get', 'ss', BUS, 'Nothing'), 'UnknownProperty'),
    ((PROPERTIES, 'Get', 'ss', 'org.example.Nothing', 'Features'), 'UnknownInterface'),
    ((PROPERTIES, 'GetAll', 's', 'org.example.Nothing'), 'UnknownInterface'),
    ((PROPERTIES, 'Set', 'ssv', BUS, 'Features', ('as', [])), 'PropertyReadOnly'),
    ((PROPERTIES, 'Set', 'ssv', BUS, 'Nothing', ('s', '')), 'UnknownProperty'),
    ((PROPERTIES, 'Set', 'ssv', 'org.example.Nothing', 'Features', ('s', '')), 'UnknownInterface'),
    ((PROPERTIES, 'Get', 's', BUS), 'InvalidArgs'),
])
def test_properties_refused(bus, call, error):
    assert refusal(bus.connect(), BUS, BUS_PATH, *call).name == ERR + error


def test_properties_live_at_one_path(bus):
    client = bus.connect()
    assert refusal(client, BUS, '/', PROPERTIES, 'Get', 'ss', BUS, 'Features').name == (
        ERR + 'UnknownInterface')


@pytest.mark.parametrize('member, error', [
    ('GetAdtAuditSessionData', 'AdtAuditDataUnknown'),
    ('GetConnectionSELinuxSecurityContext', 'SELinuxSecurityContextUnknown'),
])
def test_what_other_systems_know_is_unknown_here(bus, member, error):
    client = bus.connect()
    assert client.refusal(member, 's', client.name).name == ERR + error
    assert client.refusal(member, 's', ':9.999').name == ERR + 'NameHasNoOwner'
