# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service in a driver domain and two callers that never stop, for tests of what becomes of domains.

They are programs on libxcpbus that say what they are told, so both sides of every event can be seen.
"""
import os
import select
import subprocess
import time

import bus as bus_module
import hosted
from client import PATIENCE

NAME = 'org.xen.xcp.counter1'
DBUS = 'org.freedesktop.DBus.Error.'
# What a caller may be told of a service that is not there: it was asked and is gone, it is not
# there, or the caller's own way to the bus is.
GONE = {f'{DBUS}NoReply', f'{DBUS}ServiceUnknown', f'{DBUS}Disconnected'}


class Program:
    """A program in a domain that says in lines what happens to it."""

    def __init__(self, xen, domid, *command, address):
        env = {'XCP_BUS_ADDRESS': address, **bus_module.sanitizer_environment(xen.top)}
        self.process = xen.popen(domid, *command, env=env, stdout=subprocess.PIPE)
        self.said, self.log = b'', []

    def lines(self, deadline):
        """What it says, line by line, until it ends."""
        while True:
            line, newline, rest = self.said.partition(b'\n')
            if newline:
                self.said = rest
                self.log.append(line.decode())
                yield self.log[-1]
                continue
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(deadline - time.monotonic(), 0))
            assert ready, f'nothing more after {self.log[-20:]}'
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return
            self.said += more

    def expect(self, *beginnings):
        """The next line that begins so, and those before it."""
        before = []
        for line in self.lines(time.monotonic() + 2 * PATIENCE):
            if line.startswith(beginnings):
                return line, before
            before.append(line)
        raise AssertionError(f'it ended without {beginnings}: {self.log[-20:]}')

    def close(self):
        self.process.kill()
        self.process.stdout.close()
        self.process.wait(PATIENCE)

    def wait(self):
        """Until it ends, which it does because its domain has."""
        for _ in self.lines(time.monotonic() + 2 * PATIENCE):
            pass
        return self.process.wait(PATIENCE)


class Caller(Program):
    def __init__(self, xen, domid, *, address):
        super().__init__(xen, domid, xen.build / 'tests/functional/caller', address=address)
        self.name = self.expect('calling as')[0].split()[-1]

    def expect_error(self):
        """The next call that fails, and why."""
        line, _ = self.expect('error ')
        return self.check(line)

    @staticmethod
    def check(line):
        """An error that says so in words."""
        name, why = line.removeprefix('error ').split(': ', 1)
        assert name in GONE and len(why.split()) > 3, line
        return name

    def expect_answer(self):
        """An answer, and the names of the errors before it, each once."""
        line, before = self.expect('answer ')
        errors = {self.check(other) for other in before if other.startswith('error ')}
        return int(line.split()[1]), errors

    def forget(self):
        """What it has said so far is history: what comes next has come after this."""
        while select.select([self.process.stdout], [], [], 0)[0]:
            more = os.read(self.process.stdout.fileno(), 65536)
            assert more, f'it ended: {self.log[-20:]}'
            self.said += more
        if b'\n' in self.said:
            self.said = self.said[self.said.rindex(b'\n') + 1:]

    def expect_fresh_answer(self):
        """Two: the first may have been asked for before."""
        self.forget()
        self.expect_answer()
        return self.expect_answer()[0]


def start_counter(guest, address='vchan:domain=0', keepalive_ms=None):
    """The service, in a guest. Its unique name."""
    more = [keepalive_ms] if keepalive_ms else []
    counter = Program(guest.xen, guest.domid, guest.xen.build / 'examples/counter', *more,
                      address=address)
    counter.name = counter.expect('counting as')[0].split()[-1]
    return counter


def domids(xen):
    """All domains that the hypervisor knows, those that are dying among them."""
    if isinstance(xen, hosted.Hosted):
        return {domain['domid'] for domain in xen.state()['domains']}
    return {int(line.split()[1]) for line in xen.sh('xl', 'list').splitlines()[1:]}


def wait_freed(xen, domid):
    """Nobody maps a page of it any more: there is no zombie."""
    deadline = time.monotonic() + PATIENCE
    while domid in domids(xen):
        assert time.monotonic() < deadline, f'domain {domid} is a zombie'
        time.sleep(0.02)


def take_owner(watcher, name, old=None, new=None):
    """The next word of the bus that this name has changed hands: who had it, who has it."""
    signal = watcher.take(lambda m: m.member == 'NameOwnerChanged' and m.body[0] == name
                          and old in (None, m.body[1]) and new in (None, m.body[2]))
    return signal.body[1], signal.body[2]
