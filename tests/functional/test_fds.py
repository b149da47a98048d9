# SPDX-License-Identifier: LGPL-2.1-or-later
"""File descriptors between two peers on Unix sockets."""
import array
import fcntl
import os
import socket
import tempfile
from pathlib import Path

import pytest

import wire
from client import Closed, Refused, echo_once
from crowd import count_fds, fill, until
from test_bus1 import link_of

ERR = 'org.freedesktop.DBus.Error.'


@pytest.fixture(autouse=True)
def alone():
    """The kernel counts what a user has in flight, in all processes: runs that are made beside this
    one would be in the way of those daemons here that are not privileged."""
    with open(Path(tempfile.gettempdir(), f'xcp-bus-test-fds-{os.getuid()}'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def send_pipe(sender, receiver, pipes=1):
    """A call with the reading ends of some pipes; returns the writing ends."""
    ends = [os.pipe() for _ in range(pipes)]
    sender.send(wire.call(receiver.name, '/a', 'a.b', 'Take', 'h' * pipes, *range(pipes),
                          unix_fds=pipes, flags=1), [r for r, _ in ends])
    for reading, _ in ends:
        os.close(reading)
    return [writing for _, writing in ends]


@pytest.mark.parametrize('pipes', [1, 3, 16])
def test_they_arrive(bus, pipes):
    sender, receiver = bus.connect(fds=True), bus.connect(fds=True)
    writing = send_pipe(sender, receiver, pipes)
    request = receiver.take_call('Take')
    assert len(request.fds) == pipes
    for number, (out, into) in enumerate(zip(writing, request.fds)):
        os.write(out, b'%d' % number)
        os.close(out)
        assert os.read(into, 10) == b'%d' % number
        os.close(into)


def test_not_to_those_who_cannot_take_them(bus):
    sender, receiver = bus.connect(fds=True), bus.connect()
    receiver.drain()
    reading, writing = os.pipe()
    serial = sender.send(wire.call(receiver.name, '/a', 'a.b', 'Take', 'h', 0, unix_fds=1),
                         [reading])
    with pytest.raises(Refused) as refused:
        sender.result(serial)
    assert refused.value.name == ERR + 'NotSupported'
    assert receiver.drain() == []
    os.close(reading)
    os.close(writing)


def test_none_stay_behind_in_the_bus(bus):
    sender, receiver = bus.connect(fds=True), bus.connect(fds=True)
    before = count_fds(bus.pid)
    for _ in range(20):
        for end in send_pipe(sender, receiver, 2):
            os.close(end)
    sender.sync()
    for _ in range(20):
        for fd in receiver.take_call('Take').fds:
            os.close(fd)
    receiver.sync()
    assert count_fds(bus.pid) == before


def test_unannounced_ones_are_the_end(bus):
    """Fds with a message that says it has none, or says it has more."""
    innocents = bus.innocents()
    for announced in 0, 2:
        culprit = bus.connect(fds=True)
        reading, writing = os.pipe()
        with pytest.raises(Closed):
            culprit.send(wire.call(innocents[0].name, '/a', 'a.b', 'Take', unix_fds=announced,
                                   flags=1), [reading])
            while True:
                culprit.sync()
                if announced == 0:
                    # Some brokers ignore what is too much; it must not stay open though.
                    raise Closed
        os.close(reading)
        os.close(writing)
    echo_once(*innocents)


# --- floods ---

def half(bus, count):
    """A client that has sent descriptors, and of their message only the beginning."""
    client = bus.connect(fds=True)
    reading, writing = os.pipe()
    message = wire.call(client.name, '/a', 'a.b', 'Take', 'h' * count, *range(count),
                        unix_fds=count, flags=1, serial=9).encode()
    client.send_bytes(message[:20], [reading] * count)
    os.close(reading)
    os.close(writing)
    return client


def test_half_messages_with_descriptors(start_bus, daemon):
    """They count as the user's from when they arrive. dbus-daemon waits for them, without end."""
    if daemon != 'xcp-busd':
        return
    bus = start_bus(limits={'max_fds_per_user': 100, 'message_timeout': 3_600_000})
    innocents = bus.innocents()
    before = count_fds(bus.pid)
    crowd = [half(bus, 16) for _ in range(20)]
    innocents[0].sync()
    assert count_fds(bus.pid) - before <= 100 + len(crowd)
    echo_once(*innocents)
    for client in crowd:
        client.close()
    until(lambda: count_fds(bus.pid) == before, innocents[0])
    for end in send_pipe(bus.connect(fds=True), bus.connect(fds=True), 16):
        os.close(end)


def flood(sender, receiver, count):
    """As many messages with ten descriptors, to one that does not read."""
    reading, writing = os.pipe()
    for _ in range(count):
        sender.send(wire.call(receiver.name, '/a', 'a.b', 'Take', 'h' * 10, *range(10),
                              unix_fds=10, flags=1), [reading] * 10)
    os.close(reading)
    os.close(writing)


def take_flood(receiver, count):
    for _ in range(count):
        fds = receiver.take_call('Take').fds
        assert len(fds) == 10
        for fd in fds:
            os.close(fd)


@pytest.fixture
def start_small(start_bus):
    """A bus that has no more of them on their way than it may have open (ETOOMANYREFS). The kernel
    counts those of all processes of a user."""
    unprivileged = ('setpriv', '--inh-caps=-all', '--bounding-set=-sys_resource,-sys_admin')
    wrap = 'prlimit', '--nofile=1000:1000', *(unprivileged if os.getuid() == 0 else ())
    return lambda **options: start_bus(wrap=wrap, **options)


def test_more_than_the_kernel_lets_travel(start_small, daemon):
    """They wait, and nobody is cut off; a sender waits neither for one that does not read nor for
    those that are held up by it. dbus-daemon loses messages then."""
    if daemon != 'xcp-busd':
        return
    bus = start_small()
    sender, sleeper, receiver = (bus.connect(fds=True) for _ in range(3))
    innocents = bus.innocents()
    flood(sender, sleeper, 120)
    sender.sync()
    flood(sender, receiver, 30)  # more than it may have unread
    sender.sync()
    for _ in range(50):
        echo_once(*innocents)
    take_flood(sleeper, 120)
    take_flood(receiver, 30)
    echo_once(sender, sleeper)


def test_one_that_is_held_up_stays(start_small, daemon):
    """As long as others keep the kernel from taking more: here the clients of another bus."""
    if daemon != 'xcp-busd':
        return
    first, second = start_small(), start_small(limits={'pending_fd_timeout': 500,
                                                       'stuck_timeout': 100})
    sender, sleeper = first.connect(fds=True), first.connect(fds=True)
    flood(sender, sleeper, 102)
    sender.sync()
    sender, receiver, culprit = (second.connect(fds=True) for _ in range(3))
    innocent = second.connect()
    writing = send_pipe(sender, receiver)
    sender.sync()
    fill(sender, culprit, 60_000, 1_200_000)
    writing += send_pipe(sender, culprit)
    until(lambda: not innocent.bus('NameHasOwner', 's', culprit.name), innocent)
    assert innocent.bus('NameHasOwner', 's', receiver.name)
    assert not link_of(innocent, receiver)['is_stuck']
    take_flood(sleeper, 102)
    for fd in receiver.take_call('Take').fds + writing:
        os.close(fd)


def test_a_sender_of_many_waits(start_bus):
    """Until those have been read, rather than be refused; others do not wait."""
    bus = start_bus(limits={'max_incoming_unix_fds': 40})
    sender, sleeper, innocents = bus.connect(fds=True), bus.connect(fds=True), bus.innocents()
    if bus.daemon == 'xcp-busd':
        bus.configure({'max_incoming_unix_fds': 40, 'stuck_timeout': 3_600_000,
                       'max_fds_per_user': 200})
        sender.bus('ReloadConfig')
    reading, writing = os.pipe()
    sent = 0
    try:
        while sent < 5000:
            message = wire.call(sleeper.name, '/a', 'a.b', 'Take', 'h' * 10, *range(10),
                                unix_fds=10, flags=1, serial=7).encode()
            rights = socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [reading] * 10)
            assert sender.sock.sendmsg([message], [rights]) == len(message)
            sent += 1
    except BlockingIOError:
        pass
    assert sent < 5000, 'the bus takes all of them'
    os.close(reading)
    os.close(writing)
    for _ in range(20):
        echo_once(*innocents)
    take_flood(sleeper, sent)
    sender.sync()
    assert not [m for m in sender.inbox if m.type == wire.ERROR]


def test_one_whose_other_end_waits_for_it(start_bus, daemon):
    """It sends itself its own socket, and its process ends: the bus has the last of it, and would never
    see it close. CVE-2014-3637 was the same for what dbus-daemon reads."""
    if daemon != 'xcp-busd':
        return
    bus = start_bus(limits={'pending_fd_timeout': 500, 'stuck_timeout': 100})
    sender, ghost, sleeper = (bus.connect(fds=True) for _ in range(3))
    innocents = bus.innocents()
    for receiver in ghost, sleeper:
        fill(sender, receiver, 60_000, 1_200_000)  # more than its socket takes
    message = wire.call(ghost.name, '/a', 'a.b', 'Take', 'h', 0, unix_fds=1, flags=1, serial=9)
    sender.send_bytes(message.encode(), [ghost.sock.fileno()])
    sender.sync()
    ghost.sock.close()
    until(lambda: not innocents[0].bus('NameHasOwner', 's', ghost.name), innocents[0])
    echo_once(*innocents)
    for _ in range(20):  # who has no descriptors to take sleeps on
        sleeper.take_call()
    echo_once(sender, sleeper)
