# SPDX-License-Identifier: LGPL-2.1-or-later
"""An instance of hosted Xen for tests, and programs in its domains.

Everything is done through `hx`, as a person would do it.
"""
import json
import os
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE = 30  # for what must happen; nothing is measured


class Instance:
    def __init__(self, build, *options, wrap=(), parent=None):
        self.build, self.wrap = Path(build), list(wrap)
        self.dir = tempfile.mkdtemp(prefix='hxt', dir=parent)  # short: it holds Unix sockets
        self.env = {**os.environ, 'HX_DIR': self.dir}
        self.processes, self.sockets = [], []
        if parent:  # somebody else's, who gave us a place
            os.rmdir(self.dir)
        self.hx('start', *options)

    def command(self, *arguments):
        return [*self.wrap, str(self.build / 'hosted-xen' / 'hx'), *map(str, arguments)]

    def call(self, *arguments):
        return subprocess.run(self.command(*arguments), env=self.env, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def hx(self, *arguments):
        result = self.call(*arguments)
        assert result.returncode == 0, f'hx {arguments}: {result.returncode} {result.stderr}'
        return result.stdout

    def refuses(self, *arguments):
        """Its complaint: one sentence and a status that is not 0."""
        result = self.call(*arguments)
        assert result.returncode != 0, f'hx {arguments} should have failed'
        assert result.stderr.startswith('hx: '), result.stderr
        return result.stderr

    def create(self, name, *options):
        return int(self.hx('create', name, *options))

    def run(self, domain, *command):
        return self.hx('run', domain, *command)

    def popen(self, domain, *command, **options):
        options = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE, 'env': self.env,
                   **options}
        process = Program(subprocess.Popen(self.command('run', domain, *command), **options))
        self.processes.append(process)
        return process

    def tool(self, name):
        return self.build / 'tests' / 'hosted' / name

    def echo(self, domain, *arguments, **options):
        return self.popen(domain, self.tool('vchan-echo'), *arguments, **options)

    def shell(self, domain):
        shell = self.popen(domain, self.tool('xen-shell'), stdin=subprocess.PIPE)
        shell.expect('begun')
        return shell

    def watch(self, domain, path):
        """xenstore-watch; the event that every watch begins with has been seen."""
        watch = self.popen(domain, 'stdbuf', '-oL', 'xenstore-watch', path)
        watch.expect(path)
        return watch

    def state(self):
        return json.loads(self.hx('state', '--json'))

    def domain(self, domid):
        domains = {domain['domid']: domain for domain in self.state()['domains']}
        return domains.get(domid)

    def books(self):
        """All that may leak."""
        state = self.state()
        keys = ('domid', 'pages', 'mapped_by', 'maps', 'ports', 'handles', 'xenbus_clients',
                'xenbus_watches', 'xenbus_transactions', 'xenbus_requests', 'processes')
        return {'fds': state['hxd']['fds'], 'nodes': state['xenstore_nodes'],
                'domains': [{key: domain[key] for key in keys} for domain in state['domains']]}

    def wait_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < deadline, what
            time.sleep(0.01)
        return value

    def wait_gone(self, *pids):
        """Processes that are not our children; zombies are nobody's."""
        for pid in pids:
            self.wait_until(lambda: not is_running(pid), f'{pid} lives')

    def settles(self, books):
        """Everything comes back to what it was."""
        deadline = time.monotonic() + PATIENCE
        while (now := self.books()) != books:
            assert time.monotonic() < deadline, f'before {books}\nnow {now}'
            time.sleep(0.02)

    def log(self):
        return Path(self.dir, 'hxd.log').read_text(errors='replace')

    def stop(self):
        for sock in self.sockets:  # whoever is connected as a domain ends with it, even a test
            sock.close()
        for process in self.processes:
            process.end()
        self.hx('stop')
        assert not os.path.exists(self.dir)


class Program:
    """A process in a domain. It speaks in lines."""

    def __init__(self, process):
        self.process, self.pid = process, process.pid
        self.seen = b''

    def line(self):
        out = self.process.stdout
        deadline = time.monotonic() + PATIENCE
        while b'\n' not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([out], [], [], left)[0], f'only {self.seen!r}'
            more = os.read(out.fileno(), 65536)
            assert more, f'it ended, having said {self.seen!r}'
            self.seen += more
        line, self.seen = self.seen.split(b'\n', 1)
        return line.decode()

    def expect(self, line):
        assert (said := self.line()) == line, f'{said!r} is not {line!r}'

    def rest(self):
        """All that it says until its end."""
        said = self.seen + self.process.stdout.read()
        self.seen = b''
        self.wait()
        return said.decode().splitlines()

    def silent(self):
        """Nothing was said. Only meaningful when there has been time to."""
        return not self.seen and not select.select([self.process.stdout], [], [], 0)[0]

    def ask(self, *words):
        """Of a xen-shell."""
        self.process.stdin.write((' '.join(map(str, words)) + '\n').encode())
        self.process.stdin.flush()
        return self.line()

    def number(self, *words):
        answer = self.ask(*words)
        assert answer.split()[0] in ('ref', 'port', 'byte'), f'{words}: {answer}'
        return int(answer.split()[1])

    def wait(self):
        status = self.process.wait(PATIENCE)
        for pipe in self.process.stdin, self.process.stdout:
            if pipe:
                pipe.close()
        return status

    def close(self):
        """It ends in good order when its input does."""
        self.process.stdin.close()
        assert self.wait() == 0

    def kill(self):
        self.process.kill()
        assert self.wait() == -signal.SIGKILL

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


class Store:
    """A xenstore connection with nothing of a library in between."""
    ERROR, EVENT = 16, 15
    READ, WATCH, UNWATCH, START, END, WRITE, RESET = 2, 4, 5, 6, 7, 11, 21

    def __init__(self, instance, domid):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        instance.sockets.append(self)
        name = 'xenbus' if domid else 'socket'
        self.socket.connect(f'{instance.dir}/dom{domid}/{name}')
        self.request_id = 0

    def send(self, kind, *strings, transaction=0, end=b'\0'):
        self.request_id += 1
        body = end.join(text.encode() for text in strings) + end
        self.socket.sendall(struct.pack('<IIII', kind, self.request_id, transaction, len(body))
                            + body)
        return self.request_id

    def receive_exactly(self, size):
        data = b''
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        kind, request_id, _, size = struct.unpack('<IIII', self.receive_exactly(16))
        return kind, request_id, self.receive_exactly(size)

    def ask(self, kind, *strings, **options):
        """The answer to this; events that come before it are dropped."""
        wanted = self.send(kind, *strings, **options)
        while True:
            kind, request_id, body = self.receive()
            if kind != self.EVENT:
                assert request_id == wanted
                return body if kind != self.ERROR else body.rstrip(b'\0').decode()

    def close(self):
        self.socket.close()


def is_running(pid):
    try:
        stat = Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(')', 1)[1].split()[0] != 'Z'
