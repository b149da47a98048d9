# SPDX-License-Identifier: LGPL-2.1-or-later
"""What guests may do by default, and what rules for domains change."""
import pytest

import wire
from client import BUS, Refused, echo_once

ERR = 'org.freedesktop.DBus.Error.'
SERVICE = 'org.xen.xcp.storage'


@pytest.fixture
def three(start_hosted_bus, new_guest):
    """A program in dom0 and one in each of two guests, on a bus with a policy."""
    def three(policy):
        bus = start_hosted_bus(policy=policy)
        left, right = new_guest('left'), new_guest('right')
        return bus, bus.connect(), left.connect(), right.connect()
    return three


def is_denied(caller, to):
    serial = caller.send(wire.call(to, '/p', 'x.I', 'M'))
    return any(m.reply_serial == serial and m.error_name == ERR + 'AccessDenied'
               for m in caller.sync())


def test_guests_by_default(three):
    _, dom0, left, right = three('')
    assert is_denied(left, right.name) and is_denied(left, dom0.name)
    echo_once(dom0, left)
    right.own(SERVICE)
    dom0.own('org.xen.xcp.xenopsd')
    echo_once(left, right, SERVICE)
    echo_once(left, dom0, 'org.xen.xcp.xenopsd')
    for listener in dom0, left, right:
        listener.match("type='signal',path='/s'")
    left.send(wire.signal('/s', 'x.I', 'Left'))
    right.send(wire.signal('/s', 'x.I', 'Right'))
    assert {dom0.take_signal('Left').sender, dom0.take_signal('Right').sender} \
        == {left.name, right.name}
    assert left.take_signal('Right').sender == right.name
    assert not [m for m in right.sync() if m.member == 'Left']


def test_rules_for_one_domain_and_for_all(three, xen):
    bus, dom0, left, right = three('<policy domain="*"><deny send_destination_prefix="org.xen.xcp"/>'
                                   '</policy><policy domain="left"><allow send_domain="0"/></policy>')
    dom0.own(SERVICE)
    assert is_denied(right, SERVICE) and not is_denied(left, SERVICE)
    assert not is_denied(dom0, left.name)  # users are not concerned
    with pytest.raises(Refused, match='Rejected send message, .*name="right"'):
        right.call(SERVICE, '/p', 'x.I', 'M')
    bus.configure(policy=f'<policy domain="{int(right.name[1:].split(".")[0])}">'
                         '<allow send_destination="*"/></policy>')
    dom0.bus('ReloadConfig')
    assert not is_denied(right, dom0.name) and not is_denied(left, SERVICE)


def test_a_guest_is_told_who_forbids_it_a_name(start_hosted_bus, new_guest):
    start_hosted_bus(policy='<policy domain="*"><deny own="a.b"/></policy>')
    guest = new_guest('guest', own='a.*')
    assert 'due to security policies' in guest.connect().refusal('RequestName', 'su', 'a.b', 0).text
    assert 'the toolstack has not granted it' in guest.connect().refusal('RequestName', 'su', 'b.c', 0).text


def test_what_a_guest_is_told_of_others(three):
    """Not which process of dom0 it is that it may not call, nor what the toolstack calls a guest."""
    _, dom0, left, right = three('')
    for other in dom0, right:
        with pytest.raises(Refused) as refused:
            left.call(other.name, '/p', 'x.I', 'M')
        assert 'name="left"' in refused.value.text
        assert f'(domain={other.name[1:].split(".")[0]})' in refused.value.text
        assert set(left.bus('GetConnectionCredentials', 's', other.name)) == {
            'org.xen.xcp.DomainID'}
        assert left.refusal('GetConnectionUnixUser', 's', other.name).name == ERR + 'Failed'
    assert left.refusal('GetConnectionUnixProcessID', 's', BUS).name == (
        ERR + 'UnixProcessIdUnknown')
