# SPDX-License-Identifier: LGPL-2.1-or-later
"""OCaml as text: names, literals, comments, lists that are broken into lines."""
import re
import textwrap

from . import literal, model, types

COLUMNS = 100
KEYWORDS = frozenset('''and as assert asr begin class constraint do done downto else end exception
external false for fun function functor if in include inherit initializer land lazy let lor lsl lsr
lxor match method mod module mutable new nonrec object of open or private rec sig struct then to
true try type val virtual when while with'''.split())
MODULES = frozenset(('Put', 'Get', 'Xcpbus', 'Types', 'Errors', 'Rpc', 'Proxy', 'Service', 'Io'))
BASIC = {  # the type, and what it is called in Put and Get
    'y': ('int', 'byte'), 'b': ('bool', 'bool'), 'n': ('int', 'int16'), 'q': ('int', 'uint16'),
    'i': ('int', 'int32'), 'u': ('int', 'uint32'), 'x': ('int64', 'int64'),
    't': ('int64', 'uint64'), 'd': ('float', 'double'), 's': ('string', 'string'),
    'o': ('string', 'path'), 'g': ('string', 'signature'), 'h': ('Unix.file_descr', 'fd'),
}


# ---- names ----

def variable(name):
    return name + '_' if name in KEYWORDS else name


def snake(name):
    """create_device_model of CreateDeviceModel, get_nvram of GetNVRAM."""
    apart = re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', name)
    return variable(apart.lower())


def module(name):
    return name + '_' if name in MODULES else name


def constructor(name):
    """As it is written in the file, but for the first letter."""
    return name[0].upper() + name[1:] if name[0].isalpha() else 'V' + name


def error_constructor(name):
    """Bad_power_state of BadPowerState: as errors are called in xapi."""
    return snake(name).rstrip('_').capitalize()


def not_known(parts):
    """The constructor for what is not known; there may be one of that name."""
    taken = {constructor(part.name) for part in parts}
    return 'Unknown_' if 'Unknown' in taken else 'Unknown'


def arguments(args):
    """What arguments are called: the first is dbg in all of xapi."""
    names = [variable(arg.name) for arg in args]
    if names and names[0] == 'debug_info' and 'dbg' not in names:
        names[0] = 'dbg'
    return names


def apart_from(name, taken):
    while name in taken:
        name += "'"
    return name


# ---- literals ----

def text(value):
    escapes = {'"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t'}
    return '"' + ''.join(escapes.get(letter) or (
        letter if letter >= ' ' else f'\\{ord(letter):03d}') for letter in value) + '"'


def default(value, type_):
    """A literal of an interface file as an OCaml expression that needs no parentheses."""
    if isinstance(type_, types.Basic):
        return _basic(value, type_.code)
    if isinstance(type_, types.Optional):
        return 'None' if value == literal.NONE else f'(Some {default(value, type_.inner)})'
    if isinstance(type_, types.Array):
        if type_.element == types.Basic('y'):
            return '"' + ''.join(f'\\{byte:03d}' for byte in value) + '"'
        return _list(default(item, type_.element) for item in value)
    if isinstance(type_, types.Dict):
        return _list(f'({default(key, type_.key)}, {default(item, type_.value)})'
                     for key, item in value.items())
    if isinstance(type_, types.Tuple):
        return _tuple(value, type_.members)
    return _declared(value, type_.declaration)


def _list(items):
    return f'[ {"; ".join(items)} ]'.replace('[  ]', '[]')


def _tuple(value, members):
    items = [default(item, member) for item, member in zip(value, members)]
    return items[0] if len(items) == 1 else f'({", ".join(items)})'


def _basic(value, code):
    if code == 's':
        return text(value)
    if code == 'b':
        return 'true' if value else 'false'
    if code == 'd':
        number = repr(float(value)).replace('inf', 'infinity')
        number = number[:-1] if number.endswith('.0') else number
    else:
        value -= 2**64 if code == 't' and value >= 2**63 else 0  # the same 64 bits
        number = f'{value}L' if code in 'xt' else str(value)
    return f'({number})' if number.startswith('-') else number


def _declared(value, declaration):
    name = module(declaration.name)
    if isinstance(declaration, model.Record):
        return f'({name}.make ())' if declaration.fields else '()'
    if isinstance(declaration, model.Struct):
        fields = [f'{variable(field.name)} = {default(item, field.type)}'
                  for field, item in zip(declaration.fields, value)]
        return f'{name}.{{ {"; ".join(fields)} }}'
    word = f'{name}.{constructor(value.name)}'
    if not value.has_payload:
        return word
    case = next(case for case in declaration.cases if case.name == value.name)
    return f'({word} {default(value.payload, case.type)})'


# ---- layout ----

def clean(doc):
    """So that neither OCaml's lexer nor ocamldoc sees anything in it but words."""
    doc = ' '.join(doc.split()).replace('{', '(').replace('}', ')')
    if doc.count('"') % 2 or '\\' in doc:
        doc = doc.replace('"', "''")  # the lexer reads strings in comments, too
    doc = doc.replace('*)', '* )').replace('(*', '( *')
    return re.sub(r'([][@])', r'\\\1', doc)


def comment(paragraphs, indent='', mark='(**'):
    """paragraphs are clean; one that begins with @ is a tag."""
    lines = []
    for paragraph in paragraphs:
        hang = '  ' if paragraph.startswith('@') else ''
        lines += textwrap.wrap(paragraph, COLUMNS - len(indent) - 8, subsequent_indent=hang,
                               break_long_words=False, break_on_hyphens=False)
    begin = f'{indent}{mark} '
    return begin + f'\n{indent}    '.join(lines) + ' *)\n'


def documented(line, doc):
    """With a comment behind it, or below it if that is too long."""
    if not doc:
        return line + '\n'
    if len(line) + len(clean(doc)) + 10 + 8 <= COLUMNS:  # 8: what it will be indented by
        return f'{line}  (** {clean(doc)} *)\n'
    indent = ' ' * (len(line) - len(line.lstrip()) + 4)
    return f'{line}\n{comment([clean(doc)], indent)}'


def indented(code, by='  '):
    return ''.join(by + line if line.strip() else line for line in code.splitlines(True))


def items(head, parts, tail='', brackets='[]', separator=';', indent=''):
    """head [ a; b ]tail in one line, or in one for each item."""
    begin, end = brackets
    head += ' ' if head.strip() else ''
    flat = f'{indent}{head}{begin} {(separator + " ").join(parts)} {end}{tail}' if parts else \
        f'{indent}{head}{begin}{end}{tail}'
    if len(flat) <= COLUMNS and '\n' not in flat:
        return flat
    inner = ''.join(f'{indent}  {part}{separator}\n' for part in parts)
    return f'{indent}{head}{begin}\n{inner}{indent}{end}{tail}'


def arrows(head, parts, indent=''):
    """val f : a -> b -> c"""
    flat = f'{indent}{head} {" -> ".join(parts)}'
    if len(flat) <= COLUMNS:
        return flat + '\n'
    lines = f' ->\n{indent}  '.join(parts)
    return f'{indent}{head}\n{indent}  {lines}\n'


WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*"|\S)+')


def wrap(code):
    """Breaks lines that are too long, anywhere but in strings. Comments are wrapped already."""
    return ''.join(line if len(line) <= COLUMNS + 1 else _broken(line)
                   for line in code.splitlines(True))


def _broken(line):
    indent = line[:len(line) - len(line.lstrip())]
    lines = [indent]
    for word in WORD.findall(line):
        if len(lines[-1]) + 1 + len(word) > COLUMNS and lines[-1].strip():
            lines.append(indent + '    ')
        lines[-1] += ('' if not lines[-1].strip() else ' ') + word
    return '\n'.join(lines) + '\n'
