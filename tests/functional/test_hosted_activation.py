# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests have nothing started in dom0, and own what is started for others only if they may."""
import pytest

import wire
from client import BUS, Refused
from hosted import ANYTHING
from activation import ERR, NAME, Services, ask, fifo, let_come, start, tell
from logs import left_out, wait_event, wait_log


@pytest.fixture
def services(start_hosted_bus, tmp_path):
    made = Services(start_hosted_bus, tmp_path)
    made.write(NAME, 'service', NAME)
    made.start()
    return made


def test_a_guest_starts_nothing(services, guest):
    client, local = guest.connect(), services.bus.connect()
    for serial in ask(client), start(client):
        with pytest.raises(Refused) as refused:
            client.result(serial)
        assert refused.value.name == ERR + 'ServiceUnknown'  # as if there were no such file
        assert refused.value.text == f'The name {NAME} was not provided by any .service files'
    tell(client, 'Tick')
    assert client.bus('ListActivatableNames') == [BUS]
    with pytest.raises(Refused) as refused:
        client.bus('UpdateActivationEnvironment', 'a{ss}', {'A': 'B'})
    assert refused.value.name == ERR + 'AccessDenied'
    assert services.started() == []
    # Once it runs for somebody who may, it is there for all.
    assert local.result(ask(local, 'Echo', 'u', 1)) == 1
    assert client.result(ask(client, 'Echo', 'u', 2)) == 2
    assert f'may not have {NAME} started' in services.bus.stderr.read_text()
    client.close()


def test_a_guest_starts_what_a_rule_says(services, new_guest):
    """By its own name or all that is below one; and it is told of what goes wrong."""
    services.write('org.example.Other', 'service', 'org.example.Other')
    services.write('org.below.Dies', 'exits', 7)
    services.bus.configure(policy=ANYTHING + '<policy domain="allowed"><allow start="' + NAME + '"/>'
                           '<allow start_prefix="org.below"/></policy>')
    local = services.bus.connect()
    local.bus('ReloadConfig')
    client = new_guest('allowed').connect()
    assert set(client.bus('ListActivatableNames')) == {BUS, NAME, 'org.below.Dies'}
    with pytest.raises(Refused) as refused:
        client.result(start(client, 'org.example.Other'))
    assert refused.value.name == ERR + 'ServiceUnknown'
    with pytest.raises(Refused) as refused:
        client.result(ask(client, name='org.below.Dies'))
    assert refused.value.name == ERR + 'Spawn.ChildExited'
    assert client.result(ask(client, 'Echo', 'u', 2)) == 2
    assert client.result(start(client)) == 2
    assert [mode for _, mode, *_ in services.started()] == ['exits', 'service']
    client.close()


def test_failed_starts_are_counted_with_who_wanted_them(services, new_guest):
    """However many names there are: what one guest has started in vain hides nothing of another."""
    for number in range(40):
        name = f'org.broken.Service{number}'
        services.write_text(f'[D-BUS Service]\nName={name}\nExec=/nowhere\n', f'{name}.service')
    services.bus.configure(policy=ANYTHING + '<policy domain="*"><allow start="*"/></policy>')
    services.bus.connect().bus('ReloadConfig')
    loud, quiet = new_guest('loud'), new_guest('quiet')
    one, two = loud.connect(), quiet.connect()
    for number in range(40):
        with pytest.raises(Refused):
            one.result(start(one, f'org.broken.Service{number}'))
    with pytest.raises(Refused):
        two.result(start(two, 'org.broken.Service0'))
    event = wait_event(services.bus, 'start-failed', domain=quiet.domid)
    assert (event['name'], event['service']) == ('quiet', 'org.broken.Service0')

    def of_loud(said):
        return [event for event in said if event.get('domain') == str(loud.domid)]
    wait_log(services.bus, lambda said: len(of_loud(said)) + left_out(of_loud(said)) >= 80
             and left_out(of_loud(said)))


def test_a_guest_that_is_gone_leaves_nothing(services, new_guest):
    """What it had started goes on; what it sent is forgotten."""
    gate = fifo(services)
    services.write('org.example.Slow', 'waits-for', gate, 'org.example.Slow')
    services.bus.configure(policy=ANYTHING + '<policy domain="*"><allow start="*"/></policy>')
    local, name = services.bus.connect(), 'org.example.Slow'
    local.bus('ReloadConfig')
    guest = new_guest('doomed')
    client = guest.connect()
    tell(client, 'Doomed', name=name)
    ask(client, 'Doomed', 'ay', bytes(500_000), name=name)
    start(client, name)
    client.sync()
    local.match(f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{client.name}'")
    guest.destroy()
    local.take_signal('NameOwnerChanged')
    serial = ask(local, 'Seen', name=name)
    local.sync()
    let_come(gate)
    assert local.result(serial) == ['Seen']


def test_a_guest_may_be_who_comes(services, new_guest):
    """The name is its by grant: what waits for it is given to it."""
    services.write('org.example.Remote', 'hangs')
    local, client = services.bus.connect(), new_guest('owner', own='org.example.Remote').connect()
    local.sync()
    serial = ask(local, 'Echo', 'u', 3, name='org.example.Remote')
    local.sync()
    assert client.own('org.example.Remote') == 1
    client.send(wire.reply_to(client.take_call('Echo'), 'u', 3))
    assert local.result(serial) == 3
    client.close()
    services.bus.stop()


def test_no_way_leads_to_a_start(start_hosted_bus, tmp_path, new_guest):
    """Through the agent, with every flag and type, and as the owner of whatever it likes: systemd, too."""
    services = Services(start_hosted_bus, tmp_path, options=['--systemd-activation'])
    unit = 'org.example.Unit'
    services.write(NAME, 'service', NAME)
    services.write(unit, 'service', unit, extra='SystemdService=example.service\n')
    bus = services.start()
    local, evil = bus.connect(), new_guest('evil', own='*').connect_agent()
    local.bus('UpdateActivationEnvironment', 'a{ss}', {'SECRET': 'x'})
    assert evil.own('org.freedesktop.systemd1') == 1
    for name in NAME, unit:
        for flags in 0, 1, 2, 4, 255:
            for kind in range(1, 6):
                evil.send(wire.Message(kind, flags, destination=name, path='/x', member='M',
                                       interface='x.I', reply_serial=1, error_name='x.E'))
        for path in '/org/freedesktop/DBus', '/x':
            evil.send(wire.call(BUS, path, None, 'StartServiceByName', 'su', name, 0xffffffff))
            evil.send(wire.call(None, path, BUS, 'StartServiceByName', 'su', name, 0))
        evil.own(name)
        evil.release(name)
        ask(evil, name=name)
    waiting = start(local, unit)
    local.sync()
    evil.send(wire.signal('/x', 'org.freedesktop.systemd1.Activator', 'ActivationFailure', 'sss',
                          'example.service', 'x.E', 'no', destination=BUS))
    assert not [m for m in evil.sync() if m.member in ('ActivationRequest', 'SetEnvironment')]
    assert not [m for m in local.sync() if m.reply_serial == waiting]
    assert services.started() == []
    bus.stop()
