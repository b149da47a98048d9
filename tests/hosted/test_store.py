# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real xenstored, and the bridge from a guest's programs to its one xenstore ring."""
import pytest

from instance import Store


@pytest.fixture(scope='module')
def xen(any_xen):
    return any_xen


@pytest.fixture
def guest(xen):
    domid = xen.create('guest', '--store', 'xcp-bus/own=org.xen.xcp.storage', '--store=a/b/c=d')
    books = xen.books()
    yield domid
    xen.settles(books)
    xen.hx('destroy', domid)
    xen.wait_until(lambda: xen.domain(domid) is None, 'it is still there')


def test_the_toolstack_writes_what_libxl_writes(xen, guest):
    home = f'/local/domain/{guest}'
    uuid = xen.domain(guest)['uuid']
    written = {'name': 'guest', 'domid': str(guest), 'vm': f'/vm/{uuid}',
               'xcp-bus/own': 'org.xen.xcp.storage', 'a/b/c': 'd'}
    for key, value in written.items():
        assert xen.run(guest, 'xenstore-read', key) == value + '\n'
        assert xen.run(0, 'xenstore-read', f'{home}/{key}') == value + '\n'
    assert xen.run(0, 'xenstore-read', f'/vm/{uuid}/uuid') == uuid + '\n'


def test_dom0_has_what_xen_init_dom0_writes(xen):
    assert xen.run(0, 'xenstore-read', '/local/domain/0/name') == 'Domain-0\n'
    for path in '/local/domain/0/vm', '/local/domain/0/data':
        assert xen.call('run', 0, 'xenstore-read', path).returncode != 0


def test_a_guest_writes_its_data_and_nothing_else(xen, guest):
    other = xen.create('other')
    xen.run(guest, 'xenstore-write', 'data/x', 'hello')
    assert xen.run(0, 'xenstore-read', f'/local/domain/{guest}/data/x') == 'hello\n'
    for path in ('name', 'xcp-bus/own', 'xcp-bus/more', 'domid', 'a/b/c', '/x',
                 f'/local/domain/{other}/data/x', f'/local/domain/{other}/name', '/vm/x'):
        result = xen.call('run', guest, 'xenstore-write', path, 'evil')
        assert result.returncode != 0, path
    for path in f'/local/domain/{guest}/data/x', f'/local/domain/{guest}/data':
        assert xen.call('run', other, 'xenstore-read', path).returncode != 0
    xen.hx('destroy', other)
    xen.wait_until(lambda: xen.domain(other) is None, 'it is still there')
    xen.run(guest, 'xenstore-rm', 'data/x')


def test_watches_find_their_way_back(xen, guest):
    """Two programs, the same path, the same token."""
    one, two = Store(xen, guest), Store(xen, guest)
    for store in one, two:
        assert store.ask(Store.WATCH, 'data', 'token') == b'OK\0'
        assert store.receive()[::2] == (Store.EVENT, b'data\0token\0')
    assert one.ask(Store.WATCH, 'data', 'token') == 'EEXIST'
    assert one.ask(Store.UNWATCH, 'data', 'other') == 'ENOENT'
    xen.run(0, 'xenstore-write', f'/local/domain/{guest}/data/y', '1')
    for store in one, two:
        kind, _, body = store.receive()
        assert (kind, body) == (Store.EVENT, b'data/y\0token\0')
    assert one.ask(Store.UNWATCH, 'data', 'token') == b'OK\0'
    assert xen.domain(guest)['xenbus_watches'] == 1
    one.close()
    two.close()
    xen.run(guest, 'xenstore-rm', 'data/y')


def test_a_program_that_ends_leaves_no_watch_and_no_transaction(xen, guest):
    books = xen.books()
    store = Store(xen, guest)
    for i in range(20):
        store.ask(Store.WATCH, 'data', f'token{i}')
    for _ in range(3):
        store.ask(Store.START, '')
    now = xen.domain(guest)
    assert (now['xenbus_watches'], now['xenbus_transactions']) == (20, 3)
    store.close()
    xen.settles(books)
    # And not in xenstored either: its quota is untouched.
    store = Store(xen, guest)
    for i in range(90):
        assert store.ask(Store.WATCH, 'data', f'token{i}') == b'OK\0'
    for _ in range(9):
        assert isinstance(store.ask(Store.START, ''), bytes)
    store.close()


def test_transactions_of_two_programs_do_not_meet(xen, guest):
    one, two = Store(xen, guest), Store(xen, guest)
    first = int(one.ask(Store.START, '').rstrip(b'\0'))
    second = int(two.ask(Store.START, '').rstrip(b'\0'))
    assert first != second
    assert one.ask(Store.WRITE, 'data/z', 'one', transaction=first, end=b'\0')
    assert two.ask(Store.READ, 'data/z', transaction=second) == 'ENOENT'
    assert one.ask(Store.END, 'T', transaction=first) == b'OK\0'
    two.ask(Store.END, 'F', transaction=second)
    assert xen.run(guest, 'xenstore-exists', 'data/z') == ''
    one.close()
    two.close()
    xen.run(guest, 'xenstore-rm', 'data/z')


def test_many_programs_pipeline_their_requests(xen, guest):
    """More than a ring or a quota of outstanding requests holds, and every answer arrives."""
    stores = [Store(xen, guest) for _ in range(20)]
    for _ in range(100):
        for store in stores:
            store.send(Store.READ, 'name')
    for store in stores:
        for i in range(100):
            kind, request_id, body = store.receive()
            assert (kind, request_id, body) == (Store.READ, i + 1, b'guest')
        store.close()


def test_what_was_asked_before_hanging_up_is_done(xen, guest):
    store = Store(xen, guest)
    for i in range(100):
        store.send(Store.WRITE, f'data/n{i}', 'x', end=b'\0')
    store.close()
    xen.wait_until(lambda: len(xen.run(guest, 'xenstore-list', 'data').split()) == 100, 'not all')
    for i in range(100):
        xen.run(guest, 'xenstore-rm', f'data/n{i}')


def test_large_values_pass(xen, guest):
    store, value = Store(xen, guest), 'x' * 2000
    for _ in range(20):
        assert store.ask(Store.WRITE, 'data/large', value) == b'OK\0'
        assert store.ask(Store.READ, 'data/large').rstrip(b'\0').decode() == value
    store.close()
    xen.run(guest, 'xenstore-rm', 'data/large')


def test_nonsense_costs_only_who_says_it(xen, guest):
    innocent = Store(xen, guest)
    too_long = Store(xen, guest)
    too_long.socket.sendall(b'\x02\0\0\0' + b'\1\0\0\0' + b'\0\0\0\0' + b'\xff\xff\0\0')
    with pytest.raises(EOFError):
        too_long.receive()
    odd = Store(xen, guest)
    assert odd.ask(99, 'x') in ('ENOSYS', 'EINVAL')
    assert odd.ask(Store.RESET, '') == 'EINVAL'
    for strings in ([''], ['data'], ['data', 'x' * 4000]):
        odd.ask(Store.WATCH, *strings)
    half = Store(xen, guest)
    half.socket.sendall(b'\x02\0\0\0')
    assert innocent.ask(Store.READ, 'name') == b'guest'
    for store in innocent, odd, half, too_long:
        store.close()
