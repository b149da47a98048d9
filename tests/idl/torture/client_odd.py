# SPDX-License-Identifier: LGPL-2.1-or-later
"""client.py odd: a service that answers as no good one would. CASES.md says what to which word."""
import torture1
import xcpbus
from torture1 import Colour, Everything, Label
from xcpbus import Variant

from client_check import check, raises, same

cases = []
SPIRAL = xcpbus.Unknown('Spiral', Variant('(xd)', (3, 0.5)))


def case(function):
    cases.append(function)
    return function


async def ask(torture, what):
    return await torture.echo_everything(what, Everything())


@case
async def older(torture):
    check(same(await ask(torture, 'older'), Everything()), 'not the defaults')


@case
async def newer(torture):
    found = await ask(torture, 'newer')
    check(found.colour == Colour('Ultraviolet') and found.shape == SPIRAL and
          found.words == {'a': 'b'} and not hasattr(found, 'from_the_future'), repr(found))


@case
async def twice(torture):
    check((await ask(torture, 'twice')).an_int32 == 2, 'not the last')


def invalid(what, *named):
    async def run(torture):
        error = await raises(xcpbus.InvalidReply, ask(torture, what))
        for name in named:
            check(name in error.message, str(error))
    run.__name__ = what
    cases.append(run)


invalid('missing', 'text', 'labels')
invalid('wrong field', 'a_string')
invalid('wrong case', 'shape')
invalid('two of one', 'holes')
invalid('wrong type')
invalid('nothing')
invalid('more')


@case
async def unknown_error(torture):
    error = await raises(xcpbus.Error, ask(torture, 'unknown error'))
    check((type(error), error.name, error.message) == (
        xcpbus.Error, 'org.example.torture1.Error.FromTheFuture', 'later'), repr(error))


@case
async def bad_payload(torture):
    for what in 'bad payload', 'no payload':
        error = await raises(xcpbus.Error, ask(torture, what))
        check(error.name == torture1.BadShape.name and type(error) is xcpbus.Error, repr(error))


@case
async def large(torture):
    check((await ask(torture, 'large')).labels == [Label(text='x')] * 20000, 'others')


@case
async def no_method(torture):
    await raises(xcpbus.UnknownMethod, torture.extra.wait(0))


@case
async def odd_signals(torture):
    with torture.poked() as pokes:
        await torture.poke(1)
        end, _ = await anext(pokes)
    check(end == 1, f'{end}')


@case
async def odd_property(torture):
    await raises(xcpbus.InvalidReply, torture.get_count())
