# SPDX-License-Identifier: LGPL-2.1-or-later
"""Grants and event channels, call by call: who may do what, and what is told to whom."""
import pytest

NONE = 2 ** 32 - 1


@pytest.fixture(scope='module')
def xen(any_xen):
    return any_xen


@pytest.fixture
def guests(xen):
    domids = xen.create('one'), xen.create('two')
    books = xen.books()
    yield domids
    xen.settles(books)
    for domid in domids:
        xen.hx('destroy', domid)
        xen.wait_until(lambda: xen.domain(domid) is None, 'it is still there')


def test_a_reference_is_for_one_domain_only(xen, guests):
    one, two = guests
    owner, dom0, other = xen.shell(one), xen.shell(0), xen.shell(two)
    ref = owner.number('share', 0, 1, 'w')
    assert other.ask('map', one, ref, 'w') == 'error EINVAL'
    assert other.ask('map', one, ref, 'r') == 'error EINVAL'
    assert owner.ask('map', one, ref, 'r') == 'error EINVAL'
    assert dom0.ask('map', two, ref, 'w') == 'error EINVAL'
    assert dom0.ask('map', one, ref + 1, 'w') == 'error EINVAL'
    assert dom0.ask('map', one, 10 ** 9, 'w') == 'error EINVAL'
    assert dom0.ask('map', 30000, ref, 'w') == 'error EINVAL'
    assert dom0.ask('map', one, ref, 'w') == 'mapped'
    owner.ask('poke', 0, 100, 42)
    assert dom0.number('peek', 0, 100) == 42
    for shell in owner, dom0, other:
        shell.close()


def test_what_is_granted_read_only_cannot_be_written(xen, guests):
    one, _ = guests
    owner, dom0 = xen.shell(one), xen.shell(0)
    ref = owner.number('share', 0, 1, 'r')
    assert dom0.ask('map', one, ref, 'w') == 'error EINVAL'
    assert dom0.ask('map', one, ref, 'r') == 'mapped'
    owner.ask('poke', 0, 0, 7)
    assert dom0.number('peek', 0, 0) == 7
    dom0.process.stdin.write(b'poke 0 0 9\n')
    dom0.process.stdin.flush()
    assert dom0.wait() != 0  # a segmentation fault, as on Xen
    owner.close()


def test_the_xenstore_page_is_for_dom0_only(xen, guests):
    one, two = guests
    other = xen.shell(two)
    assert other.ask('map', one, 1, 'w') == 'error EINVAL'
    other.close()


def test_nothing_is_granted_to_oneself(xen, guests):
    one, _ = guests
    for domid in one, 0:
        shell = xen.shell(domid)
        assert shell.ask('share', domid, 1, 'w') == 'error EINVAL'
        assert shell.ask('unbound', domid) == 'error EINVAL'
        shell.close()


def test_a_guest_has_1024_pages_and_gets_them_back(xen, guests):
    one, _ = guests
    owner = xen.shell(one)
    owner.number('share', 0, 1024, 'w')
    assert owner.ask('share', 0, 1, 'w') == 'error ENOSPC'
    assert owner.ask('unshare', 0) == 'ok'
    owner.number('share', 0, 1024, 'w')
    owner.close()


def test_pages_cost_their_owner_until_nobody_maps_them(xen, guests):
    one, _ = guests
    owner, dom0 = xen.shell(one), xen.shell(0)
    ref = owner.number('share', 0, 1, 'w')
    assert dom0.ask('map', one, ref, 'w') == 'mapped'
    assert owner.ask('unshare', 0) == 'ok'
    assert xen.domain(one)['pages'] == 2
    assert xen.domain(one)['mapped_by'] == {'0': 2}
    assert dom0.ask('map', one, ref, 'w') == 'error EINVAL'
    assert dom0.ask('unmap', 0) == 'ok'
    assert xen.domain(one)['pages'] == 1
    owner.close()
    dom0.close()


@pytest.mark.parametrize('how', ['unmap', 'close', 'kill'])
def test_whoever_lets_go_clears_a_byte_and_sends_an_event(xen, guests, how):
    one, _ = guests
    owner, dom0 = xen.shell(one), xen.shell(0)
    port = owner.number('unbound', 0)
    ref = owner.number('share', 0, 1, 'w', 20, port)
    owner.ask('poke', 0, 20, 1)
    theirs = dom0.number('bind', one, port)
    assert dom0.ask('map', one, ref, 'w', 20, theirs) == 'mapped'
    assert owner.ask('pending', 0) == 'nothing'
    if how == 'unmap':
        dom0.ask('unmap', 0)
    elif how == 'close':
        dom0.close()
    else:
        dom0.kill()
    assert owner.number('pending', 60000) == port
    assert owner.number('peek', 0, 20) == 0
    owner.close()
    if how == 'unmap':
        dom0.close()


def test_a_notification_needs_a_byte_and_a_port_of_ones_own(xen, guests):
    one, _ = guests
    owner = xen.shell(one)
    assert owner.ask('share', 0, 1, 'w', 4096, NONE) == 'error EINVAL'
    assert owner.ask('share', 0, 1, 'w', 0, 77) == 'error EINVAL'
    owner.close()
    assert xen.domain(one)['pages'] == 1


def test_a_port_is_for_one_domain_and_one_time(xen, guests):
    one, two = guests
    owner, dom0, other = xen.shell(one), xen.shell(0), xen.shell(two)
    port = owner.number('unbound', 0)
    assert other.ask('bind', one, port) == 'error EINVAL'
    assert dom0.ask('bind', two, port) == 'error EINVAL'
    dom0.number('bind', one, port)
    assert dom0.ask('bind', one, port) == 'error EINVAL'
    for shell in owner, dom0, other:
        shell.close()


def test_an_event_stays_masked_until_it_is_unmasked(xen, guests):
    one, _ = guests
    owner, dom0 = xen.shell(one), xen.shell(0)
    port = owner.number('unbound', 0)
    theirs = dom0.number('bind', one, port)
    assert dom0.number('pending', 60000) == theirs  # as Xen does to who binds
    dom0.ask('unmask', theirs)
    assert dom0.ask('pending', 0) == 'nothing'
    for _ in range(3):
        assert dom0.ask('notify', theirs) == 'ok'
    assert owner.number('pending', 60000) == port
    assert dom0.ask('notify', theirs) == 'ok'
    assert owner.ask('pending', 0) == 'nothing'
    assert owner.ask('unmask', port) == 'ok'
    assert owner.number('pending', 60000) == port
    assert owner.ask('unmask', port) == 'ok'
    assert owner.ask('pending', 0) == 'nothing'
    owner.close()
    dom0.close()


def test_a_port_that_was_left_can_be_bound_again(xen, guests):
    one, _ = guests
    owner, dom0 = xen.shell(one), xen.shell(0)
    port = owner.number('unbound', 0)
    theirs = dom0.number('bind', one, port)
    assert dom0.ask('unbind', theirs) == 'ok'
    assert dom0.ask('notify', theirs) == 'error ENOTCONN'
    assert owner.ask('notify', port) == 'ok'  # to nobody
    dom0.number('bind', one, port)
    owner.close()
    dom0.close()


def test_a_guest_learns_nothing_from_the_hypervisor(xen, guests):
    shell = xen.shell(guests[0])
    assert shell.ask('info', 0) == 'error EPERM'
    assert shell.ask('list') == 'error EPERM'
    shell.close()
