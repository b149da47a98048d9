# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interface language: good files mean what they say, bad ones are told where and what to do."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / 'idl'))

from xcpidl import check, literal, model, types  # noqa: E402
from xcpidl.introspected import secrets_of  # noqa: E402
from xcpidl.problem import Problem  # noqa: E402

GOOD = sorted(HERE.glob('good/*.xml')) + sorted(HERE.glob('../../idl/*.xml'))
BAD = sorted(HERE.glob('bad/*.xml'))
EXPECT = re.compile('<!-- expect: (.*?) -->')


@pytest.mark.parametrize('path', GOOD, ids=lambda path: path.stem)
def test_a_good_file_has_no_problems(path):
    service, problems = check.load(path)
    assert not problems, '\n'.join(map(str, problems))
    assert service.root.name == path.stem


def test_the_bus_waits_as_long_as_callers_do():
    """By default it answers in place of a service only when all who call it have given up."""
    timeouts = [method.timeout_s for path in GOOD for interface in check.load(path)[0].interfaces
                for method in interface.methods]
    assert max(timeouts) == 1200
    of_bus = re.search('name="reply_timeout">([0-9]+)<', (ROOT / 'data/xcp-busd.conf').read_text())
    built_in = re.search(r'reply_timeout_us = ([0-9]+) \* UINT64_C\(1000000\)',
                         (ROOT / 'xcp-busd/core/bus-settings.c').read_text())
    assert int(of_bus[1]) == 1000 * int(built_in[1]) > 1000 * max(timeouts)


@pytest.mark.parametrize('path', BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_told_where_and_what_to_do(path):
    expected = [(number, match[1]) for number, line in
                enumerate(path.read_text().splitlines(), 1) for match in EXPECT.finditer(line)]
    assert expected, 'a bad file says what is to be said of it'
    _, problems = check.load(path)
    found = [(problem.line, problem.message) for problem in problems]
    missing = [(line, text) for line, text in expected if not any(
        line == problem.line and text in str(problem) for problem in problems)]
    assert not missing, f'not said: {missing}; said: {found}'
    assert len(found) == len(expected), found
    assert all(problem.remedy and problem.path == str(path) for problem in problems)


def test_a_file_that_is_not_there():
    _, problems = check.load('/nonexistent.xml')
    assert [str(problem) for problem in problems] == [
        '/nonexistent.xml:0: No such file or directory; is it the right name?']


@pytest.mark.parametrize('text,signature', [
    ('s', 's'), ('aas', 'aas'), ('a{sv}', 'a{sv}'), ('?s', 'as'), ('a?s', 'aas'),
    ('(s ?x)', '(sax)'), ('a{s (uay)}', 'a{s(uay)}'), ('v', 'v'), ('?a{ss}', 'aa{ss}'),
])
def test_what_a_type_travels_as(text, signature):
    assert types.parse_type(text).signature() == signature
    assert types.parse_type(signature).signature() == signature


@pytest.mark.parametrize('text', ['(s Vdi)', 'a(Vdi VdiState)', '(Vdi s)', 'a{s ?Vdi}', '(sx)',
                                  '(a Vdi ?x)', '?a{ss}', '(Vdi(Vdi))'])
def test_a_type_is_written_as_it_was_read(text):
    parsed = types.parse_type(text)
    assert types.parse_type(str(parsed)) == parsed


@pytest.mark.parametrize('text', ['0', '-1.5', 'true', '"a \\"b\\" \\n\\\\"', '[]', '[1, [2]]',
                                  '{}', '{"a": 1}', '("a", none)', 'Red',
                                  'Group([Empty, Circle(1.0)])'])
def test_a_default_is_written_as_it_was_read(text):
    value, rest = literal.parse_prefix(text)
    assert not rest
    assert literal.parse_prefix(literal.show(value))[0] == value


@pytest.mark.parametrize('text', ['', '[', '{"a" 1}', 'F(', '*', '"', '(1 2)', '1 ='])
def test_what_is_not_a_default(text):
    try:
        _, rest = literal.parse_prefix(text)
    except Problem as problem:
        assert problem.remedy
    else:
        assert rest.strip()


def test_the_model_of_a_file():
    service, _ = check.load(HERE / 'good/org.example.torture1.xml')
    assert (service.name, service.object_path) == ('org.example.torture1', '/org/example/torture1')
    assert [service.short_name(interface) for interface in service.interfaces] == ['', 'Extra']
    draw = next(method for method in service.root.methods if method.name == 'Draw')
    assert [error.name for error in draw.throws] == ['InternalError', 'BadShape', 'Nothing']
    assert draw.timeout_s == 90.5
    label = service.types['Label']
    assert [field.is_required for field in label.fields] == [True, False, False, False]
    assert service.errors['BadShape'].signature() == 's(sv)(xx)'
    assert isinstance(service.types['Tree'], model.Record)


@pytest.mark.parametrize('path', GOOD, ids=lambda path: path.stem)
def test_a_good_file_is_valid_introspection_data(path):
    """As the DTD of D-Bus has it: whatever reads introspection data can read ours."""
    subprocess.run(['xmllint', '--nonet', '--noout', '--dtdvalid',
                    '/usr/share/xml/dbus-1/introspect.dtd', path], check=True)


def test_what_has_a_secret_in_it_is_secret():
    """At any depth: a service that runs shows the names of such arguments."""
    torture = check.load(HERE / 'good/org.example.torture1.xml')[0]
    methods = {method.name: method for method in torture.root.methods}
    assert secrets_of(methods['EchoBasic']) == 'a_string'
    assert secrets_of(methods['EchoEverything']) == 'everything result'
    assert secrets_of(methods['Draw']) == ''
    cluster = check.load(ROOT / 'idl/org.xen.xcp.clusterd1.xml')[0]
    found = {method.name: secrets_of(method) for interface in cluster.interfaces
             for method in interface.methods}
    assert found['Join'] == 'token' and found['Create'] == 'token' and 'Enable' in found
