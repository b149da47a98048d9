/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of the load generator. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum kind { KIND_CALL, KIND_CALL_REPLY, KIND_SIGNAL };
enum rule_kind { RULE_MEMBER, RULE_PATH, RULE_NAMESPACE, RULE_ARG0 };

struct options {
	const char *address;
	enum kind kind;
	size_t size; /* of the string that is the body; 0: no body */
	unsigned batch, window, receivers;
	unsigned rules; /* that match nothing, on a connection of their own */
	enum rule_kind rule_kind;
	uint64_t count, warm_up; /* messages */
	double seconds; /* if count is 0 */
	pid_t pid; /* whose CPU time to report; 0: nobody's */
	bool serve; /* answer calls from elsewhere, for ever */
	const char *to; /* call this name instead of a receiver of our own */
	bool raw; /* the far end is the relay: no authentication, no names */
};

/* Ends the program on a bad command line, and after --help. */
void options_parse(struct options *options, int argc, char **argv);
