#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interop server on dbus-python: ADDRESS NAME."""
import os
import sys

import dbus
import dbus.bus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

PATH, IFACE = '/org/example/Interop', 'org.example.Interop1'


class Broken(dbus.DBusException):
    _dbus_error_name = IFACE + '.Error.Broken'


class Interop(dbus.service.Object):
    target = 20.5

    @dbus.service.method(IFACE, 'ii', 'i')
    def Add(self, a, b):
        return a + b

    @dbus.service.method(IFACE, 'ay', 'ay', byte_arrays=True)
    def Echo(self, data):
        return dbus.ByteArray(data)

    @dbus.service.method(IFACE, 'a{sv}', 'as')
    def Describe(self, values):
        return sorted(f'{key}={value}' for key, value in values.items())

    @dbus.service.method(IFACE, '', '')
    def Fail(self):
        raise Broken('it is broken')

    @dbus.service.method(IFACE, 's', '')
    def Shout(self, text):
        self.Shouted(text)

    @dbus.service.signal(IFACE, 's')
    def Shouted(self, text):
        pass

    @dbus.service.method(IFACE, 'h', 't')
    def Size(self, fd):
        number = fd.take()
        size = os.fstat(number).st_size
        os.close(number)
        return size

    @dbus.service.method(dbus.PROPERTIES_IFACE, 'ss', 'v')
    def Get(self, interface, name):
        return self.GetAll(interface)[name]

    @dbus.service.method(dbus.PROPERTIES_IFACE, 's', 'a{sv}')
    def GetAll(self, interface):
        return {'Version': '1.0', 'Target': dbus.Double(self.target)}

    @dbus.service.method(dbus.PROPERTIES_IFACE, 'ssv', '')
    def Set(self, interface, name, value):
        self.target = float(value)

    @dbus.service.method('org.freedesktop.DBus.Introspectable', '', 's')
    def Introspect(self):
        """It does not know of properties."""
        xml = dbus.service.Object.Introspect(self, self._object_path, self._connection)
        return xml.replace(f'<interface name="{IFACE}">', f'''<interface name="{IFACE}">
            <property name="Version" type="s" access="read"/>
            <property name="Target" type="d" access="readwrite"/>''')


bus = dbus.bus.BusConnection(sys.argv[1], mainloop=dbus.mainloop.glib.DBusGMainLoop())
name = dbus.service.BusName(sys.argv[2], bus)
thing = Interop(bus, PATH)
print('ready', flush=True)
GLib.MainLoop().run()
