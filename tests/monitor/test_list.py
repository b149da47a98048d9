# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-monitor names: who owns what, in which domain; on any D-Bus bus."""
import os
import re
import subprocess

import pytest

import bus as bus_module
import wire
from services import Monitor


def by_name(answers):
    return {answer['name']: answer for answer in answers}


def test_names_say_who_owns_them_and_in_which_domain(hosted_bus, guest, build):
    local, remote = hosted_bus.connect(), guest.connect()
    assert local.own('org.xen.xcp.local1') == remote.own('org.xen.xcp.remote1') == 1
    monitor = Monitor(build, hosted_bus)
    names = by_name(monitor.json('names'))
    assert names['org.xen.xcp.remote1'] == {
        'name': 'org.xen.xcp.remote1', 'owner': remote.name, 'domid': guest.domid, 'domain': guest.name,
        'uid': None, 'pid': None, 'program': None, 'is_activatable': False}
    expected = {'owner': local.name, 'domid': 0, 'domain': 'Domain-0', 'uid': os.getuid(), 'pid': os.getpid()}
    assert names['org.xen.xcp.local1'].items() >= expected.items()
    assert names['org.xen.xcp.local1']['program']
    assert not [name for name in names if name.startswith(':')]
    everybody = by_name(monitor.json('names', '--all'))
    assert everybody[remote.name]['domid'] == guest.domid
    assert set(everybody) == set(names) | {local.name, remote.name}
    remote.close()


def test_the_table_has_a_row_for_each(hosted_bus, guest, build):
    remote = guest.connect()
    assert remote.own('org.xen.xcp.remote1') == 1
    lines = Monitor(build, hosted_bus).text('names').splitlines()
    assert lines[0].split() == ['OWNER', 'DOMID', 'DOMAIN', 'UID', 'PID', 'PROGRAM', 'STARTS', 'NAME']
    row = next(line for line in lines if line.endswith('org.xen.xcp.remote1'))
    assert row.split() == [remote.name, str(guest.domid), guest.name, 'org.xen.xcp.remote1']
    remote.close()


def test_services_that_can_be_started_are_listed_before_they_run(start_bus, build, tmp_path):
    service = tmp_path / 'org.xen.xcp.lazy1.service'
    service.write_text('[D-BUS Service]\nName=org.xen.xcp.lazy1\nExec=/bin/false\n')
    bus = start_bus(elements=f'<servicedir>{tmp_path}</servicedir>')
    lazy = by_name(Monitor(build, bus).json('names'))['org.xen.xcp.lazy1']
    assert (lazy['owner'], lazy['is_activatable']) == (None, True)


def test_it_works_on_a_bus_that_knows_no_domains(tmp_path, build):
    bus = bus_module.Bus('dbus-daemon', build, tmp_path / 'bus')
    try:
        client = bus.connect()
        assert client.own('org.example.one') == 1
        monitor = Monitor(build, bus)
        one = by_name(monitor.json('names'))['org.example.one']
        expected = {'owner': client.name, 'domid': None, 'domain': None, 'pid': os.getpid()}
        assert one.items() >= expected.items()
        assert 'org.example.one' in monitor.text('names')
        for command in ['domains'], ['stuck']:
            assert 'org.xen.xcp.Bus1' in monitor.run(*command, status=1).stderr
    finally:
        bus.stop()


def test_names_go_to_a_pipe_that_closes(hosted_bus, build):
    monitor = Monitor(build, hosted_bus)
    command = subprocess.list2cmdline([*monitor.command, 'names'])
    result = subprocess.run(f'{command} | true', shell=True, capture_output=True, text=True)
    assert result.returncode == 0


@pytest.mark.parametrize('arguments', [
    ['names', 'x'], ['names', '--nosuch'], ['domains', 'a', 'b'], ['stuck', 'x'],
    ['stuck', '--older-than=long']])
def test_wrong_usage_is_status_2(hosted_bus, build, arguments):
    Monitor(build, hosted_bus).run(*arguments, status=2)


def test_the_name_of_a_domain_cannot_control_the_terminal(xen, hosted_bus, guest, build):
    """Some toolstacks let the owner of a VM choose it."""
    evil = 'ev\x1b]0;owned\x07il \u202e'
    xen.hx('run', 0, 'xenstore-write', f'/local/domain/{guest.domid}/name', evil)
    client = guest.connect()
    assert client.own('org.xen.xcp.evil1') == 1
    monitor = Monitor(build, hosted_bus)
    serial = hosted_bus.connect().send(wire.call(client.name, '/', 'a.b', 'Wait'))
    assert client.take_call('Wait').serial == serial
    commands = ['names'], ['names', '--all'], ['domains'], ['domains', str(guest.domid)], ['stuck'], \
        ['top', '--total'], ['top', '--total', '--by=domain'], ['top', '--total', '--by=connection']
    for command in [*commands, *(['--json', *command] for command in commands)]:
        shown = monitor.text(*command)
        assert not re.search('[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]', shown), (command, shown)
        assert 'ev' in shown
    client.close()
    hosted_bus.close_clients()
