#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""storage.py once more, as an ordinary D-Bus program: it is on dbus-fast, and has never heard of xcp-bus.

It takes the bus it is given in DBUS_SESSION_BUS_ADDRESS. In a domain of its own that is the socket of
xcp-bus-agent; in dom0 it would be the socket of xcp-busd.
"""
import asyncio

from dbus_fast import Variant
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, method


class VDI(ServiceInterface):
    def __init__(self):
        super().__init__('org.xen.xcp.storage1.VDI')

    @method()
    async def Attach3(self, debug_info: 's', dp: 's', sr: 's', vdi: 's', vm: 's',  # noqa: F821
                      read_write: 'b') -> 'a{sv}':  # noqa: F722,F821
        device = Variant('a{sv}', {'path': Variant('s', f'/dev/{sr}/{vdi}')})
        return {'implementations': Variant('a(sv)', [['BlockDevice', device]])}

    @method()
    async def Activate3(self, debug_info: 's', dp: 's', sr: 's', vdi: 's', vm: 's'):  # noqa: F821
        pass


async def main():
    bus = await MessageBus().connect()
    bus.export('/org/xen/xcp/storage1', VDI())
    await bus.request_name('org.xen.xcp.storage1')
    print('ready', bus.unique_name, flush=True)
    await bus.wait_for_disconnect()


asyncio.run(main())
