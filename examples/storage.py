#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A storage service in Python, over xcp-bus's own binding: it needs no agent, and no D-Bus library.

What a real one does and this does not: look for the disk, make a block device of it, remember
anything. Every VDI exists.
"""
import asyncio

import storage1
import xcpbus
from storage1 import Implementation


class VDI(storage1.Storage1Service.VDI):
    async def attach3(self, debug_info, dp, sr, vdi, vm, read_write):
        device = storage1.BlockDevice(path=f'/dev/{sr}/{vdi}')
        return storage1.Backend(implementations=[Implementation.BlockDevice(device)])

    async def activate3(self, debug_info, dp, sr, vdi, vm):
        pass


async def main():
    async with await xcpbus.serve(VDI()) as bus:
        print('ready', bus.unique_name, flush=True)
        await bus.wait_closed()


asyncio.run(main())
