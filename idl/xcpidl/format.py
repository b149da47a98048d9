# SPDX-License-Identifier: LGPL-2.1-or-later
"""One way to write an interface file: `xcp-bus-idl format`.

Order, comments and the blank lines between things stay. Indentation, the order of attributes and how
characters are escaped are always the same, so that a difference between two versions is one in meaning.
"""
from xml.parsers import expat

from . import xmlread
from .problem import Problem

HEAD = '''<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
'''
ATTRIBUTES = ('name', 'type', 'direction', 'access', 'value')
ESCAPES = str.maketrans({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;',
                         '\r': '&#13;', '\t': '&#9;'})


class _Formatter:
    def __init__(self):
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CommentHandler = self.comment
        self.parser.DefaultHandler = self.text
        self.parser.ProcessingInstructionHandler = self.instruction
        self.lines, self.depth = [], 0
        self.is_open = False  # the last line is a start tag that may turn out to be all
        self.newlines = 1  # since the last element or comment

    def text(self, text):
        """Blanks: within the root element, xmlread lets nothing else through."""
        self.newlines += text.count('\n')

    def instruction(self, target, _):
        raise Problem(f'<?{target}?> has no place here', 'remove it',
                      self.parser.CurrentLineNumber)

    def add(self, line):
        if self.newlines > 1 and self.lines and not self.is_open:
            self.lines.append('')
        self.close_tag()
        self.lines.append('  ' * self.depth + line)
        self.newlines = 0

    def close_tag(self):
        if self.is_open:
            self.lines[-1] += '>'
            self.is_open = False

    def start(self, kind, attributes):
        self.add('<' + kind + ''.join(f' {name}="{attributes[name].translate(ESCAPES)}"'
                                      for name in ATTRIBUTES if name in attributes))
        self.is_open = True
        self.depth += 1

    def end(self, kind):
        self.depth -= 1
        if self.is_open:
            self.lines[-1] += '/>'
            self.is_open = False
        else:
            self.lines.append('  ' * self.depth + f'</{kind}>')
        self.newlines = 0

    def comment(self, text):
        if self.lines and not self.newlines:  # beside what it is about
            self.close_tag()
            self.lines[-1] += f' <!--{self.moved(text)}-->'
        else:
            self.add(f'<!--{self.moved(text)}-->')

    def moved(self, text):
        """What is aligned with the beginning of a comment stays so."""
        shift = 2 * self.depth - self.parser.CurrentColumnNumber
        first, *rest = text.split('\n')
        lines = [first.rstrip() if rest else first]
        for line in rest:
            indent = len(line) - len(line.lstrip()) + shift
            lines.append(' ' * max(0, indent) + line.strip() if line.strip() else '')
        if rest:  # "-->" stands as far from the text as it did, or below the beginning
            lines[-1] += ' ' if lines[-1] and rest[-1] != rest[-1].rstrip() else ''
            lines[-1] = lines[-1] or '  ' * self.depth
        return '\n'.join(lines)


def format_text(text, path='<text>'):
    """A file as it should be written; raises Problem."""
    try:
        before = xmlread.read(text)
        formatter = _Formatter()
        formatter.parser.Parse(text, True)
    except Problem as problem:
        raise problem.at(0, str(path))
    result = (HEAD + '\n'.join(formatter.lines) + '\n').encode()
    assert _same(before, xmlread.read(result)), f'{path}: formatting would change what it says'
    return result


def _same(one, other):
    return (one.kind, one.attributes, len(one.children)) == (
        other.kind, other.attributes, len(other.children)) and all(
            map(_same, one.children, other.children))


def first_difference(before, after):
    """The number of the first line that differs."""
    before, after = before.split(b'\n'), after.split(b'\n')
    return next((number for number, (one, other) in enumerate(zip(before, after), 1)
                 if one != other), min(len(before), len(after)))
