# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services that the bus starts: .service files, what is held meanwhile, what may go wrong."""
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

import wire
from client import BUS, BUS_PATH, PATIENCE, Refused

ERR = 'org.freedesktop.DBus.Error.'
NAME = 'org.example.Service'
PROGRAM = Path(__file__).parent / 'started.py'
NO_AUTO_START = 2


class Services:
    """A bus, its directories of .service files, and what was started."""

    def __init__(self, start_bus, folder, folders=1, **options):
        self.log = folder / 'started'
        self.folders = [folder / f'services{i}' for i in range(folders)]
        for each in self.folders:
            each.mkdir()
        self.start_bus, self.options = start_bus, options
        self.bus = None

    def write(self, name, *arguments, folder=0, extra='', file=None):
        """A file with a service that started.py plays."""
        command = ' '.join(shlex.quote(str(a)) for a in
                           ('/usr/bin/python3', PROGRAM, self.log, *arguments))
        self.write_text(f'[D-BUS Service]\nName={name}\nExec={command}\n{extra}',
                        file or f'{name}.service', folder)

    def write_text(self, text, file, folder=0):
        """Whole or not at all, as a package manager writes it."""
        new = self.folders[folder] / (file + '.new')
        new.write_text(text)
        new.rename(self.folders[folder] / file)

    def start(self):
        self.bus = self.start_bus(
            elements='\n'.join(f'<servicedir>{f}</servicedir>' for f in self.folders),
            **self.options)
        return self.bus

    def started(self):
        """Process id and mode of all, in order."""
        return [line.split() for line in self.log.read_text().splitlines()] \
            if self.log.exists() else []

    def wait_started(self, count=1):
        deadline = time.monotonic() + PATIENCE
        while len(self.started()) < count:
            assert time.monotonic() < deadline, self.started()
            time.sleep(0.005)  # for another program to write a file
        return self.started()


@pytest.fixture
def services(start_bus, tmp_path):
    made = []

    def make(**options):
        made.append(Services(start_bus, tmp_path, **options))
        return made[-1]

    yield make
    for each in made:
        for pid, *_ in each.started():
            end_process(int(pid))


def end_process(pid):
    """One that hangs; the others end with the bus."""
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as command:
            if b'started.py' in command.read():
                os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        pass


def wait_gone(pid):
    deadline = time.monotonic() + PATIENCE
    while os.path.exists(f'/proc/{pid}'):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ask(client, member='Echo', signature=None, *body, name=NAME, **more):
    return client.send(wire.call(name, '/x', 'org.example.I', member, signature, *body, **more))


def tell(client, member, name=NAME, **more):
    return client.send(wire.signal('/x', 'org.example.I', member, destination=name, **more))


def start(client, name=NAME):
    return client.send(wire.call(BUS, BUS_PATH, BUS, 'StartServiceByName', 'su', name, 0))


def refusal(client, serial):
    with pytest.raises(Refused) as refused:
        client.result(serial)
    return refused.value


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

def fifo(made):
    path = made.log.with_name('fifo')
    os.mkfifo(path)
    return path


def let_come(path):
    with open(path, 'w', encoding='ascii'):
        pass


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
    errors = [refusal(client, ask(client)) for _ in range(40)]
    assert errors[0].name == ERR + 'Spawn.ChildExited'
    if daemon == 'xcp-busd':
        assert errors[-1].name == ERR + 'LimitsExceeded'
        assert f'Process {NAME} exited with status 1' in errors[-1].text
        assert 10 <= len(made.started()) <= 25


# --- .service files ---

def wait_activatable(client, name, is_there=True):
    deadline = time.monotonic() + PATIENCE
    while (name in client.bus('ListActivatableNames')) is not is_there:
        assert time.monotonic() < deadline


def test_files_come_and_go(services):
    made = services()
    client = made.start().connect()
    assert refusal(client, ask(client)).name == ERR + 'ServiceUnknown'
    made.write(NAME, 'service', NAME)
    wait_activatable(client, NAME)
    assert client.result(ask(client, 'Echo', 'u', 1)) == 1
    ask(client, 'Quit')
    (made.folders[0] / f'{NAME}.service').unlink()
    wait_activatable(client, NAME, False)
    assert refusal(client, start(client, 'org.example.Gone')).name == ERR + 'ServiceUnknown'


def test_a_file_that_has_just_been_written(services):
    made = services()
    client = made.start().connect()
    for i in range(20):
        name = f'org.example.New{i}'
        made.write(name, 'exits', 1)
        assert refusal(client, start(client, name)).name == ERR + 'Spawn.ChildExited'


def test_the_first_directory_wins(services):
    made = services(folders=2)
    made.write(NAME, 'service', NAME, folder=0)
    made.write(NAME, 'exits', 1, folder=1)
    made.write('a.b', 'service', 'a.b', folder=1)
    client = made.start().connect()
    assert client.result(start(client)) == 1
    assert client.result(start(client, 'a.b')) == 1


def test_quotes_and_blanks(services):
    made = services()
    made.write_text(
        f'# comment\n[D-BUS Service]\nName = {NAME}\n\nUnknown=x\n'
        f'Exec=/usr/bin/python3 "{PROGRAM}" \'{made.log}\' service\\s{NAME} '
        '"org.example.$HOME" org.example.A\\\\;x`\n[Other]\nName=x.y\n', f'{NAME}.service')
    client = made.start().connect()
    serial = start(client)
    made.wait_started()
    assert made.started()[0][1:] == ['service', NAME, 'org.example.$HOME', 'org.example.A;x`']
    assert client.result(serial) == 1


BROKEN = {
    'nothing': '', 'no section': f'Name={NAME}\nExec=/bin/true\n',
    'no name': '[D-BUS Service]\nExec=/bin/true\n', 'no exec': f'[D-BUS Service]\nName={NAME}\n',
    'bad name': '[D-BUS Service]\nName=not a name\nExec=/bin/true\n',
    'unique': '[D-BUS Service]\nName=:1.5\nExec=/bin/true\n',
    'ours': f'[D-BUS Service]\nName={BUS}\nExec=/bin/true\n',
    'no sense': f'[D-BUS Service]\nName={NAME}\nExec=/bin/true\nnonsense\n',
    'binary': '[D-BUS Service]\nName=a.b\0c\nExec=/bin/true\n',
}


def test_broken_files_are_left_out(services, daemon):
    made = services()
    for name, text in BROKEN.items():
        made.write_text(text, name.replace(' ', '-') + '.service')
    (made.folders[0] / 'folder.service').mkdir()
    (made.folders[0] / 'dangling.service').symlink_to('/nonexistent')
    if daemon == 'xcp-busd':  # dbus-daemon waits for the other end for ever
        os.mkfifo(made.folders[0] / 'fifo.service')
    made.write('a.b', 'service', 'a.b')
    bus = made.start()
    client = bus.connect()
    assert client.result(start(client, 'a.b')) == 1
    if daemon == 'xcp-busd':
        assert set(client.bus('ListActivatableNames')) == {BUS, 'a.b'}
        log = bus.stderr.read_text()
        for name in BROKEN:
            assert name.replace(' ', '-') + '.service' in log, log
        assert 'no-sense.service:4: ' in log, log


def test_a_file_that_is_for_something_else(services):
    """Names in files that are called differently work (but for strict directories)."""
    made = services()
    made.write(NAME, 'service', NAME, file='anything.service')
    made.write('a.b', 'exits', 1, file='a.b.conf')
    client = made.start().connect()
    assert client.result(start(client)) == 1
    assert refusal(client, start(client, 'a.b')).name == ERR + 'ServiceUnknown'


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
        assert int(process['ignored'], 16) == 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    soft = subprocess.run(['sh', '-c', 'ulimit -Sn'], capture_output=True, text=True, check=True)
    assert process['files'] == soft.stdout.strip()


def test_another_user(services, daemon):
    """With the groups and the home of that user; nobody but root can do that."""
    made = services()
    if daemon != 'xcp-busd':
        return  # dbus-daemon has a setuid helper for that, and only on a system's bus
    made.write_text(f'[D-BUS Service]\nName={NAME}\nUser=nobody\nExec=/bin/sh -c "test $(id -un):'
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


# --- the list of names, and systemd ---

def test_who_wants_to_know_is_told_of_changes(services):
    made = services()
    client = made.start().connect()
    client.match(f"type='signal',sender='{BUS}',member='ActivatableServicesChanged'")
    client.bus('ReloadConfig')
    client.take_signal('ActivatableServicesChanged')
    made.write(NAME, 'service', NAME)
    wait_activatable(client, NAME)
    assert client.take_signal('ActivatableServicesChanged').body == ()


ACTIVATOR = 'org.freedesktop.systemd1.Activator'
SYSTEMD = 'org.freedesktop.systemd1'


@pytest.fixture
def with_systemd(services):
    """A bus with --systemd-activation: the test plays systemd."""
    made = services(options=['--systemd-activation'])
    made.write(NAME, 'exits', 1, extra='SystemdService=example.service\n')
    made.start()
    return made


def fails(systemd, unit, error, text):
    systemd.send(wire.signal('/org/freedesktop/systemd1', ACTIVATOR, 'ActivationFailure', 'sss',
                             unit, error, text, destination=BUS))


def take_request(systemd):
    request = systemd.take_signal('ActivationRequest')
    assert request.interface == ACTIVATOR and request.sender == BUS
    assert request.path == BUS_PATH
    return request.body[0]


def test_systemd_is_asked(with_systemd):
    bus = with_systemd.bus
    systemd, client, service = bus.connect(), bus.connect(), bus.connect()
    systemd.own(SYSTEMD)
    serials = ask(client, 'Echo', 'u', 1), ask(client, 'Echo', 'u', 2), start(client)
    assert take_request(systemd) == 'example.service'
    service.own(NAME)
    for i in 1, 2:
        request = service.take_call('Echo')
        assert request.body == (i,)
        service.send(wire.reply_to(request, 'u', i))
    assert [client.result(serial) for serial in serials] == [1, 2, 1]
    systemd.sync()
    assert not [m for m in systemd.inbox if m.member == 'ActivationRequest']  # once is enough
    assert with_systemd.started() == []


def test_systemd_comes_later(with_systemd):
    bus = with_systemd.bus
    systemd, client = bus.connect(), bus.connect()
    serial, to_systemd = start(client), ask(client, 'Hello', name=SYSTEMD)
    client.sync()
    systemd.own(SYSTEMD)
    assert take_request(systemd) == 'example.service'
    systemd.send(wire.reply_to(systemd.take_call('Hello')))
    client.result(to_systemd)
    systemd.own(NAME)
    assert client.result(serial) == 1


def test_systemd_says_that_it_failed(with_systemd):
    bus = with_systemd.bus
    systemd, client = bus.connect(), bus.connect()
    systemd.own(SYSTEMD)
    serials = ask(client), start(client)
    take_request(systemd)
    fails(systemd, 'other.service', 'org.example.Error', 'not this one')
    fails(systemd, 'example.service', 'org.example.Error', 'the reason')
    for serial in serials:
        refused = refusal(client, serial)
        assert (refused.name, refused.text) == ('org.example.Error', 'the reason')


def test_nobody_else_says_so(with_systemd):
    """CVE-2015-0245."""
    bus = with_systemd.bus
    systemd, client, liar = bus.connect(), bus.connect(), bus.connect()
    systemd.own(SYSTEMD)
    serial = start(client)
    take_request(systemd)
    fails(liar, 'example.service', 'org.example.Lie', 'x')
    liar.sync()
    fails(systemd, 'example.service', 'org.example.Truth', 'x')
    assert refusal(client, serial).name == 'org.example.Truth'


def test_systemd_gets_the_environment(with_systemd):
    bus = with_systemd.bus
    systemd, client = bus.connect(), bus.connect()
    systemd.own(SYSTEMD)
    client.bus('UpdateActivationEnvironment', 'a{ss}', {'A': '1', 'B': 'x=y'})
    call = systemd.take_call('SetEnvironment')
    assert call.interface == 'org.freedesktop.systemd1.Manager'
    assert sorted(call.body[0]) == ['A=1', 'B=x=y']


def test_systemd_gets_the_environment_later(with_systemd):
    bus = with_systemd.bus
    systemd, client = bus.connect(), bus.connect()
    client.bus('UpdateActivationEnvironment', 'a{ss}', {'A': '1', 'B': 'x=y'})
    systemd.own(SYSTEMD)
    assert sorted(systemd.take_call('SetEnvironment').body[0]) == ['A=1', 'B=x=y']


def test_systemd_activation_is_a_feature(with_systemd):
    client = with_systemd.bus.connect()
    features = client.call(BUS, BUS_PATH, 'org.freedesktop.DBus.Properties', 'Get', 'ss', BUS,
                           'Features')
    assert 'SystemdActivation' in features.value
