# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of activation have in common: a bus with directories of .service files, what it has
started, and who asks for it."""
import os
import shlex
import signal
import time
from pathlib import Path

import pytest

import wire
from client import BUS, BUS_PATH, PATIENCE, Refused

ERR = 'org.freedesktop.DBus.Error.'
NAME = 'org.example.Service'
PROGRAM = Path(__file__).parent / 'started.py'
NO_AUTO_START = 2


class Services:
    """A bus, its directories of .service files, and what was started."""

    def __init__(self, start_bus, folder, folders=1, **options):
        self.log = folder / 'started'
        self.folders = [folder / f'services{i}' for i in range(folders)]
        for each in self.folders:
            each.mkdir()
        self.start_bus, self.options = start_bus, options
        self.bus = None

    def write(self, name, *arguments, folder=0, extra='', file=None):
        """A file with a service that started.py plays."""
        command = ' '.join(shlex.quote(str(a)) for a in
                           ('/usr/bin/python3', PROGRAM, self.log, *arguments))
        self.write_text(f'[D-BUS Service]\nName={name}\nExec={command}\n{extra}',
                        file or f'{name}.service', folder)

    def write_text(self, text, file, folder=0):
        """Whole or not at all, as a package manager writes it."""
        new = self.folders[folder] / (file + '.new')
        new.write_bytes(text.encode(errors='surrogateescape'))
        new.rename(self.folders[folder] / file)

    def start(self):
        self.bus = self.start_bus(
            elements='\n'.join(f'<servicedir>{f}</servicedir>' for f in self.folders),
            **self.options)
        return self.bus

    def started(self):
        """Process id and mode of all, in order."""
        return [line.split() for line in self.log.read_text().splitlines()] \
            if self.log.exists() else []

    def wait_started(self, count=1):
        deadline = time.monotonic() + PATIENCE
        while len(self.started()) < count:
            assert time.monotonic() < deadline, self.started()
            time.sleep(0.005)  # for another program to write a file
        return self.started()


def end_all(made):
    """What made has started, if it is there yet."""
    for each in made:
        for pid, *_ in each.started():
            end_process(int(pid))


def end_process(pid):
    """One that hangs; the others end with the bus."""
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as command:
            if b'started.py' in command.read():
                os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        pass


def wait_gone(pid):
    deadline = time.monotonic() + PATIENCE
    while os.path.exists(f'/proc/{pid}'):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ask(client, member='Echo', signature=None, *body, name=NAME, **more):
    return client.send(wire.call(name, '/x', 'org.example.I', member, signature, *body, **more))


def tell(client, member, name=NAME, **more):
    return client.send(wire.signal('/x', 'org.example.I', member, destination=name, **more))


def start(client, name=NAME):
    return client.send(wire.call(BUS, BUS_PATH, BUS, 'StartServiceByName', 'su', name, 0))


def refusal(client, serial):
    with pytest.raises(Refused) as refused:
        client.result(serial)
    return refused.value


def fifo(made):
    path = made.log.with_name('fifo')
    os.mkfifo(path)
    return path


def let_come(path):
    with open(path, 'w', encoding='ascii'):
        pass


def wait_activatable(client, name, is_there=True):
    deadline = time.monotonic() + PATIENCE
    while (name in client.bus('ListActivatableNames')) is not is_there:
        assert time.monotonic() < deadline
