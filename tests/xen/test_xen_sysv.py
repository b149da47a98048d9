# SPDX-License-Identifier: LGPL-2.1-or-later
"""dom0 with sysvinit and oxenstored, in which the packages have been installed (over/debian/lab/install):
xcp-busd runs since, by its init script."""
import os
import socket
import subprocess
from pathlib import Path

from client import PATIENCE, Client, echo_once

IS_ABOUT_WHAT_IS_INSTALLED = True
SOCKET = '/run/xcp-bus/bus'
LOG = Path('/var/log/lab-install.log')


def service(verb):
    return subprocess.run(['/etc/init.d/xcp-busd', verb], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)


def connect():
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(SOCKET)
    return Client(sock).auth().hello()


def daemons():
    return subprocess.run(['pidof', 'xcp-busd'], capture_output=True, text=True, check=False).stdout.split()


def test_it_runs():
    assert os.readlink('/proc/1/exe').endswith('/init')
    assert service('status').returncode == 0
    connect().close()
    said = LOG.read_text()
    assert 'Setting up xcp-busd' in said and 'Starting the message bus of the Xen host' in said
    # At the next boot it comes after Xen's.
    order = [path.name[3:] for path in sorted(Path('/etc/rc2.d').glob('S*'))]
    assert order.index('xen') < order.index('xcp-busd')


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


def test_it_is_upgraded(xen, guest):
    """While guests are connected: they find the new one, as after a restart."""
    before = guest.connect_agent()
    running = daemons()
    done = subprocess.run('dpkg -i /lab/packages/xcp-busd_*', shell=True, timeout=2 * PATIENCE, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    before.wait_closed()
    before.close()
    assert len(daemons()) == 1 and daemons() != running
    after = guest.connect_agent()
    after.sync()
    after.close()


def test_it_is_stopped():
    assert service('stop').returncode == 0
    assert service('status').returncode == 3
    assert not os.path.exists(SOCKET)
