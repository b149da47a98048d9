#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The torture client in Python: CASES.md, "A client". client.py calls|odd|restart|loop"""
import asyncio
import gc
import math
import sys
import traceback
from dataclasses import replace

import torture1
import xcpbus
from torture1 import Address, Colour, Everything, Label, Origin, Shape, Torture1, Tree
from xcpbus import Variant

import client_odd
from client_check import INT_LIMITS, LEAST, LARGEST, basic, case, cases, check, raises, same

NUMBERS = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308]
EVERY = [Shape.Empty(), Shape.Circle(1.5), Shape.Segment((-1, 2**62)),
         Shape.Device(Address(65535, 255, 31, 7))]
EVERY.append(Shape.Group(list(EVERY)))
EVERY.append(Shape.Labelled(Label(text='x', link='y')))
SPIRAL = xcpbus.Unknown('Spiral', Variant('(xd)', (3, 0.5)))
EMPTY_LISTS = {'some_bytes': b'', 'numbers': [], 'matrix': [], 'words': {}, 'by_number': {},
               'labels': [], 'holes': []}


def everything():
    """Nothing in it is a default."""
    return Everything(
        a_byte=1, a_boolean=False, an_int16=2, a_uint16=3, an_int32=4, a_uint32=5, an_int64=6,
        a_uint64=7, a_double=8.5, a_string='nine', some_bytes=b'\0\1\xff', numbers=[10, -11],
        matrix=[[1.5], [], [2.5, -3.5]], words={'a': '', 'b': 'c'},
        by_number={12: Label(text='twelve')}, pair=('two', 2), address=Address(4, 3, 2, 1),
        colour=Colour.Red, shape=EVERY[4], origin=Origin(x=-1, y=1),
        label=Label(text='here', colour=Colour.None_, size=0.0, link='there'),
        labels=[Label(text='a'), Label(text='b', size=-1.0)], maybe_numbers=[1, 2, 3],
        holes=['a', None, ''], anything=Variant('as', ['x', 'y']))


async def echo(torture, value):
    check(same(await torture.echo_everything('', value), value), 'it is another')


async def contain(torture, maybe=None, bytes_=b'', records=(), tree=None, anything=None):
    values = (maybe, bytes_, list(records), tree or Tree(name='root'), anything or Variant('s', ''))
    found = await torture.echo_containers(*values)
    check(same(found, values), f'{str(found):.200}')


@case
async def defaults(torture):
    await echo(torture, Everything())


@case
async def all_fields(torture):
    await echo(torture, everything())


@case
async def limits(torture):
    for a_bool, numbers in (False, LEAST), (True, LARGEST):
        for path, signature in ('/', ''), ('/a/b_1', 'a{sv}(ii)'):
            values = basic(numbers, a_bool, path=path, signature=signature)
            check(await torture.echo_basic(*values) == values, 'other values')


@case
async def out_of_limits(torture):
    for index, code in enumerate(INT_LIMITS):
        for numbers, step in (LEAST, -1), (LARGEST, 1):
            wrong = [*numbers]
            wrong[index] += step
            await raises(OverflowError, torture.echo_basic(*basic(wrong, True)))


@case
async def doubles(torture):
    for number in NUMBERS:
        values = basic(LEAST, True, number)
        check(same(await torture.echo_basic(*values), values), f'{number}')
    await echo(torture, Everything(matrix=[NUMBERS, [], NUMBERS]))


@case
async def texts(torture):
    for text in '', 'żółć 🐍 \n\t"\\', 'x' * 2**20:
        values = basic(LEAST, True, text=text)
        check(await torture.echo_basic(*values) == values, text[:20])
    for wrong in 'a\0b', '\ud800':
        await raises(ValueError, torture.echo_basic(*basic(LEAST, True, text=wrong)))


@case
async def blobs(torture):
    await contain(torture)
    await contain(torture, bytes_=bytes(i % 251 for i in range(2**20)))


@case
async def empty(torture):
    await echo(torture, replace(everything(), **EMPTY_LISTS))


@case
async def options(torture):
    for maybe in None, '':
        await contain(torture, maybe)
    for numbers in None, [], [1]:
        await echo(torture, Everything(pair=('', 7), maybe_numbers=numbers, holes=[None, '', None]))


@case
async def records(torture):
    colours = list(Colour)
    await contain(torture, records=[(f'n{i}', Label(text=f'n{i}', colour=colours[i % 3]))
                                    for i in range(1000)])


@case
async def dictionary(torture):
    await echo(torture, Everything(by_number={key: Label(text=str(key))
                                              for key in (0, 1, 4294967295)}))


def tree(depth):
    return Tree(name=str(depth), children=[tree(depth - 1)] if depth > 1 else [])


@case
async def deep(torture):
    await contain(torture, tree=tree(16))


@case
async def too_deep(torture):
    await raises(ValueError, contain(torture, tree=tree(40)))
    loop = Variant('av', [])
    loop.value.append(loop)
    await raises(ValueError, contain(torture, anything=loop))
    await echo(torture, Everything())


@case
async def anything(torture):
    for value in (Variant('s', 'x'), Variant('a{sv}', {'a': Variant('b', True), 'c': Variant('d', 1.5)}),
                  Variant('(xd)', (3, 0.5)), Variant('v', Variant('v', Variant('y', 1))),
                  Variant('ay', b'\0\1')):
        await contain(torture, anything=value)
        await echo(torture, Everything(anything=value))


@case
async def shapes(torture):
    for shape in EVERY:
        check(await torture.draw(shape, Colour.Red) == (shape, Colour.Red), f'{shape}')


@case
async def words(torture):
    for colour in Colour:
        _, used = await torture.draw(Shape.Empty(), colour)
        check(used is colour, f'{used!r}')


@case
async def unknown_word(torture):
    _, used = await torture.draw(Shape.Empty(), Colour('Ultraviolet'))
    check(used == 'Ultraviolet' and not used.is_known and used not in list(Colour), f'{used!r}')
    check(Colour.Red.is_known and isinstance(used, Colour), f'{used!r}')


@case
async def unknown_case(torture):
    for shape in SPIRAL, Shape.Group([SPIRAL, Shape.Empty()]):
        drawn, _ = await torture.draw(shape, Colour.Red)
        check(drawn == shape, f'{drawn}')


@case
async def bad_shape(torture):
    error = await raises(torture1.BadShape, torture.draw(Shape.Segment((5, 2)), Colour.Red))
    check(error.shape == Shape.Segment((5, 2)) and error.limits == (2, 5) and error.message, repr(error))


@case
async def other_errors(torture):
    for radius in 0.0, -0.0:
        await raises(torture1.Nothing, torture.draw(Shape.Circle(radius), Colour.Red))
    error = await raises(torture1.InternalError, torture.draw(Shape.Circle(-1.0), Colour.Red))
    check(error.reason == 'radius', repr(error))


@case
async def what_does_not_fit(torture):
    await raises(TypeError, torture.echo_basic(*basic(LEAST, 1)))
    await raises(TypeError, torture.echo_basic(*basic(LEAST, True, text=b'')))
    await raises(xcpbus.Invalid, torture.draw(Label(text='x'), Colour.Red))
    await raises(xcpbus.Invalid, torture.echo_everything('', None))
    error = await raises(ValueError, torture.echo_everything('', Everything(origin=Label(text=''))))
    check('origin' in str(error), str(error))
    await raises(ValueError, contain(torture, anything=Variant('ss', 'x')))
    await raises(ValueError, contain(torture, bytes_=bytes(2**26 + 1)))


@case
async def signal(torture):
    with torture.poked() as pokes:
        await torture.poke(42)
        end, label = await anext(pokes)
    check(end == 42 and label == Label(text='poked', colour=Colour.Dark_green, size=1.5), f'{end} {label}')
    told = asyncio.get_running_loop().create_future()
    called = torture.poked(lambda end, label: told.done() or told.set_result((end, label.text)))
    await torture.poke(43)
    check(await told == (43, 'poked'), f'{told}')
    called.close()


@case
async def counted(torture):
    before = await torture.get_count()
    with torture.changes() as changes:
        await torture.poke(1)
        check(await anext(changes) == {'count': before + 1}, 'another change')
    check(await torture.get_count() == before + 1, 'another count')


@case
async def favourite(torture):
    with torture.changes() as changes:
        for colour in Colour.Dark_green, Colour('Ultraviolet'), Colour.Red:
            await torture.set_favourite(colour)
            check(await torture.get_favourite() == colour, 'another colour')
            check(await anext(changes) == {'favourite': colour}, 'another change')


@case
async def constant(torture):
    check(await torture.get_version() == '1.1', 'another version')


@case
async def wait(torture):
    await torture.extra.wait(0.01)
    waiting = asyncio.ensure_future(torture.extra.wait(-1))
    await asyncio.sleep(0)
    await torture.echo_basic(*basic(LEAST, True))
    check(not waiting.done(), 'it did not wait')
    await raises(xcpbus.NoReply, waiting)
    given_up = asyncio.ensure_future(torture.extra.with_timeout(60).wait(-1))
    await asyncio.sleep(0)
    given_up.cancel()
    await raises(asyncio.CancelledError, given_up)


@case
async def forget(torture):
    torture.extra.forget()
    await torture.echo_everything('', Everything())


@case
async def many(torture):
    calls = [basic([*LEAST[:3], number, *LEAST[4:]], True) for number in range(100)]
    check(await asyncio.gather(*(torture.echo_basic(*values) for values in calls)) == calls, 'mixed up')


@case
async def nobody(torture):
    other = Torture1(torture._bus, 'org.example.nobody1')
    await raises(xcpbus.ServiceUnknown, other.echo_basic(*basic(LEAST, True)))


@case
async def no_object(torture):
    other = Torture1(torture._bus, path='/org/example/nowhere')
    error = await raises(xcpbus.UnknownMethod, other.echo_basic(*basic(LEAST, True)))
    check(error.name.endswith('.UnknownObject'), error.name)


async def told(what):
    """Says it, and waits for a line."""
    print(what, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def restart(torture):
    values = basic(LEAST, True)
    with torture.poked() as pokes:
        await torture.echo_basic(*values)
        await told('stop it')
        await raises(xcpbus.ServiceUnknown, torture.with_timeout(0.2).echo_basic(*values))
        waiting = asyncio.create_task(torture.echo_basic(*values))  # is called again until it comes back
        await told('start it')
        check(await waiting == values, 'other values')
        await torture.poke(7)
        end, _ = await anext(pokes)
        check(end == 7, f'{end}')


async def loop(torture):
    for count, what in (10000, 'warm'), (90000, 'done'):
        for _ in range(count):
            await torture.echo_everything('', Everything())
        gc.collect()
        await told(what)


async def main(part):
    parts = {'calls': cases, 'odd': client_odd.cases, 'restart': [restart], 'loop': [loop]}
    passed = failed = 0
    async with await xcpbus.connect() as bus:
        destination = 'org.example.torture1' + ('odd' if part == 'odd' else '')
        for one in parts[part]:
            try:
                await asyncio.wait_for(one(Torture1(bus, destination)), 600)
                passed += 1
            except Exception:
                failed += 1
                print(f'FAILED {one.__name__}: {traceback.format_exc()}')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(asyncio.run(main(sys.argv[1])))
