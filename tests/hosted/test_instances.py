# SPDX-License-Identifier: LGPL-2.1-or-later
"""hx start and stop, command lines that make no sense, users without privileges."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

import instance as instance_module

NOBODY = 65534


def hx(build, *arguments, dir=None, **environment):
    if dir:
        environment['HX_DIR'] = str(dir)
    return subprocess.run([str(Path(build, 'hosted-xen', 'hx')), *arguments], text=True,
                          env={**os.environ, **environment}, capture_output=True,
                          timeout=instance_module.PATIENCE)


def check_echo(xen, domid):
    path = f'/local/domain/{domid}/data/ring'
    server = xen.echo(domid, 'server', 0, path, 65536, 65536)
    assert server.line().startswith('offered ')
    client = xen.echo(0, 'client', domid, path, 20, 50000)
    client.expect('connected')
    client.expect('ok 20 50000')
    server.expect('connected')
    server.expect('closed')


def test_instances_live_side_by_side(start):
    one, two = start(), start('--xenstored=ocaml')
    assert one.create('guest') == two.create('guest') == 1
    one.run(1, 'xenstore-write', 'data/who', 'one')
    two.run(1, 'xenstore-write', 'data/who', 'two')
    assert one.run(0, 'xenstore-read', '/local/domain/1/data/who') == 'one\n'
    assert two.run(0, 'xenstore-read', '/local/domain/1/data/who') == 'two\n'
    check_echo(one, 1)
    check_echo(two, 1)
    stays = two.popen(1, 'cat', stdin=subprocess.PIPE)
    one.hx('destroy', 'guest')
    two.hx('list')
    assert stays.process.poll() is None


def test_a_second_start_is_refused(xen):
    assert 'already running' in xen.refuses('start')
    xen.hx('list')


def test_stop_ends_everything(build, tmp_path):
    xen = instance_module.Instance(build)
    xen.create('guest')
    programs = [xen.popen(domid, 'sh', '-c', 'echo here; exec sleep 1000') for domid in (0, 1)]
    for program in programs:
        program.expect('here')
    pids = [xen.state()['hxd']['pid'], xen.state()['xenstored']['pid']]
    xen.hx('stop')
    for program in programs:
        assert program.wait() == -signal.SIGKILL
    xen.wait_gone(*pids)
    assert not os.path.exists(xen.dir)
    assert 'no instance runs' in xen.refuses('stop')
    assert 'no instance runs' in xen.refuses('list')


def test_a_killed_instance_can_be_cleared_away_or_started_again(build):
    for verb in 'stop', 'start':
        xen = instance_module.Instance(build)
        state = xen.state()
        os.kill(state['hxd']['pid'], signal.SIGKILL)
        xen.wait_gone(state['hxd']['pid'], state['xenstored']['pid'])  # the one ends the other
        xen.hx(verb)
        if verb == 'start':
            xen.stop()


def test_the_end_of_xenstored_is_the_end(build):
    xen = instance_module.Instance(build)
    state = xen.state()
    os.kill(state['xenstored']['pid'], signal.SIGKILL)
    xen.wait_gone(state['hxd']['pid'])
    assert 'xenstored was killed by signal 9' in xen.log()
    assert 'no instance runs' in xen.refuses('list')
    xen.hx('stop')


def test_a_directory_that_is_not_ours_is_left_alone(build, tmp_path):
    (tmp_path / 'precious').write_text('data')
    for verb in 'start', 'stop':
        result = hx(build, verb, dir=tmp_path)
        assert result.returncode == 1 and result.stderr.startswith('hx: ')
    assert (tmp_path / 'precious').read_text() == 'data'


def test_a_directory_may_have_a_long_name_but_not_too_long(build, tmp_path):
    result = hx(build, 'start', dir=tmp_path / ('x' * 100))
    assert result.returncode == 1 and 'too long' in result.stderr


@pytest.mark.parametrize('arguments', [
    [], ['frobnicate'], ['start', '--xenstored=rust'], ['start', 'now'], ['create'],
    ['create', 'a b'], ['create', ''], ['create', '17'], ['create', 'dom0'], ['create', 'x' * 64],
    ['create', 'a', 'b'], ['create', 'a', '--domid=0'], ['create', 'a', '--domid=40000'],
    ['create', 'a', '--domid=1x'], ['create', 'a', '--uuid=1234'],
    ['create', 'a', '--uuid=' + 'g' * 36], ['create', 'a', '--store', 'novalue'],
    ['create', 'a', '--store', '/abs=1'], ['create', 'a', '--store'],
    ['create', 'a', '--colour=red'], ['destroy'], ['destroy', 'a', 'b'], ['run'], ['run', '0'],
    ['pause'], ['list', '--xml'], ['state', 'x'], ['suspend'], ['shutdown'], ['stop', 'now']])
def test_a_bad_command_line_is_refused_with_a_sentence(build, tmp_path, arguments):
    result = hx(build, *arguments, dir=tmp_path)
    assert result.returncode == 2, result
    assert result.stderr.startswith('hx: ') and not result.stdout


def test_unknown_domains_are_named(xen):
    for verb in 'destroy', 'pause', 'unpause', 'suspend', 'shutdown':
        assert '"nobody"' in xen.refuses(verb, 'nobody')
        assert '"77"' in xen.refuses(verb, '77')
        assert '"99999999999"' in xen.refuses(verb, '99999999999')
    assert '"nobody"' in xen.refuses('run', 'nobody', 'true')


def test_names_and_numbers_are_unique(xen):
    xen.create('guest', '--domid=3')
    assert 'already' in xen.refuses('create', 'guest')
    assert 'already' in xen.refuses('create', 'other', '--domid=3')


def test_run_passes_the_status_and_the_environment_on(xen):
    domid = xen.create('guest')
    assert xen.call('run', 'guest', 'sh', '-c', 'exit 42').returncode == 42
    assert xen.run('guest', 'sh', '-c', 'echo $HX_DOMID') == f'{domid}\n'
    assert xen.run('dom0', '--', 'sh', '-c', 'echo $HX_DOMID') == '0\n'
    assert xen.call('run', 'guest', '/no/such/program').returncode == 127


def test_a_directory_may_be_called_by_other_names(build, tmp_path):
    (tmp_path / 'link').symlink_to(tmp_path)
    assert hx(build, 'start', dir=f'{tmp_path}/x/').returncode == 0
    assert hx(build, 'create', 'guest', dir=f'{tmp_path}//link/x').stdout == '1\n'
    sleeper = subprocess.Popen([f'{build}/hosted-xen/hx', 'run', 'guest', 'sh', '-c',
                                'echo here; exec sleep 1000'], cwd=tmp_path,
                               env={**os.environ, 'HX_DIR': 'x'}, stdout=subprocess.PIPE)
    assert sleeper.stdout.readline() == b'here\n'
    assert hx(build, 'stop', dir=tmp_path / 'x').returncode == 0
    assert sleeper.wait(instance_module.PATIENCE) == -signal.SIGKILL
    sleeper.stdout.close()


def test_a_missing_xenstored_is_named(build, tmp_path):
    result = hx(build, 'start', '--xenstored=/no/xenstored', dir=tmp_path)
    assert result.returncode == 1 and '/no/xenstored' in result.stderr
    result = hx(build, 'start', '--xenstored=/bin/false', dir=tmp_path / 'x')
    assert result.returncode == 1 and 'did not start' in result.stderr
    assert not (tmp_path / 'x').exists()


def test_help_names_every_command(build):
    result = hx(build, '--help')
    assert result.returncode == 0
    for verb in ('start', 'stop', 'create', 'destroy', 'shutdown', 'pause', 'unpause', 'suspend',
                 'run', 'list', 'state', 'fault'):
        assert f'  hx {verb} ' in result.stdout
    assert hx(build, 'create', '--help').returncode == 0


def test_without_hx_the_libraries_say_that_there_is_no_xen(build):
    environment = {key: value for key, value in os.environ.items() if not key.startswith('HX_')}
    environment['LD_LIBRARY_PATH'] = str(Path(build, 'hosted-xen', 'lib'))
    result = subprocess.run([str(Path(build, 'tests', 'hosted', 'xen-shell'))], text=True,
                            env=environment, capture_output=True, stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stdout) == (1, 'error ENOENT\n')


@pytest.fixture
def as_nobody(build):
    """A place, a copy of the programs and a way to run them for a user without privileges."""
    if os.geteuid() != 0:
        yield build, [], None  # we are such a user ourselves
        return
    top = tempfile.mkdtemp(prefix='hx')
    for part in 'hosted-xen', 'tests/hosted':
        shutil.copytree(Path(build, part), Path(top, 'build', part))
    os.makedirs(f'{top}/run')
    os.chmod(top, 0o755)
    os.chown(f'{top}/run', NOBODY, NOBODY)
    wrap = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups',
            '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs']
    yield f'{top}/build', wrap, f'{top}/run'
    shutil.rmtree(top)


@pytest.mark.parametrize('kind', ['c', 'ocaml'])
def test_everything_works_without_privileges(as_nobody, start, kind):
    build, wrap, parent = as_nobody
    xen = start(f'--xenstored={kind}', build=build, wrap=wrap, parent=parent)
    domid = xen.create('guest')
    xen.settles(xen.books())
    check_echo(xen, domid)
    sleeper = xen.popen(domid, 'sh', '-c', 'echo here; exec sleep 1000')
    sleeper.expect('here')
    xen.hx('pause', 'guest')
    xen.hx('unpause', 'guest')
    xen.hx('suspend', 'guest')
    xen.hx('destroy', 'guest')
    assert sleeper.wait() == -signal.SIGKILL
    assert xen.create('again', f'--domid={domid}') == domid


def test_hxd_survives_a_lack_of_file_descriptors(xen):
    """It refuses, it does not spin and it does not end."""
    guest = xen.create('guest')
    pid = xen.state()['hxd']['pid']
    limit = xen.state()['hxd']['fds'] + 20
    subprocess.run(['prlimit', f'--pid={pid}', f'--nofile={limit}:'], check=True)
    sockets = []
    for _ in range(40):
        sockets.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        sockets[-1].connect(f'{xen.dir}/dom{guest}/device')
    xen.wait_until(lambda: 'out of file descriptors' in xen.log(), 'there are enough')
    for sock in sockets:
        sock.close()
    check_echo(xen, guest)
