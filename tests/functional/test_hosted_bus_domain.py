# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus in a domain of its own, which has no privilege but what xcp-bus-domain gives it in dom0."""
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

import bus as bus_module
from client import BUS, BUS_PATH, PATIENCE, Closed, Refused, echo_once
from hosted import ANYTHING, HxFailed
from test_hosted_advertise import NAMED, Program, counter, open_at, read, start_agent, until


class Keeper(Program):
    """xcp-bus-domain in dom0."""

    def __init__(self, xen, name='busdom'):
        dom0 = type('Dom0', (), {'xen': xen, 'popen': lambda self, *a, **o: xen.popen(0, *a, **o)})
        super().__init__(dom0(), xen.build / 'xcp-bus-domain', '--verbose', name, stream='stderr')
        self.pid = self.process.pid

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0


def start_bus(xen, domain, policy=ANYTHING):
    folder = Path(tempfile.mkdtemp(dir=xen.top))
    return bus_module.Bus('xcp-busd', xen.build, folder, policy=policy,
                          listen=[f'unix:path={folder}/bus', 'vchan:'],
                          wrap=xen.command('run', domain.domid), env=xen.env)


class Home:
    """A domain with a bus in it."""

    def __init__(self, xen, **options):
        self.xen, self.options = xen, options
        self.domain = xen.create('busdom')
        self.keeper = Keeper(xen)
        self.keeper.expect('the bus is in domain')
        self.bus = start_bus(xen, self.domain, **options)
        self.wait()

    def wait(self):
        path = f'/local/domain/{self.domain.domid}/data/xcp-busd'
        until(lambda: read(self.xen, path), 'the bus is not ready')

    def stop(self):
        if not self.bus.has_ended:
            self.bus.stop()
        self.keeper.stop()
        if self.domain in self.xen.guests:
            self.domain.destroy()


@pytest.fixture
def home(xen):
    home = Home(xen)
    yield home
    home.stop()


@pytest.fixture
def strict_home(xen):
    home = Home(xen, policy='')
    yield home
    home.stop()


def agent_in(guest):
    agent = start_agent(guest)
    return agent, open_at(agent).auth().hello()


def wait_granted(home, guest):
    """What the toolstack writes counts once the bus has been let to read it."""
    path = f'/local/domain/{guest.domid}/xcp-bus/own'
    until(lambda: read(home.xen, path, home.domain.domid), 'the bus may not read it')


def test_guests_talk_through_it(home, new_guest):
    """Those that were there before, and those that come later."""
    early = new_guest('early')
    _, caller = agent_in(early)
    assert caller.name.startswith(f':{early.domid}.')
    late = new_guest('late')
    _, service = agent_in(late)
    echo_once(caller, service)
    echo_once(service, caller)
    for client in caller, service:
        client.close()


def test_they_are_who_dom0_says_they_are(home, new_guest):
    """The uuid, the name and what it may own are the toolstack's words, also those that come late."""
    uuid = '11112222-3333-4444-5555-666677778888'
    guest = new_guest('somebody', own='org.example.First', uuid=uuid)
    wait_granted(home, guest)
    agent, client = agent_in(guest)
    assert client.own('org.example.First') == 1
    with pytest.raises(Refused):
        client.own('org.example.Second')
    credentials = dict(client.bus('GetConnectionCredentials', 's', client.name))
    assert credentials['org.xen.xcp.DomainID'].value == guest.domid
    assert credentials['org.xen.xcp.DomainUUID'].value == uuid
    # Rights that are given later hold for who comes after that.
    home.xen.hx('run', 0, 'xenstore-write', f'/local/domain/{guest.domid}/xcp-bus/own',
                'org.example.Second')
    other = open_at(agent).auth().hello()
    assert other.own('org.example.Second') == 1
    # What dom0 had not written before, xcp-bus-domain is told of.
    third = new_guest('third', own=None)
    home.xen.hx('run', 0, 'xenstore-write', f'/local/domain/{third.domid}/xcp-bus/own', '*')
    home.keeper.expect(f'domain {third.domid} may be seen')
    agent = start_agent(third)

    def owns():
        late = open_at(agent).auth().hello()
        try:
            return late.own('org.example.Third') == 1
        except Refused:
            return False
        finally:
            late.close()

    until(owns, 'it does not own what it may')
    client.close()
    other.close()


def let_in(agent):
    """A client, or nothing if the bus took too long to see the domain of the agent."""
    client = open_at(agent)
    try:
        return client.auth().hello()
    except Closed:
        client.close()
        return None


def test_more_domains_than_fit_into_a_list(home, new_guest, pytestconfig):
    """C xenstored gives one in pieces. With oxenstored those that are known go on."""
    guest = new_guest('guest')
    agent, client = agent_in(guest)
    many = [f'/local/domain/{number}' for number in range(10_000, 10_700)]
    parts = [many[at:at + 50] for at in range(0, len(many), 50)]
    for part in parts:
        home.xen.hx('run', 0, 'xenstore-write', *[word for path in part for word in (f'{path}/a', '')])
    late = start_agent(new_guest('late'))
    if pytestconfig.getoption('xenstored') == 'c':
        echo_once(client, open_at(late).auth().hello())
    else:
        home.keeper.expect('; trying again')
        until(lambda: 'cannot be listed' in home.bus.stderr.read_text(), 'nothing is said')
    echo_once(client, open_at(agent).auth().hello())
    for part in parts:
        home.xen.hx('run', 0, 'xenstore-rm', *part)
    home.keeper.expect(f'domain {late.guest.domid} may be seen')
    echo_once(client, until(lambda: let_in(late), 'it is not let in'))


def test_programs_beside_the_bus_are_of_its_domain(home, guest):
    """Not of dom0: nobody may take them for it."""
    local = home.bus.connect()
    assert local.name.startswith(f':{home.domain.domid}.')
    credentials = dict(local.bus('GetConnectionCredentials', 's', 'org.freedesktop.DBus'))
    assert credentials['org.xen.xcp.DomainID'].value == home.domain.domid
    _, client = agent_in(guest)
    echo_once(client, local)
    client.close()


def test_dom0_is_a_peer_like_others_but_may_call_all(strict_home, new_guest):
    """With the policy that is there without a file."""
    home = strict_home
    guest = new_guest('guest')
    dom0 = type('Dom0', (), {'xen': home.xen, 'domid': 0,
                             'popen': lambda self, *a, **o: home.xen.popen(0, *a, **o)})()
    _, caller = agent_in(dom0)
    assert caller.name.startswith(':0.')
    _, service = agent_in(guest)
    service.own('org.example.NotOfThePlatform')
    echo_once(caller, service)
    other = new_guest('other')
    _, stranger = agent_in(other)
    with pytest.raises(Refused) as refused:
        stranger.call('org.example.NotOfThePlatform', '/a', 'a.b', 'C')
    assert 'AccessDenied' in refused.value.name
    with pytest.raises(Refused) as refused:
        caller.own('org.example.DomainZero')  # nobody has written that it may
    assert 'AccessDenied' in refused.value.name
    with pytest.raises(Refused) as refused:
        caller.call(BUS, BUS_PATH, 'org.freedesktop.DBus.Monitoring', 'BecomeMonitor', 'asu', [], 0)
    assert 'in its domain' in refused.value.text  # and not "in dom0", where he is
    for client in caller, service, stranger:
        client.close()


def test_a_guest_that_is_destroyed_is_gone_at_once(home, new_guest):
    """Its zombie too: nothing of it is mapped any more, and its number is another's."""
    innocent = new_guest('innocent')
    _, watcher = agent_in(innocent)
    watcher.match("member='NameOwnerChanged'")
    guest = new_guest('victim')
    _, client = agent_in(guest)
    name, domid = client.name, guest.domid
    guest.destroy()
    watcher.take(lambda m: m.member == 'NameOwnerChanged' and m.body[0] == name and not m.body[2])
    until(lambda: domid not in [d['domid'] for d in home.xen.state()['domains']],
          'the destroyed domain is still there')
    again = new_guest('again', domid=domid, own='org.example.Again')
    wait_granted(home, again)
    _, successor = agent_in(again)
    assert successor.own('org.example.Again') == 1
    echo_once(watcher, successor)
    for each in watcher, successor:
        each.close()


def test_a_refusal_reaches_the_guest(xen, new_guest):
    home = Home(xen)
    try:
        home.bus.configure({'max_connections_per_domain': 1}, ANYTHING)
        home.bus.connect().bus('ReloadConfig')
        guest = new_guest('guest')
        agent, first = agent_in(guest)
        second = open_at(agent)
        said = agent.expect('gets no connection')
        assert f'domain {home.domain.domid} refuses the ring' in said
        assert 'as many connections' in said
        second.wait_closed()
        second.close()
        first.sync()
        first.close()
        until(lambda: xen.store_nodes(guest.domid) <= 1, 'something is left in xenstore')
    finally:
        home.stop()


def test_its_privileges_are_few(home, guest):
    """What the domain of the bus can do to others in xenstore: read who they are."""
    _, client = agent_in(guest)
    where = f'/local/domain/{guest.domid}'

    def tries(verb, *arguments):
        return home.xen.hx('run', home.domain.domid, f'xenstore-{verb}', *arguments)

    assert tries('read', f'{where}/name').strip() == 'guest'
    for verb, *arguments in [('write', f'{where}/name', 'x'), ('write', f'{where}/xcp-bus/own', '*'),
                             ('read', f'{where}/domid'), ('list', f'{where}/device'),
                             ('list', f'{where}/data'), ('write', f'{where}/data/xcp-bus', 'x'),
                             ('write', NAMED, '7'), ('rm', NAMED), ('list', '/vm'),
                             ('write', '/local/domain/0/data/x', 'y')]:
        with pytest.raises(HxFailed):
            tries(verb, *arguments)
    client.sync()
    client.close()


def test_without_dom0s_leave_it_waits(xen, new_guest):
    """And says what is missing."""
    domain = new_guest('busdom')
    bus = start_bus(xen, domain)
    until(lambda: 'until xcp-bus-domain runs there' in bus.stderr.read_text(), 'it did not say it')
    guest = new_guest('guest')
    agent = start_agent(guest)
    client = open_at(agent)
    keeper = Keeper(xen)
    client.auth().hello().sync()
    client.close()
    keeper.stop()
    assert read(xen, NAMED) is None
    bus.stop()


def test_the_domain_of_the_bus_is_destroyed_and_made_anew(home, new_guest):
    """No ring says a word; xenstore does. Who waits is back when there is a bus, at another domid."""
    guest = new_guest('guest')
    agent, client = agent_in(guest)
    service = counter(new_guest('service'), 'vchan:', '300')
    service.expect('counting as')
    home.bus.process.kill()
    home.bus.stop(signal.SIGKILL)
    old = home.domain.domid
    home.domain.destroy()
    home.keeper.expect('is gone')
    client.wait_closed()
    client.close()
    service.expect('lost: ')
    until(lambda: read(home.xen, NAMED) is None, 'xenstore still names it')
    waiting = open_at(agent)
    home.domain = home.xen.create('busdom')
    assert home.domain.domid != old
    home.keeper.expect(f'the bus is in domain {home.domain.domid}')
    home.bus = start_bus(home.xen, home.domain)
    waiting.auth().hello().sync()
    waiting.close()
    service.expect('back as')
    home.bus.stop()


def test_the_bus_moves_between_dom0_and_a_domain(xen, start_hosted_bus, new_guest):
    first = start_hosted_bus()
    service = counter(new_guest('service'))
    service.expect('counting as')
    first.stop()
    home = Home(xen)
    service.expect('lost: ')
    service.expect('back as')
    home.stop()
    start_hosted_bus()
    service.expect('lost: ')
    service.expect('back as')


def test_the_domain_of_the_bus_goes_on_under_another_domid(home, guest):
    """As after xl save and xl restore, as far as xenstore shows it: it is to be started anew."""
    _, client = agent_in(guest)
    own = f'/local/domain/{home.domain.domid}/domid'
    home.xen.hx('run', 0, 'xenstore-write', own, '4321')
    home.xen.hx('suspend', home.domain.domid)
    assert home.bus.process.wait(PATIENCE) == 1
    said = home.bus.stderr.read_text()
    assert f'this domain, {home.domain.domid}, goes on under another domid' in said
    assert not home.bus.complaints()
    home.bus.has_ended = True
    home.bus.process.stdout.close()
    client.close()


def test_a_guest_does_not_let_it_take_offers_away(home, new_guest):
    """What cannot be dialled cannot be refused either; it is left alone, and costs little."""
    guest, other = new_guest('hostile'), new_guest('other')
    _, client = agent_in(other)
    parent = f'/local/domain/{guest.domid}/data/xcp-bus'
    for node, value in ('ring-ref', '9'), ('event-channel', '77'):
        home.xen.hx('run', guest.domid, 'xenstore-write', f'{parent}/0123456789ab/{node}', value)
    home.xen.hx('run', guest.domid, 'xenstore-chmod', '-r', parent, f'n{guest.domid}',
                f'r{home.domain.domid}')
    log = Path(home.bus.stderr)
    until(lambda: 'ring=0123456789ab' in log.read_text(), 'it was not looked at')
    for _ in range(50):
        client.sync()
    assert log.read_text().count('refused: ') < 5
    echo_once(client, home.bus.connect())
    client.close()
