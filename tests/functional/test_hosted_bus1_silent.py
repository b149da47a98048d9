# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains that have stopped, though their rings are open: nobody at the other end reacts."""
import time

import pytest

import wire
from client import echo_once
from logs import events
from test_bus1 import ask, link_of, links
from test_hosted_bus1 import until


@pytest.fixture(scope='module')
def hosted_bus(xen):
    """It looks often whether anybody is there."""
    bus = xen.bus(limits={'silent_timeout': xen.silent_timeout})
    yield bus
    bus.stop()


def test_a_paused_domain_is_silent_and_stays(xen, hosted_bus):
    admin = hosted_bus.connect()
    guest, busy = xen.create('sleepy'), xen.create('awake')
    client, other = guest.connect(), busy.connect()
    xen.hx('pause', guest.domid)
    until(lambda: link_of(admin, client)['is_silent'])
    assert not link_of(admin, admin)['is_silent']
    xen.hx('unpause', guest.domid)
    until(lambda: not link_of(admin, client)['is_silent'])
    client.sync()
    log = hosted_bus.stderr.read_text()
    silent = next(line for line in log.splitlines() if 'link-is-silent' in line)
    assert f' domain={guest.domid} ' in silent and 'name=sleepy' in silent and client.name in silent
    assert any('link-is-back' in line and client.name in line for line in log.splitlines())
    echo_once(other, client)
    assert client.name in links(admin)[0]
    guest.release()
    busy.release()


def test_who_is_there_is_not_taken_for_silent(xen, hosted_bus):
    """A program that is idle, one behind an agent, and one that only sends. Whoever did not ask for the
    next event would be silent every other time; that a busy machine is late once may be."""
    looks, admin = 8, hosted_bus.connect()
    guest = xen.create('idle')
    clients = [guest.connect(), guest.connect_agent(), guest.connect()]
    begun = ask(admin, 'GetCounters')['up_us']
    while ask(admin, 'GetCounters')['up_us'] - begun < looks * xen.silent_timeout * 1000:
        clients[-1].send(wire.signal('/a', 'a.b', 'C'))
        time.sleep(0.05)
    for client in clients:
        until(lambda: not link_of(admin, client)['is_silent'])
        assert len([event for event in events(hosted_bus, 'link-is-silent')
                    if event['link'] == client.name]) <= looks // 3
    guest.release()


def test_a_silent_domain_can_go(xen, hosted_bus):
    admin = hosted_bus.connect()
    guest = xen.create('lost')
    client = guest.connect()
    xen.hx('pause', guest.domid)
    until(lambda: link_of(admin, client)['is_silent'])
    guest.destroy()
    until(lambda: client.name not in links(admin)[0])
