# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts/demo --xen shows is true here, too."""
import subprocess

from client import PATIENCE


def test_the_demo(xen, tmp_path):
    """It says itself when something is not as it should be. What is said is asked of tests/examples. It
    makes all guests that there are."""
    xen.destroy_idle()
    with open(tmp_path / 'said', 'w') as said:
        result = subprocess.run(['lab-demo'], timeout=15 * PATIENCE, stdin=subprocess.DEVNULL, stdout=said,
                                stderr=subprocess.STDOUT)
    text = (tmp_path / 'said').read_text()
    assert result.returncode == 0, text
    assert text.rstrip().endswith('All has ended and is cleaned up.')
    assert '"Completed, domain 101"' in text and '<- moved' in text
