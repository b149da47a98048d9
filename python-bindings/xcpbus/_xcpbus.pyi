# SPDX-License-Identifier: LGPL-2.1-or-later
# The module that CFFI makes: pointers of C, which mypy knows nothing about. connection.py and
# service.py alone use it.
from typing import Any

ffi: Any
lib: Any
