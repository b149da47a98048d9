# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-idl: reads the interfaces of idl/*.xml and prints code and pages from them.

docs/idl.md specifies the language. A file goes through parse (XML to model) and check (is it
sound?); the emit_* modules print from the model alone.
"""
