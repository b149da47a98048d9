# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-idl format: one way to write an interface file, which loses nothing."""
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / 'idl'))

from xcpidl import __main__ as main  # noqa: E402
from xcpidl.format import HEAD, first_difference, format_text  # noqa: E402
from xcpidl.problem import Problem  # noqa: E402

FILES = sorted(ROOT.glob('idl/*.xml'))
MESSY = '''<?xml version="1.0"?><!-- one -->

<!-- two
     and more -->
<node><interface
    name='org.example.Foo1'
>  <!-- of it -->
<annotation value='"a" &lt;b> &#10; &amp; ü' name="org.gtk.GDBus.DocString"/>


  <method name="M"></method>   <!-- a method -->
            <!-- Drawn:
                   ab
                 cd -->
  <method name="N"
    ><arg type="s" name="a" direction="in"/></method>
  <!-- the end
    -->

</interface></node><!-- after -->
'''
TIDY = HEAD + '''<!-- one -->

<!-- two
     and more -->
<node>
  <interface name="org.example.Foo1"> <!-- of it -->
    <annotation name="org.gtk.GDBus.DocString" value="&quot;a&quot; &lt;b&gt; &#10; &amp; ü"/>

    <method name="M"/> <!-- a method -->
    <!-- Drawn:
           ab
         cd -->
    <method name="N">
      <arg name="a" type="s" direction="in"/>
    </method>
    <!-- the end
    -->
  </interface>
</node> <!-- after -->
'''


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_the_interfaces_are_formatted(path):
    assert main.main(['format', '--check', str(path)]) == 0


def test_a_messy_file_is_tidied():
    assert format_text(MESSY.encode()).decode() == TIDY


@pytest.mark.parametrize('path', sorted(HERE.glob('good/*.xml')) + FILES, ids=lambda path: path.stem)
def test_what_is_formatted_stays_as_it_is(path):
    once = format_text(path.read_bytes())
    assert format_text(once) == once


@pytest.mark.parametrize('change', [
    lambda text: text.replace(b'\n', b'\r\n'), lambda text: text.replace(b'  ', b'\t'),
    lambda text: text.replace(b'>\n', b'>'), lambda text: text.replace(b'" ', b'"\n')],
    ids=['crlf', 'tabs', 'no lines', 'many lines'])
def test_blanks_do_not_count(change):
    """However a file is laid out, the lines of its elements are the same."""
    text = (ROOT / 'idl/org.xen.xcp.squeezed1.xml').read_bytes()

    def elements(data):
        return [line for line in format_text(data).splitlines() if line and b'<!--' not in line]
    assert elements(change(text)) == elements(text)


def test_check_says_where_and_changes_nothing(tmp_path, capsys):
    path = tmp_path / 'messy.xml'
    path.write_text(TIDY.replace('    <method name="N">', '   <method name="N">'))
    before = path.read_bytes()
    assert main.main(['format', '--check', str(path)]) == 1
    line = TIDY.splitlines().index('    <method name="N">') + 1
    assert capsys.readouterr().err == (
        f'{path}:{line}: is not formatted; run: xcp-bus-idl format {path}\n')
    assert path.read_bytes() == before
    assert main.main(['format', str(path)]) == 0
    assert path.read_text() == TIDY
    assert main.main(['format', '--check', str(path)]) == 0


@pytest.mark.parametrize('text', [
    b'<node>text</node>', b'<node><what/></node>', b'<node>', b'', b'<node><?php x?></node>',
    b'<!DOCTYPE node [<!ENTITY a "b">]><node/>'])
def test_what_would_get_lost_is_refused(text, tmp_path, capsys):
    with pytest.raises(Problem):
        format_text(text)
    path = tmp_path / 'bad.xml'
    path.write_bytes(text)
    assert main.main(['format', str(path), '/nonexistent.xml']) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f'{path}:') and '/nonexistent.xml' in said[1]
    assert path.read_bytes() == text


def test_the_first_difference():
    assert first_difference(b'a\nb\nc', b'a\nx\nc') == 2
    assert first_difference(b'a\n', b'a\nb\n') == 2
