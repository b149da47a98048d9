# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples: what scripts/demo shows is true, whatever the times are."""
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / 'examples'
sys.path.insert(0, str(EXAMPLES))

import chain as chain_module  # noqa: E402

PATIENCE = 60
XENOPSD, SQUEEZED = 'org.xen.xcp.xenopsd1', 'org.xen.xcp.squeezed1'
STORAGE, TASK = 'org.xen.xcp.storage1', 'org.xen.xcp.Task1'


@pytest.fixture
def host(build):
    with chain_module.Host(build) as host:
        yield host


@pytest.fixture
def chain(host):
    return chain_module.Chain(host)


def calls(events):
    return [event.member for event in events if event.kind == 'call']


def signals(events):
    return [event.text for event in events if event.kind == 'signal']


def test_a_start_takes_these_steps_in_this_order(host, chain):
    status, events = chain.run('vm-1,1024')
    assert status == 0
    # By whom they were made: between those of different callers only the times decide.
    assert [name for name in calls(events) if name.startswith(XENOPSD)] == [
        f'{XENOPSD}.VM.Add', f'{XENOPSD}.VBD.Add', f'{XENOPSD}.VM.Start']
    assert [name for name in calls(events) if not name.startswith(XENOPSD)] == [
        f'{SQUEEZED}.ReserveMemoryRange', f'{SQUEEZED}.TransferReservationToDomain',
        f'{STORAGE}.VDI.Attach3', f'{STORAGE}.VDI.Activate3']
    assert signals(events) == [
        'task-1:  25 % memory reserved', 'task-1:  50 % memory handed over',
        'task-1:  75 % disk attached', 'task-1: 100 % disk activated',
        'task-1: Completed, domain 101']


def test_both_ends_of_each_call_are_where_they_should_be(host, chain):
    status, events = chain.run('vm-1,1024')
    assert status == 0
    where = {XENOPSD: (host.domids['xapi'], 0), SQUEEZED: (0, host.domids['squeezed']),
             STORAGE: (0, host.domids['storage']), TASK: (0, host.domids['xapi'])}
    for event in events:
        (service,) = [name for name in where if event.member.startswith(name + '.')]
        assert event.domains == where[service], event


def test_the_storage_service_moves_and_nobody_notices(host, chain):
    """To a program on another library, behind the agent, and to dom0."""
    others = [chain.xenopsd, chain.squeezed, host.busd]
    seen = []
    for place in 'storage', 'other', 'dom0':
        if place != 'storage':
            chain.move_storage(place)
        status, events = chain.run(f'vm-{place},1024')
        assert status == 0
        seen.append(sorted(calls(events)))
        places = {event.domains for event in events if event.member.startswith(STORAGE)}
        assert places == {(0, host.domids[place])}
    assert seen[0] == seen[1] == seen[2]
    assert all(program.process.poll() is None for program in others), 'one was restarted'


def test_nobody_waits_for_a_start_that_takes_long(chain):
    status, events = chain.run('large,12288', 'small,512', 'tiny,256')
    assert status == 0
    tasks = {event.text.split(': ')[1]: event.text.split(': ')[0]
             for event in events if event.member.endswith('.VM.Start')}
    finished = [event.text.split(': ')[0] for event in events if event.member.endswith('.Finished')]
    assert finished[-1] == tasks['large'] and len(finished) == 3
    large = next(event for event in events if event.text.startswith(f'{tasks["large"]}: 12288 MiB'))
    starts = [event for event in events if event.member.endswith('.VM.Start')]
    assert all(start.time_us < large.time_us for start in starts)


def test_a_vm_that_is_too_large_fails_alone(chain):
    status, events = chain.run('huge,999999', 'small,512')
    assert status == 1
    ends = sorted(event.text.split(': ', 1)[1].split(',')[0]
                  for event in events if event.member.endswith('.Finished'))
    assert ends == ['Completed', 'Failed']
    assert any('CannotFreeThisMuchMemory' in text for text in signals(events))


def test_without_a_storage_service_the_start_fails_at_once(chain):
    chain.storage.stop()
    status, events = chain.run('vm-1,512')
    assert status == 1
    assert 'org.freedesktop.DBus.Error.ServiceUnknown' in signals(events)[-1]


def test_a_squeezed_that_comes_back_is_found_again(host, chain):
    chain.squeezed.stop()
    status, events = chain.run('vm-1,512')
    assert status == 1
    logins = len([e for e in chain.xenopsd.events() if e.member.endswith('.Login')])
    host.start('squeezed', 'squeezed').wait_ready()
    while len([e for e in chain.xenopsd.events() if e.member.endswith('.Login')]) == logins:
        assert chain.xenopsd.read_line() is not None
    status, events = chain.run('vm-1,512')
    assert status == 0


def task_property(host, task, name):
    return host.busctl('get-property', XENOPSD, f'/org/xen/xcp/xenopsd1/task/{task}', TASK, name)


def test_a_task_can_be_looked_at_and_destroyed(host, chain):
    status, _ = chain.run('huge,999999')
    assert status == 1
    assert task_property(host, 1, 'State') == 's "Failed"'
    assert task_property(host, 1, 'Cancellable') == 'b false'
    assert task_property(host, 1, 'DebugInfo') == 's "xapi"'
    assert f'"error" s "{SQUEEZED}.Error.CannotFreeThisMuchMemory"' in task_property(
        host, 1, 'Error')
    assert task_property(host, 1, 'Result') == 'av 0'
    host.busctl('call', XENOPSD, '/org/xen/xcp/xenopsd1/task/1', TASK, 'Destroy')
    with pytest.raises(chain_module.Trouble):
        task_property(host, 1, 'State')


def test_a_task_is_cancelled_at_its_next_step(host, chain):
    """For as long as squeezed takes memory from others there is none."""
    xapi = chain_module.Program(host, 'xapi', host.build / 'examples/xapi', 'large,12288',
                                env={'XCP_BUS_ADDRESS': 'vchan:domain=0'})
    while not any(event.member.endswith('.VM.Start') for event in xapi.events()):
        assert xapi.read_line() is not None
    host.busctl('call', XENOPSD, '/org/xen/xcp/xenopsd1/task/1', TASK, 'Cancel')
    assert xapi.wait() == 1
    assert f'Failed, {XENOPSD}.Error.Cancelled' in signals(xapi.events())[-1]


def test_hello_in_two_domains(host):
    host.create('one', own='org.xen.xcp.hello1')
    host.create('two')
    service = host.start('one', 'hello-service')
    assert service.read_line() == 'org.xen.xcp.hello1 is at your service, as :1.1'
    client = host.start('two', 'hello-client')
    assert client.read_line() == 'Hello world (:2.2), this is :1.1'
    assert client.wait() == 0


def test_hello_needs_the_name_and_the_service(host):
    host.create('one')
    service = host.start('one', 'hello-service')
    assert service.wait() == 1
    assert 'org.xen.xcp.hello1' in service.log.read_text()
    client = host.start('one', 'hello-client')
    assert client.wait() == 1
    assert 'ServiceUnknown' in client.log.read_text()


def test_the_demo_as_people_run_it(build):
    with tempfile.TemporaryDirectory(prefix='t-', dir='/tmp') as folder:
        result = subprocess.run([EXAMPLES / 'demo.py', f'--build={build}'], text=True,
                                capture_output=True, timeout=3 * PATIENCE,
                                env={**os.environ, 'TMPDIR': folder})
        assert result.returncode == 0, result.stdout + result.stderr
        assert os.listdir(folder) == [], 'it has left something behind'
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if '"Completed, domain' in line]) == 2
    assert re.search(r'owner was :3\.\d+, is :4\.\d+ \(domain 4\)', result.stdout)
    assert re.search(r'owner is :0\.\d+ \(dom0\)', result.stdout)
    assert lines[-1] == 'All has ended and is cleaned up.'


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_cleans_up(build, how):
    with tempfile.TemporaryDirectory(prefix='t-', dir='/tmp') as folder:
        with subprocess.Popen([EXAMPLES / 'demo.py', f'--build={build}'], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True,
                              env={**os.environ, 'TMPDIR': folder,
                                   'PYTHONUNBUFFERED': '1'}) as demo:
            while '2. xapi starts a VM' not in demo.stdout.readline():
                assert demo.poll() is None
            demo.send_signal(how)
            _, errors = demo.communicate(timeout=PATIENCE)
        assert demo.returncode != 0 and 'Traceback' not in errors, errors
        assert os.listdir(folder) == []
