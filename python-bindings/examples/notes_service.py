# SPDX-License-Identifier: LGPL-2.1-or-later
import asyncio

import notes1
import xcpbus


class Notes(notes1.Notes1Service):
    count = 0

    def __init__(self):
        self.notes = {}

    async def add(self, note):
        self.count += 1
        self.notes[self.count] = note
        self.changed('count')
        self.added(self.count)
        return self.count

    async def get(self, number):
        if number not in self.notes:
            raise notes1.NoSuchNote(number)
        return self.notes[number]


async def main():
    async with await xcpbus.serve(Notes()) as bus:
        print('ready', flush=True)
        await bus.wait_closed()


asyncio.run(main())
