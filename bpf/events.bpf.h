/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What user space is told at once: a source that begins to be refused, and a sample of the SYNs that do
 * not pass. The ring buffer never waits for its reader, and wakes nobody: a run reads it once a second.
 */
#pragma once

#include "maps.bpf.h"
#include "pace.bpf.h"
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

static __always_inline bool tell(const struct event *event)
{
	return !bpf_ringbuf_output(&events, (void *)event, sizeof(*event), BPF_RB_NO_WAKEUP);
}

/* Not static, so that the verifier looks at it once. */
__noinline int take_refused(const struct packet *pkt, int reason)
{
	const __u32 first = 0;
	struct sampler *sampler = bpf_map_lookup_elem(&samplers, &first);

	if (!sampler || !pkt)
		return 0;
	sampler->chosen = (struct event){
		.source = source_key(&pkt->source, pkt->family, pkt->destination_port),
		.weight = sampler->pace.drawn + 1,
		.port = pkt->destination_port,
		.kind = EVENT_SAMPLE,
		.reason = reason,
	};
	draw_next(&sampler->pace);
	tell(&sampler->chosen);
	return 0;
}

/* Shows user space some of the SYNs that do not pass. */
static __always_inline void sample_refused(const struct packet *pkt, enum reason reason)
{
	const __u32 first = 0;
	struct sampler *sampler = bpf_map_lookup_elem(&samplers, &first);

	if (sampler && is_drawn(&sampler->pace))
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
