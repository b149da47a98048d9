# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains for the tests: an instance of hosted Xen, guests in it, and programs in them.

Everything goes through the `hx` command, so a test does what a person would type.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import bus as bus_module
from client import PATIENCE, Client, echo_once


ANYTHING = ('<policy domain="*"><allow send_destination="*"/><allow receive_sender="*"/>'
            '</policy>')


class HxFailed(AssertionError):
    pass


class Host:
    """A Xen host, as tests see it. There are two forms: an instance of hosted Xen, below, and the
    machine that we run on as dom0, in real.py. Each has command(), hx(), popen(), create(),
    pid(), unix_socket(), wait_listened(), destroy() and books(); the rest follows from these."""

    def __init__(self, build, top):
        self.build, self.top = Path(build), top
        # What runs in a guest is not looked at for leaks: it is killed as often as it ends.
        self.env = {**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'}
        self.guests, self.processes = [], []

    def run(self, domain, *command):
        """A program in a domain, to its end: what it wrote to its output."""
        return self.hx('run', domain, *command)

    def bus(self, **options):
        """Guests may do what they like: what is tested is seldom the policy."""
        options.setdefault('policy', ANYTHING)
        folder = Path(tempfile.mkdtemp(dir=self.top))
        return bus_module.Bus('xcp-busd', self.build, folder,
                              listen=[f'unix:path={folder}/bus', 'vchan:'],
                              wrap=self.command('run', 0), env=self.env, **options)

    def store_nodes(self, domid):
        """How many nodes there are where a guest offers its rings."""
        path = f'/local/domain/{domid}/data/xcp-bus'
        result = subprocess.run(self.command('run', 0, 'xenstore-ls', path), env=self.env,
                                timeout=PATIENCE, capture_output=True, text=True)
        return len(result.stdout.splitlines())

    def errors(self, guest):
        """The sentences in which the daemon refused offers; the guest takes them away."""
        path = f'/local/domain/{guest.domid}/data/xcp-bus'
        sentences = []
        for node in self.hx('run', guest.domid, 'xenstore-list', path).split():
            sentences.append(self.hx('run', guest.domid, 'xenstore-read', f'{path}/{node}/error'))
            self.hx('run', guest.domid, 'xenstore-rm', f'{path}/{node}')
        return sentences

    def sweep(self, guest):
        """Take away what killed programs of a guest have left where rings are offered."""
        while self.store_nodes(guest.domid):
            # The daemon may be about to refuse one, in a new node.
            self.hx('run', guest.domid, 'xenstore-rm', f'/local/domain/{guest.domid}/data/xcp-bus')

    def reap(self, processes=None):
        """End those that are left, of all or of some."""
        for process in self.processes if processes is None else processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(PATIENCE)
            for pipe in process.stdin, process.stdout:
                if pipe:
                    pipe.close()
        self.processes = [process for process in self.processes if process.returncode is None]


class Hosted(Host):
    many, come_and_go = 8, 20  # guests at once and in turn, for tests that want many
    auth_timeout = 2000  # ms
    silent_timeout = 250

    @staticmethod
    def some(items):
        """As many of many cases as there is time for."""
        return list(items)

    def __init__(self, build, *options):
        # Unix socket paths are short, and pytest's are not.
        super().__init__(build, tempfile.mkdtemp(prefix='hx-', dir='/tmp'))
        self.env['HX_DIR'] = f'{self.top}/x'
        self.hx('start', *options)

    def command(self, *arguments):
        return [str(self.build / 'hosted-xen' / 'hx'), *map(str, arguments)]

    def hx(self, *arguments):
        result = subprocess.run(self.command(*arguments), env=self.env, timeout=PATIENCE,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            raise HxFailed(f'hx {arguments}: {result.returncode}: {result.stderr}')
        return result.stdout

    def popen(self, domain, *command, **options):
        options.setdefault('stdin', subprocess.DEVNULL)
        process = subprocess.Popen(self.command('run', domain, *command),
                                   env={**self.env, **options.pop('env', {})}, **options)
        self.processes.append(process)
        return process

    def create(self, name, own='*', **options):
        arguments = [f'--{key}={value}' for key, value in options.items()]
        if own is not None:
            arguments += ['--store', f'xcp-bus/own={own}']
        domid = int(self.hx('create', name, *arguments))
        self.guests.append(Guest(self, domid, name))
        return self.guests[-1]

    @staticmethod
    def remove(_, path):
        Path(path).unlink(missing_ok=True)

    @staticmethod
    def put(_, path, data):
        Path(path).write_bytes(data)

    def pid(self, process):
        """As it is known in its domain."""
        return process.pid

    def unix_socket(self, _, path):
        """A connection to a socket in a domain: all of them share our files."""
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        return sock

    def wait_listened(self, _, path):
        deadline = time.monotonic() + PATIENCE
        while not is_listened_at(path):
            assert time.monotonic() < deadline, f'nobody listens at {path}'
            time.sleep(0.005)  # nothing is printed that one could wait for

    def destroy(self, guest):
        self.hx('destroy', guest.domid)

    def state(self):
        return json.loads(self.hx('state', '--json'))

    def books(self, guests):
        """What dom0 holds of grants and event channels."""
        domains = {domain['domid']: domain for domain in self.state()['domains']}
        books = {f'dom0 {key}': domains[0][key] for key in ('maps', 'ports', 'handles')}
        for guest in guests:
            # Its xenstore page and its rings: granted by the guest, mapped by us.
            mapped = domains[guest.domid]['mapped_by'].get('0')
            books[f'{guest.name} mapped by dom0'] = mapped
        return books

    def stop(self):
        self.reap()
        try:
            self.hx('stop')
        finally:
            shutil.rmtree(self.top, ignore_errors=True)


class Guest:
    def __init__(self, xen, domid, name):
        self.xen, self.domid, self.name = xen, domid, name
        self.agent_path = None
        self.agent_process = None

    def popen(self, *command, **options):
        return self.xen.popen(self.domid, *command, **options)

    def program(self, name, *arguments, **options):
        """One of tests/functional/progs, begun. It goes on until its input is closed."""
        path = self.xen.build / 'tests' / 'functional' / name
        process = self.popen(path, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             **options)
        assert bus_module.read_line(process.stdout.fileno(), process) == 'begun\n'
        return process

    def begin_ring(self, left=65536, right=65536):
        """A ring-pipe that has been told to offer a ring; it will report."""
        ours, theirs = socket.socketpair()
        path = self.xen.build / 'tests' / 'functional' / 'ring-pipe'
        with theirs:
            process = self.popen(path, left, right, stdin=theirs, stdout=subprocess.PIPE)
        return RingClient(ours, process)

    def ring(self, left=65536, right=65536):
        """A raw connection over a ring of its own, which ring-pipe holds for us."""
        client = self.begin_ring(left, right)
        assert client.report().startswith('offered '), 'the ring was not offered'
        return client

    def connect(self, left=65536, right=65536):
        client = self.ring(left, right)
        answer = client.report()
        assert answer == 'accepted\n', answer
        return client.auth().hello()

    def start_agent(self):
        self.agent_path = f'{self.xen.top}/agent{self.domid}'
        self.xen.remove(self.domid, self.agent_path)
        self.agent_process = self.popen(self.xen.build / 'xcp-bus-agent',
                                        f'--listen=unix:path={self.agent_path}',
                                        '--bus=vchan:domain=0',
                                        env=bus_module.sanitizer_environment(self.xen.top))
        self.xen.wait_listened(self.domid, self.agent_path)

    def open_agent(self):
        if not self.agent_process:
            self.start_agent()
        return Client(self.xen.unix_socket(self.domid, self.agent_path))

    def connect_agent(self):
        return self.open_agent().auth().hello()

    def destroy(self):
        """The domain is gone when this returns, and so is all that ran in it."""
        self.xen.guests.remove(self)
        self.xen.destroy(self)

    def release(self):
        """It is not needed any more. Where domains are dear, somebody else may get it."""
        self.xen.guests.remove(self)
        getattr(self.xen, 'release', self.xen.destroy)(self)


def is_listened_at(path):
    """Whether listen() has been called there: the file alone is there a moment earlier."""
    with open('/proc/net/unix') as table:
        return any(line.endswith(f' {path}\n') and line.split()[3] == '00010000'
                   for line in table)


class RingClient(Client):
    """A client whose other half is a ring-pipe in a guest."""

    def __init__(self, sock, process):
        super().__init__(sock)
        self.process = process

    def report(self):
        return bus_module.read_line(self.process.stdout.fileno(), self.process)

    def close(self):
        """In good order: the ring is closed when this returns."""
        super().close()
        self.process.send_signal(signal.SIGCONT)
        self.process.wait(PATIENCE)

    def freeze(self):
        """From now on nothing is read from the ring."""
        self.process.send_signal(signal.SIGSTOP)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)


def usage(xen, bus, guests, names):
    """What must be the same after a fault as it was before."""
    books = {'fds': len(os.listdir(f'/proc/{bus.pid}/fd')), 'names': sorted(names),
             **xen.books(guests)}
    for guest in guests:
        books[f'{guest.name} offers'] = xen.store_nodes(guest.domid)
    return books


def resident_kib(pid):
    with open(f'/proc/{pid}/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmRSS:'))


class Steady:
    """Two innocents in two domains, and the books before anything happened."""

    def __init__(self, xen, bus, caller, service, guests):
        self.xen, self.bus, self.guests = xen, bus, guests
        self.caller, self.service = caller, service
        self.before = self.books()
        self.resident = resident_kib(bus.pid)

    def books(self):
        return usage(self.xen, self.bus, self.guests, self.caller.bus('ListNames'))

    def talk(self, times=1):
        for _ in range(times):
            echo_once(self.caller, self.service)

    def settled(self, slack_kib=20_000):
        """Wait until the books are as before. What is too much then is in the message."""
        deadline = time.monotonic() + PATIENCE
        while (now := self.books()) != self.before:
            assert time.monotonic() < deadline, f'before {self.before}, now {now}'
            self.talk()
            time.sleep(0.02)
        while (resident := resident_kib(self.bus.pid)) > self.resident + slack_kib:
            assert time.monotonic() < deadline, f'{resident} KiB, before {self.resident}'
            self.talk()
            time.sleep(0.1)
        self.talk()

