# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starting xcp-busd where something is missing or already there."""
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import bus as bus_module
from client import PATIENCE, Client, Closed, echo_once


def run(build, tmp_path, *arguments, env=None):
    """Run xcp-busd with arguments that make it end by itself; return what it said."""
    result = subprocess.run([f'{build}/xcp-busd', *arguments], capture_output=True, text=True,
                            timeout=PATIENCE, env=bus_module.sanitizer_environment(tmp_path, env))
    assert result.returncode == 1, result
    assert len(result.stderr.split()) >= 4 and 'Sanitizer' not in result.stderr, result
    return result.stderr


def test_without_xen(build, tmp_path):
    said = run(build, tmp_path, '--address=vchan:', '--nofork')
    assert 'hypervisor' in said and '--address=unix:' in said


def test_without_a_directory(build, tmp_path):
    said = run(build, tmp_path, f'--address=unix:path={tmp_path}/none/bus', '--nofork')
    assert f'{tmp_path}/none/bus: there is no such directory' in said


def test_without_xenstored(xen, build, tmp_path):
    """It says so once, serves who is there, and goes on waiting."""
    path = tmp_path / 'bus'
    process = xen.popen(0, 'env', 'XENSTORED_PATH=/does/not/exist', f'{build}/xcp-busd',
                        f'--address=unix:path={path}', '--address=vchan:', '--nofork',
                        '--print-address', stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                        text=True)
    assert 'guid=' in process.stdout.readline()
    assert 'rings of guests wait for it' in process.stderr.readline()
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    Client(sock).auth().hello().close()
    process.terminate()
    assert process.wait(PATIENCE) == 0
    assert process.stderr.read().count('xenstored') == 0


def test_started_while_xenstored_is_stopped(xen, build):
    """It waits, and can be ended nevertheless."""
    xen.hx('fault', 'xenstored=stop')
    try:
        process = xen.popen(0, f'{build}/xcp-busd', '--address=vchan:', '--nofork')
        while 'S (sleeping)' not in Path(f'/proc/{process.pid}/status').read_text():
            pass
        process.terminate()
        assert process.wait(PATIENCE) in (0, -signal.SIGTERM)
    finally:
        xen.hx('fault', 'clear')


def test_ended_while_xenstored_is_stopped(xen, start_hosted_bus, new_guest):
    bus = start_hosted_bus()
    ring = new_guest('guest').connect()
    xen.hx('fault', 'xenstored=stop')
    try:
        bus.stop()
        assert ring.report() == 'closed\n'
    finally:
        xen.hx('fault', 'clear')
    ring.close()


def test_two_daemons_at_one_socket(build, tmp_path, start_bus):
    first = start_bus()
    said = run(build, tmp_path, f'--address=unix:path={first.path}', '--nofork')
    assert first.path in said
    # The first has not lost its socket by that.
    first.connect().sync()


def test_a_file_in_the_place_of_the_socket_is_left_alone(build, tmp_path):
    path = tmp_path / 'precious'
    path.write_text('not a socket')
    run(build, tmp_path, f'--address=unix:path={path}', '--nofork')
    assert path.read_text() == 'not a socket'


def test_guests_are_served_at_once(start_hosted_bus, new_guest):
    """Also those that were there before the daemon, and those that come after it."""
    early = new_guest('early')
    bus = start_hosted_bus()
    late = new_guest('late')
    for guest in early, late:
        client = guest.connect()
        echo_once(bus.connect(), client)
        client.close()


def test_a_message_may_not_stay_half_for_ever(start_hosted_bus, new_guest):
    bus = start_hosted_bus(limits={'message_timeout': 500})
    innocents = bus.innocents()
    for half in new_guest('slow').connect(), bus.connect():
        half.send_bytes(b'l\1\0\1')
        echo_once(*innocents)
        half.wait_closed()
        half.close()
    echo_once(*innocents)


def test_limits_of_guests_are_their_own(start_hosted_bus, new_guest):
    """Few connections and small messages for a domain; dom0's programs do not notice."""
    bus = start_hosted_bus(limits={'max_connections_per_domain': 3, 'max_names_per_domain': 2,
                                   'max_guest_message_size': 5000})
    guest, other = new_guest('small'), new_guest('other')
    rings = [guest.connect(4096, 4096) for _ in range(3)]
    fourth = guest.ring(4096, 4096)
    assert fourth.report().startswith('refused: ')
    fourth.close()
    # The names of a domain are counted together, over its connections.
    assert [ring.own(f'org.example.n{i}') for i, ring in enumerate(rings[:2])] == [1, 1]
    assert rings[2].refusal('RequestName', 'su', 'org.example.n2', 0).name.endswith('LimitsExceeded')
    neighbour = other.connect()
    assert neighbour.own('org.example.n3') == 1
    try:
        rings[0].call(bus.connect().name, '/a', 'a.b', 'C', 'ay', bytes(6000))
        raise AssertionError('a message over the limit was taken')
    except Closed:
        pass
    local = bus.innocents()
    echo_once(*local, body=bytes(100_000))
    for ring in [*rings, neighbour]:
        ring.close()


def test_the_memory_of_rings_is_limited(start_hosted_bus, new_guest, xen):
    """A ring of 64 KiB each way has 33 pages; what a ring that ends has taken can be taken again."""
    bus = start_hosted_bus(limits={'max_ring_pages_per_domain': 70})
    guest, other = new_guest('large'), new_guest('other')
    rings = [guest.connect(65536, 65536) for _ in range(2)]
    for _ in range(3):
        third = guest.ring(65536, 65536)
        report = third.report()
        while report.startswith('accepted'):
            report = third.report()  # it was dialled, to look at it
        assert report.startswith(('refused: ', 'closed'))
        third.close()
    assert any('as much memory as they may' in line for line in bus.stderr.read_text().split('\n'))
    small = guest.connect(1024, 2048)
    neighbour = other.connect(65536, 65536)
    echo_once(small, neighbour)
    rings.pop().close()
    deadline = time.monotonic() + PATIENCE
    while True:
        again = guest.ring(65536, 65536)
        if again.report().startswith('accepted'):
            break
        again.close()
        assert time.monotonic() < deadline
    again.close()
    for ring in [*rings, small, neighbour]:
        ring.close()


def test_limits_of_rings_can_be_changed(start_hosted_bus, new_guest):
    """What a guest has stays; what it offers next is held against what the file says by then."""
    bus = start_hosted_bus(limits={'max_connections_per_domain': 1})
    guest, control = new_guest('guest'), bus.connect()
    rings = [guest.connect(65536, 65536)]

    def change(**limits):
        bus.configure(limits=limits)
        control.bus('ReloadConfig')

    def refusal():
        ring = guest.ring(65536, 65536)
        report = ring.report()
        while report.startswith('accepted'):
            report = ring.report()  # it was dialled, to look at it
        ring.close()
        return report

    assert 'as many connections' in refusal()
    change(max_connections_per_domain=3)
    rings.append(guest.connect(65536, 65536))
    change(max_connections_per_domain=3, max_ring_pages_per_domain=40)
    assert refusal().startswith(('refused: ', 'closed'))
    change(max_connections_per_domain=3, max_ring_pages_per_domain=99)
    rings.append(guest.connect(65536, 65536))
    echo_once(*rings[:2])
    for ring in rings:
        ring.close()


def test_it_needs_no_directory_of_its_own(build, tmp_path, start_bus):
    """Run from anywhere, it leaves nothing behind but what it was told to make."""
    before = set(os.listdir(tmp_path))
    bus = start_bus()
    bus.connect().sync()
    bus.stop()
    assert set(os.listdir(tmp_path)) - before == {'bus0'}
    assert set(os.listdir(bus.folder)) <= {'bus.conf', 'stderr'}
