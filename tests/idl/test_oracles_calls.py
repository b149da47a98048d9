# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other people's clients call our services, one in each language: busctl, gdbus, dbus-fast and obus."""
import asyncio
import os
import re
import subprocess

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

import bus as bus_module
from client import PATIENCE
from test_matrix import SERVERS

NAME = 'org.example.torture1'
PATH = '/org/example/torture1'
EXTRA = NAME + '.Extra'
ERROR = 'org.freedesktop.DBus.Error.'


@pytest.fixture(scope='module', params=SERVERS)
def service(request, build, shared_bus, tmp_path_factory):
    """The address at which there is one."""
    folder = tmp_path_factory.mktemp('service')
    env = {**bus_module.sanitizer_environment(folder), 'XCP_BUS_ADDRESS': shared_bus.address}
    with subprocess.Popen(SERVERS[request.param](build), env={**os.environ, **env},
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == 'ready\n'
        yield shared_bus.address
        assert process.poll() is None, 'it ended'
        process.terminate()
        process.wait(PATIENCE)
    assert not list(folder.glob('sanitizer*'))


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.stdout + done.stderr


# ---- busctl ----

def busctl(address, *words):
    return run('busctl', f'--address={address}', '--no-pager', *words)


def test_busctl_calls(service):
    said = busctl(service, 'call', NAME, PATH, NAME, 'Draw', '(sv)s', 'Circle', 'd', '1.5', 'Red')
    assert said == '(sv)s "Circle" d 1.5 "Red"\n'
    assert busctl(service, 'call', NAME, PATH, NAME, 'Poke', 'u', '7') == ''
    assert re.fullmatch('u [1-9][0-9]*\n', busctl(service, 'get-property', NAME, PATH, NAME, 'Count'))
    assert busctl(service, 'set-property', NAME, PATH, NAME, 'Favourite', 's', 'Red') == ''
    assert busctl(service, 'get-property', NAME, PATH, NAME, 'Favourite') == 's "Red"\n'
    assert 'limits' not in busctl(service, 'call', NAME, PATH, NAME, 'Draw', '(sv)s', 'Nothing', 'b',
                                  'true', 'Red')


def test_busctl_sees_all_members(service):
    said = busctl(service, 'introspect', NAME, PATH)
    for member in ('EchoEverything', 'EchoBasic', 'EchoContainers', 'Draw', 'Poke', 'Poked', 'Count',
                   'Favourite', 'Version', 'Wait', 'Forget'):
        assert re.search(rf'^\.{member} ', said, re.MULTILINE), said
    assert PATH in busctl(service, 'tree', NAME)


# ---- gdbus ----

def gdbus(address, path, method, *arguments):
    return run('gdbus', 'call', f'--address={address}', f'--dest={NAME}', f'--object-path={path}',
               f'--method={method}', *arguments)


def test_gdbus_calls(service):
    said = gdbus(service, PATH, f'{NAME}.Draw', "('Segment', <(int64 1, int64 2)>)", 'Red')
    assert said == "(('Segment', <(int64 1, int64 2)>), 'Red')\n"
    assert gdbus(service, PATH, f'{EXTRA}.Wait', '0.01') == '()\n'
    said = gdbus(service, PATH, f'{NAME}.Draw', "('Segment', <(int64 5, int64 2)>)", 'Red')
    assert f'GDBus.Error:{NAME}.Error.BadShape: ' in said


@pytest.mark.parametrize('path,method,arguments,error', [
    (PATH, f'{NAME}.Sing', (), 'UnknownMethod'),
    (PATH, 'org.example.dance1.Dance', (), 'UnknownInterface'),
    ('/no', f'{NAME}.Draw', (), 'UnknownObject'),
    (PATH, f'{NAME}.Draw', ("('Circle', <'round'>)", 'Red'), 'InvalidArgs'),
])
def test_gdbus_is_refused(service, path, method, arguments, error):
    assert ERROR + error in gdbus(service, path, method, *arguments)


# ---- dbus-fast ----

def dbus_fast(address, run_it):
    async def connected():
        bus = await MessageBus(bus_address=address).connect()
        try:
            return await asyncio.wait_for(run_it(bus), PATIENCE)
        finally:
            bus.disconnect()
    return asyncio.run(connected())


def test_dbus_fast_calls_and_hears(service):
    async def use(bus):
        node = await bus.introspect(NAME, PATH)
        torture = bus.get_proxy_object(NAME, PATH, node).get_interface(NAME)
        heard = asyncio.Queue()
        torture.on_poked(lambda end, label: heard.put_nowait((end, label)))
        before = await torture.get_count()
        await torture.call_poke(42)
        end, label = await heard.get()
        assert end == 42 and label['text'].value == 'poked'
        assert await torture.get_count() == before + 1
        empty = ['Empty', Variant('b', True)]
        assert await torture.call_draw(empty, 'Ultraviolet') == [empty, 'Ultraviolet']
        given = ['', b'\0\xff', [], {'name': Variant('s', 'x')}, Variant('x', -1)]
        found = await torture.call_echo_containers([], *given[1:])
        assert found[1] == given[1] and found[4] == given[4]
    dbus_fast(service, use)


@pytest.mark.parametrize('path,interface,member,signature,body,error', [
    (PATH, NAME, 'Sing', '', [], ERROR + 'UnknownMethod'),
    (PATH, 'org.example.dance1', 'Dance', '', [], ERROR + 'UnknownInterface'),
    ('/no', NAME, 'Draw', '', [], ERROR + 'UnknownObject'),
    (PATH, NAME, 'Draw', '', [], ERROR + 'InvalidArgs'),
    (PATH, NAME, 'Draw', '(sv)s', [['Circle', Variant('s', 'round')], 'Red'], ERROR + 'InvalidArgs'),
    (PATH, NAME, 'EchoEverything', 'sa{sv}', ['', {'a_byte': Variant('i', 1)}], ERROR + 'InvalidArgs'),
    (PATH, NAME, 'Draw', '(sv)s', [['Circle', Variant('d', -1.0)], 'Red'],
     NAME + '.Error.InternalError'),
    (PATH, 'org.freedesktop.DBus.Properties', 'Get', 'ss', [NAME, 'Nose'], ERROR + 'UnknownProperty'),
    (PATH, 'org.freedesktop.DBus.Properties', 'Set', 'ssv', [NAME, 'Version', Variant('s', '2')],
     ERROR + 'PropertyReadOnly'),
])
def test_dbus_fast_is_refused(service, path, interface, member, signature, body, error):
    async def call(bus):
        return await bus.call(Message(destination=NAME, path=path, interface=interface, member=member,
                                      signature=signature, body=body))
    answer = dbus_fast(service, call)
    assert (answer.message_type, answer.error_name) == (MessageType.ERROR, error), answer.body
    assert answer.signature.startswith('s') and answer.body[0]


@pytest.mark.parametrize('service', ('c', 'ocaml'), indirect=True)
def test_what_is_secret_is_seen(service):
    """And the other things that callers may want to know."""
    async def call(bus):
        return await bus.call(Message(destination=NAME, path=PATH, member='Introspect',
                                      interface='org.freedesktop.DBus.Introspectable'))
    xml = re.sub(r'\s+', ' ', dbus_fast(service, call).body[0])
    for name, value in (('Secret', 'a_string'), ('Secret', 'everything result'), ('Timeout', '90.5'),
                        ('Idempotent', 'true')):
        assert f'<annotation name="org.xen.xcp.{name}" value="{value}"' in xml, name


def test_a_method_without_an_interface_is_found(service):
    async def call(bus):
        return await bus.call(Message(destination=NAME, path=PATH, member='Draw', signature='(sv)s',
                                      body=[['Empty', Variant('b', True)], 'Red']))
    assert dbus_fast(service, call).signature == '(sv)s'


# ---- obus ----

def test_obus_calls_hears_and_is_refused(service, build):
    said = run(f'{build}/ocaml/tests/stock', service)
    assert said == 'as it should be\n'
