# SPDX-License-Identifier: LGPL-2.1-or-later
"""Directories of .service files: what is in them, what is not, and what becomes of them."""
import os

from activation import ERR, NAME, PROGRAM, ask, refusal, start, wait_activatable
from client import BUS


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
NOT_UTF8 = f'[D-BUS Service]\nName={NAME}\nSystemdService=\udcff.service\n'


def test_broken_files_are_left_out(services, daemon):
    made = services()
    for name, text in BROKEN.items():
        made.write_text(text, name.replace(' ', '-') + '.service')
    (made.folders[0] / 'folder.service').mkdir()
    (made.folders[0] / 'dangling.service').symlink_to('/nonexistent')
    if daemon == 'xcp-busd':  # dbus-daemon waits for the other end for ever
        os.mkfifo(made.folders[0] / 'fifo.service')
        made.write_text(NOT_UTF8, 'not-utf8.service')  # systemd would be asked for it
    made.write('a.b', 'service', 'a.b')
    bus = made.start()
    client = bus.connect()
    assert client.result(start(client, 'a.b')) == 1
    if daemon == 'xcp-busd':
        assert 'not-utf8.service:1: not UTF-8' in bus.stderr.read_text()
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


def test_who_wants_to_know_is_told_of_changes(services):
    made = services()
    client = made.start().connect()
    client.match(f"type='signal',sender='{BUS}',member='ActivatableServicesChanged'")
    client.bus('ReloadConfig')
    client.take_signal('ActivatableServicesChanged')
    made.write(NAME, 'service', NAME)
    wait_activatable(client, NAME)
    assert client.take_signal('ActivatableServicesChanged').body == ()


# --- directories ---

def test_a_directory_within_another_may_come_later(services, daemon):
    """Waiting for it takes nothing away from what is seen of the other."""
    made = services()
    made.folders.append(made.folders[0] / 'inner')
    made.write(NAME, 'service', NAME)
    client = made.start().connect()
    (made.folders[0] / f'{NAME}.service').unlink()
    wait_activatable(client, NAME, False)
    made.folders[1].mkdir()
    made.write(NAME, 'service', NAME, folder=1)
    if daemon != 'xcp-busd':  # it looks again when it is told to
        client.bus('ReloadConfig')
    wait_activatable(client, NAME)


def test_the_way_to_a_directory_may_come_later(services, tmp_path, daemon):
    made = services()
    made.folders.append(tmp_path / 'a' / 'b' / 'c')
    client = made.start().connect()
    made.folders[1].mkdir(parents=True)
    made.write(NAME, 'service', NAME, folder=1)
    if daemon != 'xcp-busd':
        client.bus('ReloadConfig')
    wait_activatable(client, NAME)


def test_a_directory_may_be_replaced(services, tmp_path, daemon):
    made = services()
    client = made.start().connect()
    for turn in range(3):
        made.folders[0].rename(tmp_path / f'old{turn}')
        made.folders[0].mkdir()
        name = f'org.example.Turn{turn}'
        made.write(name, 'service', name)
        if daemon != 'xcp-busd':
            client.bus('ReloadConfig')
        wait_activatable(client, name)


def test_root_starts_what_root_wrote(services, daemon):
    """Who may write the file decides what is started, and as whom."""
    if daemon != 'xcp-busd' or os.getuid():
        return  # dbus-daemon trusts the directory, and nobody but root can give files away
    made = services()
    for name in 'of.nobody', 'for.all', 'of.root':
        made.write(name, 'service', name)
    os.chown(made.folders[0] / 'of.nobody.service', 65534, 65534)
    (made.folders[0] / 'for.all.service').chmod(0o666)
    bus = made.start()
    assert set(bus.connect().bus('ListActivatableNames')) == {BUS, 'of.root'}
    for name in 'of.nobody', 'for.all':
        assert f'{name}.service: somebody else than root may write it' in bus.stderr.read_text()
