# SPDX-License-Identifier: LGPL-2.1-or-later
"""dom0 with sysvinit: xcp-busd has been started by its init script, after Xen's, with oxenstored."""
import os
import socket
import subprocess

import pytest

from client import PATIENCE, Client, echo_once

SOCKET = '/run/xcp-bus/bus'


def service(verb):
    return subprocess.run(['/etc/init.d/xcp-busd', verb], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)


def connect():
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(SOCKET)
    return Client(sock).auth().hello()


@pytest.fixture(scope='module', autouse=True)
def bus_of_the_host():
    """Other tests bring their own, and guests have room for one."""
    yield
    assert service('stop').returncode == 0
    assert not os.path.exists(SOCKET)


def test_it_runs():
    assert os.readlink('/proc/1/exe').endswith('/init')
    assert service('status').returncode == 0
    connect().close()


def test_guests_reach_it(xen, guest):
    local, remote = connect(), guest.connect_agent()
    assert remote.name.startswith(f':{guest.domid}.')
    # By the policy that is installed, dom0 may call a guest.
    echo_once(local, remote)
    for client in local, remote:
        client.close()


def test_it_is_restarted(xen, guest):
    """The agent in the guest stays, and finds the new one."""
    before = guest.connect_agent()
    assert service('restart').returncode == 0
    before.wait_closed()
    before.close()
    after = guest.connect_agent()
    local = connect()
    echo_once(local, after)
    for client in local, after:
        client.close()
