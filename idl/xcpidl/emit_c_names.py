# SPDX-License-Identifier: LGPL-2.1-or-later
"""What things are called in C, and what their types are."""
import re

from . import model, types
from .problem import Problem

# Words that C or C++ keep to themselves; and what printed functions call their own parameters.
RESERVED = frozenset('''
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class co_await
    co_return co_yield compl concept const const_cast consteval constexpr constinit continue
    decltype default delete do double dynamic_cast else enum explicit export extern false float for
    friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or
    or_eq private protected public register reinterpret_cast requires restrict return short signed
    sizeof static static_assert static_cast struct switch template this thread_local throw true try
    typedef typeid typename union unix linux unsigned using virtual void volatile wchar_t while xor xor_eq
'''.split())
OURS = frozenset('bus target error fn data slot call path text payload in out args results'.split())
BASIC = {
    'y': ('uint8_t', 'byte'), 'b': ('bool', 'bool'), 'n': ('int16_t', 'int16'),
    'q': ('uint16_t', 'uint16'), 'i': ('int32_t', 'int32'), 'u': ('uint32_t', 'uint32'),
    'x': ('int64_t', 'int64'), 't': ('uint64_t', 'uint64'), 'd': ('double', 'double'),
    's': ('const char *', 'string'), 'o': ('const char *', 'path'),
    'g': ('const char *', 'signature'), 'h': ('int', 'fd'),
}
MEMBERS = 'first second third fourth fifth sixth seventh eighth ninth tenth'.split()


def snake(name):
    """vm_state of VmState, pvs_proxy of PVSProxy, enable_ipv6 of EnableIPv6."""
    name = name.replace('IPv', 'Ipv')
    name = re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1_\2', name)
    name = re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name)
    return re.sub('_+', '_', name).strip('_').lower()


def word(name):
    """A name for a field."""
    return name + '_' if name in RESERVED else name


def parameter(name):
    return name + '_' if name in RESERVED or name in OURS else name


def member(index):
    return MEMBERS[index] if index < len(MEMBERS) else f'member_{index + 1}'


def join(ctype, name):
    return ctype + name if ctype.endswith('*') else f'{ctype} {name}'


def is_kind(type_, kind):
    return isinstance(type_, types.Named) and isinstance(type_.declaration, kind)


def is_nullable(type_):
    """What is absent when it is NULL, without a pointer to it."""
    return isinstance(type_, types.Any) or isinstance(type_, types.Basic) and type_.code in 'sog'


def goes_by_pointer(type_):
    """As an argument of a function."""
    return not isinstance(type_, (types.Basic, types.Any, types.Optional)) and not is_kind(
        type_, model.Enum)


def is_boxed(type_):
    """As the value of a variant: so that a variant can contain itself."""
    return isinstance(type_, types.Tuple) or is_kind(
        type_, (model.Record, model.Struct, model.Variant))


def tag(type_):
    """What a type is called, without the service's prefix."""
    if isinstance(type_, types.Basic):
        return BASIC[type_.code][1]
    if isinstance(type_, types.Any):
        return 'any'
    if isinstance(type_, types.Array):
        if isinstance(type_.element, types.Basic):
            return tag(type_.element) + 's'
        return 'list_of_' + tag(type_.element)
    if isinstance(type_, types.Dict):
        return f'map_of_{tag(type_.value)}_by_{tag(type_.key)}'
    if isinstance(type_, types.Optional):
        return 'maybe_' + tag(type_.inner)
    if isinstance(type_, types.Tuple):
        return 'tuple_of_' + '_and_'.join(map(tag, type_.members))
    return snake(type_.name)


def owns(type_):
    """Whether a value of this type can have memory of its own."""
    return not (isinstance(type_, types.Basic) and type_.code not in 'sogh')


def arguments_type(args):
    """As fields of a structure."""
    return [(word(arg.name), arg) for arg in args]


class Names:
    """Of one file. All that is printed for others is called after its root interface."""

    def __init__(self, service):
        self.service = service
        self.prefix = snake(service.root.name.rsplit('.', 1)[1])
        self.taken = {}

    def of(self, name):
        return f'{self.prefix}_{name}'

    def constant(self, name):
        return self.of(name).upper()

    def interface(self, interface):
        """`vm_` of the second interface of a file; nothing of the root."""
        short = self.service.short_name(interface)
        return '_'.join(map(snake, short.split('.'))) + '_' if short else ''

    def ctype(self, type_):
        if isinstance(type_, types.Basic):
            return BASIC[type_.code][0]
        if isinstance(type_, types.Any):
            return 'DBusMessage *'
        if isinstance(type_, types.Optional):
            inner = self.ctype(type_.inner)
            return inner if is_nullable(type_.inner) else constant(inner) + ' *'
        return 'struct ' + self.of(tag(type_))

    def field(self, type_, name):
        return join(self.ctype(type_), name)

    def input(self, type_, name):
        if goes_by_pointer(type_):
            return f'const {self.ctype(type_)} *{name}'
        return join(self.ctype(type_), name)

    def output(self, type_, name):
        """Texts are the caller's, who frees them."""
        if isinstance(type_, types.Basic) and is_nullable(type_) or isinstance(
                type_, types.Optional) and self.ctype(type_) == 'const char *':
            return f'char **{name}'
        ctype = self.ctype(type_)
        return ctype + '*' + name if ctype.endswith('*') else f'{ctype} *{name}'

    def take(self, name, line):
        """Two things of the same name: the compiler would say it less well."""
        if name in self.taken:
            raise Problem(f'in C, {name} would stand for two things (the other is in line '
                          f'{self.taken[name]})', 'give one of them another name', line,
                          self.service.path)
        self.taken[name] = line
        return name


def constant(ctype):
    if ctype.endswith('*'):
        return ctype + 'const'
    return 'const ' + ctype
