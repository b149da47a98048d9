# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether an interface that could be read is a good one. Returns all that is wrong."""
import re

from . import literal, model, types, xmlread
from .parse import OURS, parse_file, parse_text
from .problem import Problem

CAMEL = re.compile(r'[A-Z][A-Za-z0-9]*')
WORD = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')
SNAKE = re.compile(r'[a-z][a-z0-9_]*')
INTERFACE = re.compile(r'[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+')
SECRET = re.compile('passw|pwd|secret|credential|auth_?key|private_?key$')
VERSION = re.compile(r'[0-9]+$')
NAME_MAX = 255  # D-Bus Specification, "Valid Names"


class _Checker:
    def __init__(self, service):
        self.service, self.problems = service, []

    def wrong(self, line, message, remedy):
        self.problems.append(Problem(message, remedy, line, self.service.path))

    def name(self, line, what, name, form, remedy):
        if not form.fullmatch(name) or len(name) > NAME_MAX:
            self.wrong(line, f'{what} "{name}"', remedy)

    def doc(self, line, what, doc):
        if len(doc) < 3:
            self.wrong(line, f'{what} is not documented',
                       'add org.gtk.GDBus.DocString, or a text behind " - "')

    def unique(self, items, what):
        seen = {}
        for item in items:
            # Languages write names in their own ways: GetURL and GetUrl would be one function.
            key = item.name.replace('_', '').lower()
            if key in seen:
                self.wrong(item.line, f'{what} "{item.name}" and "{seen[key]}" are too alike',
                           'some languages could not tell them apart')
            seen.setdefault(key, item.name)

    def secret(self, where, item, annotation):
        """What sounds like a secret is one, or somebody has said that it is not."""
        if item.is_secret is None and SECRET.search(item.name):
            self.wrong(item.line, f'{where} may be a secret',
                       f'say {OURS}{annotation}, "true" or "false"')

    def check(self):
        self.service_name()
        for interface in self.service.interfaces:
            self.interface(interface)
        self.unique(self.service.types.values(), 'types')
        self.unique(self.service.errors.values(), 'errors')
        for declaration in self.service.types.values():
            self.declaration(declaration)
        for error in self.service.errors.values():
            self.name(error.line, 'error', error.name, CAMEL, 'write it LikeThis')
            self.doc(error.line, f'error {error.name}', error.doc)
            self.fields(error, may_default=False)
        return self.problems

    def service_name(self):
        root = self.service.root
        if self.service.name and self.service.name != root.name:
            self.wrong(root.line, f'the service is {self.service.name}, its first interface '
                       f'{root.name}', 'give both the same name')
        if not VERSION.search(root.name):
            self.wrong(root.line, f'interface "{root.name}" has no version',
                       'end its name with a number: Foo1, and Foo2 when it breaks')
        for interface in self.service.interfaces[1:]:
            if not interface.name.startswith(root.name + '.'):
                self.wrong(interface.line, f'interface "{interface.name}"',
                           f'begin its name with {root.name}. or give it a file of its own')
        self.unique(self.service.interfaces, 'interfaces')

    def interface(self, interface):
        self.name(interface.line, 'interface', interface.name, INTERFACE, 'see the D-Bus '
                  'Specification, "Interface names"')
        self.doc(interface.line, f'interface {interface.name}', interface.doc)
        self.unique(interface.members(), 'members')
        for member in interface.members():
            self.name(member.line, 'member', member.name, CAMEL, 'write it LikeThis')
            self.doc(member.line, f'{interface.name}.{member.name}', member.doc)
            if member.replaced_by and not self.exists(interface, member.replaced_by):
                self.wrong(member.line, f'{member.name} is replaced by {member.replaced_by}, '
                           'which is not there', 'say MEMBER or INTERFACE.MEMBER')
        for method in interface.methods:
            self.method(interface, method)
        for signal in interface.signals:
            self.args(f'{interface.name}.{signal.name}', signal.args)
        for item in interface.properties:
            self.type(item.line, item.type)

    def exists(self, interface, name):
        return any(name in (member.name, f'{other.name}.{member.name}')
                   for other in self.service.interfaces
                   for member in other.members() if other is interface or '.' in name)

    def method(self, interface, method):
        where = f'{interface.name}.{method.name}'
        self.args(where, method.inputs)
        self.args(where, method.outputs)
        if method.has_no_reply and (method.outputs or method.throws):
            self.wrong(method.line, f'{where} has no reply, but results or errors',
                       'remove one or the other')

    def args(self, where, args):
        self.unique(args, f'{where}: arguments')
        for arg in args:
            self.name(arg.line, f'{where}: argument', arg.name, SNAKE, 'write it like_this')
            self.doc(arg.line, f'{where}: argument {arg.name}', arg.doc)
            self.secret(f'{where}: argument {arg.name}', arg, 'Secret')
            self.type(arg.line, arg.type)

    def type(self, line, type_):
        try:
            if len(type_.signature()) > NAME_MAX:
                self.wrong(line, f'type {type_}', 'a signature has at most 255 characters')
        except Problem as problem:
            self.problems.append(problem.at(line, self.service.path))

    def declaration(self, declaration):
        self.name(declaration.line, 'type', declaration.name, CAMEL, 'write it LikeThis')
        self.doc(declaration.line, f'type {declaration.name}', declaration.doc)
        if isinstance(declaration, model.Enum):
            self.parts(declaration, declaration.values)
        elif isinstance(declaration, model.Variant):
            self.parts(declaration, declaration.cases)
            for case in declaration.cases:
                if case.type:
                    self.type(case.line, case.type)
        else:
            self.fields(declaration, may_default=isinstance(declaration, model.Record))

    def parts(self, declaration, parts):
        if not parts:
            self.wrong(declaration.line, f'{declaration.name} is empty', 'say what it can be')
        self.unique(parts, declaration.name + ':')
        for part in parts:
            self.name(part.line, f'{declaration.name}:', part.name, WORD, 'use letters, digits '
                      'and _')
            self.doc(part.line, f'{declaration.name}.{part.name}', part.doc)

    def fields(self, owner, may_default):
        if isinstance(owner, model.Struct) and not owner.fields:
            self.wrong(owner.line, f'structure {owner.name} is empty', 'say what is in it')
        self.unique(owner.fields, owner.name + ':')
        for field in owner.fields:
            self.name(field.line, f'{owner.name}: field', field.name, SNAKE, 'write it like_this')
            self.doc(field.line, f'{owner.name}.{field.name}', field.doc)
            self.type(field.line, field.type)
            if not isinstance(owner, model.Error):
                self.secret(f'{owner.name}.{field.name}', field, f'Secret.{owner.name}.{field.name}')
            if field.has_default:
                self.default(owner, field, may_default)

    def default(self, owner, field, may_default):
        if not may_default:
            self.wrong(field.line, f'{owner.name}.{field.name} has a default',
                       'only fields of records can be absent')
            return
        try:
            literal.check(field.default, field.type)
        except Problem as problem:
            self.problems.append(problem.at(field.line, self.service.path))


def _check_signatures(service):
    """`type` is what travels, org.xen.xcp.Type what it means: they must agree."""
    for node in _all(xmlread.read(service.text)):
        for note in node.of_kind('annotation'):
            if note.attributes['name'] != OURS + 'Type':
                continue
            meant = types.parse_type(note.attributes['value'].strip())
            for item in types.walk(meant):
                if isinstance(item, types.Named):
                    item.declaration = service.types[item.name]
            if meant.signature() != node.attributes['type']:
                yield Problem(f'type="{node.attributes["type"]}", but {meant} travels as '
                              f'{meant.signature()}', f'say type="{meant.signature()}"',
                              node.line, service.path)


def _all(node):
    yield node
    for child in node.children:
        yield from _all(child)


def _finish(service, problems):
    if service and service.interfaces:
        problems = problems + _Checker(service).check()
    if service and not problems:
        problems = list(_check_signatures(service))
    once = {str(problem): problem for problem in problems}  # an interface throws for each method
    return service, sorted(once.values(), key=lambda problem: problem.line)


def load(path):
    """(Service, problems) of a file, parsed and checked. Print only if there are no problems."""
    return _finish(*parse_file(path))


def load_text(text, path='<text>'):
    return _finish(*parse_text(text, path))
