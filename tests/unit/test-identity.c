/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/identity.h"

#include <string.h>

#include "test.h"
#include "wire/syntax.h"

static struct identity identity;

static void groups_are_sorted_and_there_once(void)
{
	static const uint32_t given[] = { 27, 0, UINT32_MAX, 27, 1000, 0, 5 };

	memcpy(identity.gids, given, sizeof(given));
	identity.gid_count = sizeof(given) / sizeof(given[0]);
	identity_sort_groups(&identity);
	CHECK(identity.gid_count == 5);
	CHECK(identity.gids[0] == 0 && identity.gids[1] == 5 && identity.gids[2] == 27);
	CHECK(identity.gids[3] == 1000 && identity.gids[4] == UINT32_MAX);
}

static void no_groups_stay_none(void)
{
	identity.gid_count = 0;
	identity_sort_groups(&identity);
	CHECK(identity.gid_count == 0);
}

static void whatever_a_domain_is_called_is_printable(void)
{
	strcpy(identity.domain_name, "web server-1 \033[2J\n\303\274\377");
	identity_clean_name(&identity);
	CHECK(!strcmp(identity.domain_name, "web server-1 ?[2J????"));
	CHECK(syntax_is_utf8(identity.domain_name, strlen(identity.domain_name)));
}

int main(void)
{
	RUN(groups_are_sorted_and_there_once);
	RUN(no_groups_stay_none);
	RUN(whatever_a_domain_is_called_is_printable);
	return test_finish();
}
