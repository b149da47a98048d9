# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interop server on dbus-next or its descendant dbus-fast: main(LIBRARY), with ADDRESS NAME."""
import asyncio
import os
import sys
from importlib import import_module

PATH, IFACE = '/org/example/Interop', 'org.example.Interop1'


def make(library):
    service = import_module(library + '.service')
    method, signal, dbus_property = service.method, service.signal, service.dbus_property
    DBusError = import_module(library).DBusError

    class Interop(service.ServiceInterface):
        target = 20.5

        @method()
        def Add(self, a: 'i', b: 'i') -> 'i':  # noqa: F722,F821
            return a + b

        @method()
        def Echo(self, data: 'ay') -> 'ay':  # noqa: F722,F821
            return data

        @method()
        def Describe(self, values: 'a{sv}') -> 'as':  # noqa: F722,F821
            return sorted(f'{key}={value.value}' for key, value in values.items())

        @method()
        def Fail(self):
            raise DBusError(IFACE + '.Error.Broken', 'it is broken')

        @method()
        def Shout(self, text: 's'):  # noqa: F821
            self.Shouted(text)

        @signal()
        def Shouted(self, text) -> 's':  # noqa: F821
            return text

        @method()
        def Size(self, fd: 'h') -> 't':  # noqa: F821
            size = os.fstat(fd).st_size
            os.close(fd)
            return size

        @dbus_property(access=service.PropertyAccess.READ)
        def Version(self) -> 's':  # noqa: F821
            return '1.0'

        @dbus_property()
        def Target(self) -> 'd':  # noqa: F821
            return self.target

        @Target.setter
        def Target(self, value: 'd'):  # noqa: F821
            self.target = value

    return Interop(IFACE)


async def serve(library, address, name, takes_fds):
    aio = import_module(library + '.aio')
    bus = await aio.MessageBus(bus_address=address, negotiate_unix_fd=takes_fds).connect()
    bus.export(PATH, make(library))
    await bus.request_name(name)
    print('ready', flush=True)
    await bus.wait_for_disconnect()


def main(library):
    asyncio.run(serve(library, sys.argv[1], sys.argv[2], 'fds' in sys.argv))
