/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an Exec line means: words, quotes, backslashes, and no shell. */
#include <stdlib.h>
#include <string.h>

#include "io/spawn.h"

enum { ARGUMENTS_MAX = 1024 };

struct command {
	const char *at;
	char *word; /* being built: never longer than the whole */
	size_t size;
	bool has_word;
	char **arguments;
	unsigned count;
};

static void add_char(struct command *command, char c)
{
	command->word[command->size++] = c;
	command->has_word = true;
}

/* False without memory or with too many. */
static bool end_word(struct command *command)
{
	if (!command->has_word)
		return true;
	if (command->count == ARGUMENTS_MAX)
		return false;
	command->word[command->size] = '\0';
	command->arguments[command->count] = strdup(command->word);
	command->size = 0;
	command->has_word = false;
	return command->arguments[command->count++] != NULL;
}

/* Behind the opening quote; false if there is no closing one. */
static bool take_quoted(struct command *command, char quote)
{
	command->has_word = true; /* even if empty */
	for (; *command->at && *command->at != quote; command->at++) {
		if (quote == '"' && *command->at == '\\' && command->at[1] &&
		    strchr("\"\\$`\n", command->at[1]))
			command->at++;
		add_char(command, *command->at);
	}
	return *command->at != '\0';
}

/* Returns NULL, or what is wrong. */
static const char *split(struct command *command)
{
	for (; *command->at; command->at++) {
		char c = *command->at;

		if (c == '\'' || c == '"') {
			command->at++;
			if (!take_quoted(command, c))
				return "a quote is not closed";
		} else if (c == '\\') {
			if (!*++command->at)
				return "it ends in a backslash";
			if (*command->at != '\n')
				add_char(command, *command->at);
		} else if (strchr(" \t\n\r", c)) {
			if (!end_word(command))
				return "too many arguments";
		} else if (c == '#' && !command->has_word) {
			command->at += strcspn(command->at, "\n") - 1;
		} else {
			add_char(command, c);
		}
	}
	if (!end_word(command))
		return "too many arguments";
	return command->count ? NULL : "there is no program in it";
}

void spawn_free_arguments(char **arguments)
{
	char **argument;

	for (argument = arguments; argument && *argument; argument++)
		free(*argument);
	free(arguments);
}

char **spawn_parse_command(const char *text, const char **why)
{
	struct command command = {
		.at = text,
		.word = malloc(strlen(text) + 1),
		.arguments = calloc(ARGUMENTS_MAX + 1, sizeof(*command.arguments)),
	};

	*why = command.word && command.arguments ? split(&command) : "no memory";
	free(command.word);
	if (!*why)
		return command.arguments;
	spawn_free_arguments(command.arguments);
	return NULL;
}
