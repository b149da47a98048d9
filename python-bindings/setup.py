# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two extensions: libxcpbus by CFFI, and the conversion of values. pyproject.toml has the rest."""
import sys

sys.path.insert(0, '.')

from cffi_build import flags  # noqa: E402
from setuptools import Extension, setup  # noqa: E402

setup(
    cffi_modules=['cffi_build.py:ffibuilder'],
    ext_modules=[Extension(
        'xcpbus._values', ['values/append.c', 'values/module.c', 'values/read.c'],
        depends=['values/values.h'], libraries=['dbus-1'],
        extra_compile_args=[*flags('--cflags', 'dbus-1'), '-std=gnu11', '-fvisibility=hidden'])],
)
