/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries of an a{sv} under way: what the bus answers when it is asked for many things at once.
 *
 *	mark = dict_begin(build);
 *	dict_uint32(build, "domid", 5);
 *	dict_end(build, mark);
 */
#pragma once

#include "wire/build.h"

static inline uint32_t dict_begin(struct build *build)
{
	return build_array(build, 8);
}

static inline void dict_end(struct build *build, uint32_t mark)
{
	build_array_end(build, mark);
}

/* An entry whose value, of that signature, follows. */
void dict_entry(struct build *build, const char *key, const char *signature);

void dict_bool(struct build *build, const char *key, bool value);
void dict_uint32(struct build *build, const char *key, uint32_t value);
void dict_uint64(struct build *build, const char *key, uint64_t value);
void dict_double(struct build *build, const char *key, double value);
void dict_string(struct build *build, const char *key, const char *value);
