# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is wrong with an interface file: where, what, and what to do about it."""


class Problem(Exception):
    def __init__(self, message, remedy='', line=0, path=''):
        super().__init__(message)
        self.message, self.remedy, self.line, self.path = message, remedy, line, path

    def at(self, line, path=''):
        """The same, found at a place; the first place that is known stays."""
        self.line = self.line or line
        self.path = self.path or path
        return self

    def __str__(self):
        place = f'{self.path}:{self.line}: ' if self.path else ''
        return f'{place}{self.message}' + (f'; {self.remedy}' if self.remedy else '')
