# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same for programs without a loop: each call waits for its answer. There is no thread; a loop turns
while a call waits, or run() does, and that is when callbacks run."""
from __future__ import annotations

import asyncio
from typing import (Any, Awaitable, Callable, ClassVar, Concatenate, Coroutine, Generic, Iterator,
                    Optional, ParamSpec, Tuple, Type, TypeVar)

from . import connecting, connection, proxy
from .service import Service

_P = ParamSpec('_P')
_R = TypeVar('_R')
_T = TypeVar('_T')
_S = TypeVar('_S', bound='SyncProxy')


class SyncConnection:
    """Made by connect() of this module. `bus` is the connection of its loop."""

    def __init__(self, address: Optional[str] = None, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        try:
            self.bus: connection.Connection = self.wait(connecting.connect(address, **options))
        except BaseException:
            self._loop.close()
            raise

    def wait(self, coroutine: Coroutine[Any, Any, _R]) -> _R:
        """Until it has a result. What is interrupted is cancelled."""
        if self._loop.is_closed():
            coroutine.close()
            raise RuntimeError('the connection was closed')
        task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(task)
        except BaseException:
            if not task.done():
                task.cancel()
                self._loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
            raise

    def run(self, seconds: float = 0) -> None:
        """Lets callbacks run for a time."""
        self.wait(asyncio.sleep(seconds))

    def call(self, destination: str, path: str, interface: str, member: str, signature: str = '',
             values: Tuple[Any, ...] = (), timeout: Optional[float] = None) -> Tuple[Any, ...]:
        return self.wait(self.bus.call(destination, path, interface, member, signature, values,
                                       timeout))

    def close(self) -> None:
        if not self._loop.is_closed():
            self.wait(self.bus.close())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def __enter__(self) -> SyncConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(address: Optional[str] = None, *, timeout: Optional[float] = None, wait: bool = False,
            reconnect: bool = False) -> SyncConnection:
    """As xcpbus.connect()."""
    return SyncConnection(address, timeout=timeout, wait=wait, reconnect=reconnect)


class SyncSubscription(Generic[_T]):
    """Signals, one after the other: `for` waits for the next one."""

    def __init__(self, bus: SyncConnection, inner: proxy.Subscription[_T]) -> None:
        self._bus, self._inner = bus, inner

    def __iter__(self) -> Iterator[_T]:
        return self

    def __next__(self) -> _T:
        return self._bus.wait(self._inner.__anext__())

    def take(self, timeout: float) -> _T:
        """The next one, or TimeoutError."""
        return self._bus.wait(asyncio.wait_for(self._inner.__anext__(), timeout))

    def close(self) -> None:
        self._inner.close()

    def __enter__(self) -> SyncSubscription[_T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SyncProxy:
    """An object of a service, for programs without a loop."""

    _service: ClassVar[Type[Service]] = Service

    def __init_subclass__(cls, service: Optional[Type[Service]] = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if service:
            cls._service = service

    def __init__(self, bus: SyncConnection, destination: str = '', path: str = '',
                 timeout: Optional[float] = None) -> None:
        self._bus = bus
        self._where = (destination or self._service._name, path or self._service._path)
        self._proxy = proxy.Proxy(bus.bus, *self._where, timeout)

    def with_timeout(self: _S, seconds: Optional[float]) -> _S:
        """The same object; its calls wait for so many seconds."""
        return type(self)(self._bus, *self._where, seconds)

    def _part(self, cls: Type[_S]) -> _S:
        return cls(self._bus, *self._where, self._proxy._timeout)

    def _call(self, method: Callable[Concatenate[Any, _P], Awaitable[_R]],
              *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return self._bus.wait(self._proxy._call(method, *args, **kwargs))

    def _send(self, method: Callable[Concatenate[Any, _P], Awaitable[None]],
              *args: _P.args, **kwargs: _P.kwargs) -> None:
        self._proxy._send(method, *args, **kwargs)
        self._bus.run()

    def _get(self, thing: Callable[[Any], _R]) -> _R:
        return self._bus.wait(self._proxy._get(thing))

    def _set(self, thing: Callable[[Any], _R], value: _R) -> None:
        self._bus.wait(self._proxy._set(thing, value))

    def _subscribe(self, thing: Callable[..., None],
                   callback: Optional[Callable[..., object]]) -> SyncSubscription[Any]:
        async def subscribe() -> proxy.Subscription[Any]:
            return self._proxy._subscribe(thing, callback)

        return SyncSubscription(self._bus, self._bus.wait(subscribe()))
