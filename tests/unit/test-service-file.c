/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* .service files and the commands in them. */
#include "io/service-file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/spawn.h"
#include "test.h"

static struct service *service;
static char why[SERVICE_WHY_MAX];

/* What is in the file, or why not. */
static bool parse(const char *text)
{
	char *copy = strdup(text);
	int r;

	CHECK(copy);
	service_free(service);
	service = NULL;
	r = service_parse("x.service", copy, &service, why);
	free(copy);
	return r == 0;
}

static bool is_refused(const char *text, const char *with)
{
	if (parse(text) || strcmp(why, with) != 0)
		fprintf(stderr, "%s: %s\n", text, why);
	return !service && !strcmp(why, with);
}

static void all_keys_are_taken(void)
{
	CHECK(parse("[D-BUS Service]\nName=a.b\nExec=/bin/x\nUser=u\nSystemdService=b.service\n"));
	CHECK(!strcmp(service->path, "x.service") && !strcmp(service->name, "a.b"));
	CHECK(!strcmp(service->exec, "/bin/x") && !strcmp(service->user, "u"));
	CHECK(!strcmp(service->unit, "b.service"));
	CHECK(parse("[D-BUS Service]\nName=a.b\nSystemdService=b.service"));
	CHECK(!service->exec && !service->user);
}

static void blanks_comments_and_other_sections_do_not_matter(void)
{
	CHECK(parse("# Name=x.y\n\n[Other]\nName=x.z\n[D-BUS Service]\r\n  Name \t= a.b \r\n"
		    "Exec= /bin/x  y \nUnknown=\n[More]\nnonsense=\nName=x.w\n"));
	CHECK(!strcmp(service->name, "a.b") && !strcmp(service->exec, "/bin/x  y"));
	CHECK(parse("[D-BUS Service]\nName=a.b\nExec=a\\sb\\t\\\\c\n"));
	CHECK(!strcmp(service->exec, "a b\t\\c"));
}

static void what_is_wrong_is_told_with_its_line(void)
{
	CHECK(is_refused("", "x.service:2: there is no section [D-BUS Service]"));
	CHECK(is_refused("Name=a.b", "x.service:1: not in a section: Name=a.b"));
	CHECK(is_refused("[D-BUS Service", "x.service:1: a section without its closing bracket: "
					   "[D-BUS Service"));
	CHECK(is_refused("[D-BUS Service]\n\nx",
			 "x.service:3: neither a section, nor KEY=VALUE, nor a comment: x"));
	CHECK(is_refused("[D-BUS Service]\nName=a.b\nName=a.c", "x.service:3: given twice: Name"));
	CHECK(is_refused("[D-BUS Service]\nName=:1.5\nExec=x",
			 "x.service:4: not a name for a service: :1.5"));
	CHECK(is_refused("[D-BUS Service]\nName=a.b\nExec=\\", "x.service:3: a backslash stands "
							       "before something else than s n t "
							       "r \\ in Exec"));
	CHECK(is_refused("[D-BUS Service]\nName=a.b\nSystemdService=\xff", "x.service:1: not "
									   "UTF-8"));
	CHECK(is_refused("[D-BUS Service]\nName=a.b\nExec=x\nUser=", "x.service:5: User is empty"));
}

/* The words of a command with a bar between; NULL if it is refused. */
static const char *split(const char *command)
{
	static char words[256];
	const char *reason;
	char **arguments = spawn_parse_command(command, &reason), **argument;

	words[0] = '\0';
	for (argument = arguments; argument && *argument; argument++) {
		strcat(words, argument == arguments ? "" : "|");
		strcat(words, *argument);
	}
	CHECK(!arguments == (reason != NULL));
	spawn_free_arguments(arguments);
	return arguments ? words : NULL;
}

static void commands_are_split_as_by_a_shell_but_nothing_is_expanded(void)
{
	CHECK(!strcmp(split(" a  b\tc\n"), "a|b|c"));
	CHECK(!strcmp(split("'a b' \"c d\"e ''"), "a b|c de|"));
	CHECK(!strcmp(split("\"\\\"\\$\\x\" '\\' \\'"), "\"$\\x|\\|'"));
	CHECK(!strcmp(split("$HOME `ls` *;x|y>z # not this\nb"), "$HOME|`ls`|*;x|y>z|b"));
	CHECK(!strcmp(split("a#b \\\nc"), "a#b|c"));
	CHECK(!split("") && !split(" #") && !split("'a") && !split("\"a\\\"") && !split("a\\"));
}

static void commands_have_an_end(void)
{
	static char many[2 * 1024 + 2];
	const char *reason;
	size_t i;

	for (i = 0; i < 2 * 1024; i += 2)
		memcpy(many + i, "a ", 2);
	many[2 * 1024] = '\0';
	spawn_free_arguments(spawn_parse_command(many, &reason));
	CHECK(!reason);
	many[2 * 1024] = 'a';
	CHECK(!spawn_parse_command(many, &reason) && !strcmp(reason, "too many arguments"));
}

static void write_file(const char *path, const char *text, size_t size)
{
	FILE *file = fopen(path, "we");

	CHECK(file && fwrite(text, 1, size, file) == size && fclose(file) == 0);
}

static bool read_file(const char *path)
{
	service_free(service);
	service = NULL;
	return service_read(path, &service, why) == 0;
}

static void only_plain_files_are_read(void)
{
	static const char text[] = "[D-BUS Service]\nName=a.b\nExec=x\n#";
	static char large[SERVICE_FILE_MAX + 1];
	char folder[] = "/tmp/test-service-file.XXXXXX", path[64], link[64];

	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.service", folder);
	snprintf(link, sizeof(link), "%s/l.service", folder);
	CHECK(!read_file(path) && strstr(why, "No such file"));
	CHECK(symlink(path, link) == 0);
	memset(large, ' ', sizeof(large));
	memcpy(large, text, sizeof(text) - 1);
	write_file(path, large, SERVICE_FILE_MAX);
	CHECK(read_file(path) && read_file(link) && !strcmp(service->path, link));
	write_file(path, large, SERVICE_FILE_MAX + 1);
	CHECK(!read_file(path) && strstr(why, "longer than 64 KiB"));
	write_file(path, text, sizeof(text));
	CHECK(!read_file(path) && strstr(why, "not text"));
	CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0);
	CHECK(!read_file(path) && strstr(why, "not a file"));
	CHECK(unlink(path) == 0 && unlink(link) == 0 && symlink(link, link) == 0);
	CHECK(!read_file(link) && !read_file(folder) && !read_file("/dev/zero"));
	CHECK(unlink(link) == 0 && rmdir(folder) == 0);
}

int main(void)
{
	RUN(all_keys_are_taken);
	RUN(blanks_comments_and_other_sections_do_not_matter);
	RUN(what_is_wrong_is_told_with_its_line);
	RUN(commands_are_split_as_by_a_shell_but_nothing_is_expanded);
	RUN(commands_have_an_end);
	RUN(only_plain_files_are_read);
	service_free(service);
	return test_finish();
}
