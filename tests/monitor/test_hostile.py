# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that mean ill towards whoever looks on, and a bus that is faster than the looker."""
import os
import signal

import pytest

import wire
from client import echo_once
from services import Fail
from watching import FORBIDDEN, Emitter, Watch

EVIL = ('\x1b]0;owned\x07\x1b[2J\x1b[31mred \r\nnew line\tand \x9b5m \u202eright to left\u2066 \u200b\ufeff '
        '\U000e0041 \\ "end"')
ECHO = "interface='org.example.Echo'"


def memory_of(process):
    """Bytes that are in memory."""
    with open(f'/proc/{process.pid}/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


@pytest.mark.parametrize('locale', ['C', 'C.UTF-8'])
def test_no_text_of_a_guest_reaches_the_terminal_as_it_is(hosted_bus, guest, build, locale):
    local = hosted_bus.connect()
    body = [EVIL, [EVIL], {EVIL: wire.Variant('s', EVIL)}, EVIL.encode()]
    arguments = ['--body', '--timeout=60s', "interface='a.b'"]

    def refuse(_):
        raise Fail('a.b.Evil', 's', EVIL)

    with Emitter(guest.connect(), 'org.example.evil', {(None, 'a.b', 'Ask'): refuse}) as evil, \
            Watch(build, hosted_bus, '--colour', *arguments, is_json=False, locale=locale) as watch, \
            Watch(build, hosted_bus, *arguments) as lines, \
            Watch(build, hosted_bus, '--json', *arguments, is_json=False) as raw:
        local.take_reply(local.send(wire.call('org.example.evil', '/x', 'a.b', 'Ask', 'sasa{sv}ay', *body)))
        evil.emit(local, wire.signal('/x', 'a.b', 'Told', 's', EVIL), wire.signal('/x', 'a.b', 'End'))
        watch.until(lambda line: 'a.b.End' in line)
        watch.take()  # its body
        watch.end()
        lines.until(lambda line: line['member'] == 'End')
        lines.end()
        raw.until(lambda line: '"End"' in line)
        raw.end()
    own = ('\033[0m', '\033[1m', '\033[2m', '\033[31m', '\033[32m', '\033[33m')
    for line in watch.lines + raw.lines:
        for colour in own:  # ours are before and after what we print, and never in a text
            line = line.replace(colour, '')
        assert not FORBIDDEN.search(line), line
    assert 'red' in ''.join(watch.lines) and len(watch.lines) == 8
    assert [line['body'] for line in lines.lines if line['member'] == 'Told'] == [[EVIL]]
    assert [line['text'] for line in lines.lines if line['kind'] == 'error'] == [EVIL]


def test_names_of_domains_are_strangers_text_too(xen, hosted_bus, new_guest, build):
    guest = new_guest('named')
    xen.hx('run', 0, 'xenstore-write', f'/local/domain/{guest.domid}/name', 'a\u202eb')
    remote = guest.connect()
    with Watch(build, hosted_bus, '--count=1', "member='Told'", is_json=False) as watch:
        remote.send(wire.signal('/x', 'a.b', 'Told'))
        (line,) = watch.wait()
    assert '@a' in line and not FORBIDDEN.search(line)  # already the daemon sees to it
    remote.close()


def test_names_of_domains_do_not_look_like_more(xen, hosted_bus, new_guest, build):
    guest = new_guest('named')
    evil = 'x(0) -> a.b@"dom0  c.d /x'
    xen.hx('run', 0, 'xenstore-write', f'/local/domain/{guest.domid}/name', evil)
    remote = guest.connect()
    with Watch(build, hosted_bus, '--count=1', "member='Told'", is_json=False) as watch, \
            Watch(build, hosted_bus, '--count=1', "member='Told'") as lines:
        remote.send(wire.signal('/x', 'a.b', 'Told'))
        (line,) = watch.wait()
        assert lines.wait()[0]['from']['domain'] == evil
    assert f'@"x(0) -> a.b@\'dom0  c.d /x"({guest.domid}) -> all' in line
    remote.close()


def test_long_lines_are_cut(hosted_bus, build):
    path = '/' + 'p' * 30000
    with Emitter(hosted_bus.connect(), 'org.example.long', {}) as emitter, \
            Watch(build, hosted_bus, '--count=3', '--body', '--timeout=60s', "interface='a.b'",
                  is_json=False) as watch:
        emitter.emit(hosted_bus.connect(), wire.signal(path, 'a.b', 'Told', 's', 't' * 1000000),
                     wire.signal('/x', 'a.b', 'Told', 'ay', os.urandom(1000000)),
                     wire.signal('/x', 'a.b', 'Told', 'as', ['t'] * 300000))
        lines = watch.wait()
    assert max(map(len, lines)) < 40000 and 'ppp...' in lines[0] and 'ttt..."' in lines[1]
    assert '(1000000 bytes)' in lines[3] and lines[5].endswith('...])')


def test_huge_messages(hosted_bus, build):
    client = hosted_bus.connect()
    size = 30 * 1000 * 1000
    with Watch(build, hosted_bus, "interface='a.b'") as watch:
        for _ in range(4):
            client.send(wire.signal('/x', 'a.b', 'Huge', 'ay', bytes(size)))
            assert watch.until(lambda line: line['member'] == 'Huge')['size'] > size
        client.send(wire.signal('/x', 'a.b', 'End'))
        watch.until(lambda line: line['member'] == 'End')
        # No more than what a message needs while it passes.
        assert memory_of(watch.process) < 10 * size
        watch.end()


def test_nobody_answers_for_others(hosted_bus, guest, new_guest, build):
    caller, service, thief = hosted_bus.connect(), guest.connect(), new_guest('thief').connect()
    service.own('org.example.served')
    with Watch(build, hosted_bus, "interface='a.b'") as watch:
        serial = caller.send(wire.call('org.example.served', '/x', 'a.b', 'Ask'))
        request = service.take_call('Ask')
        request.sender = caller.name
        thief.send(wire.reply_to(request, 's', 'forged'))
        thief.send(wire.error_to(request, 'a.b.Forged', 'forged'))
        thief.sync()
        service.send(wire.reply_to(request, 's', 'true'))
        assert caller.result(serial) == 'true'
        watch.take_lines(2)
        lines = watch.end()
    assert [(line['kind'], line['from']['unique']) for line in lines] == [('call', caller.name),
                                                                         ('answer', service.name)]
    service.close()
    thief.close()


def test_calls_without_answer_take_no_memory_for_ever(start_bus, build):
    """Many more than are remembered; each is shown all the same."""
    bus = start_bus(limits={'max_replies_per_connection': 100000})
    caller, service = bus.innocents()
    count, batch = 20000, 1000
    with Watch(build, bus, "member='Ask'") as watch:
        # With some body, as somebody would send who wants to make us keep much.
        data = [wire.call(service.name, '/x' + 'x' * 400, 'a.b', 'Ask', serial=1000 + i).encode()
                for i in range(count)]
        for begin in range(0, count, batch):
            caller.send_bytes(b''.join(data[begin:begin + batch]))
            watch.take_lines(begin + batch)
            service.fill()
            service.data.clear()
        memory = memory_of(watch.process)
        watch.end()
    assert watch.summary == (count, count, 0, 0, 0, 4096, 0)
    assert f'{count - 4096} more calls waited' in watch.errors
    if b'__asan_init' not in open(f'{build}/xcp-bus-monitor', 'rb').read():
        assert memory < 40 << 20
    service.close()


def test_many_senders(start_bus, build):
    bus = start_bus()
    with Watch(build, bus, "member='Many'") as watch:
        senders = [bus.connect() for _ in range(150)]
        for sender in senders:
            sender.send(wire.signal('/x', 'a.b', 'Many'))
        watch.take_lines(150)
        lines = watch.end()
    assert sorted(line['from']['unique'] for line in lines) == sorted(sender.name for sender in senders)


def test_what_a_stopped_monitor_missed_is_counted(start_bus, build):
    bus = start_bus(limits={'max_outgoing_bytes': 300000})
    client, other = bus.innocents()
    count = 20000
    with Watch(build, bus, "member='Flood'") as watch:
        data = [wire.signal('/x', 'a.b', 'Flood', 's', 'x' * 100, serial=1000 + i).encode()
                for i in range(count)]
        watch.process.send_signal(signal.SIGSTOP)
        client.send_bytes(b''.join(data))
        client.sync()
        echo_once(client, other)  # nobody waits for it
        watch.process.send_signal(signal.SIGCONT)
        # What is missing is told with the first that finds room again.
        more = 0
        while watch.lines[-1:] == [] or watch.lines[-1].get('serial') != 100000 + more:
            if watch.is_readable():
                assert watch.take() is not None
                continue
            more += 1
            client.send_bytes(wire.signal('/x', 'a.b', 'Flood', serial=100000 + more).encode())
            client.sync()
        watch.end()
    shown = sum(line['kind'] == 'signal' for line in watch.lines)
    lost = sum(line['lost'] for line in watch.lines if line['kind'] == 'lost')
    # Lost may also be what the monitor asks for itself: answers, and the calls of sync.
    assert lost > 0 and count + more <= shown + lost <= count + more + 2 * (more + 1) + 2
    assert watch.summary[0] == shown and watch.summary[-1] == lost


def test_lost_messages_for_people(start_bus, build):
    bus = start_bus(limits={'max_outgoing_bytes': 100000})
    client = bus.connect()
    with Watch(build, bus, is_json=False) as watch:
        watch.process.send_signal(signal.SIGSTOP)
        flood = [wire.signal('/x', 'a.b', 'Flood', 's', 'x' * 1000, serial=1000 + i).encode()
                 for i in range(2000)]
        client.send_bytes(b''.join(flood))
        client.sync()
        watch.process.send_signal(signal.SIGCONT)
        while not any(' lost ' in line for line in watch.lines):
            client.sync()
            while watch.is_readable():
                assert watch.take() is not None
        line = next(line for line in watch.lines if ' lost ' in line)
        watch.end()
    assert line.endswith(' messages are missing here: the bus was faster than we')
    assert watch.summary[-1] > 0
