# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that does what it can to hurt the bus. Two innocents talk all the while."""
import contextlib
import os
import random
from pathlib import Path

import pytest

import wire
from client import BUS, BUS_PATH, Closed, Refused

LIMITS = 'org.freedesktop.DBus.Error.LimitsExceeded'
NO_REPLY = 'org.freedesktop.DBus.Error.NoReply'


def stop(process):
    """Close its input and wait: it ends in good order."""
    process.stdin.close()
    process.wait(30)
    process.stdout.close()


def cpu_ticks(pid):
    with open(f'/proc/{pid}/stat') as stat:
        fields = stat.read().rsplit(')', 1)[1].split()
    return int(fields[11]) + int(fields[12])


# --- reading and writing ---

def test_it_never_reads_what_it_asked_for(steady, guest):
    """Thousands of calls to the bus, and not one answer is read."""
    hostile = guest.connect()
    call = wire.call(BUS, BUS_PATH, BUS + '.Introspectable', 'Introspect', serial=5).encode()
    try:
        for _ in range(2000):
            hostile.sock.send(call * 20)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    steady.talk(20)
    hostile.close()
    steady.settled()


def test_calls_to_one_who_never_reads(steady, guest):
    """They are refused when its queue is full; the callers go on."""
    sleeper, caller = guest.connect(), steady.bus.connect()
    sleeper.freeze()
    refused, calls = None, set()
    for number in range(400):
        serial = caller.send(wire.call(sleeper.name, '/a', 'a.b', 'C', 'ay', bytes(60_000)))
        calls.add(serial)
        steady.talk()
        caller.sync()
        answers = [m for m in caller.inbox if m.reply_serial == serial]
        if answers:
            refused = answers[0]
            break
    assert refused and refused.error_name == LIMITS, number
    sleeper.kill()
    # Every call that was accepted gets its error now.
    answered = {m.reply_serial for m in caller.drain()} | {serial}
    for earlier in calls - answered:
        assert caller.take_reply(earlier).error_name == NO_REPLY
    sleeper.close()
    caller.close()
    steady.settled()


def test_signals_to_one_who_never_reads(steady, guest):
    """It is the one that goes, not the sender."""
    sleeper, sender = guest.connect(), steady.bus.connect()
    sleeper.match("member='Flood'")
    steady.caller.match(f"member='NameOwnerChanged',arg0='{sleeper.name}'")
    sleeper.freeze()
    for number in range(2000):
        sender.send(wire.signal('/a', 'a.b', 'Flood', 'ay', bytes(60_000)))
        if number % 20 == 0:
            steady.talk()
            if any(m.member == 'NameOwnerChanged' for m in steady.caller.inbox):
                break
    else:
        raise AssertionError('the bus keeps all of it')
    sleeper.close()
    sender.close()
    steady.settled()


def test_half_a_message(steady, guest):
    """It waits for the rest, but not for ever, and nobody waits with it."""
    hostile = guest.connect()
    raw = wire.call(steady.service.name, '/a', 'a.b', 'C', 'ay', bytes(5000), serial=9).encode()
    hostile.send_bytes(raw[:3000])
    steady.talk(5)
    hostile.send_bytes(raw[3000:])
    assert steady.service.take_call('C').sender == hostile.name
    hostile.send_bytes(raw[:100])
    steady.talk(5)
    hostile.close()
    steady.settled()


def test_a_message_bigger_than_allowed(steady, guest):
    for size in 2_000_000, 100_000_000, 0xfffffff0:
        hostile = guest.connect()
        message = wire.call(steady.service.name, '/a', 'a.b', 'C', 'ay', serial=9)
        with pytest.raises(Closed):
            hostile.send_bytes(message.encode(body=b'', body_length=size))
            while True:
                hostile.send_bytes(bytes(60_000))
        steady.talk()
        hostile.close()
    steady.settled()


def test_garbage(steady, guest):
    generator = random.Random(7)
    for number in range(20):
        hostile = guest.connect() if number % 2 else guest.ring()
        with pytest.raises(Closed):
            for _ in range(100):
                hostile.send_bytes(generator.randbytes(5000))
            hostile.wait_closed()
            raise Closed
        steady.talk()
        hostile.close()
    steady.settled()


def test_authentication_that_never_ends(steady, guest):
    """Five seconds, then the ring is closed."""
    silent, chatty = guest.ring(), guest.ring()
    for ring in silent, chatty:
        assert ring.report() == 'accepted\n'
    chatty.send_bytes(b'\0AUTH EXTERNAL\r\n')
    chatty.line()
    steady.talk(5)
    for ring in silent, chatty:
        ring.wait_closed()
        ring.close()
    steady.settled()


# --- the ring itself ---

@pytest.mark.parametrize('mode', ['scribble', 'mad', 'storm'])
def test_hostile_rings(steady, guest, mode):
    programs = [guest.program('ring-evil', mode) for _ in range(2)]
    before = cpu_ticks(steady.bus.pid)
    for _ in range(300):
        steady.talk()
    for program in programs:
        stop(program)
    steady.settled()
    assert cpu_ticks(steady.bus.pid) - before < 1500


@pytest.mark.parametrize('left, right', [
    (0, 0), (9, 12), (10, 10), (11, 11), (12, 21), (65535, 12), (12, 65535), (10, 11), (20, 20),
    (12, 12), (21, 21), (31, 12), (32, 12), (64, 64),
])
def test_rings_of_impossible_orders(steady, guest, left, right):
    """Refused with a sentence, or taken as far as the library can; then nobody authenticates."""
    program = guest.program('ring-evil', 'orders', left, right)
    steady.talk(3)
    guest.connect().close()
    stop(program)
    for sentence in guest.xen.errors(guest):
        assert len(sentence.split()) >= 3
    steady.settled()


def test_a_client_that_comes_and_goes(steady, guest):
    program = guest.program('ring-evil', 'flap')
    assert program.stdout.readline() == b'flapped\n'
    steady.talk(50)
    stop(program)
    guest.xen.sweep(guest)
    steady.settled()


# --- xenstore ---

def test_a_flood_of_offers(steady, guest, new_guest):
    """It slows down its own offers and nobody else's."""
    program = guest.program('ring-evil', 'offers', 300)
    other = new_guest('other')
    steady.talk(50)
    client = other.connect()
    client.sync()
    client.close()
    steady.talk(50)
    stop(program)
    other.destroy()
    guest.xen.sweep(guest)
    steady.settled()


def test_names_without_end(steady, guest, new_guest):
    """oxenstored lets a guest make a thousand nodes with long names, and libxenstore gives up a connection
    on which it is sent a list of more than 4 KiB: not the one on which we hear of offers."""
    path = f'/local/domain/{guest.domid}/data/xcp-bus'
    nodes = [f'{path}/{n}{"z" * 240}' for n in range(20)]
    with contextlib.suppress(AssertionError):  # C xenstored lets it make eight
        guest.xen.run(guest.domid, 'xenstore-write', *[word for node in nodes for word in (node, '')])
    other = new_guest('other')
    for _ in range(10):
        guest.xen.run(guest.domid, 'xenstore-write', nodes[0], '')
        other.connect().close()
    steady.talk(10)
    assert 'xenstored is gone' not in Path(steady.bus.stderr).read_text()
    other.destroy()
    # By the guest itself: whoever lists them here would lose its connection.
    guest.xen.run(guest.domid, 'xenstore-rm', path)
    guest.xen.sweep(guest)
    steady.settled()


def test_senseless_offers(steady, guest):
    program = guest.program('ring-evil', 'junk')
    steady.talk(10)
    guest.connect().close()
    steady.talk(10)
    stop(program)


def test_refused_offers_say_why(steady, guest, new_guest):
    """A domain has a limit of connections; the next one is told so in xenstore."""
    rings = []
    for _ in range(600):
        ring = guest.ring(4096, 4096)
        rings.append(ring)
        answer = ring.report()
        if answer != 'accepted\n':
            break
        ring.auth().hello()
        if len(rings) % 20 == 0:
            steady.talk()
    assert answer.startswith('refused: ') and len(answer.split()) > 3, answer
    # Others are not concerned.
    other = new_guest('other')
    other.connect().close()
    other.destroy()
    steady.talk()
    for ring in rings:
        ring.close()
    # There is room again.
    guest.connect().close()
    steady.settled()


# --- what a guest may pile up ---

@pytest.mark.parametrize('what', ['names', 'rules', 'calls'])
def test_limits_of_a_domain(steady, guest, what):
    hostile = guest.connect()
    with pytest.raises(Refused) as refused:
        for number in range(100_000):
            if what == 'names':
                hostile.own(f'org.example.n{number}')
            elif what == 'rules':
                hostile.match(f"arg0='{number}'")
            else:
                serial = hostile.send(wire.call(steady.service.name, '/a', 'a.b', 'C'))
                hostile.sync()
                if any(m.reply_serial == serial for m in hostile.inbox):
                    hostile.result(serial)
    assert refused.value.name == LIMITS
    steady.service.drain()
    steady.talk()
    hostile.close()
    steady.settled()


def test_guests_cannot_pretend_to_be_the_bus(steady, guest):
    hostile = guest.connect()
    steady.caller.drain()
    hostile.send(wire.signal(BUS_PATH, BUS, 'NameOwnerChanged', 'sss', 'a.b', '', ':0.1',
                             sender=BUS, destination=steady.caller.name))
    hostile.sync()
    for message in steady.caller.drain():
        assert message.sender == hostile.name
    assert os.path.exists(steady.bus.path)
    hostile.close()
