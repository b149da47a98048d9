# SPDX-License-Identifier: LGPL-2.1-or-later
"""How domains end under xl, as both sides see it. What hosted Xen can do as well is in
functional/test_hosted_lifecycle.py, which also runs here."""
import pytest

import domains
from lifecycle import NAME, take_owner, wait_freed


def expect_gone(scene, service):
    """Who called is told so in words, and the bus holds nothing of that domain."""
    for caller in scene.callers:
        caller.expect_error()
    assert take_owner(scene.watcher, NAME, new='') == (service.name, '')
    assert domains.maps(scene.bus.pid) == scene.maps


@pytest.mark.parametrize('then', ['destroy', 'restart', 'preserve'])
def test_a_guest_crashes(xen, scene, then):
    guest = domains.create(xen, 'fragile', f'on_crash="{then}"')
    domid, service = guest.domid, scene.serve(guest)
    domains.crash(guest)
    expect_gone(scene, service)
    if then == 'preserve':
        # It is there to be looked at, with its pages; the bus holds none of them.
        assert domains.state(xen, domid)[3:5] == 'sc'
        xen.sh('xl', 'destroy', domid)
    wait_freed(xen, domid)
    if then == 'restart':
        scene.serve(domains.reborn(xen, guest))
        xen.sh('xl', 'destroy', guest.domid)
    xen.guests.remove(guest)


def test_a_guest_reboots(xen, scene):
    """xl makes another domain of it. Its service is back under its name, with another domid."""
    guest = domains.create(xen, 'rebooting')
    domid, service = guest.domid, scene.serve(guest)
    xen.sh('xl', 'reboot', domid)
    expect_gone(scene, service)
    wait_freed(xen, domid)
    again = scene.serve(domains.reborn(xen, guest))
    assert again.name.startswith(f':{guest.domid}.') and guest.domid != domid
    guest.destroy()
    expect_gone(scene, again)


def test_a_guest_ends_itself(xen, scene):
    """poweroff in the guest: nobody in dom0 asked for it."""
    guest = domains.create(xen, 'leaving')
    service = scene.serve(guest)
    guest.popen('poweroff', '-f')
    expect_gone(scene, service)
    wait_freed(xen, guest.domid)
    xen.guests.remove(guest)


def test_a_destroyed_guest_is_freed_at_once(xen, scene):
    """Not a page of it is left when its links are dropped: no (null) in what xl lists."""
    guest = domains.create(xen, 'doomed')
    service = scene.serve(guest)
    clients = [guest.connect() for _ in range(5)]
    assert domains.maps(scene.bus.pid) > scene.maps
    guest.destroy()
    expect_gone(scene, service)
    wait_freed(xen, guest.domid)
    assert '(null)' not in xen.sh('xl', 'list')
    for client in clients:
        client.close()


def test_two_guests_end_at_once(xen, scene):
    """And a third one is not disturbed."""
    guests = [domains.create(xen, f'twin{n}') for n in range(2)]
    service = scene.serve(guests[0])
    other = guests[1].connect()
    for guest in guests:
        guest.destroy()
    expect_gone(scene, service)
    take_owner(scene.watcher, other.name, new='')
    for guest in guests:
        wait_freed(xen, guest.domid)
    other.close()
