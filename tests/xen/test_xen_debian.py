# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that is a Debian with systemd: what is installed is started by it, and works."""
import json

import pytest

from client import Client, echo_once

SOCKET = '/run/xcp-bus/bus'


@pytest.fixture(scope='module')
def debian(xen):
    return xen.create_debian('debian')


def show(guest, unit, *properties):
    said = guest.xen.run(guest.domid, 'systemctl', 'show', unit, '-p', ','.join(properties))
    return dict(line.split('=', 1) for line in said.splitlines())


def test_the_system_comes_up(debian):
    """Nothing of it has failed, nothing of ours and nothing because of it."""
    xen = debian.xen
    state = xen.run(debian.domid, 'sh', '-c', 'systemctl is-system-running --wait; true').strip()
    units = xen.run(debian.domid, 'systemctl', 'list-units', '--failed', '-o', 'json')
    assert state == 'running', json.loads(units)


def test_the_agent_is_started(debian):
    agent = show(debian, 'xcp-bus-agent.service', 'ActiveState', 'NRestarts', 'User', 'MainPID')
    assert (agent['ActiveState'], agent['NRestarts']) == ('active', '0'), agent
    # By its group it may use the devices; it is not root.
    status = debian.xen.run(debian.domid, 'cat', f'/proc/{agent["MainPID"]}/status')
    uid = next(line.split()[1] for line in status.splitlines() if line.startswith('Uid:'))
    assert agent['User'] == 'xcp-bus' and uid != '0'


def test_programs_reach_the_bus_of_dom0(debian, hosted_bus):
    service = hosted_bus.connect()
    client = Client(debian.xen.unix_socket(debian.domid, SOCKET)).auth().hello()
    assert client.name.startswith(f':{debian.domid}.')
    echo_once(client, service)
    echo_once(service, client)
    client.close()


def test_the_agent_starts_again_when_it_is_killed(debian, hosted_bus):
    xen, domid = debian.xen, debian.domid
    before = show(debian, 'xcp-bus-agent.service', 'MainPID')
    xen.run(domid, 'systemctl', 'kill', '-s', 'KILL', 'xcp-bus-agent.service')
    xen.run(domid, 'sh', '-c', 'until systemctl is-active -q xcp-bus-agent.service; do sleep 0.2; done')
    assert show(debian, 'xcp-bus-agent.service', 'MainPID') != before
    client = Client(xen.unix_socket(domid, SOCKET)).auth().hello()
    client.sync()
    client.close()
