# SPDX-License-Identifier: LGPL-2.1-or-later
"""C as clang-format would have it: comments, long lines, initialisers."""
import textwrap

COLUMNS = 100
TAB = 8
SAVED = 3  # so many lines saved are worth beginning below the parenthesis


def width(text):
    return len(text.expandtabs(TAB))


def clean(text):
    return ' '.join(text.split()).replace('*/', '* /').replace('/*', '/ *')


def comment(lines, indent=''):
    """A comment of several lines, each of which is a paragraph; '' is an empty line."""
    room = COLUMNS - width(indent) - 3
    wrapped = []
    for line in [lines] if isinstance(lines, str) else lines:
        hang = '\t' if line.startswith('\t') else ''
        # The end of the comment may stand in the last line.
        wrapped += textwrap.wrap(clean(line), room - 3 - width(hang) - (4 if hang else 0),
                                 initial_indent=hang,
                                 subsequent_indent=hang + ('    ' if hang else ''),
                                 expand_tabs=False, break_long_words=False,
                                 break_on_hyphens=False) or ['']
    body = '\n'.join(f'{indent} *{"" if line.startswith(chr(9)) else " "}{line}'.rstrip()
                     for line in wrapped)
    return f'{indent}/*{body[len(indent) + 2:]} */\n'


def remarked(line, doc, indent='\t'):
    """A line with a comment behind it, or above it if that is too long."""
    short = f'{indent}{line} /* {clean(doc)} */'
    if width(short) <= COLUMNS:
        return short + '\n'
    return comment(doc, indent) + indent + line + '\n'


def align(column):
    return '\t' * (column // TAB) + ' ' * (column % TAB)


def packed(head, items, tail, indent):
    """Items behind head, as many in a line as there is room for."""
    lines = [head]
    for i, item in enumerate(items):
        piece = item + (tail if i == len(items) - 1 else ',')
        if i and width(lines[-1]) + 1 + width(piece) > COLUMNS:
            lines.append(indent + piece)
        else:
            lines[-1] += (' ' if i else '') + piece
    return lines


def call(head, items, tail, indent=''):
    """head(items)tail with its lines broken: behind the parenthesis, or if need be after it."""
    head, items, tail = indent + head + '(', items or [''], ')' + tail
    lines = packed(head, items, tail, align(width(head)))
    below = [head, *packed(indent + '\t', items, tail, indent + '\t')]
    if any(width(line) > COLUMNS for line in lines) or len(lines) - len(below) >= SAVED:
        lines = below
    return '\n'.join(lines)


def prototype(result, name, parameters):
    """Without what follows."""
    head = result + name if result.endswith('*') else f'{result} {name}'
    return call(head, parameters or ['void'], '')


def declaration(result, name, parameters):
    head = result + name if result.endswith('*') else f'{result} {name}'
    return call(head, parameters or ['void'], ';') + '\n'


def definition(result, name, parameters, body, is_static=False):
    head = ('static ' if is_static else '') + result
    return f'{prototype(head, name, parameters)}\n{{\n{body}}}\n'


def words(head, items, indent):
    """A literal of words with blanks between them, in as many lines as it takes."""
    lines = [head + '"']
    for i, item in enumerate(items):
        piece = item + ('"' if i == len(items) - 1 else ' ')
        if width(lines[-1]) + width(piece) + 2 > COLUMNS:
            lines[-1] += '"'
            lines.append(f'{indent}"')
        lines[-1] += piece
    return '\n'.join(lines)


def text(value):
    """A string literal."""
    escapes = {'"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '?': '?'}
    return '"' + ''.join(escapes.get(letter) or (
        letter if letter >= ' ' else f'\\{ord(letter):03o}') for letter in value) + '"'


class Braces(list):
    """An initialiser in braces: of texts and other initialisers; head is before the brace."""

    def __init__(self, items, head=''):
        super().__init__(items)
        self.head = head

    def flat(self):
        inner = ', '.join(item.flat() if isinstance(item, Braces) else item for item in self)
        return f'{self.head}{{ {inner} }}'

    def lines(self, indent):
        """In one line if there is room, otherwise a line for each item."""
        return self.flat() if width(indent + self.flat()) < COLUMNS else self.broken(indent)

    def broken(self, indent):
        # Names are long, and defaults can be deep: there is no room for a tab at each level.
        inner = indent + ('\t' if indent in ('', '\t', '\t\t') else '  ')
        items = [item.lines(inner) if isinstance(item, Braces) else item for item in self]
        return f'{self.head}{{\n' + ''.join(f'{inner}{item},\n' for item in items) + indent + '}'


def initialised(what, braces):
    head = what + ' = '
    line = head + braces.flat() + ';'
    return (line if width(line) <= COLUMNS else head + braces.broken('') + ';') + '\n'
