#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interop server on jeepney, which brings messages and nothing else: ADDRESS NAME."""
import os
import sys
from pathlib import Path

from jeepney import DBusAddress, HeaderFields, MessageType, message_bus, new_error, \
    new_method_return, new_signal
from jeepney.io.blocking import open_dbus_connection

PATH, IFACE = '/org/example/Interop', 'org.example.Interop1'
XML = Path(__file__).with_name('interop.xml').read_text()
bus = open_dbus_connection(sys.argv[1], enable_fds='fds' in sys.argv)
target = 20.5


def properties():
    return {'Version': ('s', '1.0'), 'Target': ('d', target)}


def size(fd):
    with fd.to_file('rb') as file:
        return os.fstat(file.fileno()).st_size


def set_target(interface, name, value):
    global target
    target = value[1]


def shout(text):
    bus.send(new_signal(DBusAddress(PATH, interface=IFACE), 'Shouted', 's', (text,)))


METHODS = {
    'Add': ('i', lambda a, b: a + b),
    'Echo': ('ay', lambda data: data),
    'Describe': ('as', lambda values: sorted(f'{key}={value}'
                                             for key, (_, value) in values.items())),
    'Shout': (None, shout),
    'Size': ('t', size),
    'Get': ('v', lambda interface, name: properties()[name]),
    'GetAll': ('a{sv}', lambda interface: properties()),
    'Set': (None, set_target),
    'Introspect': ('s', lambda: XML),
}

bus.send_and_get_reply(message_bus.RequestName(sys.argv[2]))
print('ready', flush=True)
while True:
    call = bus.receive()
    if call.header.message_type != MessageType.method_call:
        continue
    member = call.header.fields[HeaderFields.member]
    if member == 'Fail':
        bus.send(new_error(call, IFACE + '.Error.Broken', 's', ('it is broken',)))
        continue
    signature, method = METHODS[member]
    result = method(*call.body)
    bus.send(new_method_return(call, signature, (result,) if signature else ()))
