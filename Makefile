# SPDX-License-Identifier: LGPL-2.1-or-later
# xcp-bus: one Makefile, not recursive.
#
#   make             everything that is installed, and hosted Xen
#   make check       unit tests, layer and symbol checks, functional tests over Unix sockets: the fast
#                    loop, without root and without Xen; scripts/check is all there is
#   make fuzz        the fuzz targets, for long (FUZZ_SECONDS each)
#   make bench       counts and times beside dbus-daemon and dbus-broker
#   make man         the manual pages
#   make doc         the reference of all interfaces, in BUILD/doc
#   make install     honours DESTDIR and PREFIX; so does make uninstall
#   make format      clang-format over all C files
# Options: BUILD=directory, SANITIZE=1 (ASan and UBSan), V=1 (show commands).

include config.mk

BUILD ?= build
CC ?= cc
CLANG ?= clang
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
HARDENING := -fstack-protector-strong -D_FORTIFY_SOURCE=2
LDHARDENING := -Wl,-z,relro -Wl,-z,now -pie
ifdef SANITIZE
CFLAGS := -O1 -g -fno-omit-frame-pointer
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all
HARDENING :=
endif
Q := $(if $(V),,@)

CPPFLAGS += -D_GNU_SOURCE -I. -Ixcp-busd -DXCP_BUS_VERSION='"$(VERSION)"' $(DBUS_CFLAGS) $(EVENT_CFLAGS) \
	$(XEN_CFLAGS)
# -fno-strict-aliasing is caution: gcc 12 once made an endless loop of one that emptied a list, in words that
# are gone. Unit and functional tests pass without it, too (CFLAGS='-O2 -g -fstrict-aliasing').
ALL_CFLAGS = -std=gnu11 -fno-strict-aliasing -fPIC -fvisibility=hidden $(WARNINGS) $(HARDENING) $(SANFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(SANFLAGS) $(LDFLAGS)

COMMON_SRC := $(wildcard common/*.c)
BUS_SRC := $(wildcard xcp-busd/wire/*.c xcp-busd/core/*.c)
DAEMON_SRC := $(wildcard xcp-busd/*.c xcp-busd/io/*.c)
LIB_SRC := $(wildcard libxcpbus/*.c)
PUBLIC_HEADERS := $(wildcard libxcpbus/xcpbus*.h)

COMMON_LIB := $(BUILD)/libcommon.a
BUS_LIB := $(BUILD)/libbus.a
XCPBUS_SO := $(BUILD)/libxcpbus.so.0

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

PROGRAMS := $(BUILD)/xcp-busd $(patsubst tools/%.c,$(BUILD)/%,$(wildcard tools/xcp-*.c))
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test-*.c))
TEST_PROGS := $(patsubst tests/functional/progs/%.c,$(BUILD)/tests/functional/%,$(wildcard tests/functional/progs/*.c))
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(filter-out examples/task.c,$(wildcard examples/*.c)))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz-*.c))

all: $(PROGRAMS) $(XCPBUS_SO) $(EXAMPLES)

include hosted-xen/rules.mk
include bench/rules.mk
-include tests/interop/rules.mk
-include tests/xen/rules.mk
-include python-bindings/rules.mk
-include ocaml-bindings/rules.mk
-include tests/idl/rules.mk
include examples/rules.mk
include tools/rules.mk

# ---- objects ----
# Flags are part of what an object is made of.
$(BUILD)/obj/%.o: %.c Makefile config.mk
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $<")
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(COMMON_LIB): $(call obj,$(COMMON_SRC))
$(BUS_LIB): $(call obj,$(BUS_SRC))
$(COMMON_LIB) $(BUS_LIB):
	@mkdir -p $(@D)
	$(if $(V),,@echo "  AR      $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# One object, in which everything but the interface is local: names within the library are short.
$(BUILD)/libxcpbus.a: $(call obj,$(LIB_SRC))
	@mkdir -p $(@D)
	$(if $(V),,@echo "  AR      $@")
	$(Q)$(LD) -r -o $(BUILD)/obj/libxcpbus.o $^ && objcopy --localize-hidden $(BUILD)/obj/libxcpbus.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(BUILD)/obj/libxcpbus.o

# ---- programs and the library ----
$(BUILD)/xcp-busd: $(call obj,$(DAEMON_SRC)) $(BUS_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) $(LDHARDENING) -o $@ $^ $(EVENT_LIBS) $(EXPAT_LIBS) $(XEN_LIBS) $(XENCTRL_LIBS) -lpthread

xcp-busd: $(BUILD)/xcp-busd

$(BUILD)/xcp-bus-agent: $(call obj,tools/xcp-bus-agent.c $(wildcard tools/agent-*.c)) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) $(LDHARDENING) -o $@ $^ $(EVENT_LIBS) $(XEN_LIBS) -lpthread

$(BUILD)/xcp-bus-domain: $(call obj,tools/xcp-bus-domain.c) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) $(LDHARDENING) -o $@ $^ $(XEN_LIBS) -lpthread

$(XCPBUS_SO): $(call obj,$(LIB_SRC)) $(COMMON_LIB) libxcpbus/xcpbus.map
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,libxcpbus.so.0 -Wl,--version-script=libxcpbus/xcpbus.map \
		-Wl,-z,defs -o $@ $(filter %.o %.a,$^) $(DBUS_LIBS) $(EVENT_LIBS) $(XEN_LIBS) -lpthread $(if $(SANITIZE),-lasan -lubsan)
	$(Q)ln -sf libxcpbus.so.0 $(BUILD)/libxcpbus.so

# Examples are installed as they are, and find the header as programs outside of the tree do.
$(BUILD)/examples/%: $(BUILD)/obj/examples/%.o $(XCPBUS_SO)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -lxcpbus -Wl,-rpath,'$$ORIGIN/..' $(DBUS_LIBS) $(EVENT_LIBS)

$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(XEN_LIBS) -lpthread

# ---- tests ----
$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libxcpbus.a $(BUS_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(DBUS_LIBS) $(EVENT_LIBS) $(EXPAT_LIBS) $(XEN_LIBS) -lpthread

$(BUILD)/tests/unit/test-config: $(call obj,$(wildcard xcp-busd/config*.c))
$(BUILD)/tests/unit/test-metrics: $(call obj,$(wildcard xcp-busd/io/metrics-*.c))
$(BUILD)/tests/unit/test-journal: $(call obj,xcp-busd/io/journal.c xcp-busd/io/reason.c)
$(BUILD)/tests/unit/test-service-file: $(call obj,xcp-busd/io/service-file.c xcp-busd/io/spawn-command.c)
# Allocations go through the test, which makes them fail.
$(BUILD)/tests/unit/test-oom: LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=strdup

$(BUILD)/tests/functional/%: $(BUILD)/obj/tests/functional/progs/%.o $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(XEN_LIBS) -lpthread

# This one is on the library.
$(BUILD)/tests/functional/caller: $(BUILD)/obj/tests/functional/progs/caller.o $(BUILD)/libxcpbus.a $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(DBUS_LIBS) $(EVENT_LIBS) $(XEN_LIBS) -lpthread

# One after the other, also with -j: tests of one kind should not fight the other for the machine.
check: all $(UNIT_TESTS) $(TEST_PROGS) $(BENCHES)
	$(Q)scripts/run-unit $(UNIT_TESTS)
ifndef SANITIZE
	$(Q)scripts/check-layers $(BUILD)
	$(Q)scripts/check-symbols $(BUILD)
endif
	$(Q)$(PYTHON) -B -m pytest -q tests/functional --build=$(abspath $(BUILD)) \
		--ignore-glob='*/test_hosted*' --ignore-glob='*/test_fault*'

# All that scripts/check runs, built but not run.
tests: all $(UNIT_TESTS) $(TEST_PROGS) $(INTEROP_PROGRAMS) hosted-tests $(BENCHES)

unit: $(UNIT_TESTS)
	$(Q)scripts/run-unit $(UNIT_TESTS)

test-programs: $(TEST_PROGS)

# Fuzzers are clang's; they compile the sources anew with its instrumentation.
FUZZ_SECONDS ?= 600
FUZZ_FLAGS := -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
ON_XEN := $(addprefix common/,advert.c bus-finder.c dead-port.c ring-offer.c store.c stream-vchan.c)
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUS_SRC) $(COMMON_SRC)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  FUZZ    $@")
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu11 $(FUZZ_FLAGS) -o $@ $< $(FUZZ_MORE) $(BUS_SRC) $(filter-out $(ON_XEN),$(COMMON_SRC)) $(DBUS_LIBS)

$(BUILD)/fuzz/fuzz-config: FUZZ_MORE := $(wildcard xcp-busd/config*.c) $(EXPAT_LIBS)
$(BUILD)/fuzz/fuzz-config: $(wildcard xcp-busd/config*.c)
$(BUILD)/fuzz/fuzz-metrics-http: FUZZ_MORE := xcp-busd/io/metrics-http.c
$(BUILD)/fuzz/fuzz-metrics-http: xcp-busd/io/metrics-http.c
$(BUILD)/fuzz/fuzz-service-file: FUZZ_MORE := xcp-busd/io/service-file.c xcp-busd/io/spawn-command.c
$(BUILD)/fuzz/fuzz-service-file: xcp-busd/io/service-file.c xcp-busd/io/spawn-command.c

fuzzers: $(FUZZERS)

fuzz fuzz-quick: $(FUZZERS)
	$(Q)scripts/run-fuzz $(if $(filter fuzz-quick,$@),10,$(FUZZ_SECONDS)) $(FUZZERS)

# ---- manual pages, installation ----
MAN_PAGES := $(patsubst docs/man/%.scd,$(BUILD)/man/%,$(wildcard docs/man/*.scd))

$(BUILD)/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	$(if $(V),,@echo "  MAN     $@")
	$(Q)command -v scdoc >/dev/null || { echo "there is no scdoc, which makes the manual pages:" \
		"scripts/setup docs" >&2; exit 1; }
	$(Q)scdoc <$< >$@

man: $(MAN_PAGES)

# ---- the reference of the interfaces ----
IDL := $(wildcard idl/*.xml)
IDL_SRC := $(wildcard idl/xcpidl/*.py)

$(BUILD)/doc/index.html: $(IDL) $(IDL_SRC)
	$(if $(V),,@echo "  DOC     $(@D)")
	$(Q)rm -rf $(@D) && PYTHONPATH=idl $(PYTHON) -B -m xcpidl html -o $(@D) $(IDL)

doc: $(BUILD)/doc/index.html

# The number after .so is the ABI's, and is in the soname; the release follows it.
SO := libxcpbus.so.0.$(VERSION)
D = $(DESTDIR)
SYSTEM_PROGRAMS := $(BUILD)/xcp-busd $(BUILD)/xcp-bus-domain
INSTALLED_HX = $(D)$(LIBEXECDIR)/xcp-bus
INSTALLED_DOC = $(D)$(DATADIR)/doc/xcp-bus
INSTALLED_IDL = $(D)$(DATADIR)/xcp-bus
INSTALLED_COMPLETIONS = $(D)$(DATADIR)/bash-completion/completions

# What makes services of the daemon and the agent goes to where its kind is looked for.
SERVICE_DATA := $(wildcard data/*.d/* data/systemd/* data/udev/*)
place = $(D)$(patsubst %.in,%,$(patsubst data/%,$(PREFIX)/lib/%,$(patsubst \
	data/systemd/%,$(SYSTEMDDIR)/%,$(patsubst data/udev/%,$(UDEVDIR)/%,$(patsubst \
	data/init.d/%,$(SYSCONFDIR)/init.d/%,$(1))))))
SERVICE_FILES = $(foreach file,$(SERVICE_DATA),$(call place,$(file)))
INSTALLED_CONF = $(D)$(SYSCONFDIR)/xcp-bus

fill_in = sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	-e 's|@VERSION@|$(VERSION)|; s|@SBINDIR@|$(SBINDIR)|; s|@BINDIR@|$(BINDIR)|' \
	-e 's|@SYSCONFDIR@|$(SYSCONFDIR)|; s|@DATADIR@|$(DATADIR)|'

install: all man doc
	install -d $(D)$(SBINDIR) $(D)$(BINDIR) $(D)$(LIBDIR)/pkgconfig $(D)$(INCLUDEDIR) \
		$(INSTALLED_DOC)/docs $(INSTALLED_DOC)/examples $(INSTALLED_DOC)/html \
		$(INSTALLED_IDL)/idl $(INSTALLED_IDL)/xcpidl $(INSTALLED_COMPLETIONS) \
		$(INSTALLED_CONF)/conf.d $(sort $(dir $(SERVICE_FILES))) \
		$(addprefix $(D)$(MANDIR)/,man1 man3 man5 man8)
	install -m 755 $(SYSTEM_PROGRAMS) $(D)$(SBINDIR)
	install -m 755 $(filter-out $(SYSTEM_PROGRAMS),$(PROGRAMS)) $(D)$(BINDIR)
	install -m 644 $(XCPBUS_SO) $(D)$(LIBDIR)/$(SO)
	ln -sf $(SO) $(D)$(LIBDIR)/libxcpbus.so.0
	ln -sf libxcpbus.so.0 $(D)$(LIBDIR)/libxcpbus.so
	$(fill_in) libxcpbus/libxcpbus.pc.in >$(D)$(LIBDIR)/pkgconfig/libxcpbus.pc
	install -m 644 $(PUBLIC_HEADERS) $(D)$(INCLUDEDIR)
ifdef HX_FITS
	install -d $(INSTALLED_HX)/lib
	install -m 755 $(HX_PROGRAMS) $(INSTALLED_HX)
	install -m 644 $(HX_LIBS) $(INSTALLED_HX)/lib
	ln -srf $(INSTALLED_HX)/hx $(D)$(BINDIR)/hx
endif
	$(fill_in) idl/xcp-bus-idl | install -m 755 /dev/stdin $(D)$(BINDIR)/xcp-bus-idl
	install -m 644 data/bash-completion/* $(INSTALLED_COMPLETIONS)
	install -m 644 $(IDL) $(INSTALLED_IDL)/idl
	install -m 644 $(IDL_SRC) $(INSTALLED_IDL)/xcpidl
	install -m 644 $(BUILD)/doc/* $(INSTALLED_DOC)/html
	install -m 644 README.md NEWS.md $(INSTALLED_DOC)
	install -m 644 $(wildcard docs/*.md) $(INSTALLED_DOC)/docs
	install -m 644 data/xcp-busd.conf data/grafana/xcp-bus.json $(wildcard examples/*.[ch]) $(INSTALLED_DOC)/examples
	$(foreach page,$(MAN_PAGES),install -m 644 $(page) \
		$(D)$(MANDIR)/man$(subst .,,$(suffix $(page))) &&) true
	$(foreach file,$(SERVICE_DATA),$(fill_in) $(file) | install \
		-m $(if $(filter data/init.d/%,$(file)),755,644) /dev/stdin $(call place,$(file)) &&) true
	test -e $(INSTALLED_CONF)/xcp-busd.conf || \
		install -m 644 data/etc/xcp-busd.conf $(INSTALLED_CONF)
	$(if $(DESTDIR),,@echo "Nothing runs yet. What is left to do on a Xen host: $(INSTALLED_DOC)/docs/xen.md")

# A configuration that somebody has changed stays.
uninstall:
	rm -f $(D)$(BINDIR)/hx $(D)$(BINDIR)/xcp-bus-idl $(addprefix $(D)$(SBINDIR)/,$(notdir $(SYSTEM_PROGRAMS))) \
		$(addprefix $(D)$(BINDIR)/,$(notdir $(filter-out $(SYSTEM_PROGRAMS),$(PROGRAMS)))) \
		$(addprefix $(D)$(LIBDIR)/,$(SO) libxcpbus.so.0 libxcpbus.so) \
		$(D)$(LIBDIR)/pkgconfig/libxcpbus.pc \
		$(addprefix $(D)$(INCLUDEDIR)/,$(notdir $(PUBLIC_HEADERS))) \
		$(foreach page,$(notdir $(MAN_PAGES)),$(D)$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(page))
	rm -f $(SERVICE_FILES) $(patsubst data/bash-completion/%,$(INSTALLED_COMPLETIONS)/%,$(wildcard \
		data/bash-completion/*))
	! cmp -s data/etc/xcp-busd.conf $(INSTALLED_CONF)/xcp-busd.conf || \
		rm -f $(INSTALLED_CONF)/xcp-busd.conf
	! test -d $(INSTALLED_CONF) || \
		rmdir --ignore-fail-on-non-empty $(INSTALLED_CONF)/conf.d $(INSTALLED_CONF)
	rm -rf $(INSTALLED_HX) $(INSTALLED_DOC) $(INSTALLED_IDL)

format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf $(BUILD)

.PHONY: all xcp-busd check tests unit test-programs fuzzers fuzz fuzz-quick man doc install uninstall format clean
.SECONDARY:
.DELETE_ON_ERROR:

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
