# SPDX-License-Identifier: LGPL-2.1-or-later
VERSION := 0.1.0

PREFIX ?= /usr
LIBDIR ?= $(PREFIX)/lib/$(shell $(CC) -print-multiarch)
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
# What the system reads of the host's configuration, init scripts among it, is where the system looks, if
# PREFIX is one for all of the host. Xen does so, too.
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
SYSTEMDDIR ?= $(PREFIX)/lib/systemd/system
UDEVDIR ?= $(PREFIX)/lib/udev/rules.d
PYTHON ?= /usr/bin/python3
PKG_CONFIG ?= pkg-config

DBUS_CFLAGS := $(shell $(PKG_CONFIG) --cflags dbus-1)
DBUS_LIBS := $(shell $(PKG_CONFIG) --libs dbus-1)
EVENT_CFLAGS := $(shell $(PKG_CONFIG) --cflags libevent_core)
EVENT_LIBS := $(shell $(PKG_CONFIG) --libs libevent_core)
EXPAT_LIBS := $(shell $(PKG_CONFIG) --libs expat)
# libxenvchan's calls are made through the libraries beneath it where ours link them directly. A Xen that
# somebody has built, in /usr/local, is found before that of the distribution.
XEN_CFLAGS := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags xenvchan xenstore xenevtchn xengnttab \
	xencontrol))
XEN_LIBS := $(shell $(PKG_CONFIG) --libs xenvchan xenstore xenevtchn xengnttab)
XENCTRL_LIBS := $(shell $(PKG_CONFIG) --libs xencontrol)
XEN_VERSION := $(shell $(PKG_CONFIG) --modversion xencontrol)
ifeq ($(and $(DBUS_LIBS),$(EVENT_LIBS),$(EXPAT_LIBS),$(XEN_LIBS)),)
$(warning packages are missing: "scripts/setup build", as root, installs what make needs)
endif
