#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interop client on jeepney, blocking."""
import sys

from jeepney import DBusAddress, HeaderFields, MatchRule, MessageType, Properties, message_bus, \
    new_method_call
from jeepney.io.blocking import open_dbus_connection

import steps


class Client:
    def __init__(self, address):
        # With descriptors wanted, jeepney refuses a bus that has none.
        self.bus = open_dbus_connection(address, enable_fds='fds' in ' '.join(sys.argv))

    def thing(self, name):
        return DBusAddress(steps.PATH, name, steps.IFACE)

    def send(self, message):
        reply = self.bus.send_and_get_reply(message, timeout=steps.PATIENCE)
        if reply.header.message_type == MessageType.error:
            raise steps.Failed(reply.header.fields[HeaderFields.error_name], *reply.body)
        return reply.body[0] if reply.body else None

    def call(self, name, member, signature, arguments):
        return self.send(new_method_call(self.thing(name), member, signature or None, arguments))

    def get(self, name, member):
        return self.send(Properties(self.thing(name)).get(member))[1]

    def set(self, name, member, signature, value):
        self.send(Properties(self.thing(name)).set(member, signature, value))

    def shout(self, name, text):
        rule = MatchRule(type='signal', sender=name, interface=steps.IFACE, member='Shouted')
        self.send(message_bus.AddMatch(rule))
        # Signals carry the unique name of their sender.
        with self.bus.filter(MatchRule(type='signal', interface=steps.IFACE,
                                       member='Shouted')) as heard:
            self.call(name, 'Shout', 's', (text,))
            signal = self.bus.recv_until_filtered(heard, timeout=steps.PATIENCE)
        self.send(message_bus.RemoveMatch(rule))
        return signal.body[0]

    def size(self, name, fd):
        return self.call(name, 'Size', 'h', (fd,))


steps.main(Client(sys.argv[1]))
