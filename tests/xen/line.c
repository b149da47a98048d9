/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "line.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 16384
#define SENDING_MAX 65536 /* nothing is read while more than this waits to be sent */

static size_t queue_size(const struct queue *queue)
{
	return queue->end - queue->start;
}

static char *queue_grow(struct queue *queue, size_t size)
{
	if (queue->start == queue->end)
		queue->start = queue->end = 0;
	if (queue->end + size > queue->room) {
		memmove(queue->bytes, queue->bytes + queue->start, queue_size(queue));
		queue->end -= queue->start;
		queue->start = 0;
	}
	if (queue->end + size > queue->room) {
		queue->room = queue->end + size + CHUNK;
		queue->bytes = realloc(queue->bytes, queue->room);
		if (!queue->bytes)
			abort();
	}
	return queue->bytes + queue->end;
}

static void queue_add(struct queue *queue, const void *bytes, size_t size)
{
	if (!size)
		return;
	memcpy(queue_grow(queue, size), bytes, size);
	queue->end += size;
}

void line_init(struct line *line, struct libxenvchan *vchan)
{
	*line = (struct line){ .vchan = vchan };
	vchan->blocking = 0;
	/* queue_grow moves nothing from nowhere. */
	queue_grow(&line->received, CHUNK);
	queue_grow(&line->sending, CHUNK);
	for (unsigned i = 0; i < LINE_STREAMS; i++) {
		queue_grow(&line->streams[i].queue, CHUNK);
		line_set(line, i, -1, -1);
	}
}

void line_set(struct line *line, unsigned stream, int in, int out)
{
	struct stream *it = &line->streams[stream];

	it->in = in;
	it->out = out;
	it->is_socket = in >= 0 && in == out;
	it->credit = LINE_WINDOW;
	it->read_all = in < 0;
}

void line_send(struct line *line, enum frame_type type, unsigned stream, uint32_t number,
	       const void *bytes)
{
	struct frame frame = { .type = (uint8_t)type, .stream = (uint8_t)stream, .number = number };

	queue_add(&line->sending, &frame, sizeof(frame));
	if (bytes)
		queue_add(&line->sending, bytes, number);
}

static void stream_close(struct stream *stream)
{
	if (stream->in >= 0)
		close(stream->in);
	if (stream->out >= 0 && !stream->is_socket)
		close(stream->out);
	stream->in = stream->out = -1;
	stream->read_all = true;
	stream->queue.start = stream->queue.end = 0;
}

static void close_when_written(struct stream *stream)
{
	if (queue_size(&stream->queue))
		return;
	if (stream->closed) {
		stream_close(stream);
	} else if (stream->ended && stream->out >= 0) {
		if (stream->is_socket)
			shutdown(stream->out, SHUT_WR);
		else
			close(stream->out);
		stream->out = -1;
	}
}

/* Nobody is there any more: what comes later is thrown away, and the other side is told. */
static void on_gone(struct line *line, unsigned number)
{
	struct stream *stream = &line->streams[number];

	if (!stream->close_sent)
		line_send(line, FRAME_CLOSE, number, 0, NULL);
	stream->close_sent = true;
	stream_close(stream);
}

/* Pipes and files may be somebody else's too, so they are not made non-blocking: poll() has said
 * that there is room for this much. */
static ssize_t write_some(const struct stream *stream)
{
	const char *bytes = stream->queue.bytes + stream->queue.start;
	size_t size = queue_size(&stream->queue);

	if (stream->is_socket)
		return send(stream->out, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(stream->out, bytes, size < PIPE_BUF ? size : PIPE_BUF);
}

bool line_write_out(struct line *line, unsigned number)
{
	struct stream *stream = &line->streams[number];
	ssize_t size;

	if (stream->out < 0 || !queue_size(&stream->queue))
		return false;
	size = write_some(stream);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (size < 0) {
		on_gone(line, number);
		return false;
	}
	stream->queue.start += (size_t)size;
	line_send(line, FRAME_CREDIT, number, (uint32_t)size, NULL);
	close_when_written(stream);
	return true;
}

static short ask(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	return poll(&poll_fd, 1, 0) == 1 ? poll_fd.revents : 0;
}

/* False when there was nothing to be had. Does not wait if poll() says so. */
static bool read_in(struct line *line, unsigned number)
{
	struct stream *stream = &line->streams[number];
	size_t room = line->generous || stream->credit > CHUNK ? CHUNK : stream->credit;
	char bytes[CHUNK];
	ssize_t size;

	if (stream->read_all || !room)
		return false;
	size = read(stream->in, bytes, room);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (size > 0) {
		line_send(line, FRAME_DATA, number, (uint32_t)size, bytes);
		stream->credit -= (size_t)size < stream->credit ? (size_t)size : stream->credit;
		return true;
	}
	stream->read_all = true;
	if (stream->is_socket && ask(stream->in, 0))
		on_gone(line, number);
	else
		line_send(line, FRAME_END, number, 0, NULL);
	return false;
}

static void on_stream_frame(struct line *line, const struct frame *frame, const char *bytes)
{
	struct stream *stream = &line->streams[frame->stream % LINE_STREAMS];

	if (frame->type == FRAME_CREDIT) {
		stream->credit += frame->number;
	} else if (frame->type == FRAME_DATA && stream->out >= 0) {
		queue_add(&stream->queue, bytes, frame->number);
	} else if (frame->type == FRAME_END) {
		stream->ended = true;
		close_when_written(stream);
	} else if (frame->type == FRAME_CLOSE) {
		stream->closed = stream->close_sent = true;
		close_when_written(stream);
	}
}

static bool has_bytes(const struct frame *frame)
{
	return frame->type == FRAME_START || frame->type == FRAME_CONNECT ||
	       frame->type == FRAME_DATA;
}

/* One whole frame of what was received; false if there is none. */
static bool take_frame(struct line *line)
{
	struct queue *queue = &line->received;
	struct frame frame;
	size_t size = sizeof(frame);

	if (queue_size(queue) < size)
		return false;
	memcpy(&frame, queue->bytes + queue->start, sizeof(frame));
	if (has_bytes(&frame))
		size += frame.number;
	if (queue_size(queue) < size)
		return false;
	if (frame.type >= FRAME_DATA && frame.type <= FRAME_CLOSE)
		on_stream_frame(line, &frame, queue->bytes + queue->start + sizeof(frame));
	else
		line->on_frame(line, &frame, queue->bytes + queue->start + sizeof(frame));
	queue->start += size;
	return true;
}

static bool receive(struct line *line)
{
	int size = libxenvchan_read(line->vchan, queue_grow(&line->received, CHUNK), CHUNK);

	if (size < 0)
		line->broken = true;
	if (size <= 0)
		return false;
	line->received.end += (size_t)size;
	while (take_frame(line))
		;
	return true;
}

static bool transmit(struct line *line)
{
	struct queue *queue = &line->sending;
	int size;

	if (!queue_size(queue))
		return false;
	size = libxenvchan_write(line->vchan, queue->bytes + queue->start, queue_size(queue));
	if (size < 0) /* it may still have something for us to read */
		line->broken = libxenvchan_data_ready(line->vchan) <= 0;
	else
		queue->start += (size_t)size;
	return size > 0;
}

/* What nothing is wanted from is not looked at, or a hang-up would be told for ever. */
static struct pollfd poll_for_reading(const struct line *line, const struct stream *stream)
{
	bool may_read =
		queue_size(&line->sending) < SENDING_MAX && (stream->credit || line->generous);

	if (!stream->read_all)
		return (struct pollfd){ .fd = may_read ? stream->in : -1, .events = POLLIN };
	/* Its other direction may go on; that it is closed altogether has to be told. */
	return (struct pollfd){ .fd = stream->is_socket && !stream->close_sent ? stream->in : -1 };
}

/* That nobody reads a pipe any more is worth to know before there is something to write. */
static struct pollfd poll_for_writing(const struct stream *stream)
{
	bool has_more = queue_size(&stream->queue);

	if (stream->is_socket && !has_more)
		return (struct pollfd){ .fd = -1 };
	return (struct pollfd){ .fd = stream->out, .events = has_more ? POLLOUT : 0 };
}

void line_prepare(struct line *line, struct pollfd *polls)
{
	*polls++ =
		(struct pollfd){ .fd = libxenvchan_fd_for_select(line->vchan), .events = POLLIN };
	for (unsigned i = 0; i < LINE_STREAMS; i++) {
		const struct stream *stream = &line->streams[i];

		*polls++ = poll_for_reading(line, stream);
		*polls++ = poll_for_writing(stream);
	}
}

static void turn_stream(struct line *line, unsigned number, short in, short out)
{
	struct stream *stream = &line->streams[number];

	if (in && stream->read_all)
		on_gone(line, number);
	else if (in)
		read_in(line, number);
	if (out & POLLERR && !stream->is_socket)
		on_gone(line, number);
	else if (out)
		line_write_out(line, number);
}

void line_turn(struct line *line, const struct pollfd *polls)
{
	bool moved;

	if (polls[0].revents)
		libxenvchan_wait(line->vchan);
	for (unsigned i = 0; i < LINE_STREAMS; i++)
		turn_stream(line, i, polls[1 + 2 * i].revents, polls[2 + 2 * i].revents);
	do {
		moved = receive(line);
		moved |= transmit(line);
	} while (moved && !line->broken);
}

void line_drain(struct line *line)
{
	line->generous = true;
	for (unsigned i = 0; i < LINE_STREAMS; i++) {
		struct stream *stream = &line->streams[i];

		while (!stream->read_all && ask(stream->in, POLLIN) && read_in(line, i))
			;
	}
}

bool line_is_flushed(const struct line *line)
{
	return !queue_size(&line->sending);
}
