/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules and signals as they are meant, and a matcher that looks at a rule key by key, as the
 * specification has it: what core/match.c is compared with. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "core/rule.h"
#include "random.h"

enum { ARGS_MAX = 3, SENDERS = 3 };

/* A rule as it was meant, and as it was parsed. */
struct spec {
	const char *type, *sender, *interface, *member, *path, *path_namespace, *arg0_namespace;
	const char *destination, *eavesdrop;
	struct {
		unsigned index;
		bool is_path;
		const char *value;
	} args[ARGS_MAX];
	unsigned args_count;
	struct rule *rule; /* NULL: not in the index */
	unsigned found;
};

/* A signal as it was meant. */
struct sample {
	const char *interface, *member, *path;
	struct {
		char type; /* s, o, g or u */
		const char *value;
	} args[ARGS_MAX + 1];
	unsigned args_count;
	unsigned sender;
};

static const char *const interfaces[] = { "a.b", "a.c", "org.xen.VM" };
static const char *const members[] = { "M", "N", "NameOwnerChanged" };
static const char *const paths[] = { "/", "/a", "/a/b", "/a/bb", "/a/b/c", "/ab", "/b/b" };
static const char *const strings[] = { "",  "a",  "a.b", "a.b.c", "a.bc",  "ab",    "b",
				       "/", "/a", "/a/", "/a/b",  "/a/b/", "/a/bb", "a." };
static const char *const arg_paths[] = { "/", "/a", "/a/", "/a/b", "/a/b/", "a", "", "/ab/" };
static const char *const namespaces[] = { "a", "s", "a.b", "a.b.c", "ab", "b" };
static const char *const senders[] = { ":0.1",  ":5.2",  ":5.3",  "own.a",
				       "own.b", "own.c", "own.d", ":0.9" };

static inline const char *owner_of(const char *name)
{
	if (!strcmp(name, "own.a") || !strcmp(name, "own.b"))
		return senders[0];
	return !strcmp(name, "own.c") ? senders[1] : name;
}

static inline bool is_below(const char *text, const char *prefix, char separator)
{
	size_t size = strlen(prefix);

	if (strncmp(text, prefix, size) != 0)
		return false;
	return !text[size] || text[size] == separator || prefix[size - 1] == separator;
}

static inline bool ends_with_slash(const char *text)
{
	return *text && text[strlen(text) - 1] == '/';
}

static inline bool arg_meets(const struct spec *spec, unsigned i, const struct sample *sample)
{
	const char *wanted = spec->args[i].value, *given;
	unsigned index = spec->args[i].index;

	if (index >= sample->args_count)
		return false;
	given = sample->args[index].value;
	if (!spec->args[i].is_path)
		return sample->args[index].type == 's' && !strcmp(wanted, given);
	if (sample->args[index].type != 's' && sample->args[index].type != 'o')
		return false;
	return !strcmp(wanted, given) ||
	       (ends_with_slash(wanted) && !strncmp(given, wanted, strlen(wanted))) ||
	       (ends_with_slash(given) && !strncmp(wanted, given, strlen(given)));
}

static inline bool naive(const struct spec *spec, const struct sample *sample)
{
	unsigned i;

	if (spec->destination || (spec->type && strcmp(spec->type, "signal") != 0) ||
	    (spec->interface && strcmp(spec->interface, sample->interface) != 0) ||
	    (spec->member && strcmp(spec->member, sample->member) != 0) ||
	    (spec->path && strcmp(spec->path, sample->path) != 0) ||
	    (spec->path_namespace && !is_below(sample->path, spec->path_namespace, '/')) ||
	    (spec->sender && strcmp(owner_of(spec->sender), senders[sample->sender]) != 0))
		return false;
	if (spec->arg0_namespace && (!sample->args_count || sample->args[0].type != 's' ||
				     !is_below(sample->args[0].value, spec->arg0_namespace, '.')))
		return false;
	for (i = 0; i < spec->args_count; i++)
		if (!arg_meets(spec, i, sample))
			return false;
	return true;
}

static inline void print(char *text, size_t size, const char *name, const char *value)
{
	size_t used = strlen(text);

	if (value)
		snprintf(text + used, size - used, "%s%s='%s'", used ? "," : "", name, value);
}

static inline void spec_text(const struct spec *spec, char *text, size_t size)
{
	char name[32];
	unsigned i;

	text[0] = '\0';
	print(text, size, "type", spec->type);
	print(text, size, "sender", spec->sender);
	print(text, size, "interface", spec->interface);
	print(text, size, "member", spec->member);
	print(text, size, "path", spec->path);
	print(text, size, "path_namespace", spec->path_namespace);
	print(text, size, "arg0namespace", spec->arg0_namespace);
	print(text, size, "destination", spec->destination);
	print(text, size, "eavesdrop", spec->eavesdrop);
	for (i = 0; i < spec->args_count; i++) {
		snprintf(name, sizeof(name), "arg%u%s", spec->args[i].index,
			 spec->args[i].is_path ? "path" : "");
		print(text, size, name, spec->args[i].value);
	}
}

static inline void random_sample(struct random *random, struct sample *sample)
{
	static const char types[] = "ssssoug";
	unsigned i;

	*sample = (struct sample){ .interface = RANDOM_PICK(random, interfaces),
				   .member = RANDOM_PICK(random, members),
				   .path = RANDOM_PICK(random, paths),
				   .args_count = random_below(random, ARGS_MAX + 2),
				   .sender = random_below(random, SENDERS) };
	for (i = 0; i < sample->args_count; i++) {
		char type = types[random_below(random, sizeof(types) - 1)];

		sample->args[i].type = type;
		sample->args[i].value = type == 's'   ? RANDOM_PICK(random, strings)
					: type == 'o' ? RANDOM_PICK(random, paths)
						      : "s";
	}
}

static inline void random_args(struct random *random, struct spec *spec)
{
	unsigned index = spec->arg0_namespace ? 1 : 0;

	for (; index < ARGS_MAX; index++) {
		bool is_path = random_below(random, 2);

		if (random_below(random, 4))
			continue;
		spec->args[spec->args_count].index = index;
		spec->args[spec->args_count].is_path = is_path;
		spec->args[spec->args_count++].value =
			is_path ? RANDOM_PICK(random, arg_paths) : RANDOM_PICK(random, strings);
	}
}

static inline void random_spec(struct random *random, struct spec *spec)
{
	*spec = (struct spec){ 0 };
	if (random_below(random, 2))
		spec->type = random_below(random, 8) ? "signal" : "method_call";
	if (!random_below(random, 3))
		spec->sender = RANDOM_PICK(random, senders);
	if (!random_below(random, 3))
		spec->interface = RANDOM_PICK(random, interfaces);
	if (!random_below(random, 3))
		spec->member = RANDOM_PICK(random, members);
	if (!random_below(random, 4))
		spec->path = RANDOM_PICK(random, paths);
	else if (!random_below(random, 4))
		spec->path_namespace = RANDOM_PICK(random, paths);
	if (!random_below(random, 5))
		spec->arg0_namespace = RANDOM_PICK(random, namespaces);
	if (!random_below(random, 20))
		spec->destination = ":0.1";
	if (!random_below(random, 20))
		spec->eavesdrop = random_below(random, 2) ? "true" : "false";
	random_args(random, spec);
}
