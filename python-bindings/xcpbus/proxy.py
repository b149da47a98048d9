# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a client has of a service: an object with its methods. Printed classes inherit from it."""
from __future__ import annotations

import asyncio
import collections
from typing import (Any, Awaitable, Callable, ClassVar, Concatenate, Deque, Dict, Generic, Optional,
                    ParamSpec, Tuple, Type, TypeVar)

from . import errors
from ._xcpbus import lib
from .codec import Codec
from .connection import Connection
from .entries import Signal, Subscribed, current_signal
from .service import Member, Service, member_of
from .values import Variant

_P = ParamSpec('_P')
_R = TypeVar('_R')
_T = TypeVar('_T')
_S = TypeVar('_S', bound='Proxy')
ANY_OBJECT = '*'  # the path of a proxy whose signals may come from any object
WAITING_MAX = 65536  # signals that nobody has taken; with more, the subscription ends
WAITING_SIZE_MAX = 64 * 2**20  # bytes of them
TIMEOUT, FIRST_PAUSE, LONGEST_PAUSE = 25, 0.05, 1.0  # in seconds
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
        self._waiting: Deque[Tuple[Signal, int, _T]] = collections.deque()
        self._size = 0  # of what waits, in bytes of messages
        self._last: Optional[Signal] = None
        self._news = asyncio.Event()
        self._end: Optional[errors.Error] = None
        self._entry: Subscribed = connection.subscribe(rule, self._on_signal, self._on_refused)

    def _on_signal(self, signature: str, values: Tuple[Any, ...]) -> None:
        value = self._decode(signature, values)
        if self._callback:
            self._callback(*value) if isinstance(value, tuple) else self._callback(value)
            return
        size = lib.message_size(self._entry.message)
        self._waiting.append((current_signal(), size, value))
        self._size += size
        self._news.set()
        if len(self._waiting) >= WAITING_MAX or self._size > WAITING_SIZE_MAX:
            self._entry.close()
            self._on_refused(errors.LimitsExceeded('too many signals wait to be taken'))

    def _on_refused(self, error: errors.Error) -> None:
        self._end = self._end or error
        self._news.set()

    @property
    def last(self) -> Signal:
        """Where the signal that was taken last came from."""
        if self._last is None:
            raise LookupError('no signal was taken yet')
        return self._last

    def close(self) -> None:
        self._entry.close()
        self._on_refused(errors.Disconnected('the subscription was closed'))

    def __aiter__(self) -> Subscription[_T]:
        return self

    async def __anext__(self) -> _T:
        while not self._waiting:
            if self._end:
                raise errors.plain(self._end.name, self._end.message)
            self._news.clear()
            await self._news.wait()
        self._last, size, value = self._waiting.popleft()
        self._size -= size
        return value

    def __enter__(self) -> Subscription[_T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _quoted(text: str) -> str:
    """In a match rule. There is a ' in no name: what has one is refused, not read as more keys."""
    return "'" + text.replace("'", "'\\''") + "'"


class _Home:
    """What proxies of one object know together."""
    has_answered = False  # when there is nobody, somebody is about to come back


class Proxy:
    """An object of a service. Calls wait as long as the interface says; with_timeout() is for others.
    With the path ANY_OBJECT its signals and changes are those of all objects."""

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
        self._home = _Home()
        if not self._destination or not self._path:
            raise ValueError(f'{type(self).__name__} can be anywhere: say at which name and path')

    def with_timeout(self: _S, seconds: Optional[float]) -> _S:
        """The same object; its calls wait for so many seconds."""
        other = self._part(type(self))
        other._timeout = seconds
        return other

    def _part(self, cls: Type[_S]) -> _S:
        other = cls(self._bus, self._destination, self._path, self._timeout)
        other._home = self._home
        return other

    async def _ask(self, interface: str, member: str, signature: str, values: Tuple[Any, ...],
                   timeout: Optional[float], is_idempotent: bool = True
                   ) -> Tuple[str, Tuple[Any, ...]]:
        """A call; until its time is over, one that may be made twice is made again if the service, or the
        bus, went away."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (TIMEOUT if timeout is None else timeout)
        was_lost, pause = False, FIRST_PAUSE
        while True:
            try:
                answer = await self._bus.call_with_signature(
                    self._destination, self._path, interface, member, signature, values, timeout)
                self._home.has_answered = True
                return answer
            except (errors.Disconnected, errors.NoReply, errors.ServiceUnknown) as problem:
                is_gone = (was_lost or self._home.has_answered or
                           not isinstance(problem, errors.ServiceUnknown))
                if (not is_idempotent or not is_gone or self._bus._is_over or
                        loop.time() + pause >= deadline):
                    raise
            await asyncio.sleep(pause)
            was_lost, pause, timeout = True, min(2 * pause, LONGEST_PAUSE), deadline - loop.time()

    async def _call(self, method: Callable[Concatenate[Any, _P], Awaitable[_R]],
                    *args: _P.args, **kwargs: _P.kwargs) -> _R:
        member = member_of(method)
        inputs, outputs = member.codecs()
        timeout = member.timeout if self._timeout is None else self._timeout
        signature, answer = await self._ask(member.interface, member.member, inputs.signature,
                                            inputs.encoded(args), timeout, member.is_idempotent)
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
        answer = await self._ask(PROPERTIES, 'Get', 'ss', (member.interface, member.member),
                                 self._timeout)
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
        await self._ask(PROPERTIES, 'Set', 'ssv', (member.interface, member.member,
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
            return found if callback or count > 1 else found[0] if count else None

        return Subscription(self._bus, self._rule(member.interface, member.member), decode, callback)

    def _rule(self, interface: str, member: str, **more: str) -> str:
        keys = {'type': 'signal', 'sender': self._destination, 'interface': interface,
                'member': member, **({} if self._path == ANY_OBJECT else {'path': self._path}), **more}
        return ','.join(f'{key}={_quoted(value)}' for key, value in keys.items())

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

        rule = self._rule(PROPERTIES, 'PropertiesChanged', arg0=self._service._interface)
        return Subscription(self._bus, rule, decode, callback)
