# SPDX-License-Identifier: LGPL-2.1-or-later
"""hx fault: each makes one thing go wrong, and `clear` makes all well again."""
import pytest

from instance import Store


@pytest.fixture
def guest(xen):
    return xen.create('guest')


def test_no_grant_pages_are_left(xen, guest):
    shell = xen.shell(guest)
    shell.number('share', 0, 5, 'w')
    xen.hx('fault', 'grants=0')
    assert shell.ask('share', 0, 1, 'w') == 'error ENOSPC'
    xen.hx('fault', 'grants=6')
    shell.number('share', 0, 1, 'w')
    assert shell.ask('share', 0, 1, 'w') == 'error ENOSPC'
    xen.hx('fault', 'clear')
    shell.number('share', 0, 1018, 'w')


def test_no_ports_are_left(xen, guest):
    shell = xen.shell(guest)
    port = shell.number('unbound', 0)
    xen.hx('fault', 'ports=1')
    assert shell.ask('unbound', 0) == 'error ENOSPC'
    assert shell.ask('unbind', port) == 'ok'
    shell.number('unbound', 0)
    xen.hx('fault', 'ports=0')
    assert shell.ask('unbound', 0) == 'error ENOSPC'
    assert 'No space left' in xen.refuses('create', 'later')  # dom0 has none for xenstored
    assert [domain['name'] for domain in xen.state()['domains']] == ['Domain-0', 'guest']
    xen.hx('fault', 'clear')
    shell.number('unbound', 0)
    later = xen.create('later')
    assert xen.run(later, 'xenstore-read', 'name') == 'later\n'


def test_a_fault_can_be_that_of_one_domain(xen, guest):
    other = xen.create('other')
    xen.hx('fault', '--domain=guest', 'grants=0')
    xen.hx('fault', f'--domain={guest}', 'ports=0')
    shell, free = xen.shell(guest), xen.shell(other)
    assert shell.ask('share', 0, 1, 'w') == 'error ENOSPC'
    assert shell.ask('unbound', 0) == 'error ENOSPC'
    free.number('share', 0, 1, 'w')
    free.number('unbound', 0)


def test_libxenvchan_survives_a_lack_of_ports(xen, guest):
    xen.hx('fault', 'ports=0')
    server = xen.echo(guest, 'server', 0, f'/local/domain/{guest}/data/ring', 65536, 65536)
    assert server.wait() == 1


def test_xenstored_can_be_stopped_and_continued(xen, guest):
    store, dom0 = Store(xen, guest), Store(xen, 0)
    xen.hx('fault', 'xenstored=stop')
    state = xen.state()
    assert state['xenstored']['state'] == 'stopped'
    assert state['xenstore_nodes'] is None
    store.send(store.READ, 'name')
    dom0.send(store.READ, f'/local/domain/{guest}/name')
    assert 'stopped' in xen.refuses('create', 'another')
    store.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        store.receive()
    xen.hx('fault', 'xenstored=cont')
    store.socket.settimeout(30)
    assert store.receive()[2] == b'guest'
    assert dom0.receive()[2] == b'guest'
    assert xen.state()['xenstored']['state'] == 'running'


def test_a_ring_goes_on_without_xenstored(xen, guest):
    path = f'/local/domain/{guest}/data/ring'
    server = xen.echo(guest, 'server', 0, path, 65536, 65536)
    assert server.line().startswith('offered ')
    client = xen.echo(0, 'hold', guest, path)
    client.expect('connected')
    client.expect('ok 1 100')
    xen.hx('fault', 'xenstored=stop')
    client.kill()
    server.expect('connected')
    server.expect('closed')
    xen.hx('fault', 'clear')
    assert server.wait() == 0  # libxenvchan_close() asks xenstored


def test_a_slow_xenstored_answers_in_the_end(xen, guest):
    xen.hx('fault', 'xenstored=slow:50')
    assert xen.state()['xenstored']['state'] == 'slow'
    assert xen.run(guest, 'xenstore-read', 'name') == 'guest\n'
    assert xen.run(0, 'xenstore-read', f'/local/domain/{guest}/name') == 'guest\n'
    xen.hx('fault', 'clear')
    assert xen.state()['xenstored']['state'] == 'running'


def test_a_domain_can_be_destroyed_while_xenstored_is_stopped(xen, guest):
    xen.hx('fault', 'xenstored=stop')
    result = xen.call('destroy', 'guest')
    assert result.returncode == 0 and 'xenstored is stopped' in result.stderr
    assert xen.domain(guest)['state'] == 'dying'  # xenstored maps its page
    xen.hx('fault', 'xenstored=cont')
    xen.wait_until(lambda: xen.domain(guest) is None, 'it is still there')
    assert xen.create('next', f'--domid={guest}') == guest
    assert xen.run(guest, 'xenstore-read', 'name') == 'next\n'


@pytest.mark.parametrize('fault', ['', 'grants', 'grants=', 'grants=x', 'grants=-1', 'ports=1e3',
                                   'xenstored=maybe', 'xenstored=slow:', 'xenstored=slow:-1',
                                   'grants=99999999999', 'weather=bad'])
def test_a_fault_that_makes_no_sense_is_refused(xen, fault):
    assert 'usage' in xen.refuses('fault', fault)


def test_a_fault_of_nobody_is_refused(xen):
    assert 'no domain' in xen.refuses('fault', '--domain=nobody', 'grants=0')
