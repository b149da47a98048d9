#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ordinary D-Bus service on dbus-fast, which knows nothing of domains.

thermostat.py ADDRESS NAME: prints "ready" and serves until its input ends.
"""
import asyncio
import sys

from dbus_fast import DBusError
from dbus_fast.aio import MessageBus
from dbus_fast.service import PropertyAccess, ServiceInterface, dbus_property, method, signal

PATH = '/org/example/Thermostat'


class Thermostat(ServiceInterface):
    def __init__(self):
        super().__init__('org.example.Thermostat1')
        self.target = 20.5

    @method()
    def Add(self, a: 'i', b: 'i') -> 'i':  # noqa: F722,F821
        return a + b

    @method()
    def Describe(self, values: 'a{sv}') -> 'as':  # noqa: F722,F821
        return sorted(f'{key}={value.value}' for key, value in values.items())

    @method()
    def Fail(self):
        raise DBusError('org.example.Error.Broken', 'it is broken')

    @method()
    def Shout(self, text: 's'):  # noqa: F821
        self.Shouted(text)

    @signal()
    def Shouted(self, text) -> 's':  # noqa: F821
        return text

    @dbus_property(access=PropertyAccess.READ)
    def Version(self) -> 's':  # noqa: F821
        return '1.0'

    @dbus_property()
    def Target(self) -> 'd':  # noqa: F821
        return self.target

    @Target.setter
    def Target(self, value: 'd'):  # noqa: F821
        self.target = value


async def main(address, name):
    bus = await MessageBus(bus_address=address).connect()
    bus.export(PATH, Thermostat())
    await bus.request_name(name)
    print('ready', flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main(*sys.argv[1:]))
