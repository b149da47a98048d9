# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the capturing tools write can be read by tshark; what browsers of a bus ask is answered."""
import os
import select
import subprocess
import time

import pytest

from client import BUS, BUS_PATH, PATIENCE, Refused, echo_once

ERR = 'org.freedesktop.DBus.Error.'
STATS = 'org.freedesktop.DBus.Debug.Stats'


def tshark(path):
    """A line for each message: its type and its member."""
    result = subprocess.run(['tshark', '-r', path, '-T', 'fields', '-e', 'dbus.message_type',
                             '-e', 'dbus.member'], capture_output=True, text=True, check=True,
                            timeout=PATIENCE, env={**os.environ, 'HOME': '/nonexistent'})
    return [line.split('\t') for line in result.stdout.splitlines()]


@pytest.mark.parametrize('command', [
    ['dbus-monitor', '--address', 'ADDRESS', '--pcap'],
    ['busctl', '--address=ADDRESS', 'capture'],
], ids=['dbus-monitor', 'busctl'])
def test_captures(bus, command, tmp_path):
    address = f'unix:path={bus.path}'
    path = tmp_path / 'capture'
    caller, service = bus.innocents()
    before = len(caller.bus('ListNames'))
    watcher = bus.connect()
    watcher.match("type='signal',member='NameOwnerChanged'")
    with open(path, 'wb') as output:
        process = subprocess.Popen([word.replace('ADDRESS', address) for word in command],
                                   stdout=output, stderr=subprocess.DEVNULL)
    # It has a name until it is a monitor.
    while watcher.take_signal('NameOwnerChanged').body[2]:
        pass
    deadline = time.monotonic() + PATIENCE
    echo_once(caller, service)
    while b'Echo' not in path.read_bytes():
        assert time.monotonic() < deadline, 'nothing was captured'
        caller.sync()
        select.select([], [], [], 0.01)  # it is a file: nothing to wait for
    assert len(caller.bus('ListNames')) == before + 1  # the watcher; the monitor has none
    process.terminate()
    process.wait(PATIENCE)
    assert 'Echo' in [member for _, member in tshark(path)]


def test_busctl_monitor(bus):
    caller, service = bus.innocents()
    watcher = bus.connect()
    watcher.match("type='signal',member='NameOwnerChanged'")
    process = subprocess.Popen(['busctl', f'--address=unix:path={bus.path}', 'monitor'],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while watcher.take_signal('NameOwnerChanged').body[2]:
        pass
    echo_once(caller, service)
    said, deadline = b'', time.monotonic() + PATIENCE
    while b'Member=Echo' not in said:
        assert select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0], said
        said += os.read(process.stdout.fileno(), 65536)
    assert f'Sender={caller.name}  Destination={service.name}'.encode() in said
    process.terminate()
    process.wait(PATIENCE)
    process.stdout.close()


def test_the_calls_of_d_feet(bus):
    """As recorded; it refuses a bus that answers any of these otherwise."""
    client, service = bus.innocents()
    service.own('org.example.Seen')
    for rule in ("type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged'",
                 "type='signal',sender='org.freedesktop.DBus',"
                 "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
                 "path='/org/freedesktop/DBus',arg0='org.freedesktop.DBus'",
                 "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                 "path='/org/freedesktop/DBus'"):
        client.match(rule)
    try:
        assert client.bus('StartServiceByName', 'su', BUS, 0) == 2
    except Refused as refused:
        assert refused.name == ERR + 'ServiceUnknown'
    assert client.bus('GetNameOwner', 's', BUS) == BUS
    assert 'Features' in client.call(BUS, BUS_PATH, 'org.freedesktop.DBus.Properties', 'GetAll',
                                     's', BUS)
    assert BUS in client.bus('ListActivatableNames')
    assert 'org.example.Seen' in client.bus('ListNames')
    for name in client.bus('ListNames'):
        if name != BUS:
            assert client.bus('GetConnectionUnixProcessID', 's', name) > 0
    assert client.call(BUS, BUS_PATH, STATS, 'GetConnectionStats', 's', 'org.example.Seen')
    assert client.name in client.call(BUS, BUS_PATH, STATS, 'GetAllMatchRules')
