# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rough use: many threads, a guest that scribbles, links that come and go."""
import pytest


@pytest.fixture
def guest(xen):
    domid = xen.create('guest')
    books = xen.books()
    yield domid
    xen.settles(books)


def test_threads_have_rings_of_their_own(xen, guest):
    path = f'/local/domain/{guest}/data/ring'
    server = xen.popen(guest, xen.tool('vchan-threads'), 'server', 0, path, 8)
    server.expect('ready')
    client = xen.popen(0, xen.tool('vchan-threads'), 'client', guest, path, 8)
    client.expect('ok')
    server.expect('ok')
    assert server.wait() == client.wait() == 0
    for i in range(8):
        xen.call('run', 0, 'xenstore-rm', f'{path}{i}')


@pytest.mark.parametrize('seed', range(4))
def test_a_guest_that_scribbles_over_its_ring_harms_nobody_else(xen, guest, seed):
    path = f'/local/domain/{guest}/data/ring'
    evil = xen.popen(guest, xen.tool('vchan-scribble'), 0, path, 300000, seed)
    evil.expect('offered')
    # What the victim reads is nonsense, so that it fails; that it fails in good order is the point.
    victim = xen.echo(0, 'client', guest, path, 10 ** 6, 5000)
    victim.expect('connected')
    evil.expect('connected')
    evil.expect('done')
    assert evil.wait() == 0
    assert victim.wait() == 1
    xen.run(0, 'xenstore-rm', path)
    innocent = xen.echo(guest, 'server', 0, f'{path}2', 4096, 4096)
    innocent.expect('offered 4096 4096')
    client = xen.echo(0, 'client', guest, f'{path}2', 10, 5000)
    client.expect('connected')
    client.expect('ok 10 5000')
    innocent.expect('connected')
    innocent.expect('closed')
    assert innocent.wait() == client.wait() == 0
    xen.call('run', 0, 'xenstore-rm', f'{path}2')


def test_hundreds_of_links_leave_nothing_behind(xen, guest):
    path = f'/local/domain/{guest}/data/ring'
    for i in range(100):
        server = xen.echo(guest, 'server', 0, f'{path}{i}', 65536, 65536)
        assert server.line().startswith('offered ')
        client = xen.echo(0, 'hold', guest, f'{path}{i}')
        client.expect('connected')
        client.expect('ok 1 100')
        (client if i % 2 else server).kill()
        (server if i % 2 else client).rest()
        xen.processes.clear()
        xen.call('run', 0, 'xenstore-rm', f'{path}{i}')
