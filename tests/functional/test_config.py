# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration language and the command line, on both daemons."""
import os
import re
import signal
import socket
import subprocess

import pytest

import bus as bus_module
import wire
from client import BUS, BUS_PATH, PATIENCE, Client, Refused, echo_once

ERR = 'org.freedesktop.DBus.Error.'
POLICY = bus_module.POLICY
STOCK = '/usr/share/dbus-1'


def connect(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    return Client(sock).auth().hello()


class Program:
    """A daemon with a file and arguments of the test's own."""

    def __init__(self, daemon, build, folder):
        self.binary = bus_module.binary(daemon, build)
        self.folder = folder
        self.processes = []
        self.pids = []

    def write(self, body, name='test.conf'):
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(
            f'{bus_module.CONFIG.split("<busconfig>")[0]}<busconfig>{body}</busconfig>')
        return str(self.folder / name)

    def start(self, *arguments, env=None, **options):
        process = subprocess.Popen(
            [self.binary, *arguments], cwd=self.folder, stdout=subprocess.PIPE,
            stderr=open(self.folder / 'stderr', 'wb'),
            env=bus_module.sanitizer_environment(self.folder, env), **options)
        self.processes.append(process)
        return process

    def run(self, *arguments):
        return subprocess.run([self.binary, *arguments], cwd=self.folder, capture_output=True,
                              text=True, timeout=PATIENCE,
                              env=bus_module.sanitizer_environment(self.folder))

    def serve(self, body, *arguments, **options):
        """Started with this configuration and listening: its printed address."""
        body = f'<listen>unix:path={self.folder}/bus</listen>{body}'
        process = self.start('--config-file', self.write(body), '--print-address', '--nofork',
                             *arguments, **options)
        return bus_module.read_line(process.stdout.fileno(), process).strip()

    def refuses(self, body):
        """It does not start, and says where and why."""
        result = self.run('--config-file', self.write(
            f'<listen>unix:path={self.folder}/bus</listen>\n{body}'), '--nofork')
        assert 0 < result.returncode < 99, result
        assert not (self.folder / 'bus').exists()
        return result.stderr

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=PATIENCE)
        for pid in self.pids:
            os.kill(pid, signal.SIGTERM)


@pytest.fixture
def program(daemon, build, tmp_path):
    program = Program(daemon, build, tmp_path)
    yield program
    program.end()


# --- elements ---

def test_all_elements_at_once(program, tmp_path):
    program.serve(f'''<type>custom</type><keep_umask/><auth>EXTERNAL</auth>
      <pidfile>{tmp_path}/pid</pidfile><servicedir>{tmp_path}/services</servicedir>
      <standard_session_servicedirs/><standard_system_servicedirs/>
      <servicehelper>/nonexistent/helper</servicehelper>
      <selinux><associate own="a.b" context="c"/></selinux><apparmor mode="disabled"/>
      <include ignore_missing="yes">/nonexistent/file</include>
      <include if_selinux_enabled="yes" selinux_root_relative="yes">contexts/dbus_contexts</include>
      <includedir>/nonexistent/directory</includedir>{POLICY}''')
    connect(f'{tmp_path}/bus').close()


@pytest.mark.parametrize('body', [
    '<nonsense/>', '<policy/>', '<policy context="x"/>', '<policy context="default" user="root"/>',
    '<policy at_console="maybe"/>', '<policy context="default"><nonsense/></policy>',
    '<policy context="default"><allow/></policy>',
    '<policy context="default"><allow nonsense="x"/></policy>',
    '<policy context="default"><allow own="a.b" send_path="/"/></policy>',
    '<policy context="default"><allow own="a.b" user="root"/></policy>',
    '<policy context="default"><allow send_path="/" receive_path="/"/></policy>',
    '<policy context="default"><allow send_member="M"/></policy>',
    '<policy context="default"><allow send_error="a.E" send_interface="a.I"/></policy>',
    '<policy context="default"><allow send_type="x"/></policy>',
    '<policy context="default"><allow send_broadcast="x"/></policy>',
    '<policy context="default"><allow send_broadcast="true" send_destination="a.b"/></policy>',
    '<policy context="default"><allow send_destination="a.b" '
    'send_destination_prefix="a"/></policy>',
    '<policy context="default"><allow send_requested_reply="x"/></policy>',
    '<policy context="default"><allow send_path="/" eavesdrop="x"/></policy>',
    '<policy context="default"><allow send_path="/" min_fds="x"/></policy>',
    '<policy context="default"><allow min_fds="1"/></policy>',
    '<policy user="root"><allow user="root"/></policy>',
    '<policy group="root"><allow group="root"/></policy>',
    '<allow own="a.b"/>', '<limit name="x">1</limit>', '<limit name="max_message_size"/>',
    '<limit name="max_message_size">-1</limit>', '<user/>', '<listen/>', '<type><type>x</type></type>',
    '<include ignore_missing="maybe">/x</include>', '<include>/nonexistent/file</include>',
    '<include nonsense="yes">/x</include>', '<apparmor mode="nonsense"/>', '<fork x="y"/>',
    '<busconfig/>', 'text',
])
def test_what_is_wrong_keeps_it_from_starting(program, daemon, body):
    said = program.refuses(body)
    if bus_module.DAEMONS[daemon].tidy:
        assert re.search(r'test\.conf:\d+: ', said), said


def test_the_line_and_the_file_that_are_wrong(program, daemon, tmp_path):
    program.write('\n\n<nonsense/>', 'inner.conf')
    said = program.refuses('<include>inner.conf</include>')
    if bus_module.DAEMONS[daemon].tidy:
        line = (tmp_path / 'inner.conf').read_text().count('\n') + 1
        assert f'{tmp_path}/inner.conf:{line}: ' in said


@pytest.mark.parametrize('inner', ['nobody-wrote.conf', '.', 'inner.conf'])
def test_a_file_that_cannot_be_read_is_told_by_who_asks_for_it(program, daemon, tmp_path, inner):
    program.write(f'\n\n<include>{inner}</include>', 'inner.conf')
    said = program.refuses('<include>inner.conf</include>')
    if bus_module.DAEMONS[daemon].tidy:
        line = (tmp_path / 'inner.conf').read_text().count('\n') + 1
        assert f'{tmp_path}/inner.conf:{line}: {tmp_path}/{inner}: ' in said


# --- includes ---

def test_includes_are_relative_to_the_file(program, tmp_path):
    program.write(POLICY, 'below/policy.conf')
    program.write('<include>policy.conf</include>', 'below/include.conf')
    program.serve('<include>below/include.conf</include>')
    assert connect(f'{tmp_path}/bus').own('a.b') == 1


@pytest.mark.parametrize('how', ['self', 'other', 'link'])
def test_a_circle_of_includes_is_an_error(program, daemon, tmp_path, how):
    if how == 'self':
        program.write('<include>a.conf</include>', 'a.conf')
    else:
        program.write('<include>b.conf</include>', 'a.conf')
        program.write('<include>a.conf</include>', 'b.conf')
    if how == 'link':
        if not bus_module.DAEMONS[daemon].tidy:
            return  # it compares names
        os.symlink(tmp_path / 'a.conf', tmp_path / 'c.conf')
        program.write('<include>c.conf</include>', 'b.conf')
    assert program.refuses('<include>a.conf</include>')


def test_a_file_may_be_included_twice(program, tmp_path):
    program.write('<limit name="auth_timeout">30000</limit>', 'a.conf')
    program.serve(f'<include>a.conf</include><include>a.conf</include>{POLICY}')
    connect(f'{tmp_path}/bus').sync()


def test_a_directory_of_files(program, tmp_path):
    program.write('<policy context="default"><deny own="a.b"/></policy>', 'd/b.conf')
    program.write('<nonsense/>', 'd/ignored.txt')
    program.serve(f'{POLICY}<includedir>d</includedir>')
    client = connect(f'{tmp_path}/bus')
    assert client.own('a.c') == 1
    assert client.refusal('RequestName', 'su', 'a.b', 0).name == ERR + 'AccessDenied'


def test_a_broken_file_in_a_directory_is_left_out_as_a_whole(program, tmp_path):
    program.write('<policy context="default"><deny own="a.b"/></policy><nonsense/>', 'd/b.conf')
    program.serve(f'{POLICY}<includedir>d</includedir>')
    assert connect(f'{tmp_path}/bus').own('a.b') == 1


@pytest.mark.parametrize('name', ['session', 'system'])
def test_the_configurations_of_the_distribution(program, tmp_path, name):
    process = program.start(f'--config-file={STOCK}/{name}.conf', '--nofork', '--nopidfile',
                            f'--address=unix:path={tmp_path}/bus', '--print-address')
    assert bus_module.read_line(process.stdout.fileno(), process)
    client, other = connect(f'{tmp_path}/bus'), connect(f'{tmp_path}/bus')
    assert BUS in client.bus('ListNames')
    if name == 'session':
        assert client.own('a.b') == 1
        echo_once(other, client, 'a.b')
        return
    assert client.refusal('RequestName', 'su', 'a.b', 0).name == ERR + 'AccessDenied'
    with pytest.raises(Refused, match='Rejected send message'):
        other.call(client.name, '/p', 'x.I', 'M')
    with pytest.raises(Refused, match='Rejected send message'):
        other.call(BUS, BUS_PATH, 'org.freedesktop.systemd1.Other', 'M')
    client.match("type='signal',interface='x.I'")
    other.send(wire.signal('/s', 'x.I', 'S'))
    assert client.take_signal('S').sender == other.name


# --- where it listens ---

@pytest.mark.parametrize('form', ['dir', 'tmpdir'])
def test_a_socket_in_a_directory(program, tmp_path, form):
    config = program.write(f'<listen>unix:{form}={tmp_path}</listen>{POLICY}')
    printed = []
    for _ in range(2):
        process = program.start('--config-file', config, '--print-address', '--nofork')
        printed.append(bus_module.read_line(process.stdout.fileno(), process))
    names = [re.match(r'unix:(path|abstract)=([^,]*),guid=', text) for text in printed]
    assert names[0][2] != names[1][2] and names[0][2].startswith(f'{tmp_path}/dbus-')
    connect(('\0' if names[0][1] == 'abstract' else '') + names[0][2]).sync()


def test_a_drawn_name_is_no_new_address(program, tmp_path, daemon):
    """Another one counts from the next start, and that is said; names are drawn at each reading."""
    config = program.write(f'<listen>unix:tmpdir={tmp_path}</listen>{POLICY}')
    process = program.start('--config-file', config, '--print-address', '--nofork')
    line = bus_module.read_line(process.stdout.fileno(), process)
    kind, name = re.match(r'unix:(path|abstract)=([^,]*),guid=', line).groups()
    client = connect(('\0' if kind == 'abstract' else '') + name)
    client.bus('ReloadConfig')
    client.sync()
    log = tmp_path / 'stderr'
    assert 'other addresses' not in log.read_text()
    (tmp_path / 'below').mkdir()
    program.write(f'<listen>unix:tmpdir={tmp_path}/below</listen>{POLICY}')
    client.bus('ReloadConfig')
    if daemon == 'xcp-busd':
        assert 'other addresses' in log.read_text()


def test_a_socket_in_the_runtime_directory(program, tmp_path):
    config = program.write(f'<listen>unix:runtime=yes</listen>{POLICY}')
    process = program.start('--config-file', config, '--print-address', '--nofork',
                            env={'XDG_RUNTIME_DIR': str(tmp_path)})
    assert f'unix:path={tmp_path}/bus,' in bus_module.read_line(process.stdout.fileno(), process)
    connect(f'{tmp_path}/bus').sync()


def test_an_abstract_socket(program, tmp_path):
    config = program.write(f'<listen>unix:abstract={tmp_path}/bus</listen>{POLICY}')
    process = program.start('--config-file', config, '--print-address', '--nofork')
    assert 'unix:abstract=' in bus_module.read_line(process.stdout.fileno(), process)
    connect(f'\0{tmp_path}/bus').sync()


def test_a_socket_of_systemd(program, tmp_path):
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f'{tmp_path}/passed')
    listening.listen()
    config = program.write(f'<listen>unix:path={tmp_path}/file</listen>{POLICY}')
    # A shell, because LISTEN_PID has to be right when the daemon begins.
    script = 'exec 3<&$1 && export LISTEN_FDS=1 LISTEN_PID=$$ && shift && exec "$@"'
    process = subprocess.Popen(
        ['bash', '-c', script, 'bash', str(listening.fileno()), program.binary, '--config-file',
         config, '--address=systemd:', '--nofork', '--nopidfile', '--print-address'],
        stdout=subprocess.PIPE, pass_fds=[listening.fileno()], cwd=tmp_path,
        env=bus_module.sanitizer_environment(tmp_path))
    program.processes.append(process)
    line = bus_module.read_line(process.stdout.fileno(), process)
    listening.close()
    assert f'{tmp_path}/passed,guid=' in line
    connect(f'{tmp_path}/passed').sync()
    process.terminate()
    process.wait(PATIENCE)
    assert (tmp_path / 'passed').exists()  # it is systemd's


# --- the command line ---

def test_the_file_is_read_before_the_address_is_printed(program, tmp_path):
    program.serve(POLICY)
    (tmp_path / 'test.conf').unlink()
    connect(f'{tmp_path}/bus').sync()


@pytest.mark.parametrize('how', ['option', 'element'])
def test_into_the_background(program, tmp_path, how):
    body = f'<listen>unix:path={tmp_path}/bus</listen>{POLICY}'
    config = program.write(('<fork/>' if how == 'element' else '') + body)
    result = program.run('--config-file', config, '--print-pid', '--print-address',
                         *(['--fork'] if how == 'option' else []))
    assert result.returncode == 0, result
    program.pids.append(int(re.search(r'^(\d+)$', result.stdout, re.M)[1]))
    connect(f'{tmp_path}/bus').sync()


def test_nofork_has_the_last_word(program, tmp_path):
    program.serve(f'<fork/>{POLICY}')
    assert program.processes[0].poll() is None
    connect(f'{tmp_path}/bus').sync()


def test_a_failure_in_the_background_is_seen_in_front(program):
    config = program.write(f'<listen>unix:path=/nonexistent/bus</listen>{POLICY}')
    result = program.run('--config-file', config, '--fork', '--print-pid')
    assert result.returncode > 0 and result.stderr


def test_no_pidfile(program, tmp_path):
    program.serve(f'<pidfile>{tmp_path}/pid</pidfile>{POLICY}', '--nopidfile')
    connect(f'{tmp_path}/bus').sync()
    assert not (tmp_path / 'pid').exists()


@pytest.mark.parametrize('option', ['--syslog', '--nosyslog', '--syslog-only'])
def test_options_for_the_log(program, tmp_path, option):
    program.serve(f'<syslog/>{POLICY}', option)
    connect(f'{tmp_path}/bus').sync()


def test_two_configurations_are_one_too_many(program):
    config = program.write(POLICY)
    for arguments in (['--config-file', config, '--session'], ['--session', '--system'],
                      ['--config-file', config, '--config-file', config]):
        result = program.run(*arguments, '--nofork')
        assert result.returncode > 0 and result.stderr


def test_values_behind_an_equals_sign_or_a_space(program, tmp_path):
    address, pid = os.pipe(), os.pipe()
    config = program.write(f'<listen>unix:path={tmp_path}/file</listen>{POLICY}')
    program.start('--config-file', config, '--address', f'unix:path={tmp_path}/a', '--nofork',
                  '--print-address', str(address[1]), f'--print-pid={pid[1]}',
                  pass_fds=[address[1], pid[1]])
    os.close(address[1])
    os.close(pid[1])
    with os.fdopen(address[0]) as pipe:
        assert pipe.readline().startswith(f'unix:path={tmp_path}/a,')
    with os.fdopen(pid[0]) as pipe:
        assert int(pipe.readline()) == program.processes[0].pid


def test_interfaces_on_paper(program):
    result = program.run('--introspect')
    assert result.returncode == 0
    assert f'<interface name="{BUS}">' in result.stdout and '"RequestName"' in result.stdout


# --- limits ---

@pytest.mark.parametrize('limit, member, arguments', [
    ('max_names_per_connection', 'RequestName', lambda n: ('su', f'a.n{n}', 0)),
    ('max_match_rules_per_connection', 'AddMatch', lambda n: ('s', f"member='M{n}'")),
])
def test_limits_of_one_connection(start_bus, limit, member, arguments):
    bus = start_bus(limits={limit: 3})
    first, second = bus.connect(), bus.connect()
    # dbus-daemon counts the unique name as well.
    granted = 0
    while granted < 4:
        try:
            first.bus(member, *arguments(granted))
        except Refused as refused:
            assert refused.name == ERR + 'LimitsExceeded' and limit in refused.text
            break
        granted += 1
    assert granted in (2, 3)
    second.bus(member, *arguments(99))


def test_limit_of_replies_of_one_connection(start_bus):
    bus = start_bus(limits={'max_replies_per_connection': 3})
    caller, other, service = bus.connect(), bus.connect(), bus.connect()
    serials = [caller.send(wire.call(service.name, '/p', 'x.I', 'M')) for _ in range(4)]
    assert caller.take_reply(serials[3]).error_name == ERR + 'LimitsExceeded'
    echo_once(other, service)


@pytest.mark.parametrize('limit', ['max_completed_connections', 'max_connections_per_user'])
def test_one_connection_too_many_is_told_so(start_bus, limit):
    bus = start_bus(limits={limit: 2})
    innocents = bus.innocents()
    with pytest.raises(Refused) as refused:
        bus.connect()
    assert refused.value.name == ERR + 'LimitsExceeded'
    echo_once(*innocents)


def test_limits_can_be_changed(start_bus):
    bus = start_bus(limits={'max_match_rules_per_connection': 1})
    client = bus.connect().match("member='A'")
    assert client.refusal('AddMatch', 's', "member='B'").name == ERR + 'LimitsExceeded'
    bus.configure(limits={'max_match_rules_per_connection': 2})
    client.bus('ReloadConfig')
    client.match("member='B'")
    bus.configure(limits={'max_match_rules_per_connection': 1})
    client.bus('ReloadConfig')
    assert client.refusal('AddMatch', 's', "member='C'").name == ERR + 'LimitsExceeded'
    client.unmatch("member='A'")
