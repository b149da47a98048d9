# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a type, as annotations write it, travels: its signature, and what has to be done to its values.

    codec = of(List[Label])
    codec.signature                       'aa{sv}'
    codec.decode(codec.encode(labels))    == labels

What the C part (_values.c) does by itself, such as integers and lists of them, has encode and decode
None. Codecs are made when they are first needed, and kept.
"""
from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any, Callable, Dict, List, Optional, Tuple

from .errors import Error, Invalid
from .values import Case, Fd, Record, Struct, Unknown, Variant, Word

Convert = Optional[Callable[[Any], Any]]
PLAIN = {bool: 'b', float: 'd', str: 's', bytes: 'ay', Variant: 'v', Fd: 'h', int: 'x'}


class Codec:
    __slots__ = ('_signature', 'encode', 'decode')

    def __init__(self, signature: str, encode: Convert = None, decode: Convert = None) -> None:
        self._signature, self.encode, self.decode = signature, encode, decode

    @property
    def signature(self) -> str:
        return self._signature

    def encoded(self, value: Any) -> Any:
        return self.encode(value) if self.encode else value

    def decoded(self, value: Any) -> Any:
        return self.decode(value) if self.decode else value

    def wrapped(self, value: Any) -> Variant:
        return Variant(self.signature, self.encoded(value))

    def unwrapped(self, variant: Any) -> Any:
        signature, value = variant
        if signature != self.signature:
            raise Invalid(f'"{self.signature}" is expected, not "{signature}"')
        return self.decoded(value)


def _list(element: Codec) -> Codec:
    encode, decode = element.encode, element.decode

    def encode_all(values: Any) -> List[Any]:
        assert encode
        if not isinstance(values, (list, tuple)):
            raise Invalid(f'a list is expected, not {type(values).__name__}')
        return [encode(value) for value in values]

    def decode_all(values: Any) -> List[Any]:
        assert decode
        return [decode(value) for value in values]

    return Codec('a' + element.signature, encode_all if encode else None,
                 decode_all if decode else None)


def _checked_dict(items: Any) -> Dict[Any, Any]:
    if not isinstance(items, dict):
        raise Invalid(f'a dict is expected, not {type(items).__name__}')
    return items


def _dict(key: Codec, value: Codec) -> Codec:
    def convert(of_key: Convert, of_value: Convert) -> Convert:
        if not of_key and not of_value:
            return None
        return lambda items: {
            (of_key(key) if of_key else key): (of_value(value) if of_value else value)
            for key, value in _checked_dict(items).items()}

    return Codec(f'a{{{key.signature}{value.signature}}}', convert(key.encode, value.encode),
                 convert(key.decode, value.decode))


def _check_count(values: Any, members: List[Codec]) -> None:
    if not isinstance(values, (tuple, list)) or len(values) != len(members):
        found = len(values) if isinstance(values, (tuple, list)) else type(values).__name__
        raise Invalid(f'{len(members)} values are expected, not {found}')


def _tuple(members: List[Codec]) -> Codec:
    def encode(values: Any) -> Tuple[Any, ...]:
        _check_count(values, members)
        return tuple(member.encoded(value) for member, value in zip(members, values))

    def decode(values: Any) -> Tuple[Any, ...]:
        return tuple(member.decoded(value) for member, value in zip(members, values))

    signature = ''.join(member.signature for member in members)
    return Codec(f'({signature})', encode if any(member.encode for member in members) else None,
                 decode if any(member.decode for member in members) else None)


def _optional(inner: Codec) -> Codec:
    def encode(value: Any) -> List[Any]:
        return [] if value is None else [inner.encoded(value)]

    def decode(values: Any) -> Any:
        if len(values) > 1:
            raise Invalid(f'one value or none is expected, not {len(values)}')
        # Of bytes, ?y has a list that is none.
        return inner.decoded(values[0]) if values else None

    return Codec('a' + inner.signature, encode, decode)


def _word(cls: Any) -> Codec:
    return Codec('s', lambda word: cls(word), cls)


def wire_name(name: str) -> str:
    """Of `from_`: `from`. What is a keyword of Python has a `_` at its end."""
    return name[:-1] if name.endswith('_') else name


class _RecordCodec(Codec):
    """Fields are looked up late: a record may contain itself."""
    __slots__ = ('cls', 'fields')

    def __init__(self, cls: Any) -> None:
        super().__init__('a{sv}', self.encode_record, self.decode_record)
        self.cls = cls
        self.fields: Optional[List[Tuple[str, str, bool, bool, Codec]]] = None

    def looked_up(self) -> List[Tuple[str, str, bool, bool, Codec]]:
        if self.fields is None:
            hints = typing.get_type_hints(self.cls, include_extras=True)
            fields = []
            for field in dataclasses.fields(self.cls):
                inner, is_optional = without_none(hints[field.name])
                is_required = (field.default is dataclasses.MISSING and
                               field.default_factory is dataclasses.MISSING)
                fields.append((field.name, wire_name(field.name), is_required, is_optional,
                               of(inner)))
            self.fields = fields
        return self.fields

    def encode_record(self, record: Any) -> Dict[str, Variant]:
        if not isinstance(record, self.cls):
            raise Invalid(f'{self.cls.__name__} is expected, not {type(record).__name__}')
        values = {}
        for name, key, _, is_optional, codec in self.fields or self.looked_up():
            value = getattr(record, name)
            if value is not None or not is_optional:
                try:
                    values[key] = codec.wrapped(value)
                except Invalid as problem:
                    raise problem.inside(key) from None
        return values

    def decode_record(self, values: Any) -> Any:
        known = {}
        for name, key, is_required, _, codec in self.fields or self.looked_up():
            if key in values:
                try:
                    known[name] = codec.unwrapped(values[key])
                except Invalid as problem:
                    raise problem.inside(key) from None
            elif is_required:
                raise Invalid('is missing', key)
        return self.cls(**known)


class _StructCodec(Codec):
    __slots__ = ('cls', 'names', 'inner')

    def __init__(self, cls: Any) -> None:
        hints = typing.get_type_hints(cls, include_extras=True)
        self.cls = cls
        self.names = [field.name for field in dataclasses.fields(cls)]
        self.inner = _tuple([of(hints[name]) for name in self.names])
        super().__init__(self.inner.signature, self.encode_struct, self.decode_struct)

    def encode_struct(self, struct: Any) -> Any:
        if not isinstance(struct, self.cls):
            raise Invalid(f'{self.cls.__name__} is expected, not {type(struct).__name__}')
        return self.inner.encoded(tuple(getattr(struct, name) for name in self.names))

    def decode_struct(self, values: Any) -> Any:
        return self.cls(*self.inner.decoded(values))


class _VariantCodec(Codec):
    """(sv): the name of a case, and what it carries, or `true`."""
    __slots__ = ('cases', 'tags')

    def __init__(self, classes: Tuple[Any, ...]) -> None:
        super().__init__('(sv)', self.encode_case, self.decode_case)
        self.tags = {cls: wire_name(cls.__name__) for cls in classes if cls is not Unknown}
        self.cases = {tag: cls for cls, tag in self.tags.items()}

    def encode_case(self, case: Any) -> Tuple[str, Variant]:
        if isinstance(case, Unknown):
            return case.tag, case.value
        cls: Any = type(case)
        tag = self.tags.get(cls)
        if tag is None:
            known = ', '.join(self.cases)
            raise Invalid(f'one of {known} is expected, not {type(case).__name__}')
        codec = _payload(cls)
        try:
            return tag, codec.wrapped(case.value) if codec else Variant('b', True)
        except Invalid as problem:
            raise problem.inside(tag) from None

    def decode_case(self, values: Any) -> Any:
        tag, value = values
        cls = self.cases.get(tag)
        if cls is None:
            return Unknown(tag, value)
        codec = _payload(cls)
        try:
            return cls(codec.unwrapped(value)) if codec else cls()
        except Invalid as problem:
            raise problem.inside(tag) from None


@functools.lru_cache(maxsize=None)
def _payload(case: Any) -> Optional[Codec]:
    hints = typing.get_type_hints(case, include_extras=True)
    return of(hints['value']) if 'value' in hints else None


def without_none(hint: Any) -> Tuple[Any, bool]:
    """Of Optional[T]: T and True."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, False
    arguments = typing.get_args(hint)
    inner = tuple(one for one in arguments if one is not type(None))
    return typing.Union[inner], len(inner) < len(arguments)


@functools.lru_cache(maxsize=None)
def of(hint: Any) -> Codec:
    """The codec of a type, such as `List[UInt32]`."""
    hint, is_optional = without_none(hint)
    if is_optional:
        return _optional(of(hint))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return Codec(arguments[1])
    if origin is typing.Union:
        return _VariantCodec(arguments)
    if origin is list:
        return _list(of(arguments[0]))
    if origin is dict:
        return _dict(*map(of, arguments))
    if origin is tuple:
        return _tuple([of(argument) for argument in arguments])
    if hint in PLAIN:
        return Codec(PLAIN[hint])
    for base, make in ((Record, _RecordCodec), (Struct, _StructCodec), (Word, _word)):
        if isinstance(hint, type) and issubclass(hint, base):
            return make(hint)
    if isinstance(hint, type) and issubclass(hint, Case):
        return _VariantCodec((hint,))
    raise TypeError(f'{hint!r} does not travel')


@functools.lru_cache(maxsize=None)
def _of_error(cls: Any) -> Codec:
    hints = typing.get_type_hints(cls, include_extras=True)
    return of_values([hints[name] for name in cls._names()])


def of_values(hints: List[Any]) -> Codec:
    """Of the arguments of a message: as a tuple, but its signature has no parentheses."""
    inner = _tuple([of(hint) for hint in hints])
    return Codec(inner.signature[1:-1], inner.encode, inner.decode)


class DeclaredError(Error):
    """An error that carries something: a dataclass, whose last field is the message."""

    @classmethod
    def _fields(cls) -> Codec:
        hashable: Any = cls
        return _of_error(hashable)

    @classmethod
    def _names(cls) -> List[str]:
        fields: Any = cls
        return [field.name for field in dataclasses.fields(fields) if field.name != 'message']

    @classmethod
    def from_values(cls, signature: str, values: Tuple[Any, ...]) -> DeclaredError:
        """Of a message. What is behind the fields that we know is for others."""
        expected = cls._fields()
        if not signature.startswith('s' + expected.signature):
            raise Invalid(f'"s{expected.signature}" is expected, not "{signature}"')
        names = cls._names()
        known = dict(zip(names, expected.decoded(values[1:len(names) + 1])))
        return cls(**known, message=values[0])

    def to_values(self) -> Tuple[str, Tuple[Any, ...]]:
        fields = self._fields()
        return fields.signature, fields.encoded(tuple(
            getattr(self, name) for name in self._names()))
