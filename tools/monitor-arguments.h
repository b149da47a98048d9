/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values as people type them, put into a message by its signature.
 *
 * One word for each complete type. A text is what the word is, without quotes; a number is decimal
 * or 0x...; a boolean is true or false. Containers are written as in JSON: [1, 2], {"key": 3},
 * structures as [1, "a"] or (1, "a"); texts inside need their quotes only where ,:[](){} or blanks
 * at the end would be taken for something else. A variant is a number, a boolean, or a text, of the
 * type that it looks like, or {"type": "as", "value": ["x"]}.
 */
#pragma once

#include "libxcpbus/xcpbus.h"

/* -EINVAL, and error says which word is wrong and what is expected; -ENOMEM. The message is then of
 * no use any more. */
int arguments_append(DBusMessage *message, const char *signature, char *const *words,
		     unsigned count, struct xcpbus_error *error);
