# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an interface file says. All has a `doc` (a sentence or more) and the `line` where it is."""
from dataclasses import dataclass, field

from . import types
from .problem import Problem


def has_secret(type_, seen=()):
    """Whether a value of the type has a field that is secret."""
    for item in types.walk(type_):
        declared = getattr(item, 'declaration', None)
        if not declared or any(declared is one for one in seen):
            continue
        for part in [*getattr(declared, 'fields', ()), *getattr(declared, 'cases', ())]:
            if getattr(part, 'is_secret', False) or part.type and has_secret(
                    part.type, (*seen, declared)):
                return True
    return False


@dataclass
class Field:
    """Of a record, a structure or an error."""
    name: str
    type: object
    doc: str
    line: int
    default: object = None  # a literal (literal.py), or None: it must be there
    has_default: bool = False
    is_secret: object = None  # True, False, or None: nobody has said

    @property
    def is_required(self):
        """Whether it must be in a record. What is optional is absent by default."""
        return not self.has_default and type(self.type).__name__ != 'Optional'


@dataclass
class Value:
    """Of an enum."""
    name: str
    doc: str
    line: int


@dataclass
class Case:
    """Of a variant; type is None if it carries nothing."""
    name: str
    type: object
    doc: str
    line: int


@dataclass
class Declaration:
    name: str
    doc: str
    line: int
    interface: str  # where it is declared


@dataclass
class Record(Declaration):
    """a{sv} with these keys. Unknown keys are ignored, absent ones take their default."""
    fields: list = field(default_factory=list)

    def signature(self):
        return 'a{sv}'


@dataclass
class Struct(Declaration):
    """A D-Bus structure: all members, in this order, for ever."""
    fields: list = field(default_factory=list)
    is_open: bool = False  # its signature is being worked out

    def signature(self):
        if self.is_open:
            raise Problem(f'structure {self.name} contains itself', 'make it a record', self.line)
        self.is_open = True
        try:
            return '(' + ''.join(member.type.signature() for member in self.fields) + ')'
        finally:
            self.is_open = False


@dataclass
class Enum(Declaration):
    """s: one of these words, or one that a later version knows."""
    values: list = field(default_factory=list)

    def signature(self):
        return 's'


@dataclass
class Variant(Declaration):
    """(sv): the name of the case and what it carries, or `true` if it carries nothing."""
    cases: list = field(default_factory=list)

    def signature(self):
        return '(sv)'


@dataclass
class Error:
    """An error that methods answer. Body: a string for people, then the fields."""
    name: str
    doc: str
    line: int
    interface: str
    fields: list = field(default_factory=list)

    @property
    def full_name(self):
        return f'{self.interface}.Error.{self.name}'

    def signature(self):
        return 's' + ''.join(member.type.signature() for member in self.fields)


@dataclass
class Arg:
    name: str
    type: object
    doc: str
    line: int
    unit: str = ''  # such as KiB, bytes, seconds
    is_secret: object = None  # as of a field

    def hides(self):
        """Whether it, or something in it, is secret."""
        return self.is_secret or has_secret(self.type)


@dataclass
class Member:
    name: str
    doc: str
    line: int
    since: str = ''
    is_deprecated: bool = False
    replaced_by: str = ''


@dataclass
class Method(Member):
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    throws: list = field(default_factory=list)  # Error
    timeout_s: float = 0  # how long a caller should wait; 0: the default of its library
    is_idempotent: bool = False  # may be called again when the answer got lost
    has_no_reply: bool = False


@dataclass
class Signal(Member):
    args: list = field(default_factory=list)


@dataclass
class Property(Member):
    type: object = None
    access: str = 'read'  # read, write, readwrite
    emits: str = 'true'  # true, invalidates, const, false
    unit: str = ''
    is_secret: object = None

    def hides(self):
        return self.is_secret or has_secret(self.type)


@dataclass
class Interface:
    name: str
    doc: str
    line: int
    methods: list = field(default_factory=list)
    signals: list = field(default_factory=list)
    properties: list = field(default_factory=list)
    is_deprecated: bool = False
    since: str = ''

    def members(self):
        return [*self.methods, *self.signals, *self.properties]


@dataclass
class Service:
    """One file. Types and errors that are declared in one of its interfaces are known in all."""
    path: str  # of the file
    text: bytes = b''
    name: str = ''  # on the bus; empty if any service may have these interfaces
    object_path: str = ''  # where its root object is
    interfaces: list = field(default_factory=list)
    types: dict = field(default_factory=dict)  # by name, in order of declaration
    errors: dict = field(default_factory=dict)

    @property
    def root(self):
        """The interface after which the file is named."""
        return self.interfaces[0]

    def short_name(self, interface):
        """`VM` for org.xen.xcp.xenopsd1.VM in the file of org.xen.xcp.xenopsd1; `` for the root."""
        return interface.name[len(self.root.name) + 1:]
