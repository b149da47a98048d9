# SPDX-License-Identifier: LGPL-2.1-or-later
"""The D-Bus programs people have, unmodified, in dom0 and in guests behind the agent.

A missing program is a failure: scripts/setup installs them.
"""
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

import bus as bus_module
from client import PATIENCE

NAME = 'org.example.Thermostat'
PATH = '/org/example/Thermostat'
IFACE = 'org.example.Thermostat1'
HERE = Path(__file__).parent


class Place:
    """A bus address, and the environment of programs that use it."""

    def __init__(self, address):
        self.address = address
        self.env = {**os.environ, 'DBUS_SESSION_BUS_ADDRESS': address, 'LC_ALL': 'C.UTF-8'}

    def popen(self, *command, **options):
        return subprocess.Popen(command, env=self.env, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, **options)

    def run(self, *command, status=0, text=None):
        result = subprocess.run(command, env=self.env, timeout=PATIENCE, capture_output=True,
                                text=True, input=text)
        assert result.returncode == status, result
        return result.stdout + (result.stderr if status else '')

    def busctl(self, *arguments, **options):
        return self.run('busctl', f'--address={self.address}', '--no-pager', *arguments, **options)

    def gdbus(self, verb, *arguments, **options):
        return self.run('gdbus', verb, '--address', self.address, *arguments, **options)

    def dbus_send(self, *arguments, **options):
        return self.run('dbus-send', f'--bus={self.address}', '--print-reply', *arguments,
                        **options)

    def qdbus(self, *arguments):
        return self.run('qdbus', '--bus', self.address, *arguments)


def begun(process, line):
    """Wait until a program says that it is ready."""
    assert bus_module.read_line(process.stdout.fileno(), process) == line + '\n'
    return process


def end(process):
    process.stdin.close()
    try:
        assert process.wait(PATIENCE) == 0
    finally:
        process.stdout.close()


@pytest.fixture(scope='module')
def places(request, daemon, tmp_path_factory):
    """Where there is a bus to be found: in dom0 and, through agents, in two guests."""
    if daemon != 'xcp-busd':
        bus = bus_module.Bus(daemon, None, tmp_path_factory.mktemp('bus'))
        yield {'dom0': Place(f'unix:path={bus.path}')}
        bus.stop()
        return
    xen = request.getfixturevalue('xen')
    bus = request.getfixturevalue('hosted_bus')
    found = {'dom0': Place(f'unix:path={bus.path}')}
    for name in 'one', 'two':
        guest = xen.create(name)
        guest.start_agent()
        found[name] = Place(f'unix:path={guest.agent_path}')
    yield found


def pytest_generate_tests(metafunc):
    """Each test runs for each pair of places that the daemon can offer."""
    if 'pair' not in metafunc.fixturenames:
        return
    pairs = [('dom0', 'dom0')]
    if metafunc.config.getoption('daemon') == 'xcp-busd':
        pairs += [('one', 'dom0'), ('dom0', 'one'), ('one', 'two')]
    metafunc.parametrize('pair', pairs, ids='-'.join, scope='module')


@pytest.fixture(scope='module')
def service(places, pair):
    """The service runs in the second place of the pair."""
    process = places[pair[1]].popen(sys.executable, HERE / 'thermostat.py', places[pair[1]].address,
                                    NAME)
    begun(process, 'ready')
    yield process
    end(process)


@pytest.fixture
def place(places, pair, service):
    """The client runs in the first."""
    return places[pair[0]]


# --- busctl ---

def test_busctl_list(place):
    output = place.busctl('list')
    assert NAME in output and 'org.freedesktop.DBus' in output


def test_busctl_tree(place):
    assert PATH in place.busctl('tree', NAME)


def test_busctl_introspect(place):
    output = place.busctl('introspect', NAME, PATH)
    for expected in '.Add', '.Describe', '.Shouted', '.Target', '20.5':
        assert expected in output


def test_busctl_introspects_the_bus(place):
    output = place.busctl('introspect', 'org.freedesktop.DBus', '/org/freedesktop/DBus')
    assert '.RequestName' in output and '.NameOwnerChanged' in output


def test_busctl_call(place):
    assert place.busctl('call', NAME, PATH, IFACE, 'Add', 'ii', '40', '2') == 'i 42\n'
    output = place.busctl('call', NAME, PATH, IFACE, 'Describe', 'a{sv}', '2', 'k', 's', 'x', 'n',
                          'u', '7')
    assert output == 'as 2 "k=x" "n=7"\n'
    assert 'it is broken' in place.busctl('call', NAME, PATH, IFACE, 'Fail', status=1)


def test_busctl_properties(place):
    assert place.busctl('get-property', NAME, PATH, IFACE, 'Version') == 's "1.0"\n'
    place.busctl('set-property', NAME, PATH, IFACE, 'Target', 'd', '20.5')


def test_busctl_status(place, pair):
    """sd-bus insists on a process id, and there is none for what runs in another domain: from a
    guest, one of dom0 would be taken for the guest's own."""
    if pair == ('dom0', 'dom0'):
        assert 'Comm=' in place.busctl('status', NAME)
    else:
        assert 'Failed to get credentials' in place.busctl('status', NAME, status=1)


# --- gdbus ---

def test_gdbus_call(place):
    arguments = ('--dest', NAME, '--object-path', PATH, '--method')
    assert place.gdbus('call', *arguments, IFACE + '.Add', '40', '2') == '(42,)\n'
    assert 'org.example.Error.Broken' in place.gdbus('call', *arguments, IFACE + '.Fail', status=1)


def test_gdbus_introspect(place):
    output = place.gdbus('introspect', '--dest', NAME, '--object-path', '/', '--recurse')
    assert 'Describe(in' in output and 'Target = 20.5' in output


def test_gdbus_wait(place):
    place.run('gdbus', 'wait', '--session', '--timeout', str(round(PATIENCE)), NAME)


def test_gdbus_emit_and_monitor(place):
    monitor = place.popen('gdbus', 'monitor', '--address', place.address, '--dest', NAME)
    begun(monitor, f'Monitoring signals from all objects owned by {NAME}')
    line = bus_module.read_line(monitor.stdout.fileno(), monitor)
    assert line.startswith(f'The name {NAME} is owned by :')
    # gdbus says so before its rule is with the bus, so shout until it hears.
    for _ in range(1000):
        place.gdbus('call', '--dest', NAME, '--object-path', PATH, '--method', IFACE + '.Shout',
                    'hey')
        if select.select([monitor.stdout], [], [], 0.05)[0]:
            break
    assert f"{IFACE}.Shouted ('hey',)" in bus_module.read_line(monitor.stdout.fileno(), monitor)
    monitor.terminate()
    monitor.communicate(timeout=PATIENCE)


# --- dbus-send, dbus-test-tool ---

def test_dbus_send(place):
    output = place.dbus_send('--dest=' + NAME, PATH, IFACE + '.Add', 'int32:40', 'int32:2')
    assert 'int32 42' in output
    output = place.dbus_send('--dest=org.freedesktop.DBus', '/', 'org.freedesktop.DBus.ListNames')
    assert NAME in output
    output = place.dbus_send('--dest=' + NAME, PATH, IFACE + '.Fail', status=1)
    assert 'org.example.Error.Broken: it is broken' in output


def test_dbus_send_signal(place):
    place.run('dbus-send', f'--bus={place.address}', '--type=signal', '/a', 'a.b.C', 'string:x')


def test_dbus_test_tool(places, pair):
    """Its echo in one place, its spam in the other; messages of several kinds."""
    caller, callee = places[pair[0]], places[pair[1]]
    echo = callee.popen('dbus-test-tool', 'echo', '--session', '--name=org.example.Echo')
    caller.run('gdbus', 'wait', '--session', '--timeout', str(round(PATIENCE)), 'org.example.Echo')
    for arguments in ['--count=500'], ['--count=500', '--queue=50'], ['--count=100', '--flood']:
        caller.run('dbus-test-tool', 'spam', '--session', '--dest=org.example.Echo', *arguments)
    caller.run('dbus-test-tool', 'spam', '--session', '--dest=org.example.Echo', '--count=10',
               '--bytes', '--stdin', text='x' * 100_000)
    echo.terminate()
    echo.communicate(timeout=PATIENCE)


# --- Python ---

def test_python_dbus(place):
    """libdbus through python3-dbus."""
    script = f'''
import dbus, dbus.bus
bus = dbus.bus.BusConnection({place.address!r})
thing = dbus.Interface(bus.get_object({NAME!r}, {PATH!r}), {IFACE!r})
assert thing.Add(40, 2) == 42
assert thing.Describe({{'k': 'x', 'n': dbus.UInt32(7)}}, signature='a{{sv}}') == ['k=x', 'n=7']
try:
    thing.Fail()
except dbus.DBusException as error:
    assert error.get_dbus_name() == 'org.example.Error.Broken'
assert bus.request_name('org.example.PythonDBus') == 1
assert bus.name_has_owner({NAME!r})
print('well')
'''
    assert place.run(sys.executable, '-c', script) == 'well\n'


def test_python_dbus_fast(place):
    """Introspection, proxies, properties and signals through python3-dbus-fast."""
    script = f'''
import asyncio
from dbus_fast import Variant
from dbus_fast.aio import MessageBus

async def main():
    bus = await MessageBus(bus_address={place.address!r}).connect()
    tree = await bus.introspect({NAME!r}, {PATH!r})
    thing = bus.get_proxy_object({NAME!r}, {PATH!r}, tree).get_interface({IFACE!r})
    assert await thing.call_add(40, 2) == 42
    assert await thing.call_describe({{'k': Variant('s', 'x')}}) == ['k=x']
    assert await thing.get_version() == '1.0'
    heard = asyncio.get_running_loop().create_future()
    thing.on_shouted(heard.set_result)
    # The rule is sent before the call, and the bus keeps the order.
    await thing.call_shout('hey')
    assert await asyncio.wait_for(heard, {PATIENCE}) == 'hey'
    bus.disconnect()
    print('well')

asyncio.run(main())
'''
    assert place.run(sys.executable, '-c', script) == 'well\n'


# --- Qt ---

def test_qdbus(place):
    assert NAME in place.qdbus()
    assert PATH in place.qdbus(NAME)
    assert place.qdbus(NAME, PATH, IFACE + '.Add', '40', '2') == '42\n'
