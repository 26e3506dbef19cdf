// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer on bucket.h. An input is a limit, a clock and a list of waits. The model for comparison is
 * a bucket that counts its tokens in 128 bits and has no full_at.
 */
#include "bucket.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The maximum in config.rs: a bucket that takes 2^62 ns to fill (146 years). */
#define MAX_CAPACITY (1ULL << 62)
/* Even with the longest input, far below the 2^63 ns at which a bucket's time wraps. */
#define MAX_WAIT ((1ULL << 48) - 1)

struct input {
	__u64 interval_ns;
	__u64 burst;
	__u64 now;
	__u64 waits[];
};

struct model {
	unsigned __int128 held; /* tokens, as the time that they took to refill */
	struct limit limit;
};

static bool model_take(struct model *model, __u64 waited)
{
	model->held += waited;
	if (model->held > model->limit.capacity_ns)
		model->held = model->limit.capacity_ns;
	if (model->held < model->limit.interval_ns)
		return false;
	model->held -= model->limit.interval_ns;
	return true;
}

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Makes a limit that config.rs would accept. */
static struct limit make_limit(const struct input *input)
{
	__u64 interval = input->interval_ns % MAX_CAPACITY + 1;
	__u64 burst = input->burst % (MAX_CAPACITY / interval) + 1;

	if (burst > MAX_CAPACITY / interval)
		burst = MAX_CAPACITY / interval;
	return (struct limit){ interval, burst * interval };
}

static void take(struct model *model, __u64 *full_at, __u64 now, __u64 waited)
{
	__u64 before = *full_at;
	__u64 wait_ns;
	enum bucket_answer answer = bucket_take(full_at, &model->limit, now, &wait_ns);

	require(answer == (model_take(model, waited) ? BUCKET_TAKEN : BUCKET_EMPTY));
	if (answer == BUCKET_EMPTY) {
		require(*full_at == before);
		require(wait_ns == model->limit.interval_ns - (__u64)model->held);
	}
	require(bucket_missing(*full_at, now) == model->limit.capacity_ns - (__u64)model->held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input head;
	struct model model;
	__u64 now, full_at;

	if (len < sizeof(head))
		return -1;
	memcpy(&head, data, sizeof(head));
	model.limit = make_limit(&head);
	model.held = model.limit.capacity_ns;
	now = head.now;

	/* The first token, as when take_token() enters a source. */
	full_at = bucket_after_first(&model.limit, now);
	require(model_take(&model, 0));
	for (size_t at = sizeof(head); at + sizeof(__u64) <= len; at += sizeof(__u64)) {
		__u64 wait;

		memcpy(&wait, data + at, sizeof(wait));
		/* The top bit chooses the scale: half intervals, or any time. */
		wait = wait >> 63 ? wait % 4 * model.limit.interval_ns / 2 : wait;
		wait &= MAX_WAIT;
		now += wait;
		take(&model, &full_at, now, wait);
	}
	return 0;
}
