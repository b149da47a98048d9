# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon has too little memory (RLIMIT_AS: allocations fail, nothing is killed). Who asks for
more is refused or goes; those who talk to one another do not notice."""
import subprocess

import pytest

import bus as bus_module
import wire
from client import PATIENCE, Closed, echo_once
from crowd import (PLENTY, Answers, bus_template, fill, leave, limit, many_fds, status_of,
                   until)

KIB, MIB = 1 << 10, 1 << 20
ERR = 'org.freedesktop.DBus.Error.'
REFUSALS = {ERR + 'NoMemory', ERR + 'LimitsExceeded'}


@pytest.fixture
def poor(start_bus):
    """A bus with two who talk, and 6 MiB of address space left."""
    many_fds()
    bus = start_bus(limits={**PLENTY, 'stuck_timeout': 1})
    bus.talkers = bus.innocents()
    echo_once(*bus.talkers)
    limit(bus.pid, 'as', status_of(bus.pid, 'VmSize') + 6 * MIB)
    return bus


def still_good(bus, greedy):
    """Those who talk go on, and when there is memory again, everybody does."""
    for _ in range(100):
        echo_once(*bus.talkers)
    assert 'out of memory' in bus.stderr.read_text()
    limit(bus.pid, 'as', 'unlimited')
    leave(bus, greedy)
    newcomers = []

    def is_open():
        newcomers.append(bus.open())
        try:
            newcomers[-1].auth().hello()
        except Closed:
            return False
        return True

    until(is_open, bus.talkers[0])
    echo_once(newcomers[-1], bus.talkers[0])
    newcomers[-1].own('org.example.Later')


@pytest.mark.parametrize('size', [100, 8 * KIB, 40 * KIB, 200 * KIB, 10 * MIB])
def test_messages(poor, size):
    caller, sleeper = poor.connect(), poor.connect()
    try:
        fill(caller, sleeper, size, 20 * MIB)
    except Closed:
        pass
    still_good(poor, [caller, sleeper])


def ask_until_refused(client, template):
    """Ask for more and more. Returns what the refusals were; none if the connection ended."""
    answers = Answers()
    try:
        for n in range(0, 100_000, 500):
            client.send_bytes(template.bulk(range(n, n + 500), n + 1000))
            answers.collect(client, 500)
            if answers.errors:
                break
        else:
            raise AssertionError('the bus has memory for all of it')
    except Closed:
        pass
    return set(answers.errors)


@pytest.mark.parametrize('template', [
    bus_template('RequestName', 'su', 'org.example.Heavy.n000000', 4),
    bus_template('AddMatch', 's', "member='M000000'"),
    bus_template('AddMatch', 's', "arg0='M000000',arg1='M000000'")])
def test_names_and_rules(poor, template):
    crowd = [poor.connect() for _ in range(3)]
    for greedy in crowd:
        assert ask_until_refused(greedy, template) <= REFUSALS
    still_good(poor, crowd)


def test_calls_that_wait_for_a_reply(poor):
    caller, sleeper = poor.connect(), poor.connect()
    call = wire.call(sleeper.name, '/a', 'a.b', 'C', serial=5).encode()
    answers = Answers()
    try:
        while not answers.errors:
            caller.send_bytes(call * 500)
            caller.bus('GetId')
            answers.errors += [m.error_name for m in caller.inbox if m.type == wire.ERROR]
            caller.inbox = []
    except Closed:
        pass
    assert set(answers.errors) <= REFUSALS
    still_good(poor, [caller, sleeper])


def test_connections(poor):
    limit(poor.pid, 'as', status_of(poor.pid, 'VmSize') + MIB)
    crowd = []
    try:
        while len(crowd) < 2500:
            crowd.append(poor.open())
            crowd[-1].auth().hello()
    except (Closed, ConnectionError):
        pass
    still_good(poor, crowd)


def test_a_daemon_that_cannot_start(start_bus, build, tmp_path):
    """It says so, or it runs; nothing in between."""
    bus = start_bus()
    needed = status_of(bus.pid, 'VmSize')
    for left in range(0, 2 * MIB, 100 * KIB):
        process = subprocess.Popen(
            ['prlimit', f'--as={needed - MIB + left}', bus_module.binary('xcp-busd', build),
             f'--address=unix:path={tmp_path}/poor', '--print-address=1', '--nofork'],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started = process.stdout.readline()
        process.terminate()
        said = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode in (0, 1, 127), (process.returncode, said)
        assert (process.returncode == 0) == bool(started) and (started or said)
