# SPDX-License-Identifier: LGPL-2.1-or-later
"""The agent's init script, in a guest in which systemd has been told to leave the agent alone."""
import pytest

from client import Client

SOCKET = '/run/xcp-bus/bus'
PID_FILE = '/run/xcp-bus-agent.pid'


@pytest.fixture(scope='module')
def debian(xen):
    guest = xen.create_debian('sysv')
    # It is one of the last that are started.
    inside(guest, 'systemctl is-system-running --wait; systemctl stop xcp-bus-agent')
    assert not exists(guest, SOCKET)
    return guest


def inside(guest, script):
    return guest.xen.run(guest.domid, 'sh', '-c', script)


def exists(guest, path):
    return inside(guest, f'[ -e {path} ] && echo yes; true') == 'yes\n'


def service(guest, verb):
    """Its exit status."""
    said = inside(guest, f'SYSTEMCTL_SKIP_REDIRECT=1 /etc/init.d/xcp-bus-agent {verb}; echo $?')
    return int(said.split()[-1])


def pid(guest):
    return int(inside(guest, f'cat {PID_FILE}'))


def wait_listening(guest):
    """It puts itself into the background at once, and listens a moment later."""
    inside(guest, f'until grep -q "00010000 .* {SOCKET}$" /proc/net/unix; do sleep 0.1; done')


def connect(guest):
    return Client(guest.xen.unix_socket(guest.domid, SOCKET)).auth().hello()


def test_it_starts_and_stops(debian, hosted_bus):
    assert service(debian, 'status') == 3
    assert service(debian, 'start') == 0
    wait_listening(debian)
    assert service(debian, 'status') == 0
    first = pid(debian)
    status = inside(debian, f'grep ^Uid: /proc/{first}/status; id -u xcp-bus').split()
    assert status[1] == status[-1] != '0'
    client = connect(debian)
    assert client.name.startswith(f':{debian.domid}.')
    # Who is there stays.
    assert service(debian, 'start') == 0 and pid(debian) == first
    client.sync()
    assert service(debian, 'restart') == 0
    client.wait_closed()
    client.close()
    wait_listening(debian)
    assert pid(debian) != first
    connect(debian).close()
    assert service(debian, 'stop') == 0
    assert service(debian, 'status') == 3
    assert not exists(debian, SOCKET) and not exists(debian, PID_FILE)
    assert service(debian, 'stop') == 0
    assert service(debian, 'nonsense') == 2
