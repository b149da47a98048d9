# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the bus itself is (org.xen.xcp.Health1), and what it is (org.xen.xcp.Diagnostics1)."""
import os
import time

import pytest

from client import BUS, BUS_PATH, PATIENCE, Refused
from test_bus1 import plain

HEALTH1 = 'org.xen.xcp.Health1'
DIAGNOSTICS1 = 'org.xen.xcp.Diagnostics1'


def check(client, component=''):
    return plain(client.call(BUS, BUS_PATH, HEALTH1, 'Check', 's', component))


def parts(client):
    return plain(client.call(BUS, BUS_PATH, HEALTH1, 'List'))


def test_it_serves(bus):
    client = bus.connect()
    whole = check(client)
    assert (whole['component'], whole['status'], whole['reason']) == ('', 'Serving', '')
    assert abs(whole['since'] - time.time()) < 3600
    listed = parts(client)
    assert listed[0] == whole
    assert {part['component'] for part in listed[1:]} == {'bus', 'memory', 'guests'}
    assert all(part['status'] == 'Serving' for part in listed)
    assert check(client, 'memory')['component'] == 'memory'


def test_a_component_that_it_has_not(bus):
    client = bus.connect()
    with pytest.raises(Refused) as problem:
        check(client, 'soul')
    assert problem.value.name == HEALTH1 + '.Error.UnknownComponent'
    assert problem.value.message.body[1] == 'soul'


def test_it_says_that_it_ends(start_bus):
    bus = start_bus()
    client = bus.connect()
    client.match(f"type='signal',sender='{BUS}',interface='{HEALTH1}'")
    bus.process.terminate()
    changes = [plain(client.take_signal('Changed').body[0]) for _ in range(2)]
    assert [change['component'] for change in changes] == ['bus', '']
    assert all(change['status'] == 'Draining' and change['reason'] for change in changes)
    client.wait_closed()
    bus.process.wait(PATIENCE)


def test_what_it_is(bus):
    client = bus.connect()
    build = plain(client.call(BUS, BUS_PATH, DIAGNOSTICS1, 'GetBuild'))
    assert build['program'] == 'xcp-busd' and build['version'].count('.') == 2
    assert build['pid'] == bus.pid and abs(build['started'] - time.time()) < 3600
    interfaces = plain(client.call(BUS, BUS_PATH, DIAGNOSTICS1, 'ListInterfaces'))
    assert {one['interface'] for one in interfaces} == {
        'org.xen.xcp.Bus1', HEALTH1, DIAGNOSTICS1}
    assert all(one['path'] == BUS_PATH for one in interfaces)
    assert plain(client.call(BUS, BUS_PATH, DIAGNOSTICS1, 'ListCalls')) == []


def test_introspection_has_all_that_is_in_the_interface_files(bus):
    """What idl/ declares is there, with the same types."""
    import xml.etree.ElementTree as tree
    client = bus.connect()
    text = client.call(BUS, BUS_PATH, 'org.freedesktop.DBus.Introspectable', 'Introspect')
    there = {node.get('name'): node for node in tree.fromstring(text).iter('interface')}
    folder = os.path.join(os.path.dirname(__file__), '../../idl')
    for name in ('org.xen.xcp.Bus1', HEALTH1, DIAGNOSTICS1):
        wanted = tree.parse(f'{folder}/{name}.xml').find('interface')
        assert shape(there[name]) == shape(wanted)


def shape(interface):
    members = {}
    for kind in 'method', 'signal', 'property':
        for member in interface.iter(kind):
            arguments = [(arg.get('type'), arg.get('direction') or '') for arg in member.iter('arg')]
            members[kind, member.get('name')] = (arguments, member.get('type'))
    return members
