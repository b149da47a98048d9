# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest's process that speaks to hxd itself: nonsense costs nobody but the guest."""
import random
import socket
import struct

import pytest

SHARE, UNSHARE, MAP, UNMAP, UNBOUND, INTERDOMAIN, VIRQ, UNBIND, EPOCHS = range(9)
PRIVILEGED = range(9, 24)


@pytest.fixture
def guest(xen):
    domid = xen.create('guest')
    books = xen.books()
    yield domid
    xen.settles(books)


class Device:
    def __init__(self, xen, domid):
        xen.sockets.append(self)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(30)
        self.socket.connect(f'{xen.dir}/dom{domid}/device')

    def ask(self, op, *arguments, words=()):
        arguments = [*arguments, *[0] * (5 - len(arguments))]
        self.socket.send(struct.pack(f'<{7 + len(words)}I', op, *arguments, len(words), *words))
        reply, fds, _, _ = socket.recv_fds(self.socket, 65536, 253)
        for fd in fds:
            socket.close(fd)
        return struct.unpack_from('<i', reply)[0] if reply else None

    def close(self):
        self.socket.close()


def test_only_dom0_is_a_toolstack(xen, guest):
    device = Device(xen, guest)
    for op in PRIVILEGED:
        assert device.ask(op, guest) == -1  # EPERM
    device.close()


@pytest.mark.parametrize('bytes', [b'x', b'x' * 27, b'\xff' * 28, b'\0' * 29, b'\0' * 20000,
                                   struct.pack('<7I', 2, 1, 0, 0, 0, 0, 1),
                                   struct.pack('<7I', 0, 0, 0, 0, 0, 0, 2 ** 31)])
def test_a_malformed_request_ends_its_connection(xen, guest, bytes):
    device, innocent = Device(xen, guest), Device(xen, guest)
    device.socket.send(bytes)
    assert device.socket.recv(100) == b''
    assert innocent.ask(UNBOUND, 0) > 0
    device.close()
    innocent.close()


def test_unknown_requests_are_refused(xen, guest):
    for domid in guest, 0:
        device = Device(xen, domid)
        for op in 24, 25, 2 ** 31, 2 ** 32 - 1:
            assert device.ask(op) in (-1, -22)
        device.close()


def test_numbers_out_of_range_are_refused(xen, guest):
    device = Device(xen, guest)
    none = 2 ** 32 - 1
    for bad in ((SHARE, 0, 0, 1, none, none), (SHARE, 0, 1025, 1, none, none),
                (SHARE, 0, none, 1, none, none), (SHARE, 0x7ff0, 1, 1, none, none),
                (SHARE, 0, 1, 1, 4096, none), (SHARE, 0, 1, 1, none, 4096),
                (UNBOUND, 0x7ff0), (INTERDOMAIN, none, none), (INTERDOMAIN, 0, 4096),
                (MAP, 0, 1), (MAP, 1025, 1), (MAP, 2, 1)):
        assert device.ask(*bad) == -22, bad
    assert device.ask(UNSHARE, 1) == device.ask(UNMAP, 1) == -2
    assert device.ask(UNBIND, 1) == device.ask(UNBIND, none) == -107
    assert device.ask(VIRQ, 3) == -1
    assert device.ask(MAP, 1, 1, 0, none, none, words=(0, 1)) == -22
    device.close()


def test_a_handle_ends_only_what_is_its_own(xen, guest):
    one, two = Device(xen, guest), Device(xen, guest)
    none = 2 ** 32 - 1
    share = one.ask(SHARE, 0, 1, 1, none, none)
    port = one.ask(UNBOUND, 0)
    assert two.ask(UNSHARE, share) == -2
    assert two.ask(UNBIND, port) == -107
    assert one.ask(UNBIND, port) == one.ask(UNSHARE, share) == 0
    one.close()
    two.close()


def test_random_requests_do_no_harm(xen, guest):
    random.seed(xen.domain(guest)['uuid'])
    innocent = xen.shell(0)
    values = [0, 1, 2, 3, 8, 9, 1023, 1024, 4095, 4096, 0x7fef, 0x7ff0, 2 ** 31, 2 ** 32 - 1]
    devices = [Device(xen, guest) for _ in range(4)]
    for _ in range(3000):
        device = random.choice(devices)
        words = [random.choice(values) for _ in range(random.choice((0, 0, 2, 4, 2048)))]
        arguments = [random.choice(values) for _ in range(5)]
        assert device.ask(random.choice(range(26)), *arguments, words=words) is not None
    assert innocent.ask('list') == f'domids 0 {guest}'
    for device in devices:
        device.close()
    innocent.close()


def test_who_does_not_read_its_answers_is_dropped(xen, guest):
    device = Device(xen, guest)
    request = struct.pack('<7I', UNBOUND, 0, 0, 0, 0, 0, 0)
    device.socket.settimeout(0.5)
    with pytest.raises((BrokenPipeError, ConnectionResetError, TimeoutError)):
        for _ in range(100000):
            device.socket.send(request)
    other = Device(xen, guest)
    assert other.ask(EPOCHS) == 0
    other.close()
    device.close()
