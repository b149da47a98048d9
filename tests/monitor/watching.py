# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-monitor while it looks on: begun, read line by line, ended."""
import json
import os
import re
import select
import signal
import subprocess
import time

from bus import sanitizer_environment
from client import PATIENCE
from services import Service

CHANGES = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"
# What no terminal may be sent: controls, and what hides or turns the direction of text.
FORBIDDEN = re.compile('[\x00-\x09\x0b-\x1f\x7f-\xa0\xad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]')
SUMMARY = re.compile(r'(\d+) messages: (\d+) calls, (\d+) answers, (\d+) errors, (\d+) signals; .*'
                     r'; (\d+) calls wait for their answer; (\d+) messages lost')


def wait_for_monitor(watcher):
    """Until somebody who came after the watcher has left the bus, as monitors do."""
    came = set()
    while True:
        name, _, after = watcher.take_signal('NameOwnerChanged').body
        if not after and name in came:
            return
        came.add(name)


class Watch:
    """Runs `xcp-bus-monitor ARGUMENT...` and is back when it sees what passes."""

    def __init__(self, build, bus, *arguments, is_json=True, locale='C.UTF-8'):
        command = [os.path.join(build, 'xcp-bus-monitor'), f'--address=unix:path={bus.path}',
                   *map(str, arguments), *(['--json'] if is_json else [])]
        # A command that is run meanwhile follows "--", and takes all that is behind.
        if '--' in command:
            command = [*command[:2], *(['--json'] if is_json else []), *map(str, arguments)]
        self.is_json, self.data = is_json, b''
        watcher = bus.connect().match(CHANGES)
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=sanitizer_environment(bus.folder, {**os.environ, 'LC_ALL': locale, 'TZ': 'UTC'}))
        wait_for_monitor(watcher)
        watcher.close()
        self.lines, self.errors = [], ''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def take(self):
        """The next line, or None at the end."""
        deadline = time.monotonic() + 2 * PATIENCE
        while b'\n' not in self.data:
            left = max(0, deadline - time.monotonic())
            assert select.select([self.process.stdout], [], [], left)[0], \
                f'{self.process.args}: no more: {self.lines[-5:]}'
            chunk = os.read(self.process.stdout.fileno(), 1 << 20)
            if not chunk:
                return None
            self.data += chunk
        line, self.data = self.data.split(b'\n', 1)
        text = line.decode()
        self.lines.append(json.loads(text) if self.is_json else text)
        return self.lines[-1]

    def is_readable(self, seconds=0.2):
        """Whether there is a line, or comes soon. For those who otherwise do something about it."""
        return b'\n' in self.data or bool(select.select([self.process.stdout], [], [], seconds)[0])

    def until(self, wanted):
        """The first line from here on that is wanted."""
        while not wanted(line := self.take()):
            assert line is not None, f'it ended: {self.lines[-5:]} {self.process.stderr.read()}'
        return line

    def take_lines(self, count):
        """Until there are so many in all."""
        while len(self.lines) < count:
            assert self.take() is not None, f'it ended: {self.lines[-5:]} {self.process.stderr.read()}'

    def wait(self, status=0):
        """All lines, when it has ended by itself."""
        while self.take() is not None:
            pass
        self.errors = self.process.stderr.read().decode()
        assert self.process.wait(PATIENCE) == status, self.errors
        return self.lines

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        return self.wait()

    @property
    def summary(self):
        """How many: messages, calls, answers, errors, signals; calls that wait, messages lost."""
        return tuple(map(int, SUMMARY.search(self.errors).groups()))


class Looker:
    """A monitor of the test's own: what the bus shows, byte by byte."""

    def __init__(self, bus, *rules):
        self.client = bus.connect()
        self.client.drain()
        self.client.call('org.freedesktop.DBus', '/org/freedesktop/DBus',
                         'org.freedesktop.DBus.Monitoring', 'BecomeMonitor', 'asu', list(rules), 0)

    def until(self, wanted):
        messages = []
        while not messages or not wanted(messages[-1]):
            messages.append(self.client.take())
        return messages


class Emitter(Service):
    """A service that sends signals when told to, in the thread in which it also answers."""

    def __init__(self, client, name, methods):
        self.signals = []
        super().__init__(client, name, {**methods, (None, 'org.example.Emitter', 'Emit'): self.on_emit})

    def on_emit(self, _):
        for message in self.signals:
            self.client.send(message)
        return ()

    def emit(self, caller, *signals):
        self.signals = signals
        caller.call(self.name, '/emitter', 'org.example.Emitter', 'Emit')
