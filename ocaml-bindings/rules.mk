# SPDX-License-Identifier: LGPL-2.1-or-later
# The OCaml bindings. Included by the top Makefile.
#
#   make ocaml           the library, in $(BUILD)/ocaml
#   make ocaml-tests     programs on it
#   make install-ocaml   where ocamlfind looks, or in OCAMLDIR; the C library has to be installed
DUNE ?= dune
OCAMLDIR ?= $(shell ocamlfind printconf destdir)

OCAML_BUILD := $(abspath $(BUILD))/ocaml
OCAML_LIB := $(OCAML_BUILD)/_build/install/default/lib
OCAML_SRC := $(wildcard ocaml-bindings/dune-project ocaml-bindings/*.opam $(addprefix ocaml-bindings/,lib/* lwt/*))
DUNE_BUILD := $(DUNE) build --root ocaml-bindings --build-dir $(OCAML_BUILD)/_build --display=quiet

OCAML_SANITIZER := $(if $(SANITIZE),$(call obj,tests/ocaml/sanitizer.c))

$(OCAML_BUILD)/built: $(OCAML_SRC) $(XCPBUS_SO) $(OCAML_SANITIZER)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  DUNE    xcpbus")
	$(Q)XCPBUS_CFLAGS='-I$(CURDIR)/libxcpbus $(SANFLAGS)' XCPBUS_LIBS='-L$(abspath $(BUILD)) -lxcpbus' \
		$(DUNE_BUILD) @install
	$(Q)touch $@

ocaml: $(OCAML_BUILD)/built

install-ocaml:
	$(DUNE_BUILD) @install
	$(DUNE) install --root ocaml-bindings --build-dir $(OCAML_BUILD)/_build \
		--prefix $(D)$(PREFIX) --libdir $(D)$(OCAMLDIR)

# ---- printed code, and programs on it ----
# The warnings are those of dune's dev profile, and are errors.
OCAML_WARNINGS := @1..3@5..28@30..39@43@46..47@49..57@61..62@67@69-40-41-42-44-45-48-58-59-60-66-70
OCAMLOPT = OCAMLPATH=$(OCAML_LIB):$$OCAMLPATH ocamlfind ocamlopt -g -w $(OCAML_WARNINGS) -thread
# Found where they were built.
OCAML_LINK = -linkpkg -ccopt '-L$(abspath $(BUILD)) -Wl,-rpath,$(abspath $(BUILD)) $(SANFLAGS)' \
	$(abspath $(OCAML_SANITIZER))

OCAML_IDL := $(wildcard idl/*.xml tests/idl/good/*.xml)

# All modules that the interface files make, compiled.
$(OCAML_BUILD)/idl/compiled: $(OCAML_IDL) $(wildcard idl/xcpidl/*.py) $(OCAML_BUILD)/built
	@mkdir -p $(@D)
	$(if $(V),,@echo "  OCAML   $(@D)")
	$(Q)PYTHONPATH=idl $(PYTHON) -B -m xcpidl ocaml -o $(@D) $(OCAML_IDL)
	$(Q)cd $(@D) && for file in *.ml; do \
		$(OCAMLOPT) -package xcpbus -c $${file}i $$file || exit 1; done
	$(Q)touch $@

OCAML_TESTS := $(addprefix $(OCAML_BUILD)/tests/,torture-server torture-client checks hostile with-lwt stock)

# Each in a folder of its own: what the compiler leaves has the names of the sources.
ocaml_program = $(Q)rm -rf $@.d && mkdir -p $@.d && cp $(filter %.ml,$^) $@.d && cd $@.d && \
	$(OCAMLOPT) -package $(1) $(OCAML_LINK) -I $(OCAML_BUILD)/idl \
	$(2) $(notdir $(filter %.ml,$^)) -o $@

$(OCAML_BUILD)/tests/torture-server: tests/idl/torture/ocaml/server.ml $(OCAML_BUILD)/idl/compiled
	$(if $(V),,@echo "  OCAML   $@")
	$(call ocaml_program,xcpbus.lwt,torture1.cmx)

$(OCAML_BUILD)/tests/torture-client: $(addprefix tests/idl/torture/ocaml/, \
		check.ml calls.ml signals.ml odd.ml client.ml) $(OCAML_BUILD)/idl/compiled
	$(if $(V),,@echo "  OCAML   $@")
	$(call ocaml_program,xcpbus,torture1.cmx)

$(OCAML_BUILD)/tests/checks: tests/ocaml/expect.ml tests/ocaml/checks.ml $(OCAML_BUILD)/built
	$(if $(V),,@echo "  OCAML   $@")
	$(call ocaml_program,xcpbus,)

$(OCAML_BUILD)/tests/hostile: tests/ocaml/expect.ml tests/ocaml/hostile.ml $(OCAML_BUILD)/idl/compiled
	$(if $(V),,@echo "  OCAML   $@")
	$(call ocaml_program,xcpbus,torture1.cmx)

$(OCAML_BUILD)/tests/with-lwt: tests/ocaml/expect.ml tests/ocaml/with_lwt.ml $(OCAML_BUILD)/built
	$(if $(V),,@echo "  OCAML   $@")
	$(call ocaml_program,xcpbus.lwt,)

# On obus, and without the bindings.
$(OCAML_BUILD)/tests/stock: tests/idl/torture/ocaml/stock.ml
	$(if $(V),,@echo "  OCAML   $@")
	$(call ocaml_program,obus$(comma)lwt.unix,)

ocaml-tests: $(OCAML_TESTS)
tests: ocaml-tests

.PHONY: ocaml ocaml-tests install-ocaml

idl-golden: idl-golden-ocaml
idl-golden-ocaml:
	$(Q)PYTHONPATH=idl $(PYTHON) -B -m xcpidl ocaml -o tests/idl/golden/ocaml \
		tests/idl/good/org.example.torture1.xml
.PHONY: idl-golden-ocaml
