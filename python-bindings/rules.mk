# SPDX-License-Identifier: LGPL-2.1-or-later
# The Python binding beside what else is built, and modules of all interface files. Included by the top
# Makefile. Programs find them by PYTHONPATH=$(BUILD)/python:$(BUILD)/idl/python.
#
#   make python          both
#   make python-golden   prints anew what tests/idl/golden/python has
PYTHON_SRC := $(wildcard python-bindings/*.py python-bindings/*.toml python-bindings/README.md \
	python-bindings/values/*.* python-bindings/xcpbus/*.*)

# In a copy, so that nothing is left among the sources.
$(BUILD)/python/built: $(PYTHON_SRC) python-bindings/rules.mk $(PUBLIC_HEADERS) | $(XCPBUS_SO)
	$(if $(V),,@echo "  PYTHON  $(@D)")
	$(Q)rm -rf $(@D) && mkdir -p $(@D)/src
	$(Q)cd python-bindings && cp --parents $(PYTHON_SRC:python-bindings/%=%) $(abspath $(@D))/src
	$(Q)cd $(@D)/src && CFLAGS='-O2 -Wall -Wextra -I$(CURDIR)/libxcpbus $(SANFLAGS)' \
		LDFLAGS='-L$(abspath $(BUILD)) -Wl,-rpath,$(abspath $(BUILD)) $(SANFLAGS)' \
		$(PYTHON) setup.py -q build --build-lib .. >../log 2>&1 || { cat ../log; exit 1; }
	$(Q)rm -rf $(@D)/src && touch $@

$(BUILD)/idl/python/printed: $(wildcard idl/*.xml tests/idl/good/*.xml idl/xcpidl/*.py)
	$(if $(V),,@echo "  IDL     $(@D)")
	$(Q)PYTHONPATH=idl $(PYTHON) -B -m xcpidl python -o $(@D) $(filter %.xml,$^)
	$(Q)touch $@

python: $(BUILD)/python/built $(BUILD)/idl/python/printed

python-golden:
	$(Q)PYTHONPATH=idl $(PYTHON) -B -m xcpidl python -o tests/idl/golden/python \
		tests/idl/good/org.example.torture1.xml

tests: python

.PHONY: python python-golden
