# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests have nothing started in dom0, and own what is started for others only if they may."""
import pytest

import wire
from client import BUS, Refused
from activation import ERR, NAME, Services, ask, start, tell


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
        assert refused.value.name == ERR + 'AccessDenied'
        assert NAME in refused.value.text
    tell(client, 'Tick')
    assert client.bus('ListActivatableNames') == [BUS]
    with pytest.raises(Refused) as refused:
        client.bus('UpdateActivationEnvironment', 'a{ss}', {'A': 'B'})
    assert refused.value.name == ERR + 'AccessDenied'
    assert services.started() == []
    # Once it runs for somebody who may, it is there for all.
    assert local.result(ask(local, 'Echo', 'u', 1)) == 1
    assert client.result(ask(client, 'Echo', 'u', 2)) == 2
    client.close()


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
