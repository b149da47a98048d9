# SPDX-License-Identifier: LGPL-2.1-or-later
"""XML into nodes that know their line. Only what introspection data consists of gets through."""
from dataclasses import dataclass, field
from xml.parsers import expat

from .problem import Problem

ATTRIBUTES = {
    'node': {'name'},
    'interface': {'name'},
    'method': {'name'},
    'signal': {'name'},
    'property': {'name', 'type', 'access'},
    'arg': {'name', 'type', 'direction'},
    'annotation': {'name', 'value'},
}
CHILDREN = {
    None: {'node'},
    'node': {'node', 'interface'},
    'interface': {'method', 'signal', 'property', 'annotation'},
    'method': {'arg', 'annotation'},
    'signal': {'arg', 'annotation'},
    'property': {'annotation'},
    'arg': {'annotation'},
    'annotation': set(),
}
OPTIONAL = {('node', 'name'), ('arg', 'name'), ('arg', 'direction')}


@dataclass
class Node:
    kind: str
    line: int
    attributes: dict
    children: list = field(default_factory=list)

    def of_kind(self, kind):
        return [child for child in self.children if child.kind == kind]


class _Reader:
    def __init__(self):
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = lambda kind: self.open.pop()
        self.parser.CharacterDataHandler = self.text
        self.parser.EntityDeclHandler = self.entity
        self.open, self.root = [], None

    @property
    def line(self):
        return self.parser.CurrentLineNumber

    def start(self, kind, attributes):
        parent = self.open[-1] if self.open else None
        if kind not in CHILDREN[parent.kind if parent else None]:
            where = f'in <{parent.kind}>' if parent else 'as the outermost element'
            raise Problem(f'<{kind}> has no place {where}',
                          'the DTD of D-Bus introspection says what has', self.line)
        for name in attributes:
            if name not in ATTRIBUTES[kind]:
                raise Problem(f'<{kind}> has no attribute "{name}"',
                              'it may have: ' + ', '.join(sorted(ATTRIBUTES[kind])), self.line)
        for name in sorted(ATTRIBUTES[kind] - set(attributes)):
            if (kind, name) not in OPTIONAL:
                raise Problem(f'<{kind}> without "{name}"', f'add {name}="..."', self.line)
        node = Node(kind, self.line, attributes)
        if parent:
            parent.children.append(node)
        else:
            self.root = node
        self.open.append(node)

    def text(self, text):
        if text.strip():
            raise Problem(f'text "{text.strip()[:40]}" between elements',
                          'texts are values of annotations', self.line)

    def entity(self, name, *_):
        raise Problem(f'entity "{name}" is declared', 'write the text itself', self.line)


def read(text):
    """The <node> of a file; raises Problem."""
    reader = _Reader()
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as error:
        raise Problem(f'not XML: {expat.ErrorString(error.code)}', 'xmllint tells more',
                      error.lineno) from None
    return reader.root
