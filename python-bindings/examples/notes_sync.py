# SPDX-License-Identifier: LGPL-2.1-or-later
import notes1
import xcpbus

with xcpbus.sync.connect() as bus:
    notes = notes1.Notes1Sync(bus)
    number = notes.add(notes1.Note(text='no loop here'))
    print(notes.get(number).text)
