# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pretended Xen host with the example services in it, and what they say about their calls.

Everything is done with the commands that a person would type: hx makes domains and runs programs
in them, xcp-busd and xcp-bus-agent are the ones that are installed.
"""
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# Seconds; nothing takes long, so this is for machines that are very busy.
PATIENCE = float(os.environ.get('TEST_PATIENCE', 30))
EXAMPLES = Path(__file__).resolve().parent


class Trouble(Exception):
    """A sentence for people."""


@dataclass
class Event:
    """A line of examples/trace.h."""
    time_us: int
    kind: str  # call, signal
    sender: str
    receiver: str
    member: str
    duration_us: int
    text: str

    @property
    def domains(self):
        """The domids of both ends, which are in their unique names."""
        return tuple(int(name[1:].split('.')[0]) for name in (self.sender, self.receiver))


class Program:
    """A program in a domain, of which we read what it says."""

    def __init__(self, host, domain, *command, env=None):
        self.host, self.domain, self.name = host, domain, Path(command[0]).name
        self.log = host.top / f'{len(host.programs)}-{self.name}.log'
        self.buffer, self.lines = b'', []
        with open(self.log, 'wb') as log:
            self.process = host.popen(domain, command, env or {}, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=log)
        host.programs.append(self)

    def read_line(self):
        """The next line, or None at the end."""
        deadline = time.monotonic() + PATIENCE
        while b'\n' not in self.buffer:
            left = max(0, deadline - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                self.fail(f'has said nothing for {PATIENCE} seconds')
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                return None
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b'\n', 1)
        self.lines.append(line.decode())
        return self.lines[-1]

    def fail(self, what):
        raise Trouble(f'{self.name} {what}\n{self.log.read_text()}'.strip())

    def wait_ready(self):
        """Until it says "... ready NAME"."""
        while (line := self.read_line()) is not None:
            if 'ready' in line.split():
                self.unique_name = line.split()[-1]
                return self
        return self.fail(f'ended with status {self.process.wait(PATIENCE)} before it was ready')

    def read_available(self):
        while b'\n' in self.buffer or select.select([self.process.stdout], [], [], 0)[0]:
            if self.read_line() is None:
                return

    def wait(self):
        """Until it ends; returns its exit status."""
        while self.read_line() is not None:
            pass
        return self.process.wait(PATIENCE)

    def events(self):
        """What it has said so far, by the clock of dom0."""
        found, ahead_us = [], self.host.ahead_us(self.domain)
        for line in self.lines:
            words = line.split(' ', 6)
            if len(words) == 7 and words[1] in ('call', 'signal'):
                found.append(Event(int(words[0]) - ahead_us, words[1], words[2], words[3], words[4],
                                   int(words[5]), words[6]))
        return found

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


def python_env(build):
    """Where programs in Python find the binding and the modules of interfaces, built by make demo."""
    env = {'PYTHONPATH': f'{build}/python:{build}/idl/python'}
    if b'__asan_init' in (build / 'xcp-busd').read_bytes():
        # An interpreter without sanitizers needs theirs first, and leaks of its own are not ours.
        libasan = subprocess.check_output(['cc', '-print-file-name=libasan.so'], text=True).strip()
        env |= {'LD_PRELOAD': libasan, 'ASAN_OPTIONS': 'detect_leaks=0'}
    return env


class Host:
    """Hosted Xen with a bus in dom0."""
    what = '''This demo starts such a host, without Xen: the domains are pretended, while the
        shared-memory rings between them (libxenvchan) and xenstored are the real ones.'''
    what_times = '''Times are those of programs on one ordinary machine: what a message costs on rings,
        without what a hypervisor adds when it switches domains.'''
    repeats = 15  # of what is measured
    arguments = {}  # of programs
    has_started = False

    def __init__(self, build):
        self.build = Path(build).resolve()
        # Below $TMPDIR or /tmp, which should be short: there are Unix sockets in it.
        self.top = Path(tempfile.mkdtemp(prefix='xcp-'))
        self.env = {**os.environ, 'HX_DIR': str(self.top / 'hx')}
        self.programs, self.domids = [], {'dom0': 0}
        try:
            self.begin()
            self.socket = self.top / 'bus'
            self.busd = Program(self, 'dom0', self.build / 'xcp-busd', '--print-address',
                                f'--address={self.address}', '--address=vchan:')
            if self.busd.read_line() is None:
                self.busd.fail('does not start')
        except BaseException:
            self.stop()
            raise

    def begin(self):
        self.hx('start')
        self.has_started = True

    @property
    def address(self):
        return f'unix:path={self.socket}'

    def command(self, *arguments):
        return [str(self.build / 'hosted-xen' / 'hx'), *map(str, arguments)]

    def hx(self, *arguments):
        result = subprocess.run(self.command(*arguments), env=self.env, timeout=PATIENCE,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            raise Trouble(f'hx {" ".join(map(str, arguments))}: {result.stderr.strip()}')
        return result.stdout

    def popen(self, domain, command, env, **options):
        return subprocess.Popen(self.command('run', domain, *command), env={**self.env, **env}, **options)

    @staticmethod
    def ahead_us(_):
        """By how much the clock of a domain is ahead of dom0's."""
        return 0

    def create(self, name, own=None):
        """A domain, which may own these names on the bus (by default none)."""
        grant = ['--store', f'xcp-bus/own={own}'] if own else []
        self.domids[name] = int(self.hx('create', name, *grant))

    def domains(self):
        return json.loads(self.hx('list', '--json'))['domains']

    def start(self, domain, name):
        """One of the examples: it finds the bus from where it is, over a ring if need be."""
        address = self.address if domain == 'dom0' else 'vchan:domain=0'
        env = {'XCP_BUS_ADDRESS': address}
        if name.endswith('.py'):
            return Program(self, domain, EXAMPLES / name, env={**env, **python_env(self.build)})
        return Program(self, domain, self.build / 'examples' / name, *self.arguments.get(name, []),
                       env=env)

    def run_xapi(self, *machines):
        program = Program(self, 'xapi', self.build / 'examples' / 'xapi', *machines,
                          env={'XCP_BUS_ADDRESS': 'vchan:domain=0'})
        return program, program.wait()

    def start_agent(self, domain):
        """Returns the socket that it offers to D-Bus programs in its domain."""
        path = self.top / f'agent-{domain}'
        agent = Program(self, domain, self.build / 'xcp-bus-agent', f'--listen=unix:path={path}',
                        '--bus=vchan:domain=0')
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            if agent.process.poll() is not None or time.monotonic() > deadline:
                agent.fail('does not start')
            time.sleep(0.005)  # it says nothing that one could wait for
        return path

    def start_behind_agent(self, domain, name):
        """A program that knows of no rings, on the D-Bus socket that its domain has."""
        return Program(self, domain, EXAMPLES / name,
                       env={'DBUS_SESSION_BUS_ADDRESS': f'unix:path={self.start_agent(domain)}'})

    def busctl(self, *arguments):
        """A standard tool in dom0, from outside."""
        result = subprocess.run(['busctl', f'--address={self.address}', '--no-pager', *arguments],
                                timeout=PATIENCE, capture_output=True, text=True,
                                env={**os.environ, 'LC_ALL': 'C.UTF-8', 'COLUMNS': '80'})
        if result.returncode:
            raise Trouble(f'busctl {" ".join(arguments)}: {result.stderr.strip()}')
        return result.stdout.rstrip()

    def owner(self, name):
        answer = self.busctl('call', 'org.freedesktop.DBus', '/org/freedesktop/DBus',
                             'org.freedesktop.DBus', 'GetNameOwner', 's', name)
        return answer.split('"')[1]

    def stop(self):
        for program in reversed(self.programs):
            program.stop()
        try:
            self.end()
        finally:
            shutil.rmtree(self.top, ignore_errors=True)

    def end(self):
        if self.has_started:
            self.hx('stop')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Chain:
    """xapi -> xenopsd -> squeezed and storage, each in its place."""

    def __init__(self, host):
        self.host = host
        host.create('xapi')
        host.create('squeezed', own='org.xen.xcp.squeezed1')
        host.create('storage', own='org.xen.xcp.storage1')
        host.create('other', own='org.xen.xcp.storage1')
        self.squeezed = host.start('squeezed', 'squeezed').wait_ready()
        self.storage = host.start('storage', 'storage.py').wait_ready()
        self.xenopsd = host.start('dom0', 'xenopsd').wait_ready()
        # It has logged in at squeezed when it says so.
        while not any(e.member.endswith('.Login') for e in self.xenopsd.events()):
            if self.xenopsd.read_line() is None:
                self.xenopsd.fail('has ended')

    def run(self, *machines):
        """xapi starts these machines. Returns the exit status and what happened, in order."""
        before = len(self.xenopsd.events())
        xapi, status = self.host.run_xapi(*machines)
        self.xenopsd.read_available()
        events = xapi.events() + self.xenopsd.events()[before:]
        return status, sorted(events, key=lambda event: event.time_us)

    def move_storage(self, domain):
        """It ends where it is and begins elsewhere: in domain "other" as a program of another kind.
        Nobody is told."""
        self.storage.stop()
        if domain == 'other':
            self.storage = self.host.start_behind_agent(domain, 'storage_agent.py').wait_ready()
        else:
            self.storage = self.host.start(domain, 'storage.py').wait_ready()
