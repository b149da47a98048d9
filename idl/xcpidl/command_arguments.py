# SPDX-License-Identifier: LGPL-2.1-or-later
"""What somebody wrote on a command line, as a member of an interface and its arguments."""
import difflib
import json

from . import model, types
from .problem import Problem

CALLER = 'xcp-bus-idl'  # what is said as debug_info if nothing else is


def find_member(service, name, kinds=('methods', 'properties')):
    """(interface, member) of Login, VM.Start or org.xen.xcp.xenopsd1.VM.Start."""
    known = {}
    for interface in service.interfaces:
        short = service.short_name(interface)
        for member in (item for kind in kinds for item in getattr(interface, kind)):
            shown = f'{short}.{member.name}' if short else member.name
            known[shown] = interface, member
            if name in (shown, f'{interface.name}.{member.name}'):
                return interface, member
    alike = difflib.get_close_matches(name, known, 3, 0.5) or list(known)
    raise Problem(f'{service.root.name} has no "{name}"', 'there are: ' + ', '.join(alike))


def plain_signature(name, inputs, outputs=()):
    """A method in one line: Login(debug_info s, service_name s) -> session_id s."""
    def many(args):
        return ', '.join(f'{arg.name} {arg.type}' for arg in args)
    return f'{name}({many(inputs)})' + (f' -> {many(outputs)}' if outputs else '')


def cut(words):
    """FILE and MEMBER with the options before and between them, and what follows, for argparse: what follows
    has options of its own."""
    options, places, rest = [], [], list(words)
    while rest and len(places) < 2:
        word = rest.pop(0)
        if not word.startswith('-'):
            places.append(word)
            continue
        options.append(word)
        if '=' not in word and word not in ('-h', '--help') and rest:
            options.append(rest.pop(0))
    return options + places, rest


def split(words):
    """(by position, by name) of ARG... --name VALUE --name=VALUE; all after `--` is by position."""
    positional, named, words = [], {}, list(words)
    while words:
        word = words.pop(0)
        if word == '--':
            return positional + words, named
        if not word.startswith('--'):
            positional.append(word)
            continue
        name, is_whole, value = word[2:].partition('=')
        if not is_whole:
            if not words:
                raise Problem(f'{word} without a value', f'write {word} VALUE')
            value = words.pop(0)
        named[name.replace('-', '_')] = value
    return positional, named


def assign(where, args, words):
    """{name: value as people write it}, for each argument in order."""
    positional, named = split(words)
    names = [arg.name for arg in args]
    for name in named:
        if name not in names:
            raise Problem(f'{where} has no argument "{name}"', usage(where, args))
    rest = [arg for arg in args if arg.name not in named]
    if len(positional) < len(rest) and rest[0].name == 'debug_info':
        positional = [CALLER, *positional]
    missing = [arg.name for arg in rest[len(positional):] if not isinstance(arg.type, types.Optional)]
    if missing:
        raise Problem(f'{where}: {missing[0]} is missing', usage(where, args))
    if len(positional) > len(rest):
        raise Problem(f'{where}: "{positional[len(rest)]}" is too much', usage(where, args))
    texts = {**dict(zip([arg.name for arg in rest], positional)), **named}
    return {arg.name: read(texts[arg.name], arg.type, arg.name) if arg.name in texts else None
            for arg in args}


def usage(where, args):
    return 'it is ' + plain_signature(where, args)


def read(text, type_, name):
    """Texts and words are written as they are, all else in JSON."""
    if isinstance(type_, types.Optional):
        return None if text == 'null' else read(text, type_.inner, name)
    if isinstance(type_, types.Basic) and type_.code in 'sog' or isinstance(
            type_, types.Array) and type_.element == types.Basic('y') and text[:1] != '[':
        return text
    if isinstance(type_, types.Named):
        if isinstance(type_.declaration, model.Enum) or isinstance(
                type_.declaration, model.Variant) and text[:1] not in ('{', '"'):
            return text
    try:
        return json.loads(text)
    except ValueError as error:
        if isinstance(type_, types.Any) or type_ == types.Basic('d'):
            return text  # such as Infinity
        raise Problem(f'{name}: {text[:60]!r} is not JSON: {error}', 'see xcp-bus-idl(1)') from None
