# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the cases of client.py are made of."""
import dataclasses
import math
import struct

INT_LIMITS = 'ynqiuxt'
LEAST = [0, -2**15, 0, -2**31, 0, -2**63, 0]
LARGEST = [2**8 - 1, 2**15 - 1, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1]
cases = []


def case(function):
    cases.append(function)
    return function


class Failed(Exception):
    pass


def check(is_good, what):
    if not is_good:
        raise Failed(what)


async def raises(kind, awaitable):
    try:
        result = await awaitable
    except kind as error:
        return error
    raise Failed(f'{kind.__name__} is expected, not {result!r:.200}')


def basic(numbers, a_bool, number=0.5, text='', path='/', signature=''):
    """The arguments of EchoBasic."""
    return (numbers[0], a_bool, *numbers[1:], number, text, path, signature)


def same(one, other):
    """Equal; doubles by their bits, but any NaN is as good as another."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isnan(one) and math.isnan(other) or struct.pack('d', one) == struct.pack('d', other)
    if type(one) is not type(other):
        return False
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, field.name), getattr(other, field.name))
                   for field in dataclasses.fields(one))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other
