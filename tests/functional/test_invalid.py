# SPDX-License-Identifier: LGPL-2.1-or-later
"""Broken messages cost their sender its connection, and nobody else anything.

Each line of the tables is one way to be wrong. The receiver that a broken message is
addressed to must never see it: a client library would end *its* connection.
"""
import struct

import pytest

import wire
from client import BUS, BUS_PATH, Closed, echo_once
from wire import Raw, Variant

LONG_NAME = 'a.' + 'b' * 254
DEEP = 'a' * 33 + 'y'


def base(receiver, signature='s', *body, **more):
    more.setdefault('path', '/a')
    more.setdefault('interface', 'a.b')
    more.setdefault('member', 'C')
    more.setdefault('serial', 7)
    return wire.Message(destination=receiver, signature=signature, body=body or ('x',), **more)


def poke(at, value):
    """Overwrite bytes of a correct message."""
    def build(receiver):
        raw = bytearray(base(receiver).encode())
        raw[at:at + len(value)] = value
        return bytes(raw)
    return build


def message(**changes):
    return lambda receiver: base(receiver, **changes).encode()


def body(signature, raw, **more):
    """A body that is not what its signature says."""
    def build(receiver):
        return base(receiver, signature, **more).encode(body=raw)
    return build


def fields(edit):
    """Change the list of header fields."""
    def build(receiver):
        built = base(receiver)
        return built.encode(fields=edit(built.header_fields()))
    return build


def without(code):
    return fields(lambda f: [x for x in f if x[0] != code])


def instead(code, kind, value):
    return fields(lambda f: [x if x[0] != code else (code, Variant(kind, value)) for x in f])


def with_field(code, kind, value):
    return fields(lambda f: f + [(code, Variant(kind, value))])


def u32(*values):
    return struct.pack('<%dI' % len(values), *values)


FIXED_HEADER = {
    'byte order': poke(0, b'x'),
    'byte order 0': poke(0, b'\0'),
    'byte order of the other kind': poke(0, b'B'),
    'type 0': poke(1, b'\0'),
    'version 0': poke(3, b'\0'),
    'version 2': poke(3, b'\2'),
    'serial 0': message(serial=0),
    'body of 128 MiB': poke(4, u32(1 << 27)),
    'body of 4 GiB': poke(4, u32(0xffffffff)),
    'header of 64 MiB and more': poke(12, u32((1 << 26) + 8)),
    'header of 4 GiB': poke(12, u32(0xffffffff)),
    'header shorter than its fields': poke(12, u32(20)),
    'header of nothing': poke(12, u32(0)),
    'both lengths just below 4 GiB': poke(4, u32(0xfffffff0, 7, 0xfffffff0)),
}

HEADER = {
    'call without path': without(1),
    'call without member': without(3),
    'signal without interface': message(type=4, interface=None),
    'signal without path': message(type=4, path=None),
    'signal without member': message(type=4, member=None),
    'reply without reply serial': message(type=2),
    'error without reply serial': message(type=3, error_name='a.b'),
    'error without name': message(type=3, reply_serial=1),
    'reply serial 0': message(type=2, reply_serial=0),
    'path twice': with_field(1, 'o', '/b'),
    'destination twice': with_field(6, 's', 'a.b'),
    'signature twice': with_field(8, 'g', 's'),
    'sender twice': fields(lambda f: f + [(7, Variant('s', 'a.b'))] * 2),
    'field 0': with_field(0, 's', 'x'),
    'path is a string': instead(1, 's', '/a'),
    'member is a path': instead(3, 'o', '/a'),
    'destination is a number': instead(6, 'u', 7),
    'signature is a string': instead(8, 's', 's'),
    'reply serial is a string': with_field(5, 's', 'x'),
    'reply serial is signed': with_field(5, 'i', 1),
    'fds as string': with_field(9, 's', '1'),
    'path not absolute': message(path='a'),
    'path empty': message(path=''),
    'path ends in a slash': message(path='/a/'),
    'path with double slash': message(path='/a//b'),
    'path with a dash': message(path='/a-b'),
    'path of libdbus': message(path='/org/freedesktop/DBus/Local'),
    'interface without dot': message(interface='a'),
    'interface begins with dot': message(interface='.a.b'),
    'interface ends with dot': message(interface='a.b.'),
    'interface begins with digit': message(interface='a.1b'),
    'interface with dash': message(interface='a.b-c'),
    'interface too long': message(interface=LONG_NAME),
    'interface of libdbus': message(interface='org.freedesktop.DBus.Local'),
    'member empty': message(member=''),
    'member with dot': message(member='C.D'),
    'member begins with digit': message(member='1C'),
    'member too long': message(member='C' * 256),
    'error name without dot': message(type=3, reply_serial=1, error_name='a'),
    'destination without dot': instead(6, 's', 'a'),
    'destination empty': instead(6, 's', ''),
    'destination too long': instead(6, 's', LONG_NAME),
    'sender without dot': with_field(7, 's', 'a'),
    'sender with zero byte': with_field(7, 's', 'a.b\0c'),
    'signature of header is unknown': body('r', u32(0)),
    'signature is half an array': body('a', u32(0)),
    'signature with open parenthesis': body('(s', u32(0)),
    'signature with empty struct': body('()', u32(0)),
    'signature with closed parenthesis': body('s)', u32(0)),
    'dict entry outside of an array': body('{sv}', u32(0)),
    'dict entry of three': body('a{sss}', u32(0)),
    'dict entry of one': body('a{s}', u32(0)),
    'dict entry with a container as key': body('a{(s)s}', u32(0)),
    'dict entry with a variant as key': body('a{vs}', u32(0)),
    'arrays deeper than 32': body(DEEP, u32(0)),
    'structs deeper than 32': body('(' * 33 + 'y' + ')' * 33, b'\1'),
    'unknown field with a bad value': with_field(200, 'b', 2),
    'unknown field, bad signature': with_field(200, '', Raw()),
    'unknown field with two values': fields(lambda f: f + [(200, Variant('ss', Raw()))]),
    'header padding': None,  # below
}

BODY = {
    'body without signature': lambda r: base(r, signature=None).encode(body=u32(1)),
    'signature without body': body('s', b''),
    'empty signature and a body': body('', u32(1)),
    'body too long': body('u', u32(1, 2)),
    'body too short': body('uu', u32(1)),
    'boolean 2': body('b', u32(2)),
    'boolean 256': body('b', u32(256)),
    'string without end': body('s', u32(1) + b'x'),
    'string with another end': body('s', u32(1) + b'xy'),
    'string longer than the body': body('s', u32(100) + b'x\0'),
    'string of 4 GiB': body('s', u32(0xffffffff) + b'x\0'),
    'string with a zero byte': body('s', u32(3) + b'a\0b\0'),
    'string is not UTF-8': body('s', u32(1) + b'\xff\0'),
    'UTF-8 too long by one': body('s', u32(2) + b'\xc0\x80\0'),
    'UTF-8 cut short': body('s', u32(2) + b'\xe4\xb8\0'),
    'UTF-8 surrogate': body('s', u32(3) + b'\xed\xa0\x80\0'),
    'UTF-8 beyond the end of Unicode': body('s', u32(4) + b'\xf4\x90\x80\x80\0'),
    'UTF-8 at the end of a long string': body('s', u32(20) + b'a' * 19 + b'\x80\0'),
    'object path relative': body('o', u32(1) + b'a\0'),
    'object path empty': body('o', u32(0) + b'\0'),
    'object path ends in a slash': body('o', u32(3) + b'/a/\0'),
    'signature value unknown': body('g', b'\1r\0'),
    'signature value without end': body('g', b'\1s'),
    'signature value with another end': body('g', b'\1ss'),
    'array longer than the body': body('au', u32(8, 1)),
    'array ends within an element': body('au', u32(6, 1, 2)),
    'array of 64 MiB and more': body('ay', u32((1 << 26) + 1)),
    'array of 4 GiB': body('at', u32(0xffffffff)),
    'array length not a multiple of its element': body('at', u32(12, 0, 1, 2, 3)),
    'array of structs, cut': body('a(uu)', u32(12, 0, 1, 2, 3)),
    'padding before a number': body('yu', b'\1\2\0\0' + u32(1)),
    'padding before a struct': body('y(y)', b'\1\0\0\0\0\0\7\0\1'),
    'padding of an empty array': body('a(t)', u32(0, 1)),
    'padding within a dict': body('a{yy}', u32(10, 0) + b'\1\1\0\0\0\0\0\1\1\1'),
    'variant without signature': body('v', b'\0\0'),
    'variant of two types': body('v', b'\2yy\0\1\1'),
    'variant of an unknown type': body('v', b'\1r\0\1'),
    'variant with a bad value': body('v', b'\1b\0\0' + u32(3)),
    'variant signature longer than the body': body('v', b'\xffs\0'),
    'variants deeper than 64': body('v', b'\1v\0' * 65 + b'\1y\0\1'),
}


def bad_header_padding(receiver):
    built = base(receiver)
    raw = bytearray(built.encode())
    length, = struct.unpack_from('<I', raw, 12)
    assert length % 8, 'this message has no padding to spoil'
    raw[16 + length] = 1
    return bytes(raw)


HEADER['header padding'] = bad_header_padding
TABLE = {f'{kind}: {name}': build
         for kind, table in (('fixed', FIXED_HEADER), ('header', HEADER), ('body', BODY))
         for name, build in table.items()}


# What follows the broken message, so that a length that is too long does not just wait for more.
GOOD = wire.call(BUS, BUS_PATH, BUS, 'GetId', serial=8).encode() * 5


@pytest.mark.parametrize('what', TABLE)
def test_a_broken_message_costs_its_sender_only(bus, what):
    caller, service = bus.innocents()
    culprit = bus.connect()
    caller.match(f"member='NameOwnerChanged',arg0='{culprit.name}'")
    service.drain()
    culprit.sync()
    culprit.send_bytes(TABLE[what](service.name) + GOOD, drain=False)
    culprit.wait_closed()
    assert caller.take_signal('NameOwnerChanged').body[2] == ''
    assert service.drain() == []
    echo_once(caller, service)


@pytest.mark.parametrize('what', ['body: string is not UTF-8', 'header: call without path',
                                  'fixed: version 0'])
def test_broken_messages_to_the_bus_too(bus, what):
    culprit, innocents = bus.connect(), bus.innocents()
    culprit.send_bytes(TABLE[what](BUS), drain=False)
    culprit.wait_closed()
    echo_once(*innocents)


def test_fds_that_did_not_come(bus):
    """An error or the end; the receiver, whose library would disconnect, does not see it."""
    caller, service = bus.innocents()
    culprit = bus.connect()
    service.drain()
    culprit.send_bytes(with_field(9, 'u', 1)(service.name), drain=False)
    try:
        assert culprit.take_reply(7).type == wire.ERROR
    except Closed:
        pass
    assert service.drain() == []
    echo_once(caller, service)


def test_what_came_before_it_is_delivered(bus):
    culprit, receiver = bus.connect(), bus.connect()
    receiver.drain()
    good = [wire.call(receiver.name, '/a', 'a.b', 'Good', 'u', n, serial=n + 10, flags=1).encode()
            for n in range(3)]
    culprit.send_bytes(b''.join(good) + TABLE['body: boolean 2'](receiver.name), drain=False)
    culprit.wait_closed()
    assert [m.body for m in receiver.drain() if m.member == 'Good'] == [(0,), (1,), (2,)]


def test_callers_of_a_peer_that_breaks_get_their_error(bus):
    caller, culprit = bus.connect(), bus.connect()
    serial = caller.send(wire.call(culprit.name, '/a', 'a.b', 'C'))
    request = culprit.take_call()
    culprit.send_bytes(wire.reply_to(request, 's').encode(body=u32(9)), drain=False)
    assert caller.take_reply(serial).error_name == 'org.freedesktop.DBus.Error.NoReply'


def test_garbage_after_begin(bus):
    innocents = bus.innocents()
    for garbage in b'GET / HTTP/1.1\r\n\r\n', bytes(64), b'\xff' * 64, b'BEGIN\r\n' * 4:
        culprit = bus.open().auth()
        culprit.send_bytes(garbage, drain=False)
        culprit.wait_closed()
    echo_once(*innocents)


def test_half_a_message_and_then_the_end(bus):
    innocents = bus.innocents()
    raw = wire.call(BUS, BUS_PATH, BUS, 'GetId', serial=5).encode()
    for cut in range(1, len(raw)):
        client = bus.connect()
        client.send_bytes(raw[:cut])
        client.close()
    echo_once(*innocents)


@pytest.mark.parametrize('signature, raw', [
    ('a' * 32 + 'y', u32(0)),
    ('(' * 32 + 'y' + ')' * 32, b'\1'),
    ('v', b'\1v\0' * 63 + b'\1y\0\1'),
    ('a(t)', u32(0, 0)),
    ('ay', u32(0)),
    ('s', u32(3) + b'\xef\xbf\xbf\0'),       # a noncharacter is allowed
    ('s', u32(4) + b'\xf4\x8f\xbf\xbf\0'),
    ('g', b'\0\0'),
    ('a{ya{sv}}', u32(0, 0)),
    ('y' * 255, bytes(255)),
    ('', b''),
])
def test_at_the_edge_of_what_is_allowed(bus, signature, raw):
    sender, receiver = bus.connect(), bus.connect()
    message = wire.call(receiver.name, '/a', 'a.b', 'Edge', signature, serial=9, flags=1)
    sender.send_bytes(message.encode(body=raw))
    sender.sync()
    # Read without decoding: the receiver's parser is not under test.
    assert receiver.take(lambda m: m.type == wire.SIGNAL)
    while len(receiver.data) < 16:
        receiver.fill()
    assert bytes(receiver.data).endswith(raw)


@pytest.mark.parametrize('change', [
    {'path': '/'}, {'path': '/a/_/9'}, {'interface': None}, {'interface': 'a.' + 'b' * 253},
    {'member': 'C' * 255}, {'member': '_1'}, {'interface': '_._1'}, {'serial': 2 ** 32 - 1},
    {'flags': 0xff}, {'path': '/' + 'x' * 2000},
])
def test_unusual_headers(bus, change):
    sender, receiver = bus.connect(), bus.connect()
    sender.send_bytes(message(**change)(receiver.name))
    got = receiver.take_call()
    for name, value in change.items():
        assert getattr(got, name) == value
