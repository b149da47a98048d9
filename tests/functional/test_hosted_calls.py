# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls, signals and names across domains, over real rings."""
import os
import re

import pytest

import wire
from client import BUS, BUS_PATH, Closed, Refused, echo_once
from echo import Echo
from test_invalid import GOOD, TABLE
from test_routing import EVERYTHING, EVERYTHING_BODY

ERR = 'org.freedesktop.DBus.Error.'
KIB = 1024
PLACES = ['dom0', 'one', 'two', 'agent']


@pytest.fixture(scope='module')
def places(xen, hosted_bus):
    """Where a client can be; each call of one of these makes a new one."""
    one, two, third = (xen.create(name) for name in ('one', 'two', 'three'))
    return {'dom0': hosted_bus.connect, 'one': one.connect, 'two': two.connect,
            'agent': third.connect_agent}


@pytest.fixture
def at(places):
    """at('one') is a client in the domain one, closed after the test."""
    clients = []

    def connect(place, *arguments):
        clients.append(places[place](*arguments))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.mark.parametrize('there', PLACES)
@pytest.mark.parametrize('here', PLACES)
def test_calls_in_every_direction(at, here, there):
    caller, service = at(here), at(there)
    serial = caller.send(wire.call(service.name, '/a', 'a.b', 'C', EVERYTHING, *EVERYTHING_BODY))
    request = service.take_call()
    assert (request.sender, request.body) == (caller.name, EVERYTHING_BODY)
    service.send(wire.reply_to(request, EVERYTHING, *EVERYTHING_BODY, endian='B'))
    answer = caller.take_reply(serial)
    assert (answer.sender, answer.body) == (service.name, EVERYTHING_BODY)


@pytest.mark.parametrize('place', PLACES)
def test_unique_names_say_which_domain(xen, at, place):
    domid = {'dom0': 0, **{g.name: g.domid for g in xen.guests}}[
        'three' if place == 'agent' else place]
    assert re.fullmatch(rf':{domid}\.\d+', at(place).name)


@pytest.mark.parametrize('there', PLACES)
@pytest.mark.parametrize('here', PLACES)
def test_signals_cross_domains(at, here, there):
    sender, receiver, other = at(here), at(there), at('two')
    for client in receiver, other:
        client.match(f"type='signal',sender='{sender.name}',path_namespace='/a',arg0='x'")
    sender.send(wire.signal('/a/b', 'a.b', 'No', 's', 'y'))
    sender.send(wire.signal('/a/b', 'a.b', 'Yes', 's', 'x'))
    for client in receiver, other:
        got = client.take_signal()
        while got.sender == BUS:
            got = client.take_signal()
        assert (got.member, got.sender) == ('Yes', sender.name)


def test_names_and_owner_changes_cross_domains(at):
    watcher, first, second, caller = at('one'), at('two'), at('dom0'), at('agent')
    name = 'org.example.Moving'
    watcher.match(f"member='NameOwnerChanged',arg0='{name}'")
    assert first.own(name) == 1
    echo_once(caller, first, name)
    assert second.own(name) == 2
    first.close()
    assert watcher.take_signal('NameOwnerChanged').body == (name, '', first.name)
    assert watcher.take_signal('NameOwnerChanged').body == (name, first.name, second.name)
    # The caller does not notice that the service has moved to another domain.
    echo_once(caller, second, name)


@pytest.mark.parametrize('size', [0, 1, 1000, 4096, 65536, 300_000, 1000 * KIB])
@pytest.mark.parametrize('ring', [1 * KIB, 4 * KIB, 64 * KIB, 1024 * KIB])
def test_messages_of_any_size_through_rings_of_any_size(at, ring, size):
    caller = at('one', ring, 2 * KIB if ring == KIB else ring)
    body = bytes(i * 11 & 0xff for i in range(241)) * (size // 241 + 1)
    with Echo(at('two', ring, 2 * KIB if ring == KIB else ring)) as echo:
        serial = caller.send(wire.call(echo.name, '/a', 'a.b', 'C', 'ay', body[:size]))
        assert caller.result(serial) == body[:size]


def test_the_biggest_message_of_a_guest(at):
    """1 MiB with its header, and not a byte more."""
    sender, service = at('one'), at('two')
    message = wire.call(service.name, '/a', 'a.b', 'C', 'ay', b'', flags=1)
    message.body = (bytes(1024 * KIB - len(message.encode())),)
    sender.send(message)
    assert service.take_call('C').body == message.body
    message.body = (message.body[0] + b'x',)
    with pytest.raises(Closed):
        sender.send(message)
        sender.sync()
    service.sync()


@pytest.mark.parametrize('ring', [4 * KIB, 64 * KIB, 1024 * KIB])
def test_more_than_the_bus_holds_at_once(at, ring):
    """The sender is made to wait and goes on by itself, however its messages are cut."""
    caller = at('one', ring, ring)
    sizes = [900 * KIB, 0, 65536 - 200, 1000 * KIB, 1, 4096, 300_000] * 3
    with Echo(at('two', ring, ring)) as echo:
        for size in sizes:
            caller.send(wire.call(echo.name, '/a', 'a.b', 'C', 'ay', bytes(size), flags=1))
        caller.result(caller.send(wire.call(echo.name, '/a', 'a.b', 'C', 'ay', b'last')))
        assert echo.calls == len(sizes) + 1


@pytest.mark.parametrize('left, right', [(4096, 1 << 20), (1 << 20, 4096), (2048, 1024)])
def test_rings_of_two_sizes(at, left, right):
    echo_once(at('one', left, right), at('dom0'), body=bytes(100_000))


@pytest.mark.parametrize('ring', [4 * KIB, 64 * KIB])
def test_thousands_of_calls_at_once(at, ring):
    caller = at('one', ring, ring)
    with Echo(at('two', ring, ring)) as echo:
        for start in range(1000, 4000, 1000):
            serials = range(start, start + 1000)
            caller.send_bytes(b''.join(
                wire.call(echo.name, '/a', 'a.b', 'C', 'u', n, serial=n).encode()
                for n in serials))
            assert [caller.result(n) for n in serials] == list(serials)


def test_hundreds_of_clients_behind_agents(xen, hosted_bus):
    """A guest has pages for 31 rings of this size, as with Linux's gntalloc."""
    guests = [xen.create(f'many{i}') for i in range(xen.many)]
    clients = [guest.connect_agent() for _ in range(28) for guest in guests]
    with Echo(hosted_bus.connect()) as echo:
        serials = [(c, c.send(wire.call(echo.name, '/a', 'a.b', 'C', 's', c.name)))
                   for c in clients]
        for client, serial in serials:
            assert client.result(serial) == client.name
    assert len({client.name for client in clients}) == len(clients)
    for client in clients:
        client.close()
    for guest in guests:
        guest.release()


# --- who is it ---

@pytest.mark.parametrize('place', ['one', 'agent'])
def test_credentials_of_a_guest(xen, at, place):
    client, asker = at(place), at('dom0')
    guest = next(g for g in xen.guests if g.name == ('three' if place == 'agent' else place))
    credentials = asker.bus('GetConnectionCredentials', 's', client.name)
    assert credentials['org.xen.xcp.DomainID'] == wire.Variant('u', guest.domid)
    assert credentials['org.xen.xcp.DomainName'] == wire.Variant('s', guest.name)
    uuid = credentials['org.xen.xcp.DomainUUID'].value
    assert re.fullmatch('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', uuid)
    # A uid or a pid inside a guest would be taken for one of ours.
    assert not {'UnixUserID', 'ProcessID', 'UnixGroupIDs'} & set(credentials)
    assert asker.refusal('GetConnectionUnixUser', 's', client.name).name == ERR + 'Failed'
    assert asker.refusal('GetConnectionUnixProcessID', 's', client.name).name == (
        ERR + 'UnixProcessIdUnknown')


def test_local_credentials_say_dom0(at):
    client = at('dom0')
    credentials = client.bus('GetConnectionCredentials', 's', client.name)
    assert credentials['org.xen.xcp.DomainID'] == wire.Variant('u', 0)
    assert {'UnixUserID', 'ProcessID'} <= set(credentials)


@pytest.mark.parametrize('grant, allowed, denied', [
    (None, [], ['org.example.A', 'a.b']),
    ('', [], ['org.example.A']),
    ('*', ['org.example.A', 'a.b'], []),
    ('org.example.A', ['org.example.A'], ['org.example.AB', 'org.example', 'org.example.A.B']),
    ('org.example.A org.example.B', ['org.example.A', 'org.example.B'], ['org.example.C']),
    ('org.xen.xcp.*', ['org.xen.xcp.storage', 'org.xen.xcp.a.b'],
     ['org.xen.xcpstorage', 'org.xen.other', 'org.xen']),
    ('a.b c.d.*', ['a.b', 'c.d.e'], ['c.e', 'a.b.c']),
    ('..bad *bad bad* a.b', ['a.b'], ['x.bad', 'bad.x']),
])
def test_a_guest_owns_what_it_was_granted(xen, hosted_bus, grant, allowed, denied):
    guest = xen.create('granted', own=grant)
    client = guest.connect()
    for name in allowed:
        assert client.own(name) == 1
    for name in denied:
        assert client.refusal('RequestName', 'su', name, 0).name == ERR + 'AccessDenied'
    client.close()
    guest.release()


# --- authentication on a ring ---

@pytest.fixture
def raw(xen, places):
    ring = next(g for g in xen.guests if g.name == 'one').ring()
    assert ring.report() == 'accepted\n'
    yield ring
    ring.close()


@pytest.mark.parametrize('line', [
    b'AUTH EXTERNAL 30', b'AUTH EXTERNAL 31323334', b'AUTH EXTERNAL', b'AUTH ANONYMOUS',
    b'AUTH ANONYMOUS 74657374',
])
def test_the_domain_is_the_identity(raw, line):
    raw.send_bytes(b'\0' + line + b'\r\n')
    answer = raw.line()
    if answer == b'DATA':
        raw.send_bytes(b'DATA\r\n')
        answer = raw.line()
    assert re.fullmatch(rb'OK [0-9a-f]{32}', answer)
    raw.send_bytes(b'BEGIN\r\n')
    raw.hello()


def test_no_file_descriptors_on_a_ring(raw):
    raw.send_bytes(b'\0AUTH EXTERNAL 30\r\n')
    assert raw.line().startswith(b'OK ')
    raw.send_bytes(b'NEGOTIATE_UNIX_FD\r\n')
    assert raw.line().split()[0] == b'ERROR'
    raw.send_bytes(b'BEGIN\r\n')
    raw.hello()


def test_sd_bus_on_a_ring(raw):
    raw.send_bytes(b'\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n'
                   + wire.call(BUS, BUS_PATH, BUS, 'Hello').encode())
    assert raw.line() == b'DATA'
    assert raw.line().startswith(b'OK ')
    assert raw.line().split()[0] == b'ERROR'
    assert raw.result(1)


@pytest.mark.parametrize('data', [b'GET / HTTP/1.1\r\n', b'\0BEGIN\r\n', b'\0' + b'x' * 5000],
                         ids=['HTTP', 'BEGIN', 'endless line'])
def test_no_way_in(raw, data):
    with pytest.raises(Closed):
        raw.send_bytes(data)
        while True:
            raw.line()
    assert raw.report() == 'closed\n'


def test_fds_for_a_guest_are_refused(hosted_bus, at):
    sender, receiver = hosted_bus.connect(fds=True), at('one')
    receiver.drain()
    reading, writing = os.pipe()
    with pytest.raises(Refused) as refused:
        sender.result(sender.send(wire.call(receiver.name, '/a', 'a.b', 'C', 'h', 0, unix_fds=1),
                                  [reading]))
    assert refused.value.name == ERR + 'NotSupported'
    os.close(reading)
    os.close(writing)
    assert receiver.drain() == []


# --- broken messages over a ring ---

def test_broken_messages_of_a_guest_cost_their_sender_only(xen, at, places):
    caller, service = at('two'), at('dom0')
    service.drain()
    for what, build in xen.some(TABLE.items()):
        culprit = places['one']()
        culprit.send_bytes(build(service.name) + GOOD, drain=False)
        culprit.wait_closed()
        assert culprit.report() == 'closed\n', what
        culprit.close()
    assert service.drain() == []
    echo_once(caller, service)


# --- what is in xenstore ---

def test_an_offer_is_consumed(xen, at):
    client = at('one')
    client.sync()
    guest = next(g for g in xen.guests if g.name == 'one')
    # The directory itself may stay.
    assert xen.store_nodes(guest.domid) == 0
