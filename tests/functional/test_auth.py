# SPDX-License-Identifier: LGPL-2.1-or-later
"""How clients introduce themselves. The dialects are those that real libraries speak."""
import os
import re

import pytest

import wire
from client import BUS, BUS_PATH, Closed, Refused, echo_once

UID = str(os.getuid()).encode().hex().encode()
HELLO = wire.call(BUS, BUS_PATH, BUS, 'Hello').encode()


def fd_answer(client):
    """Whether fds were agreed to; every client goes on without them."""
    line = client.line()
    assert line == b'AGREE_UNIX_FD' or line.split()[0] == b'ERROR'
    return line == b'AGREE_UNIX_FD'


def expect_hello(client):
    client.name = client.result(1)
    client.serial = 1
    assert re.fullmatch(r':\d+\.\d+', client.name)
    client.sync()


def test_sd_bus_sends_everything_at_once(bus):
    client = bus.open()
    client.send_bytes(b'\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n' + HELLO)
    assert client.line() == b'DATA'
    assert re.fullmatch(rb'OK [0-9a-f]{32}', client.line())
    assert fd_answer(client) == bus.caps.passes_fds
    expect_hello(client)


def test_libdbus_sends_begin_and_hello_together(bus):
    client = bus.open()
    client.send_bytes(b'\0AUTH EXTERNAL ' + UID + b'\r\n')
    assert re.fullmatch(rb'OK [0-9a-f]{32}', client.line())
    client.send_bytes(b'NEGOTIATE_UNIX_FD\r\n')
    assert fd_answer(client) == bus.caps.passes_fds
    client.send_bytes(b'BEGIN\r\n' + HELLO)
    expect_hello(client)


def test_dbus_fast_and_jeepney_do_not_ask_for_fds(bus):
    client = bus.open()
    client.send_bytes(b'\0AUTH EXTERNAL ' + UID + b'\r\n')
    assert client.line().startswith(b'OK ')
    client.send_bytes(b'BEGIN\r\n')
    client.send_bytes(HELLO)
    expect_hello(client)


def test_gdbus_asks_for_the_mechanisms_first(bus):
    client = bus.open()
    client.send_bytes(b'\0AUTH\r\n')
    assert client.line() == b'REJECTED EXTERNAL'
    client.send_bytes(b'AUTH EXTERNAL ' + UID + b'\r\n')
    assert client.line().startswith(b'OK ')
    client.send_bytes(b'NEGOTIATE_UNIX_FD\r\n')
    assert fd_answer(client) == bus.caps.passes_fds
    client.send_bytes(b'BEGIN\r\n' + HELLO)
    expect_hello(client)


def test_byte_by_byte(bus):
    client = bus.open()
    for byte in b'\0AUTH EXTERNAL ' + UID + b'\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n' + HELLO:
        client.send_bytes(bytes([byte]))
    assert client.line().startswith(b'OK ')
    assert fd_answer(client) == bus.caps.passes_fds
    expect_hello(client)


def test_external_with_an_empty_first_response(bus):
    client = bus.open()
    client.send_bytes(b'\0AUTH EXTERNAL\r\n')
    assert client.line() == b'DATA'
    client.send_bytes(b'DATA ' + UID + b'\r\n')
    assert client.line().startswith(b'OK ')


def test_the_guid_is_that_of_the_address(bus):
    client = bus.connect()
    assert f'guid={client.guid}' in bus.address
    # The bus has an id of its own; each address may have another.
    assert re.fullmatch('[0-9a-f]{32}', client.bus('GetId'))


def test_cancel_and_try_again(bus):
    client = bus.open()
    client.send_bytes(b'\0AUTH EXTERNAL\r\n')
    assert client.line() == b'DATA'
    client.send_bytes(b'CANCEL\r\n')
    assert client.line() == b'REJECTED EXTERNAL'
    client.send_bytes(b'AUTH EXTERNAL ' + UID + b'\r\nBEGIN\r\n')
    assert client.line().startswith(b'OK ')
    client.hello()


def test_error_from_the_client_is_a_rejection(bus):
    client = bus.open()
    client.send_bytes(b'\0AUTH EXTERNAL\r\n')
    assert client.line() == b'DATA'
    client.send_bytes(b'ERROR "no"\r\n')
    assert client.line() == b'REJECTED EXTERNAL'


@pytest.mark.parametrize('line', [
    b'AUTH EXTERNAL 31323334353637',   # another user's number
    b'AUTH EXTERNAL 7a7a',             # not a number
    b'AUTH ANONYMOUS 74657374',        # not offered
    b'AUTH DBUS_COOKIE_SHA1 30',       # not offered
    b'AUTH KERBEROS_V4',
])
def test_rejected(bus, line):
    client = bus.open()
    client.send_bytes(b'\0' + line + b'\r\n')
    assert client.line() == b'REJECTED EXTERNAL'
    client.send_bytes(b'AUTH EXTERNAL ' + UID + b'\r\nBEGIN\r\n')
    assert client.line().startswith(b'OK ')
    client.hello()


@pytest.mark.parametrize('line', [b'FOOBAR', b'NEGOTIATE_UNIX_FD', b'DATA', b'auth external', b'',
                                  b'AUTH EXTERNAL \xff\xfe'])
def test_unknown_commands_get_an_error_and_go_on(bus, line):
    client = bus.open()
    client.send_bytes(b'\0' + line + b'\r\n')
    assert client.line().split(b' ')[0] == b'ERROR'
    client.send_bytes(b'AUTH EXTERNAL ' + UID + b'\r\nBEGIN\r\n')
    assert client.line().startswith(b'OK ')
    client.hello()


@pytest.mark.parametrize('data', [
    b'AUTH EXTERNAL ' + UID + b'\r\n',  # the NUL is missing
    b'\0BEGIN\r\n',                     # before it is due
    b'\0AUTH\r\nBEGIN\r\n',
    b'\0AUTH EXTERNAL\r\nBEGIN\r\n',
    b'\0' + b'A' * 70000,               # no end in sight
    b'GET / HTTP/1.1\r\n\r\n',
], ids=['no NUL', 'BEGIN', 'BEGIN after AUTH', 'BEGIN before DATA', 'endless line', 'HTTP'])
def test_no_way_in(bus, data):
    innocents = bus.innocents()
    client = bus.open()
    with pytest.raises(Closed):
        client.send_bytes(data)
        while True:
            client.line()
    echo_once(*innocents)


def test_rejected_again_and_again_is_the_end(bus):
    client = bus.open()
    with pytest.raises(Closed):
        client.send_bytes(b'\0')
        for _ in range(1000):
            client.send_bytes(b'AUTH EXTERNAL 7a7a\r\n')
            client.line()


def test_end_in_the_middle_of_it(bus):
    for data in b'', b'\0', b'\0AUTH', b'\0AUTH EXTERNAL\r\n', b'\0AUTH EXTERNAL ' + UID + b'\r\n':
        client = bus.open()
        client.send_bytes(data)
        client.close()
    bus.connect().sync()


def test_who_never_authenticates_is_dropped(start_bus):
    bus = start_bus(limits={'auth_timeout': 300})
    silent, busy = bus.open(), bus.connect()
    silent.send_bytes(b'\0AUTH EXTERNAL\r\n')
    silent.line()
    with pytest.raises(Closed):
        silent.line()
    busy.sync()


def test_the_first_message_must_be_hello(bus):
    client = bus.open().auth()
    serial = client.send(wire.call(BUS, BUS_PATH, BUS, 'ListNames'))
    answer = client.take_reply(serial)
    assert answer.error_name == 'org.freedesktop.DBus.Error.AccessDenied'
    assert answer.text() == ('Client tried to send a message other than Hello without being '
                             'registered')


def test_fds_from_one_who_did_not_ask_for_them(bus):
    """An error or the end, nothing is passed on, and none stays open in the daemon."""
    innocents = bus.innocents()
    fds = f'/proc/{bus.pid}/fd'
    before = len(os.listdir(fds))
    culprit = bus.connect()
    innocents[1].drain()
    reading, writing = os.pipe()
    message = wire.call(innocents[1].name, '/a', 'a.b', 'Take', 'h', 0, unix_fds=1)
    with pytest.raises((Closed, Refused)):
        culprit.result(culprit.send(message, [reading]))
    os.close(reading)
    os.close(writing)
    assert innocents[1].drain() == []
    echo_once(*innocents)
    culprit.close()
    while len(os.listdir(fds)) != before:
        innocents[0].sync()
