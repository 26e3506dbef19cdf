/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What user space is told at once: a source that begins to be refused, and a sample of the SYNs that do
 * not pass. The ring buffer never waits for its reader, and wakes nobody: a run reads it once a second.
 *
 * The sample is random, and each one says how many SYNs it stands for. Each CPU takes one after a
 * number of SYNs that it draws around a mean, and sets the mean so that one comes in each
 * config.sample_spacing_ns. So a SYN that is not in the sample pays for a decrement, the sample covers
 * any second of a flood evenly from its first one on, and no pattern of the sender can avoid it.
 */
#pragma once

#include "maps.bpf.h"
#include "source.bpf.h"

/* struct event. The program writes, the run reads. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* Sources that began to be refused while the ring buffer was full. The program counts, the run reads.
 */
__u64 untold_sources SEC(".data.untold");

/* The program uses it. The run sets it back to zero when a mean turns out to be far too large. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct sampler);
	__uint(max_entries, 1);
} samplers SEC(".maps");

/* The mean grows and shrinks by this factor at most from one SYN of the sample to the next. */
#define SAMPLE_STEP 8
#define SAMPLE_MAX_MEAN (1 << 22)

static __always_inline bool tell(const struct event *event)
{
	return !bpf_ringbuf_output(&events, (void *)event, sizeof(*event), BPF_RB_NO_WAKEUP);
}

/* How many SYNs are to be between two of the sample, by how long the last ones took. */
static __always_inline __u32 sample_mean(__u32 mean, __u64 took_ns)
{
	__u64 spacing = config.sample_spacing_ns, next;

	if (took_ns < spacing / SAMPLE_STEP)
		took_ns = spacing / SAMPLE_STEP;
	if (took_ns > spacing * SAMPLE_STEP)
		took_ns = spacing * SAMPLE_STEP;
	next = took_ns ? mean * spacing / took_ns : 0;
	if (next > SAMPLE_MAX_MEAN)
		return SAMPLE_MAX_MEAN;
	return next ?: 1;
}

/* Not static, so that the verifier looks at it once. */
__noinline int take_refused(const struct packet *pkt, int reason)
{
	const __u32 first = 0;
	struct sampler *sampler = bpf_map_lookup_elem(&samplers, &first);
	__u64 now = bpf_ktime_get_ns();

	if (!sampler || !pkt)
		return 0;
	sampler->chosen = (struct event){
		.source = source_key(&pkt->source, pkt->family, pkt->destination_port),
		.weight = sampler->drawn + 1,
		.port = pkt->destination_port,
		.kind = EVENT_SAMPLE,
		.reason = reason,
	};
	sampler->mean = sample_mean(sampler->mean ?: 1, now - sampler->last);
	sampler->last = now;
	/* From half the mean up, and below one and a half. */
	sampler->drawn = sampler->mean / 2 + bpf_get_prandom_u32() % sampler->mean;
	sampler->left = sampler->drawn;
	tell(&sampler->chosen);
	return 0;
}

/* Shows user space some of the SYNs that do not pass. */
static __always_inline void sample_refused(const struct packet *pkt, enum reason reason)
{
	const __u32 first = 0;
	struct sampler *sampler = bpf_map_lookup_elem(&samplers, &first);

	if (!sampler)
		return;
	if (sampler->left)
		sampler->left--;
	else
		take_refused(pkt, reason);
}

/* A SYN of a source was dropped. Tells of the first one for long. */
static __always_inline void note_drop(const struct source_key *key, struct source *source,
				      enum reason reason)
{
	const struct event event = { .source = *key, .kind = EVENT_REFUSED, .reason = reason };
	__u64 now = bpf_ktime_get_coarse_ns(), last = source->last_drop;

	source->last_drop = now;
	if (last && (__s64)(now - last) < REFUSED_ANEW_NS)
		return;
	if (!tell(&event))
		__sync_fetch_and_add(&untold_sources, 1);
}
