# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine that we run on, as dom0 of a real Xen: domains by xl, programs in them by lab-run.

A domain takes seconds to come where everything is emulated, so those that tests are done with are used
again, under another name. A test that is about a domain's end says destroy(), and it ends.
"""
import os
import re
import shutil
import socket
import subprocess

import bus as bus_module
from client import PATIENCE
from hosted import Guest, Host, HxFailed
from xenstore import Xenstore

INSTALLED = '/etc/init.d/xcp-busd'
GUEST, DEBIAN = '/lab/guest.cfg', '/lab/debian.cfg'


class Remote(subprocess.Popen):
    """A program in a guest. Signals are for the program, not for what stands for it here."""

    def __init__(self, command, **options):
        self.control, theirs = socket.socketpair()
        with theirs:
            super().__init__([command[0], f'--control={theirs.fileno()}', *command[1:]],
                             pass_fds=[theirs.fileno()], **options)
        self.remote_pid_line = b''

    @property
    def remote_pid(self):
        """Its pid in the guest, once it has been started there."""
        self.control.settimeout(PATIENCE)
        while not self.remote_pid_line.endswith(b'\n'):
            more = self.control.recv(1)
            assert more, f'it was not started; exit status {self.poll()}'
            self.remote_pid_line += more
        return int(self.remote_pid_line)

    def send_signal(self, number):
        if self.poll() is None:
            try:
                self.control.sendall(bytes([number]))
            except BrokenPipeError:
                pass  # it has just ended


class Real(Host):
    many, come_and_go = 3, 3
    auth_timeout = 60_000  # it is slow, and may be slowed down by others
    silent_timeout = 2000
    idle = []  # domids of guests that nobody uses, for all instances

    def __init__(self, build):
        # Guests are born with this directory.
        super().__init__(build, '/tmp/lab')
        os.makedirs(self.top, exist_ok=True)
        self.store = Xenstore()
        self.special = set()

    def stop_installed(self):
        """The bus of the host, where there is one: a guest's ring is taken by whoever comes first."""
        if os.path.exists(INSTALLED):
            self.sh(INSTALLED, 'stop')

    def command(self, verb, domain, *arguments):
        assert verb == 'run', f'there is no {verb} on the command line of a real Xen'
        line = [*map(str, arguments)]
        return line if str(domain) == '0' else ['lab-run', str(self.domid(domain)), *line]

    @staticmethod
    def some(items):
        return list(items)[::8]

    def domid(self, domain):
        named = [guest.domid for guest in self.guests if guest.name == domain]
        return named[0] if named else int(domain)

    def sh(self, *command):
        result = subprocess.run([*map(str, command)], env=self.env, timeout=2 * PATIENCE,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            raise HxFailed(f'{command}: {result.returncode}: {result.stderr}')
        return result.stdout

    def hx(self, verb, *arguments):
        """The verbs of hx that a real Xen has as well."""
        return getattr(self, f'verb_{verb}')(*arguments)

    def verb_run(self, domain, *command):
        return self.sh(*self.command('run', domain, *command))

    def verb_create(self, name, *options):
        """With --store KEY=VALUE. Nobody uses it again: such domains are special."""
        domid = self.create_domain(name)
        self.special.add(domid)
        for key, _, value in (option.partition('=') for option in options if option != '--store'):
            self.sh('xenstore-write', f'/local/domain/{domid}/{key}', value)
        return f'{domid}\n'

    def verb_pause(self, domain):
        self.sh('xl', 'pause', self.domid(domain))

    def verb_unpause(self, domain):
        self.sh('xl', 'unpause', self.domid(domain))

    def verb_shutdown(self, domain):
        self.sh('xl', 'shutdown', '-w', self.domid(domain))

    def verb_destroy(self, domain):
        self.sh('xl', 'destroy', self.domid(domain))

    def verb_suspend(self, domain):
        """Saved, and it goes on, with all rings: only a restore elsewhere cuts them."""
        self.sh('xl', 'save', '-c', self.domid(domain), f'{self.top}/saved')

    def verb_fault(self, what):
        """xenstored can be stopped here too. No other fault can be had."""
        how = {'xenstored=stop': 'STOP', 'xenstored=cont': 'CONT', 'clear': 'CONT'}[what]
        self.sh('pkill', f'-{how}', '-x', 'o?xenstored')

    def popen(self, domain, *command, **options):
        """Of the environment, only what is not ours anyway is brought into a guest."""
        options.setdefault('stdin', subprocess.DEVNULL)
        env = options.pop('env', {})
        line = self.command('run', domain, *command)
        if line[0] == 'lab-run':
            more = [f'{key}={value}' for key, value in env.items() if os.environ.get(key) != value]
            process = Remote([*line[:2], *more, *line[2:]], env=self.env, **options)
            process.domid = int(line[1])
        else:
            process = subprocess.Popen(line, env={**self.env, **env}, **options)
        self.processes.append(process)
        return process

    def create(self, name, own='*', domid=None):
        if domid is None and Real.idle:
            domid = Real.idle.pop()
        else:
            domid = self.create_domain(name, domid)
        home = f'/local/domain/{domid}'
        self.store.write(f'{home}/name', name)
        if own is not None:
            self.store.write(f'{home}/xcp-bus/own', own)
        self.guests.append(Guest(self, domid, name))
        return self.guests[-1]

    def put(self, domid, path, data):
        """A file in a domain."""
        subprocess.run(self.command('run', domid, 'sh', '-c', f'cat >{path}'), input=data,
                       timeout=PATIENCE, check=True)

    def create_domain(self, name, domid=None, kind=GUEST):
        environment = ['env', 'LD_PRELOAD=/usr/lib/lab-domid.so', f'LAB_DOMID={domid}',
                       'LIBXL_DOMID_REUSE_TIMEOUT=0'] if domid else []
        self.sh(*environment, 'xl', 'create', '-q', kind, f'name="{name}"')
        return int(self.sh('xl', 'domid', name))

    def create_debian(self, name):
        """A guest with systemd, which nobody uses again."""
        self.guests.append(Guest(self, self.create_domain(name, kind=DEBIAN), name))
        self.run(self.guests[-1].domid, 'mkdir', '-p', self.top)
        self.guests[-1].release = self.guests[-1].destroy
        return self.guests[-1]

    def release(self, guest):
        """For somebody else. Nothing of what ran in it is left."""
        if not self.exists(guest.domid):
            return
        if guest.domid in self.special:
            self.destroy(guest)
            return
        self.reap([process for process in self.processes
                   if getattr(process, 'domid', None) == guest.domid])
        for path in 'xcp-bus', 'data/xcp-bus':
            self.store.remove(f'/local/domain/{guest.domid}/{path}')
        Real.idle.append(guest.domid)

    def destroy_idle(self):
        """Guests that wait for somebody to use them again."""
        while Real.idle:
            self.verb_destroy(Real.idle.pop())

    def destroy(self, guest):
        if self.exists(guest.domid):
            self.verb_destroy(guest.domid)

    def exists(self, domid):
        """One that has shut down is taken away by xl."""
        return self.store.exists(f'/local/domain/{domid}/name')

    def store_nodes(self, domid):
        """As the lines of xenstore-ls."""
        return self.store.count_below(f'/local/domain/{domid}/data/xcp-bus')

    def remove(self, domid, path):
        """A socket on which nobody listens is in nobody's way."""

    def pid(self, process):
        return getattr(process, 'remote_pid', process.pid)

    def unix_socket(self, domid, path):
        if domid == 0:
            ours = socket.socket(socket.AF_UNIX)
            ours.connect(path)
            return ours
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(['lab-run', str(domid), '--connect', path], stdin=theirs)
        process.domid = domid
        self.processes.append(process)
        return ours

    def wait_listened(self, domid, path):
        self.run(domid, 'sh', '-c', f'until grep -q " 00010000 .* {path}$" /proc/net/unix; do '
                                    'usleep 5000; done')

    def state(self):
        """The domains there are. One that is dying and cannot go is among them."""
        lines = self.sh('xl', 'list').splitlines()[1:]
        return {'domains': [{'domid': int(line.split()[1])} for line in lines]}

    def books(self, _):
        return {}

    def stop(self):
        self.reap()
        for guest in [*self.guests]:
            guest.release()
        shutil.rmtree(self.top, ignore_errors=True)
