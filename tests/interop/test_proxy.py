# SPDX-License-Identifier: LGPL-2.1-or-later
"""xdg-dbus-proxy in front of the bus, as for sandboxed programs: it speaks for them under their own
connection, adds calls of its own, and reads what comes back."""
import os
import socket
import subprocess

import pytest

import wire
from client import BUS, BUS_PATH, Client, Refused, echo_once
from echo import Echo

ERR = 'org.freedesktop.DBus.Error.'


class Proxy:
    """It says that it is ready through a descriptor, and ends when that is closed."""

    def __init__(self, bus, folder, *options):
        self.path = str(folder / 'proxy')
        self.clients = []
        self.ready, theirs = os.pipe()
        self.process = subprocess.Popen(
            ['xdg-dbus-proxy', f'--fd={theirs}', bus.address, self.path, *options],
            pass_fds=[theirs])
        os.close(theirs)
        assert os.read(self.ready, 1), 'the proxy does not start'

    def connect(self, **options):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.path)
        self.clients.append(Client(sock).auth(**options).hello())
        return self.clients[-1]

    def stop(self):
        for client in self.clients:
            client.close()
        os.close(self.ready)
        self.process.wait(30)


@pytest.fixture
def start_proxy(bus, tmp_path):
    proxies = []

    def start(*options):
        proxies.append(Proxy(bus, tmp_path, *options))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.stop()


def name_of(client, name='org.example.Service'):
    assert client.own(name) == 1
    return name


def echo_through(caller, service, destination):
    """As echo_once, but a proxy that filters gives serials of its own."""
    serial = caller.send(wire.call(destination, '/echo', 'org.example.Echo', 'Echo', 's', 'ping'))
    request = service.take_call('Echo')
    service.send(wire.reply_to(request, 's', request.body[0]))
    assert caller.result(serial) == 'ping'


def test_without_a_filter(bus, start_proxy):
    proxy, service = start_proxy(), bus.connect()
    one, two = proxy.connect(), proxy.connect()
    assert one.name != two.name and {one.name, two.name} <= set(service.bus('ListNames'))
    echo_once(one, service, name_of(service))
    echo_once(service, one)
    echo_once(one, two)
    one.match("member='Changed'")
    service.send(wire.signal('/a', 'org.example.Service', 'Changed', 's', 'news'))
    assert one.take_signal('Changed').body == ('news',)
    with Echo(bus.connect()) as echo:
        for size in 0, 70_000, 1_000_000:
            assert one.call(echo.name, '/a', 'a.b', 'C', 'ay', bytes(size)) == bytes(size)
    assert one.bus('GetId') == service.bus('GetId')
    one.close()
    two.match(f"member='NameOwnerChanged',arg0='{one.name}'")


def test_a_filter_lets_through_what_it_names(bus, start_proxy):
    service, other = bus.connect(), bus.connect()
    name, hidden = name_of(service), name_of(other, 'org.example.Hidden')
    proxy = start_proxy('--filter', f'--talk={name}', '--own=org.example.Mine.*')
    client = proxy.connect()
    echo_through(client, service, name)
    with pytest.raises(Refused) as end:
        client.call(hidden, '/a', 'a.b', 'C')
    assert end.value.name in (ERR + 'ServiceUnknown', ERR + 'AccessDenied')
    names = client.bus('ListNames')
    assert name in names and client.name in names and hidden not in names
    assert client.bus('GetNameOwner', 's', name) == service.name
    assert client.refusal('GetNameOwner', 's', hidden).name == ERR + 'NameHasNoOwner'
    assert client.bus('NameHasOwner', 's', hidden) is False
    assert not [m for m in other.drain() if m.type == wire.METHOD_CALL]

    assert client.own('org.example.Mine.One') == 1
    assert client.refusal('RequestName', 'su', 'org.example.Other', 0).name in (
        ERR + 'ServiceUnknown', ERR + 'AccessDenied')
    assert service.bus('GetNameOwner', 's', 'org.example.Mine.One') == client.name
    echo_through(service, client, 'org.example.Mine.One')


def test_a_filter_and_signals(bus, start_proxy):
    service, other = bus.connect(), bus.connect()
    name = name_of(service)
    client = start_proxy('--filter', f'--talk={name}').connect()
    client.match("member='Changed'").match("member='NameOwnerChanged'")
    client.drain()
    other.send(wire.signal('/a', 'org.example.Hidden', 'Changed', 's', 'of the other'))
    other.sync()
    service.send(wire.signal('/a', 'org.example.Service', 'Changed', 's', 'for you'))
    assert client.take_signal('Changed').body == ('for you',)
    service.release(name)
    assert client.take_signal('NameOwnerChanged').body == (name, service.name, '')
    other.own(name)
    assert client.take_signal('NameOwnerChanged').body == (name, '', other.name)


def test_a_filter_by_interface(bus, start_proxy):
    service = bus.connect()
    name = name_of(service)
    client = start_proxy('--filter', f'--see={name}',
                         f'--call={name}=org.example.Echo.*@/echo').connect()
    echo_through(client, service, name)
    with pytest.raises(Refused) as end:
        client.call(name, '/echo', 'org.example.Other', 'C')
    assert end.value.name == ERR + 'AccessDenied'


def test_descriptors_and_a_service_that_vanishes(bus, start_proxy):
    service = bus.connect(fds=True)
    client = start_proxy().connect(fds=True)
    assert client.takes_fds
    ours, theirs = os.pipe()
    client.send(wire.call(service.name, '/a', 'a.b', 'Take', 'h', 0, unix_fds=1), fds=[theirs])
    os.close(theirs)
    request = service.take_call('Take')
    os.write(request.fds[0], b'through')
    os.close(request.fds[0])
    assert os.read(ours, 100) == b'through'
    os.close(ours)
    serial = client.send(wire.call(service.name, '/a', 'a.b', 'Wait'))
    service.take_call('Wait')
    service.close()
    answer = client.take(lambda m: m.reply_serial == serial)
    assert answer.error_name == ERR + 'NoReply'
    client.call(BUS, BUS_PATH, BUS + '.Peer', 'Ping')
