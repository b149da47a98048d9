# SPDX-License-Identifier: LGPL-2.1-or-later
"""xl save and restore of a guest whose programs are connected to the bus.

After a checkpoint it is the same domain, and its programs come back. Restored it is another domain, its
event channels are dead, and Linux (6.1) has a bug: what closes a handle of one dies of it. So there
it is a program that was started after the restore that has to be at the bus (docs/guests.md). What
programs are told stays in files in the guest: the lab's line to it is as dead as all others.
"""
import os
import time

import domains
from client import PATIENCE
from lifecycle import NAME, take_owner, wait_freed

LOG = '/run/counter.log'


def start_alone(scene, guest):
    """The service, as its init would start it: no line to the lab holds it. Its unique name."""
    xen = scene.xen
    xen.run(guest.domid, 'sh', '-c', 'XCP_BUS_ADDRESS=vchan:domain=0 setsid '
            f'/lab/build/examples/counter >{LOG} 2>&1 </dev/null & '
            f'until grep counting {LOG}; do usleep 50000; done')
    _, name = take_owner(scene.watcher, NAME, old='')
    for caller in scene.callers:
        caller.expect_fresh_answer()
    return name


def wait_log(guest, text):
    deadline = time.monotonic() + 2 * PATIENCE
    while text not in (said := guest.xen.run(guest.domid, 'cat', LOG)):
        assert time.monotonic() < deadline, said
        time.sleep(0.5)
    return said


def expect_back(scene, guest, first):
    """Told, connected again, with its name; nobody has restarted anything."""
    old, new = take_owner(scene.watcher, NAME, old='')
    assert new != first and new.startswith(f':{guest.domid}.')
    said = wait_log(guest, f'back as {new}')
    assert 'lost: ' in said and ', but ' not in said
    for caller in scene.callers:
        caller.expect_fresh_answer()


START_LATER = '''setsid sh -c '
while [ "$(xenstore-read domid)" = "$0" ]; do usleep 100000; done
XCP_BUS_ADDRESS=vchan:domain=0 exec /lab/build/examples/counter
' "$(xenstore-read domid)" >/run/later.log 2>&1 </dev/null &
sleep 1'''


def test_a_guest_is_saved_and_restored(xen, scene):
    guest = domains.create(xen, 'travelling')
    old, first = guest.domid, start_alone(scene, guest)
    xen.run(guest.domid, 'sh', '-c', START_LATER)
    image = f'{xen.top}/image'
    xen.sh('xl', 'save', guest.domid, image)
    for caller in scene.callers:
        caller.expect_error()
    assert take_owner(scene.watcher, NAME, new='') == (first, '')
    assert domains.maps(scene.bus.pid) == scene.maps
    wait_freed(xen, old)
    # What it may own is written before it goes on, as a toolstack does for any domain.
    xen.sh('xl', 'restore', '-p', image)
    guest.domid = domains.adopt(xen, 'travelling').domid
    assert guest.domid != old
    xen.sh('xl', 'unpause', guest.domid)
    xen.sh('rm', image)
    _, new = take_owner(scene.watcher, NAME, old='')
    assert new.startswith(f':{guest.domid}.')
    for caller in scene.callers:
        caller.expect_fresh_answer()
    xen.sh('xl', 'destroy', guest.domid)
    xen.guests.remove(guest)
    wait_freed(xen, guest.domid)


def test_a_guest_goes_on_after_a_checkpoint(xen, scene):
    """xl save -c: it is the same domain, and was suspended for a moment."""
    guest = domains.create(xen, 'staying')
    first = start_alone(scene, guest)
    image = f'{xen.top}/image'
    xen.sh('xl', 'save', '-c', guest.domid, image)
    xen.sh('rm', image)
    assert take_owner(scene.watcher, NAME, new='') == (first, '')
    expect_back(scene, guest, first)
    guest.destroy()
    wait_freed(xen, guest.domid)


def test_a_save_that_fails_leaves_the_guest_as_it_was(xen, scene):
    """The disk is full: xl resumes it."""
    guest = domains.create(xen, 'unsaved')
    first = start_alone(scene, guest)
    small = f'{xen.top}/small'
    os.mkdir(small)
    xen.sh('mount', '-t', 'tmpfs', '-o', 'size=8m', 'small', small)
    failed = domains.call(xen, 'xl', 'save', guest.domid, f'{small}/image')
    xen.sh('umount', small)
    assert failed.returncode != 0 and 'resuming domain' in failed.stdout + failed.stderr
    assert take_owner(scene.watcher, NAME, new='') == (first, '')
    expect_back(scene, guest, first)
    guest.destroy()
    wait_freed(xen, guest.domid)
