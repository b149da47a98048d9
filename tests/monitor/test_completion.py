# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion in bash: what the program says of itself is what is offered."""
import os
import re
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'data/bash-completion/xcp-bus-monitor'


def complete(build, *words, address='unix:path=/nonexistent'):
    """What bash offers for the last word."""
    program = f'{build}/xcp-bus-monitor'
    code = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; '
            '_xcp_bus_monitor "$1"; printf "%s\\n" "${COMPREPLY[@]}"')
    result = subprocess.run(['bash', '-c', code, 'bash', SCRIPT, program, *words], capture_output=True,
                            text=True, check=True, env={**os.environ, 'XCP_BUS_ADDRESS': address}, timeout=60)
    assert not result.stderr
    return result.stdout.split()


def help_of(build, *words):
    return subprocess.run([f'{build}/xcp-bus-monitor', *words, '--help'], capture_output=True, text=True,
                          check=True, timeout=60).stdout


def test_commands(build):
    text = help_of(build).partition('Commands:')[2].partition('Common options')[0]
    assert complete(build, '') == re.findall(r'^  ([a-z-]+) ', text, re.M)
    assert complete(build, 'seq') == complete(build, '--json', 'seq') == ['sequence']


@pytest.mark.parametrize('command', [[], ['follow'], ['sequence'], ['who-called'], ['top'], ['call']])
def test_options(build, command):
    offered = complete(build, *command, '--')
    assert '--json' in offered and '--address=' in offered
    for option in offered:
        assert option in help_of(build, *command)
    if command == ['follow']:
        assert {'--body', '--pcap=', '--slower-than=', '--domain='} <= set(offered)
        assert complete(build, 'follow', '--p') == ['--pcap=']


def test_names(bus, build):
    service = bus.connect()
    service.own('org.example.offered')
    offered = complete(build, 'who-called', 'org.example.o', address=f'unix:path={bus.path}')
    assert offered == ['org.example.offered']
    assert complete(build, 'tree', 'org.example.o') == []


def test_files(build, tmp_path):
    (tmp_path / 'capture').touch()
    assert complete(build, 'follow', '--read', f'{tmp_path}/cap') == [f'{tmp_path}/capture']
