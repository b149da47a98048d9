# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs with rings go on in a guest that was saved and restored (docs/guests.md).

The lab's own lines to the guest are rings as well, of programs that know nothing of Linux's bug: they
are stopped before, and never go on. Those who talk to the guest afterwards are started when the bus has
seen that ours are back, because who comes to a new channel can be cut by who closes a dead one.
"""
import time

import domains
from client import PATIENCE
from lifecycle import NAME, take_owner, wait_freed

DAEMONS = '''
begin() { log=$1; shift; setsid "$@" >/run/$log.log 2>&1 </dev/null & }
begin agent xcp-bus-agent --listen=unix:path=/run/agent.sock --verbose
until [ -S /run/agent.sock ]; do usleep 50000; done
export XCP_BUS_ADDRESS=vchan:domain=0
begin counter /lab/build/examples/counter
export XCP_BUS_ADDRESS=vchan:
begin ring /lab/build/tests/functional/caller
export XCP_BUS_ADDRESS=unix:path=/run/agent.sock
begin socket /lab/build/tests/functional/caller
until grep -q counting /run/counter.log && grep -q answer /run/ring.log && grep -q answer /run/socket.log
do usleep 50000; done
'''
JOURNEY = '''
rm -f /run/is-waiting
cat >/run/journey <<'END'
touch /run/is-waiting
old=$(xenstore-read domid)
until xenstore-exists data/pack; do usleep 50000; done
killall -STOP lab-guest
xenstore-write data/packed 1
while [ "$(xenstore-read domid)" = "$old" ]; do usleep 50000; done
until xenstore-exists data/unpack; do usleep 50000; done
exec lab-guest
END
setsid sh /run/journey >/run/journey.log 2>&1 </dev/null &
until [ -e /run/is-waiting ]; do usleep 50000; done
'''
PROGRAMS = 'agent', 'counter', 'ring', 'socket'
END_ALL = '''
pids=$(ps | grep -E "xcp-bus-agent|/lab/build/" | grep -v grep | sed "s/^ *//; s/ .*//")
kill $pids
for pid in $pids; do
	until [ ! -d /proc/$pid ] || grep -q "^State:.Z" /proc/$pid/status; do usleep 50000; done
done
echo $pids
'''


def inside(guest, script):
    return guest.xen.run(guest.domid, 'sh', '-c', script)


def data(guest, node):
    return f'/local/domain/{guest.domid}/data/{node}'


def wait_node(guest, node):
    deadline = time.monotonic() + 2 * PATIENCE
    while domains.call(guest.xen, 'xenstore-exists', data(guest, node)).returncode:
        assert time.monotonic() < deadline, f'{guest.name} does not write {node}'
        time.sleep(0.1)


def travel(scene, guest):
    """Saved and restored, until the service is back."""
    xen, old, image = scene.xen, guest.domid, f'{scene.xen.top}/image'
    inside(guest, JOURNEY)
    xen.sh('xenstore-write', data(guest, 'pack'), 1)
    wait_node(guest, 'packed')
    xen.sh('xl', 'save', guest.domid, image)
    for caller in scene.callers:
        caller.expect_error()
    take_owner(scene.watcher, NAME, new='')
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


def wait_connected(scene, guest):
    """All of its programs are on the bus again, so they have closed what was dead."""
    deadline = time.monotonic() + 2 * PATIENCE
    while len([name for name in scene.watcher.bus('ListNames')
               if name.startswith(f':{guest.domid}.')]) < 3:
        assert time.monotonic() < deadline, 'its programs do not come back'
        time.sleep(0.1)


def wait_back(guest, log):
    """Told that the bus is lost, and back since then: there are as many of the second."""
    deadline = time.monotonic() + 2 * PATIENCE
    while True:
        said = inside(guest, f'cat /run/{log}.log')
        if 0 < said.count('lost: ') == said.count('back as') and ', but ' not in said:
            return said
        assert time.monotonic() < deadline, said[-2000:]
        time.sleep(0.5)


def test_programs_go_on_after_they_were_restored(xen, scene):
    """The service and a caller on rings, a caller through the agent; twice, and then they end in peace."""
    guest = domains.create(xen, 'travelling')
    inside(guest, DAEMONS)
    take_owner(scene.watcher, NAME, old='')
    for _ in range(2):
        travel(scene, guest)
        wait_connected(scene, guest)
        xen.sh('xenstore-write', data(guest, 'unpack'), 1)
        domains.wait_up(xen, guest)
        for log in 'counter', 'ring', 'socket':
            wait_back(guest, log)
    assert 'this domain goes on under another domid' in inside(guest, 'cat /run/agent.log')
    # Who ends closes all that it has: Linux would not let it, had a dead channel been left.
    assert len(inside(guest, END_ALL).split()) == len(PROGRAMS)
    assert 'kernel BUG' not in inside(guest, 'dmesg')
    xen.sh('xl', 'destroy', guest.domid)
    xen.guests.remove(guest)
    wait_freed(xen, guest.domid)
