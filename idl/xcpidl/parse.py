# SPDX-License-Identifier: LGPL-2.1-or-later
"""XML nodes into the model. What an annotation means is decided here and nowhere else."""
from pathlib import Path

from . import declare, model, types, xmlread
from .problem import Problem

DOC = 'org.gtk.GDBus.DocString'
SINCE = 'org.gtk.GDBus.Since'
DEPRECATED = 'org.freedesktop.DBus.Deprecated'
NO_REPLY = 'org.freedesktop.DBus.Method.NoReply'
EMITS = 'org.freedesktop.DBus.Property.EmitsChangedSignal'
OURS = 'org.xen.xcp.'
MEMBER = {DOC, SINCE, DEPRECATED, OURS + 'ReplacedBy'}
KNOWN = {  # which annotations have a meaning where
    'interface': {DOC, SINCE, DEPRECATED, OURS + 'Service', OURS + 'Throws'},
    'method': MEMBER | {NO_REPLY, OURS + 'Throws', OURS + 'Timeout', OURS + 'Idempotent'},
    'signal': MEMBER,
    'property': MEMBER | {EMITS, OURS + 'Type', OURS + 'Unit', OURS + 'Secret'},
    'arg': {DOC, OURS + 'Type', OURS + 'Unit', OURS + 'Secret'},
}


class _Annotations:
    """Of one element, by name."""

    def __init__(self, node):
        self.node, self.by_name = node, {}
        for child in node.of_kind('annotation'):
            name = child.attributes['name']
            if name in self.by_name:
                raise Problem(f'annotation "{name}" twice', 'keep one', child.line)
            self.by_name[name] = child
            is_declaration = node.kind == 'interface' and declare.is_declaration(name)
            if name.startswith(OURS) and name not in KNOWN[node.kind] and not is_declaration:
                raise Problem(f'annotation "{name}" has no meaning in <{node.kind}>',
                              'see "Annotations" in docs/idl.md', child.line)

    def get(self, name, default=''):
        child = self.by_name.get(name)
        return child.attributes['value'].strip() if child else default

    def line(self, name):
        return self.by_name[name].line if name in self.by_name else self.node.line

    def flag(self, name):
        value = self.get(name, 'false')
        if value not in ('true', 'false'):
            raise Problem(f'annotation "{name}" is "{value}"', 'say "true" or "false"',
                          self.line(name))
        return value == 'true'

    def choice(self, name):
        """None: nobody has said."""
        return self.flag(name) if name in self.by_name else None


class _File:
    def __init__(self, path, text):
        self.service = model.Service(path=str(path), text=text)
        self.problems = []
        self.named = []  # types that stand for declarations, to be looked up at the end
        self.throws = []  # (method, names, line): the same for errors

    def guard(self, line, step, *arguments):
        """One thing that is wrong does not hide the next."""
        try:
            return step(*arguments)
        except Problem as problem:
            self.problems.append(problem.at(line, self.service.path))
            return None

    def type_of(self, text, line):
        try:
            found = types.parse_type(text)
        except Problem as problem:
            raise problem.at(line)
        self.note(found, line)
        return found

    def note(self, found, line):
        self.named += [(item, line) for item in types.walk(found)
                       if isinstance(item, types.Named)]

    def read(self):
        root = xmlread.read(self.service.text)
        for node in root.of_kind('interface'):
            self.guard(node.line, self.interface, node)
        if not self.service.interfaces:
            raise Problem('no interface', 'add one', root.line)
        self.resolve()

    def interface(self, node):
        notes = _Annotations(node)
        interface = model.Interface(node.attributes['name'], notes.get(DOC), node.line,
                                    is_deprecated=notes.flag(DEPRECATED), since=notes.get(SINCE))
        self.service.interfaces.append(interface)
        if OURS + 'Service' in notes.by_name:
            self.guard(notes.line(OURS + 'Service'), self.set_service, notes)
        for child in node.of_kind('annotation'):
            if declare.is_declaration(child.attributes['name']):
                self.guard(child.line, declare.add, self, interface, child)
        for kind, add in (('method', self.method), ('signal', self.signal),
                          ('property', self.property)):
            for child in node.of_kind(kind):
                self.guard(child.line, add, interface, child, notes)

    def set_service(self, notes):
        name, _, path = notes.get(OURS + 'Service').partition(' ')
        if self.service.name or not name or not path.startswith('/'):
            raise Problem('a file has one service, of the form "NAME /OBJECT/PATH"',
                          'such as "org.xen.xcp.squeezed1 /org/xen/xcp/squeezed1"')
        self.service.name, self.service.object_path = name, path.strip()

    def common(self, node, notes):
        return {'name': node.attributes['name'], 'doc': notes.get(DOC), 'line': node.line,
                'since': notes.get(SINCE), 'is_deprecated': notes.flag(DEPRECATED),
                'replaced_by': notes.get(OURS + 'ReplacedBy')}

    def method(self, interface, node, of_interface):
        notes = _Annotations(node)
        method = model.Method(**self.common(node, notes),
                              is_idempotent=notes.flag(OURS + 'Idempotent'),
                              has_no_reply=notes.flag(NO_REPLY))
        interface.methods.append(method)
        method.timeout_s = self.guard(notes.line(OURS + 'Timeout'), self.timeout, notes) or 0
        for from_ in (of_interface, notes):
            self.throws.append((method, from_.get(OURS + 'Throws').split(),
                                from_.line(OURS + 'Throws')))
        for child in node.of_kind('arg'):
            into = method.outputs if child.attributes.get('direction') == 'out' else method.inputs
            arg = self.guard(child.line, self.arg, child)
            into += [arg] if arg else []

    def timeout(self, notes):
        text = notes.get(OURS + 'Timeout', '0')
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1
        if not 0 <= seconds <= 86400:
            raise Problem(f'timeout "{text}"', 'say how many seconds, at most 86400')
        return seconds

    def signal(self, interface, node, _):
        notes = _Annotations(node)
        signal = model.Signal(**self.common(node, notes))
        interface.signals.append(signal)
        for child in node.of_kind('arg'):
            if child.attributes.get('direction') == 'in':
                raise Problem('what a signal carries goes out', 'remove the direction', child.line)
            arg = self.guard(child.line, self.arg, child)
            signal.args += [arg] if arg else []

    def property(self, interface, node, _):
        notes = _Annotations(node)
        emits = notes.get(EMITS, 'true')
        if emits not in ('true', 'invalidates', 'const', 'false'):
            raise Problem(f'{EMITS} is "{emits}"', 'say true, invalidates, const or false',
                          notes.line(EMITS))
        if node.attributes['access'] not in ('read', 'write', 'readwrite'):
            raise Problem(f'access "{node.attributes["access"]}"',
                          'say read, write or readwrite')
        interface.properties.append(model.Property(
            **self.common(node, notes), type=self.annotated_type(node, notes),
            access=node.attributes['access'], emits=emits, unit=notes.get(OURS + 'Unit'),
            is_secret=notes.choice(OURS + 'Secret')))

    def arg(self, node):
        notes = _Annotations(node)
        if not node.attributes.get('name'):
            raise Problem('an argument without a name', 'add name="..."')
        return model.Arg(node.attributes['name'], self.annotated_type(node, notes),
                         notes.get(DOC), node.line, notes.get(OURS + 'Unit'),
                         notes.choice(OURS + 'Secret'))

    def annotated_type(self, node, notes):
        """The type with its names, from org.xen.xcp.Type; without that, the signature is all."""
        signature = node.attributes['type']
        plain = types.parse_type(signature)
        if any(isinstance(item, types.Named) for item in types.walk(plain)) or (
                signature != plain.signature()):
            raise Problem(f'type "{signature}" is not a D-Bus signature',
                          f'put it into {OURS}Type, and what travels into type')
        if OURS + 'Type' not in notes.by_name:
            return plain
        return self.type_of(notes.get(OURS + 'Type'), notes.line(OURS + 'Type'))

    def resolve(self):
        """Names become what they stand for; this can be done when all is read only."""
        for named, line in self.named:
            self.guard(line, self.resolve_type, named)
        for method, names, line in self.throws:
            self.guard(line, self.resolve_throws, method, names)

    def resolve_type(self, named):
        named.declaration = self.service.types.get(named.name)
        if not named.declaration:
            # Something in its place, so that the rest can be checked.
            named.declaration = model.Record(named.name, '', 0, '')
            known = ', '.join(self.service.types) or 'none'
            raise Problem(f'type "{named.name}" is not declared',
                          f'declare it in this file; there are: {known}')

    def resolve_throws(self, method, names):
        for name in names:
            if name not in self.service.errors:
                known = ', '.join(self.service.errors) or 'none'
                raise Problem(f'error "{name}" is not declared',
                              f'declare it in this file; there are: {known}')
            if self.service.errors[name] not in method.throws:
                method.throws.append(self.service.errors[name])


def parse_text(text, path):
    """(Service, problems). With problems, the service may be incomplete: do not print from it."""
    file = _File(path, text)
    file.guard(1, file.read)
    return file.service, file.problems


def parse_file(path):
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        return None, [Problem(error.strerror, 'is it the right name?', 0, str(path))]
    return parse_text(text, path)
