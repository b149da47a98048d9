/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The grammar of names, paths and signatures (D-Bus specification, sections "Valid Names",
 * "Valid Object Paths", "Summary of types"). Sizes are without a terminating NUL; a NUL inside is
 * never valid. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SYNTAX_NAME_MAX = 255,
	SYNTAX_SIGNATURE_MAX = 255,
	SYNTAX_DEPTH_MAX = 32, /* of arrays, and of structs, each */
	SYNTAX_TOTAL_DEPTH_MAX = 64, /* of both and variants */
};

bool syntax_is_path(const char *text, size_t size);
bool syntax_is_interface(const char *text, size_t size);
bool syntax_is_error_name(const char *text, size_t size);
bool syntax_is_member(const char *text, size_t size);
bool syntax_is_bus_name(const char *text, size_t size); /* well-known or unique */
bool syntax_is_well_known_name(const char *text, size_t size);
/* As a bus name, but one element is enough: arg0namespace='com'. Unique names are not. */
bool syntax_is_namespace(const char *text, size_t size);
bool syntax_is_utf8(const char *text, size_t size);
bool syntax_is_signature(const char *text, size_t size); /* any number of complete types */

/* The length of the first complete type of a valid signature with size > 0; 0 if it is not valid.
 * Nesting is counted from 0. */
size_t syntax_type_length(const char *signature, size_t size);

/* 1, 2, 4 or 8; 0 for a character that begins no type. */
unsigned syntax_alignment(char type);
