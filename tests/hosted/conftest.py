# SPDX-License-Identifier: LGPL-2.1-or-later
import pytest

import instance as instance_module


@pytest.fixture(params=['c', 'ocaml'], scope='module')
def any_xen(request, build):
    """An instance with each of the two xenstoreds."""
    xen = instance_module.Instance(build, f'--xenstored={request.param}')
    yield xen
    xen.stop()


@pytest.fixture
def xen(build):
    """An instance of one's own: it starts in milliseconds."""
    xen = instance_module.Instance(build)
    yield xen
    xen.stop()


@pytest.fixture
def start(build):
    """More of them, with options."""
    instances = []

    def start_instance(*options, **more):
        instances.append(instance_module.Instance(more.pop('build', build), *options, **more))
        return instances[-1]

    yield start_instance
    for instance in instances:
        instance.stop()
