# SPDX-License-Identifier: LGPL-2.1-or-later
"""Captures: tshark reads all of them, and so does the monitor itself."""
import json
import os
import re
import struct
import subprocess

import pytest

import wire
from client import PATIENCE, Refused, echo_once
from watching import Looker, Watch


@pytest.fixture(scope='module')
def captured(xen, hosted_bus, build, tmp_path_factory):
    """A capture of known traffic, what is in it, and the lines that follow shows of it."""
    path = tmp_path_factory.mktemp('capture') / 'file.pcap'
    guest = xen.create('storage')
    caller, storage = hosted_bus.connect(), guest.connect()
    storage.own('org.xen.xcp.storage1')
    rules = ["interface='org.example.Echo'", "interface='a.b'"]
    looker = Looker(hosted_bus)
    with Watch(build, hosted_bus, *rules, f'--pcap={path}') as capture, \
            Watch(build, hosted_bus, *rules) as lines:
        for size in 0, 1, 100, 300000:
            echo_once(caller, storage, 'org.xen.xcp.storage1', os.urandom(size))
        caller.send(wire.signal('/o', 'a.b', 'Passed', 'sa{sv}', 'text', {'x': wire.Variant('u', 3)}))
        with pytest.raises(Refused):
            caller.call('org.nobody', '/x', 'a.b', 'Ask')
        caller.send(wire.signal('/o', 'a.b', 'End'))
        lines.until(lambda line: line['member'] == 'End')
        lines.end()
        capture.end()
    seen = looker.until(lambda m: m.member == 'End')
    wanted = [m for m in seen if m.interface in ('org.example.Echo', 'a.b')]
    serials = {(m.sender, m.serial) for m in wanted}
    wanted = [m for m in seen if m in wanted or (m.destination, m.reply_serial) in serials]
    storage.close()
    guest.release()
    return path, wanted, lines.lines


def flatten(pairs):
    """All that is in an object, whose keys may be there several times, as names and values."""
    for key, value in pairs:
        if isinstance(value, list):
            yield from flatten(value)
        else:
            yield key, value


def tshark(path):
    result = subprocess.run(['tshark', '-r', path, '-T', 'json'], capture_output=True, text=True,
                            check=True, timeout=4 * PATIENCE, env={**os.environ, 'HOME': '/nonexistent'})
    return [list(flatten(packet)) for packet in json.loads(result.stdout, object_pairs_hook=list)]


FIELDS = {'dbus.path': 'path', 'dbus.interface': 'interface', 'dbus.member': 'member',
          'dbus.error_name': 'error_name', 'dbus.sender': 'sender', 'dbus.destination': 'destination',
          'dbus.signature': 'signature'}


def test_tshark_decodes_all_of_it(captured):
    path, messages, _ = captured
    packets = tshark(path)
    assert len(packets) == len(messages) == 12
    for packet, message in zip(packets, messages):
        found = dict(packet)
        assert found['frame.protocols'] == 'dbus'
        assert int(found['frame.len']) == len(message.raw)
        assert int(found['dbus.message_type']) == message.type
        assert int(found['dbus.serial']) == message.serial
        assert int(found['dbus.body_length']) == len(message.encode_body())
        assert {FIELDS[key]: value for key, value in packet if key in FIELDS} == \
            {name: getattr(message, name) for name in FIELDS.values() if getattr(message, name)}
        assert not [key for key, _ in packet if 'malformed' in key or 'expert' in key]


def test_the_packets_are_the_messages(captured):
    path, messages, _ = captured
    data = path.read_bytes()
    magic, major, minor, _, _, largest, link = struct.unpack_from('<IHHIIII', data)
    assert (magic, major, minor, largest, link) == (0xa1b2c3d4, 2, 4, 1 << 27, 231)
    at = 24
    for message in messages:
        _, fraction, size, whole = struct.unpack_from('<IIII', data, at)
        assert size == whole == len(message.raw) and fraction < 1000000
        assert data[at + 16:at + 16 + size] == message.raw
        at += 16 + size
    assert at == len(data)


def read_back(build, *arguments, **options):
    return subprocess.run([f'{build}/xcp-bus-monitor', *map(str, arguments)], capture_output=True, text=True,
                          timeout=4 * PATIENCE, env={**os.environ, 'TZ': 'UTC'}, **options)


def test_it_is_read_back(captured, build):
    path, _, lines = captured
    result = read_back(build, 'follow', '--read', path, '--json')
    again = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0 and len(again) == len(lines)
    for one, other in zip(lines, again):
        for key in set(one) - {'time_us', 'took_us', 'from', 'to'}:
            assert one[key] == other[key], key
        for end in 'from', 'to':  # the names of domains are not in a capture
            assert (one[end] or {}).get('unique') == (other[end] or {}).get('unique')
            assert (one[end] or {}).get('name') == (other[end] or {}).get('name')
            assert (one[end] or {}).get('domid') == (other[end] or {}).get('domid')
        assert set(one) == set(other)
    result = read_back(build, '--read', path, '--json', '--body', "member='Passed'")
    assert json.loads(result.stdout)['body'] == ['text', {'x': 3}]


def test_it_is_read_from_a_pipe_and_filtered(captured, build):
    path, messages, _ = captured
    with open(path, 'rb') as file:
        result = read_back(build, '--read=-', '--json', '--errors', stdin=file)
    assert [json.loads(line)['member'] for line in result.stdout.splitlines()] == ['Ask']
    assert result.returncode == 0
    with subprocess.Popen(['cat', path], stdout=subprocess.PIPE) as cat:  # as <(...) of a shell
        result = read_back(build, '--read=/dev/stdin', '--json', '--errors', stdin=cat.stdout)
    assert [json.loads(line)['member'] for line in result.stdout.splitlines()] == ['Ask']
    result = read_back(build, '--read', path, '--pcap=-', "member='Passed'", errors='replace')
    assert 'Passed' in result.stdout and 'Echo' not in result.stdout


@pytest.mark.parametrize('command', [['follow', '--body'], ['follow', '--json', '--body'], ['sequence'],
                                     ['who-called', 'Known']])
def test_messages_of_types_that_nobody_knows_are_passed_over(build, tmp_path, command):
    """They need not have what those have that are known."""
    unknown = [wire.Message(type=kind, sender=':0.7', signature='s', body=['x']) for kind in (5, 77, 255)]
    known = wire.call('a.b', '/x', 'a.b', 'Known', sender=':0.7')
    packets = [message.encode() for message in (*unknown, known)]
    path = tmp_path / 'file.pcap'
    path.write_bytes(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 1 << 27, 231) +
                     b''.join(struct.pack('<IIII', 1, 0, len(data), len(data)) + data for data in packets))
    result = subprocess.run([f'{build}/xcp-bus-monitor', *command, f'--read={path}'], capture_output=True,
                            text=True, check=True, timeout=4 * PATIENCE)
    assert 'Known' in result.stdout
    assert 'follow' not in command or '1 messages: 1 calls' in result.stderr


@pytest.mark.parametrize('arguments, says', [
    (['--service=org.example.typo'], ['has the name org.example.typo']),
    (['--domain=40'], ['of a domain 40']),
    (['--domain=storage'], ['of a domain storage', 'domains have no names in a capture']),
    (['--service=org.xen.xcp.storage1'], []), (['--domain=dom0'], []), (["member='Unheard'"], []),
])
def test_who_is_not_in_it_is_said(captured, build, arguments, says):
    path, _, _ = captured
    for source in [f'--read={path}'], ['--read=-']:
        with open(path, 'rb') as file:
            result = read_back(build, *source, *arguments, stdin=file)
        said = result.stderr.splitlines()[:-1]
        assert result.returncode == 0 and len(said) == len(says)
        assert all(sentence in line for line, sentence in zip(said, says))


def test_times_of_the_file_are_shown(tmp_path, build):
    raw = wire.signal('/x', 'a.b', 'Some', sender=':3.7').encode()
    path = tmp_path / 'one'
    for order, magic, fraction in (('<', 0xa1b2c3d4, 250000), ('>', 0xa1b2c3d4, 250000),
                                   ('<', 0xa1b23c4d, 250000000)):
        path.write_bytes(struct.pack(order + 'IHHIIII', magic, 2, 4, 0, 0, 65536, 231) +
                         struct.pack(order + 'IIII', 3661, fraction, len(raw), len(raw)) + raw)
        result = read_back(build, '--read', path)
        assert result.stdout == f'01:01:01.250000 signal :3.7@(3) -> all  a.b.Some /x  {len(raw)} B\n'


def test_what_wireshark_saves_is_made_readable(captured, build, tmp_path):
    """By what the monitor says of it."""
    path, _, lines = captured
    new, old = tmp_path / 'saved.pcapng', tmp_path / 'again.pcap'
    subprocess.run(['editcap', '-F', 'pcapng', path, new], check=True, timeout=PATIENCE)
    result = read_back(build, '--read', new)
    assert result.returncode == 1
    (command,) = re.findall('"(.*)"', result.stderr)
    subprocess.run([*command.split(), new, old], check=True, timeout=PATIENCE)
    assert len(read_back(build, '--read', old, '--json').stdout.splitlines()) == len(lines)


def test_times_may_go_back(tmp_path, build):
    """Somebody sets the clock."""
    raw = wire.call('a.b', '/x', 'a.b', 'Some', sender=':3.7').encode()
    path = tmp_path / 'two'
    path.write_bytes(struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65536, 231) +
                     b''.join(struct.pack('<IIII', time, 0, len(raw), len(raw)) + raw for time in (9, 5)))
    lines = read_back(build, 'sequence', '--json', '--read', path).stdout.splitlines()
    assert [json.loads(line)['offset_us'] for line in lines] == [0, -4000000]
    assert '-4000.000 ms ' in read_back(build, 'sequence', '--read', path).stdout


@pytest.mark.parametrize('spoil, says', [
    (lambda data: b'', 'this is no capture'),
    (lambda data: b'not a capture at all, but a text of some length', 'this is no capture'),
    (lambda data: data[:20] + struct.pack('<I', 1) + data[24:], 'this is no capture'),
    (lambda data: data[:-3], 'it is cut off, after 11 messages'),
    (lambda data: data[:30], 'it is cut off, after 0 messages'),
    (lambda data: data[:32] + struct.pack('<I', 0xffffffff) + data[36:], 'not all there'),
    (lambda data: data[:40] + b'\xff' * 60 + data[100:], 'something that is no message'),
])
def test_what_is_no_capture_is_said_so(captured, build, tmp_path, spoil, says):
    path = tmp_path / 'spoilt'
    path.write_bytes(spoil(captured[0].read_bytes()))
    result = read_back(build, '--read', path)
    assert result.returncode == 1 and says in result.stderr


def test_a_place_that_cannot_be_written(hosted_bus, build, tmp_path):
    result = read_back(build, f'--address=unix:path={hosted_bus.path}', f'--pcap={tmp_path}/no/file')
    assert result.returncode == 1 and 'No such file' in result.stderr
