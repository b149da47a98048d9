#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Writes how to compile and link with libxcpbus, for dune.
set -eu

cflags=${XCPBUS_CFLAGS:-$(pkg-config --cflags libxcpbus)}
libs=${XCPBUS_LIBS:-$(pkg-config --libs libxcpbus)}
dbus_cflags=$(pkg-config --cflags dbus-1)
dbus_libs=$(pkg-config --libs dbus-1)
echo "($cflags $dbus_cflags)" >cflags.sexp
echo "($libs $dbus_libs)" >libs.sexp
