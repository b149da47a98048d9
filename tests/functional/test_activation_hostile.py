# SPDX-License-Identifier: LGPL-2.1-or-later
"""What may happen while messages are held for a service, and services that behave badly."""
import os
import signal

import pytest

import wire
from activation import (ERR, NAME, Services, ask, end_all, fifo, let_come, refusal, start, tell,
                        wait_activatable, wait_gone)
from client import BUS, echo_once
from crowd import count_fds, until


OPEN = ('<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>'
        '<allow receive_sender="*"/></policy>')


@pytest.fixture
def slow(services):
    """A bus with a service that comes when it is let."""
    made = services()
    made.gate = fifo(made)
    made.write(NAME, 'waits-for', made.gate, NAME)
    made.start()
    return made


def send_pipes(client, count, name=NAME, flags=1):
    """A call with the reading ends of so many pipes; returns the writing ends."""
    ends = [os.pipe() for _ in range(count)]
    client.send(wire.call(name, '/x', 'org.example.I', 'Take', 'h' * count, *range(count),
                          unix_fds=count, flags=flags), [r for r, _ in ends])
    for reading, _ in ends:
        os.close(reading)
    return [writing for _, writing in ends]


def close_all(fds):
    for fd in fds:
        os.close(fd)


def children_of(pid):
    """Process ids and states, zombies included."""
    found = {}
    for entry in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{entry}/stat', encoding='utf-8') as stat:
                state, parent = stat.read().rpartition(')')[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid:
            found[int(entry)] = state
    return found


# --- while messages are held ---

def test_descriptors_are_held_and_arrive(slow):
    client, service = slow.bus.connect(fds=True), slow.bus.connect(fds=True)
    writing = send_pipes(client, 3)
    tell(client, 'Between')
    client.sync()
    service.own(NAME)
    taken = service.take_call('Take')
    assert len(taken.fds) == 3 and service.take_signal('Between')
    for out, into in zip(writing, taken.fds):
        os.write(out, b'x')
        assert os.read(into, 1) == b'x'
    close_all(writing + taken.fds)
    let_come(slow.gate)


def test_descriptors_of_who_leaves_are_closed(slow):
    client, other = slow.bus.connect(fds=True), slow.bus.connect()
    other.match(f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{client.name}'")
    start(other)
    slow.wait_started()
    other.sync()
    before = count_fds(slow.bus.pid)
    close_all(send_pipes(client, 16) + send_pipes(client, 16))
    client.sync()
    assert count_fds(slow.bus.pid) == before + 32
    client.close()
    other.take_signal('NameOwnerChanged')
    until(lambda: count_fds(slow.bus.pid) == before - 1, other)
    let_come(slow.gate)


def test_descriptors_of_what_fails_are_closed(services):
    made = services()
    made.write(NAME, 'exits', 1)
    client = made.start().connect(fds=True)
    before = count_fds(made.bus.pid)
    for _ in range(3):
        close_all(send_pipes(client, 16, flags=0))
        assert refusal(client, client.serial).name == ERR + 'Spawn.ChildExited'
    assert count_fds(made.bus.pid) == before


def test_a_policy_that_comes_meanwhile_holds(slow):
    """What was let in may be denied when it is to go on."""
    client, service = slow.bus.connect(), slow.bus.connect()
    serial, denied = ask(client, 'Echo', 'u', 1), ask(client, 'Secret')
    client.sync()
    slow.bus.configure(policy='''<policy context="default"><allow user="*"/><allow own="*"/>
        <allow send_destination="*"/><allow receive_sender="*"/>
        <deny send_interface="org.example.I" send_member="Secret"/></policy>''')
    service.bus('ReloadConfig')
    service.own(NAME)
    service.send(wire.reply_to(service.take_call(), 'u', 1))
    assert client.result(serial) == 1
    assert refusal(client, denied).name == ERR + 'AccessDenied'
    service.sync()
    assert not [m for m in service.inbox if m.member == 'Secret']
    let_come(slow.gate)


def test_the_file_may_go_meanwhile(slow):
    client = slow.bus.connect()
    serial = ask(client, 'Echo', 'u', 1)
    client.sync()
    (slow.folders[0] / f'{NAME}.service').unlink()
    wait_activatable(client, NAME, False)
    client.bus('ReloadConfig')
    let_come(slow.gate)
    assert client.result(serial) == 1
    assert client.result(ask(client, 'Echo', 'u', 2)) == 2


def test_whoever_comes_may_go_at_once(slow):
    """Name and connection are given up in one piece: callers are told, and the service may come yet."""
    client, thief = slow.bus.connect(), slow.bus.connect()
    serials = [ask(client), ask(client)]
    client.sync()
    request = wire.call(BUS, '/', BUS, 'RequestName', 'su', NAME, 0, serial=1000).encode()
    release = wire.call(BUS, '/', BUS, 'ReleaseName', 's', NAME, serial=1001).encode()
    thief.send_bytes(request + release)
    thief.close()
    for serial in serials:
        assert refusal(client, serial).name == ERR + 'NoReply'
    let_come(slow.gate)
    until(lambda: client.bus('NameHasOwner', 's', NAME), client)  # one that is started now would wait
    assert client.result(ask(client, 'Echo', 'u', 3)) == 3


def test_a_thousand_senders_that_come_and_go(slow):
    """Nothing of them stays, whatever they wait for."""
    watcher = slow.bus.connect()
    start(watcher)
    slow.wait_started()
    watcher.sync()
    before = count_fds(slow.bus.pid)
    for turn in range(200):
        clients = [slow.bus.connect() for _ in range(5)]
        for client in clients:
            tell(client, 'Left')
            ask(client, 'Left', 'ay', bytes(turn * 500))
            start(client)
        for client in clients:
            client.close()
    until(lambda: count_fds(slow.bus.pid) == before, watcher)
    serial = ask(watcher, 'Seen')
    watcher.sync()
    let_come(slow.gate)
    assert watcher.result(serial) == ['Seen']


def test_one_user_does_not_take_all_places(start_bus, tmp_path):
    """Nor do several: root has something started all the same."""
    if os.getuid():
        return  # nobody else can be several users
    made = Services(start_bus, tmp_path, limits={'max_pending_service_starts': 40}, policy=OPEN)
    gate = fifo(made)
    made.write(NAME, 'waits-for', gate, NAME)
    made.write('a.b', 'service', 'a.b')
    bus = made.start()
    counts = []
    for uid in 65534, 1000, 1001, 1002:
        crowd = [bus.open(uid).auth(uid=uid).hello() for _ in range(5)]
        serials = [(client, start(client)) for client in crowd for _ in range(5)]
        for client in crowd:
            client.sync()
        counts.append(25 - sum(any(m.reply_serial == serial for m in client.inbox)
                               for client, serial in serials))
    assert counts == [10, 10, 10, 0]
    root = bus.connect()
    assert root.result(start(root, 'a.b')) == 1
    serials = [ask(root, 'Echo', 'u', i) for i in range(10)]
    assert refusal(root, ask(root)).name == ERR + 'LimitsExceeded'
    let_come(gate)
    assert [root.result(serial) for serial in serials] == list(range(10))
    bus.stop()
    end_all([made])


# --- services ---

def test_one_that_does_not_end_is_killed(services):
    """And what it has started in its group with it; nobody stays as a zombie."""
    made = services(limits={'service_start_timeout': 1000})
    made.write(NAME, 'stubborn')
    client = made.start().connect()
    assert refusal(client, ask(client)).name == ERR + 'TimedOut'
    for pid, *_ in made.wait_started(2):
        wait_gone(int(pid))
    assert 'Z' not in children_of(made.bus.pid).values()


def test_many_starts_leave_no_process(services):
    made = services()
    for i in range(40):
        made.write(f'org.example.N{i}', 'killed' if i % 2 else 'exits', 'SIGKILL' if i % 2 else '1')
    client = made.start().connect()
    before = count_fds(made.bus.pid)
    serials = [start(client, f'org.example.N{i}') for i in range(40)]
    for serial in serials:
        assert refusal(client, serial).name.startswith(ERR + 'Spawn.Child')
    assert not children_of(made.bus.pid)
    assert count_fds(made.bus.pid) == before


def test_what_runs_has_nothing_of_the_daemons(services, daemon):
    """Held descriptors, rings, the listening socket: none of them, and no signal mask."""
    made = services()
    made.write(NAME, 'service', NAME)
    client = made.start().connect(fds=True)
    writing = send_pipes(client, 5)
    client.result(start(client))
    (pid, *_), = made.started()
    links = {fd: os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')}
    assert set(links) == {'0', '1', '2', '3'} and links['3'].startswith('socket:')
    with open(f'/proc/{pid}/status', encoding='ascii') as status:
        lines = dict(line.split(':', 1) for line in status)
    assert int(lines['SigBlk'], 16) == 0
    if daemon == 'xcp-busd':
        assert os.getsid(int(pid)) == int(pid)
    close_all(writing)
    echo_once(*made.bus.innocents())


def test_the_daemon_may_end_first(services):
    """What it has started sees the end of its connection, and is no child any more."""
    made = services()
    made.write(NAME, 'service', NAME)
    made.write('a.b', 'hangs')
    client = made.start().connect()
    client.result(start(client))
    start(client, 'a.b')
    client.sync()
    started = made.wait_started(2)
    made.bus.stop(signal.SIGTERM)
    for pid, *_ in started:
        wait_gone(int(pid))
