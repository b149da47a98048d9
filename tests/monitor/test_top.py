# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-monitor top: its numbers are those of what was sent, and its screen works in a real terminal."""
import os
import re
import shlex
import subprocess
import tempfile
import time

import pytest

import wire
from client import PATIENCE
from services import HEALTH, Monitor, Service

NAME, PATH, INTERFACE = 'org.xen.xcp.load1', '/org/xen/xcp/load1', 'org.xen.xcp.load1'


def table(answers):
    return {answer['name']: answer for answer in answers}


def exchange(caller, service, count, body):
    """So many calls and replies, each with this body; how many bytes each side has sent."""
    sent = answered = 0
    for _ in range(count):
        call = wire.call(NAME, PATH, INTERFACE, 'Work', 'ay', body)
        serial = caller.send(call)
        sent += len(call.encode())
        request = service.take_call('Work')
        reply = wire.reply_to(request, 'ay', body)
        service.send(reply)
        answered += len(reply.encode())
        caller.take_reply(serial)
    return sent, answered


@pytest.fixture(scope='module')
def hosted_bus(xen):
    """One method is denied to guests."""
    bus = xen.bus(limits={'silent_timeout': 2000},
                  policy='<policy domain="*"><allow send_destination="*"/><allow receive_sender="*"/>'
                         '<deny send_interface="a.b" send_member="Forbidden"/></policy>')
    yield bus
    bus.stop()


@pytest.fixture
def load(hosted_bus, guest):
    """A caller in dom0, and a service in a guest that does what the test says."""
    caller, service = hosted_bus.connect(), guest.connect()
    assert service.own(NAME) == 1
    yield caller, service
    service.close()
    hosted_bus.close_clients()


@pytest.fixture
def monitor(build, hosted_bus):
    return Monitor(build, hosted_bus)


# --- numbers ---

def test_exactly_what_was_sent_is_counted(load, monitor, guest):
    caller, service = load
    before = {kind: table(monitor.json('top', '--total', f'--by={kind}'))
              for kind in ('service', 'domain', 'connection')}
    sent, answered = exchange(caller, service, 50, b'x' * 1000)
    after = {kind: table(monitor.json('top', '--total', f'--by={kind}')) for kind in before}

    def grown(kind, name, key):
        return after[kind][name][key] - before[kind][name][key]

    for kind, name in ('service', NAME), ('domain', guest.name), ('connection', NAME):
        assert grown(kind, name, 'messages_sent') == grown(kind, name, 'messages_received') == 50
        assert grown(kind, name, 'bytes_sent') == answered
        assert grown(kind, name, 'calls_sent') == 0
    mine = next(row for row in after['connection'].values() if row.get('unique') == caller.name)
    assert mine['name'].startswith(caller.name + '@dom0')
    assert grown('connection', mine['name'], 'calls_sent') == 50
    assert grown('connection', mine['name'], 'messages_received') == 50
    assert grown('connection', mine['name'], 'bytes_sent') == sent
    # What was received has the name of its sender in it, which the bus has put there.
    assert grown('service', NAME, 'bytes_received') > sent


def test_rates_are_of_the_interval_alone(load, monitor):
    caller, service = load
    exchange(caller, service, 20, b'before')
    rows = table(monitor.json('top', '--once', '--interval=200ms'))
    assert rows[NAME]['messages_sent'] == rows[NAME]['messages_received'] == 0
    assert rows[NAME]['interval_us'] >= 200_000


def test_a_call_that_waits_is_seen_with_its_age_and_then_how_long_it_took(load, monitor, guest):
    caller, service = load
    serial = caller.send(wire.call(NAME, PATH, INTERFACE, 'Work'))
    request = service.take_call('Work')
    for kind, name in ('service', NAME), ('domain', guest.name):
        row = table(monitor.json('top', '--total', f'--by={kind}', '--sort=oldest'))[name]
        assert row['calls_pending'] == 1 and row['oldest_pending_us'] > 0
        waited = row['oldest_pending_us']
    service.send(wire.reply_to(request))
    caller.take_reply(serial)
    row = table(monitor.json('top', '--total'))[NAME]
    assert (row['calls_pending'], row['oldest_pending_us']) == (0, 0)
    assert row['p99_us'] >= waited


def test_a_guest_that_does_not_read_has_a_full_ring_and_a_queue(load, monitor, hosted_bus):
    caller, service = load
    service.freeze()
    for _ in range(40):
        caller.send(wire.call(NAME, PATH, INTERFACE, 'Work', 'ay', b'x' * 10000))
    caller.sync()
    row = table(monitor.json('top', '--total'))[NAME]
    assert row['ring_percent'] > 50 and row['queued_bytes'] > 100_000
    assert row['calls_pending'] == 40
    service.kill()


def test_denials_are_counted_where_they_happened(hosted_bus, new_guest, monitor):
    victim = new_guest('victim')
    client, server = victim.connect(), hosted_bus.connect()
    for _ in range(7):
        serial = client.send(wire.call(server.name, '/', 'a.b', 'Forbidden'))
        assert client.take_reply(serial).error_name.endswith('AccessDenied')
    rows = table(monitor.json('top', '--total', '--by=domain'))
    assert rows[victim.name]['denied'] == 7
    assert rows['Domain-0']['denied'] == 0
    shown = monitor.text('top', '--total', '--by=domain', '--sort=denied').splitlines()
    assert shown[4].startswith(victim.name)
    client.close()
    hosted_bus.close_clients()


def test_what_a_monitor_has_missed_is_dropped(load, monitor, hosted_bus):
    caller, service = load
    looker = hosted_bus.connect()
    looker.call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus.Monitoring',
                'BecomeMonitor', 'asu', [], 0)
    deadline = time.monotonic() + 2 * PATIENCE
    while True:  # until what waits for it is more than may wait
        for _ in range(50):
            caller.send(wire.signal('/', 'a.b', 'Noise', 'ay', bytes(100_000)))
        caller.sync()
        rows = [row for row in monitor.json('top', '--total', '--by=connection') if row['dropped']]
        if any(row.get('unique') == looker.name for row in rows):
            break
        assert time.monotonic() < deadline, rows
    lost = next(row['dropped'] for row in rows if row.get('unique') == looker.name)
    text = monitor.text('top', '--total', '--by=connection', '--sort=drops').splitlines()
    assert text[4].startswith(f'{looker.name}@dom0') and lost > 0


def test_clients_without_a_name_are_one_row_for_each_domain(load, monitor, hosted_bus):
    caller, _ = load
    hosted_bus.connect()
    row = table(monitor.json('top', '--total'))['(clients)@dom0']
    assert row['links'] == 2
    names = table(monitor.json('top', '--total', '--by=connection'))
    assert f'{caller.name}@dom0' in names


def test_links_beyond_the_first_page_are_rows_as_well(hosted_bus, monitor):
    for i in range(150):
        assert hosted_bus.connect().own(f'org.xen.xcp.crowd{i:03}') == 1
    rows = monitor.json('top', '--total', '--sort=name', '--reverse')[1:]
    assert [row['name'] for row in rows] == [f'org.xen.xcp.crowd{i:03}' for i in reversed(range(150))]
    hosted_bus.close_clients()


def test_a_domain_that_hangs_is_silent(xen, load, monitor, guest):
    xen.hx('pause', guest.domid)
    try:
        deadline = time.monotonic() + 2 * PATIENCE
        while not table(monitor.json('top', '--total'))[NAME]['is_silent']:
            assert time.monotonic() < deadline, 'nobody noticed'
            time.sleep(0.1)
        assert re.search(rf'{NAME}@guest.* silent', monitor.text('top', '--total'))
        assert table(monitor.json('top', '--total', '--by=domain'))[guest.name]['is_silent']
    finally:
        xen.hx('unpause', guest.domid)


def test_health_is_asked_for_only_if_it_is_wanted(hosted_bus, monitor):
    said = {'component': ('s', ''), 'status': ('s', 'Degraded'), 'reason': ('s', 'no spare')}
    methods = {('/org/xen/xcp/ill1', HEALTH, 'Check'): lambda _: ('a{sv}', said)}
    with Service(hosted_bus.connect(), 'org.xen.xcp.ill1', methods) as service:
        assert table(monitor.json('top', '--interval=200ms'))['org.xen.xcp.ill1']['health'] is None
        assert not service.calls
        rows = table(monitor.json('top', '--health', '--interval=200ms'))
        assert rows['org.xen.xcp.ill1']['health'] == 'Degraded'
        assert [call.member for call in service.calls] == ['Check']


@pytest.mark.parametrize('arguments', [
    ['--by=colour'], ['--sort=colour'], ['--interval=1us'], ['--interval=soon'], ['--nosuch'], ['x']])
def test_wrong_usage_is_status_2(monitor, arguments):
    monitor.run('top', *arguments, status=2)


def test_without_a_terminal_there_is_one_table(load, monitor):
    lines = monitor.text('top', '--interval=200ms').splitlines()
    assert lines[3].split()[0] == 'SERVICE'
    assert any(line.startswith(f'{NAME}@guest') for line in lines)


# --- the screen ---

class Screen:
    """A terminal of tmux, in which a command runs; what it shows."""

    def __init__(self, folder, command, env, width=80, height=24):
        self.socket = os.path.join(folder, 'tmux')
        env = {key: value for key, value in env.items() if key != 'TMUX'}
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', str(width), '-y', str(height),
                  f'{shlex.join(command)}; echo "status $?"; stty -a; exec cat', env=env)

    def tmux(self, *arguments, **options):
        return subprocess.run(['tmux', '-S', self.socket, *arguments], check=True, capture_output=True,
                              text=True, timeout=PATIENCE, **options).stdout

    def press(self, *keys):
        self.tmux('send-keys', *keys)

    def text(self):
        return self.tmux('capture-pane', '-p')

    def wait(self, pattern):
        """What is shown, once it has this in it."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, text := self.text(), re.MULTILINE):
            assert time.monotonic() < deadline, f'no {pattern} in:\n{text}'
            time.sleep(0.05)
        return text

    def close(self):
        self.tmux('kill-server')


@pytest.fixture
def start_screen(xen):
    """Paths of sockets are short: not below pytest's."""
    screens = []

    def start(monitor, *arguments, **options):
        folder = tempfile.mkdtemp(dir=xen.top)
        screens.append(Screen(folder, [*monitor.command, 'top', *arguments], monitor.env, **options))
        return screens[-1]

    yield start
    for screen in screens:
        screen.close()


def test_it_fits_into_80_columns_and_follows_what_happens(load, monitor, start_screen):
    caller, service = load
    screen = start_screen(monitor, '--interval=200ms')
    text = screen.wait('MSG/S')
    assert text.splitlines()[0].startswith('xcp-busd')
    titles = text.splitlines()[3]
    assert titles.split() == 'SERVICE MSG/S BYT/S PEND OLD P50 P99 QUEUE RING IDLE H'.split()
    assert all(len(line) <= 80 for line in text.splitlines())
    serial = caller.send(wire.call(NAME, PATH, INTERFACE, 'Work'))
    request = service.take_call('Work')
    screen.wait(r'^load1@guest\(\d+\) .* 1 +\d+(us|ms|s|m) ')
    screen.press('t')
    service.send(wire.reply_to(request))
    caller.take_reply(serial)
    screen.wait(r'MSGS')
    screen.wait(r'^load1@guest\(\d+\) +\d+ +\d+ +0 +\d+\S+ +\d+\S+ ')  # none waits; P50 and P99


def test_keys_choose_what_is_shown_and_in_which_order(load, monitor, start_screen, guest):
    screen = start_screen(monitor, '--interval=10s')
    screen.wait('load1@guest')
    screen.press('d')
    text = screen.wait('^DOMAIN .* DROP DENY')
    assert re.search(rf'^{guest.name}[(]{guest.domid}[)] ', text, re.MULTILINE)
    screen.press('Left')
    screen.wait('sorted by name$')
    screen.press('Left')
    screen.wait('sorted by health')
    screen.press('<', '<', 'r')
    screen.wait('sorted by denied, reversed')
    screen.press('s')  # which has no such column
    screen.wait('^SERVICE')
    screen.press('c')
    screen.wait('^CONNECTION')
    screen.press('Escape', '[', 'Z', 'F12', 'x')  # which mean nothing
    screen.press('q')
    screen.wait('status 0')


def test_it_scrolls_and_follows_the_size_of_the_terminal(load, monitor, start_screen, hosted_bus):
    for i in range(30):
        hosted_bus.connect().own(f'org.xen.xcp.many{i:02}')
    screen = start_screen(monitor, '--sort=name', '--interval=10s', width=120, height=20)
    screen.wait('many00')
    assert 'many29' not in screen.text()
    screen.press('PageDown', 'PageDown', 'PageDown', 'PageDown')
    text = screen.wait('many29')
    assert 'many00' not in text
    screen.tmux('resize-window', '-x', '60', '-y', '60')
    text = screen.wait('many00')
    assert 'many29' in text
    assert all(len(line) <= 60 for line in text.splitlines()[:40])
    screen.tmux('resize-window', '-x', '20', '-y', '3')
    screen.wait('^xcp-busd')


@pytest.mark.parametrize('key', ['q', 'C-c'])
def test_the_terminal_is_as_it_was_when_it_ends(load, monitor, start_screen, key):
    screen = start_screen(monitor)
    screen.wait('SERVICE')
    screen.press(key)
    text = screen.wait('extproc')  # the end of what stty says
    assert re.search(r'status 0', text)
    assert ' icanon ' in text.replace('\n', ' ') and ' echo ' in text.replace('\n', ' ')
    assert '-icanon' not in text and '-echo ' not in text
    assert 'SERVICE' not in text  # that was on another screen


def test_when_the_bus_goes_it_ends_and_says_so(start_hosted_bus, build, start_screen):
    bus = start_hosted_bus()
    screen = start_screen(Monitor(build, bus))
    screen.wait('SERVICE')
    bus.stop()
    text = screen.wait('extproc')
    assert 'the bus has gone' in text and 'status 1' in text and '-icanon' not in text
