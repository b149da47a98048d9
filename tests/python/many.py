#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""many.py COUNT: so many calls of each kind, and how much memory they left behind: "N KiB"."""
import asyncio
import gc
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


def resident_kib():
    gc.collect()
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmRSS'))


async def each_kind(torture, pokes, i):
    await torture.draw(Shape.Circle(float(i)), Colour.Red)
    try:
        await torture.draw(Shape.Empty(), Colour.Red)
    except torture1.BadShape as error:
        assert error.limits == (1, 2)
    await asyncio.gather(torture.poke(i), torture.get_count())
    assert (await anext(pokes))[0] == i
    if i % 10 == 0:
        await torture.echo_everything('x' * 1000, Everything())
        waiting = asyncio.ensure_future(torture.get_count())
        await asyncio.sleep(0)
        waiting.cancel()


async def main(count):
    async with await xcpbus.serve(Torture()), await xcpbus.connect() as client:
        torture = Torture1(client)
        with torture.poked() as pokes:
            for i in range(count // 20):  # until all caches are full
                await each_kind(torture, pokes, i)
            before = resident_kib()
            for i in range(count // 5):
                await each_kind(torture, pokes, i)
    print(resident_kib() - before, 'KiB')


asyncio.run(main(int(sys.argv[1])))
