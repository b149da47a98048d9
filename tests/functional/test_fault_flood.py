# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that sends as much as it can. What it sends costs its own domain's time.

No clock decides here: the innocents have to be done before the hostile guest has sent all that it
was told to send, which is many times what it can send meanwhile if everybody gets a turn.
"""
import signal
import time

import pytest

import wire
from client import BUS, BUS_PATH

INTROSPECTABLE = 'org.freedesktop.DBus.Introspectable'
HELLO = wire.call(BUS, BUS_PATH, BUS, 'Hello', serial=1).encode()


def pour(xen, guest, then, times, first=b''):
    """A ring of 1 MiB, and `then` through it that many times."""
    paths = [f'{xen.top}/pour{guest.domid}.{what}' for what in ('first', 'then')]
    for path, data in zip(paths, (b'\0AUTH EXTERNAL 30\r\nBEGIN\r\n' + HELLO + first, then)):
        xen.put(guest.domid, path, data)
    return guest.program('ring-evil', 'pour', *paths, times)


def stop(process):
    """Whether it had sent everything before it was stopped."""
    process.stdin.close()
    said = process.stdout.read()
    process.wait(30)
    process.stdout.close()
    return b'poured' in said


def many(message):
    raw = message.encode()
    return raw * (1_000_000 // len(raw))


@pytest.mark.parametrize('what, megabytes', [('signals', 4000), ('questions', 4000)])
def test_a_round_ends_while_a_ring_never_runs_dry(steady, xen, guest, what, megabytes):
    """300 calls between others get through before it has sent all that."""
    flood = {'signals': wire.signal('/a', 'a.b', 'Nobody', serial=5),
             'questions': wire.call(BUS, BUS_PATH, INTROSPECTABLE, 'Introspect', serial=5,
                                    flags=wire.NO_REPLY_EXPECTED)}
    program = pour(xen, guest, many(flood[what]), megabytes)
    steady.talk(300)
    assert not stop(program), 'the others had to wait until it was done'
    steady.settled()


def test_a_subscriber_outlives_a_flood_of_signals(steady, xen, guest, new_guest):
    """Somebody else's: it reads, and is not cut off because it cannot keep up."""
    other = new_guest('other')
    subscriber = other.connect()
    subscriber.match("interface='org.example.Progress'")
    signals = many(wire.signal('/a', 'org.example.Progress', 'P', 'ay', bytes(200), serial=5))
    program = pour(xen, guest, signals, 100_000)
    for _ in range(20_000):
        subscriber.read_message()
        subscriber.inbox.clear()
    steady.talk(20)
    stop(program)
    subscriber.sync()
    subscriber.close()
    other.destroy()
    steady.settled()


@pytest.mark.parametrize('size', [10, 60_000, 500_000])
def test_last_words(steady, guest, size):
    """Written, and the ring closed, before the daemon looks: it is told of both at once."""
    leaving = guest.connect(1 << 20, 1 << 20)
    steady.caller.match("member='Goodbye'")
    steady.bus.process.send_signal(signal.SIGSTOP)
    leaving.send(wire.signal('/a', 'a.b', 'Goodbye', 'ay', bytes(size)))
    leaving.close()
    steady.bus.process.send_signal(signal.SIGCONT)
    assert steady.caller.take(lambda m: m.member == 'Goodbye').sender == leaving.name
    steady.caller.drain()
    steady.settled()


@pytest.mark.parametrize('mode', [['flap'], ['offers', 300]])
def test_the_log_does_not_fill(steady, guest, mode):
    """Ten lines at once and one a second are enough about what one domain does."""
    began = time.monotonic()
    program = guest.program('ring-evil', *mode)
    while time.monotonic() - began < 2:
        steady.talk(20)
    stop(program)
    said = [line for line in steady.bus.stderr.read_text().splitlines()
            if f' domain={guest.domid} ' in line]
    assert 0 < len(said) <= 2 * (11 + time.monotonic() - began), said
    steady.talk()
