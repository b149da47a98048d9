# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a service that runs shows of its interfaces and their members, beside their types: annotations."""
import hashlib

OURS = 'org.xen.xcp.'


def secrets_of(member):
    """Names of arguments; of a property that it is one."""
    if hasattr(member, 'hides'):
        return 'true' if member.hides() else ''
    args = getattr(member, 'args', None)
    args = [*member.inputs, *member.outputs] if args is None else args
    return ' '.join(arg.name for arg in args if arg.hides())


def annotations_of(member):
    """What callers may want to know, and flags do not say: names and values."""
    timeout_s = getattr(member, 'timeout_s', 0)
    found = [('org.gtk.GDBus.Since', member.since), (OURS + 'ReplacedBy', member.replaced_by),
             (OURS + 'Timeout', f'{timeout_s:g}' if timeout_s else ''),
             (OURS + 'Idempotent', 'true' if getattr(member, 'is_idempotent', False) else ''),
             (OURS + 'Unit', getattr(member, 'unit', '')), (OURS + 'Secret', secrets_of(member))]
    return [(name, value) for name, value in found if value]


def sha256_of(service):
    """Of the file, as sha256sum prints it: two programs that say the same are made from the same."""
    return hashlib.sha256(service.text).hexdigest()


def annotations_of_interface(service, interface):
    found = [('org.freedesktop.DBus.Deprecated', 'true' if interface.is_deprecated else ''),
             ('org.gtk.GDBus.Since', interface.since), (OURS + 'Sha256', sha256_of(service))]
    return [(name, value) for name, value in found if value]
