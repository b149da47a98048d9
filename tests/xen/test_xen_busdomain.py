# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus in a guest of its own, without any privilege but what xcp-bus-domain in dom0 gives it.

What it does for whom is tested on hosted Xen (test_hosted_bus_domain.py); here it is that a real Xen,
its xenstored and its toolstack let it.
"""
import time
from types import SimpleNamespace

import pytest

import domains
from bus import DAEMONS, configuration
from client import PATIENCE, Client
from hosted import ANYTHING
from lifecycle import Caller, Program, start_counter, wait_freed

ADVERT = '/tool/xcp-bus/domid'


def start(xen, domid, *command):
    """A program of which standard error is what it says."""
    return Program(xen, domid, 'sh', '-c', 'exec "$@" 2>&1', 'sh', *command, address='')


def wait_store(xen, path, is_there=True):
    deadline = time.monotonic() + 2 * PATIENCE
    while (domains.call(xen, 'xenstore-exists', path).returncode == 0) != is_there:
        assert time.monotonic() < deadline, path
        time.sleep(0.1)


def start_daemon(xen, guest):
    text = configuration(DAEMONS['xcp-busd'], ['unix:path=/run/bus', 'vchan:'], {}, ANYTHING)
    xen.put(guest.domid, '/run/bus.conf', text.encode())
    daemon = start(xen, guest.domid, xen.build / 'xcp-busd', '--config-file=/run/bus.conf', '--nofork')
    wait_store(xen, f'/local/domain/{guest.domid}/data/xcp-busd')
    return daemon


@pytest.fixture
def home(xen, new_guest):
    """A domain with a bus in it, which goes before guests are given back."""
    guest = domains.create(xen, 'busdom', own=None)
    keeper = start(xen, 0, '/usr/sbin/xcp-bus-domain', 'busdom')
    keeper.expect(f'xcp-bus-domain: the bus is in domain {guest.domid}')
    home = SimpleNamespace(guest=guest, keeper=keeper, daemon=start_daemon(xen, guest))
    yield home
    keeper.process.terminate()
    keeper.wait()
    home.guest.destroy()
    wait_store(xen, ADVERT, False)


def test_guests_and_dom0_talk_through_it(xen, home, new_guest):
    """All find it by themselves, and who is destroyed is gone at once."""
    other = domains.create(xen, 'serving')
    service = start_counter(other, address='vchan:')
    assert service.name.startswith(f':{other.domid}.')
    callers = [Caller(xen, domid, address='vchan:') for domid in (new_guest('calling').domid, 0)]
    assert callers[1].name.startswith(':0.')
    for caller in callers:
        caller.expect_fresh_answer()
    other.destroy()
    for caller in callers:
        caller.expect_error()
    wait_freed(xen, other.domid)
    again = start_counter(new_guest('again'), address='vchan:')
    for caller in callers:
        caller.expect_fresh_answer()
        caller.close()
    again.close()


def test_dom0s_agent_is_for_root(xen, home):
    """Whoever may connect there is domain 0, which may call everybody; users of dom0 are not all that."""
    agent = start(xen, 0, xen.build / 'xcp-bus-agent', f'--listen=unix:path={xen.top}/dom0', '--verbose')
    agent.expect('xcp-bus-agent: listens on')
    assert xen.sh('stat', '-c', '%a', f'{xen.top}/dom0') == '600\n'
    client = Client(xen.unix_socket(0, f'{xen.top}/dom0')).auth().hello()
    assert client.name.startswith(':0.')
    client.close()
    agent.process.terminate()
    agent.wait()


def test_its_domain_is_made_anew(xen, home, new_guest):
    """The whole domain goes, without a word on any ring; who asks for one is back at the new one."""
    service = start_counter(new_guest('serving'), address='vchan:', keepalive_ms='1000')
    old = home.guest
    old.destroy()
    home.keeper.expect(f'xcp-bus-domain: domain {old.domid}, in which the bus was, is gone')
    service.expect('lost: ')
    home.guest = domains.create(xen, 'busdom', own=None)
    home.keeper.expect(f'xcp-bus-domain: the bus is in domain {home.guest.domid}')
    home.daemon = start_daemon(xen, home.guest)
    service.expect('back as')
    caller = Caller(xen, 0, address='vchan:')
    caller.expect_fresh_answer()
    for program in service, caller:
        program.close()
