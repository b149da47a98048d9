# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests that need a real Xen: they run in its dom0, by tests/xen/run."""
from types import SimpleNamespace

import pytest

import domains
from lifecycle import NAME, Caller, start_counter, take_owner


def pytest_addoption(parser):
    parser.addoption('--cycles', type=int, default=6, help='how often test_xen_soak.py goes round')


@pytest.fixture
def scene(xen, start_hosted_bus, new_guest):
    """A bus, somebody who watches, and callers in dom0 and in a guest that never stop calling."""
    bus = start_hosted_bus()
    scene = SimpleNamespace(xen=xen, bus=bus, maps=domains.maps(bus.pid),
                            watcher=bus.connect().match("member='NameOwnerChanged'"))
    other = new_guest('other')
    scene.callers = [Caller(xen, 0, address=f'unix:path={bus.path}'),
                     Caller(xen, other.domid, address='vchan:domain=0')]
    scene.maps = domains.maps(bus.pid)

    def serve(guest):
        """The service begins there, and both callers get answers."""
        service = start_counter(guest)
        assert take_owner(scene.watcher, NAME, new=service.name) == ('', service.name)
        for caller in scene.callers:
            caller.expect_fresh_answer()
        return service

    scene.serve = serve
    yield scene
    for caller in scene.callers:
        assert caller.process.poll() is None, f'a caller has ended: {caller.log[-20:]}'
        assert not [line for line in caller.log if line.startswith('lost')], caller.log[-20:]
        caller.close()
