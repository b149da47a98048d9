# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reference: a page for each file, and an index. They need no script and no network.

Anchors stay the same as long as names do: `Login` and `VM.Start` are members, `interface-VM`,
`type-Vdi` and `error-UnknownReservation` what they say.
"""
import html
import re

from . import emit_html_c, literal, model, types
from .emit_html_examples import examples
from .emit_html_style import LANGUAGES, style

BASIC = {**types.BASIC, 's': 'string', 'h': 'file descriptor'}
INTERFACE = re.compile(r'\b[a-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+){2,}')


def esc(text):
    return html.escape(str(text))


def tag(name, content, **attributes):
    """content is markup; attributes are text. A `_` in front of a name that Python keeps for itself."""
    written = ''.join(f' {key.strip("_")}="{esc(value)}"' for key, value in attributes.items())
    return f'<{name}{written}>{content}</{name}>'


def secret(is_secret):
    return tag('p', 'Secret: it is not shown, and does not go to logs.', _class='soft') if is_secret else ''


def link(target, text, **attributes):
    return tag('a', text, href=target, **attributes)


def table(head, rows):
    if not rows:
        return ''
    return tag('table', tag('thead', tag('tr', ''.join(tag('th', item) for item in head))) + tag(
        'tbody', '\n'.join(tag('tr', ''.join(tag('td', cell) for cell in row)) for row in rows)))


def words(type_):
    """A type for people, with links to what is declared."""
    if isinstance(type_, types.Basic):
        return BASIC[type_.code]
    if isinstance(type_, types.Any):
        return 'any value'
    if isinstance(type_, types.Array):
        return 'bytes' if type_.element == types.Basic('y') else f'list of {words(type_.element)}'
    if isinstance(type_, types.Dict):
        return f'map of {words(type_.key)} to {words(type_.value)}'
    if isinstance(type_, types.Tuple):
        return f'({", ".join(map(words, type_.members))})'
    if isinstance(type_, types.Optional):
        return f'{words(type_.inner)} or none'
    return link(f'#type-{type_.name}', esc(type_.name))


def typed(type_, unit=''):
    wire = tag('code', esc(type_.signature()), title='what travels', _class='soft')
    return words(type_) + (f', {esc(unit)}' if unit else '') + ' ' + wire


class _Page:
    def __init__(self, service, pages):
        self.service, self.pages = service, pages
        self.title = service.root.name

    def doc(self, text):
        """As paragraphs. Interfaces that have a page are links."""
        def linked(match):
            page = self.pages.get(match[0].rstrip('.'))
            return link(page, match[0]) if page and page != self.pages[self.title] else match[0]
        return ''.join(tag('p', INTERFACE.sub(linked, esc(part)))
                       for part in re.split(r'\n\s*\n', text) if part.strip())

    def anchor(self, interface, member):
        short = self.service.short_name(interface)
        return f'{short}.{member.name}' if short else member.name

    def interface_anchor(self, interface):
        return '-'.join(filter(None, ('interface', self.service.short_name(interface))))

    def heading(self, level, anchor, name, kind=''):
        kind = ' ' + tag('span', kind, _class='kind') if kind else ''
        here = link(f'#{anchor}', '#', _class='here', title='a link to this')
        return tag(level, tag('span', esc(name), _class='name') + kind + here, id=anchor)

    # ---- members ----
    def tags(self, member):
        items = []
        if member.is_deprecated:
            items.append(('warn', 'deprecated'))
        if getattr(member, 'replaced_by', ''):
            items.append(('warn', 'use ' + self.member_link(member.replaced_by) + ' instead'))
        if getattr(member, 'is_idempotent', False):
            items.append(('', tag('span', 'idempotent', title='calling it twice is as good as once')))
        if getattr(member, 'timeout_s', 0):
            items.append(('', f'waits up to {member.timeout_s:g} s'))
        if getattr(member, 'has_no_reply', False):
            items.append(('', 'no reply'))
        if member.since:
            items.append(('', f'since {esc(member.since)}'))
        if not items:
            return ''
        return tag('ul', ''.join(tag('li', text, **({'_class': kind} if kind else {}))
                                 for kind, text in items), _class='tags')

    def member_link(self, name):
        """name: MEMBER or INTERFACE.MEMBER."""
        for interface in self.service.interfaces:
            for member in interface.members():
                if name in (member.name, f'{interface.name}.{member.name}'):
                    return link('#' + self.anchor(interface, member), esc(member.name))
        return esc(name)

    def args(self, head, args):
        return table((head, 'type', 'meaning'),
                     [(tag('code', esc(arg.name)), typed(arg.type, arg.unit),
                       self.doc(arg.doc) + secret(arg.hides())) for arg in args])

    def signature(self, name, inputs, outputs):
        def one(arg):
            return f'{esc(arg.name)}: {words(arg.type)}'
        line = f'{esc(name)}({", ".join(map(one, inputs))})'
        results = ', '.join(map(one, outputs))
        if outputs:
            line += f' → {results}' if len(outputs) == 1 else f' → ({results})'
        return tag('pre', line, _class='signature')

    def method(self, interface, method):
        parts = [self.heading('h3', self.anchor(interface, method), method.name, 'method'),
                 self.tags(method), self.doc(method.doc),
                 self.signature(method.name, method.inputs, method.outputs),
                 self.args('argument', method.inputs), self.args('result', method.outputs)]
        if method.throws:
            links = ', '.join(link(f'#error-{error.name}', esc(error.name), title=error.doc)
                              for error in method.throws)
            parts.append(tag('p', f'Errors: {links}'))
        parts += self.examples(examples(self.service, interface, method))
        return tag('section', '\n'.join(filter(None, parts)))

    def examples(self, found):
        parts = []
        for language, text in found:
            label = tag('div', LANGUAGES[language], _class='language')
            if language == 'dfeet':
                label = tag('div', 'D-Feet, “Method input”' if text else 'D-Feet, without input',
                            _class='language')
            code = tag('pre', tag('code', esc(text))) if text else ''
            parts.append(tag('div', label + code, _class=f'example {language}'))
        return parts

    def signal(self, interface, signal):
        return tag('section', '\n'.join(filter(None, [
            self.heading('h3', self.anchor(interface, signal), signal.name, 'signal'),
            self.tags(signal), self.doc(signal.doc), self.signature(signal.name, signal.args, []),
            self.args('carries', signal.args), *self.functions(interface, signal)])))

    def functions(self, interface, member):
        return self.examples([('c', emit_html_c.functions(self.service, interface, member))])

    def property(self, interface, item):
        access = {'read': 'read-only', 'write': 'write-only', 'readwrite': 'can be set'}[item.access]
        told = {'true': 'Changes are told, with the new value.',
                'invalidates': 'Changes are told, without the new value.',
                'const': 'Never changes.', 'false': 'Changes are not told.'}[item.emits]
        return tag('section', '\n'.join(filter(None, [
            self.heading('h3', self.anchor(interface, item), item.name, f'property, {access}'),
            self.tags(item), self.doc(item.doc), tag('p', typed(item.type, item.unit)),
            tag('p', told, _class='soft'), *self.functions(interface, item)])))

    def interface(self, interface):
        parts = [self.heading('h2', self.interface_anchor(interface), interface.name)]
        parts += [self.tags(interface), self.doc(interface.doc)]
        parts += [self.method(interface, item) for item in interface.methods]
        parts += [self.signal(interface, item) for item in interface.signals]
        parts += [self.property(interface, item) for item in interface.properties]
        return '\n'.join(filter(None, parts))

    # ---- types and errors ----
    def fields(self, fields, are_in_record=False):
        if not are_in_record:
            return table(('field', 'type', 'meaning'),
                         [(tag('code', esc(field.name)), typed(field.type),
                           self.doc(field.doc) + secret(field.is_secret)) for field in fields])
        return table(('field', 'type', 'default', 'meaning'),
                     [(tag('code', esc(field.name)), typed(field.type), _default(field),
                       self.doc(field.doc)) for field in fields])

    def type(self, declared):
        kind = type(declared).__name__.lower()
        if isinstance(declared, model.Enum):
            content = table(('value', 'meaning'), [(tag('code', esc(item.name)), self.doc(item.doc))
                                                   for item in declared.values])
        elif isinstance(declared, model.Variant):
            content = table(('case', 'carries', 'meaning'), [
                (tag('code', esc(case.name)), typed(case.type) if case.type else '—',
                 self.doc(case.doc)) for case in declared.cases])
        else:
            content = self.fields(declared.fields, isinstance(declared, model.Record))
        wire = {'struct': 'structure'}.get(kind, kind)
        return tag('section', self.heading('h3', f'type-{declared.name}', declared.name, wire)
                   + self.doc(declared.doc) + content)

    def error(self, error):
        return tag('section', self.heading('h3', f'error-{error.name}', error.name, 'error')
                   + self.doc(error.doc) + tag('p', tag('code', esc(error.full_name)))
                   + self.fields(error.fields))

    # ---- the page ----
    def toc(self):
        parts = []
        for interface in self.service.interfaces:
            name = self.service.short_name(interface) or interface.name.rpartition('.')[2]
            parts.append(tag('p', link('#' + self.interface_anchor(interface), esc(name))))
            parts.append(_links((self.anchor(interface, member), member.name)
                                for member in interface.members()))
        for title, anchor, items in (('Types', 'type', self.service.types),
                                     ('Errors', 'error', self.service.errors)):
            if items:
                parts += [tag('p', link(f'#{anchor}s', title)),
                          _links((f'{anchor}-{name}', name) for name in sorted(items))]
        return tag('nav', '\n'.join(parts), _class='toc', aria_label='Contents')

    def facts(self):
        if not self.service.name:
            return tag('p', 'Any service may have this interface.', _class='soft')
        pairs = (('service', self.service.name), ('object', self.service.object_path),
                 ('file', self.service.path.rpartition('/')[2]))
        return tag('dl', ''.join(tag('dt', key) + tag('dd', tag('code', esc(value)))
                                 for key, value in pairs), _class='facts')

    def render(self):
        parts = [tag('h1', esc(self.title)), self.facts()]
        parts += map(self.interface, self.service.interfaces)
        if self.service.types:
            parts.append(self.heading('h2', 'types', 'Types'))
            parts += map(self.type, self.service.types.values())
        if self.service.errors:
            parts.append(self.heading('h2', 'errors', 'Errors'))
            parts += map(self.error, self.service.errors.values())
        return document(self.title, self.toc() + tag('main', '\n'.join(parts)), True)


def _links(pairs):
    return tag('ul', ''.join(tag('li', link('#' + anchor, esc(name))) for anchor, name in pairs))


def _default(field):
    if field.has_default and field.default != literal.NONE:
        return tag('code', esc(literal.show(field.default)))
    return tag('em', 'required') if field.is_required else 'absent'


def document(title, content, has_examples=False):
    choices, labels, shape = '', '', 'page' if has_examples else 'page single'
    for name, text in LANGUAGES.items() if has_examples else ():
        checked = ' checked' if not choices else ''
        choices += f'<input class="choice" type="radio" name="show" id="show-{name}"{checked}>'
        labels += f'<label for="show-{name}">{text}</label>'
    home = link('index.html', 'xcp-bus interfaces', _class='title')
    return f'''<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{esc(title)}</title>
<link rel="stylesheet" href="style.css">
</head>
<body>
{choices}
<header class="top">{home}{labels}</header>
<div class="{shape}">
{content}
</div>
</body>
</html>
'''


def _index(services, pages):
    rows = []
    for service in services:
        methods = sum(len(interface.methods) for interface in service.interfaces)
        rows.append((link(pages[service.root.name], esc(service.root.name)),
                     tag('p', esc(service.root.doc)), str(methods)))
    heading = tag('h1', 'Interfaces') + tag('p', 'What services say to each other on the bus. Each page '
                                            'has types, errors, and for each method a call of it.')
    return document('xcp-bus interfaces',
                    tag('main', heading + table(('interface', 'what', 'methods'), rows)))


def emit_all(services):
    """{name: text} of the pages."""
    pages = {}
    for service in services:
        for interface in service.interfaces:
            anchor = '' if interface is service.root else '#interface-' + service.short_name(interface)
            pages[interface.name] = f'{service.root.name}.html{anchor}'
    files = {f'{service.root.name}.html': _Page(service, pages).render() for service in services}
    return {**files, 'index.html': _index(services, pages), 'style.css': style()}
