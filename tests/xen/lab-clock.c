/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lab-clock: for each byte that it reads, the time of this domain in microseconds, in a line. A
 * domain's clock is its own; who asks a few times knows by how much it differs. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	struct timespec now;
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1) {
		clock_gettime(CLOCK_REALTIME, &now);
		printf("%" PRIu64 "\n",
		       (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
		fflush(stdout);
	}
	return 0;
}
