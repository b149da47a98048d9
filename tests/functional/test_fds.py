# SPDX-License-Identifier: LGPL-2.1-or-later
"""File descriptors between two peers on Unix sockets."""
import os

import pytest

import wire
from client import Closed, Refused, echo_once

ERR = 'org.freedesktop.DBus.Error.'


def count_fds(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


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
