# SPDX-License-Identifier: LGPL-2.1-or-later
import asyncio

import notes1
import xcpbus


async def main():
    async with await xcpbus.connect() as bus:
        notes = notes1.Notes1(bus)
        with notes.added() as news:
            number = await notes.add(notes1.Note(text='call back', author='me'))
            print('the news is', await anext(news))
        print(await notes.get(number), await notes.get_count())
        try:
            await notes.get(77)
        except notes1.NoSuchNote as error:
            print('there is no', error.number)


asyncio.run(main())
