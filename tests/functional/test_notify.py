# SPDX-License-Identifier: LGPL-2.1-or-later
"""What whoever started the daemon is told, as systemd wants it: sd_notify(3)."""
import os
import signal
import socket
import subprocess
import time

import pytest

import bus as bus_module
from client import PATIENCE, Client


class Manager:
    """The end of NOTIFY_SOCKET where systemd would be."""

    def __init__(self, path, kind):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.name = f'@{path}' if kind == 'abstract' else str(path)
        self.socket.bind(self.name.replace('@', '\0'))

    def hear(self):
        """One datagram, as a set of lines."""
        return set(self.socket.recv(4096).decode().splitlines())

    def hear_until(self, line):
        while line not in self.hear():
            pass


@pytest.fixture(params=['path', 'abstract'])
def manager(request, tmp_path):
    manager = Manager(tmp_path / 'notify', request.param)
    yield manager
    manager.socket.close()


@pytest.fixture
def start(daemon, build, tmp_path, manager):
    processes = []

    def start(**environment):
        text = bus_module.configuration(bus_module.DAEMONS[daemon], [f'unix:path={tmp_path}/bus'],
                                        {})
        (tmp_path / 'test.conf').write_text(text)
        processes.append(subprocess.Popen(
            [bus_module.binary(daemon, build), f'--config-file={tmp_path}/test.conf', '--nofork'],
            env={**os.environ, 'NOTIFY_SOCKET': manager.name, **environment}))
        return processes[-1]

    yield start
    for process in processes:
        process.terminate()
        process.wait(PATIENCE)


def connect(tmp_path):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(f'{tmp_path}/bus')
    return Client(sock).auth().hello()


def test_ready_is_when_it_serves(manager, start, tmp_path):
    start()
    manager.hear_until('READY=1')
    connect(tmp_path).close()


def test_a_reload_begins_and_ends(manager, start, tmp_path):
    process = start()
    manager.hear_until('READY=1')
    process.send_signal(signal.SIGHUP)
    manager.hear_until('RELOADING=1')
    manager.hear_until('READY=1')
    connect(tmp_path).close()


def test_what_it_is_doing(manager, start, daemon, tmp_path):
    """A line at once, another one when there is something else to say; and when a reload began."""
    if not bus_module.DAEMONS[daemon].feeds_watchdog:
        return
    process = start()
    status = 'STATUS=0 links, 0 guests, 0 pending calls'
    assert manager.hear() == {'READY=1', status}
    client = connect(tmp_path)
    process.send_signal(signal.SIGHUP)
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    while 'RELOADING=1' not in (lines := manager.hear()):
        assert all(line.startswith('STATUS=') for line in lines)
    when = next(line for line in lines if line.startswith('MONOTONIC_USEC='))
    assert abs(int(when.partition('=')[2]) - before) < PATIENCE * 1_000_000
    while 'READY=1' not in (lines := manager.hear()):
        pass
    status = next(line for line in lines if line.startswith('STATUS='))
    assert status.startswith('STATUS=1 link, 0 guests, 0 pending calls, ')
    assert status.endswith(' messages/s')
    client.close()


def test_it_says_that_it_ends(manager, start):
    process = start()
    manager.hear_until('READY=1')
    process.terminate()
    manager.hear_until('STOPPING=1')


def test_the_watchdog_is_fed(manager, start, daemon):
    if not bus_module.DAEMONS[daemon].feeds_watchdog:
        return
    start(WATCHDOG_USEC='200000')
    manager.hear_until('READY=1')
    for _ in range(3):
        manager.hear_until('WATCHDOG=1')


def test_the_watchdog_of_another_process_is_not(manager, start):
    process = start(WATCHDOG_USEC='1000', WATCHDOG_PID='1')
    manager.hear_until('READY=1')
    process.send_signal(signal.SIGHUP)
    while 'READY=1' not in (lines := manager.hear()):
        assert 'WATCHDOG=1' not in lines


def test_a_manager_that_went_away_is_not_missed(manager, start, tmp_path):
    process = start()
    manager.hear_until('READY=1')
    manager.socket.close()
    process.send_signal(signal.SIGHUP)
    connect(tmp_path).close()
