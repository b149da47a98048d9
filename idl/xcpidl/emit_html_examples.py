# SPDX-License-Identifier: LGPL-2.1-or-later
"""An example call of a method, for each way to call it."""
import json
import shlex

from . import emit_html_c, emit_html_ocaml, emit_html_python, types, values

ADDRESS = 'unix:path=/run/xcp-bus/bus'


class Travelling:
    """A value of the type `v`, as values.Encoder makes it."""

    def __init__(self, signature, value):
        self.signature, self.value = signature, value


def arguments(method):
    """Plausible arguments, as they travel."""
    encoder = values.Encoder(Travelling)
    return [encoder.encode(None if arg.type == types.Basic('h') else values.example(
        arg.type, arg.name), arg.type, arg.name) for arg in method.inputs]


def destination(service):
    """Name and object path; of interfaces that any service may have, those of an example."""
    return service.name or 'org.example.Service1', service.object_path or '/org/example/Service1'


# ---- busctl: the signature, then each basic value; arrays begin with how many there are ----
def busctl(service, interface, method):
    name, path = destination(service)
    words = ['busctl', f'--address={ADDRESS}', 'call', name, path, interface.name, method.name]
    if method.inputs:
        words.append(''.join(arg.type.signature() for arg in method.inputs))
        for arg, value in zip(method.inputs, arguments(method)):
            words += _words(value, types.parse_type(arg.type.signature()))
    if any(word.startswith('-') for word in words[7:]):
        words.insert(1, '--')
    return ' '.join(map(shlex.quote, words[:3])) + ' \\\n  ' + ' '.join(map(shlex.quote, words[3:]))


def _words(value, type_):
    if isinstance(type_, types.Any):
        return [value.signature, *_words(value.value, types.parse_type(value.signature))]
    if isinstance(type_, types.Array):
        return [str(len(value)), *(word for item in value for word in _words(item, type_.element))]
    if isinstance(type_, types.Dict):
        return [str(len(value)), *(word for key, item in value.items()
                                   for word in _words(key, type_.key) + _words(item, type_.value))]
    if isinstance(type_, types.Tuple):
        return [word for item, member in zip(value, type_.members)
                for word in _words(item, member)]
    return [value if isinstance(value, str) else json.dumps(value)]


# ---- D-Feet: a Python tuple without its parentheses, of which it makes a GLib.Variant ----
def dfeet(_service, _interface, method):
    return ', '.join(map(_python, arguments(method)))


def _python(value):
    if isinstance(value, Travelling):
        return f'GLib.Variant({value.signature!r}, {_python(value.value)})'
    if isinstance(value, dict):
        return '{' + ', '.join(f'{_python(key)}: {_python(item)}' for key, item in value.items()) + '}'
    if isinstance(value, tuple):
        return '(' + ', '.join(map(_python, value)) + (',)' if len(value) == 1 else ')')
    if isinstance(value, list):
        return '[' + ', '.join(map(_python, value)) + ']'
    return repr(value)


# In the order in which they stand on a page.
EXAMPLES = {'busctl': busctl, 'dfeet': dfeet, 'c': emit_html_c.example,
            'ocaml': emit_html_ocaml.example, 'python': emit_html_python.example}


def examples(service, interface, method):
    """(language, text), for what can be called so."""
    if any(types.Basic('h') in types.walk(arg.type) for arg in method.inputs):
        return []  # a file descriptor cannot be written down
    return [(language, example(service, interface, method))
            for language, example in EXAMPLES.items()]
