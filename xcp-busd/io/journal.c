/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/journal.h"

#include <string.h>

/* A domid comes back as another domain, which inherits the book: it could have itself made anew all
 * day. */
static uint64_t key_of(const struct identity *who)
{
	return who->is_guest ? UINT64_C(2) << 32 | who->domid : UINT64_C(1) << 32 | who->uid;
}

static struct journal_book *find(struct journal *journal, uint64_t key, uint64_t now_us)
{
	unsigned i, unused = 0;

	for (i = 1; i < JOURNAL_BOOKS; i++)
		if (journal->keys[i] == key)
			return &journal->books[i];
	for (i = 1; i < JOURNAL_BOOKS && !unused; i++)
		if (!journal->keys[i] || rate_is_idle(&journal->books[i].rate, now_us))
			unused = i;
	journal->keys[unused] = unused ? key : 0;
	return &journal->books[unused];
}

static void add_domain(struct log_record *record, const struct journal_book *book)
{
	log_record_number(record, "domain", book->domid);
	if (book->is_guest && book->name[0])
		log_record_text(record, "name", book->name);
}

/* Programs that only come and go must not hide what is denied to them. */
static bool take(struct rate *rate, const char *event, uint64_t now_us, unsigned *lost)
{
	return strcmp(event, "ended") == 0 ? rate_take_minor(rate, now_us, lost)
					   : rate_take(rate, now_us, lost);
}

bool journal_begin(struct journal *journal, struct log_record *record, const char *event,
		   const struct identity *who, const char *link, uint64_t now_us)
{
	struct journal_book *book = find(journal, key_of(who), now_us);
	unsigned lost;

	book->is_guest = who->is_guest;
	book->domid = who->domid;
	book->uid = who->uid;
	memcpy(book->name, who->domain_name, sizeof(book->name));
	if (!take(&book->rate, event, now_us, &lost)) {
		journal->owing += book->rate.lost == 1;
		log_count_lost();
		return false;
	}
	log_record_begin(record, event);
	add_domain(record, book);
	if (link && *link)
		log_record_text(record, "link", link);
	if (!who->is_guest && who->pid)
		log_record_number(record, "pid", who->pid);
	if (!who->is_guest)
		log_record_number(record, "uid", who->uid);
	if (lost) {
		journal->owing--;
		log_record_number(record, "suppressed", lost);
	}
	return true;
}

static void say_lost(const struct journal *journal, const struct journal_book *book, unsigned lost)
{
	struct log_record record;

	log_record_begin(&record, "suppressed");
	if (book == &journal->books[0])
		log_record_text(&record, "domain", "several");
	else
		add_domain(&record, book);
	if (book != &journal->books[0] && !book->is_guest)
		log_record_number(&record, "uid", book->uid);
	log_record_number(&record, "suppressed", lost);
	log_record_text(&record, "what", "lines were left out: there were more than one a second");
	log_record_write(LOG_LEVEL_WARNING, &record);
}

bool journal_settle(struct journal *journal, uint64_t now_us)
{
	unsigned i, lost;

	for (i = 0; i < JOURNAL_BOOKS && journal->owing; i++) {
		if (!rate_settle(&journal->books[i].rate, now_us, &lost))
			continue;
		journal->owing--;
		say_lost(journal, &journal->books[i], lost);
	}
	return journal->owing;
}
