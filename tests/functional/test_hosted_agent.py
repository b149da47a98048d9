# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-agent: what a program in a guest may do to its socket, and what may happen to the rings."""
import contextlib
import os
import select
import socket
import subprocess
import time

import pytest

import bus as bus_module
import wire
from client import PATIENCE, Client, Closed
from hosted import Guest


NOBODY = 65534


class Agent:
    def __init__(self, guest, *options, path=None):
        self.guest, self.xen = guest, guest.xen
        self.path = path or f'{guest.xen.top}/own-agent{guest.domid}'
        self.process = guest.popen(
            self.xen.build / 'xcp-bus-agent', f'--listen=unix:path={self.path}', '--verbose',
            *options, env=bus_module.sanitizer_environment(self.xen.top), stderr=subprocess.PIPE)
        self.pid = self.xen.pid(self.process)
        self.said, self.log = b'', []
        self.expect('listens on')

    def expect(self, text):
        """Reads what it says until that is in a line, which is returned."""
        deadline = time.monotonic() + PATIENCE
        while True:
            line, newline, rest = self.said.partition(b'\n')
            if newline:
                self.said = rest
                self.log.append(line.decode())
                if text in line.decode():
                    return line.decode()
                continue
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stderr], [], [], max(left, 0))
            assert ready, f'the agent did not say {text!r}, only {self.log}'
            more = os.read(self.process.stderr.fileno(), 65536)
            assert more, f'the agent ended and had not said {text!r}'
            self.said += more

    def open(self):
        return Client(self.xen.unix_socket(self.guest.domid, self.path))

    def connect(self):
        return self.open().auth().hello()

    def fds(self):
        return len(self.run('ls', f'/proc/{self.pid}/fd').split())

    def cpu(self):
        fields = self.run('cat', f'/proc/{self.pid}/stat').rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def run(self, *command):
        return self.xen.run(self.guest.domid, *command)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(PATIENCE)
        self.process.stderr.close()
        return status


@pytest.fixture
def start_agent(guest):
    agents = []

    def start(*options, where=guest, **more):
        agents.append(Agent(where, *options, **more))
        return agents[-1]

    yield start
    for agent in agents:
        assert agent.stop() == 0


@pytest.fixture
def agent(start_agent, hosted_bus):
    yield start_agent()
    hosted_bus.close_clients()


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def signal_of(text):
    return wire.signal('/a', 'org.example.A', 'Said', 's', text)


# --- before the other tests' bus has been started: it goes on until the end of this file ---

def test_without_a_bus_a_client_is_told_so(start_agent):
    agent = start_agent('--bus=vchan:domain=0')
    client = agent.open()
    assert 'no bus in domain 0 took the ring within' in agent.expect('gets no connection')
    with pytest.raises(Closed):
        client.line()
    assert agent.xen.store_nodes(agent.guest.domid) <= 1
    client.close()


def test_the_bus_ends_and_comes_back(start_hosted_bus, start_agent):
    bus = start_hosted_bus()
    agent = start_agent()
    client = agent.connect()
    bus.stop()
    client.wait_closed()
    client.close()
    agent.expect('the bus closed the ring')
    start_hosted_bus()
    agent.connect().close()


# --- a client's ways to end ---

def test_the_last_bytes_of_a_client_arrive(agent, hosted_bus):
    listener = hosted_bus.connect().match("interface='org.example.A'")
    client = agent.connect()
    client.send(signal_of('farewell'))
    client.close()
    assert listener.take_signal('Said').body[0] == 'farewell'


def test_much_that_was_sent_before_the_close_arrives(agent, hosted_bus):
    listener = hosted_bus.connect().match("interface='org.example.A'")
    client = agent.connect()
    for number in range(200):  # more than the ring holds
        client.send_bytes(b'')
        client.send(signal_of(f'{number}' + 'x' * 2000))
    client.close()
    for number in range(200):
        assert listener.take_signal('Said').body[0].startswith(f'{number}x')


def test_a_client_that_closed_its_writing_side_hears_on(agent, hosted_bus):
    speaker = hosted_bus.connect()
    client = agent.connect().match("interface='org.example.A'")
    serial = client.send(wire.call('org.freedesktop.DBus', '/', 'org.freedesktop.DBus', 'GetId'))
    client.sock.shutdown(socket.SHUT_WR)
    assert client.result(serial)
    speaker.send(signal_of('later'))
    assert client.take_signal('Said').body[0] == 'later'
    # Idle and half-closed, it costs nothing.
    before = agent.cpu()
    speaker.send(signal_of('last'))
    client.take_signal('Said')
    time.sleep(0.5)
    assert agent.cpu() - before < 0.25
    # And when it closes the rest, it is gone from the bus.
    watcher = hosted_bus.connect().match("member='NameOwnerChanged'")
    client.close()
    watcher.take(lambda m: m.member == 'NameOwnerChanged' and m.body[0] == client.name
                 and not m.body[2])
    agent.expect('the client closed the socket')


def test_everything_goes_back(agent, hosted_bus):
    agent.connect().close()
    agent.expect('the client closed')
    before = agent.fds()
    for _ in range(5):
        clients = [agent.connect() for _ in range(10)]
        for client in clients:
            client.close()
    until(lambda: agent.fds() <= before, 'descriptors are left')
    until(lambda: agent.xen.store_nodes(agent.guest.domid) <= 1, 'offers are left')


# --- full rings, full sockets ---

def test_a_client_that_does_not_read_costs_no_time(agent, hosted_bus):
    speaker = hosted_bus.connect()
    client, other = agent.connect(), agent.connect()
    for _ in range(40):
        speaker.send(wire.call(client.name, '/a', 'org.example.A', 'Take', 'ay', bytes(20000),
                               flags=wire.NO_REPLY_EXPECTED))
    speaker.sync()
    other.sync()
    time.sleep(0.3)  # for the bytes that still move
    before = agent.cpu()
    time.sleep(0.5)
    assert agent.cpu() - before < 0.1
    other.sync()
    for _ in range(40):
        assert len(client.take_call('Take').body[0]) == 20000
    client.sync()


@pytest.mark.parametrize('size', ['1000', '4096', '1048576'])
def test_messages_pass_through_rings_of_all_sizes(start_agent, hosted_bus, size):
    agent = start_agent(f'--ring-size={size}')
    client, service = agent.connect(), hosted_bus.connect()
    for length in 0, 1, 1000, 5000, 100_000, 900_000:
        body = os.urandom(length)
        client.send(wire.call(service.name, '/a', 'org.example.A', 'Take', 'ay', body,
                              flags=wire.NO_REPLY_EXPECTED))
        assert service.take_call('Take').body[0] == body
        service.send(wire.call(client.name, '/a', 'org.example.A', 'Take', 'ay', body,
                               flags=wire.NO_REPLY_EXPECTED))
        assert client.take_call('Take').body[0] == body


# --- no ring ---

def test_the_own_domain_is_refused(start_agent):
    agent = start_agent('--bus=vchan:domain=0')
    own = agent.guest.domid
    other = start_agent(f'--bus=vchan:domain={own}', path=f'{agent.path}-loop')
    client = other.open()
    assert 'is this domain' in other.expect('gets no connection')
    with pytest.raises(Closed):
        client.line()
    client.close()


def test_without_grants_a_client_is_told_so(agent, hosted_bus):
    stays = agent.connect()
    agent.xen.hx('fault', 'grants=0')
    try:
        client = agent.open()
        assert 'no grant pages' in agent.expect('gets no connection')
        with pytest.raises(Closed):
            client.line()
        client.close()
        stays.sync()
    finally:
        agent.xen.hx('fault', 'clear')
    agent.connect().close()
    stays.close()


def test_a_stopped_xenstored_holds_up_only_what_is_new(agent, hosted_bus):
    stays = agent.connect()
    agent.xen.hx('fault', 'xenstored=stop')
    try:
        waiting = [agent.open() for _ in range(20)]
        gone = [agent.open() for _ in range(5)]
        for client in gone:
            client.close()
        for _ in range(20):
            stays.sync()
    finally:
        agent.xen.hx('fault', 'xenstored=cont')
    for client in waiting:
        client.auth().hello().sync()
    for client in waiting:
        client.close()
    stays.sync()
    until(lambda: agent.xen.store_nodes(agent.guest.domid) <= 1, 'offers are left')


def test_ending_does_not_wait_for_xenstored(start_agent, hosted_bus):
    agent = start_agent()
    client = agent.connect()
    agent.xen.hx('fault', 'xenstored=stop')
    try:
        waiting = agent.open()
        client.close()
        agent.expect('the client closed the socket')
        assert agent.stop() == 0
        waiting.close()
    finally:
        agent.xen.hx('fault', 'xenstored=cont')


# --- the socket ---

def test_too_many_clients_are_turned_away(start_agent, hosted_bus):
    agent = start_agent('--max-clients=2')
    clients = [agent.connect(), agent.connect()]
    refused = agent.open()
    agent.expect('--max-clients')
    with pytest.raises(Closed):
        refused.line()
    refused.close()
    clients[0].close()
    agent.expect('the client closed')
    agent.connect().close()
    clients[1].sync()
    clients[1].close()


@pytest.mark.parametrize('root', [0] if os.geteuid() == 0 else [])
@pytest.mark.parametrize('options, share', [([], 15), (['--max-clients=40'], 10),
                                            (['--max-clients-per-user=3'], 3)])
def test_one_user_leaves_room_for_others(xen, start_agent, hosted_bus, options, share, root):
    """He connects as often as he can and says nothing: the rings are not all his, and not all turns."""
    os.makedirs(f'{xen.top}/open', 0o755, exist_ok=True)
    agent = start_agent(*options, path=f'{xen.top}/open/agent')
    crowd = [bus_module.open_socket(agent.path, NOBODY) for _ in range(share + 15)]
    agent.expect(f'user {NOBODY} has {share} clients')
    for _ in range(3):
        clients = [agent.connect() for _ in range(5)]
        for client in clients:
            client.sync()
            client.close()
    for client in crowd:
        client.close()


@pytest.mark.parametrize('root', [0] if os.geteuid() == 0 else [])
@pytest.mark.parametrize('options, share, rest', [([], 24, 5), (['--max-clients=20'], 15, 5),
                                                  (['--max-clients=3'], 2, 1)])
def test_users_leave_room_for_root(xen, start_agent, hosted_bus, options, share, rest, root):
    """Three of them have all that they may have together, as many times as they like."""
    os.makedirs(f'{xen.top}/open', 0o755, exist_ok=True)
    agent = start_agent(*options, path=f'{xen.top}/open/agent')
    crowd = [bus_module.open_socket(agent.path, NOBODY + n) for _ in range(12) for n in range(-5, 0)]
    agent.expect(f'users other than root have {share} clients')
    clients = [agent.connect() for _ in range(rest)]
    for client in clients:
        client.sync()
        client.close()
    for client in crowd:
        client.close()

    def comes_in():
        client = Client(bus_module.open_socket(agent.path, NOBODY))
        try:
            client.auth().hello()
        except (Closed, ConnectionError):
            return False
        finally:
            client.close()
        return True

    until(comes_in, 'there is room again, but not for him')


def test_out_of_descriptors_it_waits(start_agent, hosted_bus):
    agent = start_agent()
    stays = agent.connect()
    # Below all that are in use: which of those above are free may be changing just now.
    agent.run('prlimit', f'--pid={agent.pid}', '--nofile=3:')
    waiting = agent.open()
    agent.expect('no clients are accepted for a while')
    stays.sync()
    agent.run('prlimit', f'--pid={agent.pid}', '--nofile=1000:')
    agent.expect('connected')
    waiting.auth().hello().close()
    stays.close()


def test_a_stale_socket_is_replaced(start_agent, hosted_bus):
    first = start_agent()
    first.process.kill()
    first.process.wait(PATIENCE)
    first.run('test', '-S', first.path)
    first.process.returncode = 0  # that was us
    second = start_agent()
    assert second.run('stat', '-c', '%a', second.path) == '666\n'
    second.connect().close()
    assert second.stop() == 0
    second.run('test', '!', '-e', second.path)


def run(xen, *options, domain=0):
    return subprocess.run(xen.command('run', domain, xen.build / 'xcp-bus-agent', *options),
                          env=xen.env, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)


def test_a_socket_in_use_is_left_alone(agent, xen):
    domain = agent.guest.domid
    result = run(xen, f'--listen=unix:path={agent.path}', domain=domain)
    assert result.returncode == 1
    assert 'another program listens there' in result.stderr
    agent.connect().close()
    plain = f'{xen.top}/file'
    agent.run('touch', plain)
    result = run(xen, f'--listen=unix:path={plain}', domain=domain)
    assert result.returncode == 1 and 'is no socket' in result.stderr
    agent.run('test', '-e', plain)


@pytest.mark.parametrize('options, complaint', [
    (['--colour'], 'unrecognized option'),
    (['--listen=tcp:host=x'], 'unknown transport'),
    (['--listen=vchan:'], 'must be a Unix socket'),
    (['--bus=vchan:domain=x'], 'not a number'),
    (['--bus=vchan:;unix:path=/x'], 'one address'),
    (['--ring-size=0'], 'not a number from 1 to 1048576'),
    (['--ring-size=2M'], 'not a number'),
    (['--max-clients=0'], 'not a number'),
    (['--max-clients-per-user=0'], 'not a number'),
    (['--mode=888'], 'not an octal number'),
    (['--listen=unix:path=/nonexistent/a/b'], 'cannot listen on /nonexistent/a/b: No such file'),
    (['more'], 'there are only options'),
])
def test_a_bad_command_line_is_explained(xen, options, complaint):
    result = run(xen, *options)
    assert result.returncode in (1, 2)
    assert complaint in result.stderr


@pytest.mark.parametrize('option, text', [('--help', 'Usage:'), ('--version', 'xcp-bus-agent ')])
def test_it_tells_about_itself(xen, option, text):
    result = run(xen, option)
    assert result.returncode == 0 and result.stdout.startswith(text) and not result.stderr


def test_it_can_stand_before_a_unix_socket(xen, start_agent, hosted_bus):
    """In dom0, say; and there are no rings then."""
    agent = start_agent(f'--bus=unix:path={hosted_bus.path}', path=f'{hosted_bus.path}-agent',
                        where=Guest(xen, 0, 'dom0'))
    client = agent.connect()
    client.sync()
    with contextlib.suppress(Closed):
        client.send(signal_of('x' * 100_000))
    client.sync()
    client.close()
    agent.expect('the client closed the socket')
