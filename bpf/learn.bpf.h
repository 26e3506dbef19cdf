/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the learner is told: a sample of the SYNs that may not pass unasked, and of those that a
 * connection came of. No state is kept for a forged SYN: of all that may be answered, a sample lies in
 * a table until others displace it, and charge() looks there whether it has the SYN of its connection.
 */
#pragma once

#include "pace.bpf.h"
#include "rules.bpf.h"

/* Longer than any answer takes. */
#define KEPT_SYN_S 10

/* struct lesson. The program writes, the run reads. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} lessons SEC(".maps");

/* Lessons that came while the ring buffer was full. The program counts, the run reads. */
__u64 lost_lessons SEC(".data.lessons");

/* The program uses it; the run sets it back to zero while no flood is on, so that a flood's means are
 * not those of peace. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct tutor);
	__uint(max_entries, 1);
} tutors SEC(".maps");

/* By the upper bits of the flow's hash. Only the program uses it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct kept_syn);
	__uint(max_entries, 1 << KEPT_SYNS_BITS);
} kept_syns SEC(".maps");

static __always_inline struct tutor *tutor(void)
{
	const __u32 first = 0;

	return bpf_map_lookup_elem(&tutors, &first);
}

static __always_inline void tell_lesson(const struct lesson *lesson)
{
	if (bpf_ringbuf_output(&lessons, (void *)lesson, sizeof(*lesson), BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&lost_lessons, 1);
}

/* Neither is static, so that the verifier looks at each once. */
__noinline int tell_refused(struct xdp_md *ctx, const struct packet *pkt)
{
	struct tutor *next = tutor();

	if (!pkt || !next)
		return 0;
	draw_next(&next->refused);
	next->told = (struct lesson){
		.source = pkt->source,
		.family = pkt->family,
		.kind = LESSON_REFUSED,
		.rule = pkt->rule,
	};
	if (!read_syn_words(ctx, pkt, &next->told.syn))
		return 0;
	tell_lesson(&next->told);
	return 0;
}

__noinline int keep_for_answer(struct xdp_md *ctx, const struct packet *pkt)
{
	struct tutor *next = tutor();
	struct syn_words syn = {};
	struct kept_syn *kept;
	__u64 flow;
	__u32 slot;

	if (!pkt || !next)
		return 0;
	draw_next(&next->kept);
	if (!read_syn_words(ctx, pkt, &syn))
		return 0;
	flow = flow_of(pkt);
	slot = flow >> (64 - KEPT_SYNS_BITS);
	kept = bpf_map_lookup_elem(&kept_syns, &slot);
	if (!kept)
		return 0;
	kept->flow = 0; /* whoever reads it meanwhile finds none */
	kept->syn = syn;
	kept->second = coarse_second(bpf_ktime_get_coarse_ns());
	kept->flow = flow;
	return 0;
}

/* Samples a SYN that is to pass or to be challenged, or would be. */
static __always_inline void sample_syn(struct xdp_md *ctx, const struct packet *pkt, enum reason reason)
{
	struct tutor *next;

	if (!config.learns)
		return;
	next = tutor();
	if (!next)
		return;
	if (!reason_passes(reason) && is_drawn(&next->refused))
		tell_refused(ctx, pkt);
	if (is_drawn(&next->kept))
		keep_for_answer(ctx, pkt);
}

/* The SYN of a flow, if it was kept just now. */
static __always_inline const struct syn_words *recall_syn(__u64 flow, __u64 now)
{
	__u32 slot = flow >> (64 - KEPT_SYNS_BITS);
	const struct kept_syn *kept = bpf_map_lookup_elem(&kept_syns, &slot);

	return kept && kept->flow == flow && coarse_second(now) - kept->second < KEPT_SYN_S ? &kept->syn
											    : NULL;
}

/* A connection stands. */
static __always_inline void tell_connection(const struct addr *source, __u8 family, __u64 flow,
					    __u64 now)
{
	__u32 place = rule_heads.in_use ? recall_match(flow, now) : 0, index = place - 1;
	const struct syn_words *syn = config.learns ? recall_syn(flow, now) : NULL;
	struct lesson lesson = { .source = *source, .family = family, .kind = LESSON_ANSWERED };
	struct rule_counts *counts;

	/* Who answers must be compared with all who do. */
	if (!syn && !rule_heads.in_use)
		return;
	if (syn)
		lesson.syn = *syn;
	counts = place ? bpf_map_lookup_elem(&rule_counts, &index) : NULL;
	if (counts)
		__sync_fetch_and_add(&counts->answered, 1);
	lesson.rule = place;
	tell_lesson(&lesson);
}
