# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every generated server with every generated client, in domains of their own: torture/CASES.md.

A language adds a line to SERVERS and one to CLIENTS: a function from the build directory to the command.
"""
import re
import signal
import subprocess
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest

import bus as bus_module
from client import PATIENCE
from hosted import resident_kib

NAME = 'org.example.torture1'
TORTURE = 'tests/idl/torture'
SOURCES = Path(__file__).with_name('torture')

SERVERS = {
    'c': lambda build: [f'{build}/{TORTURE}/torture-server'],
    'ocaml': lambda build: [f'{build}/ocaml/tests/torture-server'],
    'python': lambda build: [SOURCES / 'python', build, SOURCES / 'server.py'],
}
CLIENTS = {
    'c': lambda build: [f'{build}/{TORTURE}/torture-client'],
    'ocaml': lambda build: [f'{build}/ocaml/tests/torture-client'],
    'python': lambda build: [SOURCES / 'python', build, SOURCES / 'client.py'],
}
RESULT = re.compile(r'^(\d+) passed, (\d+) failed$', re.MULTILINE)


class Program:
    """One that runs in a domain, and says a line for each step."""

    def __init__(self, xen, bus, domain, command, folder):
        self.folder = folder
        env = {**bus_module.sanitizer_environment(folder), 'XCP_BUS_ADDRESS': address(bus, domain)}
        self.process = xen.popen(domain, *command, env=env, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True, bufsize=1)

    def line(self):
        """The next one; all that came, if it ended instead."""
        return self.process.stdout.readline().strip()

    def expect(self, line):
        found = self.line()
        assert found == line, found + self.process.stdout.read()

    def say(self, line):
        self.process.stdin.write(line + '\n')

    def stop(self):
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        assert status in (0, -signal.SIGTERM), f'it ended with {status}: {self.reports()}'

    def reports(self):
        """What sanitizers have to say."""
        return '\n'.join(file.read_text() for file in self.folder.glob('sanitizer*'))


def address(bus, domain):
    """Programs in dom0 are at the socket, the others at the other end of a ring."""
    return bus.address if domain == 0 else 'vchan:'


def result(program):
    """What a client has found out."""
    out, _ = program.process.communicate(timeout=4 * PATIENCE)
    found = RESULT.search(out)
    assert found and found[2] == '0' and int(found[1]) > 0, out
    assert program.process.returncode == 0, out + program.reports()


@pytest.fixture(scope='module')
def hosted_bus(xen):
    """One that lets guests send more than the 1 MiB that they usually may."""
    bus = xen.bus(limits={'auth_timeout': 2000, 'max_guest_message_size': 16 << 20})
    yield bus
    bus.stop()


@pytest.fixture(scope='module')
def domains(xen, hosted_bus):
    return xen.create('server').domid, xen.create('client').domid


@pytest.fixture
def start(xen, hosted_bus, tmp_path):
    """Starts a program in a domain; it is gone after the test."""
    programs = []

    def run(domain, command):
        programs.append(Program(xen, hosted_bus, domain, command, tmp_path))
        return programs[-1]

    yield run
    for program in programs:
        if program.process.poll() is None:
            program.stop()


@pytest.fixture
def start_server(start, domains):
    def run(command):
        server = start(domains[0], command)
        server.expect('ready')
        return server
    return run


@pytest.mark.parametrize('client', CLIENTS)
@pytest.mark.parametrize('server', SERVERS)
def test_values_come_back(start_server, start, domains, build, server, client):
    start_server(SERVERS[server](build))
    result(start(domains[1], [*CLIENTS[client](build), 'calls']))


@pytest.mark.parametrize('client', CLIENTS)
@pytest.mark.parametrize('server', SERVERS)
def test_a_service_that_restarts(start_server, start, hosted_bus, domains, build, server, client):
    first = start_server(SERVERS[server](build))
    watcher = hosted_bus.connect().match("type='signal',member='NameOwnerChanged'")
    program = start(domains[1], [*CLIENTS[client](build), 'restart'])
    program.expect('stop it')
    first.stop()
    # A process has ended before the bus hears of it, and until then calls are sent to it.
    watcher.take(lambda m: m.member == 'NameOwnerChanged' and m.body[0] == NAME and not m.body[2])
    program.say('it is gone')
    program.expect('start it')
    start_server(SERVERS[server](build))
    program.say('it is back')
    result(program)


@pytest.mark.parametrize('client', CLIENTS)
def test_a_service_that_answers_oddly(start_server, start, domains, build, client):
    start_server([f'{build}/{TORTURE}/odd-server'])
    result(start(domains[1], [*CLIENTS[client](build), 'odd']))


@pytest.mark.parametrize('server', SERVERS)
def test_a_client_that_calls_oddly(start_server, start, domains, build, server):
    program = start_server(SERVERS[server](build))
    result(start(domains[1], [f'{build}/{TORTURE}/odd-client']))
    assert program.process.poll() is None


@pytest.mark.parametrize('server', SERVERS)
def test_introspection_says_from_which_file_it_was_made(start, hosted_bus, build, server):
    program = start(0, SERVERS[server](build))
    program.expect('ready')
    text = hosted_bus.connect().call(NAME, '/org/example/torture1', 'org.freedesktop.DBus.Introspectable',
                                     'Introspect')
    made_from = sha256((SOURCES.parent / f'good/{NAME}.xml').read_bytes()).hexdigest()
    found = {interface.get('name'): interface.find('annotation[@name="org.xen.xcp.Sha256"]')
             for interface in ElementTree.fromstring(text).iter('interface')}
    for name in (NAME, NAME + '.Extra'):
        assert found[name].get('value') == made_from


@pytest.mark.parametrize('language', CLIENTS)
def test_in_one_domain(start, build, language):
    """Dom0 alone, over the Unix socket."""
    program = start(0, SERVERS[language](build))
    program.expect('ready')
    result(start(0, [*CLIENTS[language](build), 'calls']))


GROWTH_MAX_KIB = 1024  # what 90 000 leaks of a few bytes would be beyond


def memory(program):
    """Of a program that waits for a line."""
    return resident_kib(program.process.pid)


@pytest.mark.parametrize('language', CLIENTS)
def test_memory_stays_flat(start, build, language):
    """100 000 calls, of a client to a server of the same language; over the Unix socket, for speed.
    Allocators of sanitizers keep what is freed, so scripts/check leaves it out there."""
    server = start(0, SERVERS[language](build))
    server.expect('ready')
    client = start(0, [*CLIENTS[language](build), 'loop'])
    client.expect('warm')
    before = memory(server), memory(client)
    client.say('go on')
    client.expect('done')
    after = memory(server), memory(client)
    client.say('end')
    result(client)
    assert all(now - then < GROWTH_MAX_KIB for then, now in zip(before, after)), (before, after)


def test_bytes_that_were_changed(build, tmp_path):
    """What a stranger's message may be, read by the library's one reader."""
    env = bus_module.sanitizer_environment(tmp_path)
    done = subprocess.run([f'{build}/{TORTURE}/mutate', '30000'], env=env, capture_output=True, text=True,
                          timeout=4 * PATIENCE, check=False)
    reports = [file.read_text() for file in tmp_path.glob('sanitizer*')]
    assert done.returncode == 0 and done.stdout, (done.stdout, done.stderr, reports)
