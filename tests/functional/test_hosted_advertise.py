# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the bus is stands in xenstore, and who waits for it is there as soon as it is."""
import os
import select
import signal
import subprocess
import time

import pytest

import bus as bus_module
from client import PATIENCE, Client, echo_once
from hosted import Guest, HxFailed

NAMED = '/tool/xcp-bus/domid'
READY = '/local/domain/0/data/xcp-busd'
MARK = '/local/domain/0/xcp-bus/is-bus'


def read(xen, path, domain=0):
    """None: it is not there, or not for this domain to see."""
    result = subprocess.run(xen.command('run', domain, 'xenstore-read', path), env=xen.env,
                            timeout=PATIENCE, capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else None


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
    return value


class Program:
    """A process that says things, line by line."""

    def __init__(self, guest, *command, stream='stdout', env=None, **options):
        options.setdefault(stream, subprocess.PIPE)
        environment = bus_module.sanitizer_environment(guest.xen.top, env)
        self.guest = guest
        self.process = guest.popen(*command, env=environment, **options)
        self.pipe, self.said, self.log = getattr(self.process, stream), b'', []

    def expect(self, text):
        deadline = time.monotonic() + PATIENCE
        while True:
            line, newline, rest = self.said.partition(b'\n')
            if newline:
                self.said = rest
                self.log.append(line.decode())
                if text in line.decode():
                    return line.decode()
                continue
            ready, _, _ = select.select([self.pipe], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f'it did not say {text!r}, only {self.log}'
            data = os.read(self.pipe.fileno(), 4096)
            assert data, f'it ended without {text!r}, after {self.log}'
            self.said += data


def start_agent(guest, *options):
    """The agent with its own idea of where the bus is."""
    path = f'{guest.xen.top}/place{guest.domid}'
    agent = Program(guest, guest.xen.build / 'xcp-bus-agent', f'--listen=unix:path={path}',
                    '--verbose', *options, stream='stderr')
    agent.expect('listens on')
    agent.path = path
    return agent


def open_at(agent):
    return Client(agent.guest.xen.unix_socket(agent.guest.domid, agent.path))


def counter(guest, address='vchan:', *arguments, env=None):
    return Program(guest, guest.xen.build / 'examples' / 'counter', *arguments,
                   env={'XCP_BUS_ADDRESS': address, **(env or {})})


# --- what is written ---

def test_a_daemon_says_where_it_is_while_it_is_there(xen, start_hosted_bus, guest):
    assert read(xen, NAMED) is None and read(xen, READY) is None
    bus = start_hosted_bus()
    for domain in 0, guest.domid:
        assert until(lambda: read(xen, NAMED, domain), 'the bus is not named') == '0'
        assert read(xen, MARK, domain)
        assert len(until(lambda: read(xen, READY, domain), 'the bus is not ready')) == 32
    first = read(xen, READY)
    bus.stop()
    assert [read(xen, path) for path in (NAMED, MARK, READY)] == [None] * 3
    second = start_hosted_bus()
    assert until(lambda: read(xen, READY), 'the bus is not ready') != first
    second.stop()


def test_a_guest_cannot_write_there(xen, start_hosted_bus, guest):
    """Nor can it take away what is there, or prepare it before there is a bus."""
    attempts = [('write', f'/local/domain/{guest.domid}/xcp-bus/is-bus', '1'),
                ('write', MARK, '1'), ('write', NAMED, guest.domid), ('write', READY, 'x'),
                ('rm', NAMED), ('rm', MARK), ('rm', READY),
                ('rm', '/tool/xcp-bus'), ('chmod', NAMED, f'n{guest.domid}'),
                ('write', '/tool/xcp-bus/other', 'x'), ('write', f'{NAMED}/below', 'x'),
                ('write', '/local/domain/0/data/other', 'x')]

    def fail_all():
        for verb, *arguments in attempts:
            with pytest.raises(HxFailed):
                # xenstore-rm is content if nothing is there.
                xen.hx('run', guest.domid, f'xenstore-{verb}', *arguments)
                if verb == 'rm' and read(xen, NAMED) is None:
                    raise HxFailed

    fail_all()
    start_hosted_bus()
    ready = until(lambda: read(xen, READY), 'the bus is not ready')
    fail_all()
    assert read(xen, NAMED) == '0' and read(xen, READY) == ready


def test_a_daemon_that_ends_leaves_what_another_wrote(xen, start_hosted_bus):
    """An upgrade may start the new one before the old one has ended."""
    first = start_hosted_bus()
    before = until(lambda: read(xen, READY), 'the bus is not ready')
    second = start_hosted_bus()
    until(lambda: read(xen, READY) != before, 'the second bus is not ready')
    first.stop()
    assert read(xen, NAMED) == '0' and read(xen, READY)
    second.stop()
    assert read(xen, NAMED) is None and read(xen, READY) is None


# --- who looks for it ---

def test_a_program_finds_the_bus(start_hosted_bus, guest):
    """Without an address, as a guest's programs are started."""
    bus = start_hosted_bus()
    service = counter(guest, '')
    assert f':{guest.domid}.' in service.expect('counting as')
    bus.connect().sync()
    agent = start_agent(guest)
    client = open_at(agent).auth().hello()
    client.sync()
    client.close()


def greet(guest):
    """What a program says that does not wait, and cannot connect."""
    program = guest.popen(guest.xen.build / 'examples' / 'hello-service', text=True,
                          env={'XCP_BUS_ADDRESS': 'vchan:'}, stderr=subprocess.PIPE)
    said = program.stderr.read()
    program.stderr.close()
    assert program.wait(PATIENCE) != 0
    return said


def test_without_a_bus_a_program_is_told_at_once(xen, guest):
    assert f'({NAMED}): is xcp-busd running?' in greet(guest)
    xen.hx('run', 0, 'xenstore-write', NAMED, '0')
    xen.hx('run', 0, 'xenstore-chmod', NAMED, 'r0')
    assert f'domain 0, which xenstore names, is not that of the bus any more ({MARK}' in greet(guest)
    xen.hx('run', 0, 'xenstore-write', MARK, '1')
    xen.hx('run', 0, 'xenstore-chmod', MARK, 'r0')
    said = greet(guest)
    assert 'vchan: xcp-busd in domain 0 does not run' in said and '::' not in said
    xen.hx('run', 0, 'xenstore-write', NAMED, 'nowhere')
    assert f'{NAMED} is no domid' in greet(guest)
    xen.hx('run', 0, 'xenstore-rm', '/tool/xcp-bus')
    xen.hx('run', 0, 'xenstore-rm', MARK)


def test_what_a_killed_daemon_left_does_no_harm(xen, start_hosted_bus, guest):
    """The error says what was tried; and the next daemon is found."""
    bus = start_hosted_bus()
    bus.process.kill()
    bus.stop(signal.SIGKILL)
    assert read(xen, READY)
    assert 'no bus in domain 0 took the ring within 5 s' in greet(guest)
    start_hosted_bus()
    counter(guest).expect('counting as')


@pytest.mark.parametrize('address', ['vchan:', 'unix:path=/does/not/exist;vchan:', ''])
def test_a_program_that_is_there_first_waits(start_hosted_bus, guest, address):
    service = counter(guest, address)
    # It has looked, and found nothing: now something comes.
    until(lambda: guest.xen.state()['domains'][-1]['xenbus_watches'], 'it does not look for it')
    bus = start_hosted_bus()
    assert f':{guest.domid}.' in service.expect('counting as')
    # It goes on to watch the three nodes: its domain may go on elsewhere one day.
    until(lambda: guest.xen.state()['domains'][-1]['xenbus_watches'] <= 3, 'it watches too much')
    bus.stop()
    service.expect('lost: ')


def test_a_program_that_waits_in_dom0_takes_the_socket(xen, start_hosted_bus):
    """Each attempt tries all addresses; the ring to the own domain is refused."""
    path = f'{xen.top}/late'
    dom0 = type('Dom0', (), {'xen': xen, 'popen': lambda self, *a, **o: xen.popen(0, *a, **o)})()
    service = counter(dom0, f'unix:path={path};vchan:')
    bus = start_hosted_bus()
    os.symlink(bus.path, path)
    assert ':0.' in service.expect('counting as')


def test_who_lost_the_bus_comes_back_when_xenstore_says_so(start_hosted_bus, guest):
    """However long the pauses have become by then."""
    bus = start_hosted_bus()
    service = counter(guest)
    service.expect('counting as')
    bus.stop()
    service.expect('lost: ')
    # They double, from 0.1 s.
    for _ in range(4):
        service.expect('retrying: ')
    start_hosted_bus()
    assert 'but' not in service.expect('back as')


def test_clients_of_the_agent_wait_for_the_bus(start_hosted_bus, guest):
    agent = start_agent(guest)
    clients = [open_at(agent) for _ in range(3)]
    agent.expect('no bus: ')
    bus = start_hosted_bus()
    for client in clients:
        client.auth().hello().sync()
        client.close()
    # And it goes, and comes back.
    client = open_at(agent).auth().hello()
    bus.stop()
    client.wait_closed()
    client.close()
    waiting = open_at(agent)
    start_hosted_bus()
    waiting.auth().hello().sync()
    waiting.close()


def test_an_agent_ends_a_connection_to_a_bus_that_is_no_more(xen, start_hosted_bus, guest):
    """Its domain was destroyed, without an event: only xenstore tells."""
    bus = start_hosted_bus()
    agent = start_agent(guest)
    client = open_at(agent).auth().hello()
    # As it would be with another daemon; this one goes on and keeps its ring.
    xen.hx('run', 0, 'xenstore-write', READY, 'another-one')
    agent.expect('lost the bus: there is another bus')
    client.wait_closed()
    client.close()
    assert bus.alive()
    xen.hx('run', 0, 'xenstore-rm', READY)


def test_an_agent_whose_domain_was_suspended(start_hosted_bus, guest):
    """Its rings are dead, without a sign on them."""
    bus = start_hosted_bus()
    agent = start_agent(guest)
    client = open_at(agent).auth().hello()
    guest.xen.hx('suspend', guest.domid)
    agent.expect('lost the bus: this domain was suspended')
    client.wait_closed()
    client.close()
    again = open_at(agent).auth().hello()
    echo_once(bus.connect(), again)
    again.close()


def test_an_agent_whose_domain_goes_on_under_another_domid(xen, start_hosted_bus, guest):
    """As after xl save and xl restore, as far as xenstore shows it."""
    start_hosted_bus()
    agent = start_agent(guest)
    client = open_at(agent).auth().hello()
    xen.hx('run', 0, 'xenstore-write', f'/local/domain/{guest.domid}/domid', '4321')
    xen.hx('suspend', guest.domid)
    agent.expect('lost the bus: this domain goes on under another domid')
    client.wait_closed()
    client.close()


def test_a_bus_that_is_named_again_is_the_same(xen, start_hosted_bus, guest):
    """Nobody loses a connection because a daemon was asked to say again what it said."""
    start_hosted_bus()
    agent = start_agent(guest)
    client = open_at(agent).auth().hello()
    ready = read(xen, READY)
    for _ in range(3):
        xen.hx('run', 0, 'xenstore-write', READY, ready)
        client.sync()
    xen.hx('run', 0, 'xenstore-rm', READY)
    xen.hx('run', 0, 'xenstore-write', READY, ready)
    xen.hx('run', 0, 'xenstore-chmod', READY, 'r0')
    for _ in range(20):
        client.sync()
    client.close()
    assert not [line for line in agent.log if 'lost' in line]


# --- a stub domain, which may write its target's nodes ---

SET_TARGET = '''import ctypes, sys
store = ctypes.CDLL('libxenstore.so.4')
store.xs_open.restype = ctypes.c_void_p
store.xs_set_target.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
store.xs_set_target.restype = ctypes.c_bool
sys.exit(not store.xs_set_target(store.xs_open(0), int(sys.argv[1]), int(sys.argv[2])))
'''


def create_stub(xen, target):
    """As libxl makes one."""
    domid = int(xen.hx('create', 'stub', '--store', f'target={target.domid}'))
    xen.guests.append(Guest(xen, domid, 'stub'))
    xen.hx('run', 0, '/usr/bin/python3', '-c', SET_TARGET, domid, target.domid)
    return xen.guests[-1]


def test_a_stub_domain_is_itself_and_has_a_target(xen, start_hosted_bus, new_guest):
    bus = start_hosted_bus()
    target = new_guest('target')
    stub = create_stub(xen, target)
    client = open_at(start_agent(stub)).auth().hello()
    other = open_at(start_agent(target)).auth().hello()
    local = bus.connect()

    def credentials(peer):
        return {key: value.value for key, value in
                dict(local.bus('GetConnectionCredentials', 's', peer.name)).items()}

    assert client.name.startswith(f':{stub.domid}.')
    assert credentials(client)['org.xen.xcp.DomainID'] == stub.domid
    assert credentials(client)['org.xen.xcp.TargetDomainID'] == target.domid
    assert 'org.xen.xcp.TargetDomainID' not in credentials(other)
    echo_once(client, other)
    for each in client, other:
        each.close()


def test_a_stub_domain_cannot_pose_as_its_target(xen, start_hosted_bus, new_guest):
    """It may write where its target's offers lie; its own grants are not to be had there."""
    bus = start_hosted_bus()
    target = new_guest('target')
    stub = create_stub(xen, target)
    agent = start_agent(target)
    client = open_at(agent).auth().hello()
    offer = f'/local/domain/{target.domid}/data/xcp-bus/0123456789ab'
    xen.hx('run', stub.domid, 'xenstore-write', f'{offer}/ring-ref', '8', f'{offer}/event-channel',
           '3')
    until(lambda: any(f'refused: domain={target.domid} ' in line and 'ring=0123456789ab' in line
                      for line in bus.stderr.read_text().splitlines()),
          'the daemon did not look at it')
    client.sync()
    again = open_at(agent).auth().hello()
    for each in client, again:
        each.close()
