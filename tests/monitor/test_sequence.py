# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-monitor sequence: the diagram has what happened, in order, and nothing else."""
import json
import re
import subprocess
import sys
import uuid
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import wire
from client import PATIENCE, echo_once
from services import Service
from watching import Watch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'examples'))
from chain import Chain, Host  # noqa: E402 pylint: disable=wrong-import-position

FRONT, BACK = 'org.example.front', 'org.example.back'


# ---- A chain of the test's own ----

@pytest.fixture
def pair(hosted_bus, new_guest):
    """A service that asks another one, in another domain, before it answers. While it does, somebody
    else calls both."""
    front, back, other = new_guest('front').connect(), new_guest('back').connect(), hosted_bus.connect()

    def ask_back(call):
        serial = call_front.client.send(wire.call(BACK, '/back', 'org.example.Back', 'Fetch', 's', 'x'))
        call_front.client.send(wire.signal('/front', 'org.example.Front', 'Busy'))
        call_front.client.take_reply(serial)
        return ('s', call.body[0])

    def fetch(_):
        other.send(wire.call(BACK, '/back', 'org.example.Back', 'Noise', flags=1))
        other.send(wire.signal('/x', 'org.example.Noise', 'Noise'))
        return ('s', 'y')

    with Service(back, BACK, {('/back', 'org.example.Back', 'Fetch'): fetch,
                              ('/back', 'org.example.Back', 'Noise'): lambda _: None}):
        call_front = Service(front, FRONT, {('/front', 'org.example.Front', 'Serve'): ask_back})
        with call_front:
            yield front, back


EXPECTED = [('call', 'org.example.Front.Serve'), ('call', 'org.example.Back.Fetch'),
            ('signal', 'org.example.Front.Busy'), ('answer', 'org.example.Back.Fetch'),
            ('answer', 'org.example.Front.Serve')]
CALL = ['--', 'call', '--signature=s', FRONT, '/front', 'org.example.Front.Serve', 'hello']


def what(lines):
    """The signal goes its own way: it may be seen before what it follows or after."""
    return sorted((line['kind'], line['what']) for line in lines)


def test_a_command_and_what_it_causes(pair, hosted_bus, build):
    front, back = pair
    with Watch(build, hosted_bus, 'sequence', *CALL) as watch:
        lines = watch.wait()
    assert what(lines) == sorted(EXPECTED)
    by_what = {(line['kind'], line['what']): line for line in lines}
    asked, fetched = by_what[EXPECTED[0]], by_what[EXPECTED[1]]
    assert asked['from']['domid'] == 0 and asked['to']['unique'] == fetched['from']['unique'] == front.name
    assert fetched['to']['unique'] == back.name and fetched['to']['domain'] == 'back'
    assert by_what[EXPECTED[4]]['took_us'] >= by_what[EXPECTED[3]]['took_us'] >= 0
    assert lines[0]['offset_us'] == 0 and lines[0] == asked and lines[-1] == by_what[EXPECTED[4]]
    assert '"hello"' in watch.errors  # what the command says goes aside


@pytest.mark.parametrize('command, status, arrows', [
    (['call', '--signature=', FRONT, '/front', 'org.example.Front.Nosuch'], 1, 2),
    (['call', '--signature=', FRONT, '/front'], 2, 0), (['stuck'], 0, 0)])
def test_the_command_says_how_it_ends(pair, hosted_bus, build, command, status, arrows):
    with Watch(build, hosted_bus, 'sequence', '--', *command) as watch:
        assert len(watch.wait(status if arrows or status else 1)) == arrows
    assert ('nothing was called' in watch.errors) == (not arrows and not status)


def test_the_command_ends_with_it(pair, hosted_bus, build):
    call = ['call', '--timeout=15min', '--signature=', BACK, '/back', 'org.example.Back.Noise']
    with Watch(build, hosted_bus, "member='Noise'") as other, \
            Watch(build, hosted_bus, 'sequence', '--', *call) as watch:
        other.take()
        (line,) = watch.end()
    assert line['what'] == 'org.example.Back.Noise' and '1 calls were not answered' in watch.errors


def test_a_named_call_and_what_it_causes(pair, hosted_bus, build):
    caller = hosted_bus.connect()
    for name in 'Serve', 'org.example.Front', 'org.example.Front.Serve', FRONT:
        with Watch(build, hosted_bus, 'sequence', name, '--count=5') as watch:
            caller.call(FRONT, '/front', 'org.example.Front', 'Serve', 's', 'x')
            assert what(watch.wait()) == sorted(EXPECTED)


def test_the_picture_in_characters(pair, hosted_bus, build):
    front, back = pair
    with Watch(build, hosted_bus, 'sequence', *CALL, is_json=False) as watch:
        names, places, _, *arrows = watch.wait()
    assert names.split()[1:] == [FRONT, BACK]
    assert places.split() == ['dom0', f'front({front.name[1:].split(".")[0]})',
                              f'back({back.name[1:].split(".")[0]})']
    assert len(arrows) == 5
    columns = [match.start() for match in re.finditer(r'\|', arrows[0])]
    assert re.fullmatch(r' +0\.000 ms +\|-+ Front\.Serve -+>\| +\|', arrows[0])
    assert re.fullmatch(r' +[\d.]+ ms +\|<\.+ [\d.]+ [mu]?s \.+\| +\|', arrows[-1])
    assert any(re.fullmatch(r' +[\d.]+ ms +\| +\|-+ Back\.Fetch -+>\|', line) for line in arrows)
    assert any(re.fullmatch(r' +[\d.]+ ms +\| +\|~~> Front\.Busy +\|', line) for line in arrows)
    for line in arrows:
        assert [line[column] for column in columns] == ['|'] * len(columns)


def test_the_picture(pair, hosted_bus, build, tmp_path):
    with Watch(build, hosted_bus, 'sequence', f'--svg={tmp_path}/picture.svg', *CALL) as watch:
        watch.wait()
    root = ElementTree.parse(tmp_path / 'picture.svg').getroot()
    svg = '{http://www.w3.org/2000/svg}'
    groups = [(group.get('class'), group.find(f'{svg}title').text) for group in root.iter(f'{svg}g')]
    assert sorted(groups) == sorted(EXPECTED)
    texts = [text.text for text in root.iter(f'{svg}text')]
    assert FRONT in texts and BACK in texts and 'dom0' in texts and 'Back.Fetch' in texts
    assert len(list(root.iter(f'{svg}rect'))) == 3


def test_from_a_capture(pair, hosted_bus, build, tmp_path):
    path, caller = tmp_path / 'capture', hosted_bus.connect()
    rules = ["type='method_call',interface='org.example.Front'", "type='method_call',member='Fetch'"]
    with Watch(build, hosted_bus, f'--pcap={path}', '--count=4', *rules) as watch:
        caller.call(FRONT, '/front', 'org.example.Front', 'Serve', 's', 'x')
        watch.wait()
    result = subprocess.run([f'{build}/xcp-bus-monitor', 'sequence', '--read', path, '--json'],
                            timeout=PATIENCE, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert what(lines) == sorted(one for one in EXPECTED if one[0] != 'signal')
    assert lines[0]['to']['name'] == FRONT


def test_nothing_to_be_seen_is_said(hosted_bus, build):
    with Watch(build, hosted_bus, 'sequence', '--for=50ms') as watch:
        watch.wait(status=1)
    assert 'nothing was called' in watch.errors


def test_a_call_that_nobody_answers(hosted_bus, guest, build):
    silent, caller = guest.connect(), hosted_bus.connect()
    with Watch(build, hosted_bus, 'sequence', 'a.b', '--count=1') as watch:
        caller.send(wire.call(silent.name, '/x', 'a.b', 'Ask'))
        (line,) = watch.wait()
    assert line['what'] == 'a.b.Ask' and '1 calls were not answered' in watch.errors
    with Watch(build, hosted_bus, 'sequence', 'org.example.Echo', '--count=2') as watch:
        echo_once(caller, silent)
        assert [line['kind'] for line in watch.wait()] == ['call', 'answer']
    silent.close()


# ---- The chain of the demo ----

class DemoBus:
    """What Watch needs of a bus."""

    def __init__(self, host):
        from client import Client
        import socket
        self.path, self.folder = str(host.socket), host.top
        self.sockets, self.client, self.socket = [], Client, socket

    def connect(self):
        sock = self.socket.socket(self.socket.AF_UNIX)
        sock.connect(self.path)
        return self.client(sock).auth().hello()


def test_the_demo(build):
    """xapi starts a VM: calls and signals are those which the programs themselves say."""
    with Host(build) as host:
        chain, bus = Chain(host), DemoBus(host)
        with Watch(build, bus, 'sequence') as watch:
            status, events = chain.run(f'{uuid.uuid4()},16')
            assert status == 0
            lines = watch.end()
        calls = sorted((line['from']['unique'], line['to']['unique'], line['what'])
                       for line in lines if line['kind'] == 'call')
        said = sorted((e.sender, e.receiver, e.member) for e in events if e.kind == 'call')
        assert calls == said and len(said) >= 5
        answers = [line for line in lines if line['kind'] == 'answer']
        assert len(answers) == len(said) and all('took_us' in line for line in answers)
        domains = {line['to']['domain'] for line in lines if line['kind'] == 'call'}
        assert domains == {'Domain-0', 'squeezed', 'storage'}
        emitted = [line['what'] for line in lines if line['kind'] == 'signal']
        assert {e.member for e in events if e.kind == 'signal'} <= set(emitted)
