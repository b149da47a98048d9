#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""many.py COUNT: so many calls, and signals, of each kind, in a process that is client and service. How much
memory they left behind, and how many descriptors: "N KiB, N descriptors"."""
import asyncio
import gc
import os
import sys

import torture1
import xcpbus
from torture1 import Colour, Everything, Shape, Torture1


class Torture(torture1.Torture1Service):
    count = 1

    async def echo_everything(self, debug_info, everything):
        return everything

    async def draw(self, shape, colour):
        if shape == Shape.Empty():
            raise torture1.BadShape(shape, (1, 2))
        return shape, colour

    async def poke(self, end):
        self.poked(end, torture1.Label(text='poked'))


class Giving(xcpbus.Service, interface='org.example.giving1', path='/giving'):
    @xcpbus.method('Give', results=('fd',))
    async def give(self, fd: xcpbus.Fd) -> xcpbus.Fd:
        raise NotImplementedError


class Given(Giving):
    async def give(self, fd):
        return fd


async def refused(awaitable):
    try:
        await awaitable
    except (xcpbus.Error, TypeError, ValueError, OverflowError):
        return
    raise AssertionError('it was not refused')


async def each_tenth(torture, giving, i):
    """Descriptors, what is refused here and there, what is given up, and what comes and goes."""
    await torture.echo_everything('x' * 1000, Everything())
    with open('/dev/null') as file:
        await giving._call(Giving.give, file)
    await refused(torture.echo_everything('', Everything(a_byte=256)))
    await refused(torture.echo_everything('\ud800', Everything()))
    await refused(torture._bus.call('org.example.torture1', torture._path, 'org.example.torture1',
                                    'EchoEverything', 'sa{sv}', ('', {'a_byte': xcpbus.Variant('s', '')})))
    waiting = asyncio.ensure_future(torture.get_count())
    await asyncio.sleep(0)
    waiting.cancel()
    if i % 100 == 0:
        async with await xcpbus.connect() as other:
            torture1.Torture1(other).changes()
            xcpbus.export(other, Torture(), '/torture')
            other.watch_name('org.example.torture1', str)


def resident_kib():
    gc.collect()
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmRSS'))


async def each_kind(torture, giving, pokes, i):
    await torture.draw(Shape.Circle(float(i)), Colour.Red)
    try:
        await torture.draw(Shape.Empty(), Colour.Red)
    except torture1.BadShape as error:
        assert error.limits == (1, 2)
    await asyncio.gather(torture.poke(i), torture.get_count())
    assert (await anext(pokes))[0] == i
    if i % 10 == 0:
        await each_tenth(torture, giving, i)


def descriptors():
    return len(os.listdir('/proc/self/fd'))


async def main(count):
    async with await xcpbus.serve(Torture(), Given()) as service, await xcpbus.connect() as client:
        torture, giving = Torture1(client), xcpbus.Proxy(client, service.unique_name, '/giving')
        with torture.poked() as pokes:
            for i in range(count // 20):  # until all caches are full
                await each_kind(torture, giving, pokes, i)
            kib, fds = resident_kib(), descriptors()
            for i in range(count // 5):
                await each_kind(torture, giving, pokes, i)
            print(resident_kib() - kib, 'KiB,', descriptors() - fds, 'descriptors')


asyncio.run(main(int(sys.argv[1])))
