# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values as people write them, and as they travel.

People write JSON, by the types of an interface file:

    y n q i u x t d b s o g   number, true or false, text; "NaN", "Infinity", "-Infinity" are doubles
    ay                        base64, or a list of numbers
    v                         {"type": "s", "value": "text"}; just the value, if it is a basic one
    aT, (T U)                 a list
    a{KT}                     an object, whatever the type of the keys
    ?T                        null, or the value
    record, structure         an object; of a structure also a list
    enum                      its word
    variant                   "Case", or {"Case": value}

What travels is made of what the Python binding knows: int, float, bool, str, bytes, list, tuple, dict,
and its class Variant(signature, value).
"""
import base64
import binascii
import json
import math

from . import literal, model, types
from .problem import Problem

WORDS = {'NaN': math.nan, 'Infinity': math.inf, '-Infinity': -math.inf}
UNKNOWN = '"{}" is not one of {}'


class Encoder:
    """What people write into what travels. Words that the file does not know are passed on: `warnings`
    says which, because they may be errors of typing."""

    def __init__(self, variant):
        self.variant, self.warnings = variant, []

    def encode(self, value, type_, where):
        """where: what the value is of, for the Problem that is raised if it does not fit."""
        return getattr(self, 'of_' + type(type_).__name__.lower())(value, type_, where)

    def of_basic(self, value, type_, where):
        if type_.code in types.INTEGERS:
            least, largest = types.INTEGERS[type_.code]
            if type(value) is float and value.is_integer():
                value = int(value)
            if type(value) is not int or not least <= value <= largest:
                fail(value, where, f'a number from {least} to {largest}')
        elif type_.code == 'd':
            value = WORDS.get(value, value) if isinstance(value, str) else value
            if type(value) not in (int, float):
                fail(value, where, 'a number')
            value = float(value)
        elif type_.code == 'b':
            if not isinstance(value, bool):
                fail(value, where, 'true or false')
        elif type_.code == 'h':
            raise Problem(f'{where}: a file descriptor cannot be written down')
        elif not isinstance(value, str) or '\0' in value:
            fail(value, where, 'a ' + types.BASIC[type_.code])
        return value

    def of_any(self, value, _, where):
        for kind, code in ((bool, 'b'), (int, 'x'), (float, 'd'), (str, 's')):
            if isinstance(value, kind):
                return self.variant(code, self.encode(value, types.Basic(code), where))
        if not isinstance(value, dict) or set(value) != {'type', 'value'}:
            fail(value, where, 'of the form {"type": "s", "value": ...}')
        inner = types.parse_type(str(value['type']))
        if any(isinstance(item, types.Named) for item in types.walk(inner)):
            fail(value['type'], where, 'a D-Bus signature')
        return self.variant(inner.signature(), self.encode(value['value'], inner, where))

    def of_array(self, value, type_, where):
        if type_.element == types.Basic('y'):
            return self.of_bytes(value, where)
        if not isinstance(value, list):
            fail(value, where, 'a list')
        return [self.encode(item, type_.element, f'{where}[{index}]')
                for index, item in enumerate(value)]

    def of_bytes(self, value, where):
        try:
            if isinstance(value, str):
                return base64.b64decode(value, validate=True)
            return bytes(value if isinstance(value, list) else [None])
        except (TypeError, ValueError, binascii.Error):
            return fail(value, where, 'base64, or a list of bytes')

    def of_dict(self, value, type_, where):
        if not isinstance(value, dict):
            fail(value, where, 'an object')
        return {self.encode(key_of(key, type_.key), type_.key, f'{where}: key "{key}"'):
                self.encode(item, type_.value, f'{where}["{key}"]') for key, item in value.items()}

    def of_tuple(self, value, type_, where):
        if not isinstance(value, list) or len(value) != len(type_.members):
            fail(value, where, f'a list of {len(type_.members)}')
        return tuple(self.encode(item, member, f'{where}[{index}]')
                     for index, (item, member) in enumerate(zip(value, type_.members)))

    def of_optional(self, value, type_, where):
        return [] if value is None else [self.encode(value, type_.inner, where)]

    def of_named(self, value, type_, where):
        declared = type_.declaration
        return getattr(self, 'of_' + type(declared).__name__.lower())(value, declared, where)

    def of_record(self, value, record, where):
        self.expect_fields(value, record.fields, where)
        pairs = {}
        for field in record.fields:
            if field.name not in value:
                if field.is_required:
                    raise Problem(f'{where} has no "{field.name}"', f'it is needed: {field.doc}')
                continue
            # As a field of a record, what is optional is there or is not.
            type_, item = field.type, value[field.name]
            if isinstance(type_, types.Optional):
                if item is None:
                    continue
                type_ = type_.inner
            pairs[field.name] = self.variant(
                type_.signature(), self.encode(item, type_, f'{where}.{field.name}'))
        return pairs

    def of_struct(self, value, struct, where):
        if isinstance(value, list):
            members = tuple(field.type for field in struct.fields)
            return self.of_tuple(value, types.Tuple(members), where)
        self.expect_fields(value, struct.fields, where)
        missing = [field.name for field in struct.fields if field.name not in value]
        if missing:
            raise Problem(f'{where} has no "{missing[0]}"')
        return tuple(self.encode(value[field.name], field.type, f'{where}.{field.name}')
                     for field in struct.fields)

    def expect_fields(self, value, fields, where):
        names = [field.name for field in fields]
        if not isinstance(value, dict):
            fail(value, where, 'an object with ' + ', '.join(names))
        for name in value:
            if name not in names:
                raise Problem(f'{where} has no field "{name}"', 'there are: ' + ', '.join(names))

    def of_enum(self, value, enum, where):
        if not isinstance(value, str):
            fail(value, where, 'a word')
        names = [item.name for item in enum.values]
        if value not in names:
            self.warnings.append(f'{where}: ' + UNKNOWN.format(value, ', '.join(names)))
        return value

    def of_variant(self, value, variant, where):
        name, payload = value, True
        if isinstance(value, dict) and len(value) == 1:
            (name, payload), = value.items()
        if not isinstance(name, str):
            fail(value, where, 'of the form "Case" or {"Case": value}')
        for case in variant.cases:
            if case.name == name:
                type_ = case.type or types.Basic('b')
                return name, self.variant(type_.signature(),
                                          self.encode(payload, type_, f'{where}.{name}'))
        self.warnings.append(f'{where}: ' + UNKNOWN.format(
            name, ', '.join(case.name for case in variant.cases)))
        return name, self.of_any(payload, None, f'{where}.{name}')


def fail(value, where, expected):
    text = json.dumps(value) if not isinstance(value, bytes) else repr(value)
    raise Problem(f'{where} is {text[:60]}', f'it should be {expected}')


def key_of(text, type_):
    """JSON has texts only as keys."""
    if type_.code in types.INTEGERS or type_.code in 'db':
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def from_literal(value, type_):
    """A default, as people write it in JSON."""
    if isinstance(type_, types.Optional):
        return None if value == literal.NONE else from_literal(value, type_.inner)
    if isinstance(type_, types.Array):
        items = [from_literal(item, type_.element) for item in value]
        is_bytes = type_.element == types.Basic('y')
        return base64.b64encode(bytes(items)).decode() if is_bytes else items
    if isinstance(type_, types.Dict):
        return {text_of(key): from_literal(item, type_.value) for key, item in value.items()}
    if isinstance(type_, types.Tuple):
        return list(map(from_literal, value, type_.members))
    if isinstance(type_, types.Named):
        return _from_declared(value, type_.declaration)
    return float(value) if type_ == types.Basic('d') else value


def _from_declared(value, declared):
    if isinstance(declared, model.Record):
        return {field.name: default_of(field) for field in declared.fields}
    if isinstance(declared, model.Struct):
        return {field.name: from_literal(item, field.type)
                for field, item in zip(declared.fields, value)}
    if isinstance(declared, model.Enum) or not value.has_payload:
        return value.name
    case = next(case for case in declared.cases if case.name == value.name)
    return {value.name: from_literal(value.payload, case.type)}


def default_of(field):
    return from_literal(field.default, field.type) if field.has_default else None


def text_of(key):
    return key if isinstance(key, str) else json.dumps(key)


def decode(value, type_):
    """What travels into what people write. Raises Problem if it is not of this type."""
    try:
        return _decode(value, type_)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise Problem(f'{value!r:.80} is not of type {type_}', str(error)) from None


def _decode(value, type_):
    if isinstance(type_, types.Basic):
        return _decode_basic(value)
    if isinstance(type_, types.Any):
        return {'type': value.signature, 'value': _decode(value.value,
                                                          types.parse_type(value.signature))}
    if isinstance(type_, types.Array):
        if isinstance(value, (bytes, bytearray)):
            return base64.b64encode(value).decode()
        return [_decode(item, type_.element) for item in value]
    if isinstance(type_, types.Dict):
        return {text_of(key): _decode(item, type_.value) for key, item in value.items()}
    if isinstance(type_, types.Tuple):
        return [_decode(item, member) for item, member in zip(value, type_.members)]
    if isinstance(type_, types.Optional):
        if len(value) > 1:
            raise ValueError('it has more than one value')
        return _decode(value[0], type_.inner) if value else None
    return _decode_declared(value, type_.declaration)


def _decode_basic(value):
    if isinstance(value, float) and not math.isfinite(value):
        return next(word for word, number in WORDS.items() if repr(number) == repr(value))
    return value


def _decode_declared(value, declared):
    if isinstance(declared, model.Enum):
        return value
    if isinstance(declared, model.Struct):
        return {field.name: _decode(item, field.type)
                for field, item in zip(declared.fields, value)}
    if isinstance(declared, model.Record):
        return {field.name: _decode_field(value, field) for field in declared.fields}
    name, payload = value
    case = next((case for case in declared.cases if case.name == name), None)
    if case and not case.type:
        return name
    if case:
        return {name: _of_signature(payload, case.type)}
    return {name: _decode(payload, types.Any())}


def _decode_field(pairs, field):
    if field.name not in pairs:
        if field.is_required:
            raise ValueError(f'field {field.name} is missing')
        return default_of(field)
    type_ = field.type.inner if isinstance(field.type, types.Optional) else field.type
    return _of_signature(pairs[field.name], type_)


def _of_signature(variant, type_):
    if variant.signature != type_.signature():
        raise ValueError(f'there is {variant.signature} where {type_.signature()} should be')
    return _decode(variant.value, type_)


# ---- Examples ----
TEXTS = {'debug_info': 'example', 'uuid': 'c0ffee00-1234-4567-89ab-000000000001'}
NUMBERS = {'kib': 262144, 'bytes': 268435456, 'domid': 5, 'port': 80, 'mtu': 1500, 'vlan': 10}
BASIC = {'b': True, 'd': 0.5, 'g': 's', 'h': None}
DEPTH_MAX = 6


def example(type_, name='value', depth=0):
    """A plausible value, as people write it. `name` is that of the argument or field."""
    if isinstance(type_, types.Basic):
        return _example_basic(type_.code, name)
    if isinstance(type_, types.Any):
        return {'type': 's', 'value': 'text'}
    if isinstance(type_, types.Optional) or depth > DEPTH_MAX and not isinstance(
            type_, (types.Tuple, types.Named)):
        return None if isinstance(type_, types.Optional) else ({} if isinstance(
            type_, types.Dict) else [])
    if isinstance(type_, types.Array):
        if type_.element == types.Basic('y'):
            return base64.b64encode(b'bytes').decode()
        return [example(type_.element, name.removesuffix('s'), depth + 1)]
    if isinstance(type_, types.Dict):
        return {text_of(example(type_.key, 'key')): example(type_.value, 'value', depth + 1)}
    if isinstance(type_, types.Tuple):
        return [example(member, name, depth + 1) for member in type_.members]
    return _example_declared(type_.declaration, depth + 1)


def _example_basic(code, name):
    parts = name.split('_')
    if code == 's':
        return TEXTS.get(name) or TEXTS.get(parts[-1], name)
    if code == 'o':
        return '/org/example'
    return BASIC[code] if code in BASIC else min(NUMBERS.get(parts[-1], 1),
                                                 types.INTEGERS[code][1])


def _example_declared(declared, depth):
    if isinstance(declared, model.Enum):
        return declared.values[0].name
    if isinstance(declared, (model.Record, model.Struct)):
        return {field.name: example(field.type, field.name, depth) for field in declared.fields
                if field.is_required or isinstance(declared, model.Struct)}
    case = next((case for case in declared.cases if not case.type), declared.cases[0])
    return {case.name: example(case.type, 'value', depth)} if case.type else case.name
