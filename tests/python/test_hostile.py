# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus that means ill: the program gets an error, and goes on."""
import asyncio
import struct

import pytest
import wire
import xcpbus

UNIQUE = ':0.1'


class FakeBus:
    """Lets anybody in, answers Hello, and then says what the test wants said."""

    def __init__(self, path, bad):
        self.path, self.bad = path, bad

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(self.on_client, self.path)
        return f'unix:path={self.path}'

    async def __aexit__(self, *_):
        self.server.close()

    async def on_client(self, reader, writer):
        try:
            await reader.readexactly(1)
            while not (line := await reader.readline()).startswith(b'BEGIN'):
                assert line
                writer.write(b'OK 0123456789abcdef0123456789abcdef\r\n' if line.startswith(b'AUTH')
                             else b'ERROR\r\n')
            await self.take(reader)
            writer.write(reply(1, 's', UNIQUE))
            await self.take(reader)
            writer.write(self.bad)
            await writer.drain()
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def take(reader):
        """A message, of which the serial is known."""
        head = await reader.readexactly(16)
        body, _, fields = struct.unpack('<3I', head[4:])
        await reader.readexactly((fields + 7) // 8 * 8 + body)


def reply(serial, signature='', *values):
    message = wire.Message(type=wire.METHOD_RETURN, serial=100 + serial, reply_serial=serial,
                           sender='org.freedesktop.DBus', destination=UNIQUE, signature=signature,
                           body=values)
    return message.encode()


def broken(offset, data, signature='s', *values):
    good = bytearray(reply(2, signature, *values or ('text',)))
    good[offset:offset + len(data)] = data
    return bytes(good)


HOSTILE = {
    'no byte order': broken(0, b'x'),
    'another protocol': broken(3, b'\2'),
    'a body of 4 GiB': broken(4, b'\xff\xff\xff\xff'),
    'a body of 128 MiB': broken(4, struct.pack('<I', 2**27)),
    'fields of 4 GiB': broken(12, b'\xff\xff\xff\xff'),
    'a body of 64 MiB': broken(4, struct.pack('<I', 2**26)),
    'no serial': broken(8, b'\0\0\0\0'),
    'nonsense': b'\0' * 64,
    'a text that is longer than the message': reply(2, 's', 'text')[:-9] + b'\xff\0\0\0text\0',
    'a text without an end': reply(2, 's', 'text')[:-1] + b'x',
    'an array that is longer than the message': reply(2, 'au', [1])[:-8] + b'\xff\xff\xff\xff\1\0\0\0',
    'a boolean that is 2': reply(2, 'b', True)[:-4] + b'\2\0\0\0',
    'nothing': b'',
}
CUT = ('a body of 64 MiB', 'nothing')  # what is missing could still come


@pytest.mark.parametrize('what', HOSTILE)
def test_what_a_bus_says(tmp_path, run, what):
    async def main():
        async with FakeBus(str(tmp_path / 'bus'), HOSTILE[what]) as address:
            client = await xcpbus.connect(address)
            is_cut = what in CUT
            with pytest.raises(xcpbus.NoReply if is_cut else xcpbus.Disconnected):
                await client.call('a.b', '/', 'a.b', 'C', timeout=0.2 if is_cut else 60)
            await client.close()

    run(main())


def test_a_good_answer_from_the_same_bus(tmp_path, run):
    """Or the others would show nothing."""
    async def main():
        async with FakeBus(str(tmp_path / 'bus'), reply(2, 'sau', 'text', [1, 2])) as address:
            async with await xcpbus.connect(address) as client:
                assert await client.call('a.b', '/', 'a.b', 'C') == ('text', [1, 2])

    run(main())


@pytest.mark.parametrize('first', [b'REJECTED\r\n', b'x' * 100000, b'\r\n' * 1000, b''])
def test_a_bus_that_lets_nobody_in(tmp_path, run, first):
    async def refuse(reader, writer):
        writer.write(first)
        await reader.read(1)
        writer.close()

    async def main():
        server = await asyncio.start_unix_server(refuse, str(tmp_path / 'bus'))
        with pytest.raises(xcpbus.Error):
            await xcpbus.connect(f'unix:path={tmp_path}/bus')
        server.close()

    run(main())
