/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where metrics are to be had: a Unix socket, or a port that no other machine reaches. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static int fail(char why[CONFIG_WHY_MAX], const char *format, const char *text)
{
	snprintf(why, CONFIG_WHY_MAX, format, text);
	return -1;
}

/* They say which domains there are, and nobody has to say who he is to be told. */
static bool is_loopback(struct metrics_address *address)
{
	struct in_addr ipv4;
	struct in6_addr ipv6;

	if (!strcmp(address->host, "localhost"))
		strcpy(address->host, "127.0.0.1");
	if (inet_pton(AF_INET, address->host, &ipv4) == 1)
		return ntohl(ipv4.s_addr) >> 24 == 127;
	address->is_ipv6 = inet_pton(AF_INET6, address->host, &ipv6) == 1;
	return address->is_ipv6 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

static bool take_host(struct metrics_address *address, const char *text)
{
	return snprintf(address->host, sizeof(address->host), "%s", text) <
	       (int)sizeof(address->host);
}

static bool take_port(struct metrics_address *address, const char *text)
{
	unsigned long port;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	port = strtoul(text, &end, 10);
	address->port = (uint16_t)port;
	return !*end && port <= UINT16_MAX;
}

static int parse_tcp(char *keys, struct metrics_address *address, char why[CONFIG_WHY_MAX])
{
	bool has_port = false, is_good;
	char *key, *rest;

	strcpy(address->host, "127.0.0.1");
	for (key = strtok_r(keys, ",", &rest); key; key = strtok_r(NULL, ",", &rest)) {
		if (!strncmp(key, "host=", 5)) {
			is_good = take_host(address, key + 5);
		} else if (!strncmp(key, "port=", 5)) {
			is_good = take_port(address, key + 5);
			has_port = true;
		} else {
			return fail(why, "tcp: has no key '%.60s' (only host, port)", key);
		}
		if (!is_good)
			return fail(why, "tcp: cannot have %.60s", key);
	}
	if (!has_port)
		return fail(why, "tcp: without port=%s", "");
	if (!is_loopback(address))
		return fail(why,
			    "metrics are for this machine alone: host is 127.0.0.1, ::1 or "
			    "localhost, not %.60s",
			    address->host);
	address->kind = METRICS_TCP;
	return 0;
}

int config_set_metrics(struct config *config, const char *text, char why[CONFIG_WHY_MAX])
{
	struct metrics_address address = { 0 };
	struct address list[ADDRESS_LIST_MAX];
	char detail[ADDRESS_WHY_MAX], copy[128];
	int count;

	if (!strncmp(text, "tcp:", 4)) {
		if (snprintf(copy, sizeof(copy), "%s", text + 4) >= (int)sizeof(copy))
			return fail(why, "the address is too long: %.60s", text);
		if (parse_tcp(copy, &address, why) < 0)
			return -1;
		config->metrics = address;
		return 0;
	}
	if (strncmp(text, "unix:", 5) != 0)
		return fail(why, "metrics are at unix:path= or tcp:, not at %.60s", text);
	count = address_parse(text, list, detail);
	if (count != 1)
		return fail(why, "%s", count < 0 ? detail : "metrics are at one address");
	/* Such a name has no permissions. Who wants everybody to read them takes a port. */
	if (list[0].is_abstract)
		return fail(why,
			    "metrics are at unix:path=, for everybody could read them at %.60s",
			    text);
	address.kind = METRICS_UNIX;
	address.socket = list[0];
	config->metrics = address;
	return 0;
}
