/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the client share. */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "torture1.h"

struct check_case {
	const char *name; /* NULL: the end */
	void (*run)(void);
};

extern const struct check_case calls_cases[], signals_cases[], odd_cases[];

extern struct xcpbus *bus;
extern struct xcpbus_error error; /* of the last call */

/* Says once what is wrong; the case has failed. */
#define CHECK(condition) check((condition), __FILE__, __LINE__, #condition)
/* The same, and says the error of the last call. */
#define WORKS(call) check_call((call), __FILE__, __LINE__, #call)

bool check(bool is_good, const char *file, int line, const char *text);
bool check_call(int r, const char *file, int line, const char *text);

/* Whether they are the same on the bus, doubles by their bits. */
bool is_same_everything(const struct torture1_everything *one,
			const struct torture1_everything *other);
bool is_same_shape(const struct torture1_shape *one, const struct torture1_shape *other);
bool is_same_tree(const struct torture1_tree *one, const struct torture1_tree *other);
bool is_same_any(DBusMessage *one, DBusMessage *other);

/* Runs callbacks until it is true; gives up after 30 s. */
bool wait_until(const bool *is_done);

/* EchoBasic with a number, and nothing else in it. */
int echo_number(const struct xcpbus_target *target, int64_t number, int64_t *result);
