# SPDX-License-Identifier: LGPL-2.1-or-later
"""What xl can do to domains and hosted Xen cannot."""
import subprocess
import time
from pathlib import Path

import real
from client import PATIENCE
from hosted import Guest


def call(xen, *command):
    """A command in dom0 that may fail: how it went."""
    return subprocess.run([*map(str, command)], env=xen.env, timeout=2 * PATIENCE, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)


def adopt(xen, name, own='*'):
    """A domain that xl has made, as a guest for the tests. It may own names, says the toolstack."""
    guest = Guest(xen, int(xen.sh('xl', 'domid', name)), name)
    if own is not None:
        xen.sh('xenstore-write', f'/local/domain/{guest.domid}/xcp-bus/own', own)
    return guest


def create(xen, name, *settings, own='*'):
    """A new domain with settings of its own, such as 'type="pvh"'."""
    xen.sh('xl', 'create', '-q', real.GUEST, f'name="{name}"', *settings)
    xen.guests.append(adopt(xen, name, own))
    wait_up(xen, xen.guests[-1])
    return xen.guests[-1]


def wait_up(xen, guest):
    """Until programs can be run in it. xl makes a domain some time before xenstored knows it. Several that
    are Debian, and install packages, share one emulated CPU."""
    deadline = time.monotonic() + 5 * PATIENCE
    while call(xen, 'xenstore-exists', f'/local/domain/{guest.domid}/data/lab/next').returncode:
        assert time.monotonic() < deadline, f'{guest.name} does not boot'
        time.sleep(0.1)
    xen.run(guest.domid, 'mkdir', '-p', xen.top)


def wait_new_domid(xen, guest):
    """Until the toolstack has made another domain of that name."""
    deadline = time.monotonic() + 2 * PATIENCE
    while True:
        names = [line.split()[:2] for line in xen.sh('xl', 'list').splitlines()[1:]]
        others = [int(domid) for name, domid in names
                  if name == guest.name and int(domid) != guest.domid]
        if others:
            return others[0]
        assert time.monotonic() < deadline, f'{guest.name} does not come back: {names}'
        time.sleep(0.1)


def reborn(xen, guest):
    """The same guest after a reboot: another domid. Its init is to start its programs again."""
    domid = wait_new_domid(xen, guest)
    xen.sh('xenstore-write', f'/local/domain/{domid}/xcp-bus/own', '*')
    guest.domid = domid
    wait_up(xen, guest)
    return guest


def crash(guest):
    """Its kernel, at once; the program that asks for it does not live to see it."""
    guest.popen('sh', '-c', 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger')


def state(xen, domid):
    """The letters that xl list shows: r-unning b-locked p-aused s-hutdown c-rashed d-ying."""
    return xen.sh('xl', 'list', domid).splitlines()[1].split()[4]


def maps(pid):
    """How many places of a process are pages that another domain has granted."""
    return Path(f'/proc/{pid}/maps').read_text().count('/dev/xen/gntdev')


def ports(pid):
    """How many event channels a process holds open handles of."""
    links = [path.resolve() for path in Path(f'/proc/{pid}/fd').iterdir()]
    return sum(str(link) == '/dev/xen/evtchn' for link in links)
