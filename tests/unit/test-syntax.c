/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/syntax.h"

#include <dbus/dbus.h>
#include <string.h>

#include "test.h"

static bool is(bool (*predicate)(const char *text, size_t size), const char *text)
{
	return predicate(text, strlen(text));
}

static const char *repeat(char *buffer, const char *unit, unsigned times, const char *end)
{
	size_t size = strlen(unit), i;

	for (i = 0; i < times; i++)
		memcpy(buffer + i * size, unit, size);
	memcpy(buffer + times * size, end, strlen(end) + 1);
	return buffer;
}

static void paths(void)
{
	static const char *const good[] = { "/",          "/a",
					    "/a/b",       "/org/xen/xcp/_1",
					    "/0",         "/aaaaaaaa/b",
					    "/aaaaaaa/b", "/aaaaaa/bbbbbbbbbbbbbbbb" };
	static const char *const bad[] = {
		"",     "a",        "//",        "/a/",       "/a//b",
		"/a-b", "/a.b",     "/a b",      "/\303\244", "/aaaaaa//bbbbbbb",
		"a/b",  "/aaaaaa/", "/aaaaaaa/", "/aaaaaaaa/"
	};
	char text[1100];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(is(syntax_is_path, good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!is(syntax_is_path, bad[i]));
	/* Paths have no limit but the message's. */
	CHECK(is(syntax_is_path, repeat(text, "/abc", 256, "")));
	CHECK(!syntax_is_path("/a\0b", 4));
}

static void interfaces(void)
{
	static const char *const good[] = { "a.b",     "org.freedesktop.DBus", "_.a",      "a1.b2_",
					    "A.B.C.D", "aaaaaaaa.b",           "aaaaaaa.b" };
	static const char *const bad[] = { "",      "a",     ".a.b",       "a.b.",
					   "a..b",  "1a.b",  "a.1b",       "a-b.c",
					   "a.b c", ":a.b",  "aaaaaaa.1b", "aaaaaaaa.1b",
					   "a/b.c", "a.b\n", "\303\244.a", "aaaaaaa..b" };
	char text[300];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(is(syntax_is_interface, good[i]));
		CHECK(is(syntax_is_error_name, good[i]));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(!is(syntax_is_interface, bad[i]));
		CHECK(!is(syntax_is_error_name, bad[i]));
	}
	CHECK(is(syntax_is_interface, repeat(text, "a.", 127, "a"))); /* 255 */
	CHECK(!is(syntax_is_interface, repeat(text, "a.", 127, "ab"))); /* 256 */
}

static void members(void)
{
	static const char *const good[] = { "a", "_", "Frobate2", "a1", "aaaaaaaaaaaaaaaaa" };
	static const char *const bad[] = { "",    "1a", "a.b",        "a-b",
					   "a b", "a/", "aaaaaaaaa.", "aaaaaaaa\177" };
	char text[300];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(is(syntax_is_member, good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!is(syntax_is_member, bad[i]));
	CHECK(is(syntax_is_member, repeat(text, "a", 255, "")));
	CHECK(!is(syntax_is_member, repeat(text, "a", 256, "")));
}

static void bus_names(void)
{
	static const char *const known[] = { "a.b", "org.xen.xcp.xenopsd1", "-.-", "a-b.c-1",
					     "_a._1" };
	static const char *const unique[] = { ":1.0", ":5.123", ":a.b",
					      ":-.-", ":1.2.3", ":0.12345678" };
	static const char *const bad[] = { "",     ":",    ":1",    "1.a",  "a.1", "a",
					   ".a.b", "a.b.", "a..b",  ":.1",  ":1.", ":1..2",
					   "a.b:", "a:.b", "::1.2", "a/b.c" };
	char text[300];
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		CHECK(is(syntax_is_bus_name, known[i]));
		CHECK(is(syntax_is_well_known_name, known[i]));
		CHECK(is(syntax_is_namespace, known[i]));
	}
	for (i = 0; i < sizeof(unique) / sizeof(unique[0]); i++) {
		CHECK(is(syntax_is_bus_name, unique[i]));
		CHECK(!is(syntax_is_well_known_name, unique[i]));
		CHECK(!is(syntax_is_namespace, unique[i]));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!is(syntax_is_bus_name, bad[i]));
	CHECK(is(syntax_is_namespace, "com") && !is(syntax_is_bus_name, "com"));
	CHECK(!is(syntax_is_namespace, "") && !is(syntax_is_namespace, "com."));
	CHECK(is(syntax_is_bus_name, repeat(text, ":", 1, repeat(text + 1, "1.", 126, "12"))));
	CHECK(is(syntax_is_well_known_name, repeat(text, "a.", 127, "a")));
	CHECK(!is(syntax_is_well_known_name, repeat(text, "a.", 127, "ab")));
	CHECK(!is(syntax_is_namespace, repeat(text, "a", 256, "")));
}

/* Each byte at each position of texts that are long enough for every path through the code. */
static void each_byte_at_each_place_is_judged_as_libdbus_does(void)
{
	static const char *const texts[] = {
		"a.b",       "ab.cd12",          "abc.defg", "org.xen.xcp", "org.freedesktop.DBus_",
		":1.234567", "/org/xen/xcp/x",   "abcdefgh", "/",           "ab",
		"abc",       "a.bcdefghijklmnop"
	};
	char text[64];
	size_t i, k, size;
	int byte;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size = strlen(texts[i]);
		for (k = 0; k < size; k++) {
			for (byte = 1; byte < 256; byte++) {
				memcpy(text, texts[i], size + 1);
				text[k] = (char)byte;
				CHECK(syntax_is_path(text, size) == dbus_validate_path(text, NULL));
				CHECK(syntax_is_interface(text, size) ==
				      dbus_validate_interface(text, NULL));
				CHECK(syntax_is_member(text, size) ==
				      dbus_validate_member(text, NULL));
				CHECK(syntax_is_well_known_name(text, size) ==
				      (text[0] != ':' && dbus_validate_bus_name(text, NULL)));
			}
			memcpy(text, texts[i], size + 1);
			text[k] = '\0';
			CHECK(!syntax_is_path(text, size) && !syntax_is_interface(text, size));
			CHECK(!syntax_is_member(text, size) && !syntax_is_bus_name(text, size));
		}
	}
}

static void compare_with_libdbus(const char *text, size_t size)
{
	CHECK(syntax_is_path(text, size) == dbus_validate_path(text, NULL));
	CHECK(syntax_is_interface(text, size) == dbus_validate_interface(text, NULL));
	CHECK(syntax_is_error_name(text, size) == dbus_validate_error_name(text, NULL));
	CHECK(syntax_is_member(text, size) == dbus_validate_member(text, NULL));
	/* libdbus does not ask for two elements in a unique name. */
	CHECK(syntax_is_bus_name(text, size) ==
	      (dbus_validate_bus_name(text, NULL) &&
	       (text[0] != ':' || (text[1] != '.' && memchr(text, '.', size)))));
}

/* Names of every length up to beyond two vectors, spoilt in every place and pair of places. */
static void names_of_every_length_are_judged_as_libdbus_does(void)
{
	static const char *const bases[] = {
		"org.xen.xcp.a_b1.C2d3.eeeeeeeeeeeee.fffffffffffffffff.g",
		"/org/xen/xcp/1/2ddd/eeeeeeeeeeeeeeee/f/ggggggggggggggggg",
		"Member_of_55_characters_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"-a-b.c-d.e---ffffffffffffffffffffffff-g.h-1-iiiiiiiiiii"
	};
	static const char marks[] = "./-1_:aZ@[`{ \377";
	char text[64];

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		for (size_t size = 1; size <= strlen(bases[i]); size++) {
			memcpy(text, bases[i], size);
			text[size] = '\0';
			compare_with_libdbus(text, size);
			for (size_t at = 0; at < size; at++) {
				for (const char *mark = marks; *mark; mark++) {
					text[at] = *mark;
					compare_with_libdbus(text, size);
					if (at + 1 < size) {
						text[at + 1] = *mark;
						compare_with_libdbus(text, size);
						text[at + 1] = bases[i][at + 1];
					}
				}
				text[at] = bases[i][at];
			}
		}
	}
}

static void utf8(void)
{
	static const char *const good[] = { "",
					    "a",
					    "12345678",
					    "123456789",
					    "\303\244",
					    "1234567\303\2448",
					    "\342\202\254",
					    "\360\237\230\200",
					    "\357\277\277",
					    "\357\267\220", /* noncharacters are characters */
					    "\364\217\277\277",
					    "\177",
					    "\355\237\277",
					    "\356\200\200" };
	static const char *const bad[] = { "\200",
					   "\303",
					   "\303a",
					   "\300\200",
					   "\301\277",
					   "\340\237\277",
					   "\355\240\200",
					   "\360\217\277\277",
					   "\364\220\200\200",
					   "\365\200\200\200",
					   "\342\202",
					   "\360\237\230",
					   "1234567\303",
					   "12345678\377",
					   "\370\210\200\200\200",
					   "\342\202a",
					   "\360\237a\200",
					   "\303\303" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(is(syntax_is_utf8, good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!is(syntax_is_utf8, bad[i]));
}

/* One bad byte, or one long character, at each place of texts of each length. */
static void utf8_of_every_length(void)
{
	char text[80];
	size_t i, size;

	for (size = 1; size <= 70; size++) {
		memset(text, 'x', sizeof(text));
		CHECK(syntax_is_utf8(text, size));
		for (i = 0; i < size; i++) {
			text[i] = '\0';
			CHECK(!syntax_is_utf8(text, size));
			text[i] = '\377';
			CHECK(!syntax_is_utf8(text, size));
			memcpy(text + i, "\342\202\254", 3);
			CHECK(syntax_is_utf8(text, size) == (i + 3 <= size));
			memset(text + i, 'x', 3);
		}
	}
}

/* All sequences of up to four bytes from those where the rules change. */
static void utf8_is_judged_as_libdbus_does(void)
{
	static const unsigned char edges[] = { 0x01, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
					       0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
					       0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff };
	const unsigned n = sizeof(edges);
	unsigned i;
	char text[6] = { 0 };

	for (i = 0; i < n * n * n * n; i++) {
		text[0] = (char)edges[i % n];
		text[1] = (char)edges[i / n % n];
		text[2] = (char)edges[i / n / n % n];
		text[3] = (char)edges[i / n / n / n];
		CHECK(is(syntax_is_utf8, text) == dbus_validate_utf8(text, NULL));
	}
}

static void signatures(void)
{
	static const char *const good[] = { "",          "y",     "ybnqiuxtdsoghv", "as",
					    "a{sv}",     "(i)",   "aa(ii)s",        "a{s(iv)}",
					    "a{sa{sv}}", "((i))", "a{yy}",          "av" };
	static const char *const bad[] = { "a",      "()",    "(",     ")",      "(i",    "i)",
					   "{ss}",   "a{s}",  "a{}",   "a{sss}", "a{vs}", "a{(i)s}",
					   "a{asi}", "z",     "aaaaa", "a{s",    "a{ss",  "a(",
					   "a{",     "r",     "e",     "a{s)v}", "(i}",   "a)",
					   "(a)",    "a{sa}", " ",     "*" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(is(syntax_is_signature, good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!is(syntax_is_signature, bad[i]));
	CHECK(!syntax_is_signature("i\0i", 3));
}

static void signatures_have_limits(void)
{
	char text[600];

	CHECK(is(syntax_is_signature, repeat(text, "y", 255, "")));
	CHECK(!is(syntax_is_signature, repeat(text, "y", 256, "")));
	CHECK(is(syntax_is_signature, repeat(text, "a", 32, "y")));
	CHECK(!is(syntax_is_signature, repeat(text, "a", 33, "y")));
	repeat(text + 32, ")", 32, "");
	memcpy(text, repeat((char[40]){ 0 }, "(", 31, "(y"), 33);
	repeat(text + 33, ")", 32, "");
	CHECK(is(syntax_is_signature, text));
	memcpy(text, repeat((char[40]){ 0 }, "(", 32, "(y"), 34);
	repeat(text + 34, ")", 33, "");
	CHECK(!is(syntax_is_signature, text));
}

static void the_first_type_has_a_length(void)
{
	CHECK(syntax_type_length("i", 1) == 1);
	CHECK(syntax_type_length("ii", 2) == 1);
	CHECK(syntax_type_length("a{sv}i", 6) == 5);
	CHECK(syntax_type_length("aas", 3) == 3);
	CHECK(syntax_type_length("(i(ss)a(i))x", 12) == 11);
	CHECK(syntax_type_length("a", 1) == 0);
	CHECK(syntax_type_length("", 0) == 0);
	CHECK(syntax_type_length("z", 1) == 0);
}

static void types_have_alignments(void)
{
	const char *at;

	for (at = "ygv"; *at; at++)
		CHECK(syntax_alignment(*at) == 1);
	for (at = "nq"; *at; at++)
		CHECK(syntax_alignment(*at) == 2);
	for (at = "biuhsoa"; *at; at++)
		CHECK(syntax_alignment(*at) == 4);
	for (at = "xtd({"; *at; at++)
		CHECK(syntax_alignment(*at) == 8);
	for (at = ")}zre\377"; *at; at++)
		CHECK(syntax_alignment(*at) == 0);
}

/* All signatures of up to five characters out of those that matter. */
static void short_signatures_are_judged_as_libdbus_does(void)
{
	static const char types[] = "isv(){}ay";
	const unsigned n = sizeof(types) - 1;
	unsigned size, i, k, rest, all = 1;
	char text[6];

	for (size = 1; size <= 5; size++) {
		all *= n;
		for (i = 0; i < all; i++) {
			for (k = 0, rest = i; k < size; k++, rest /= n)
				text[k] = types[rest % n];
			text[size] = '\0';
			CHECK(is(syntax_is_signature, text) == dbus_signature_validate(text, NULL));
		}
	}
}

int main(void)
{
	RUN(paths);
	RUN(interfaces);
	RUN(members);
	RUN(bus_names);
	RUN(each_byte_at_each_place_is_judged_as_libdbus_does);
	RUN(names_of_every_length_are_judged_as_libdbus_does);
	RUN(utf8);
	RUN(utf8_of_every_length);
	RUN(utf8_is_judged_as_libdbus_does);
	RUN(signatures);
	RUN(signatures_have_limits);
	RUN(short_signatures_are_judged_as_libdbus_does);
	RUN(the_first_type_has_a_length);
	RUN(types_have_alignments);
	return test_finish();
}
