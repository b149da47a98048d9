# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-idl: checks interface files, and prints code and pages from them."""
import argparse
import importlib
import sys
from pathlib import Path

from . import command_arguments
from .check import load
from .format import first_difference, format_text
from .problem import Problem

# Each module has emit(service): the files to be written, as {name: text}. Or it has emit_all(services), for
# what is made from all of them together.
EMITTERS = {
    'html': ('emit_html', 'print the reference: a page for each file, and index.html'),
    'c': ('emit_c', 'print C: NAME.h and NAME.c, over libxcpbus'),
    'python': ('emit_python', 'print Python: NAME.py, over the package xcpbus'),
    'ocaml': ('emit_ocaml', 'print OCaml: NAME.ml and NAME.mli, over the library xcpbus'),
}


def loaded(paths):
    """The services of files, or None after having said what is wrong."""
    services, wrong = [], False
    for path in paths:
        service, problems = load(path)
        for problem in problems:
            print(problem, file=sys.stderr)
        wrong = wrong or bool(problems)
        services.append(service)
    return None if wrong else services


def check(arguments):
    services = loaded(arguments.files)
    for service in services or []:
        methods = sum(len(interface.methods) for interface in service.interfaces)
        print(f'{service.path}: {len(service.interfaces)} interfaces, {methods} methods')
    return 1 if services is None else 0


def emit(arguments):
    services = loaded(arguments.files)
    if services is None:
        return 1
    emitter = importlib.import_module('.' + arguments.module, __package__)
    try:
        if hasattr(emitter, 'emit_all'):
            files = emitter.emit_all(services)
        else:
            files = {name: text for service in services
                     for name, text in emitter.emit(service).items()}
    except Problem as problem:  # such as names that a language cannot tell apart
        print(problem, file=sys.stderr)
        return 1
    for name, text in files.items():
        path = Path(arguments.output, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')
    return 0


def format_file(path, only_check):
    """Raises Problem if the file is not as it should be written, or cannot be."""
    before = Path(path).read_bytes()
    after = format_text(before, path)
    if before == after:
        return
    if only_check:
        raise Problem('is not formatted', f'run: xcp-bus-idl format {path}',
                      first_difference(before, after), path)
    Path(path).write_bytes(after)
    print(path)


def format_files(arguments):
    wrong = False
    for path in arguments.files:
        try:
            format_file(path, arguments.check)
        except (Problem, OSError) as problem:
            print(problem, file=sys.stderr)
            wrong = True
    return 1 if wrong else 0


def main(argv=None):
    parser = argparse.ArgumentParser(prog='xcp-bus-idl', description=__doc__.split(': ', 1)[1])
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    command = commands.add_parser('check', help='say what is wrong with interface files')
    command.add_argument('files', nargs='+', metavar='FILE')
    command.set_defaults(run=check)
    command = commands.add_parser('format', help='write interface files in the one way')
    command.add_argument('files', nargs='+', metavar='FILE')
    command.add_argument('--check', action='store_true', help='change nothing, say what would change')
    command.set_defaults(run=format_files)
    for name, (module, text) in EMITTERS.items():
        command = commands.add_parser(name, help=text)
        command.add_argument('files', nargs='+', metavar='FILE')
        command.add_argument('-o', '--output', default='.', metavar='DIRECTORY',
                             help='where to write (default: here)')
        command.set_defaults(run=emit, module=module)
    add_bus_commands(commands)
    argv, rest = list(sys.argv[1:] if argv is None else argv), []
    if argv[:1] == ['call']:
        argv, rest = command_arguments.cut(argv[1:])
        argv.insert(0, 'call')
    arguments = parser.parse_args(argv)
    arguments.args = rest
    return arguments.run(arguments)


def add_bus_commands(commands):
    """What needs a bus, and the Python binding."""
    def add(name, text, run):
        added = commands.add_parser(name, help=text)
        added.add_argument('file', metavar='FILE')
        added.add_argument('--address', help='of the bus (default: $XCP_BUS_ADDRESS, or where xcp-bus is)')
        added.add_argument('--destination', metavar='NAME', help='of the service, if it is not in the file')
        added.add_argument('--path', help='of the object, if it is not in the file')
        added.set_defaults(run=on_bus(run))
        return added

    added = add('call', 'call a method, or get or set a property', 'command.call')
    added.add_argument('member', nargs='?', metavar='MEMBER ARGUMENT...',
                       help='such as Login or VM.Start; without it: list what there is')
    added.add_argument('--timeout', type=float, metavar='SECONDS')
    added = add('watch', 'print signals, and changes of properties', 'command.watch')
    added.add_argument('signals', nargs='*', metavar='SIGNAL', help='(default: all)')
    added.add_argument('--count', type=int, default=0, help='end after so many')
    added = add('mock', 'serve an interface with answers that are made up, or given', 'mock.mock')
    added.add_argument('--answers', metavar='FILE.json', help='what is answered')
    added.add_argument('--log', action='store_true', help='print each call')
    added.add_argument('--control', action='store_true', help='read more answers, and signals to be '
                       'emitted, from standard input')


def on_bus(name):
    """A function of a module that is loaded when it is needed. A Problem is said in one line."""
    module, _, function = name.partition('.')

    def run(arguments):
        try:
            return getattr(importlib.import_module('.' + module, __package__), function)(arguments)
        except Problem as problem:
            print(f'xcp-bus-idl: {problem}', file=sys.stderr)
            return 2
    return run


if __name__ == '__main__':
    sys.exit(main())
