# SPDX-License-Identifier: LGPL-2.1-or-later
"""100 000 calls and signals leave nothing behind, in their service and in their client."""
import subprocess
from pathlib import Path

GROWTH_MAX_KIB = 1024  # of what the allocator keeps; an object for each call would be 10 MiB and more


def test_memory_is_flat(bus, python_env):
    result = subprocess.run(['/usr/bin/python3', Path(__file__).with_name('many.py'), '100000'],
                            env={**python_env, 'XCP_BUS_ADDRESS': bus.address}, capture_output=True,
                            text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stderr
    grown, unit, descriptors, _ = result.stdout.split()
    assert unit == 'KiB,' and int(grown) < GROWTH_MAX_KIB and descriptors == '0', result.stdout
