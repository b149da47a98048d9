# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who would like to be the bus, or to have what the domain of the bus has."""
import signal

import pytest

from client import PATIENCE
from hosted import HxFailed
from test_hosted_advertise import NAMED, greet, open_at, read, start_agent, until
from test_hosted_bus_domain import Home, Keeper, agent_in, start_bus


@pytest.fixture
def home(xen):
    home = Home(xen)
    yield home
    home.stop()


@pytest.fixture
def new_keeper(xen):
    keepers = []

    def start(name='busdom'):
        keepers.append(Keeper(xen, name))
        return keepers[-1]

    yield start
    for keeper in keepers:
        if keeper.process.poll() is None:
            keeper.stop()


def kill(keeper):
    keeper.process.kill()
    keeper.process.wait()


def named(xen, domain):
    until(lambda: read(xen, NAMED) == str(domain.domid), 'it is not named')


def nobody_named(xen):
    until(lambda: read(xen, NAMED) is None, 'somebody is named')


def rename(xen, guest, name):
    xen.hx('run', 0, 'xenstore-write', f'/local/domain/{guest.domid}/name', name)


def cannot_see(xen, domain, other):
    for path in f'{other}/name', f'{other}/vm':
        assert read(xen, f'/local/domain/{path}', domain.domid) is None
    with pytest.raises(HxFailed):
        xen.hx('run', domain.domid, 'xenstore-list', '/local/domain')


def children(xen, domain, path):
    try:
        return xen.hx('run', domain.domid, 'xenstore-list', path).split()
    except HxFailed:
        return []


# --- what the domain of the bus would do to others ---

def test_what_the_bus_does_not_tidy_up_is_tidied_up(home, new_guest):
    """Whoever has taken over the bus could fill the xenstore of guests, or dom0's."""
    xen, guest, bus = home.xen, new_guest('guest'), home.domain
    home.bus.stop(signal.SIGKILL)
    agent = start_agent(guest)
    client = open_at(agent)
    parent = f'/local/domain/{guest.domid}/data/xcp-bus'

    def find_offer():
        offers = [f'{parent}/{child}' for child in children(xen, bus, parent)]
        return [offer for offer in offers if read(xen, f'{offer}/event-channel', bus.domid)]

    offer = until(find_offer, 'no ring is offered')[0]
    hostile = bus.program('ring-evil', 'take', guest.domid, offer)
    agent.expect('client 1: connected')
    until(lambda: not children(xen, bus, parent), 'the offer is left')
    client.close()
    hostile.stdin.close()
    hostile.wait(PATIENCE)
    hostile.stdout.close()


# --- who would be taken for the bus ---

def test_a_domid_that_comes_back_is_not_the_bus(xen, new_guest, new_keeper):
    """Where the bus's domain was given as a number, it is that domain and none with its number."""
    domain = new_guest('busdom')
    keeper = new_keeper(str(domain.domid))
    named(xen, domain)
    domain.destroy()
    keeper.expect('is gone')
    new_guest('hostile', domid=domain.domid)
    other = new_guest('other')
    keeper.expect(f'domain {domain.domid} is another one now')
    nobody_named(xen)
    cannot_see(xen, domain, other.domid)


def test_who_was_let_in_too_late_is_forgotten(xen, new_guest, new_keeper):
    """The domain had gone when it was let in: the next one with its number is not."""
    domain = new_guest('busdom')
    keeper = new_keeper(str(domain.domid))
    named(xen, domain)
    keeper.process.send_signal(signal.SIGSTOP)
    domain.destroy()
    xen.hx('run', 0, 'xenstore-chmod', '/local/domain', 'n0', f'r{domain.domid}')
    keeper.process.send_signal(signal.SIGCONT)
    keeper.expect('is gone')
    new_guest('hostile', domid=domain.domid)
    other = new_guest('other')
    keeper.expect(f'domain {domain.domid} is another one now')
    cannot_see(xen, domain, other.domid)


def test_a_uuid_is_the_domain_whatever_its_number(xen, new_guest, new_keeper):
    uuid = '11112222-3333-4444-5555-666677778888'
    keeper = new_keeper(uuid.upper())
    new_guest(uuid)  # called so
    domain = new_guest('one', uuid=uuid)
    keeper.expect(f'the bus is in domain {domain.domid}')
    domain.destroy()
    keeper.expect('is gone')
    again = new_guest('two', uuid=uuid)
    keeper.expect(f'the bus is in domain {again.domid}')
    named(xen, again)


def test_who_takes_the_name_of_the_bus_does_not_get_the_bus(xen, new_guest, new_keeper):
    """Some toolstacks let the owner of a VM call it what he likes."""
    hostile = new_guest('hostile')
    domain = new_guest('busdom')
    keeper = new_keeper()
    named(xen, domain)
    rename(xen, hostile, 'busdom')
    new_guest('another')
    keeper.expect('more than one domain is called busdom')
    assert read(xen, NAMED) == str(domain.domid)


def test_of_two_with_the_name_none_is_chosen(xen, new_guest, new_keeper):
    one, two = new_guest('busdom'), new_guest('other')
    rename(xen, two, 'busdom')
    keeper = new_keeper()
    keeper.expect('more than one domain is called busdom')
    assert read(xen, NAMED) is None
    two.destroy()
    keeper.expect(f'the bus is in domain {one.domid}')


def test_the_nodes_of_no_domain_are_none(xen, new_guest, new_keeper):
    """A toolstack that failed may leave them."""
    xen.hx('run', 0, 'xenstore-write', '/local/domain/4000/name', 'busdom')
    domain = new_guest('busdom')
    new_keeper()
    named(xen, domain)
    xen.hx('run', 0, 'xenstore-rm', '/local/domain/4000')


def test_what_was_said_of_a_domain_that_has_gone_meanwhile(xen, new_guest, new_keeper):
    """Its number may be another's by then."""
    domain = new_guest('busdom')
    keeper = new_keeper()
    named(xen, domain)
    kill(keeper)
    domain.destroy()
    hostile = new_guest('hostile', domid=domain.domid)
    other = new_guest('other')
    cannot_see(xen, hostile, other.domid)
    assert read(xen, NAMED) == str(domain.domid)
    new_keeper()
    nobody_named(xen)
    cannot_see(xen, hostile, other.domid)


def test_nobody_gets_the_bus_by_its_number_while_the_keeper_is_dead(xen, new_guest, new_keeper):
    """Programs that look for it, and those that have found it, are told that it is gone."""
    home = Home(xen)
    guest = new_guest('guest')
    agent, client = agent_in(guest)
    kill(home.keeper)
    home.bus.process.kill()
    home.bus.stop(signal.SIGKILL)
    domid = home.domain.domid
    home.domain.destroy()
    hostile = new_guest('hostile', domid=domid)
    ready = f'/local/domain/{domid}/data/xcp-busd'
    xen.hx('run', domid, 'xenstore-write', ready, 'x' * 32)
    xen.hx('run', domid, 'xenstore-chmod', ready, f'r{domid}')
    assert read(xen, NAMED) == str(domid) and read(xen, ready, guest.domid)
    assert f'domain {domid}, which xenstore names, is not that of the bus any more' in greet(guest)
    client.wait_closed()
    client.close()
    waiting = open_at(agent)
    # The keeper comes back, and then the bus; under the number it had, too.
    hostile.destroy()
    domain = new_guest('busdom', domid=domid)
    bus = start_bus(xen, domain)
    new_keeper()
    waiting.auth().hello().sync()
    waiting.close()
    bus.stop()


def test_of_a_domain_that_goes_at_once_nothing_is_left(xen, new_guest, new_keeper):
    """Also if that is while it is named and marked."""
    keeper = new_keeper()
    for _ in range(20):
        new_guest('busdom').destroy()
    domain = new_guest('busdom')
    keeper.expect(f'the bus is in domain {domain.domid}')
    assert set(xen.hx('run', 0, 'xenstore-list', '/local/domain').split()) == {'0', str(domain.domid)}


# --- the domain of the bus comes back ---

def test_the_domain_of_the_bus_comes_back_under_its_number(home, new_guest):
    """Also who was there before is to be seen by it: what was allowed was allowed to another."""
    agent, client = agent_in(new_guest('guest'))
    home.bus.process.kill()
    home.bus.stop(signal.SIGKILL)
    home.domain.destroy()
    client.wait_closed()
    client.close()
    home.domain = home.xen.create('busdom', domid=home.domain.domid)
    home.bus = start_bus(home.xen, home.domain)
    home.wait()
    late = start_agent(new_guest('late'))
    for one in agent, late:
        client = open_at(one).auth().hello()
        client.sync()
        client.close()
    home.bus.stop()


def test_domains_of_the_bus_that_were_there_once_leave_nothing(xen, new_guest, new_keeper):
    """Each had its place in a list that has an end."""
    for _ in range(20):
        domain = new_guest('busdom')
        keeper = new_keeper()
        keeper.expect('domain 0 may be seen')
        named(xen, domain)
        keeper.stop()
        domain.destroy()
