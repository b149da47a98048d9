# SPDX-License-Identifier: LGPL-2.1-or-later
"""dom0 with systemd, in which Xen's init script has started oxenstored and the packages have been installed
then (over/debian/lab/install): the usual Debian."""
import socket
import subprocess
import threading
import time
from pathlib import Path

from client import PATIENCE, Client, Closed, echo_once

IS_ABOUT_WHAT_IS_INSTALLED = True
SOCKET = '/run/xcp-bus/bus'
SERVICE, PATH = 'xcp-busd.service', 'xcp-busd.path'
XENSTORED = Path('/run/xenstored/socket')


def sh(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=2 * PATIENCE,
                          check=False)
    assert done.returncode == 0, f'{command}: {done.stdout}{done.stderr}'
    return done.stdout


def show(unit, *properties):
    return dict(line.split('=', 1) for line in
                sh(f'systemctl show {unit} -p {",".join(properties)}').splitlines())


def connect():
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(SOCKET)
    return Client(sock).auth().hello()


def wait_active(unit):
    sh(f'until systemctl is-active -q {unit}; do sleep 0.2; done')


def test_it_runs():
    assert Path('/proc/1/exe').resolve().name == 'systemd'
    for unit in SERVICE, PATH, 'xcp-busd.socket':
        assert show(unit, 'ActiveState', 'UnitFileState') == {
            'ActiveState': 'active', 'UnitFileState': 'enabled'}
    assert show(SERVICE, 'NRestarts') == {'NRestarts': '0'}
    assert 'xcp-bus' not in sh('systemctl list-units --failed --plain --no-legend')
    # This is not a guest.
    assert show('xcp-bus-agent.service', 'ConditionResult') == {'ConditionResult': 'no'}
    connect().close()


def test_nobody_but_root_maps_what_guests_share():
    """The group is for users of guests."""
    said = sh('cd /dev/xen && stat -c "%n %a" gntdev privcmd xenbus')
    assert said == 'gntdev 600\nprivcmd 600\nxenbus 600\n'


def test_guests_reach_it(xen, guest):
    """In its cage: no capabilities, and the devices it needs."""
    local, remote = connect(), guest.connect_agent()
    assert remote.name.startswith(f':{guest.domid}.')
    echo_once(local, remote)
    pid = show(SERVICE, 'MainPID')['MainPID']
    status = Path(f'/proc/{pid}/status').read_text()
    assert 'CapEff:\t0000000000000000\n' in status and 'Seccomp:\t2\n' in status
    for client in local, remote:
        client.close()


def test_the_journal_says_who_ended_and_why(xen, guest):
    client = guest.connect_agent()
    client.send_bytes(b'x' * 16)
    client.wait_closed()
    client.close()
    # With the priority of a warning, as docs/logs.md has it.
    line = f'^dropped: domain={guest.domid} .*{client.name}'
    sh(f'until journalctl -u {SERVICE} -o cat -p warning | grep "{line}"; do sleep 0.2; done')


def test_it_is_upgraded(xen, guest):
    """Programs of dom0 wait at its socket meanwhile, guests come back."""
    before = guest.connect_agent()
    pid, is_over, refused = show(SERVICE, 'MainPID'), threading.Event(), []

    def knock():
        while not is_over.is_set():
            try:
                connect().close()
            except Closed:
                pass  # it was connected to the one that ended
            except OSError as problem:
                refused.append(problem)
            time.sleep(0.1)

    knocking = threading.Thread(target=knock)
    knocking.start()
    try:
        sh('dpkg -i /lab/packages/xcp-busd_*')
    finally:
        is_over.set()
        knocking.join()
    before.wait_closed()
    before.close()
    assert show(SERVICE, 'MainPID') != pid
    assert not refused
    guest.connect_agent().close()


def test_whoever_connects_starts_it():
    sh(f'systemctl stop {PATH} {SERVICE}')
    connect().close()
    wait_active(SERVICE)


def test_a_xenstored_that_appears_starts_it():
    """Whoever has started it. Here its socket only gets its name anew: what Xen's own xenstored has
    forgotten nobody can tell it."""
    sh(f'systemctl stop xcp-busd.socket {SERVICE}; systemctl start {PATH}')
    elsewhere = XENSTORED.with_name('elsewhere')
    XENSTORED.rename(elsewhere)
    elsewhere.rename(XENSTORED)
    wait_active(SERVICE)
    connect().close()


def test_it_is_stopped():
    sh(f'systemctl stop {PATH} xcp-busd.socket {SERVICE}')
    assert not Path(SOCKET).exists()
