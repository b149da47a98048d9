# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of domains, as both sides see it: the service in a driver domain, and who calls it.

There are two callers, one in dom0 (a toolstack) and one in another guest; they go on calling and are
never restarted.
"""
import os
import signal
from types import SimpleNamespace

import pytest

import wire
from lifecycle import NAME, Caller, domids, start_counter, take_owner, wait_freed

RING = 'vchan:domain=0'


def point_at(xen, bus):
    """Where dom0's programs find the bus, whichever it is now."""
    path = f'{xen.top}/the-bus'
    os.symlink(bus.path, f'{path}.new')
    os.rename(f'{path}.new', path)
    return path


@pytest.fixture
def scene(xen, start_hosted_bus, new_guest):
    """A driver domain with its service, both callers, and somebody who watches."""
    bus = start_hosted_bus()
    driver, other = new_guest('driver'), new_guest('other')
    scene = SimpleNamespace(xen=xen, bus=bus, driver=driver, other=other)
    scene.path = point_at(xen, bus)
    scene.watcher = bus.connect().match("member='NameOwnerChanged'")
    scene.service = start_counter(driver)
    take_owner(scene.watcher, NAME, new=scene.service.name)
    scene.callers = [Caller(xen, 0, address=f'unix:path={scene.path}'),
                     Caller(xen, other.domid, address=RING)]
    for caller in scene.callers:
        caller.expect_answer()
    yield scene
    for caller in scene.callers:
        assert caller.process.poll() is None, f'a caller has ended: {caller.log[-20:]}'
        caller.close()


def expect_gone(scene, domid):
    """Every caller is told in words; the watcher is told; and nothing holds on to the domain."""
    for caller in scene.callers:
        caller.expect_error()
    old, new = take_owner(scene.watcher, NAME, new='')
    assert (old, new) == (scene.service.name, '')
    wait_freed(scene.xen, domid)


def test_a_driver_domain_is_created_while_it_is_called_for(xen, start_hosted_bus, new_guest):
    bus = start_hosted_bus()
    watcher = bus.connect().match("member='NameOwnerChanged'")
    callers = [Caller(xen, 0, address=f'unix:path={bus.path}'),
               Caller(xen, new_guest('other').domid, address=RING)]
    for caller in callers:
        assert caller.expect_error().endswith('ServiceUnknown')
    driver = new_guest('driver')
    service = start_counter(driver)
    assert take_owner(watcher, NAME) == ('', service.name)
    assert service.name.startswith(f':{driver.domid}.')
    for caller in callers:
        caller.expect_answer()
        caller.close()
    credentials = watcher.bus('GetConnectionCredentials', 's', NAME)
    assert credentials['org.xen.xcp.DomainName'].value == 'driver'


def test_a_driver_domain_is_destroyed(scene):
    domid = scene.driver.domid
    scene.driver.destroy()
    assert scene.service.wait() == -signal.SIGKILL
    expect_gone(scene, domid)
    for caller in scene.callers:
        caller.forget()
        assert caller.expect_error().endswith('ServiceUnknown')


def test_a_driver_domain_is_destroyed_while_it_owes_answers(scene):
    """Its program does not answer, so that all that was asked is owed when it goes."""
    domid = scene.driver.domid
    silent = scene.driver.connect()
    silent.own('org.xen.xcp.silent1')
    asker = scene.bus.connect()
    serials = [asker.send(wire.call('org.xen.xcp.silent1', '/a', 'a.b', 'C')) for _ in range(10)]
    for _ in serials:
        silent.take_call('C')
    scene.driver.destroy()
    for serial in serials:
        answer = asker.take_reply(serial)
        assert answer.error_name.endswith('NoReply') and len(answer.text().split()) > 3
    expect_gone(scene, domid)
    silent.close()


def test_a_driver_domain_shuts_down(scene):
    domid = scene.driver.domid
    scene.xen.hx('shutdown', domid)
    scene.service.wait()
    for caller in scene.callers:
        caller.expect_error()
    assert take_owner(scene.watcher, NAME, new='') == (scene.service.name, '')


def test_a_driver_domain_is_paused(scene):
    """Nobody is told, nobody loses anything: it takes longer, that is all."""
    scene.xen.hx('pause', scene.driver.domid)
    for caller in scene.callers:
        caller.forget()
    # The bus goes on, and knows of no change.
    assert scene.watcher.bus('GetNameOwner', 's', NAME) == scene.service.name
    scene.xen.hx('unpause', scene.driver.domid)
    for caller in scene.callers:
        _, errors = caller.expect_answer()
        assert not errors
    assert not [line for line in scene.service.log if line.startswith('lost')]


def test_a_caller_is_paused_and_destroyed(scene):
    """The other way round: the service goes on for the other caller."""
    domid = scene.other.domid
    scene.xen.hx('pause', domid)
    scene.callers[0].expect_fresh_answer()
    scene.other.destroy()
    wait_freed(scene.xen, domid)
    take_owner(scene.watcher, scene.callers[1].name, new='')
    scene.callers.pop().wait()
    scene.callers[0].expect_fresh_answer()


def test_a_driver_domain_is_suspended(scene):
    """Its ring is dead afterwards. Its program is told, comes back, and is called again."""
    first = scene.service.name
    scene.xen.hx('suspend', scene.driver.domid)
    scene.service.expect('lost: ')
    line, _ = scene.service.expect('back as')
    assert 'but' not in line
    scene.service.name = line.split()[-1]
    assert take_owner(scene.watcher, NAME, old=first) == (first, '')
    assert take_owner(scene.watcher, NAME) == ('', scene.service.name)
    assert scene.service.name != first
    for caller in scene.callers:
        caller.expect_fresh_answer()


@pytest.mark.parametrize('rounds', [3])
def test_a_driver_domain_is_killed_and_created_again(scene, new_guest, rounds):
    """Again and again, and nothing else is restarted: not the bus, not the callers."""
    for _ in range(rounds):
        domid, first = scene.driver.domid, scene.service.name
        scene.driver.destroy()
        expect_gone(scene, domid)
        scene.driver = new_guest('driver')
        scene.service = start_counter(scene.driver)
        assert take_owner(scene.watcher, NAME, new=scene.service.name)[0] == ''
        assert scene.service.name != first
        for caller in scene.callers:
            caller.expect_fresh_answer()
    assert domid not in domids(scene.xen)
    for caller in scene.callers:
        assert not [line for line in caller.log if line.startswith('lost')]


def test_the_daemon_is_killed_and_started_again(scene, start_hosted_bus):
    """Every program is told, comes back by itself, and gets what it had: nobody restarts it."""
    scene.bus.process.kill()
    scene.watcher.wait_closed()
    scene.bus.stop(signal.SIGKILL)
    for program in [scene.service, *scene.callers]:
        line, _ = program.expect('lost: ')
        assert len(line.split()) > 3, f'that is no sentence: {line}'
        program.expect('retrying: ')
    scene.bus = start_hosted_bus()
    point_at(scene.xen, scene.bus)
    scene.watcher = scene.bus.connect()
    line, _ = scene.service.expect('back as')
    assert 'but' not in line
    for caller in scene.callers:
        caller.expect('back as')
        caller.expect_answer()
    assert scene.watcher.bus('GetNameOwner', 's', NAME) == line.split()[-1]
