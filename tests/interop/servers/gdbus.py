#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interop server on GDBus: ADDRESS NAME."""
import os
import sys
from pathlib import Path

from gi.repository import Gio, GLib

PATH, IFACE = '/org/example/Interop', 'org.example.Interop1'
XML = Path(__file__).with_name('interop.xml').read_text()


class Interop:
    target = 20.5

    def __init__(self, bus):
        self.bus = bus
        self.methods = {
            'Add': lambda a, b: GLib.Variant('(i)', (a + b,)),
            'Describe': lambda values: GLib.Variant('(as)', (sorted(
                f'{key}={value}' for key, value in values.items()),)),
            'Shout': lambda text: bus.emit_signal(None, PATH, IFACE, 'Shouted',
                                                  GLib.Variant('(s)', (text,))) and None,
        }

    def call(self, bus, sender, path, interface, member, arguments, invocation):
        if member == 'Fail':
            invocation.return_dbus_error(IFACE + '.Error.Broken', 'it is broken')
        elif member == 'Echo':
            invocation.return_value(arguments)  # never unpacked
        elif member == 'Size':
            fds = invocation.get_message().get_unix_fd_list()
            fd = fds.get(arguments.unpack()[0])
            invocation.return_value(GLib.Variant('(t)', (os.fstat(fd).st_size,)))
            os.close(fd)
        else:
            invocation.return_value(self.methods[member](*arguments.unpack()))

    def get(self, bus, sender, path, interface, name):
        return GLib.Variant('s', '1.0') if name == 'Version' else GLib.Variant('d', self.target)

    def set(self, bus, sender, path, interface, name, value):
        self.target = value.unpack()
        return True


flags = Gio.DBusConnectionFlags
bus = Gio.DBusConnection.new_for_address_sync(
    sys.argv[1], flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
thing = Interop(bus)
bus.register_object(PATH, Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0], thing.call, thing.get,
                    thing.set)
Gio.bus_own_name_on_connection(bus, sys.argv[2], Gio.BusNameOwnerFlags.NONE,
                               lambda *_: print('ready', flush=True), None)
GLib.MainLoop().run()
