# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that is a Debian with systemd, in which the packages are installed as soon as it is up: what is
in them is started, and works, and goes."""
import json

import pytest

from client import Client, echo_once
from lifecycle import take_owner

UNIT = 'xcp-bus-agent.service'
SOCKET = '/run/xcp-bus/bus'
PID_FILE = '/run/xcp-bus-agent.pid'


@pytest.fixture(scope='module')
def debian(xen):
    return xen.create_debian('debian')


def inside(guest, script):
    return guest.xen.run(guest.domid, 'sh', '-c', script)


def show(guest, *properties):
    said = inside(guest, f'systemctl show {UNIT} -p {",".join(properties)}')
    return dict(line.split('=', 1) for line in said.splitlines())


def connect(guest):
    client = Client(guest.xen.unix_socket(guest.domid, SOCKET)).auth().hello()
    assert client.name.startswith(f':{guest.domid}.')
    return client


def exists(guest, path):
    return inside(guest, f'[ -e {path} ] && echo yes; true') == 'yes\n'


def test_the_system_comes_up(debian):
    """Nothing of it has failed, nothing of ours and nothing because of it."""
    state = inside(debian, 'systemctl is-system-running --wait; true').strip()
    units = inside(debian, 'systemctl list-units --failed -o json')
    assert state == 'running', json.loads(units)


def test_the_agent_is_started(debian):
    agent = show(debian, 'ActiveState', 'NRestarts', 'User', 'MainPID')
    assert (agent['ActiveState'], agent['NRestarts']) == ('active', '0'), agent
    # By its group it may use the devices; it is not root.
    uid = inside(debian, f'grep ^Uid: /proc/{agent["MainPID"]}/status').split()[1]
    assert agent['User'] == 'xcp-bus' and uid != '0'


def test_programs_reach_the_bus_of_dom0(debian, hosted_bus):
    service, client = hosted_bus.connect(), connect(debian)
    echo_once(client, service)
    echo_once(service, client)
    client.close()


def test_python_programs_reach_it_too(debian, hosted_bus):
    """With what python3-xcpbus installs, over a ring of their own."""
    program = 'import xcpbus.sync; print(xcpbus.sync.connect().bus.unique_name)'
    said = inside(debian, f'XCP_BUS_ADDRESS=vchan: python3 -c "{program}"')
    assert said.startswith(f':{debian.domid}.')


def test_the_group_decides_who_may_have_rings(debian, hosted_bus):
    """By the rule of udev, which the package has to bring into force in a system that runs."""
    owners = inside(debian, 'cd /dev/xen; stat -c "%U:%G %a" evtchn gntalloc xenbus')
    assert owners == 3 * 'root:xcp-bus 660\n'
    program = f'{debian.xen.build}/examples/hello-client'
    for group, says in (('xcp-bus', 'ServiceUnknown'), ('nogroup', 'is this user in the group xcp-bus?')):
        said = inside(debian, 'XCP_BUS_ADDRESS=vchan: setpriv --reuid=nobody --regid=nogroup '
                              f'--groups={group} {program} 2>&1; true')
        assert says in said, said


def test_the_agent_starts_again_when_it_is_killed(debian, hosted_bus):
    before = show(debian, 'MainPID')
    inside(debian, f'systemctl kill -s KILL {UNIT}')
    inside(debian, f'until systemctl is-active -q {UNIT}; do sleep 0.2; done')
    assert show(debian, 'MainPID') != before
    connect(debian).close()


# ---- The init script, while systemd leaves the agent alone ----

def service(guest, verb):
    """Its exit status."""
    said = inside(guest, f'SYSTEMCTL_SKIP_REDIRECT=1 /etc/init.d/xcp-bus-agent {verb}; echo $?')
    return int(said.split()[-1])


def pid(guest):
    return int(inside(guest, f'cat {PID_FILE}'))


def wait_listening(guest):
    """It puts itself into the background at once, and listens a moment later."""
    inside(guest, f'until grep -q "00010000 .* {SOCKET}$" /proc/net/unix; do sleep 0.1; done')


@pytest.fixture
def stopped(debian):
    inside(debian, f'systemctl stop {UNIT}')
    assert not exists(debian, SOCKET)
    yield debian
    inside(debian, f'systemctl start {UNIT}')


def test_the_init_script_starts_and_stops(stopped, hosted_bus):
    guest = stopped
    assert service(guest, 'status') == 3
    assert service(guest, 'start') == 0
    wait_listening(guest)
    assert service(guest, 'status') == 0
    first = pid(guest)
    status = inside(guest, f'grep ^Uid: /proc/{first}/status; id -u xcp-bus').split()
    assert status[1] == status[-1] != '0'
    client = connect(guest)
    # Who is there stays.
    assert service(guest, 'start') == 0 and pid(guest) == first
    client.sync()
    assert service(guest, 'restart') == 0
    client.wait_closed()
    client.close()
    wait_listening(guest)
    assert pid(guest) != first
    connect(guest).close()
    assert service(guest, 'stop') == 0
    assert service(guest, 'status') == 3
    assert not exists(guest, SOCKET) and not exists(guest, PID_FILE)
    assert service(guest, 'stop') == 0
    assert service(guest, 'nonsense') == 2


# ---- The package, at the end ----

def test_the_agent_is_upgraded(debian, hosted_bus):
    before, client = show(debian, 'MainPID'), connect(debian)
    inside(debian, 'dpkg -i /lab/packages/xcp-bus-agent_*')
    client.wait_closed()
    client.close()
    agent = show(debian, 'MainPID', 'ActiveState')
    assert agent['ActiveState'] == 'active' and agent['MainPID'] != before['MainPID']
    connect(debian).close()


def test_the_agent_is_removed(debian, hosted_bus):
    watcher = hosted_bus.connect().match("member='NameOwnerChanged'")
    client = connect(debian)
    inside(debian, 'dpkg --purge xcp-bus-agent')
    client.wait_closed()
    client.close()
    take_owner(watcher, client.name, old=client.name, new='')
    assert not exists(debian, SOCKET)
