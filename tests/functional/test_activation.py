# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services that the bus starts: what is held meanwhile, what a process gets, what may go wrong."""
import os
import signal
import subprocess

import pytest

import wire
from activation import (ERR, NAME, NO_AUTO_START, ask, fifo, let_come, refusal, start, tell,
                        wait_gone)
from client import BUS


# --- what is started, and when ---

def test_a_call_starts_its_service(services):
    made = services()
    made.write(NAME, 'service', NAME)
    client = made.start().connect()
    assert client.bus('NameHasOwner', 's', NAME) is False
    assert client.result(ask(client, 'Echo', 's', 'hello')) == 'hello'
    assert client.bus('NameHasOwner', 's', NAME) is True
    assert len(made.started()) == 1


def test_start_service_by_name(services):
    made = services()
    made.write(NAME, 'service', NAME)
    client = made.start().connect()
    assert client.result(start(client)) == 1
    assert client.result(start(client)) == 2
    assert len(made.started()) == 1


def test_a_signal_for_one_starts_it(services):
    made = services()
    made.write(NAME, 'service', NAME)
    client = made.start().connect()
    tell(client, 'Tick')
    tell(client, 'Tock')
    assert client.result(ask(client, 'Seen'))[:2] == ['Tick', 'Tock']


def test_no_auto_start_does_not(services):
    made = services()
    made.write(NAME, 'service', NAME)
    client = made.start().connect()
    refused = refusal(client, ask(client, flags=NO_AUTO_START))
    assert refused.name in (ERR + 'NameHasNoOwner', ERR + 'ServiceUnknown')
    tell(client, 'Tick', flags=NO_AUTO_START)
    client.sync()
    assert client.bus('NameHasOwner', 's', NAME) is False and made.started() == []


def test_nobody_else_is_started(services):
    """Not by broadcasts, nor by calls to unique names, nor by names without a file."""
    made = services()
    made.write(NAME, 'service', NAME)
    client = made.start().connect()
    client.send(wire.signal('/x', 'org.example.I', 'Tick'))
    for name in ':1.4711', ':0.4711', 'org.example.Other', NAME + '.x', NAME[:-1]:
        refused = refusal(client, ask(client, name=name))
        assert refused.name == ERR + 'ServiceUnknown'
        assert refused.text == f'The name {name} was not provided by any .service files'
        assert refusal(client, start(client, name)).name == ERR + 'ServiceUnknown'
    assert made.started() == []


def test_activatable_names(services):
    made = services()
    made.write(NAME, 'service', NAME)
    made.write('a.b', 'service', 'a.b')
    client = made.start().connect()
    assert set(client.bus('ListActivatableNames')) - {BUS} == {NAME, 'a.b'}


def test_a_service_that_forks(services):
    made = services()
    made.write(NAME, 'forks', NAME)
    client = made.start().connect()
    assert client.result(ask(client, 'Echo', 's', 'hello')) == 'hello'


def test_a_service_that_comes_and_goes(services):
    made = services()
    made.write(NAME, 'transient', NAME)
    client = made.start().connect()
    client.match(f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{NAME}'")
    for turn in range(1, 4):
        assert client.result(ask(client, 'Echo', 'u', turn)) == turn
        client.take(lambda m: m.member == 'NameOwnerChanged' and m.body[2] == '')
    assert len(made.started()) == 3


def test_one_process_for_two_names(services):
    made = services()
    made.write(NAME, 'service', NAME, 'org.example.Also')
    made.write('org.example.Also', 'service', NAME, 'org.example.Also')
    client = made.start().connect()
    assert client.result(ask(client, 'Echo', 'u', 1)) == 1
    assert client.result(ask(client, 'Echo', 'u', 2, name='org.example.Also')) == 2


# --- what is held ---

def test_all_is_held_in_order(services):
    made = services()
    gate = fifo(made)
    made.write(NAME, 'waits-for', gate, NAME)
    bus = made.start()
    one, two = bus.connect(), bus.connect()
    serials, wanted = [], []
    for i in range(20):
        serials.append(ask(one, f'Call{i}', 'u', i))
        tell(one, f'Tick{i}')
        wanted += [f'Call{i}', f'Tick{i}']
        one.sync()
        two.send(wire.call(NAME, '/x', 'org.example.I', f'Two{i}', flags=1))
        wanted.append(f'Two{i}')
        two.sync()
    started = start(two)
    two.sync()
    let_come(gate)
    assert two.result(started) == 1
    assert [one.result(serial) for serial in serials] == list(range(20))
    assert one.result(ask(one, 'Seen'))[:60] == wanted
    assert len(made.started()) == 1


def test_what_is_sent_meanwhile_comes_after(services):
    """The name has an owner, and more is sent: it must not overtake what was held."""
    made = services()
    gate = fifo(made)
    made.write(NAME, 'waits-for', gate, NAME)
    client = made.start().connect()
    serials = [ask(client, 'Call', 'u', i) for i in range(50)]
    client.sync()
    let_come(gate)
    for i in range(50, 120):
        serials.append(ask(client, 'Call', 'u', i))
    assert [client.result(serial) for serial in serials] == list(range(120))


def test_large_messages_and_descriptors_are_held(services):
    made = services()
    gate = fifo(made)
    made.write(NAME, 'waits-for', gate, NAME)
    client = made.start().connect(fds=True)
    large = b'x' * 3_000_000
    serials = [ask(client, 'Echo', 'ay', large), ask(client, 'Echo', 'ay', b'small')]
    client.sync()
    let_come(gate)
    assert client.result(serials[0]) == large and client.result(serials[1]) == b'small'


def test_a_service_that_takes_no_descriptors_gets_none(services):
    made = services()
    made.write(NAME, 'service', NAME)
    client = made.start().connect(fds=True)
    read, write = os.pipe()
    serial = client.serial = client.serial + 1
    message = wire.call(NAME, '/x', 'org.example.I', 'Take', 'h', 0, unix_fds=1, serial=serial)
    client.send_bytes(message.encode(), [write])
    os.close(write)
    assert client.take_reply(serial).type == wire.ERROR
    with os.fdopen(read, 'rb') as end:
        assert end.read() == b''  # the bus has closed it


def test_a_hundred_at_once(services):
    made = services()
    gate = fifo(made)
    made.write(NAME, 'waits-for', gate, NAME)
    bus = made.start()
    clients = [bus.connect() for _ in range(100)]
    serials = [start(client) if i % 2 else ask(client, 'Echo', 'u', i)
               for i, client in enumerate(clients)]
    clients[-1].sync()
    let_come(gate)
    for i, (client, serial) in enumerate(zip(clients, serials)):
        assert client.result(serial) == (1 if i % 2 else i)
    assert len(made.started()) == 1


def test_who_leaves_is_forgotten(services):
    made = services()
    gate = fifo(made)
    made.write(NAME, 'waits-for', gate, NAME)
    bus = made.start()
    client, leaving = bus.connect(), bus.connect()
    tell(leaving, 'Left')
    ask(leaving, 'Left')
    start(leaving)
    leaving.sync()
    client.match(f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{leaving.name}'")
    leaving.close()
    client.take_signal('NameOwnerChanged')
    serial = ask(client, 'Seen')
    client.sync()
    let_come(gate)
    assert client.result(serial) == ['Seen']


def test_the_limit_of_what_waits(services):
    made = services(limits={'max_pending_service_starts': 3})
    gate = fifo(made)
    made.write(NAME, 'waits-for', gate, NAME)
    client = made.start().connect()
    serials = [ask(client, 'Echo', 'u', i) for i in range(3)]
    refused = refusal(client, ask(client, 'Echo', 'u', 4))
    assert refused.name == ERR + 'LimitsExceeded'
    assert '(max_pending_service_starts=3)' in refused.text
    assert refusal(client, start(client)).name == ERR + 'LimitsExceeded'
    let_come(gate)
    assert [client.result(serial) for serial in serials] == [0, 1, 2]
    assert client.result(ask(client, 'Echo', 'u', 5)) == 5


# --- what goes wrong ---

@pytest.mark.parametrize('arguments, error, text', [
    (('exits', 3), 'Spawn.ChildExited', f'Process {NAME} exited with status 3'),
    (('killed', 'SIGKILL'), 'Spawn.ChildSignaled', f'Process {NAME} received signal 9'),
    (('killed', 'SIGTERM'), 'Spawn.ChildSignaled', f'Process {NAME} received signal 15'),
])
def test_one_that_dies(services, arguments, error, text):
    made = services()
    made.write(NAME, *arguments)
    bus = made.start()
    one, two = bus.connect(), bus.connect()
    serials = [ask(one), start(one)]
    tell(one, 'Tick')
    for refused in [refusal(one, serial) for serial in serials] + [refusal(two, start(two))]:
        assert (refused.name, refused.text) == (ERR + error, text)
    assert one.bus('NameHasOwner', 's', NAME) is False


@pytest.mark.parametrize('command, text', [
    ('/nonexistent/program', 'No such file or directory'),
    ('/etc/passwd', 'Permission denied'),
    ('nonexistent-program-of-no-path', 'No such file or directory'),
])
def test_one_that_cannot_be_executed(services, command, text):
    made = services()
    made.write_text(f'[D-BUS Service]\nName={NAME}\nExec={command}\n', f'{NAME}.service')
    client = made.start().connect()
    for serial in ask(client), start(client):
        refused = refusal(client, serial)
        assert refused.name == ERR + 'Spawn.ExecFailed'
        assert refused.text == f'Failed to execute program {NAME}: {text}'


def test_one_that_never_comes(services):
    made = services(limits={'service_start_timeout': 300})
    made.write(NAME, 'hangs')
    client = made.start().connect()
    serials = [ask(client), start(client)]
    for serial in serials:
        refused = refusal(client, serial)
        assert refused.name == ERR + 'TimedOut'
        assert refused.text == (f"Failed to activate service '{NAME}': timed out "
                                '(service_start_timeout=300ms)')
    for pid, *_ in made.started():
        wait_gone(int(pid))


def test_one_that_comes_under_another_name(services):
    made = services(limits={'service_start_timeout': 2000})
    made.write(NAME, 'service', 'org.example.Impostor')
    bus = made.start()
    client = bus.connect()
    refused = refusal(client, ask(client))
    assert refused.name == ERR + 'TimedOut'
    assert refused.text.startswith(f"Failed to activate service '{NAME}': timed out")
    if bus.daemon == 'xcp-busd':
        assert refused.text.endswith('its process asked for org.example.Impostor instead')


def test_one_that_ends_well_may_come_yet(services):
    """Status 0: dbus-daemon waits, since it may have left a child that comes."""
    made = services(limits={'service_start_timeout': 500})
    made.write(NAME, 'exits', 0)
    client = made.start().connect()
    assert refusal(client, ask(client)).name == ERR + 'TimedOut'


def test_somebody_else_may_come_instead(services):
    made = services()
    made.write(NAME, 'hangs')
    bus = made.start()
    client, other = bus.connect(), bus.connect()
    serial = start(client)
    client.sync()
    assert other.own(NAME) == 1
    assert client.result(serial) == 1


def test_dying_again_and_again(services, daemon):
    """Each caller is told; after some time it is not even tried any more."""
    made = services()
    made.write(NAME, 'exits', 1)
    client = made.start().connect()
    errors = [refusal(client, ask(client)) for _ in range(10)]
    assert {error.name for error in errors} == {ERR + 'Spawn.ChildExited'}
    if daemon == 'xcp-busd':
        # A slow machine is given more tries: they come back with time.
        while errors[-1].name != ERR + 'LimitsExceeded':
            errors.append(refusal(client, ask(client)))
            assert len(errors) < 500, 'it is tried for ever'
        assert f'Process {NAME} exited with status 1' in errors[-1].text
        assert len(made.started()) == len(errors) - 1


# --- what a process gets ---

def test_the_environment(services):
    made = services(env={'NOTIFY_SOCKET': '/nonexistent'})
    made.write(NAME, 'service', NAME)
    bus = made.start()
    client = bus.connect()
    client.bus('UpdateActivationEnvironment', 'a{ss}', {'SOMETHING': 'one', 'MORE': 'a=b c'})
    client.bus('UpdateActivationEnvironment', 'a{ss}', {'SOMETHING': 'two'})
    environment = client.result(ask(client, 'Environment'))
    assert environment['DBUS_STARTER_ADDRESS'] == bus.address
    assert environment['DBUS_STARTER_BUS_TYPE'] == 'session'
    assert environment['DBUS_SESSION_BUS_ADDRESS'] == bus.address
    assert environment['SOMETHING'] == 'two' and environment['MORE'] == 'a=b c'
    assert environment['PATH']
    if bus.daemon == 'xcp-busd':
        assert 'NOTIFY_SOCKET' not in environment
        assert environment['XCP_BUS_ADDRESS'] == bus.address


def test_nothing_is_inherited(services, daemon):
    made = services()
    made.write(NAME, 'service', NAME)
    bus = made.start()
    others = [bus.connect(fds=True) for _ in range(20)]
    client = others[0]
    process = client.result(ask(client, 'Process'))
    assert process['session'] == 'True' or daemon != 'xcp-busd'
    # 3 is its connection to the bus; the directory that it reads is closed again.
    assert process['fds'].split() == ['0', '1', '2', '3']
    assert process['stdin'] == '/dev/null'
    assert int(process['blocked'], 16) == 0
    if daemon == 'xcp-busd':  # python ignores two itself
        ignored = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
        # What make starts ignores 32 and 33, which glibc keeps for itself and lets nobody set.
        assert int(process['ignored'], 16) & ~(3 << 31) == ignored
    soft = subprocess.run(['sh', '-c', 'ulimit -Sn'], capture_output=True, text=True, check=True)
    assert process['files'] == soft.stdout.strip()


def test_another_user(services, daemon):
    """With the groups and the home of that user; nobody but root can do that."""
    made = services()
    if daemon != 'xcp-busd':
        return  # dbus-daemon has a setuid helper for that, and only on a system's bus
    user = 'root' if os.getuid() else 'nobody'
    made.write_text(f'[D-BUS Service]\nName={NAME}\nUser={user}\nExec=/bin/sh -c "test $(id -un):'
                    '$(id -Gn):$HOME:$USER = nobody:nogroup:/nonexistent:nobody && exit 9; exit 1"\n',
                    f'{NAME}.service')
    made.write_text('[D-BUS Service]\nName=a.b\nUser=no-such-user\nExec=/bin/true\n', 'a.b.service')
    client = made.start().connect()
    refused = refusal(client, start(client))
    if os.getuid() == 0:
        assert refused.text == f'Process {NAME} exited with status 9'
    else:
        assert refused.name == ERR + 'Spawn.FailedToSetup'
    refused = refusal(client, start(client, 'a.b'))
    assert refused.name == ERR + 'Spawn.FailedToSetup'
    assert refused.text == 'Failed to run a.b as the user it asks for: there is no such user'


def test_bad_variables(services, daemon):
    client = services().start().connect()
    if daemon == 'xcp-busd':
        for variables in {'': 'x'}, {'A=B': 'x'}:
            refused = client.refusal('UpdateActivationEnvironment', 'a{ss}', variables)
            assert refused.name == ERR + 'InvalidArgs'
        refused = client.refusal('UpdateActivationEnvironment', 'a{ss}', {'A': 'x' * 200000})
        assert refused.name == ERR + 'LimitsExceeded'
    assert client.refusal('UpdateActivationEnvironment', 's', 'x').name == ERR + 'InvalidArgs'
