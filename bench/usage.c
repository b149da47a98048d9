/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench/usage.h"

#include <dirent.h>
#include <stdio.h>

static uint64_t thread_cpu_ns(pid_t pid, const char *tid)
{
	unsigned long long ns = 0;
	char path[320];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, tid);
	file = fopen(path, "re");
	if (!file)
		return 0; /* a thread that has just ended */
	if (fscanf(file, "%llu", &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

uint64_t usage_cpu_ns(pid_t pid)
{
	const struct dirent *entry;
	uint64_t ns = 0;
	char path[64];
	DIR *tasks;

	if (pid == 0)
		return 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return 0;
	while ((entry = readdir(tasks))) {
		if (entry->d_name[0] != '.')
			ns += thread_cpu_ns(pid, entry->d_name);
	}
	closedir(tasks);
	return ns;
}
