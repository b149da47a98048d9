# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of activation have started: started.py LOG MODE [ARGUMENT]...

It adds a line to LOG, then does as MODE says. A service answers every call with its arguments, but for
the members in ANSWERS.
"""
import math
import os
import resource
import signal
import socket
import sys

import wire
from client import Client, Closed

SEEN = []


def environment(_):
    return 'a{ss}', dict(os.environ)


def process(_):
    """Session, and what a parent may have left behind."""
    with open('/proc/self/status', encoding='ascii') as status:
        lines = dict(line.split(':', 1) for line in status)
    return 'a{ss}', {
        'session': str(os.getsid(0) == os.getpid()), 'pid': str(os.getpid()),
        'uid': str(os.getuid()), 'gid': str(os.getgid()),
        'groups': ' '.join(map(str, sorted(os.getgroups()))),
        'ignored': lines['SigIgn'].strip(), 'blocked': lines['SigBlk'].strip(),
        'stdin': os.readlink('/proc/self/fd/0'),
        'files': str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        'fds': ' '.join(fd for fd in os.listdir('/proc/self/fd') if is_open(int(fd)))}


def is_open(fd):
    try:
        os.fstat(fd)
        return True
    except OSError:
        return False


ANSWERS = {'Environment': environment, 'Process': process, 'Seen': lambda _: ('as', list(SEEN))}


def connect():
    address = os.environ['DBUS_STARTER_ADDRESS'].split(',')[0]
    assert address.startswith('unix:path='), address
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(address.removeprefix('unix:path='))
    return Client(sock).auth().hello()


def serve(client, count=math.inf):
    """Answer calls until the bus ends, or somebody calls Quit."""
    while count > 0:
        message = client.take(lambda m: m.type == wire.SIGNAL and m.destination
                              or m.type == wire.METHOD_CALL)
        if message.member in ('NameAcquired', 'NameLost'):
            continue
        SEEN.append(message.member)
        if message.member == 'Quit':
            return
        if message.type == wire.METHOD_CALL:
            answer = ANSWERS.get(message.member, lambda m: (m.signature, m.body))
            signature, body = answer(message)
            body = body if isinstance(body, tuple) else (body,)
            client.send(wire.reply_to(message, signature, *body))
            count -= 1


def service(name, *more):
    client = connect()
    for one in (name, *more):
        client.own(one)
    serve(client)


def transient(name):
    client = connect()
    client.own(name)
    serve(client, 1)
    client.sync()


def forks(name):
    if os.fork() == 0:
        service(name)


def killed(number):
    os.kill(os.getpid(), getattr(signal, number))


def waits_for(fifo, *names):
    """Comes when somebody has opened the other end."""
    with open(fifo, encoding='ascii') as end:
        end.read()
    service(*names)


def hangs():
    """Never takes a name, and ends with the bus."""
    serve(connect())


def stubborn():
    """It and a child of it go on whatever they are told, and take no name."""
    for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        note_start()
    while True:
        signal.pause()


MODES = {'service': service, 'transient': transient, 'forks': forks, 'killed': killed,
         'waits-for': waits_for, 'hangs': hangs, 'stubborn': stubborn,
         'exits': lambda status: sys.exit(int(status))}


def note_start():
    with open(sys.argv[1], 'a', encoding='utf-8') as log:
        log.write(' '.join([str(os.getpid()), *sys.argv[2:]]) + '\n')


if __name__ == '__main__':
    note_start()
    try:
        MODES[sys.argv[2]](*sys.argv[3:])
    except Closed:
        pass
