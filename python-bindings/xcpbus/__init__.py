# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus for Python programs: calls between the domains of a Xen host, in asyncio or without.

    bus = await xcpbus.connect()
    await squeezed1.Squeezed1(bus).balance_memory('me')

See the README of python-bindings.
"""
from __future__ import annotations

from typing import Optional

from . import sync
from .codec import DeclaredError
from .connecting import connect
from .connection import Connection
from .entries import Signal, current_signal
from .errors import (AccessDenied, Disconnected, Error, Invalid, InvalidArgs, InvalidReply,
                     LimitsExceeded, NoReply, ServiceUnknown, UnknownMethod)
from .proxy import ANY_OBJECT, Proxy, Subscription
from .service import (Call, Export, Service, current_call, export, getter, method, signal)
from .sync import SyncConnection, SyncProxy, SyncSubscription
from .values import (Byte, Case, Fd, Int16, Int32, Int64, ObjectPath, Record, Signature, Struct,
                     UInt16, UInt32, UInt64, Unknown, Variant, Word)

__all__ = [
    'ANY_OBJECT', 'AccessDenied', 'Byte', 'Call', 'Case', 'Connection', 'DeclaredError',
    'Disconnected', 'Error', 'Export', 'Fd', 'Int16', 'Int32', 'Int64', 'Invalid', 'InvalidArgs',
    'InvalidReply', 'LimitsExceeded', 'NoReply', 'ObjectPath', 'Proxy', 'Record', 'Service',
    'ServiceUnknown', 'Signal', 'Signature', 'Struct', 'Subscription', 'SyncConnection',
    'SyncProxy', 'SyncSubscription', 'UInt16', 'UInt32', 'UInt64', 'Unknown', 'UnknownMethod',
    'Variant', 'Word', 'connect', 'current_call', 'current_signal', 'export', 'getter', 'method',
    'serve', 'signal', 'sync',
]


async def serve(*services: Service, address: Optional[str] = None) -> Connection:
    """Offers services on the bus, by their names and at their paths. Waits for the bus if it is not
    there yet, and comes back with it when it goes. The connection ends with close()."""
    bus = await connect(address, wait=True, reconnect=True)
    try:
        for service in services:
            export(bus, service)
        for name in {service._name: None for service in services if service._name}:
            bus.request_name(name)
    except BaseException:
        bus.abort()
        raise
    return bus
