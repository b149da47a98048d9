# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains come, call and go, many times, and nothing is left of them: no zombie, no grant, no event
channel, no descriptor, no node in xenstore, no memory of the daemon. --cycles says how many times.

A guest is restored from the image of one that was booted and saved, which takes a third of the time.
"""
import os
import re
import time
from collections import Counter

import pytest

import domains
import real
from client import PATIENCE
from hosted import resident_kib
from lifecycle import NAME, domids, take_owner, wait_freed

WARM = 3  # until the allocators have what they keep
TOTAL, INTERFACE = '/org/xen/xcp/counter1/total', 'org.xen.xcp.Counter1'


def ask_hypervisor(xen, key, entry):
    """How many lines of a debug key's table are entries, by the domain whose table it is."""
    xen.sh('xl', 'dmesg', '-c')
    xen.sh('xl', 'debug-keys', key)
    domid, found = None, Counter()
    for line in xen.sh('xl', 'dmesg').splitlines():
        table = re.search(r'(?:grant-table for remote d|information for domain )(\d+)', line)
        domid = int(table[1]) if table else domid
        found[domid] += bool(re.search(entry, line))
    return {domid: count for domid, count in found.items() if count}


def books(xen, bus):
    """All that dom0, and Xen itself, could keep of a domain."""
    nodes = xen.sh('xenstore-ls', '-f', '/').splitlines()
    return {'domains': sorted(domids(xen)), 'fds': len(os.listdir(f'/proc/{bus.pid}/fd')),
            'maps': domains.maps(bus.pid), 'nodes': len(nodes),
            'mapped grants': ask_hypervisor(xen, 'g', r'\[0x[0-9a-f]+\] +\d+ 0x'),
            # Those that wait for somebody, and those between domains.
            'event channels': ask_hypervisor(xen, 'e', r'\]: s=[23] '),
            'tool': xen.sh('xenstore-ls', '/tool').split()}


def wait_books(xen, bus, before):
    deadline = time.monotonic() + PATIENCE
    while (now := books(xen, bus)) != before:
        changed = {key: (before[key], now[key]) for key in before if before[key] != now[key]}
        assert time.monotonic() < deadline, f'before, now: {changed}'
        time.sleep(0.1)


@pytest.fixture
def image(xen):
    """A guest that sleeps, saved."""
    path = f'{xen.top}/sleeper'
    xen.sh('xl', 'create', '-q', real.GUEST, 'name="sleeper"',
           'extra="console=hvc0 quiet rdinit=/lab/sleeper"')
    domid = int(xen.sh('xl', 'domid', 'sleeper'))
    deadline = time.monotonic() + 2 * PATIENCE
    while domains.call(xen, 'xenstore-exists', f'/local/domain/{domid}/data/sleeps').returncode:
        assert time.monotonic() < deadline, 'the guest does not boot'
        time.sleep(0.2)
    xen.sh('xl', 'save', domid, path)
    yield path
    os.unlink(path)


def cycle(xen, bus, watcher, image):
    """Restored, called, destroyed while a call is on its way; freed."""
    xen.sh('xl', 'restore', '-p', image)
    domid = domains.adopt(xen, 'sleeper').domid
    xen.sh('xl', 'unpause', domid)
    _, owner = take_owner(watcher, NAME, old='')
    assert owner.startswith(f':{domid}.')
    for number in range(1, 4):
        assert watcher.call(NAME, TOTAL, INTERFACE, 'Add', 'u', 1) == number
    xen.sh('xl', 'destroy', domid)
    take_owner(watcher, NAME, new='')
    wait_freed(xen, domid)
    watcher.drain()


def test_many_domains_leave_nothing_behind(xen, start_hosted_bus, image, request):
    cycles = request.config.getoption('cycles')
    bus = start_hosted_bus()
    watcher = bus.connect().match(f"member='NameOwnerChanged',arg0='{NAME}'")
    for _ in range(WARM):
        cycle(xen, bus, watcher, image)
    before, memory = books(xen, bus), resident_kib(bus.pid)
    begin = time.monotonic()
    for _ in range(cycles):
        cycle(xen, bus, watcher, image)
    seconds = time.monotonic() - begin
    wait_books(xen, bus, before)
    grown = resident_kib(bus.pid) - memory
    print(f'{cycles} cycles, {seconds / cycles:.1f} s each; the daemon has {grown} KiB more; {before}')
    assert grown < 1024
    assert '(null)' not in xen.sh('xl', 'list')
