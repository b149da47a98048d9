# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Python has no type for: variants, descriptors, integers of a width, words that may be new."""
from __future__ import annotations

import dataclasses
import enum
import os
from typing import Annotated, Any, NamedTuple, Type, TypeVar

from . import _values

Byte = Annotated[int, 'y']
Int16 = Annotated[int, 'n']
UInt16 = Annotated[int, 'q']
Int32 = Annotated[int, 'i']
UInt32 = Annotated[int, 'u']
Int64 = Annotated[int, 'x']
UInt64 = Annotated[int, 't']
ObjectPath = Annotated[str, 'o']
Signature = Annotated[str, 'g']

_W = TypeVar('_W', bound='Word')


class Variant(NamedTuple):
    """A value with its D-Bus signature: `Variant('as', ['a', 'b'])`."""

    signature: str
    value: Any


class Fd:
    """A file descriptor that came in a message. It is closed when nobody has this object any
    more; `detach()` hands it over."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        if self._fd < 0:
            raise ValueError('the descriptor is closed')
        return self._fd

    def detach(self) -> int:
        fd, self._fd = self.fileno(), -1
        return fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self.detach())

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return f'Fd({self._fd})'


class Word(enum.StrEnum):
    """A word out of a list. One that a later version added is kept: it compares, and can be sent
    on, but `is_known` is False."""

    @classmethod
    def _missing_(cls: Type[_W], value: object) -> _W:
        if not isinstance(value, str):
            raise ValueError(f'a word is expected, not {type(value).__name__}')
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word

    @property
    def is_known(self) -> bool:
        return self._value_ in type(self)._value2member_map_


class Record:
    """A dataclass that travels as a{sv}: the names of its fields and their values."""


class Struct:
    """A dataclass that travels as a D-Bus structure."""


class Case:
    """One of the cases of a variant, a dataclass that has a `value` or nothing. Travels as (sv)."""


@dataclasses.dataclass(frozen=True)
class Unknown(Case):
    """A case that a later version added. It can be sent on."""

    tag: str
    value: Variant


_values.set_types(Variant, Fd)
