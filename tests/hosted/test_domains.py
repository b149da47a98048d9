# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of a domain: destroyed, shut down, paused, suspended; and its number used again."""
import signal

import pytest

from instance import Store


def hold_ring(xen, domid):
    """A ring from the guest to dom0, with a program at either end that does nothing."""
    path = f'/local/domain/{domid}/data/ring'
    server = xen.echo(domid, 'server', 0, path, 65536, 65536)
    assert server.line().startswith('offered ')
    client = xen.echo(0, 'hold', domid, path)
    client.expect('connected')
    client.expect('ok 1 100')
    server.expect('connected')
    return server, client


@pytest.mark.parametrize('kind', ['c', 'ocaml'])
def test_a_destroyed_domain_says_nothing_to_its_peers(start, kind):
    xen = start(f'--xenstored={kind}')
    domid = xen.create('guest')
    watch = xen.watch(0, '@releaseDomain')
    nodes = xen.watch(0, f'/local/domain/{domid}/data')
    server, client = hold_ring(xen, domid)
    xen.hx('destroy', 'guest')
    watch.expect('@releaseDomain')  # the only word there is
    assert server.wait() == -signal.SIGKILL
    assert xen.call('run', 0, 'xenstore-ls', f'/local/domain/{domid}').returncode != 0
    # It stays a zombie for as long as its pages are mapped, and nobody can run in it.
    assert xen.domain(domid)['state'] == 'dying'
    assert xen.domain(domid)['mapped_by'] == {'0': 33}
    assert 'dying' in xen.refuses('run', domid, 'true')
    assert 'no domain "guest"' in xen.refuses('run', 'guest', 'true')
    assert 'dying' in xen.refuses('destroy', domid)
    shell = xen.shell(0)
    assert shell.ask('info', domid).startswith(f'domid {domid} dying 1 ')
    client.process.kill()
    assert set(client.rest()) <= {'event'}  # from its round trip, but no 'closed'
    xen.wait_until(lambda: xen.domain(domid) is None, 'the zombie is still there')
    while not watch.silent():
        watch.expect('@releaseDomain')
    assert shell.ask('info', domid) == 'error ESRCH'
    nodes.end()


def test_everything_that_runs_in_a_destroyed_domain_is_killed(xen):
    domid = xen.create('guest')
    script = 'sleep 1000 & (setsid sleep 1000 & echo $!) ; echo $!; trap "" TERM; sleep 1000; :'
    shell = xen.popen(domid, 'sh', '-c', script)
    pids = [int(shell.line()), int(shell.line())]
    everything = {process['pid'] for process in xen.domain(domid)['processes']}
    assert everything >= {shell.pid, *pids}
    xen.hx('destroy', domid)
    assert shell.wait() == -signal.SIGKILL
    xen.wait_gone(*pids)


def test_a_process_is_a_domains_also_while_it_executes_something_else(xen, tmp_path):
    again = tmp_path / 'again'
    again.write_text('#!/bin/sh\nexec "$0"\n')  # in execve(2) nearly always
    again.chmod(0o755)
    domid = xen.create('guest')
    process = xen.popen(domid, str(again))
    xen.wait_until(lambda: xen.domain(domid)['processes'], 'it has not begun')
    for _ in range(100):
        assert [each['pid'] for each in xen.domain(domid)['processes']] == [process.pid]
    xen.hx('destroy', domid)
    assert process.wait() == -signal.SIGKILL


def test_a_domid_comes_back_as_another_domain(xen):
    shell = xen.shell(0)
    uuid = '01234567-89ab-4cde-8f01-23456789abcd'
    assert xen.create('first', '--domid=5', f'--uuid={uuid}') == 5
    assert shell.ask('info', 5).endswith(f'uuid {uuid}')
    xen.run('first', 'xenstore-write', 'data/left', 'behind')
    ring = xen.shell(5)
    port = ring.number('unbound', 0)
    theirs = shell.number('bind', 5, port)
    xen.hx('destroy', 'first')
    assert xen.create('second', '--domid=5') == 5
    assert not shell.ask('info', 5).endswith(f'uuid {uuid}')
    assert xen.call('run', 5, 'xenstore-exists', 'data/left').returncode != 0
    # A channel to the first is none to the second.
    again = xen.shell(5)
    assert again.number('unbound', 0) == port
    assert shell.ask('notify', theirs) == 'ok'
    assert again.ask('pending', 0) == 'nothing'


def test_a_domid_is_not_free_while_somebody_maps_its_pages(xen):
    assert xen.create('first', '--domid=5') == 5
    _, client = hold_ring(xen, 5)
    xen.hx('destroy', 5)
    assert 'still dying' in xen.refuses('create', 'second', '--domid=5')
    client.kill()
    assert xen.create('second', '--domid=5') == 5


def test_domids_are_not_used_again_of_themselves(xen):
    first = xen.create('first')
    xen.hx('destroy', first)
    assert xen.create('second') == first + 1


def test_a_paused_domain_does_nothing_until_it_goes_on(xen):
    domid = xen.create('guest')
    path = f'/local/domain/{domid}/data/ring'
    server = xen.echo(domid, 'server', 0, path, 4096, 4096)
    server.expect('offered 4096 4096')
    shell = xen.shell(0)
    xen.hx('pause', 'guest')
    assert xen.domain(domid)['state'] == 'paused'
    assert ' paused 1 ' in shell.ask('info', domid)
    with open(f'/proc/{server.pid}/stat') as stat:
        assert stat.read().rsplit(')', 1)[1].split()[0] == 'T'
    assert 'paused' in xen.refuses('run', domid, 'true')
    client = xen.echo(0, 'client', domid, path, 10, 10000)
    client.expect('connected')
    assert client.silent() and server.silent()
    xen.hx('unpause', 'guest')
    client.expect('ok 10 10000')
    server.expect('connected')
    server.expect('closed')
    assert xen.domain(domid)['state'] == 'running'


def test_xenstore_requests_of_a_paused_domain_wait(xen):
    domid = xen.create('guest')
    store = Store(xen, domid)
    assert store.ask(Store.READ, 'name') == b'guest'
    xen.hx('pause', domid)
    store.send(Store.READ, 'domid')
    assert xen.domain(domid)['xenbus_requests'] == 0
    xen.hx('unpause', domid)
    assert store.receive()[2] == str(domid).encode()
    store.close()


@pytest.mark.parametrize('kind', ['c', 'ocaml'])
def test_suspend_kills_every_channel_in_silence(start, kind):
    xen = start(f'--xenstored={kind}')
    domid = xen.create('guest')
    guest, dom0 = xen.shell(domid), xen.shell(0)
    port = guest.number('unbound', 0)
    ref = guest.number('share', 0, 1, 'w', 0, port)
    spare = guest.number('share', 0, 1, 'w')
    theirs = dom0.number('bind', domid, port)
    assert dom0.number('pending', 60000) == theirs
    dom0.ask('unmask', theirs)
    assert dom0.ask('map', domid, ref, 'w', 1, theirs) == 'mapped'
    for offset in 0, 1:
        guest.ask('poke', 0, offset, 1)
    xen.hx('suspend', 'guest')
    assert xen.domain(domid)['state'] == 'running'
    assert ' shutdown 0 ' in dom0.ask('info', domid)
    # Nobody was told; both ends go on, and neither reaches the other.
    assert guest.ask('notify', port) == 'ok'
    assert dom0.ask('notify', theirs) == 'ok'
    assert dom0.ask('pending', 0) == 'nothing'
    assert guest.ask('pending', 0) == 'nothing'
    assert dom0.ask('map', domid, spare, 'w') == 'error EINVAL'
    guest.kill()
    assert dom0.ask('pending', 0) == 'nothing'
    assert [dom0.number('peek', 0, offset) for offset in (0, 1)] == [1, 1]
    dom0.close()
    xen.wait_until(lambda: xen.domain(domid)['pages'] == 1, 'pages are left')
    # New channels are as good as ever.
    server, client = hold_ring(xen, domid)
    client.kill()
    server.expect('closed')


@pytest.mark.parametrize('kind', ['c', 'ocaml'])
def test_watches_fire_after_a_suspend(start, kind):
    xen = start(f'--xenstored={kind}')
    domid = xen.create('guest')
    watch = xen.watch(domid, 'domid')
    release = xen.watch(0, '@releaseDomain')
    xen.hx('suspend', domid)
    watch.expect('domid')
    release.expect('@releaseDomain')  # xenstored saw it shut down for a moment, as on Xen
    xen.run(0, 'xenstore-write', f'/local/domain/{domid}/domid', str(domid))
    watch.expect('domid')


def test_shutdown_lets_the_kernel_clean_up(xen):
    domid = xen.create('guest')
    watch = xen.watch(0, '@releaseDomain')
    server, client = hold_ring(xen, domid)
    xen.hx('shutdown', 'guest')
    assert server.wait() == -signal.SIGTERM
    while client.line() != 'closed':
        pass
    watch.expect('@releaseDomain')
    assert xen.domain(domid)['state'] == 'shutdown'
    assert 'shut down' in xen.refuses('run', domid, 'true')
    shell = xen.shell(0)
    assert f'domid {domid} dying 0 shutdown 1 reason 0' in shell.ask('info', domid)
    xen.hx('destroy', 'guest')
    xen.wait_until(lambda: xen.domain(domid) is None, 'it is still there')


def test_shutdown_does_not_wait_for_ever(xen):
    domid = xen.create('guest')
    shell = xen.popen(domid, 'python3', '-c',
                      'import signal, time; signal.signal(15, signal.SIG_IGN); '
                      'print("here", flush=True); time.sleep(1000)')
    shell.expect('here')
    xen.hx('shutdown', domid)
    assert shell.wait() == -signal.SIGKILL


def test_dom0_stays(xen):
    for verb in 'destroy', 'pause', 'unpause', 'suspend', 'shutdown':
        assert 'control domain' in xen.refuses(verb, 'dom0')
    assert xen.domain(0)['state'] == 'running'


def test_all_domains_are_listed(xen):
    for name in 'a', 'b', 'c':
        xen.create(name)
    xen.hx('destroy', 'b')
    xen.wait_until(lambda: xen.domain(2) is None, 'it is still there')
    shell = xen.shell(0)
    assert shell.ask('list') == 'domids 0 1 3'
    lines = xen.hx('list').splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [['0', 'Domain-0'], ['1', 'a'], ['3', 'c']]
