# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's libxenvchan on hosted Xen: bytes both ways, and the end of either side."""
import pytest

from instance import PATIENCE

SIZES = [(1024, 2048), (2048, 1024), (4096, 4096), (65536, 65536), (1 << 20, 1 << 20)]


@pytest.fixture(scope='module')
def xen(any_xen):
    return any_xen


@pytest.fixture
def guest(xen, request):
    """A guest whose end, and that of all its programs, leaves nothing behind."""
    domid = xen.create('guest')
    books = xen.books()
    yield domid
    xen.settles(books)
    xen.hx('destroy', domid)
    xen.wait_until(lambda: xen.domain(domid) is None, 'it is still there')


def offer(xen, domid, read=65536, write=65536, name='ring'):
    server = xen.echo(domid, 'server', 0, f'/local/domain/{domid}/data/{name}', read, write)
    assert server.line().startswith('offered ')
    return server


def remove_offer(xen, domid, name='ring'):
    """A killed server leaves its nodes behind, as on Xen."""
    xen.run(0, 'xenstore-rm', f'/local/domain/{domid}/data/{name}')


def close(xen, domid, server):
    server.expect('closed')
    assert server.wait() == 0
    remove_offer(xen, domid)


@pytest.mark.parametrize('sizes', SIZES, ids=lambda sizes: f'{sizes[0]}-{sizes[1]}')
def test_a_guest_echoes_what_dom0_sends(xen, guest, sizes):
    server = offer(xen, guest, *sizes)
    client = xen.echo(0, 'client', guest, f'/local/domain/{guest}/data/ring', 100, 50000)
    client.expect('connected')
    client.expect('ok 100 50000')
    assert client.wait() == 0
    server.expect('connected')
    close(xen, guest, server)


def test_dom0_echoes_what_a_guest_sends(xen, guest):
    path = f'/local/domain/{guest}/served'
    server = xen.echo(0, 'server', guest, path, 65536, 4096)
    server.expect('offered 65536 4096')
    xen.run(0, 'xenstore-chmod', '-r', path, 'n0', f'r{guest}')
    client = xen.echo(guest, 'client', 0, path, 100, 50000)
    client.expect('connected')
    client.expect('ok 100 50000')
    assert client.wait() == 0
    server.expect('connected')
    server.expect('closed')
    assert server.wait() == 0
    xen.run(0, 'xenstore-rm', path)


def test_two_guests_talk_to_each_other(xen, guest):
    other = xen.create('other')
    path = f'/local/domain/{guest}/data/ring'
    server = xen.echo(guest, 'server', other, path, 65536, 65536)
    server.expect('offered 65536 65536')
    client = xen.echo(other, 'client', guest, path, 100, 5000)
    client.expect('connected')
    client.expect('ok 100 5000')
    assert client.wait() == 0
    server.expect('connected')
    close(xen, guest, server)
    xen.hx('destroy', other)
    xen.wait_until(lambda: xen.domain(other) is None, 'it is still there')


@pytest.mark.parametrize('times', range(3))
def test_a_server_notices_that_its_client_was_killed(xen, guest, times):
    server = offer(xen, guest)
    client = xen.echo(0, 'hold', guest, f'/local/domain/{guest}/data/ring')
    client.expect('connected')
    client.expect('ok 1 100')
    client.kill()
    server.expect('connected')
    close(xen, guest, server)


@pytest.mark.parametrize('times', range(3))
def test_a_client_notices_that_its_server_was_killed(xen, guest, times):
    server = offer(xen, guest)
    client = xen.echo(0, 'hold', guest, f'/local/domain/{guest}/data/ring')
    client.expect('connected')
    client.expect('ok 1 100')
    server.kill()
    while (line := client.line()) != 'closed':
        assert line == 'event'
    assert client.wait() == 0
    remove_offer(xen, guest)


def test_many_rings_at_once_share_the_pages_of_their_guest(xen, guest):
    """31 rings of 33 pages are what Linux' gntalloc allows; the next gets ENOSPC."""
    servers = [offer(xen, guest, name=f'ring{i}') for i in range(31)]
    assert xen.domain(guest)['pages'] == 31 * 33 + 1  # 1 for xenstore
    one_too_many = xen.echo(guest, 'server', 0, f'/local/domain/{guest}/data/more', 65536, 65536)
    assert one_too_many.wait() != 0
    clients = [xen.echo(0, 'client', guest, f'/local/domain/{guest}/data/ring{i}', 10, 5000)
               for i in range(31)]
    for client in clients:
        client.expect('connected')
        client.expect('ok 10 5000')
        assert client.wait() == 0
    for server in servers:
        server.expect('connected')
        server.expect('closed')
        assert server.wait() == 0
    xen.run(0, 'xenstore-rm', f'/local/domain/{guest}/data')
    xen.run(0, 'xenstore-write', f'/local/domain/{guest}/data', '')
    xen.run(0, 'xenstore-chmod', f'/local/domain/{guest}/data', f'n{guest}')


def test_a_domain_cannot_dial_itself(xen, guest):
    server = xen.echo(guest, 'server', guest, f'/local/domain/{guest}/data/ring', 4096, 4096)
    assert server.wait() == 1
    server = xen.echo(0, 'server', 0, '/loop', 4096, 4096)
    assert server.wait() == 1


def test_debians_vchan_socket_proxy_works(xen, guest, tmp_path):
    """A program that nobody here has compiled."""
    import glob
    import socket
    proxy = sorted(glob.glob('/usr/lib/xen-*/bin/vchan-socket-proxy'))[-1]
    there, here = str(tmp_path / 'there'), str(tmp_path / 'here')
    books = xen.books()
    with socket.socket(socket.AF_UNIX) as echo, socket.socket(socket.AF_UNIX) as client:
        echo.bind(there)
        echo.listen()
        server = xen.popen(guest, proxy, '--mode=server', 0, 'data/proxy', there)
        # Its protocol: the client waits for the server's state node, which it writes by its own.
        forward = xen.popen(0, proxy, '--mode=client', guest,
                            f'/local/domain/{guest}/data/proxy', here)
        xen.wait_until(lambda: try_connect(client, here), 'the proxy does not listen')
        peer, _ = echo.accept()
        client.settimeout(PATIENCE)
        client.sendall(b'hello' * 1000)
        got = b''
        while len(got) < 5000:
            got += peer.recv(5000)
        peer.sendall(got[::-1])
        back = b''
        while len(back) < 5000:
            back += client.recv(5000)
        assert back == (b'hello' * 1000)[::-1]
        peer.close()
    for process in server, forward:
        process.end()
    xen.run(0, 'xenstore-rm', f'/local/domain/{guest}/data/proxy')
    xen.settles(books)


def try_connect(client, path):
    try:
        client.connect(path)
        return True
    except OSError:
        return False
