/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vchan-threads server|client PEER PATH COUNT
 *
 * COUNT threads, each with a ring of its own at PATH0, PATH1, ..., in blocking mode: the servers
 * echo, the clients check. "ready" when all rings are offered, "ok" when all went well.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libxenvchan.h>

enum { THREADS_MAX = 16, ROUNDS = 200, SIZE = 20000, TRIES = 3000 };

struct worker {
	pthread_t thread;
	bool server;
	int peer;
	char path[100];
	const char *problem; /* NULL: none */
	char sent[SIZE], received[SIZE];
};

static pthread_barrier_t offered;

static const char *echo(struct worker *worker)
{
	struct libxenvchan *ring =
		libxenvchan_server_init(NULL, worker->peer, worker->path, 4096, 65536);
	const char *problem = ring ? NULL : "server_init";
	int got = 0;

	pthread_barrier_wait(&offered);
	if (!ring)
		return problem;
	ring->blocking = -1; /* one signed bit */
	while ((got = libxenvchan_read(ring, worker->received, SIZE)) > 0) {
		if (libxenvchan_send(ring, worker->received, (size_t)got) == got)
			continue;
		/* Larger than the ring: in parts. */
		for (int done = 0, put; done < got; done += put) {
			put = libxenvchan_write(ring, worker->received + done,
						(size_t)(got - done));
			if (put <= 0)
				break;
		}
	}
	libxenvchan_close(ring);
	return NULL;
}

static struct libxenvchan *dial(const struct worker *worker)
{
	struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < TRIES; i++) {
		struct libxenvchan *ring =
			libxenvchan_client_init(NULL, worker->peer, worker->path);

		if (ring || errno != ENOENT)
			return ring;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static const char *check(struct worker *worker)
{
	struct libxenvchan *ring = dial(worker);
	const char *problem = NULL;

	if (!ring)
		return "client_init";
	ring->blocking = -1; /* one signed bit */
	for (int round = 0; round < ROUNDS && !problem; round++) {
		size_t size = (size_t)(1 + round * 17) % 4000;
		int got = 0;

		memset(worker->sent, round, size);
		if (libxenvchan_send(ring, worker->sent, size) != (int)size)
			problem = "send";
		else if (size)
			got = libxenvchan_recv(ring, worker->received, size);
		if (!problem && (got != (int)size || memcmp(worker->sent, worker->received, size)))
			problem = "other bytes came back";
	}
	libxenvchan_close(ring);
	return problem;
}

static void *work(void *context)
{
	struct worker *worker = context;

	worker->problem = worker->server ? echo(worker) : check(worker);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	int count = argc == 5 ? atoi(argv[4]) : 0, result = 0;
	bool server = count && strcmp(argv[1], "server") == 0;

	if (count < 1 || count > THREADS_MAX)
		return 2;
	pthread_barrier_init(&offered, NULL, (unsigned)count + 1);
	for (int i = 0; i < count; i++) {
		workers[i].server = server;
		workers[i].peer = atoi(argv[2]);
		snprintf(workers[i].path, sizeof(workers[i].path), "%s%d", argv[3], i);
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return 1;
	}
	if (server) {
		pthread_barrier_wait(&offered);
		printf("ready\n");
		fflush(stdout);
	}
	for (int i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].problem) {
			fprintf(stderr, "%s: %s\n", workers[i].path, workers[i].problem);
			result = 1;
		}
	}
	if (result == 0)
		printf("ok\n");
	return result;
}
