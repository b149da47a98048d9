#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A storage service: an ordinary D-Bus program on dbus-fast that has never heard of xcp-bus.

It takes the bus it is given in DBUS_SESSION_BUS_ADDRESS. In a domain of its own that is the socket of
xcp-bus-agent; in dom0 it is the socket of xcp-busd.

What a real one does and this does not: look for the disk, make a block device of it, remember
anything. Every VDI exists. The names and signatures are those of xapi's storage interface
(SMAPIv2); the first argument is the caller's debug_info.
"""
import asyncio

from dbus_fast import Variant
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, method


class VDI(ServiceInterface):
    def __init__(self):
        super().__init__('org.xen.xcp.storage1.VDI')

    @method()
    async def Attach(self, debug_info: 's', dp: 's', sr: 's', vdi: 's',  # noqa: F821
                     read_write: 'b') -> 'a{sv}':  # noqa: F722,F821
        return {'params': Variant('s', f'/dev/{sr}/{vdi}'),
                'o_direct': Variant('b', True),
                'o_direct_reason': Variant('s', ''),
                'xenstore_data': Variant('a{ss}', {'storage-type': 'example'})}

    @method()
    async def Activate(self, debug_info: 's', dp: 's', sr: 's', vdi: 's'):  # noqa: F821
        pass


async def main():
    bus = await MessageBus().connect()
    bus.export('/org/xen/xcp/storage1', VDI())
    await bus.request_name('org.xen.xcp.storage1')
    print('ready', bus.unique_name, flush=True)
    await bus.wait_for_disconnect()


asyncio.run(main())
