# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services for the tests of xcp-bus-monitor, each in a thread of its own, and the monitor itself."""
import fcntl
import json
import math
import os
import pty
import struct
import subprocess
import termios

import wire
from bus import sanitizer_environment
from client import PATIENCE
from server import Server

INTROSPECTABLE = 'org.freedesktop.DBus.Introspectable'
HEALTH = 'org.xen.xcp.Health1'


class Fail(Exception):
    """Raised by a method: the caller gets this error."""

    def __init__(self, name, signature, *body):
        super().__init__(name)
        self.name, self.signature, self.body = name, signature, body


class Service(Server):
    """Answers by functions: (path, interface, member) -> function of the call that returns signature and
    values, or None for no answer at all. path None stands for every path. The rest is UnknownMethod."""

    def __init__(self, client, name, methods):
        self.methods, self.calls = methods, []
        super().__init__(client, name)

    def serve(self):
        message = self.client.read_message(math.inf)
        self.client.inbox = []
        if message.type == wire.METHOD_CALL:
            self.answer(message)

    def answer(self, call):
        self.calls.append(call)
        method = self.methods.get((call.path, call.interface, call.member),
                                  self.methods.get((None, call.interface, call.member)))
        try:
            if not method:
                raise Fail('org.freedesktop.DBus.Error.UnknownMethod', 's', 'there is no such method')
            answer = method(call)
            if answer is not None:
                self.client.send(wire.reply_to(call, *answer))
        except Fail as fail:
            answer = wire.error_to(call, fail.name)
            answer.signature, answer.body = fail.signature, list(fail.body)
            self.client.send(answer)


def described(xml):
    """A method table with the introspection data of some paths."""
    return {(path, INTROSPECTABLE, 'Introspect'): lambda _, text=text: ('s', text)
            for path, text in xml.items()}


class Monitor:
    """xcp-bus-monitor, run to its end against one bus."""

    def __init__(self, build, bus, wrap=()):
        self.command = [*wrap, os.path.join(build, 'xcp-bus-monitor'), f'--address=unix:path={bus.path}']
        self.env = sanitizer_environment(bus.folder, {**os.environ, 'LC_ALL': 'C.UTF-8'})

    def run(self, *arguments, status=0, **options):
        result = subprocess.run([*self.command, *map(str, arguments)], env=self.env, timeout=4 * PATIENCE,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
        assert result.returncode == status, (arguments, result)
        return result

    def text(self, *arguments, **options):
        return self.run(*arguments, **options).stdout

    def in_terminal(self, width, *arguments, status=0):
        """The lines of a command whose output is a terminal that is so wide."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 50, width, 0, 0))
        process = subprocess.Popen([*self.command, '--no-colour', *arguments], env=self.env,
                                   stdin=subprocess.DEVNULL, stdout=theirs)
        os.close(theirs)
        data = b''
        with open(ours, 'rb', buffering=0) as terminal:
            try:
                while chunk := terminal.read(65536):
                    data += chunk
            except OSError:  # that is how a terminal ends
                pass
        assert process.wait(PATIENCE) == status, data
        return data.decode().splitlines()

    def json(self, *arguments, **options):
        """One value for each line."""
        return [json.loads(line) for line in self.run('--json', *arguments, **options).stdout.splitlines()]
