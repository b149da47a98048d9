# SPDX-License-Identifier: LGPL-2.1-or-later
"""xenstored comes later than the daemon, ends, and is started anew with nothing in it."""
import os
import subprocess

import pytest

from client import PATIENCE, echo_once
from test_hosted_advertise import NAMED, READY, open_at, read, start_agent, until
from test_hosted_bus_domain import Keeper


@pytest.fixture
def store(xen):
    """Ends it and starts it; at the end it is there, whatever the test did."""

    class Store:
        is_there = True

        def kill(self):
            xen.hx('fault', 'xenstored=kill')
            self.is_there = False

        def start(self):
            xen.hx('fault', 'xenstored=start')
            self.is_there = True

    store = Store()
    yield store
    if not store.is_there:
        store.start()


def says(bus, text):
    return until(lambda: text in bus.stderr.read_text(), f'the daemon did not say {text!r}')


def connect_agent(guest):
    agent = start_agent(guest)
    return open_at(agent).auth().hello()


def test_the_daemon_is_there_before_xenstored(xen, store, start_hosted_bus, new_guest):
    """Local programs are served at once, and rings come up when it does; it says so once."""
    store.kill()
    bus = start_hosted_bus()
    says(bus, 'xenstored is not there')
    echo_once(*bus.innocents())
    store.start()
    says(bus, 'xenstored is there: guests can offer rings')
    assert bus.stderr.read_text().count('xenstored is not there') == 1
    client = connect_agent(new_guest('guest'))
    echo_once(bus.connect(), client)
    client.close()


def test_rings_go_on_without_xenstored(xen, store, start_hosted_bus, new_guest):
    """It says what it could not keep: guests of before, as far as new rings go."""
    bus = start_hosted_bus()
    guest = new_guest('old')
    client, local = connect_agent(guest), bus.connect()
    run = read(xen, READY)
    store.kill()
    says(bus, 'xenstored is gone')
    echo_once(local, client)
    store.start()
    says(bus, 'xenstored is back: 1 links of 1 domains go on')
    says(bus, 'xenstored has forgotten 1 domains')
    echo_once(local, client)
    # It is the same daemon to whoever looks for it.
    assert read(xen, NAMED) == '0' and read(xen, READY) == run
    new = connect_agent(new_guest('new'))
    echo_once(client, new)
    new.close()
    client.close()


def test_the_end_of_a_domain_that_xenstored_has_forgotten(xen, store, start_hosted_bus, new_guest):
    """Nobody announces it. The hypervisor, asked now and then, tells."""
    bus = start_hosted_bus()
    guest = new_guest('old')
    client, watcher = connect_agent(guest), bus.connect().match("member='NameOwnerChanged'")
    name = client.name
    store.kill()
    store.start()
    says(bus, 'xenstored has forgotten 1 domains')
    guest.destroy()
    watcher.take(lambda m: m.member == 'NameOwnerChanged' and m.body[0] == name and not m.body[2])
    until(lambda: guest.domid not in [d['domid'] for d in xen.state()['domains']],
          'the destroyed domain is still there')
    client.close()


def test_a_domain_ends_while_there_is_no_xenstored(xen, store, start_hosted_bus, new_guest):
    bus = start_hosted_bus()
    guest, other = new_guest('old'), new_guest('other')
    client, innocent = connect_agent(guest), connect_agent(other)
    watcher = bus.connect().match("member='NameOwnerChanged'")
    name = client.name
    store.kill()
    says(bus, 'xenstored is gone')
    xen.guests.remove(guest)
    # The toolstack cannot do its part; the hypervisor has done its own by then.
    subprocess.run(xen.command('destroy', guest.domid), env=xen.env, timeout=PATIENCE,
                   capture_output=True)
    watcher.take(lambda m: m.member == 'NameOwnerChanged' and m.body[0] == name and not m.body[2])
    echo_once(watcher, innocent)
    client.close()
    innocent.close()


def test_it_comes_and_goes_and_nothing_is_left_over(xen, store, start_hosted_bus, new_guest):
    bus = start_hosted_bus()
    before = None
    for count in range(1, 5):
        store.kill()
        store.start()
        until(lambda: bus.stderr.read_text().count('xenstored is back') == count, 'it is not back')
        guest = new_guest(f'guest{count}')
        connect_agent(guest).close()
        domid = guest.domid
        guest.destroy()
        until(lambda: domid not in [d['domid'] for d in xen.state()['domains']], 'it is a zombie')
        fds = len(os.listdir(f'/proc/{bus.pid}/fd'))
        before = before or fds
        assert fds <= before


def test_dom0s_helper_of_a_bus_domain_comes_back(xen, store, new_guest):
    keeper = Keeper(xen)
    new_guest('busdom')
    keeper.expect('the bus is in domain')
    store.kill()
    keeper.expect('trying again')
    store.start()
    keeper.expect('xenstored is back')
    # Its domain is not there any more, as far as xenstore goes; a new one is.
    new_guest('other')
    xen.hx('destroy', 'busdom')
    xen.guests[:] = [guest for guest in xen.guests if guest.name != 'busdom']
    again = new_guest('busdom')
    keeper.expect(f'the bus is in domain {again.domid}')
    assert read(xen, NAMED) == str(again.domid)
    keeper.stop()
