# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-monitor who-called: callers and numbers are those that there were."""
import os
import time

import pytest

import wire
from client import Refused, echo_once
from watching import Watch

STORAGE, VDI = 'org.xen.xcp.storage1', 'org.xen.xcp.storage1.VDI'


@pytest.fixture
def storage(hosted_bus, new_guest):
    client = new_guest('storage').connect()
    client.own(STORAGE)
    yield client
    client.close()


def ask(caller, storage, member, interface=VDI, fails=False):
    serial = caller.send(wire.call(STORAGE, '/sr', interface, member))
    request = storage.take(lambda m: m.type == wire.METHOD_CALL and m.sender == caller.name
                           and m.serial == serial)
    storage.send(wire.error_to(request, 'a.b.No', 'no') if fails else wire.reply_to(request))
    try:
        caller.result(serial)
    except Refused:
        assert fails


def rows(lines):
    return {(line['from']['unique'], line['member']): (line['calls'], line['errors']) for line in lines}


@pytest.mark.parametrize('what, members', [
    ('Attach3', {'Attach3'}), (f'{VDI}.Attach3', {'Attach3'}), (VDI, {'Attach3', 'Detach'}),
    (STORAGE, {'Attach3', 'Detach', 'Scan'}), ('org.example.Echo', set()),
])
def test_callers_are_counted(hosted_bus, storage, guest, build, what, members):
    local, remote = hosted_bus.connect(), guest.connect()
    remote.own('org.example.remote')
    with Watch(build, hosted_bus, 'who-called', what) as watch:
        begin = time.time() * 1e6
        for _ in range(3):
            ask(local, storage, 'Attach3')
        ask(local, storage, 'Attach3', fails=True)
        ask(remote, storage, 'Detach')
        ask(remote, storage, 'Attach3', fails=True)
        ask(local, storage, 'Scan', f'{STORAGE}.SR')
        lines = watch.end()
    expected = {(local.name, 'Attach3'): (4, 1), (remote.name, 'Detach'): (1, 0),
                (remote.name, 'Attach3'): (1, 1), (local.name, 'Scan'): (1, 0)}
    assert rows(lines) == {key: value for key, value in expected.items() if key[1] in members}
    assert [line['last_us'] for line in lines] == sorted((line['last_us'] for line in lines), reverse=True)
    for line in lines:
        assert begin <= line['last_us'] <= time.time() * 1e6
        if line['from']['unique'] == remote.name:
            assert line['from'] == {'unique': remote.name, 'name': 'org.example.remote',
                                    'domid': guest.domid, 'domain': 'guest'}
            assert line['program'] is None and line['pid'] is None
        else:
            assert line['pid'] == os.getpid() and line['program']
    remote.close()


def test_it_ends_after_so_many_calls(hosted_bus, storage, guest, build):
    local, remote = hosted_bus.connect(), guest.connect()
    with Watch(build, hosted_bus, 'who-called', STORAGE, '--count=3', '--last=1', is_json=False) as watch:
        ask(local, storage, 'Attach3')
        ask(local, storage, 'Attach3')
        ask(remote, storage, 'Detach')
        heading, row = watch.wait()
    assert heading.split() == ['CALLER', 'DOMAIN', 'PROGRAM', 'CALLS', 'ERRORS', 'LAST', 'METHOD']
    words = row.split()
    assert words[:5] == [remote.name, f'guest({guest.domid})', '-', '1', '0']
    assert words[-1] == f'{VDI}.Detach'
    remote.close()


def test_a_connection_is_a_name_too_and_nothing_else_counts(hosted_bus, storage, build):
    local = hosted_bus.connect()
    with Watch(build, hosted_bus, 'who-called', storage.name, '--count=2') as watch:
        local.send(wire.signal('/x', VDI, 'Attach3'))
        echo_once(local, storage)
        ask(local, storage, 'Attach3')
        lines = watch.wait()
    assert rows(lines) == {(local.name, 'Echo'): (1, 0), (local.name, 'Attach3'): (1, 0)}


def test_many_callers_take_no_memory_for_ever(start_bus, build):
    bus = start_bus()
    service = bus.connect()
    callers = [bus.connect() for _ in range(30)]
    with Watch(build, bus, 'who-called', service.name, '--count=3000') as watch:
        for number in range(100):
            for caller in callers:
                caller.send(wire.call(service.name, '/x', 'a.b', f'Method{number}', flags=1))
        lines = watch.wait()
    assert len(lines) == 1024 and sum(line['calls'] for line in lines) == 1024
    assert f'{3000 - 1024} calls by others' in watch.errors
