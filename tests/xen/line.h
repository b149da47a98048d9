/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line between lab-run in dom0 and lab-guest in a guest: one vchan for each program that runs.
 *
 * What is under test has no part in it. Frames carry the bytes of up to three streams, which are
 * the program's standard input (a socket, so it has both directions), output and error, and what
 * has to be said about the program. A stream has credit: nobody who does not read holds up the
 * others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxenvchan.h>

/* The guest publishes its lines at <LINE_DIR>/<number>; "next" is the one that waits to be
 * taken. */
#define LINE_DIR "/local/domain/%u/data/lab"
#define LINE_RING 16384
#define LINE_WINDOW 65536
#define LINE_STREAMS 3

enum frame_type {
	FRAME_START, /* guest <-: flags, then the words, each with a NUL behind it */
	FRAME_CONNECT, /* guest <-: path of a Unix socket */
	FRAME_STARTED, /* -> dom0: the pid */
	FRAME_DATA,
	FRAME_CREDIT, /* number: so many bytes were taken off our hands */
	FRAME_END, /* no more on this stream; the other direction stays */
	FRAME_CLOSE, /* and nobody reads it any more either */
	FRAME_SIGNAL, /* guest <-: number */
	FRAME_EXIT, /* -> dom0: number is the status as of wait() */
};

enum {
	START_NO_INPUT = 1, /* /dev/null */
	START_ONE_SOCKET = 2, /* output goes where input comes from */
	START_PIPE = 4, /* input is a pipe, not a socket */
};

struct frame {
	uint8_t type, stream;
	uint16_t unused;
	uint32_t number; /* of bytes that follow, for START, CONNECT and DATA */
};

struct queue {
	char *bytes;
	size_t start, end, room;
};

struct stream {
	int in, out; /* read from, written to, or -1 */
	bool is_socket; /* both are the same */
	size_t credit; /* what may be sent of what is read from in */
	struct queue queue; /* what is to be written to out */
	bool ended, closed; /* by the other side, once queue is empty */
	bool read_all; /* in has come to its end */
	bool close_sent;
};

struct line {
	struct libxenvchan *vchan;
	struct queue received, sending;
	struct stream streams[LINE_STREAMS];
	bool broken; /* the other side is gone */
	bool generous; /* credit plays no part any more: the program has ended */
	/* Everything but streams. The bytes are there until it returns. */
	void (*on_frame)(struct line *line, const struct frame *frame, const char *bytes);
};

void line_init(struct line *line, struct libxenvchan *vchan);
void line_send(struct line *line, enum frame_type type, unsigned stream, uint32_t number,
	       const void *bytes);
void line_set(struct line *line, unsigned stream, int in, int out);

/* Fill pollfd entries: the vchan's, then one for reading and one for writing of each stream. */
#define LINE_POLLS (1 + 2 * LINE_STREAMS)
struct pollfd;
void line_prepare(struct line *line, struct pollfd *polls);
/* After poll(): moves what can be moved. */
void line_turn(struct line *line, const struct pollfd *polls);

/* The program has ended: takes up what it has written, whatever the credit. */
void line_drain(struct line *line);
bool line_is_flushed(const struct line *line);
/* Writes some of the queue of a stream; false if nothing can be written now. */
bool line_write_out(struct line *line, unsigned stream);
