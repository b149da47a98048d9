# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts a bus daemon, connects to it, ends it, and looks at how it ended.

Where xcp-busd and dbus-daemon have to differ; every test asks for one of these
by name, none asks which daemon it is talking to:

| capability          | dbus-daemon                 | xcp-busd                              |
| ------------------- | --------------------------- | ------------------------------------- |
| unique_prefix       | ':1.'                       | ':0.' in dom0: ':<domid>.<n>'         |
| xen_credentials     | none                        | org.xen.xcp.* in the credentials      |
| answers_unasked     | answers calls to itself     | nobody gets a reply that he asked not |
|                     | that want no reply          | to get (D-Bus specification)          |
| drops_sleepers      | drops signals for a full    | drops the connection that does not    |
|                     | queue, silently             | read: it would miss some unknowingly  |
| has_default_address | no: one must be given       | /run/xcp-bus/bus and vchan:           |
| tidy                | --help exits with 1, SIGINT | both exit with 0                      |
|                     | kills                       |                                       |
| needs_policy        | denies all without <policy> | has a default of its own              |
| knows_domains       | no                          | <policy domain="...">                 |
| reloads_for_all     | unless a policy forbids it  | ReloadConfig is for root and the user |
|                     |                             | who runs the bus                      |
| feeds_watchdog      | no                          | systemd's, if that asks for it        |
| crowd               | 200 connections: with 1000, | 1000                                  |
|                     | each end takes a while      |                                       |
"""
import os
import select
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from client import PATIENCE, Client

CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  {listen}
  <auth>EXTERNAL</auth>
  {policy}
  {limits}
  {elements}
</busconfig>
'''

POLICY = '''<policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>'''


@dataclass(frozen=True)
class Capabilities:
    unique_prefix: str
    xen_credentials: bool
    answers_unasked: bool
    passes_fds: bool
    drops_sleepers: bool
    has_default_address: bool
    tidy: bool
    needs_policy: bool
    knows_domains: bool
    reloads_for_all: bool
    feeds_watchdog: bool
    crowd: int


DAEMONS = {
    'dbus-daemon': Capabilities(
        unique_prefix=':1.', xen_credentials=False, answers_unasked=True, passes_fds=True,
        drops_sleepers=False, has_default_address=False, tidy=False, needs_policy=True,
        knows_domains=False, reloads_for_all=True,
        feeds_watchdog=False, crowd=200),
    'xcp-busd': Capabilities(
        unique_prefix=':0.', xen_credentials=True, answers_unasked=False, passes_fds=True,
        drops_sleepers=True, has_default_address=True, tidy=True, needs_policy=False,
        knows_domains=True, reloads_for_all=False,
        feeds_watchdog=True, crowd=1000),
}


def binary(daemon, build):
    return daemon if daemon == 'dbus-daemon' else str(Path(build) / daemon)


def configuration(caps, listen, limits, policy=None, elements=''):
    """policy: elements of the test's own; otherwise everything is allowed."""
    return CONFIG.format(
        listen='\n  '.join(f'<listen>{address}</listen>' for address in listen),
        policy=(POLICY if caps.needs_policy else '') if policy is None else policy,
        limits='\n  '.join(f'<limit name="{k}">{v}</limit>' for k, v in limits.items()),
        elements=elements)


def read_line(fd, process):
    """A line from a pipe, or what is known about why there was none."""
    data = b''
    deadline = time.monotonic() + PATIENCE
    while not data.endswith(b'\n'):
        ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
        chunk = os.read(fd, 1) if ready else b''  # no more than the line
        if not chunk:
            raise AssertionError(f'the daemon said {data!r} and then nothing; '
                                 f'exit status {process.poll()}')
        data += chunk
    return data.decode()


def open_socket(path, uid=None):
    """Connected, by another user if there is a uid: what counts is who connects."""
    sock = socket.socket(socket.AF_UNIX)
    if uid is None:
        sock.connect(path)
        return sock
    before = os.getcwd()
    os.chdir(os.path.dirname(path))  # the way there is closed to others
    os.seteuid(uid)
    try:
        sock.connect(os.path.basename(path))
    finally:
        os.seteuid(0)
        os.chdir(before)
    return sock


class Bus:
    """A running daemon. It ends with stop(), which also says what went wrong in it."""

    def __init__(self, daemon, build, folder, limits=None, listen=None, wrap=(), env=None,
                 policy=None, elements='', options=()):
        self.daemon, self.caps = daemon, DAEMONS[daemon]
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = str(self.folder / 'bus')
        self.clients = []
        self.has_ended = False
        self.config = self.folder / 'bus.conf'
        self.listen = listen or [f'unix:path={self.path}']
        self.elements = elements
        self.configure(limits, policy)
        self.stderr = self.folder / 'stderr'
        with open(self.stderr, 'wb') as log:
            self.process = subprocess.Popen(
                [*wrap, binary(daemon, build), f'--config-file={self.config}', '--print-address=1',
                 '--nofork', *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                env=sanitizer_environment(self.folder, env))
        try:
            self.address = read_line(self.process.stdout.fileno(), self.process).strip()
        except AssertionError as problem:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f'{problem}\n{self.stderr.read_text()}') from None

    def configure(self, limits=None, policy=None):
        """Write the file, for the start or for it to be read again."""
        self.config.write_text(configuration(self.caps, self.listen, limits or {}, policy,
                                             self.elements))

    @property
    def pid(self):
        return self.process.pid

    def open(self, uid=None):
        """A connected socket that has said nothing yet; of another user, if the test is root's."""
        client = Client(open_socket(self.path, uid))
        self.clients.append(client)
        return client

    def connect(self, **options):
        return self.open().auth(**options).hello()

    def innocents(self):
        """Two peers that must be able to talk whatever else happens."""
        return self.connect(), self.connect()

    def close_clients(self):
        for client in self.clients:
            client.close()
        self.clients = []

    def alive(self):
        return self.process.poll() is None

    def complaints(self):
        """What the sanitizers wrote."""
        return '\n'.join(log.read_text(errors='replace')
                         for log in sorted(self.folder.glob('sanitizer.*')))

    def stop(self, how=signal.SIGTERM):
        """End it, and fail if it did not end well."""
        self.has_ended = True
        self.close_clients()
        if self.alive():
            self.process.send_signal(how)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            stuck = is_traced(self.pid)
            self.process.kill()
            self.process.wait()
            status = 0 if stuck else 'none: it did not end when told to'
        self.process.stdout.close()
        expected = -how if how == signal.SIGKILL else 0
        assert not self.complaints(), self.complaints()
        assert status == expected, f'exit status {status}\n{self.stderr.read_text()}'


def is_traced(pid):
    """The leak sanitizer stops the process by ptrace, and now and then never lets it go on. The
    daemon itself has ended then."""
    with open(f'/proc/{pid}/status') as status:
        return any(line.startswith('TracerPid:') and line.split()[1] != '0' for line in status)


def sanitizer_environment(folder, env=None):
    """Reports go to files, so that a test can find them whatever becomes of stderr."""
    options = f'log_path={Path(folder).resolve()}/sanitizer:exitcode=99'
    return {**os.environ, **(env or {}),
            'ASAN_OPTIONS': options + ':detect_leaks=1:quarantine_size_mb=1',
            'UBSAN_OPTIONS': options + ':print_stacktrace=1:halt_on_error=1'}
