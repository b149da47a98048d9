# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-idl: checks interface files, and prints code and pages from them."""
import argparse
import importlib
import sys
from pathlib import Path

from .check import load

# Each module has emit(service): the files to be written, as {name: text}.
EMITTERS = {
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
    for service in services:
        for name, text in emitter.emit(service).items():
            path = Path(arguments.output, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 0


def main(argv=None):
    parser = argparse.ArgumentParser(prog='xcp-bus-idl', description=__doc__.split(': ', 1)[1])
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    command = commands.add_parser('check', help='say what is wrong with interface files')
    command.add_argument('files', nargs='+', metavar='FILE')
    command.set_defaults(run=check)
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
