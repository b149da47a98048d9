# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is denied what, and why. Alone in its file: of two buses in dom0 a guest may reach either."""
import pytest

from client import Refused
from watching import Watch

ACCESS_DENIED = 'org.freedesktop.DBus.Error.AccessDenied'


def test_who_is_denied_what_and_why(start_hosted_bus, new_guest, build):
    policy = ('<policy domain="*"><allow send_destination="*"/><allow receive_sender="*"/>'
              '<deny send_destination="org.xen.xcp.private1"/></policy>')
    bus = start_hosted_bus(policy=policy)
    local, guest = bus.connect(), new_guest('denied')
    local.own('org.xen.xcp.private1')
    remote = guest.connect()
    with Watch(build, bus, '--errors', '--count=1') as watch, \
            Watch(build, bus, '--errors', '--domain=denied', '--count=1', is_json=False) as text, \
            Watch(build, bus, '--errors', '--service=org.xen.xcp.private1', '--count=1') as service:
        with pytest.raises(Refused) as refused:
            remote.call('org.xen.xcp.private1', '/x', 'a.b', 'Secret')
        (line,) = watch.wait()
        (words,) = text.wait()
        same = service.wait()
    assert refused.value.name == line['error'] == ACCESS_DENIED
    assert line['text'] == refused.value.text
    assert line['to'] == {'unique': remote.name, 'name': None, 'domid': guest.domid, 'domain': 'denied'}
    assert (line['interface'], line['member'], line['called']) == ('a.b', 'Secret', 'org.xen.xcp.private1')
    assert f'-> {remote.name}@denied({guest.domid})  a.b.Secret of org.xen.xcp.private1' in words
    assert f'{ACCESS_DENIED}: {refused.value.text}'[:300] in words
    assert [one['member'] for one in same] == ['Secret']
    remote.close()
