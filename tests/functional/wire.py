# SPDX-License-Identifier: LGPL-2.1-or-later
"""D-Bus messages as bytes, in both directions and both byte orders.

The tests have their own marshaller so that they can say exactly what is on the
wire, wrong things included. Nothing here refuses anything: encode() writes what
it is told, decode() reads what a correct peer may send.
"""
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

METHOD_CALL, METHOD_RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY_EXPECTED, NO_AUTO_START, ALLOW_INTERACTIVE = 1, 2, 4

FIELDS = {
    'path': (1, 'o'),
    'interface': (2, 's'),
    'member': (3, 's'),
    'error_name': (4, 's'),
    'reply_serial': (5, 'u'),
    'destination': (6, 's'),
    'sender': (7, 's'),
    'signature': (8, 'g'),
    'unix_fds': (9, 'u'),
}
FIELD_NAMES = {code: name for name, (code, _) in FIELDS.items()}

FIXED = {'y': 'B', 'b': 'I', 'n': 'h', 'q': 'H', 'i': 'i', 'u': 'I', 'x': 'q', 't': 'Q', 'd': 'd',
         'h': 'I'}
ALIGN = {'y': 1, 'n': 2, 'q': 2, 'x': 8, 't': 8, 'd': 8, 'g': 1, 'v': 1, '(': 8, '{': 8}


class Variant(NamedTuple):
    signature: str
    value: object


class Raw(bytes):
    """Bytes that stand for themselves wherever a value is expected, unaligned."""


def alignment(kind):
    return ALIGN.get(kind[0], 4)


def split(signature):
    """The complete types of a signature: 'sa{sv}' -> ['s', 'a{sv}']."""
    types, start, depth = [], 0, 0
    for i, char in enumerate(signature):
        depth += (char in '({') - (char in ')}')
        if depth == 0 and char != 'a':
            types.append(signature[start:i + 1])
            start = i + 1
    return types


class Writer:
    def __init__(self, endian='l'):
        self.order = '<' if endian == 'l' else '>'
        self.data = bytearray()

    def align(self, size):
        self.data += bytes(-len(self.data) % size)

    def pack(self, code, value):
        self.align(struct.calcsize(code))
        self.data += struct.pack(self.order + code, value)

    def text(self, value, length_code):
        raw = value if isinstance(value, bytes) else value.encode()
        self.pack(length_code, len(raw))
        self.data += raw + b'\0'

    def array(self, item, values):
        self.pack('I', 0)
        at = len(self.data) - 4
        self.align(alignment(item))
        start = len(self.data)
        if item == 'y':
            self.data += bytes(values)
        else:
            for value in values.items() if isinstance(values, dict) else values:
                self.put(item, value)
        struct.pack_into(self.order + 'I', self.data, at, len(self.data) - start)

    def put(self, kind, value):
        first = kind[:1]
        if isinstance(value, Raw):
            self.data += value
        elif first in FIXED:
            self.pack(FIXED[first], value)
        elif first in 'so':
            self.text(value, 'I')
        elif first == 'g':
            self.text(value, 'B')
        elif first == 'v':
            self.text(value[0], 'B')
            self.put(value[0], value[1])
        elif first == 'a':
            self.array(kind[1:], value)
        else:
            self.align(8)
            for item, part in zip(split(kind[1:-1]), value):
                self.put(item, part)


class Reader:
    def __init__(self, data, endian='l', at=0):
        self.data, self.at = data, at
        self.order = '<' if endian == 'l' else '>'

    def align(self, size):
        end = self.at + -self.at % size
        assert not any(self.data[self.at:end]), 'padding is not zero'
        self.at = end

    def unpack(self, code):
        size = struct.calcsize(code)
        self.align(size)
        value, = struct.unpack_from(self.order + code, self.data, self.at)
        self.at += size
        return value

    def text(self, length_code):
        length = self.unpack(length_code)
        raw = bytes(self.data[self.at:self.at + length])
        assert self.data[self.at + length] == 0, 'string without its end'
        self.at += length + 1
        return raw.decode()

    def array(self, item):
        length = self.unpack('I')
        self.align(alignment(item))
        end = self.at + length
        if item == 'y':
            self.at = end
            return bytes(self.data[end - length:end])
        values = []
        while self.at < end:
            values.append(self.get(item))
        assert self.at == end, 'array overrun'
        return dict(values) if item[0] == '{' else values

    def get(self, kind):
        first = kind[0]
        if first in FIXED:
            value = self.unpack(FIXED[first])
            return bool(value) if first == 'b' else value
        if first in 'so':
            return self.text('I')
        if first == 'g':
            return self.text('B')
        if first == 'v':
            signature = self.text('B')
            return Variant(signature, self.get(signature))
        if first == 'a':
            return self.array(kind[1:])
        self.align(8)
        return tuple(self.get(item) for item in split(kind[1:-1]))


@dataclass
class Message:
    type: int = METHOD_CALL
    flags: int = 0
    serial: int = 1
    path: str = None
    interface: str = None
    member: str = None
    error_name: str = None
    reply_serial: int = None
    destination: str = None
    sender: str = None
    signature: str = None
    unix_fds: int = None
    body: tuple = ()
    endian: str = 'l'
    version: int = 1
    extra: list = field(default_factory=list)  # more header fields: (code, signature, value)
    fds: list = field(default_factory=list, compare=False)
    raw: bytes = field(default=b'', compare=False, repr=False)

    def header_fields(self):
        fields = []
        for name, (code, kind) in FIELDS.items():
            value = getattr(self, name)
            if value is not None:
                fields.append((code, Variant(kind, value)))
        return fields + [(code, Variant(kind, value)) for code, kind, value in self.extra]

    def encode_body(self):
        out = Writer(self.endian)
        for kind, value in zip(split(self.signature or ''), self.body):
            out.put(kind, value)
        return bytes(out.data)

    def encode(self, fields=None, body=None, body_length=None):
        """The bytes; each part can be replaced by one that does not fit."""
        body = self.encode_body() if body is None else body
        out = Writer(self.endian)
        out.data += struct.pack('BBBB', ord(self.endian), self.type, self.flags, self.version)
        out.pack('I', len(body) if body_length is None else body_length)
        out.pack('I', self.serial)
        out.array('(yv)', self.header_fields() if fields is None else fields)
        out.align(8)
        return bytes(out.data) + body

    def text(self):
        """What an error says."""
        return self.body[0] if self.body and isinstance(self.body[0], str) else ''


def size_of(head):
    """How long the message is that begins with these 16 bytes."""
    order = '<' if head[0] == ord('l') else '>'
    body, _, fields = struct.unpack_from(order + 'III', head, 4)
    return 16 + fields + -fields % 8 + body


def decode(raw):
    endian = chr(raw[0])
    message = Message(type=raw[1], flags=raw[2], version=raw[3], endian=endian, raw=bytes(raw))
    reader = Reader(raw, endian, 4)
    body_length, message.serial = reader.unpack('I'), reader.unpack('I')
    for code, value in reader.array('(yv)'):
        if code in FIELD_NAMES:
            assert getattr(message, FIELD_NAMES[code]) is None, 'header field twice'
            assert value.signature == FIELDS[FIELD_NAMES[code]][1], 'header field of another type'
            setattr(message, FIELD_NAMES[code], value.value)
        else:
            message.extra.append((code, value.signature, value.value))
    reader.align(8)
    assert len(raw) == reader.at + body_length, 'length does not fit'
    body = Reader(raw[reader.at:], endian)
    message.body = tuple(body.get(kind) for kind in split(message.signature or ''))
    assert body.at == body_length, 'body does not fit its signature'
    return message


def call(destination, path, interface, member, signature=None, *body, **more):
    return Message(METHOD_CALL, destination=destination, path=path, interface=interface,
                   member=member, signature=signature, body=body, **more)


def signal(path, interface, member, signature=None, *body, **more):
    return Message(SIGNAL, path=path, interface=interface, member=member, signature=signature,
                   body=body, **more)


def reply_to(request, signature=None, *body, **more):
    return Message(METHOD_RETURN, flags=NO_REPLY_EXPECTED, destination=request.sender,
                   reply_serial=request.serial, signature=signature, body=body, **more)


def error_to(request, name, *text, **more):
    return Message(ERROR, flags=NO_REPLY_EXPECTED, destination=request.sender, error_name=name,
                   reply_serial=request.serial, signature='s' if text else None, body=text, **more)
