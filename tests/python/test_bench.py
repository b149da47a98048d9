# SPDX-License-Identifier: LGPL-2.1-or-later
"""bench/bindings.py runs. What it measures is not asserted: see bench/README.md."""
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_binding_is_compared(build):
    result = subprocess.run(['/usr/bin/python3', ROOT / 'bench/bindings.py', f'--build={build}', '--rounds=1',
                             '--calls=32'], capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    rows = re.findall(r'^\| \w+, \d+ in flight +(?:\| +[\d.]+ ){3}\|$', result.stdout, re.MULTILINE)
    assert len(rows) == 4, result.stdout
