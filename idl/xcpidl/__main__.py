# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-idl: checks interface files, and prints code and pages from them."""
import argparse
import importlib
import sys
from pathlib import Path

from .check import load
from .format import first_difference, format_text
from .problem import Problem

# Each module has emit(service): the files to be written, as {name: text}. Or it has emit_all(services), for
# what is made from all of them together.
EMITTERS = {
    'c': ('emit_c', 'print C: NAME.h and NAME.c, over libxcpbus'),
    'html': ('emit_html', 'print the reference: a page for each file, and index.html'),
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
    if hasattr(emitter, 'emit_all'):
        files = emitter.emit_all(services)
    else:
        files = {name: text for service in services for name, text in emitter.emit(service).items()}
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
    arguments = parser.parse_args(argv)
    return arguments.run(arguments)


if __name__ == '__main__':
    sys.exit(main())
