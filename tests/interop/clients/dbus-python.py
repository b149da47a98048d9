#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interop client on dbus-python, which is libdbus with GLib's loop."""
import sys

import dbus
import dbus.bus
import dbus.mainloop.glib
from gi.repository import GLib

import steps


class Client:
    def __init__(self, address):
        self.bus = dbus.bus.BusConnection(
            address, mainloop=dbus.mainloop.glib.DBusGMainLoop())

    def invoke(self, name, interface, member, *arguments, **options):
        try:
            thing = self.bus.get_object(name, steps.PATH, introspect=False)
            return dbus.Interface(thing, interface).get_dbus_method(member)(
                *arguments, timeout=steps.PATIENCE, **options)
        except dbus.DBusException as error:
            raise steps.Failed(error.get_dbus_name(), error.get_dbus_message())

    def call(self, name, member, signature, arguments):
        types = {'s': dbus.String, 'u': dbus.UInt32}
        arguments = [{key: types[kind](value) for key, (kind, value) in argument.items()}
                     if isinstance(argument, dict) else argument for argument in arguments]
        return self.invoke(name, steps.IFACE, member, *arguments, signature=signature)

    def get(self, name, member):
        return self.invoke(name, steps.PROPERTIES, 'Get', steps.IFACE, member)

    def set(self, name, member, signature, value):
        self.invoke(name, steps.PROPERTIES, 'Set', steps.IFACE, member, dbus.Double(value),
                    signature='ssv')

    def shout(self, name, text):
        heard = []
        match = self.bus.add_signal_receiver(heard.append, 'Shouted', steps.IFACE, name, steps.PATH)
        self.call(name, 'Shout', 's', (text,))
        while not heard:
            GLib.MainContext.default().iteration(True)
        match.remove()
        return heard[0]

    def size(self, name, fd):
        return self.call(name, 'Size', 'h', (dbus.types.UnixFd(fd),))


steps.main(Client(sys.argv[1]))
