# SPDX-License-Identifier: LGPL-2.1-or-later
# The programs of the client matrix that are compiled: on libdbus and sd-bus, Qt and obus.

INTEROP := $(BUILD)/tests/interop
INTEROP_PROGRAMS := $(foreach role,client server,$(addprefix $(INTEROP)/$(role)-,libdbus sd-bus qt obus))
SYSTEMD_FLAGS = $(shell pkg-config --cflags --libs libsystemd)

$(INTEROP)/%-libdbus: tests/interop/%s/libdbus.c tests/interop/clients/steps.h
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC LD   $<")
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARNINGS) $(CFLAGS) $(DBUS_CFLAGS) -o $@ $< $(DBUS_LIBS)

$(INTEROP)/%-sd-bus: tests/interop/%s/sd-bus.c tests/interop/clients/steps.h
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC LD   $<")
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARNINGS) $(CFLAGS) -o $@ $< $(SYSTEMD_FLAGS)

$(INTEROP)/%-qt: tests/interop/%s/qt.cpp tests/interop/clients/steps.h
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CXX LD  $<")
	$(Q)/usr/lib/qt5/bin/moc -o $(INTEROP)/$*-qt.moc $<
	$(Q)$(CXX) -std=gnu++17 -fPIC -Wall -O1 -I$(INTEROP) $(shell pkg-config --cflags Qt5DBus) -o $@ $< \
		$(shell pkg-config --libs Qt5DBus)

# Its compiler leaves its files where the sources are.
$(INTEROP)/%-obus: tests/interop/%s/obus.ml tests/interop/obus_members.ml
	@mkdir -p $(INTEROP)/ocaml-$*
	$(if $(V),,@echo "  OCAML   $<")
	$(Q)cp tests/interop/obus_members.ml $(INTEROP)/ocaml-$*/ && cp $< $(INTEROP)/ocaml-$*/interop.ml
	$(Q)cd $(INTEROP)/ocaml-$* && ocamlfind ocamlopt -thread -package obus,lwt.unix -linkpkg \
		-o $(abspath $@) obus_members.ml interop.ml

interop-programs: $(INTEROP_PROGRAMS)
