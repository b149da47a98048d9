/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/dict.h"

void dict_entry(struct build *build, const char *key, const char *signature)
{
	build_struct(build);
	build_string(build, key);
	build_variant(build, signature);
}

void dict_bool(struct build *build, const char *key, bool value)
{
	dict_entry(build, key, "b");
	build_bool(build, value);
}

void dict_uint32(struct build *build, const char *key, uint32_t value)
{
	dict_entry(build, key, "u");
	build_uint32(build, value);
}

void dict_uint64(struct build *build, const char *key, uint64_t value)
{
	dict_entry(build, key, "t");
	build_uint64(build, value);
}

void dict_double(struct build *build, const char *key, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	dict_entry(build, key, "d");
	build_uint64(build, bits);
}

void dict_string(struct build *build, const char *key, const char *value)
{
	dict_entry(build, key, "s");
	build_string(build, value);
}
