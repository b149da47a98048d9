# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes and domains that die, stop, or come back as somebody else."""
import pytest

import wire
from client import Closed, Refused

NO_REPLY = 'org.freedesktop.DBus.Error.NoReply'


def ask(caller, service, count=1):
    """Calls that the service has got and not answered."""
    serials = [caller.send(wire.call(service.name, '/a', 'a.b', 'Wait')) for _ in range(count)]
    for _ in serials:
        service.take_call('Wait')
    return serials


def expect_errors(caller, serials):
    for serial in serials:
        assert caller.take_reply(serial).error_name == NO_REPLY


def wait_gone(watcher, name):
    watcher.take(lambda m: m.member == 'NameOwnerChanged' and m.body[:1] == (name,)
                 and m.body[2] == '')


@pytest.fixture
def watched(steady):
    """The innocent caller sees who comes and goes."""
    steady.caller.match("member='NameOwnerChanged'")
    return steady


# --- processes ---

def test_a_guests_client_is_killed(watched, guest):
    caller, victim = watched.bus.connect(), guest.connect()
    serials = ask(caller, victim, 5)
    victim.kill()
    watched.talk()
    expect_errors(caller, serials)
    wait_gone(watched.caller, victim.name)
    caller.close()
    victim.close()
    watched.settled()


def test_a_calling_client_is_killed(watched, guest):
    victim, service = guest.connect(), watched.bus.connect()
    ask(victim, service, 5)
    victim.kill()
    wait_gone(watched.caller, victim.name)
    victim.close()
    service.close()
    watched.settled()


def test_a_local_client_vanishes(watched):
    caller, victim = watched.bus.connect(), watched.bus.connect()
    serials = ask(caller, victim, 3)
    victim.close()
    expect_errors(caller, serials)
    caller.close()
    watched.settled()


def test_an_agent_is_killed(watched, guest):
    clients = [guest.connect_agent() for _ in range(5)]
    caller = watched.bus.connect()
    serials = [serial for client in clients for serial in ask(caller, client)]
    guest.agent_process.kill()
    watched.talk()
    expect_errors(caller, serials)
    for client in clients:
        client.wait_closed()
        client.close()
    caller.close()
    watched.settled()
    # And started again, it works again.
    guest.start_agent()
    guest.connect_agent().close()
    watched.settled()


def test_a_client_of_an_agent_leaves(watched, guest):
    stays, leaves, caller = guest.connect_agent(), guest.connect_agent(), watched.bus.connect()
    serials = ask(caller, leaves, 3)
    leaves.close()
    expect_errors(caller, serials)
    stays.sync()
    for client in stays, caller:
        client.close()
    watched.settled()


def test_an_agent_is_told_to_end(watched, guest):
    client = guest.connect_agent()
    guest.agent_process.terminate()
    client.wait_closed()
    client.close()
    assert guest.agent_process.wait(30) == 0
    watched.settled()


# --- domains ---

def test_a_domain_is_destroyed(watched, new_guest):
    guest = new_guest('doomed')
    callers = [watched.bus.connect(), guest.connect()]
    victims = [guest.connect() for _ in range(3)] + [guest.connect_agent()]
    serials = [serial for victim in victims for serial in ask(callers[0], victim, 2)]
    ask(callers[1], watched.service)
    victims[0].own('org.example.Doomed')
    guest.destroy()
    watched.talk()
    expect_errors(callers[0], serials)
    wait_gone(watched.caller, 'org.example.Doomed')
    for victim in victims:
        wait_gone(watched.caller, victim.name)
        victim.close()
    for caller in callers:
        caller.close()
    watched.settled()


def test_a_domain_is_destroyed_while_messages_fly(watched, new_guest):
    guest = new_guest('doomed')
    sender, receiver = guest.connect(), guest.connect()
    receiver.match("member='Flood'")
    sender.send_bytes(b''.join(
        wire.signal('/a', 'a.b', 'Flood', 'ay', bytes(5000), serial=n).encode()
        for n in range(1000, 1200)))
    guest.destroy()
    watched.talk(5)
    for client in sender, receiver:
        wait_gone(watched.caller, client.name)
        client.close()
    watched.settled()


def test_a_paused_domain_answers_later(watched, guest):
    caller, victim = watched.bus.connect(), guest.connect()
    guest.xen.hx('pause', guest.domid)
    serial = caller.send(wire.call(victim.name, '/a', 'a.b', 'Wait'))
    watched.talk(5)
    guest.xen.hx('unpause', guest.domid)
    victim.send(wire.reply_to(victim.take_call('Wait')))
    assert caller.result(serial) == ()
    for client in caller, victim:
        client.close()
    watched.settled()


def test_a_paused_domain_is_destroyed(watched, xen, new_guest):
    guest = new_guest('doomed')
    caller, victim = watched.bus.connect(), guest.connect()
    xen.hx('pause', guest.domid)
    serial = caller.send(wire.call(victim.name, '/a', 'a.b', 'Wait'))
    guest.destroy()
    expect_errors(caller, [serial])
    caller.close()
    victim.close()
    watched.settled()


def test_a_domain_shuts_down(watched, xen, new_guest):
    guest = new_guest('tired')
    caller, victim = watched.bus.connect(), guest.connect()
    serials = ask(caller, victim)
    xen.hx('shutdown', guest.domid)
    watched.talk()
    expect_errors(caller, serials)
    caller.close()
    victim.close()
    guest.destroy()
    watched.settled()


def test_the_domid_comes_back_as_somebody_else(watched, new_guest):
    old = new_guest('old', own='org.example.Old')
    client = old.connect()
    client.own('org.example.Old')
    uuid = watched.caller.bus('GetConnectionCredentials', 's', client.name)[
        'org.xen.xcp.DomainUUID']
    old.destroy()
    new = new_guest('new', own='org.example.New', domid=old.domid)
    assert new.domid == old.domid
    wait_gone(watched.caller, client.name)
    other = new.connect()
    assert other.name != client.name
    credentials = watched.caller.bus('GetConnectionCredentials', 's', other.name)
    assert credentials['org.xen.xcp.DomainUUID'] != uuid
    assert credentials['org.xen.xcp.DomainName'].value == 'new'
    # What the old one might own, the new one may not.
    assert other.refusal('RequestName', 'su', 'org.example.Old', 0).name.endswith('AccessDenied')
    assert other.own('org.example.New') == 1
    client.close()
    other.close()
    new.destroy()
    watched.settled()


def test_many_domains_come_and_go(watched, xen, new_guest):
    for number in range(xen.come_and_go):
        guest = new_guest(f'short{number}')
        client = guest.connect()
        client.sync()
        guest.destroy()
        wait_gone(watched.caller, client.name)
        client.close()
    watched.settled()


def test_suspend_and_resume(watched, xen, new_guest):
    """Every channel of the domain dies and nobody is told; new ones work."""
    guest = new_guest('sleepy')
    caller, victim = watched.bus.connect(), guest.connect()
    serials = ask(caller, victim)
    xen.hx('suspend', guest.domid)
    watched.talk()
    again = guest.connect()
    serial = caller.send(wire.call(again.name, '/a', 'a.b', 'Wait'))
    again.send(wire.reply_to(again.take_call('Wait')))
    caller.result(serial)
    victim.close()
    guest.destroy()
    expect_errors(caller, serials)
    again.close()
    caller.close()
    watched.settled()


def test_a_dead_domain_cannot_offer(new_guest, guest):
    with pytest.raises((AssertionError, Closed, Refused)):
        doomed = new_guest('doomed')
        doomed.destroy()
        doomed.connect()
