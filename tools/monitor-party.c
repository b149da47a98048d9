/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-party.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool domain_is_called(const char *wanted, int64_t domid, const char *name)
{
	uint64_t number;

	if (domid < 0)
		return false;
	if (!strcmp(wanted, "dom0"))
		return domid == 0;
	if (parse_number(wanted, &number) == 0)
		return (uint64_t)domid == number;
	return name && !strcmp(name, wanted);
}

static bool is_word(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_.:+-?";

	return !text[strspn(text, plain)];
}

/* Who may choose the name of a domain may choose one that looks like more than that: " -> ". */
const char *domain_text(int64_t domid, const char *domain)
{
	static char text[512];
	char name[256], *quote;

	if (domid < 0)
		return "";
	if (domid == 0)
		return "dom0";
	snprintf(name, sizeof(name), "%s", domain ? domain : "");
	for (quote = name; (quote = strchr(quote, '"'));)
		*quote = '\'';
	snprintf(text, sizeof(text), is_word(name) ? "%s(%" PRId64 ")" : "\"%s\"(%" PRId64 ")",
		 name, domid);
	return text;
}

char *party_text(const struct party *party)
{
	const char *name = party->name ? party->name : party->unique ? party->unique : "nobody";
	const char *domain = domain_text(party->domid, party->domain);
	char *text;

	if (asprintf(&text, "%s%s%s", name, *domain ? "@" : "", domain) < 0)
		text = NULL;
	return need(text);
}

void put_party(FILE *out, const struct party *party)
{
	char *text = party_text(party);

	put_text(out, text, strlen(text), 0);
	free(text);
}

void json_party_open(struct json *json, const char *key, const struct party *party)
{
	json_open(json, key, '{');
	json_text(json, "unique", party->unique);
	json_text(json, "name", party->name);
	json_maybe(json, "domid", party->domid);
	json_text(json, "domain", party->domain);
}

void json_party(struct json *json, const char *key, const struct party *party)
{
	json_party_open(json, key, party);
	json_close(json, '}');
}
