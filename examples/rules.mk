# SPDX-License-Identifier: LGPL-2.1-or-later
# The examples on printed code. Included by the top Makefile. Those in C are built with the rest.
#
#   make demo   what scripts/demo runs: also those in OCaml, and the Python binding
$(BUILD)/obj/examples/%.o: CPPFLAGS += -Ilibxcpbus -I$(BUILD)/idl/c

$(call obj,examples/xenopsd.c examples/task.c): $(addprefix $(BUILD)/idl/c/, \
	xenopsd1.h squeezed1.h storage1.h task1.h)
$(BUILD)/examples/xenopsd: $(call obj,examples/task.c) \
	$(addprefix $(BUILD)/obj/idl/,xenopsd1.o squeezed1.o storage1.o task1.o)

# Modules of interfaces, and programs made of them, each in a folder of its own.
OCAML_EXAMPLES := $(BUILD)/examples/xapi $(BUILD)/examples/squeezed
$(BUILD)/examples/xapi: $(addprefix idl/org.xen.xcp.,xenopsd1.xml Task1.xml) examples/trace.ml examples/xapi.ml
$(BUILD)/examples/squeezed: idl/org.xen.xcp.squeezed1.xml examples/trace.ml examples/squeezed.ml

$(OCAML_EXAMPLES): $(OCAML_BUILD)/built $(wildcard idl/xcpidl/*.py)
	$(if $(V),,@echo "  OCAML   $@")
	$(Q)rm -rf $@.d && mkdir -p $@.d && cp $(filter %.ml,$^) $@.d
	$(Q)$(XCP_BUS_IDL) ocaml -o $@.d $(filter %.xml,$^)
	$(Q)cd $@.d && $(OCAMLOPT) -package xcpbus $(OCAML_LINK) -o $(abspath $@) \
		$$(ocamlfind ocamldep -sort *.mli *.ml)

# For programs of one's own: whoever says ". BUILD/env" finds what is here as if it was installed.
$(BUILD)/env: examples/rules.mk libxcpbus/libxcpbus.pc.in
	$(Q)sed -e '/^prefix=/d; s|@LIBDIR@|$(abspath $(BUILD))|; s|@INCLUDEDIR@|$(CURDIR)/libxcpbus|' \
		-e 's|@VERSION@|$(VERSION)|' libxcpbus/libxcpbus.pc.in >$(BUILD)/libxcpbus.pc
	$(Q)printf 'export %s\n' >$@ \
		'PATH=$(abspath $(BUILD)):$(abspath $(BUILD))/hosted-xen:$(CURDIR)/idl:$$PATH' \
		'LD_LIBRARY_PATH=$(abspath $(BUILD))' 'PKG_CONFIG_PATH=$(abspath $(BUILD))' \
		'OCAMLPATH=$(OCAML_LIB):' 'PYTHONPATH=$(abspath $(BUILD))/python'

demo: all $(OCAML_EXAMPLES) python $(BUILD)/env
tests: demo

.PHONY: demo
