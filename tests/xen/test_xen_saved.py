# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that is the same domain after xl save: a checkpoint, or a save that failed. Its programs lose
their rings and come back. (Restored, it is another domain: test_xen_restored.py.) What programs are told
stays in files in the guest: the lab's line to it is as dead as all others.
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
