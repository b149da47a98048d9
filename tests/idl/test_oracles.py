# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other people's tools read our interface files, and see in them what we see."""
import subprocess
import sys
from pathlib import Path

import pytest
from dbus_fast import introspection

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / 'idl'))

from xcpidl.check import load  # noqa: E402

FILES = sorted(HERE.glob('good/*.xml')) + sorted(HERE.glob('../../idl/*.xml'))
every_file = pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stderr


def signature(args):
    return [(arg.name, arg.type.signature()) for arg in args]


@every_file
def test_gdbus_codegen(path, tmp_path):
    service, _ = load(path)
    said = run('gdbus-codegen', '--output-directory', tmp_path, '--generate-c-code', 'out',
               '--interface-prefix', service.root.name.rpartition('.')[0] + '.', path)
    assert 'Warning' not in said
    text = (tmp_path / 'out.c').read_text()
    for interface in service.interfaces:
        for member in interface.members():
            assert f'"{member.name}"' in text


@every_file
def test_sdbus_cpp(path, tmp_path):
    run('sdbus-c++-xml2cpp', f'--proxy={tmp_path}/proxy.h', f'--adaptor={tmp_path}/adaptor.h', path)
    service, _ = load(path)
    text = (tmp_path / 'proxy.h').read_text()
    for interface in service.interfaces:
        for member in interface.members():
            assert f'"{member.name}"' in text


@every_file
def test_dbus_fast(path):
    service, _ = load(path)
    node = introspection.Node.parse(path.read_text())
    assert [interface.name for interface in node.interfaces] == [
        interface.name for interface in service.interfaces]
    for ours, theirs in zip(service.interfaces, node.interfaces):
        assert [(method.name, signature(method.inputs), signature(method.outputs))
                for method in ours.methods] == [
            (method.name, [(arg.name, arg.signature) for arg in method.in_args],
             [(arg.name, arg.signature) for arg in method.out_args]) for method in theirs.methods]
        assert [(signal.name, signature(signal.args)) for signal in ours.signals] == [
            (signal.name, [(arg.name, arg.signature) for arg in signal.args])
            for signal in theirs.signals]
        assert [(item.name, item.type.signature(), item.access) for item in ours.properties] == [
            (item.name, item.signature, item.access.value) for item in theirs.properties]
