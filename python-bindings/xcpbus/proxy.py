# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a client has of a service: an object with its methods. Printed classes inherit from it."""
from __future__ import annotations

import asyncio
import collections
from typing import (Any, Awaitable, Callable, ClassVar, Concatenate, Deque, Dict, Generic, Optional,
                    ParamSpec, Tuple, Type, TypeVar)

from . import errors
from .codec import Codec
from .connection import Connection
from .entries import Subscribed
from .service import Member, Service, member_of
from .values import Variant

_P = ParamSpec('_P')
_R = TypeVar('_R')
_T = TypeVar('_T')
_S = TypeVar('_S', bound='Proxy')
WAITING_MAX = 65536  # signals that nobody has taken; with more, the subscription ends
PROPERTIES = 'org.freedesktop.DBus.Properties'


def decoded(codec: Codec, signature: str, values: Tuple[Any, ...], what: str) -> Any:
    """What came, if it is what the interface says."""
    if signature != codec.signature:
        raise errors.InvalidReply(f'{what} is of type "{signature}", not "{codec.signature}"')
    try:
        return codec.decoded(values)
    except ValueError as problem:
        raise errors.InvalidReply(f'{what}: {problem}') from None


class Subscription(Generic[_T]):
    """Signals, one after the other: `async for`. They are kept from when this was made, until close()."""

    def __init__(self, connection: Connection, rule: str,
                 decode: Callable[[str, Tuple[Any, ...]], _T],
                 callback: Optional[Callable[..., object]] = None) -> None:
        self._decode, self._callback = decode, callback
        self._waiting: Deque[_T] = collections.deque()
        self._news = asyncio.Event()
        self._end: Optional[errors.Error] = None
        self._entry: Subscribed = connection.subscribe(rule, self._on_signal, self._on_refused)

    def _on_signal(self, signature: str, values: Tuple[Any, ...]) -> None:
        value = self._decode(signature, values)
        if self._callback:
            self._callback(*value) if isinstance(value, tuple) else self._callback(value)
            return
        self._waiting.append(value)
        self._news.set()
        if len(self._waiting) >= WAITING_MAX:
            self._entry.close()
            self._on_refused(errors.LimitsExceeded('too many signals wait to be taken'))

    def _on_refused(self, error: errors.Error) -> None:
        self._end = self._end or error
        self._news.set()

    def close(self) -> None:
        self._entry.close()
        self._on_refused(errors.Disconnected('the subscription was closed'))

    def __aiter__(self) -> Subscription[_T]:
        return self

    async def __anext__(self) -> _T:
        while not self._waiting:
            if self._end:
                raise self._end
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    def __enter__(self) -> Subscription[_T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Proxy:
    """An object of a service. Calls wait as long as the interface says; with_timeout() is for others."""

    _service: ClassVar[Type[Service]] = Service

    def __init_subclass__(cls, service: Optional[Type[Service]] = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if service:
            cls._service = service

    def __init__(self, bus: Connection, destination: str = '', path: str = '',
                 timeout: Optional[float] = None) -> None:
        self._bus, self._timeout = bus, timeout
        self._destination = destination or self._service._name
        self._path = path or self._service._path
        if not self._destination or not self._path:
            raise ValueError(f'{type(self).__name__} can be anywhere: say at which name and path')

    def with_timeout(self: _S, seconds: Optional[float]) -> _S:
        """The same object; its calls wait for so many seconds."""
        return type(self)(self._bus, self._destination, self._path, seconds)

    def _part(self, cls: Type[_S]) -> _S:
        return cls(self._bus, self._destination, self._path, self._timeout)

    async def _call(self, method: Callable[Concatenate[Any, _P], Awaitable[_R]],
                    *args: _P.args, **kwargs: _P.kwargs) -> _R:
        member = member_of(method)
        inputs, outputs = member.codecs()
        values = inputs.encoded(args)
        timeout = member.timeout if self._timeout is None else self._timeout
        signature, answer = await self._bus.call_with_signature(
            self._destination, self._path, member.interface, member.member, inputs.signature,
            values, timeout)
        what = f'the answer to {member.interface}.{member.member}'
        result: _R = member.one_or_many(decoded(outputs, signature, answer, what))
        return result

    def _send(self, method: Callable[Concatenate[Any, _P], Awaitable[None]],
              *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Of a method that answers nothing."""
        member = member_of(method)
        inputs, _ = member.codecs()
        self._bus.send(self._destination, self._path, member.interface, member.member,
                       inputs.signature, inputs.encoded(args))

    async def _get(self, thing: Callable[[Any], _R]) -> _R:
        member = member_of(thing)
        answer = await self._bus.call_with_signature(
            self._destination, self._path, PROPERTIES, 'Get', 'ss',
            (member.interface, member.member), self._timeout)
        value: _R = self._unwrap(member, *answer)
        return value

    def _unwrap(self, member: Member, signature: str, values: Tuple[Any, ...]) -> Any:
        what = f'property {member.interface}.{member.member}'
        if signature != 'v':
            raise errors.InvalidReply(f'{what} is of type "{signature}", not "v"')
        inner, value = values[0]
        return decoded(member.codecs()[1], inner, (value,), what)[0]

    async def _set(self, thing: Callable[[Any], _R], value: _R) -> None:
        member = member_of(thing)
        outputs = member.codecs()[1]
        (encoded,) = outputs.encoded((value,))
        await self._bus.call(self._destination, self._path, PROPERTIES, 'Set', 'ssv',
                             (member.interface, member.member,
                              Variant(outputs.signature, encoded)),
                             self._timeout)

    def _subscribe(self, thing: Callable[..., None],
                   callback: Optional[Callable[..., object]]) -> Subscription[Any]:
        member = member_of(thing)
        inputs, _ = member.codecs()
        count = len(member.names)

        def decode(signature: str, values: Tuple[Any, ...]) -> Any:
            what = f'signal {member.interface}.{member.member}'
            found = decoded(inputs, signature, values, what)
            return found[0] if count == 1 and not callback else found

        return Subscription(self._bus, self._rule(member.interface, member.member), decode, callback)

    def _rule(self, interface: str, member: str) -> str:
        return (f"type='signal',sender='{self._destination}',path='{self._path}',"
                f"interface='{interface}',member='{member}'")

    def changes(self, callback: Optional[Callable[[Dict[str, Any]], object]] = None
                ) -> Subscription[Dict[str, Any]]:
        """Properties that changed, by attribute; a value that was not told is None: ask for it."""
        by_name = {member.member: (attribute, member)
                   for attribute, member in self._service._members.items()
                   if member.kind == 'property'}

        def decode(signature: str, values: Tuple[Any, ...]) -> Any:
            if signature != 'sa{sv}as':
                raise errors.InvalidReply(f'PropertiesChanged is of type "{signature}"')
            _, changed, invalidated = values
            found = {}
            for name, value in changed.items():
                if name in by_name:
                    attribute, member = by_name[name]
                    found[attribute] = self._unwrap(member, 'v', (value,))
            found.update({by_name[name][0]: None for name in invalidated if name in by_name})
            return found

        rule = self._rule(PROPERTIES, 'PropertiesChanged') + f",arg0='{self._service._interface}'"
        return Subscription(self._bus, rule, decode, callback)
