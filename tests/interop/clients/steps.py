# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every client does, whatever its library. A client brings

  call(name, member, signature, arguments)   one result, or Failed
  get(name, property), set(name, property, signature, value)
  shout(name, text)                          subscribe, call Shout, and return what was heard
  size(name, fd)                             call Size with the descriptor

and main(client) takes the rest from the command line: ADDRESS NAME:STEP,STEP...; it prints a line
"NAME STEP ok", or what was wrong, for every step. Values of a{sv} are pairs of signature and value.
"""
import os
import sys

PATH = '/org/example/Interop'
IFACE = 'org.example.Interop1'
PROPERTIES = 'org.freedesktop.DBus.Properties'
BROKEN = 'org.example.Interop1.Error.Broken'
ERR = 'org.freedesktop.DBus.Error.'
BIG = bytes(range(256)) * 2048
PATIENCE = 30


class Failed(Exception):
    """An error reply."""

    def __init__(self, name, text):
        super().__init__(f'{name}: {text}')
        self.name, self.text = name, text


def same(have, want):
    assert have == want, f'{have!r:.100} instead of {want!r:.100}'


def fails(client, name, member, error, text):
    try:
        result = client.call(name, member, '', ())
    except Failed as failed:
        same(failed.name, error)
        assert text in failed.text, failed.text
    else:
        raise AssertionError(f'{member} returned {result!r}')


def step_call(client, name):
    same(client.call(name, 'Add', 'ii', (40, 2)), 42)


def step_big(client, name):
    same(bytes(client.call(name, 'Echo', 'ay', (BIG,))), BIG)


def step_variants(client, name):
    described = client.call(name, 'Describe', 'a{sv}', ({'k': ('s', 'x'), 'n': ('u', 7)},))
    same(list(described), ['k=x', 'n=7'])


def step_error(client, name):
    fails(client, name, 'Fail', BROKEN, 'it is broken')


def step_properties(client, name):
    same(client.get(name, 'Version'), '1.0')
    client.set(name, 'Target', 'd', 21.5)
    same(client.get(name, 'Target'), 21.5)


def step_signal(client, name):
    same(client.shout(name, 'hey'), 'hey')


def step_fds(client, name):
    fd = os.memfd_create('seven')
    os.write(fd, b'7 bytes')
    same(client.size(name, fd), 7)
    os.close(fd)


def step_nobody(client, name):
    fails(client, name, 'Fail', ERR + 'ServiceUnknown', name)


def step_vanish(client, name):
    fails(client, name, 'Vanish', ERR + 'NoReply',
          'Message recipient disconnected from message bus without replying')


def main(client):
    for argument in sys.argv[2:]:
        name, steps = argument.split(':')
        for step in steps.split(','):
            try:
                globals()[f'step_{step}'](client, name)
                print(name, step, 'ok', flush=True)
            except Exception as problem:
                print(name, step, repr(problem), flush=True)
