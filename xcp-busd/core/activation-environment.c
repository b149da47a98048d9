/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The environment of what is started: kept here, and told to systemd for what it starts. */
#include "core/activation.h"

#include <errno.h>
#include <stdlib.h>

#include "core/answer.h"
#include "core/driver.h"

/* NAME=VALUE; NULL without memory. */
static char *make_entry(struct text key, struct text value)
{
	char *entry = malloc((size_t)key.size + value.size + 2);

	if (!entry)
		return NULL;
	memcpy(entry, key.bytes, key.size);
	entry[key.size] = '=';
	memcpy(entry + key.size + 1, value.bytes, (size_t)value.size + 1);
	return entry;
}

int activation_set_environment(struct activation_table *table, struct text key, struct text value)
{
	uint64_t size = (uint64_t)key.size + value.size + 2;
	char **environment, *entry;
	unsigned i;

	for (i = 0; i < table->environment_count; i++)
		if (!strncmp(table->environment[i], key.bytes, key.size) &&
		    table->environment[i][key.size] == '=')
			break;
	if (i < table->environment_count)
		size -= strlen(table->environment[i]) + 1;
	if (table->environment_size + size > ACTIVATION_ENVIRONMENT_MAX && (int64_t)size > 0)
		return ACTIVATION_ENVIRONMENT_FULL;
	entry = make_entry(key, value);
	environment =
		realloc(table->environment, (table->environment_count + 2) * sizeof(*environment));
	if (environment)
		table->environment = environment;
	if (!entry || !environment) {
		free(entry);
		return -ENOMEM;
	}
	if (i < table->environment_count)
		free(environment[i]);
	else
		environment[++table->environment_count] = NULL;
	environment[i] = entry;
	table->environment_size += size;
	return ACTIVATION_ENVIRONMENT_SET;
}

static uint32_t begin_set_environment(struct build *build, struct bus *bus, const char *to)
{
	build_init(build);
	build_header(build, &(struct build_head){
				    .type = MESSAGE_METHOD_CALL,
				    .flags = MESSAGE_NO_REPLY_EXPECTED,
				    .serial = driver_serial(bus),
				    .path = "/org/freedesktop/systemd1",
				    .interface = "org.freedesktop.systemd1.Manager",
				    .member = "SetEnvironment",
				    .destination = to,
				    .sender = DRIVER_NAME,
				    .signature = "as",
			    });
	return build_array(build, 4);
}

static int end_set_environment(struct build *build, struct bus *bus, struct peer *systemd,
			       uint32_t mark)
{
	uint8_t *bytes;
	uint32_t size;
	int r;

	build_array_end(build, mark);
	r = build_finish(build, &bytes, &size);
	if (r == 0)
		answer_send(bus, systemd, bytes, size);
	build_deinit(build);
	return r;
}

int activation_pass_variables(struct bus *bus, struct body_reader *pairs)
{
	struct peer *systemd = activation_find_systemd(bus);
	struct text key, value;
	struct build build;
	uint32_t end, mark;

	bus->activations.environment_is_owed |= !systemd && bus->settings.systemd_activation;
	if (!bus->settings.systemd_activation || !systemd || !body_enter_array(pairs, '{', &end))
		return 0;
	mark = begin_set_environment(&build, bus, systemd->name);
	while (body_read_array_pair(pairs, end, &key, &value)) {
		char *entry = make_entry(key, value);

		if (entry)
			build_string(&build, entry);
		else
			build.failure = -ENOMEM;
		free(entry);
	}
	return end_set_environment(&build, bus, systemd, mark);
}

void activation_pass_environment(struct bus *bus, struct peer *systemd)
{
	struct activation_table *table = &bus->activations;
	struct build build;
	uint32_t mark;
	unsigned i;

	if (!table->environment_is_owed)
		return;
	mark = begin_set_environment(&build, bus, ACTIVATION_SYSTEMD);
	for (i = 0; i < table->environment_count; i++)
		build_string(&build, table->environment[i]);
	table->environment_is_owed = end_set_environment(&build, bus, systemd, mark) < 0;
}
