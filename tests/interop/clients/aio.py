# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interop client on dbus-next or its descendant dbus-fast: the two have the same interface."""
import asyncio
import sys
from importlib import import_module

import steps


class Client:
    def __init__(self, library, address):
        self.lib = import_module(library)
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        aio = import_module(library + '.aio')

        async def connect():
            return await aio.MessageBus(
                bus_address=address, negotiate_unix_fd='fds' in ' '.join(sys.argv)).connect()

        self.bus = self.await_(connect())
        self.things = {}

    def await_(self, what):
        return self.loop.run_until_complete(asyncio.wait_for(what, steps.PATIENCE))

    def thing(self, name):
        """A proxy made from what the service says of itself."""
        if name not in self.things:
            tree = self.await_(self.bus.introspect(name, steps.PATH))
            self.things[name] = self.bus.get_proxy_object(name, steps.PATH, tree).get_interface(
                steps.IFACE)
        return self.things[name]

    def call(self, name, member, signature, arguments, fds=()):
        Variant = self.lib.Variant
        body = [{key: Variant(*pair) for key, pair in argument.items()}
                if isinstance(argument, dict) else argument for argument in arguments]
        message = self.lib.Message(destination=name, path=steps.PATH, interface=steps.IFACE,
                                   member=member, signature=signature, body=body,
                                   unix_fds=list(fds))
        reply = self.await_(self.bus.call(message))
        if reply.message_type == self.lib.MessageType.ERROR:
            raise steps.Failed(reply.error_name, reply.body[0] if reply.body else '')
        return reply.body[0] if reply.body else None

    def get(self, name, member):
        return self.await_(getattr(self.thing(name), f'get_{member.lower()}')())

    def set(self, name, member, signature, value):
        self.await_(getattr(self.thing(name), f'set_{member.lower()}')(value))

    def shout(self, name, text):
        heard = self.loop.create_future()
        thing = self.thing(name)
        thing.on_shouted(heard.set_result)
        self.await_(thing.call_shout(text))
        result = self.await_(heard)
        thing.off_shouted(heard.set_result)
        return result

    def size(self, name, fd):
        return self.call(name, 'Size', 'h', (0,), (fd,))


def main(library):
    steps.main(Client(library, sys.argv[1]))
