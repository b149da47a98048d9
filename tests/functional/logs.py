# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads what the daemon logs: docs/logs.md has the form."""
import re
import time

from client import PATIENCE

FIELD = re.compile(r' ([a-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9_.:/@+-]+))')
ESCAPE = re.compile(r'\\(?:x([0-9a-f]{2})|(.))')


def unescape(text):
    return ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else m[2], text)


def parse(line):
    """An event as (word, fields); None for a line that is a sentence. Whatever is neither fails."""
    prefix, _, rest = line.partition(': ')
    assert prefix == 'xcp-busd' and rest.isascii() and rest.isprintable(), line
    found = re.match(r'([a-z-]+):(?= [a-z]+=)', rest)
    if not found:
        return None
    fields, at = {}, found.end()
    while at < len(rest):
        field = FIELD.match(rest, at)
        assert field, f'not a field: {rest[at:]!r} in {line!r}'
        assert field[1] not in fields, f'twice: {field[1]} in {line!r}'
        fields[field[1]] = field[3] if field[2] is None else unescape(field[2])
        at = field.end()
    return found[1], fields


def events(bus, word=None):
    """The fields of all events so far, or of those of one kind."""
    text = bus.stderr.read_text()
    parsed = [parse(line) for line in text[:text.rfind('\n') + 1].splitlines()]
    return [fields for kind, fields in filter(None, parsed) if word in (None, kind)]


def wait_log(bus, look):
    """What look finds in the events, as soon as it finds anything."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look(events(bus))):
        assert time.monotonic() < deadline, bus.stderr.read_text()
        time.sleep(0.02)  # nothing tells that a file has grown
    return found


def wait_event(bus, word, **fields):
    """The first event of a kind with these fields."""
    def look(_):
        return next((event for event in events(bus, word)
                     if all(event.get(key) == str(value) for key, value in fields.items())), None)
    return wait_log(bus, look)


def left_out(said):
    """How many lines events say were left out."""
    return sum(int(event.get('suppressed', 0)) for event in said)
