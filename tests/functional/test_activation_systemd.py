# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services that systemd starts for the bus; the test plays systemd."""
import pytest

import wire
from activation import NAME, Services, ask, end_all, refusal, start
from client import BUS, BUS_PATH

ACTIVATOR = 'org.freedesktop.systemd1.Activator'
SYSTEMD = 'org.freedesktop.systemd1'


@pytest.fixture
def with_systemd(start_bus, tmp_path):
    """A bus with --systemd-activation."""
    made = Services(start_bus, tmp_path, options=['--systemd-activation'])
    made.write(NAME, 'exits', 1, extra='SystemdService=example.service\n')
    made.start()
    yield made
    end_all([made])


def fails(systemd, unit, error, text):
    systemd.send(wire.signal('/org/freedesktop/systemd1', ACTIVATOR, 'ActivationFailure', 'sss',
                             unit, error, text, destination=BUS))


def take_request(systemd):
    request = systemd.take_signal('ActivationRequest')
    assert request.interface == ACTIVATOR and request.sender == BUS
    assert request.path == BUS_PATH
    return request.body[0]


def test_systemd_is_asked(with_systemd):
    bus = with_systemd.bus
    systemd, client, service = bus.connect(), bus.connect(), bus.connect()
    systemd.own(SYSTEMD)
    serials = ask(client, 'Echo', 'u', 1), ask(client, 'Echo', 'u', 2), start(client)
    assert take_request(systemd) == 'example.service'
    service.own(NAME)
    for i in 1, 2:
        request = service.take_call('Echo')
        assert request.body == (i,)
        service.send(wire.reply_to(request, 'u', i))
    assert [client.result(serial) for serial in serials] == [1, 2, 1]
    systemd.sync()
    assert not [m for m in systemd.inbox if m.member == 'ActivationRequest']  # once is enough
    assert with_systemd.started() == []


def test_systemd_comes_later(with_systemd):
    bus = with_systemd.bus
    systemd, client = bus.connect(), bus.connect()
    serial, to_systemd = start(client), ask(client, 'Hello', name=SYSTEMD)
    client.sync()
    systemd.own(SYSTEMD)
    assert take_request(systemd) == 'example.service'
    systemd.send(wire.reply_to(systemd.take_call('Hello')))
    client.result(to_systemd)
    systemd.own(NAME)
    assert client.result(serial) == 1


def test_systemd_says_that_it_failed(with_systemd):
    bus = with_systemd.bus
    systemd, client = bus.connect(), bus.connect()
    systemd.own(SYSTEMD)
    serials = ask(client), start(client)
    take_request(systemd)
    fails(systemd, 'other.service', 'org.example.Error', 'not this one')
    fails(systemd, 'example.service', 'org.example.Error', 'the reason')
    for serial in serials:
        refused = refusal(client, serial)
        assert (refused.name, refused.text) == ('org.example.Error', 'the reason')


def test_nobody_else_says_so(with_systemd):
    """CVE-2015-0245."""
    bus = with_systemd.bus
    systemd, client, liar = bus.connect(), bus.connect(), bus.connect()
    systemd.own(SYSTEMD)
    serial = start(client)
    take_request(systemd)
    fails(liar, 'example.service', 'org.example.Lie', 'x')
    liar.sync()
    fails(systemd, 'example.service', 'org.example.Truth', 'x')
    assert refusal(client, serial).name == 'org.example.Truth'


def test_systemd_gets_the_environment(with_systemd):
    bus = with_systemd.bus
    systemd, client = bus.connect(), bus.connect()
    systemd.own(SYSTEMD)
    client.bus('UpdateActivationEnvironment', 'a{ss}', {'A': '1', 'B': 'x=y'})
    call = systemd.take_call('SetEnvironment')
    assert call.interface == 'org.freedesktop.systemd1.Manager'
    assert sorted(call.body[0]) == ['A=1', 'B=x=y']


def test_systemd_gets_the_environment_later(with_systemd):
    bus = with_systemd.bus
    systemd, client = bus.connect(), bus.connect()
    client.bus('UpdateActivationEnvironment', 'a{ss}', {'A': '1', 'B': 'x=y'})
    systemd.own(SYSTEMD)
    assert sorted(systemd.take_call('SetEnvironment').body[0]) == ['A=1', 'B=x=y']


def test_systemd_activation_is_a_feature(with_systemd):
    client = with_systemd.bus.connect()
    features = client.call(BUS, BUS_PATH, 'org.freedesktop.DBus.Properties', 'Get', 'ss', BUS,
                           'Features')
    assert 'SystemdActivation' in features.value
