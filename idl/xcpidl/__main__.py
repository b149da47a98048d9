# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-idl: checks interface files, and prints code and pages from them."""
import argparse
import sys

from .check import load


def check(arguments):
    failed = 0
    for path in arguments.files:
        service, problems = load(path)
        for problem in problems:
            print(problem, file=sys.stderr)
        failed += bool(problems)
        if not problems:
            methods = sum(len(interface.methods) for interface in service.interfaces)
            print(f'{path}: {len(service.interfaces)} interfaces, {methods} methods')
    return 1 if failed else 0


def main(argv=None):
    parser = argparse.ArgumentParser(prog='xcp-bus-idl', description=__doc__.split(': ', 1)[1])
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    command = commands.add_parser('check', help='say what is wrong with interface files')
    command.add_argument('files', nargs='+', metavar='FILE')
    command.set_defaults(run=check)
    arguments = parser.parse_args(argv)
    return arguments.run(arguments)


if __name__ == '__main__':
    sys.exit(main())
