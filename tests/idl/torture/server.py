#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The torture service in Python: CASES.md, "A server"."""
import asyncio

import torture1
import xcpbus
from torture1 import Colour, Shape, Torture1Service


class Torture(Torture1Service):
    count = 0
    version = '1.1'
    _favourite = Colour.Red

    async def echo_everything(self, debug_info, everything):
        return everything

    async def echo_basic(self, *values):
        return values

    async def echo_containers(self, *values):
        return values

    async def draw(self, shape, colour):
        match shape:
            case Shape.Segment((begin, end)) if end < begin:
                raise torture1.BadShape(shape, (end, begin), 'it ends before it begins')
            case Shape.Circle(0):
                raise torture1.Nothing('a circle of radius 0')
            case Shape.Circle(radius) if radius < 0:
                raise torture1.InternalError('radius')
        return shape, colour

    async def poke(self, end):
        self.count += 1
        self.changed('count')
        self.poked(end, torture1.Label(text='poked'))

    @property
    def favourite(self):
        return self._favourite

    @favourite.setter
    def favourite(self, value):
        self._favourite = value


class Extra(Torture1Service.Extra):
    async def wait(self, delay):
        await (asyncio.sleep(delay) if delay >= 0 else asyncio.Event().wait())

    async def forget(self):
        pass


async def main():
    async with await xcpbus.serve(Torture(), Extra()) as bus:
        print('ready', flush=True)
        await bus.wait_closed()


asyncio.run(main())
