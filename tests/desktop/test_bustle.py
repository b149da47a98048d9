# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bustle opens what was captured on the bus, and knows who called whom."""
import subprocess

import pytest

from screen import PATIENCE, until

NAME = 'org.xen.xcp.hello1'


def capture(program, bus, path):
    """Begins to; returns once everything that passes is written."""
    watcher = bus.connect()
    watcher.match("type='signal',member='NameOwnerChanged'")
    with open(path, 'wb') as output:
        process = subprocess.Popen([*program, '--address', f'unix:path={bus.path}', '--pcap'] +
                                   (['-'] if program != ['dbus-monitor'] else []), stdout=output)
    while watcher.take_signal('NameOwnerChanged').body[2]:
        pass  # it has a name until it is a monitor
    watcher.close()
    return process


@pytest.mark.parametrize('name', ['dbus-monitor', 'xcp-bus-monitor'])
def test_it_opens_a_capture(screen, hosted_bus, greeter, tmp_path, pictures, build, name):
    path = tmp_path / 'calls.pcap'
    program = [f'{build}/{name}' if name == 'xcp-bus-monitor' else name]
    process = capture(program, hosted_bus, path)
    caller = hosted_bus.connect()
    for _ in range(3):
        caller.call(NAME, '/org/xen/xcp/hello1', NAME, 'Greet', 's', 'Bustle')
    until(lambda: path.read_bytes().count(b', this is ') == 3, 'it is not written')
    process.terminate()
    process.wait(PATIENCE)

    counted = subprocess.run(['bustle', '--count', path], env=screen.env, capture_output=True, text=True,
                             timeout=PATIENCE, check=True).stdout
    assert ['3', 'method', f'{NAME}.Greet'] in [line.split() for line in counted.splitlines()], counted
    bustle, application = screen.run('bustle', 'bustle', path)
    application.wait_for('label', 'calls.pcap')
    application.wait_for('table cell', 'org.xen.xcp.hello1.Greet')
    screen.photograph(pictures / 'bustle.png')
    screen.end(bustle)
