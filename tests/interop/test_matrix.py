# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every D-Bus library as client of every other as server, in dom0 and in guests behind the agent.

The programs are in servers/ and clients/, one for each library; a client does all of its steps with
one server after the other, and says of each what became of it.
"""
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import bus as bus_module
from client import Client, Closed
from wire import METHOD_CALL

HERE = Path(__file__).parent
LIBRARIES = ['libdbus', 'sd-bus', 'gdbus', 'dbus-python', 'dbus-fast', 'dbus-next',
             'jeepney-blocking', 'qt', 'obus']
STEPS = ['call', 'big', 'variants', 'error', 'properties', 'signal']
PATIENCE = 60
# Client and server that do not get on, whatever the bus: this dbus-fast (1.84) never returns from a reply
# of obus, on dbus-daemon neither.
STRANGERS = {('dbus-fast', 'obus')}
# Clients and servers, by where they are. Descriptors pass within dom0 only.
PLACES = [('dom0', 'dom0'), ('one', 'dom0'), ('dom0', 'two'), ('one', 'two')]


def program(role, library, build):
    script = HERE / (role + 's') / (library + '.py')
    if script.exists():
        return [sys.executable, '-B', str(script)]
    return [f'{build}/tests/interop/{role}-{library}']


def name_of(library, place):
    return f'org.example.{library.replace("-", "_")}.{place}'


class Vanisher(threading.Thread):
    """A service that closes its connection when it is called, as if it had crashed; again and again."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.path = address.split('=', 1)[1]
        self.is_owned = threading.Event()
        self.is_over = False

    def run(self):
        while not self.is_over:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.path)
            client = Client(sock).auth().hello()
            client.own('org.example.Vanisher')
            self.is_owned.set()
            try:
                client.take(lambda message: message.type == METHOD_CALL
                            and message.member in ('Vanish', 'End'))
            except (Closed, AssertionError):
                return
            self.is_owned.clear()
            client.close()


@pytest.fixture(scope='module')
def addresses(request, daemon, tmp_path_factory):
    """The addresses of the bus, in dom0 and through agents in two guests."""
    if daemon != 'xcp-busd':
        bus = bus_module.Bus(daemon, None, tmp_path_factory.mktemp('bus'))
        yield {'dom0': f'unix:path={bus.path}'}
        bus.stop()
        return
    xen = request.getfixturevalue('xen')
    bus = request.getfixturevalue('hosted_bus')
    found = {'dom0': f'unix:path={bus.path}'}
    for name in 'one', 'two':
        guest = xen.create(name)
        guest.start_agent()
        found[name] = f'unix:path={guest.agent_path}'
    yield found


@pytest.fixture(scope='module')
def servers(addresses, build, tmp_path_factory):
    """All of them, in dom0 and in a guest."""
    processes = []
    log = open(tmp_path_factory.mktemp('servers') / 'log', 'wb')
    for place in {'dom0', 'two'} & set(addresses):
        for library in LIBRARIES:
            command = [*program('server', library, build), addresses[place],
                       name_of(library, place), *(['fds'] if place == 'dom0' else [])]
            processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                              stdout=subprocess.PIPE, stderr=log))
    try:
        for process in processes:
            assert bus_module.read_line(process.stdout.fileno(), process) == 'ready\n', process.args
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
        log.close()


@pytest.fixture(scope='module')
def vanisher(addresses):
    thread = Vanisher(addresses['dom0'])
    thread.start()
    yield thread
    thread.is_over = True


def run_client(library, build, address, arguments):
    """{(server, step): what became of it}"""
    result = subprocess.run([*program('client', library, build), address, *arguments],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=PATIENCE, env={**os.environ, 'LC_ALL': 'C.UTF-8'})
    lines = [line.split(' ', 2) for line in result.stdout.splitlines() if line.count(' ') >= 2]
    outcome = {(server, step): what for server, step, what in lines}
    return outcome, result.stderr[-2000:]


def pytest_generate_tests(metafunc):
    if 'places' in metafunc.fixturenames:
        is_ours = metafunc.config.getoption('daemon') == 'xcp-busd'
        metafunc.parametrize('places', PLACES if is_ours else PLACES[:1], ids='-'.join)


@pytest.mark.parametrize('library', LIBRARIES)
def test_with_all_servers(library, places, addresses, servers, build):
    steps = STEPS + (['fds'] if places == ('dom0', 'dom0') else [])
    names = [name_of(server, places[1]) for server in LIBRARIES
             if (library, server) not in STRANGERS]
    outcome, said = run_client(library, build, addresses[places[0]],
                               [f'{name}:{",".join(steps)}' for name in names])
    wanted = {(name, step): 'ok' for name in names for step in steps}
    assert outcome == wanted, said


@pytest.mark.parametrize('library', LIBRARIES)
@pytest.mark.parametrize('place', ['dom0', 'one'])
def test_without_a_server(library, place, addresses, vanisher, build):
    """Nobody there at all, and somebody who leaves without an answer."""
    if place not in addresses:
        place = 'dom0'
    assert vanisher.is_owned.wait(PATIENCE)
    outcome, said = run_client(library, build, addresses[place],
                               ['org.example.Nobody:nobody', 'org.example.Vanisher:vanish'])
    assert outcome == {('org.example.Nobody', 'nobody'): 'ok',
                       ('org.example.Vanisher', 'vanish'): 'ok'}, said
