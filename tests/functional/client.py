# SPDX-License-Identifier: LGPL-2.1-or-later
"""A D-Bus client that shows what arrives, in the order it arrives.

Nothing runs in the background: a test reads when it wants to. What a call had to
read past stays in `inbox`. That nothing else came is shown by sync(): the bus
answers in order, so whatever was sent to us before the answer is in `inbox`.
"""
import array
import math
import os
import select
import socket
import time

import wire

# Seconds until a test gives up. No test passes because of time.
PATIENCE = float(os.environ.get('TEST_PATIENCE', 30))
BUS = 'org.freedesktop.DBus'
BUS_PATH = '/org/freedesktop/DBus'
FD_SIZE = array.array('i').itemsize


class Closed(Exception):
    """The other side ended the connection."""


class Silent(AssertionError):
    """Nothing came although something had to."""


class Refused(Exception):
    """The answer was an error."""

    def __init__(self, message):
        super().__init__(message.error_name, message.text())
        self.message = message
        self.name, self.text = message.error_name, message.text()


class Client:
    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(False)
        self.data = bytearray()
        self.fds = []
        self.inbox = []
        self.serial = 0
        self.name = None
        self.guid = None
        self.takes_fds = False

    # --- bytes ---

    def wait(self, events, deadline):
        poller = select.poll()
        poller.register(self.sock, events)
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(None if left == math.inf else left * 1000):
            raise Silent(f'{self.name}: nothing for {PATIENCE} s; inbox {self.inbox!r}')

    def send_bytes(self, data, fds=(), drain=True):
        """Send all of it. Reads along, so that two full buffers never face each other."""
        deadline = time.monotonic() + PATIENCE
        view = memoryview(data)
        while view:
            self.wait(select.POLLOUT | (select.POLLIN if drain else 0), deadline)
            try:
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))
                view = view[self.sock.sendmsg([view], [rights] if fds else []):]
                fds = ()
            except BlockingIOError:
                self.fill()
            except (BrokenPipeError, ConnectionResetError) as problem:
                raise Closed(str(problem)) from problem

    def fill(self):
        """Take over what is there. False if there was nothing."""
        try:
            data, ancillary, _, _ = self.sock.recvmsg(1 << 20, socket.CMSG_SPACE(256 * FD_SIZE))
        except BlockingIOError:
            return False
        except ConnectionResetError as problem:
            raise Closed(str(problem)) from problem
        for level, kind, raw in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self.fds += array.array('i', raw[:len(raw) - len(raw) % FD_SIZE])
        if not data:
            raise Closed('end of stream')
        self.data += data
        return True

    def fill_within(self, deadline):
        while not self.fill():
            self.wait(select.POLLIN, deadline)

    def line(self):
        """The next line of the authentication."""
        deadline = time.monotonic() + PATIENCE
        while b'\r\n' not in self.data:
            self.fill_within(deadline)
        line, _, rest = bytes(self.data).partition(b'\r\n')
        self.data = bytearray(rest)
        return line

    def wait_closed(self):
        """Read until the other side ends it; what came before is in inbox."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.read_message(deadline)
            except Closed:
                return

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    # --- messages ---

    def auth(self, fds=False, uid=None):
        uid = os.getuid() if uid is None else uid
        self.send_bytes(b'\0AUTH EXTERNAL %s\r\n' % str(uid).encode().hex().encode())
        line = self.line()
        assert line.startswith(b'OK '), line
        self.guid = line[3:].decode()
        if fds:
            self.send_bytes(b'NEGOTIATE_UNIX_FD\r\n')
            self.takes_fds = self.line() == b'AGREE_UNIX_FD'
        self.send_bytes(b'BEGIN\r\n')
        return self

    def hello(self):
        self.name = self.bus('Hello')
        return self

    def send(self, message, fds=()):
        """Send it under the next serial, which is returned."""
        self.serial += 1
        message.serial = self.serial
        self.send_bytes(message.encode(), fds)
        return self.serial

    def read_message(self, deadline=None):
        """The next message off the wire; it also goes to the end of inbox."""
        deadline = deadline or time.monotonic() + PATIENCE
        while len(self.data) < 16 or len(self.data) < wire.size_of(self.data):
            self.fill_within(deadline)
        size = wire.size_of(self.data)
        message = wire.decode(bytes(self.data[:size]))
        del self.data[:size]
        if message.unix_fds:
            message.fds = self.fds[:message.unix_fds]
            del self.fds[:message.unix_fds]
        self.inbox.append(message)
        return message

    def take(self, wanted=lambda message: True):
        """Take the first message that fits out of the inbox, reading on if need be."""
        deadline = time.monotonic() + PATIENCE
        for message in self.inbox:
            if wanted(message):
                break
        else:
            while not wanted(message := self.read_message(deadline)):
                pass
        # By identity: two messages can be equal.
        self.inbox = [m for m in self.inbox if m is not message]
        return message

    def take_call(self, member=None):
        return self.take(lambda m: m.type == wire.METHOD_CALL and member in (None, m.member))

    def take_signal(self, member=None):
        return self.take(lambda m: m.type == wire.SIGNAL and member in (None, m.member))

    def take_reply(self, serial):
        """The answer to a call, an error included."""
        return self.take(lambda m: m.reply_serial == serial
                         and m.type in (wire.METHOD_RETURN, wire.ERROR))

    def result(self, serial):
        """The body of the answer; a single value comes without its tuple."""
        message = self.take_reply(serial)
        if message.type == wire.ERROR:
            raise Refused(message)
        return message.body[0] if len(message.body) == 1 else message.body

    def call(self, destination, path, interface, member, signature=None, *body, **more):
        return self.result(self.send(wire.call(destination, path, interface, member, signature,
                                               *body, **more)))

    def bus(self, member, signature=None, *body):
        return self.call(BUS, BUS_PATH, BUS, member, signature, *body)

    def refusal(self, member, signature=None, *body):
        """Call the bus and return the Refused that has to come."""
        try:
            result = self.bus(member, signature, *body)
        except Refused as refused:
            return refused
        raise AssertionError(f'{member}{body} was accepted: {result!r}')

    def sync(self):
        """Everything the bus had for us before now is in the inbox afterwards."""
        self.bus('GetId')
        return self.inbox

    def drain(self):
        """As sync, and empty the inbox: what was in it is returned."""
        found = self.sync()
        self.inbox = []
        return found

    # --- what most tests need ---

    def own(self, name, flags=0):
        return self.bus('RequestName', 'su', name, flags)

    def release(self, name):
        return self.bus('ReleaseName', 's', name)

    def match(self, rule):
        self.bus('AddMatch', 's', rule)
        return self

    def unmatch(self, rule):
        self.bus('RemoveMatch', 's', rule)


def echo_once(caller, service, destination=None, body=b'ping'):
    """One call from caller to service and back; both belong to the test."""
    serial = caller.send(wire.call(destination or service.name, '/echo', 'org.example.Echo', 'Echo',
                                   'ay', body))
    request = service.take(lambda m: m.type == wire.METHOD_CALL and m.serial == serial
                           and m.sender == caller.name)
    assert request.body[0] == body
    service.send(wire.reply_to(request, 'ay', request.body[0]))
    assert caller.result(serial) == body
