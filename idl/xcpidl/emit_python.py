# SPDX-License-Identifier: LGPL-2.1-or-later
"""Python over the package xcpbus: NAME.py of a service, for its callers and for whoever offers it.

A class for services says what the interface is, in decorators and annotations; the classes for
clients, in asyncio and without, refer to its methods. How calls are made is in the package.
"""
import re

from .emit_c_names import snake
from .emit_python_names import (FROM_TYPING, FROM_XCPBUS, MEMBERS, PARAMETERS, WIDTH, Names, Unique, apart,
                                docstring, escaped, fold, indent, spread, wrapped)
from .emit_python_types import all_errors, all_types
from .introspected import secrets_of, sha256_of


class _Interface:
    """One interface, with the classes that it has in Python and those that are in them."""

    def __init__(self, names, interface, path):
        self.names, self.interface, self.path = names, interface, path
        self.inside = []  # interfaces whose names begin with this one's
        self.level = len(path)  # how deep its classes are in others

    def give_names(self):
        unique = Unique(MEMBERS)
        self.attributes = {id(item): unique.give(snake(item.name))
                           for item in self.interface.members()}
        self.getters = {id(item): unique.give('get_' + snake(item.name))
                        for item in self.interface.properties}
        self.setters = {id(item): unique.give('set_' + snake(item.name))
                        for item in self.interface.properties}
        self.parts = [(unique.give(snake(part.path[-1])), part) for part in self.inside]
        self.hidden = {part.path[-1] for part in self.inside}

    def class_of(self, suffix):
        """`Xenopsd1.VM`, `Xenopsd1Service.VM`."""
        return '.'.join([self.names.root + suffix, *self.path])

    def own_class(self, suffix):
        return self.path[-1] if self.path else self.names.root + suffix

    def hint(self, type_):
        return self.names.hint(type_, self.hidden)

    def parameters(self, args):
        return [f'{apart(arg.name, PARAMETERS)}: {self.hint(arg.type)}' for arg in args]

    def arguments(self, args):
        return [apart(arg.name, PARAMETERS) for arg in args]

    def result(self, args):
        return self.names.result(args, self.hidden)

    # ---- documentation ----

    def member_doc(self, item, level, args=(), results=(), short=False):
        width = WIDTH - 4 * level
        paragraphs = [wrapped(escaped(item.doc), width - 3)]
        notes = []
        if item.is_deprecated or item.replaced_by:
            notes.append('Deprecated' + (f': use {item.replaced_by}.' if item.replaced_by else '.'))
        if not short:
            listed = [self.arg_doc(arg, width) for arg in args]
            paragraphs += ['Takes:\n' + '\n'.join(listed)] if listed else []
            notes += self.notes(item, results)
        return docstring(paragraphs + notes, level)

    @staticmethod
    def arg_doc(arg, width):
        unit = f' In {arg.unit}.' if arg.unit else ''
        return indent(wrapped(f'{arg.name}: {escaped(arg.doc)}{unit}', width - 4, '    '))

    def notes(self, item, results):
        if results:
            yield 'Returns:\n' + '\n'.join(self.arg_doc(arg, width=WIDTH - 4 * self.level - 8)
                                           for arg in results)
        if getattr(item, 'throws', ()):
            names = ', '.join(self.names.errors[error.name] for error in item.throws)
            yield wrapped(f'Raises {names}.', WIDTH - 4 * self.level - 8)
        if getattr(item, 'timeout_s', 0):
            yield f'Waits for {item.timeout_s:g} s.'
        if item.since:
            yield f'Since {item.since}.'

    # ---- for services ----

    @staticmethod
    def remarks(item):
        """What introspection is to say of it as well."""
        facts = ['idempotent=True'] if getattr(item, 'is_idempotent', False) else []
        facts += ['deprecated=True'] if item.is_deprecated else []
        texts = {'replaced_by': item.replaced_by, 'since': item.since, 'unit': getattr(item, 'unit', ''),
                 'secret': secrets_of(item)}
        return facts + [f'{key}={text!r}' for key, text in texts.items() if text]

    def service_method(self, item):
        facts = [repr(item.name)]
        if item.outputs:
            names = [arg.name for arg in item.outputs]
            facts.append(f'results=({", ".join(map(repr, names))}{"," if len(names) == 1 else ""})')
        facts += [f'timeout={item.timeout_s:g}'] if item.timeout_s else []
        facts += ['no_reply=True'] if item.has_no_reply else []
        level = self.level + 1
        return (spread('@xcpbus.method', facts + self.remarks(item), '', level) + spread(
            f'async def {self.attributes[id(item)]}', ['self', *self.parameters(item.inputs)],
            f' -> {self.result(item.outputs)}:', level) + indent(
                self.member_doc(item, level + 1, short=True) + 'raise NotImplementedError\n'))

    def service_signal(self, item):
        name, level = self.attributes[id(item)], self.level + 1
        call = [f'{self.class_of("Service")}.{name}', *self.arguments(item.args)]
        return (spread('@xcpbus.signal', [repr(item.name), *self.remarks(item)], '', level) +
                spread(f'def {name}', ['self', *self.parameters(item.args)], ' -> None:', level) +
                indent(self.member_doc(item, level + 1, short=True) +
                       spread('self._emit', call, '', level + 1)))

    def service_property(self, item):
        name, hint = self.attributes[id(item)], self.hint(item.type)
        facts = [repr(item.name)] + ([f'emits={item.emits!r}'] if item.emits != 'true' else [])
        facts += [f'access={item.access!r}'] if item.access != 'read' else []
        level = self.level + 1
        text = '@property\n' + spread('@xcpbus.getter', facts + self.remarks(item), '', level)
        text += f'def {name}(self) -> {hint}:\n' + indent(
            self.member_doc(item, level + 1, short=True) + 'raise NotImplementedError\n')
        if item.access != 'read':
            text += (f'\n@{name}.setter\ndef {name}(self, value: {hint}) -> None:\n'
                     '    raise NotImplementedError\n')
        return text

    def service_class(self):
        service = self.names.service
        facts = ['xcpbus.Service', f'interface={self.interface.name!r}']
        if service.name:
            facts += [f'name={service.name!r}', f'path={service.object_path!r}']
        facts += ['deprecated=True'] if self.interface.is_deprecated else []
        facts += [f'since={self.interface.since!r}'] if self.interface.since else []
        facts.append(f'sha256={sha256_of(service)!r}')
        members = [
            *[part.service_class() for part in self.inside],
            *[self.service_method(item) for item in self.interface.methods],
            *[self.service_signal(item) for item in self.interface.signals],
            *[self.service_property(item) for item in self.interface.properties]]
        return self.print_class(self.own_class('Service'), facts, members)

    # ---- for clients ----

    def client_call(self, item, is_sync):
        function = f'{self.class_of("Service")}.{self.attributes[id(item)]}'
        call = [function, *self.arguments(item.inputs)]
        level = self.level + 2
        if item.has_no_reply:
            return spread('self._send', call, '', level)
        before = 'self._call' if is_sync else 'await self._call'
        return spread(before if not item.outputs else f'return {before}', call, '', level)

    def client_method(self, item, is_sync):
        level = self.level + 1
        return spread(
            f'{"" if is_sync or item.has_no_reply else "async "}def {self.attributes[id(item)]}',
            ['self', *self.parameters(item.inputs)], f' -> {self.result(item.outputs)}:',
            level) + indent(self.member_doc(item, level + 1, item.inputs, item.outputs, is_sync) +
                            self.client_call(item, is_sync))

    def client_signal(self, item, is_sync):
        name, level = self.attributes[id(item)], self.level + 1
        hints = [self.hint(arg.type) for arg in item.args]
        value = 'None' if not hints else hints[0] if len(hints) == 1 else self.names.tuple(hints)
        kind = f'xcpbus.{"Sync" if is_sync else ""}Subscription[{value}]'
        callback = f'callback: Optional[Callable[[{", ".join(hints)}], object]] = None'
        head = f'def {name}(self, {callback}) -> {kind}:\n'
        if len(head) > WIDTH - 4 * level:
            head = f'def {name}(\n{indent(fold(f"self, {callback},", level + 2), 2)}) -> {kind}:\n'
        return head + indent(
            self.member_doc(item, level + 1, item.args, (), is_sync) +
            spread('return self._subscribe', [f'{self.class_of("Service")}.{name}', 'callback'], '',
                   level + 1))

    def client_property(self, item, is_sync):
        hint, level, parts = self.hint(item.type), self.level + 1, []
        function = f'{self.class_of("Service")}.{self.attributes[id(item)]}'
        begin, wait = ('def', '') if is_sync else ('async def', 'await ')
        doc = self.member_doc(item, level + 1, short=is_sync)
        if item.access != 'write':
            parts.append(f'{begin} {self.getters[id(item)]}(self) -> {hint}:\n' + indent(
                doc + f'return {wait}self._get({function})\n'))
        if item.access != 'read':
            parts.append(f'{begin} {self.setters[id(item)]}(self, value: {hint}) -> None:\n' + indent(
                doc + f'{wait}self._set({function}, value)\n'))
        return '\n'.join(parts)

    def client_class(self, is_sync):
        suffix, base = ('Sync', 'SyncProxy') if is_sync else ('', 'Proxy')
        facts = [f'xcpbus.{base}', f'service={self.class_of("Service")}']
        parts = [f'@property\ndef {name}(self) -> {part.class_of(suffix)}:\n'
                 f'    return self._part({part.class_of(suffix)})\n' for name, part in self.parts]
        members = [
            *[part.client_class(is_sync) for part in self.inside], *parts,
            *[self.client_method(item, is_sync) for item in self.interface.methods],
            *[self.client_signal(item, is_sync) for item in self.interface.signals],
            *[self.client_property(item, is_sync) for item in self.interface.properties]]
        return self.print_class(self.own_class(suffix), facts, members)

    def print_class(self, name, facts, members):
        doc = [wrapped(escaped(self.interface.doc), WIDTH - 4 * (self.level + 1) - 3)]
        if self.interface.is_deprecated:
            doc.append('Deprecated.')
        return spread(f'class {name}', facts, ':', self.level) + indent(
            '\n'.join([docstring(doc, self.level + 1), *members]))


def interfaces(names):
    """The root, with the others in it."""
    found = {}
    for interface in names.service.interfaces:
        short = names.service.short_name(interface)
        path = short.split('.') if short else []
        while path[:-1] and '.'.join(path[:-1]) not in found:
            path = ['_'.join(path[-2:])] if len(path) == 2 else path[:-2] + ['_'.join(path[-2:])]
        this = found[short] = _Interface(names, interface, path)
        if path:
            found['.'.join(path[:-1])].inside.append(this)
    for interface in found.values():
        interface.give_names()
    return found['']


def _classes_inside(interface):
    return interface.hidden.union(*map(_classes_inside, interface.inside))


def _imports(body):
    used = [name for name in FROM_TYPING if re.search(rf'\b{name}\b', body)]
    ours = [name for name in FROM_XCPBUS if re.search(rf'(?<!\.)\b{name}\b', body)]
    lines = ['from __future__ import annotations', '']
    standard = ['import dataclasses'] if 'dataclasses.' in body else []
    standard += [f'from typing import {", ".join(used)}'] if used else []
    lines += standard + [''] if standard else []
    lines += ['import xcpbus']
    if ours:
        lines.append(f'from xcpbus import {", ".join(ours)}')
    return '\n'.join(lines) + '\n'


def _head(names):
    service = names.service
    where = (f'The service is {service.name}, its object {service.object_path}.' if service.name
             else 'Any service may have these interfaces: say at which name and path.')
    doc = docstring([wrapped(escaped(service.root.doc), WIDTH - 3), where])
    return (f'# SPDX-License-Identifier: LGPL-2.1-or-later\n# Printed by xcp-bus-idl from '
            f'{service.root.name}.xml: do not edit.\n{doc}')


def emit(service):
    names = Names(service)
    root = interfaces(names)
    names.hide(_classes_inside(root))
    aliases = [f'{alias} = {name}\n' for name, alias in names.aliases.items()]
    parts = [*all_types(names), *aliases, *all_errors(names), root.service_class(),
             root.client_class(is_sync=False), root.client_class(is_sync=True)]
    body = '\n\n'.join(parts)
    text = _head(names) + _imports(body) + '\n\n' + body
    return {names.root.lower() + '.py': re.sub(r'[ \t]+$', '', text, flags=re.MULTILINE)}
