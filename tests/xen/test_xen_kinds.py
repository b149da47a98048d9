# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that are not PV, and stub domains. Where their code differs is in docs/guests.md."""
import subprocess
import time

import pytest

import domains
import real
from client import PATIENCE, Refused, echo_once
from hosted import Guest
from lifecycle import NAME, take_owner, wait_freed

PVH = ('type="pvh"', 'memory=192')


def test_a_pvh_guest(xen, scene):
    """A ring, a service, a caller, an agent, and its end: all as in a PV guest."""
    guest = domains.create(xen, 'pvh', *PVH)
    service = scene.serve(guest)
    client, local = guest.connect(), scene.bus.connect()
    for size in 1, 100, 100_000:
        echo_once(client, local, body=bytes(size))
        echo_once(local, client, body=bytes(size))
    credentials = local.bus('GetConnectionCredentials', 's', client.name)
    assert credentials['org.xen.xcp.DomainName'].value == 'pvh'
    guest.connect_agent().sync()
    guest.destroy()
    for caller in scene.callers:
        caller.expect_error()
    assert take_owner(scene.watcher, NAME, new='') == (service.name, '')
    wait_freed(xen, guest.domid)
    assert domains.maps(scene.bus.pid) == scene.maps
    client.close()


def test_pv_and_pvh_guests_talk(xen, scene, new_guest):
    pvh, pv = domains.create(xen, 'pvh', *PVH), new_guest('pv')
    one, two = pvh.connect(), pv.connect()
    for _ in range(5):
        echo_once(one, two)
        echo_once(two, one)
    for client in one, two:
        client.close()
    pvh.destroy()


class Stub:
    """A stub domain, without a device model in it: its guest waits, paused, for one."""

    def __init__(self, xen, name):
        self.xen = xen
        self.xl = subprocess.Popen(
            ['xl', 'create', '-q', real.GUEST, f'name="{name}"', 'type="hvm"', 'vnc=0', 'sdl=0',
             'vga="none"', 'memory=64', 'kernel=""', 'ramdisk=""', 'extra=""',
             'device_model_version="qemu-xen"', 'device_model_stubdomain_override=1',
             'stubdomain_kernel="/lab/guest-kernel"', 'stubdomain_ramdisk="/lab/guest.cpio"',
             'stubdomain_memory=192', 'stubdomain_cmdline="console=hvc0 quiet"'],
            stdin=subprocess.DEVNULL)
        self.target = self.wait_domid(name)
        self.guest = Guest(xen, self.wait_domid(f'{name}-dm'), f'{name}-dm')
        path = f'/local/domain/{self.guest.domid}'
        assert self.wait('xenstore-read', f'{path}/target').strip() == str(self.target)
        # As a device model would; else xl gives up after a minute.
        xen.sh('xenstore-write', f'{path}/device-model/{self.target}/state', 'running')

    def wait(self, *command):
        """Until it succeeds: what it says."""
        deadline = time.monotonic() + 2 * PATIENCE
        while (found := domains.call(self.xen, *command)).returncode:
            assert self.xl.poll() is None, 'xl create has failed'
            assert time.monotonic() < deadline, found.stderr
            time.sleep(0.2)
        return found.stdout

    def wait_domid(self, name):
        return int(self.wait('xl', 'domid', name))

    def destroy(self):
        self.xl.kill()
        self.xl.wait()
        domains.call(self.xen, 'xl', 'destroy', self.target)


@pytest.fixture
def stub(xen):
    stub = Stub(xen, 'served')
    yield stub
    stub.destroy()


def test_a_stub_domain(xen, scene, stub):
    """It is a PV domain for another one, and on the bus like any other."""
    domains.wait_up(xen, stub.guest)
    client, local = stub.guest.connect(), scene.bus.connect()
    echo_once(client, local)
    credentials = local.bus('GetConnectionCredentials', 's', client.name)
    assert credentials['org.xen.xcp.DomainName'].value == 'served-dm'
    # It may own what the toolstack says, which is nothing as yet.
    try:
        client.own('org.xen.xcp.stub1')
        raise AssertionError('a stub domain may own any name')
    except Refused as refused:
        assert refused.name.endswith('AccessDenied')
    stub.destroy()
    take_owner(scene.watcher, client.name, new='')
    wait_freed(xen, stub.guest.domid)
    wait_freed(xen, stub.target)
    client.close()
