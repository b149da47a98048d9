# SPDX-License-Identifier: LGPL-2.1-or-later
# Hosted Xen: hx, hxd, and the libraries that stand in for Xen's. Included by the top Makefile. They
# stand in for those of Debian's release of Xen: with another Xen, make leaves them out.
HX_FITS := $(filter 4.17.%,$(XEN_VERSION))

HX_BUILD := $(BUILD)/hosted-xen
HX_WARNINGS := -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla
# The libraries are loaded into programs and xenstoreds that know nothing of our sanitizers, so
# only the programs are built with them.
HX_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. $(XEN_CFLAGS) $(HX_WARNINGS) $(CFLAGS)
HX_LIB_CFLAGS = $(filter-out -fsanitize=% -fno-sanitize%,$(HX_CFLAGS)) -fPIC -shared
HX_CC = $(if $(V),,@echo "  HX      $@"; )$(CC)

HX_PROGRAMS := $(HX_BUILD)/hx $(HX_BUILD)/hxd
HX_SONAMES := $(addprefix $(HX_BUILD)/lib/,libxengnttab.so.1 libxenevtchn.so.1 libxenctrl.so.4.17)
HX_LIBS := $(HX_SONAMES) $(HX_BUILD)/lib/libhx-xenstored.so
HX_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/hosted/*.c))

ifdef HX_FITS
all: hosted-xen
endif
hosted-xen: $(HX_PROGRAMS) $(HX_LIBS)
hosted-tests: hosted-xen $(HX_TESTS)
.PHONY: all hosted-xen hosted-tests

HX_HEADERS := $(wildcard hosted-xen/*.h)
HXD_SRC := $(addprefix hosted-xen/,hxd.c handle.c domain.c process.c grant.c evtchn.c state.c \
	xenstored.c xenbus.c xenbus-message.c store-ring.c bytes.c)
HX_SRC := $(addprefix hosted-xen/,hx.c hx-instance.c hx-domain.c hx-store.c libhx.c)

$(HX_BUILD)/hxd: $(HXD_SRC) $(HX_HEADERS)
	@mkdir -p $(@D)
	$(HX_CC) $(HX_CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $(HXD_SRC)

$(HX_BUILD)/hx: $(HX_SRC) $(HX_HEADERS)
	@mkdir -p $(@D)
	$(HX_CC) $(HX_CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $(HX_SRC) $(filter -L% -lxenstore,$(XEN_LIBS))

$(HX_BUILD)/lib/libxengnttab.so.1: hosted-xen/libhx-gnttab.c hosted-xen/gnttab.map
$(HX_BUILD)/lib/libxenevtchn.so.1: hosted-xen/libhx-evtchn.c hosted-xen/evtchn.map
$(HX_BUILD)/lib/libxenctrl.so.4.17: hosted-xen/libhx-xenctrl.c hosted-xen/xenctrl.map
$(HX_SONAMES): hosted-xen/libhx.c $(HX_HEADERS)
	@mkdir -p $(@D)
	$(HX_CC) $(HX_LIB_CFLAGS) -Wl,-soname,$(@F) -Wl,--version-script=$(filter %.map,$^) \
		-o $@ $(filter %.c,$^)

# Preloaded into the xenstoreds, in front of the real libraries.
HX_HOOK_SRC := $(addprefix hosted-xen/,libhx.c libhx-gnttab.c libhx-evtchn.c libhx-xenctrl.c \
	libhx-xenstored.c)
$(HX_BUILD)/lib/libhx-xenstored.so: $(HX_HOOK_SRC) $(HX_HEADERS)
	@mkdir -p $(@D)
	$(HX_CC) $(HX_LIB_CFLAGS) -o $@ $(HX_HOOK_SRC)

# The test programs use the real headers and libraries; hx run puts ours underneath.
$(BUILD)/tests/hosted/%: tests/hosted/%.c
	@mkdir -p $(@D)
	$(HX_CC) $(HX_CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $< $(XEN_LIBS) $(XENCTRL_LIBS) \
		-lpthread
