#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interop client on GDBus."""
import sys

from gi.repository import Gio, GLib

import steps


def pack(data):
    """As one piece; GLib.Variant would take half a million objects."""
    return GLib.Variant.new_tuple(
        GLib.Variant.new_from_bytes(GLib.VariantType('ay'), GLib.Bytes(data), True))


class Client:
    def __init__(self, address):
        flags = Gio.DBusConnectionFlags
        self.bus = Gio.DBusConnection.new_for_address_sync(
            address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)

    def invoke(self, name, interface, member, variant, fds=None):
        try:
            result, _ = self.bus.call_with_unix_fd_list_sync(
                name, steps.PATH, interface, member, variant, None, Gio.DBusCallFlags.NONE,
                steps.PATIENCE * 1000, fds, None)
            return result
        except GLib.Error as error:
            remote = Gio.DBusError.get_remote_error(error)
            Gio.DBusError.strip_remote_error(error)
            raise steps.Failed(remote, error.message)

    def call(self, name, member, signature, arguments):
        arguments = tuple({key: GLib.Variant(*pair) for key, pair in argument.items()}
                          if isinstance(argument, dict) else argument for argument in arguments)
        variant = pack(arguments[0]) if signature == 'ay' else GLib.Variant(f'({signature})',
                                                                            arguments)
        result = self.invoke(name, steps.IFACE, member, variant)
        if signature == 'ay':
            return result.get_child_value(0).get_data_as_bytes().get_data()
        return result.unpack()[0] if result.n_children() else None

    def proxy(self, name):
        return Gio.DBusProxy.new_sync(self.bus, Gio.DBusProxyFlags.NONE, None, name, steps.PATH,
                                      steps.IFACE, None)

    def get(self, name, member):
        """The proxy has fetched them all."""
        return self.proxy(name).get_cached_property(member).unpack()

    def set(self, name, member, signature, value):
        self.invoke(name, steps.PROPERTIES, 'Set', GLib.Variant(
            '(ssv)', (steps.IFACE, member, GLib.Variant(signature, value))))

    def shout(self, name, text):
        heard = []
        number = self.bus.signal_subscribe(
            name, steps.IFACE, 'Shouted', steps.PATH, None, Gio.DBusSignalFlags.NONE,
            lambda *event: heard.append(event[5].unpack()[0]))
        self.call(name, 'Shout', 's', (text,))
        while not heard:
            GLib.MainContext.default().iteration(True)
        self.bus.signal_unsubscribe(number)
        return heard[0]

    def size(self, name, fd):
        fds = Gio.UnixFDList()
        index = fds.append(fd)
        return self.invoke(name, steps.IFACE, 'Size', GLib.Variant('(h)', (index,)),
                           fds).unpack()[0]


steps.main(Client(sys.argv[1]))
