# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that tries what the policy, and the bus itself, are there to deny."""
import pytest

import wire
from client import BUS, BUS_PATH, Refused, echo_once
from wire import ERROR, METHOD_CALL, METHOD_RETURN, SIGNAL

ERR = 'org.freedesktop.DBus.Error.'
MONITORING = 'org.freedesktop.DBus.Monitoring'
STATS = 'org.freedesktop.DBus.Debug.Stats'
SERVICE = 'org.xen.xcp.storage'


@pytest.fixture
def cast(start_hosted_bus, new_guest):
    """A bus without rules of its own; dom0's caller and service, the hostile guest and another."""
    def cast(policy='', hostile_own=None):
        bus = start_hosted_bus(policy=policy)
        caller, service = bus.innocents()
        hostile, other = new_guest('hostile', own=hostile_own), new_guest('other')
        return bus, caller, service, hostile, other
    return cast


def got(client, *types):
    """What came from others than the bus."""
    return [m for m in client.drain() if m.sender != BUS and m.type in types]


def error_of(client, destination, path, interface, member, signature=None, *body):
    with pytest.raises(Refused) as refused:
        client.call(destination, path, interface, member, signature, *body)
    return refused.value.name


@pytest.mark.parametrize('way', ['connect', 'connect_agent'])
def test_what_is_not_for_guests(cast, way):
    _, caller, service, hostile, _ = cast(hostile_own='*')
    guest = getattr(hostile, way)()
    for named in True, False:
        for interface, member, *body in (
                (MONITORING, 'BecomeMonitor', 'asu', [], 0),
                (STATS, 'GetStats'), (STATS, 'GetAllMatchRules'),
                (STATS, 'GetConnectionStats', 's', caller.name), (BUS, 'ReloadConfig'),
                (BUS, 'UpdateActivationEnvironment', 'a{ss}', {'LD_PRELOAD': '/evil'})):
            assert error_of(guest, BUS, BUS_PATH, interface if named else None, member,
                            *body) == ERR + 'AccessDenied', member
    # That it says who it is changes nothing: nobody may own or be the bus.
    assert guest.refusal('RequestName', 'su', BUS, 0).name == ERR + 'InvalidArgs'
    echo_once(caller, service)
    guest.sync()


def test_it_hears_nothing_that_is_for_others(cast):
    _, caller, service, hostile, other = cast(hostile_own='*')
    spy, third = hostile.connect(), other.connect()
    for rule in ("eavesdrop='true'", "eavesdrop='true',type='method_call'", "type='method_return'",
                 f"destination='{service.name}'", f"eavesdrop='true',sender='{caller.name}'", ''):
        spy.match(rule)
    echo_once(caller, service)
    echo_once(caller, third)
    caller.send(wire.signal('/p', 'x.I', 'S', destination=service.name))
    third.send(wire.signal('/p', 'x.I', 'S'))  # of another guest, without a name of the platform
    for client in caller, third:
        client.sync()
    assert not got(spy, METHOD_CALL, METHOD_RETURN, ERROR, SIGNAL)


@pytest.mark.parametrize('flags', [0, wire.NO_REPLY_EXPECTED, wire.NO_AUTO_START])
@pytest.mark.parametrize('reply_serial', [None, 1])
def test_no_way_around_send_destination(cast, flags, reply_serial):
    """By its unique name, by another name, without an interface, with a serial to reply to."""
    _, _, service, hostile, other = cast()
    guest, third = hostile.connect(), other.connect()
    service.own('org.example.Closed')
    third.own('org.example.Third')
    for to in service.name, 'org.example.Closed', third.name, 'org.example.Third':
        for interface in 'x.I', None:
            for kind in METHOD_CALL, 7:
                message = wire.call(to, '/p', interface, 'M', flags=flags)
                message.type = kind
                message.reply_serial = reply_serial
                guest.send(message)
    guest.sync()
    assert not got(service, METHOD_CALL) and not got(third, METHOD_CALL)


def test_nobody_is_answered_who_has_not_asked(cast):
    """Nor by a guest that guesses serials while others are being answered."""
    _, caller, service, hostile, other = cast()
    guest, third = hostile.connect(), other.connect()
    serial = caller.send(wire.call(service.name, '/p', 'x.I', 'M'))
    asked = service.take_call('M')
    for to in caller, service, third:
        for guess in range(1, serial + 20):
            for kind in METHOD_RETURN, ERROR:
                message = wire.Message(kind, destination=to.name, reply_serial=guess)
                message.error_name = 'x.Forged' if kind == ERROR else None
                guest.send(message)
    guest.sync()
    service.send(wire.reply_to(asked))
    assert caller.take_reply(serial).sender == service.name
    for client in caller, service, third:
        assert not got(client, METHOD_RETURN, ERROR)


def test_signals_to_one_peer(cast):
    """dom0 may be told things; other guests and the bus take none from it."""
    _, caller, _, hostile, other = cast()
    guest, third = hostile.connect(), other.connect()
    for to in third.name, BUS:
        guest.send(wire.signal('/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Activator',
                               'ActivationFailure', 'sss', 'a.service', 'x.E', '', destination=to))
    guest.send(wire.signal(BUS_PATH, BUS, 'NameOwnerChanged', 'sss', SERVICE, ':0.1', '',
                           sender=BUS))
    guest.send(wire.signal(BUS_PATH, BUS, 'NameAcquired', 's', SERVICE, destination=caller.name,
                           sender=BUS))
    guest.sync()
    assert not got(third, SIGNAL)
    # Whoever it says it is: the sender is what the bus wrote.
    assert [m.sender for m in caller.drain() if m.body == (SERVICE,)] == [guest.name]


def test_verdicts_follow_names_and_policies(cast):
    """Each step is asked for twice, so that the second answer is one that was remembered."""
    bus, _, service, hostile, other = cast()
    guest, third = hostile.connect(), other.connect()

    def passes(to):
        for _ in range(2):
            serial = guest.send(wire.call(to, '/p', 'x.I', 'M'))
            denied = any(m.reply_serial == serial and m.error_name == ERR + 'AccessDenied'
                         for m in guest.drain())
        return not denied

    assert not passes(service.name) and not passes(third.name)
    third.own(SERVICE)
    assert passes(SERVICE) and passes(third.name) and not passes(service.name)
    service.own(SERVICE, 0)  # in the queue: as in dbus-daemon, that opens it
    assert passes(service.name)
    third.release(SERVICE)
    assert not passes(third.name) and passes(SERVICE) and passes(service.name)
    service.release(SERVICE)
    assert not passes(service.name)
    service.own(SERVICE)
    assert passes(SERVICE)
    bus.configure(policy='<policy domain="hostile"><deny send_destination="*"/>'
                         '<allow send_destination="org.freedesktop.DBus"/></policy>')
    service.bus('ReloadConfig')
    assert not passes(SERVICE) and not passes(service.name)
    hostile.destroy()


def test_a_domid_that_comes_back_has_none_of_the_rights(cast, new_guest):
    """The rules were for the domain of another name, and its verdicts were remembered."""
    _, _, service, hostile, _ = cast('<policy domain="hostile"><allow send_destination="*"/></policy>')

    def passes(client):
        client.send(wire.call(service.name, '/p', 'x.I', 'M', flags=1))
        client.sync()
        return len(got(service, METHOD_CALL)) == 1

    guest = hostile.connect()
    assert passes(guest) and passes(guest)
    hostile.destroy()
    again = new_guest('another', domid=hostile.domid)
    guest = again.connect()
    assert not passes(guest) and not passes(guest)
