/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as a .service file: refused with a sentence, or a service whose parts can be used; and
 * its Exec line, or else the text itself, as a command. */
#include "io/service-file.h"

#include <stdlib.h>
#include <string.h>

#include "io/spawn.h"
#include "wire/syntax.h"

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void split(const char *command)
{
	const char *why = NULL;
	char **arguments = spawn_parse_command(command, &why);
	size_t total = 0, i;

	CHECK(arguments ? arguments[0] && !why : why && *why);
	/* Nothing is ever added to what is written. */
	for (i = 0; arguments && arguments[i]; i++)
		total += strlen(arguments[i]);
	CHECK(total <= strlen(command));
	spawn_free_arguments(arguments);
}

static void use(const struct service *service)
{
	size_t size = strlen(service->name);

	CHECK(syntax_is_well_known_name(service->name, size));
	CHECK(service->exec || service->unit);
	CHECK(!service->user || *service->user);
	CHECK(!service->unit || syntax_is_utf8(service->unit, strlen(service->unit)));
	if (service->exec)
		split(service->exec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[SERVICE_WHY_MAX] = "";
	struct service *service = NULL;
	char *text;

	if (size > SERVICE_FILE_MAX || memchr(data, '\0', size))
		return 0; /* service_read refuses these */
	text = malloc(size + 1);
	CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	split(text);
	if (service_parse("fuzz.service", text, &service, why) == 0)
		use(service);
	else
		CHECK(!strncmp(why, "fuzz.service:", 13) && memchr(why, '\0', sizeof(why)));
	service_free(service);
	free(text);
	return 0;
}
