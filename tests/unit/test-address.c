/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/address.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

static struct address list[ADDRESS_LIST_MAX];
static char why[ADDRESS_WHY_MAX];

/* Whether the text is refused with a sentence that has this in it. */
static bool is_refused(const char *text, const char *part)
{
	strcpy(why, "nothing");
	if (address_parse(text, list, why) == -EINVAL && strstr(why, part))
		return true;
	fprintf(stderr, "'%s' said: %s\n", text, why);
	return false;
}

static void a_unix_path_is_taken(void)
{
	CHECK(address_parse("unix:path=/run/xcp-bus/bus", list, why) == 1);
	CHECK(list[0].kind == ADDRESS_UNIX && !list[0].is_abstract);
	CHECK(!strcmp(list[0].path, "/run/xcp-bus/bus"));
	CHECK(!list[0].guid[0]);
}

static void an_abstract_name_is_taken(void)
{
	CHECK(address_parse("unix:abstract=a-name", list, why) == 1);
	CHECK(list[0].is_abstract && !strcmp(list[0].path, "a-name"));
}

static void a_vchan_has_defaults(void)
{
	CHECK(address_parse("vchan:", list, why) == 1);
	CHECK(list[0].kind == ADDRESS_VCHAN && !list[0].has_domid);
	CHECK(list[0].domid == 0 && list[0].ring_size == 0);
}

static void a_vchan_has_keys(void)
{
	CHECK(address_parse("vchan:domain=17,size=4096", list, why) == 1);
	CHECK(list[0].has_domid && list[0].domid == 17 && list[0].ring_size == 4096);
}

static void a_list_keeps_its_order(void)
{
	CHECK(address_parse("unix:path=/a;unix:abstract=b;vchan:domain=0", list, why) == 3);
	CHECK(!strcmp(list[0].path, "/a") && !strcmp(list[1].path, "b"));
	CHECK(list[2].kind == ADDRESS_VCHAN);
	CHECK(address_parse("unix:path=/a;", list, why) == 1);
}

static void escapes_are_undone(void)
{
	CHECK(address_parse("unix:path=/tmp/a%20b%2C%3b%c3%A9", list, why) == 1);
	CHECK(!strcmp(list[0].path, "/tmp/a b,;\xc3\xa9"));
}

static void bad_escapes_are_refused(void)
{
	CHECK(is_refused("unix:path=/tmp/%", "hexadecimal"));
	CHECK(is_refused("unix:path=/tmp/%4", "hexadecimal"));
	CHECK(is_refused("unix:path=/tmp/%4g", "hexadecimal"));
	CHECK(is_refused("unix:path=/tmp/a b", "%20"));
	CHECK(is_refused("unix:path=/tmp/%00", "NUL"));
}

static void a_guid_is_kept(void)
{
	const char *guid = "0123456789abcdef0123456789abcdef";

	CHECK(address_parse("unix:path=/a,guid=0123456789abcdef0123456789abcdef", list, why) == 1);
	CHECK(!strcmp(list[0].guid, guid));
	CHECK(is_refused("unix:path=/a,guid=0123", "32"));
	CHECK(is_refused("unix:path=/a,guid=0123456789abcdef0123456789abcdeg", "32"));
}

static void nonsense_is_named(void)
{
	CHECK(is_refused("", "empty"));
	CHECK(is_refused("/run/bus", "':'"));
	CHECK(is_refused(";unix:path=/a", "':'"));
	CHECK(is_refused("tcp:host=localhost", "tcp:"));
	CHECK(is_refused("unix:", "without"));
	CHECK(is_refused("unix:path", "key=value"));
	CHECK(is_refused("unix:path=", "empty"));
	CHECK(is_refused("unix:path=/a,path=/b", "not two"));
	CHECK(is_refused("unix:path=/a,abstract=b", "not two"));
	CHECK(is_refused("unix:path=/a,colour=red", "colour"));
	CHECK(is_refused("vchan:path=/a", "path"));
}

static void numbers_have_their_range(void)
{
	CHECK(is_refused("vchan:domain=", "0 to"));
	CHECK(is_refused("vchan:domain=-1", "0 to"));
	CHECK(is_refused("vchan:domain=x", "0 to"));
	CHECK(is_refused("vchan:domain=1x", "0 to"));
	CHECK(is_refused("vchan:domain=32752", "0 to"));
	CHECK(is_refused("vchan:domain=18446744073709551617", "0 to"));
	CHECK(is_refused("vchan:domain=1,domain=1", "once"));
	CHECK(is_refused("vchan:size=0", "1 to"));
	CHECK(is_refused("vchan:size=1048577", "1 to"));
	CHECK(is_refused("vchan:size=1,size=1", "once"));
	CHECK(address_parse("vchan:domain=32751,size=1048576", list, why) == 1);
}

static void lengths_have_their_limit(void)
{
	char text[200] = "unix:path=/";

	memset(text + strlen(text), 'a', ADDRESS_PATH_MAX - 1);
	CHECK(address_parse(text, list, why) == 1);
	CHECK(strlen(list[0].path) == ADDRESS_PATH_MAX);
	strcat(text, "a");
	CHECK(is_refused(text, "longer than 107"));
	text[0] = '\0';
	for (int i = 0; i <= ADDRESS_LIST_MAX; i++)
		strcat(text, "vchan:;");
	CHECK(is_refused(text, "more than 16"));
}

static void what_is_formatted_is_parsed_again(void)
{
	static const char *const texts[] = {
		"unix:path=/run/xcp-bus/bus",
		"unix:abstract=a%20b%25",
		"vchan:",
		"vchan:domain=3",
		"vchan:domain=0,size=4096",
		"vchan:size=4096",
		"vchan:guid=0123456789abcdef0123456789abcdef",
		"unix:path=/a,guid=0123456789abcdef0123456789abcdef",
	};
	char out[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		CHECK(address_parse(texts[i], list, why) == 1);
		CHECK(!strcmp(address_format(&list[0], out), texts[i]));
	}
}

int main(void)
{
	RUN(a_unix_path_is_taken);
	RUN(an_abstract_name_is_taken);
	RUN(a_vchan_has_defaults);
	RUN(a_vchan_has_keys);
	RUN(a_list_keeps_its_order);
	RUN(escapes_are_undone);
	RUN(bad_escapes_are_refused);
	RUN(a_guid_is_kept);
	RUN(nonsense_is_named);
	RUN(numbers_have_their_range);
	RUN(lengths_have_their_limit);
	RUN(what_is_formatted_is_parsed_again);
	return test_finish();
}
