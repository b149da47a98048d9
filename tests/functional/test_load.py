# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lot of it: big messages, many at once, many clients; and the limits that end it."""
import select
import socket

import pytest

import wire
from client import BUS, BUS_PATH, Closed, Refused, echo_once
from echo import Echo

ERR = 'org.freedesktop.DBus.Error.'
MIB = 1 << 20


def echo_call(service, *body, signature='ay', **more):
    return wire.call(service, '/echo', 'org.example.Echo', 'Echo', signature, *body, **more)


@pytest.mark.parametrize('size', [0, 1, 4095, 4096, 65535, 65536, 65537, MIB - 1, MIB, 5 * MIB])
def test_messages_of_any_size(bus, size):
    caller = bus.connect()
    body = bytes(i * 7 & 0xff for i in range(251)) * (size // 251 + 1)
    with Echo(bus.connect()) as echo:
        assert caller.result(caller.send(echo_call(echo.name, body[:size]))) == body[:size]


def test_many_calls_at_once(start_bus):
    """Thousands before the first answer is read."""
    bus = start_bus(limits={'max_replies_per_connection': 10_000})
    caller = bus.connect()
    with Echo(bus.connect()) as echo:
        calls = [echo_call(echo.name, n, signature='u', serial=n).encode()
                 for n in range(1000, 6000)]
        caller.send_bytes(b''.join(calls))
        assert [caller.result(n) for n in range(1000, 6000)] == list(range(1000, 6000))
        assert echo.calls == 5000


def test_many_calls_to_the_bus_at_once(bus):
    client = bus.connect()
    client.drain()
    call = wire.call(BUS, BUS_PATH, BUS, 'GetNameOwner', 's', client.name)
    calls = []
    for call.serial in range(1000, 4000):
        calls.append(call.encode())
    client.send_bytes(b''.join(calls))
    client.take_reply(3999)
    assert [m.reply_serial for m in client.inbox] == list(range(1000, 3999))


def test_big_and_small_mixed(bus):
    callers = [bus.connect() for _ in range(3)]
    with Echo(bus.connect()) as echo:
        serials = []
        for n in range(30):
            caller = callers[n % 3]
            body = bytes([n]) * (n % 3 * 200_000 + n)
            serials.append((caller, caller.send(echo_call(echo.name, body)), body))
        for caller, serial, body in serials:
            assert caller.result(serial) == body


def test_hundreds_of_clients(start_bus):
    bus = start_bus(limits={'max_connections_per_user': 1000})
    clients = [bus.connect() for _ in range(300)]
    assert len({client.name for client in clients}) == 300
    assert {client.name for client in clients} <= set(clients[0].bus('ListNames'))
    with Echo(bus.connect()) as echo:
        serials = [(c, c.send(echo_call(echo.name, c.name, signature='s'))) for c in clients]
        for client, serial in serials:
            assert client.result(serial) == client.name
    for client in clients:
        client.match("member='All'")
    clients[7].send(wire.signal('/a', 'a.b', 'All'))
    for client in clients:
        client.take_signal('All')
    for client in clients[1:]:
        client.close()
    while len(clients[0].bus('ListNames')) > 2:
        pass


def test_clients_that_come_and_go(bus):
    innocents = bus.innocents()
    for _ in range(300):
        bus.connect().close()
    bus.clients = [c for c in bus.clients if c in innocents]
    echo_once(*innocents)


# --- limits ---

def test_limit_of_message_size(start_bus):
    bus = start_bus(limits={'max_message_size': 10_000})
    caller, service = bus.innocents()
    sender = bus.connect()
    fits = echo_call(service.name, b'', flags=1)
    fits.body = (bytes(10_000 - len(fits.encode())),)
    sender.send(fits)
    assert len(service.take_call().body[0]) == len(fits.body[0])
    with pytest.raises(Closed):
        sender.send(echo_call(service.name, bytes(10_001)), fds=())
        sender.sync()
    echo_once(caller, service)


def test_limit_of_connections_of_one_user(start_bus):
    bus = start_bus(limits={'max_connections_per_user': 3})
    clients = [bus.connect() for _ in range(3)]
    fourth = bus.open()
    with pytest.raises((Refused, Closed)) as end:
        fourth.auth().hello()
    if end.type is Refused:
        assert end.value.name == ERR + 'LimitsExceeded'
    echo_once(clients[0], clients[1])
    clients[2].close()
    while len(clients[0].bus('ListNames')) > 3:
        pass
    bus.connect().sync()


def test_half_open_connections_do_not_keep_others_out(start_bus):
    """Who never authenticates waits for its deadline; others come in meanwhile or after it."""
    bus = start_bus(limits={'auth_timeout': 500, 'max_incomplete_connections': 10})
    first = bus.connect()
    silent = [bus.open() for _ in range(40)]
    bus.connect().sync()
    first.sync()
    for client in silent:
        with pytest.raises(Closed):
            client.line()


def fill_a_queue(caller, sleeper, size=65536, most=2000):
    """Call someone who does not read until the bus refuses. Returns the answer."""
    for _ in range(most):
        serial = caller.send(echo_call(sleeper.name, bytes(size)))
        caller.sync()
        for message in caller.inbox:
            if message.reply_serial == serial:
                return message
    raise AssertionError('the bus takes all of it')


def test_calls_to_one_who_does_not_read(start_bus):
    bus = start_bus(limits={'max_outgoing_bytes': 1_000_000})
    caller, sleeper, innocents = bus.connect(), bus.connect(), bus.innocents()
    answer = fill_a_queue(caller, sleeper)
    assert answer.error_name == ERR + 'LimitsExceeded'
    echo_once(*innocents)
    # It wakes up, answers, and all is well again.
    for _ in range(10):
        sleeper.take_call('Echo')
    sleeper.drain()
    echo_once(caller, sleeper)
    echo_once(*innocents)


def test_signals_to_one_who_does_not_read(start_bus):
    bus = start_bus(limits={'max_outgoing_bytes': 500_000})
    sender, sleeper, listener = bus.connect(), bus.connect(), bus.connect()
    innocents = bus.innocents()
    sleeper.match("member='Flood'")
    listener.match("member='Flood'")
    for number in range(100):
        sender.send(wire.signal('/a', 'a.b', 'Flood', 'uay', number, bytes(20_000)))
        assert listener.take_signal('Flood').body[0] == number
        echo_once(*innocents)
    if bus.caps.drops_sleepers:
        sleeper.wait_closed()
    else:
        for _ in range(20):
            sleeper.take_signal('Flood')
        sleeper.sync()


def test_unread_answers_of_the_bus(start_bus):
    """A client that asks and asks and never reads harms itself alone."""
    bus = start_bus(limits={'max_outgoing_bytes': 500_000})
    asker, innocents = bus.connect(), bus.innocents()
    call = wire.call(BUS, BUS_PATH, BUS + '.Introspectable', 'Introspect', serial=5).encode()
    asker.sock.setblocking(False)
    sent = 0
    try:
        while sent < 3000 and select.select([], [asker.sock], [], 0)[1]:
            sent += 1
            asker.sock.send(call)
            if sent % 100 == 0:
                echo_once(*innocents)
    except (BrokenPipeError, ConnectionResetError, BlockingIOError):
        pass
    echo_once(*innocents)


def test_a_half_closed_client_gets_its_answers(bus):
    """Shutdown of the sending side; what was asked is answered or the connection ends."""
    client = bus.connect()
    client.send(wire.call(BUS, BUS_PATH, BUS, 'GetId'))
    client.sock.shutdown(socket.SHUT_WR)
    client.wait_closed()
