# SPDX-License-Identifier: LGPL-2.1-or-later
"""Errors of D-Bus as exceptions. Modules that xcp-bus-idl prints add those of their interfaces."""
from __future__ import annotations

from typing import Any, Dict, Tuple, Type

_by_name: Dict[str, Type[Error]] = {}


class Error(Exception):
    """Something failed. `name` is for programs, such as org.freedesktop.DBus.Error.Failed, and
    `message` for people. Raised by a service, it is the answer."""

    name: str = 'org.freedesktop.DBus.Error.Failed'
    message: str = ''

    def __init__(self, message: str = '', *, name: str = '') -> None:
        super().__init__(message)
        if message:
            self.message = message
        if name:
            self.name = name

    def __init_subclass__(cls, name: str = '', also: Tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name:
            cls.name = name
            _by_name.update({one: cls for one in (name, *also)})

    def __str__(self) -> str:
        return f'{self.name}: {self.message}' if self.message else self.name


_DBUS = 'org.freedesktop.DBus.Error.'


class NoReply(Error, name=_DBUS + 'NoReply', also=(_DBUS + 'Timeout', _DBUS + 'TimedOut')):
    """There was no answer in time."""


class Disconnected(Error, name=_DBUS + 'Disconnected'):
    """There is no connection to the bus (any more)."""


class ServiceUnknown(Error, name=_DBUS + 'ServiceUnknown', also=(_DBUS + 'NameHasNoOwner',)):
    """Nobody has that name."""


class UnknownMethod(Error, name=_DBUS + 'UnknownMethod',
                    also=(_DBUS + 'UnknownInterface', _DBUS + 'UnknownObject',
                          _DBUS + 'UnknownProperty')):
    """The service is there, and has no such method, property, interface or object."""


class InvalidArgs(Error, name=_DBUS + 'InvalidArgs'):
    """The service does not take these arguments."""


class AccessDenied(Error, name=_DBUS + 'AccessDenied'):
    """This program may not do that."""


class LimitsExceeded(Error, name=_DBUS + 'LimitsExceeded'):
    """More than is allowed."""


class InvalidReply(Error, name='org.xen.xcp.Error.InvalidReply'):
    """The service answered something of another type than its interface says."""


class Invalid(ValueError):
    """A value is not what its type says: where, and what is wrong with it."""

    def __init__(self, message: str, where: str = '') -> None:
        super().__init__(f'{where}: {message}' if where else message)
        self.message, self.where = message, where

    def inside(self, where: str) -> Invalid:
        """The same, seen from one level further out."""
        return Invalid(self.message, f'{where}.{self.where}' if self.where else where)


def class_of(name: str) -> Type[Error]:
    return _by_name.get(name, Error)


def plain(name: str, message: str) -> Error:
    """The error of that name, without what it carries."""
    cls = class_of(name)
    if cls.__init__ is not Error.__init__:  # it has fields of its own
        return Error(message, name=name)
    return cls(message, name=name)
