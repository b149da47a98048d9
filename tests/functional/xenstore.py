# SPDX-License-Identifier: LGPL-2.1-or-later
"""xenstore by libxenstore itself: to start a program for it costs a hundred times as much, and that is
felt where everything is emulated."""
import ctypes


class Xenstore:
    def __init__(self):
        self.library = ctypes.CDLL('libxenstore.so.4', use_errno=True)
        for name in 'xs_open', 'xs_directory', 'xs_read':
            getattr(self.library, name).restype = ctypes.c_void_p
        self.handle = self.call('xs_open', ctypes.c_ulong(0))
        assert self.handle, 'xenstored cannot be reached'
        self.free = ctypes.CDLL(None).free

    def call(self, name, *arguments):
        return getattr(self.library, name)(*arguments)

    def ask(self, name, path, *more):
        """One verb on one node, in no transaction."""
        return self.call(name, ctypes.c_void_p(self.handle), ctypes.c_uint32(0), path.encode(), *more)

    def write(self, path, value):
        data = value.encode()
        assert self.ask('xs_write', path, data, ctypes.c_uint(len(data))), f'cannot write {path}'

    def remove(self, path):
        """Content if it is not there."""
        self.ask('xs_rm', path)

    def exists(self, path):
        size = ctypes.c_uint()
        value = self.ask('xs_read', path, ctypes.byref(size))
        self.free(ctypes.c_void_p(value))
        return bool(value)

    def children(self, path):
        count = ctypes.c_uint()
        names = self.ask('xs_directory', path, ctypes.byref(count))
        if not names:
            return []
        array = ctypes.cast(names, ctypes.POINTER(ctypes.c_char_p))
        found = [array[i].decode() for i in range(count.value)]
        self.free(ctypes.c_void_p(names))
        return found

    def count_below(self, path):
        """How many nodes there are, at any depth."""
        return sum(1 + self.count_below(f'{path}/{name}') for name in self.children(path))
