# SPDX-License-Identifier: LGPL-2.1-or-later
"""Command line, configuration, start and end of the daemon."""
import os
import re
import signal
import socket
import stat
import subprocess

import pytest

import bus as bus_module
from client import PATIENCE, Client, echo_once


def connect(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    return Client(sock).auth().hello()


@pytest.fixture
def run(daemon, build, tmp_path):
    """Run it with arguments that make it end by itself."""
    def run(*arguments):
        return subprocess.run([bus_module.binary(daemon, build), *arguments], cwd=tmp_path,
                              capture_output=True, text=True, timeout=PATIENCE,
                              env=bus_module.sanitizer_environment(tmp_path))
    return run


@pytest.fixture
def start(daemon, build, tmp_path):
    """Run it with arguments of the test; it is ended afterwards."""
    processes = []

    def start(*arguments, **options):
        processes.append(subprocess.Popen([bus_module.binary(daemon, build), *arguments],
                                          cwd=tmp_path, stdout=subprocess.PIPE,
                                          stderr=subprocess.PIPE, **options))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=PATIENCE)


@pytest.fixture
def config(daemon, tmp_path):
    """Write a configuration file and return the option that names it."""
    def write(listen=(), limits=None, edit=lambda text: text):
        text = bus_module.configuration(bus_module.DAEMONS[daemon], listen, limits or {})
        (tmp_path / 'test.conf').write_text(edit(text))
        return f'--config-file={tmp_path}/test.conf'
    return write


def fails(result):
    """Not zero, a sentence, and no crash."""
    assert result.returncode not in (0, 99) and result.returncode > 0, result
    assert len(result.stderr.split()) >= 3, result
    assert 'Sanitizer' not in result.stderr
    return result.stderr


def test_version(run):
    result = run('--version')
    assert result.returncode == 0 and re.search(r'\d+\.\d+', result.stdout)


def test_help(run, daemon):
    result = run('--help')
    assert '--config-file' in result.stdout + result.stderr
    assert (result.returncode == 0) == bus_module.DAEMONS[daemon].tidy


@pytest.mark.parametrize('arguments', [
    ['--no-such-option'], ['stray'], ['--config-file'], ['--config-file=/does/not/exist'],
    ['--config-file=/'], ['--print-address=x', '--config-file=/dev/null'],
    ['--config-file=/dev/null'],
])
def test_bad_command_lines(run, arguments):
    fails(run(*arguments))


@pytest.mark.parametrize('edit', [
    lambda t: '', lambda t: t[:len(t) // 2], lambda t: t.replace('busconfig>', 'other>'),
    lambda t: t.replace('<auth>', '<nonsense/><auth>'), lambda t: t + '<more/>',
    lambda t: t.replace('</busconfig>', '<limit name="nonsense">1</limit></busconfig>'),
    lambda t: t.replace('</busconfig>', '<limit name="max_message_size">x</limit></busconfig>'),
    lambda t: t.replace('</busconfig>', '<limit>1</limit></busconfig>'),
    lambda t: t.replace('</busconfig>', '<include>/does/not/exist</include></busconfig>'),
])
def test_bad_configurations(run, config, tmp_path, edit):
    option = config([f'unix:path={tmp_path}/bus'], edit=edit)
    assert fails(run(option, '--print-address', '--nofork'))
    assert not os.path.exists(tmp_path / 'bus')


@pytest.mark.parametrize('address', [
    'unix:path=/does/not/exist/bus', 'nonsense:x=y', 'unix:', 'unix', 'unix:path=',
    'unix:path=/' + 'x' * 200,
])
def test_addresses_that_cannot_be_listened_on(run, config, address):
    fails(run(config([address]), '--nofork', '--print-address'))


def test_no_address_at_all_is_an_error_where_there_is_no_default(run, config, daemon):
    if bus_module.DAEMONS[daemon].has_default_address:
        return
    fails(run(config([]), '--nofork', '--print-address'))


@pytest.mark.parametrize('separate', [False, True])
def test_the_printed_address_and_pid(start, config, tmp_path, separate):
    option = config([f'unix:path={tmp_path}/bus'])
    arguments = option.split('=') if separate else [option]
    process = start(*arguments, '--print-address=1', '--print-pid=1', '--nofork')
    address = process.stdout.readline()
    assert re.fullmatch(rf'unix:path={tmp_path}/bus,guid=[0-9a-f]{{32}}\n'.encode(), address)
    assert process.stdout.readline() == b'%d\n' % process.pid
    connect(f'{tmp_path}/bus').close()


def test_printing_to_another_fd(start, config, tmp_path):
    reading, writing = os.pipe()
    start(config([f'unix:path={tmp_path}/bus']), f'--print-address={writing}', '--nofork',
          pass_fds=[writing])
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.readline().startswith(f'unix:path={tmp_path}/bus,')


def test_the_address_option_overrides_the_file(start, config, tmp_path):
    process = start(config([f'unix:path={tmp_path}/file']), '--print-address', '--nofork',
                    f'--address=unix:path={tmp_path}/option')
    assert b'/option' in process.stdout.readline()
    connect(f'{tmp_path}/option').close()
    assert not os.path.exists(tmp_path / 'file')


def test_several_addresses(start, config, tmp_path):
    process = start(config([f'unix:path={tmp_path}/one', f'unix:path={tmp_path}/two']),
                    '--print-address', '--nofork')
    line = process.stdout.readline()
    assert b'/one' in line and b'/two' in line
    one, two = connect(f'{tmp_path}/one'), connect(f'{tmp_path}/two')
    echo_once(one, two)
    one.close()
    two.close()


def test_anybody_may_open_the_socket(start, config, tmp_path):
    """Who may do what is decided by credentials, not by the file's mode."""
    process = start(config([f'unix:path={tmp_path}/bus']), '--print-address', '--nofork')
    process.stdout.readline()
    assert stat.S_IMODE(os.stat(tmp_path / 'bus').st_mode) & 0o666 == 0o666


def test_it_ends_when_told_and_takes_its_socket_along(start_bus):
    bus = start_bus()
    client = bus.connect()
    bus.process.send_signal(signal.SIGTERM)
    client.wait_closed()
    assert bus.process.wait(PATIENCE) == 0
    assert not os.path.exists(bus.path)


def test_interrupt_ends_it_too(start, config, tmp_path, daemon):
    process = start(config([f'unix:path={tmp_path}/bus']), '--print-address', '--nofork')
    process.stdout.readline()
    connect(f'{tmp_path}/bus').close()
    process.send_signal(signal.SIGINT)
    status = process.wait(PATIENCE)
    assert status == (0 if bus_module.DAEMONS[daemon].tidy else -signal.SIGINT)


def test_killed_and_started_again(start, config, tmp_path):
    """The socket that a killed daemon leaves behind is in nobody's way."""
    option = config([f'unix:path={tmp_path}/bus'])
    first = start(option, '--print-address', '--nofork')
    first.stdout.readline()
    client = connect(f'{tmp_path}/bus')
    first.kill()
    client.wait_closed()
    client.close()
    first.wait(PATIENCE)
    second = start(option, '--print-address', '--nofork')
    assert second.stdout.readline()
    connect(f'{tmp_path}/bus').close()


def test_pid_file(start, config, tmp_path):
    option = config([f'unix:path={tmp_path}/bus'], edit=lambda text: text.replace(
        '<auth>', f'<pidfile>{tmp_path}/pid</pidfile><auth>'))
    process = start(option, '--print-address', '--nofork')
    process.stdout.readline()
    connect(f'{tmp_path}/bus').close()  # dbus-daemon writes its pid after its address
    assert (tmp_path / 'pid').read_text().strip() == str(process.pid)
    process.terminate()
    process.wait(PATIENCE)
    assert not (tmp_path / 'pid').exists()


def test_out_of_file_descriptors(start_bus):
    """Nobody new gets in for a while; those who are in keep talking, and it recovers."""
    bus = start_bus(wrap=['prlimit', '--nofile=40:40'])
    innocents = bus.innocents()
    waiting = [bus.open() for _ in range(60)]
    for client in waiting:
        client.send_bytes(b'\0AUTH EXTERNAL ' + str(os.getuid()).encode().hex().encode() + b'\r\n')
    echo_once(*innocents)
    for client in waiting[:50]:
        client.close()
    assert waiting[55].line().startswith(b'OK ')
    bus.connect().sync()
    echo_once(*innocents)
