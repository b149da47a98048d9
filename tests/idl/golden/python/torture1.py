# SPDX-License-Identifier: LGPL-2.1-or-later
# Printed by xcp-bus-idl from org.example.torture1.xml: do not edit.
"""A service that gives back what it gets.

The service is org.example.torture1, its object /org/example/torture1.
"""
from __future__ import annotations

import dataclasses
from typing import Callable, Dict, List, Optional, Tuple, TypeAlias, Union

import xcpbus
from xcpbus import Byte, Int16, Int32, Int64, ObjectPath, Signature, UInt16, UInt32, UInt64, Variant


class Colour(xcpbus.Word):
    """One of a few colours."""

    Red = 'Red'
    """As blood."""
    Dark_green = 'Dark_green'
    """As ivy."""
    None_ = 'None'
    """Not a colour; a keyword in some languages."""


@dataclasses.dataclass(frozen=True)
class Address(xcpbus.Struct):
    """Where a PCI device is."""

    domain: UInt16
    """The PCI domain."""
    bus: Byte
    """The bus in it."""
    dev: Byte
    """The slot on the bus."""
    fn: Byte
    """The function of the device."""


class Shape:
    """A form, with what it needs."""

    @dataclasses.dataclass(frozen=True)
    class Empty(xcpbus.Case):
        """Nothing at all."""

    @dataclasses.dataclass(frozen=True)
    class Circle(xcpbus.Case):
        """Its radius."""

        value: float

    @dataclasses.dataclass(frozen=True)
    class Segment(xcpbus.Case):
        """Where it begins and ends."""

        value: Tuple[Int64, Int64]

    @dataclasses.dataclass(frozen=True)
    class Device(xcpbus.Case):
        """The form of a device."""

        value: Address

    @dataclasses.dataclass(frozen=True)
    class Group(xcpbus.Case):
        """Several of them."""

        value: List[Shape.Any]

    @dataclasses.dataclass(frozen=True)
    class Labelled(xcpbus.Case):
        """One with a text."""

        value: Label

    Any: TypeAlias = Union[Empty, Circle, Segment, Device, Group, Labelled, xcpbus.Unknown]


@dataclasses.dataclass(kw_only=True)
class Label(xcpbus.Record):
    """A text and how it looks."""

    text: str
    """What it says; required."""
    colour: Colour = Colour.Dark_green
    """Its colour."""
    size: float = 1.5
    """How large, in lines."""
    link: Optional[str] = None
    """Where it leads to."""


@dataclasses.dataclass(kw_only=True)
class Everything(xcpbus.Record):
    """A field of each type."""

    a_byte: Byte = 255
    """The largest byte."""
    a_boolean: bool = True
    """Yes."""
    an_int16: Int16 = -32768
    """The least."""
    a_uint16: UInt16 = 65535
    """The largest."""
    an_int32: Int32 = -2147483648
    """The least."""
    a_uint32: UInt32 = 4294967295
    """The largest."""
    an_int64: Int64 = -9223372036854775808
    """The least."""
    a_uint64: UInt64 = 18446744073709551615
    """The largest."""
    a_double: float = -0.125
    """Exact in binary."""
    a_string: str = 'a "quoted" line\nand a \\'
    """With all escapes."""
    some_bytes: bytes = dataclasses.field(default_factory=bytes)
    """Raw bytes."""
    numbers: List[Int64] = dataclasses.field(default_factory=lambda: [1, -2])
    """A list."""
    matrix: List[List[float]] = dataclasses.field(default_factory=list)
    """A list of lists."""
    words: Dict[str, str] = dataclasses.field(default_factory=lambda: {'key': 'value'})
    """A dictionary."""
    by_number: Dict[UInt32, Label] = dataclasses.field(default_factory=dict)
    """One of records."""
    pair: Tuple[str, Optional[Int64]] = ('one', None)
    """A tuple."""
    address: Address = dataclasses.field(default_factory=lambda: Address(0, 1, 2, 3))
    """A structure."""
    colour: Colour = Colour.None_
    """An enum."""
    shape: Shape.Any = dataclasses.field(
        default_factory=lambda: Shape.Group([Shape.Empty(), Shape.Circle(1.0),
                                             Shape.Segment((-1, 1))]))
    """A variant."""
    origin: Origin = dataclasses.field(default_factory=lambda: Origin())
    """A record in a record."""
    label: Optional[Label] = None
    """A record that may be absent."""
    labels: List[Label] = dataclasses.field(default_factory=list)
    """A list of records."""
    maybe_numbers: Optional[List[Int64]] = None
    """A list that may be absent, which an empty one is not."""
    holes: List[Optional[str]] = dataclasses.field(default_factory=lambda: [None, 'x'])
    """A list with holes."""
    anything: Optional[Variant] = None
    """Whatever."""


@dataclasses.dataclass(kw_only=True)
class Origin(xcpbus.Record):
    """A record of which all fields have defaults."""

    x: Int64 = dataclasses.field(default=0, repr=False)
    """How far east."""
    y: Int64 = 0
    """How far north."""


@dataclasses.dataclass(kw_only=True)
class Tree(xcpbus.Record):
    """A record that contains itself."""

    name: str
    """Of this node."""
    children: List[Tree] = dataclasses.field(default_factory=list)
    """Below it."""


@dataclasses.dataclass(eq=False)
class InternalError(xcpbus.DeclaredError, name='org.example.torture1.Error.InternalError'):
    """The service is at fault."""

    reason: str
    """Why."""
    message: str = 'The service is at fault.'


@dataclasses.dataclass(eq=False)
class BadShape(xcpbus.DeclaredError, name='org.example.torture1.Error.BadShape'):
    """A form that is not accepted."""

    shape: Shape.Any
    """The form."""
    limits: Tuple[Int64, Int64]
    """What would be."""
    message: str = 'A form that is not accepted.'


class Nothing(xcpbus.Error, name='org.example.torture1.Error.Nothing'):
    """An error that carries nothing."""

    message: str = 'An error that carries nothing.'


class Torture1Service(xcpbus.Service, interface='org.example.torture1', name='org.example.torture1',
                      path='/org/example/torture1', since='1.0',
                      sha256='fd7c616b3c62c588569dfe8c61783697992cda242535cce2ce1592fa11f8e3f2'):
    """A service that gives back what it gets."""

    class Extra(xcpbus.Service, interface='org.example.torture1.Extra', name='org.example.torture1',
                path='/org/example/torture1',
                sha256='fd7c616b3c62c588569dfe8c61783697992cda242535cce2ce1592fa11f8e3f2'):
        """A second interface of the same service."""

        @xcpbus.method('Wait', timeout=1, since='1.1')
        async def wait(self, delay: float) -> None:
            """Answers after a while."""
            raise NotImplementedError

        @xcpbus.method('Forget', no_reply=True)
        async def forget(self) -> None:
            """Does something that nobody waits for."""
            raise NotImplementedError

    @xcpbus.method('EchoEverything', results=('result',), idempotent=True,
                   secret='everything result')
    async def echo_everything(self, debug_info: str, everything: Everything) -> Everything:
        """Gives a record back."""
        raise NotImplementedError

    @xcpbus.method('EchoBasic',
                   results=('byte_out', 'boolean_out', 'int16_out', 'uint16_out', 'int32_out',
                            'uint32_out', 'int64_out', 'uint64_out', 'double_out', 'string_out',
                            'path_out', 'signature_out'), idempotent=True, secret='a_string')
    async def echo_basic(self, a_byte: Byte, a_boolean: bool, an_int16: Int16, a_uint16: UInt16,
                         an_int32: Int32, a_uint32: UInt32, an_int64: Int64, a_uint64: UInt64,
                         a_double: float, a_string: str, a_path: ObjectPath,
                         a_signature: Signature) -> Tuple[Byte, bool, Int16, UInt16, Int32, UInt32,
                                                          Int64, UInt64, float, str, ObjectPath,
                                                          Signature]:
        """Gives one of each basic type back."""
        raise NotImplementedError

    @xcpbus.method('Draw', results=('drawn', 'used'), timeout=90.5)
    async def draw(self, shape: Shape.Any, colour: Colour) -> Tuple[Shape.Any, Colour]:
        """Gives a form back, or throws it."""
        raise NotImplementedError

    @xcpbus.method('EchoContainers',
                   results=('maybe_out', 'bytes_out', 'records_out', 'tree_out', 'anything_out'))
    async def echo_containers(self, maybe: Optional[str], bytes: bytes,
                              records: List[Tuple[str, Label]], tree: Tree,
                              anything: Variant) -> Tuple[Optional[str], bytes,
                                                          List[Tuple[str, Label]], Tree, Variant]:
        """Gives containers back."""
        raise NotImplementedError

    @xcpbus.method('Poke', deprecated=True, replaced_by='org.example.torture1.Extra.Wait')
    async def poke(self, end: UInt32) -> None:
        """Makes the service emit Poked, and answers nothing.

        Deprecated: use org.example.torture1.Extra.Wait.
        """
        raise NotImplementedError

    @xcpbus.signal('Poked')
    def poked(self, end: UInt32, label: Label) -> None:
        """Poke was called."""
        self._emit(Torture1Service.poked, end, label)

    @property
    @xcpbus.getter('Count')
    def count(self) -> UInt32:
        """How often Poke was called."""
        raise NotImplementedError

    @property
    @xcpbus.getter('Favourite', access='readwrite')
    def favourite(self) -> Colour:
        """A colour that can be set."""
        raise NotImplementedError

    @favourite.setter
    def favourite(self, value: Colour) -> None:
        raise NotImplementedError

    @property
    @xcpbus.getter('Version', emits='const')
    def version(self) -> str:
        """Of the service."""
        raise NotImplementedError


class Torture1(xcpbus.Proxy, service=Torture1Service):
    """A service that gives back what it gets."""

    class Extra(xcpbus.Proxy, service=Torture1Service.Extra):
        """A second interface of the same service."""

        async def wait(self, delay: float) -> None:
            """Answers after a while.

            Takes:
                delay: How long; for ever if negative. In seconds.

            Waits for 1 s.

            Since 1.1.
            """
            await self._call(Torture1Service.Extra.wait, delay)

        def forget(self) -> None:
            """Does something that nobody waits for."""
            self._send(Torture1Service.Extra.forget)

    @property
    def extra(self) -> Torture1.Extra:
        return self._part(Torture1.Extra)

    async def echo_everything(self, debug_info: str, everything: Everything) -> Everything:
        """Gives a record back.

        Takes:
            debug_info: What the caller is at.
            everything: A record.

        Returns:
            result: The same record.

        Raises InternalError.
        """
        return await self._call(Torture1Service.echo_everything, debug_info, everything)

    async def echo_basic(self, a_byte: Byte, a_boolean: bool, an_int16: Int16, a_uint16: UInt16,
                         an_int32: Int32, a_uint32: UInt32, an_int64: Int64, a_uint64: UInt64,
                         a_double: float, a_string: str, a_path: ObjectPath,
                         a_signature: Signature) -> Tuple[Byte, bool, Int16, UInt16, Int32, UInt32,
                                                          Int64, UInt64, float, str, ObjectPath,
                                                          Signature]:
        """Gives one of each basic type back.

        Takes:
            a_byte: A byte.
            a_boolean: A boolean.
            an_int16: 16 bits.
            a_uint16: 16 bits.
            an_int32: 32 bits.
            a_uint32: 32 bits.
            an_int64: 64 bits.
            a_uint64: 64 bits.
            a_double: A double.
            a_string: A text.
            a_path: An object path.
            a_signature: A signature.

        Returns:
            byte_out: A byte.
            boolean_out: A boolean.
            int16_out: 16 bits.
            uint16_out: 16 bits.
            int32_out: 32 bits.
            uint32_out: 32 bits.
            int64_out: 64 bits.
            uint64_out: 64 bits.
            double_out: A double.
            string_out: A text.
            path_out: An object path.
            signature_out: A signature.

        Raises InternalError.
        """
        return await self._call(Torture1Service.echo_basic, a_byte, a_boolean, an_int16, a_uint16,
                                an_int32, a_uint32, an_int64, a_uint64, a_double, a_string, a_path,
                                a_signature)

    async def draw(self, shape: Shape.Any, colour: Colour) -> Tuple[Shape.Any, Colour]:
        """Gives a form back, or throws it.

        Takes:
            shape: A Segment that ends before it begins is a BadShape; a Circle of radius 0 is
                Nothing; one of a negative radius is an InternalError.
            colour: A colour.

        Returns:
            drawn: The same form.
            used: The same colour.

        Raises InternalError, BadShape, Nothing.

        Waits for 90.5 s.
        """
        return await self._call(Torture1Service.draw, shape, colour)

    async def echo_containers(self, maybe: Optional[str], bytes: bytes,
                              records: List[Tuple[str, Label]], tree: Tree,
                              anything: Variant) -> Tuple[Optional[str], bytes,
                                                          List[Tuple[str, Label]], Tree, Variant]:
        """Gives containers back.

        Takes:
            maybe: A text or nothing.
            bytes: Raw bytes.
            records: Records by name, in order.
            tree: A tree.
            anything: Whatever.

        Returns:
            maybe_out: A text or nothing.
            bytes_out: Raw bytes.
            records_out: Records by name, in order.
            tree_out: A tree.
            anything_out: Whatever.

        Raises InternalError.
        """
        return await self._call(Torture1Service.echo_containers, maybe, bytes, records, tree,
                                anything)

    async def poke(self, end: UInt32) -> None:
        """Makes the service emit Poked, and answers nothing.

        Takes:
            end: A keyword in some languages.

        Deprecated: use org.example.torture1.Extra.Wait.

        Raises InternalError.
        """
        await self._call(Torture1Service.poke, end)

    def poked(
            self, callback: Optional[Callable[[UInt32, Label], object]] = None,
    ) -> xcpbus.Subscription[Tuple[UInt32, Label]]:
        """Poke was called.

        Takes:
            end: What was given to it.
            label: A record.
        """
        return self._subscribe(Torture1Service.poked, callback)

    async def get_count(self) -> UInt32:
        """How often Poke was called."""
        return await self._get(Torture1Service.count)

    async def get_favourite(self) -> Colour:
        """A colour that can be set."""
        return await self._get(Torture1Service.favourite)

    async def set_favourite(self, value: Colour) -> None:
        """A colour that can be set."""
        await self._set(Torture1Service.favourite, value)

    async def get_version(self) -> str:
        """Of the service."""
        return await self._get(Torture1Service.version)


class Torture1Sync(xcpbus.SyncProxy, service=Torture1Service):
    """A service that gives back what it gets."""

    class Extra(xcpbus.SyncProxy, service=Torture1Service.Extra):
        """A second interface of the same service."""

        def wait(self, delay: float) -> None:
            """Answers after a while."""
            self._call(Torture1Service.Extra.wait, delay)

        def forget(self) -> None:
            """Does something that nobody waits for."""
            self._send(Torture1Service.Extra.forget)

    @property
    def extra(self) -> Torture1Sync.Extra:
        return self._part(Torture1Sync.Extra)

    def echo_everything(self, debug_info: str, everything: Everything) -> Everything:
        """Gives a record back."""
        return self._call(Torture1Service.echo_everything, debug_info, everything)

    def echo_basic(self, a_byte: Byte, a_boolean: bool, an_int16: Int16, a_uint16: UInt16,
                   an_int32: Int32, a_uint32: UInt32, an_int64: Int64, a_uint64: UInt64,
                   a_double: float, a_string: str, a_path: ObjectPath,
                   a_signature: Signature) -> Tuple[Byte, bool, Int16, UInt16, Int32, UInt32, Int64,
                                                    UInt64, float, str, ObjectPath, Signature]:
        """Gives one of each basic type back."""
        return self._call(Torture1Service.echo_basic, a_byte, a_boolean, an_int16, a_uint16,
                          an_int32, a_uint32, an_int64, a_uint64, a_double, a_string, a_path,
                          a_signature)

    def draw(self, shape: Shape.Any, colour: Colour) -> Tuple[Shape.Any, Colour]:
        """Gives a form back, or throws it."""
        return self._call(Torture1Service.draw, shape, colour)

    def echo_containers(self, maybe: Optional[str], bytes: bytes, records: List[Tuple[str, Label]],
                        tree: Tree, anything: Variant) -> Tuple[Optional[str], bytes,
                                                                List[Tuple[str, Label]], Tree,
                                                                Variant]:
        """Gives containers back."""
        return self._call(Torture1Service.echo_containers, maybe, bytes, records, tree, anything)

    def poke(self, end: UInt32) -> None:
        """Makes the service emit Poked, and answers nothing.

        Deprecated: use org.example.torture1.Extra.Wait.
        """
        self._call(Torture1Service.poke, end)

    def poked(
            self, callback: Optional[Callable[[UInt32, Label], object]] = None,
    ) -> xcpbus.SyncSubscription[Tuple[UInt32, Label]]:
        """Poke was called."""
        return self._subscribe(Torture1Service.poked, callback)

    def get_count(self) -> UInt32:
        """How often Poke was called."""
        return self._get(Torture1Service.count)

    def get_favourite(self) -> Colour:
        """A colour that can be set."""
        return self._get(Torture1Service.favourite)

    def set_favourite(self, value: Colour) -> None:
        """A colour that can be set."""
        self._set(Torture1Service.favourite, value)

    def get_version(self) -> str:
        """Of the service."""
        return self._get(Torture1Service.version)
