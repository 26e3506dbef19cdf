/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rules: what the SYNs of a flood have in common and no honest client's has. The learner makes them
 * (src/learn/), or an operator. A SYN that matches one in force is dropped, which costs half of an
 * answer and nothing of the uplink.
 *
 * A rule may err. So that it harms nobody even then, and the error is found, a SYN that matches is
 * judged as if there were no rule
 *
 *   - if its source had a connection lately,
 *   - if it is the canary: each 64th match of a CPU,
 *   - if a SYN of its flow with the same sequence number was dropped just before: a client's first
 *     repetition gets in.
 *
 * What comes of these charge() tells the learner, by the table of flows that matched.
 *
 * The memory of dropped flows is four Bloom filters, a word of each beside those of the others; three
 * bits of a word stand for a flow. The program enters flows in one of them, and looks in all. User
 * space clears the oldest and changes over every 2.5 s, so that none is forgotten for 7.5 s, however
 * many come; those that are taken for known by mistake are challenged. A table in which flows displace
 * each other would, in a flood, forget those of honest clients. Three other bits say that a flow's
 * repetition was let through just before: a flood that is sent in a loop gains little.
 */
#pragma once

#include "host.bpf.h"
#include "known.bpf.h"
#include "syn_words.bpf.h"

/* So long after a connection its source is not judged by rules. */
#define CONNECTED_LATELY_S 3600

/* One match of so many is the canary. */
#define CANARY_EACH 64

/* A connection comes of a SYN within this time, or it is not told as the rule's. 2^24 ns, 16.8 ms. */
#define MATCHED_FLOW_SHIFT 24
#define MATCHED_FLOW_TICKS 1200

/*
 * By upper bits: at least 48 are well mixed. Of a client's whole address and port, and of the sequence
 * number that it began with, which nobody else can know: a forged SYN is never taken for that of a
 * client's connection. The other end may be another one for the kernel, by a redirection. The keys are
 * secret, or somebody could choose flows that meet in one place.
 */
static __always_inline __u64 flow_hash(const struct addr *source, __be16 source_port, __u32 isn)
{
	__u64 hash = addr_hash(source, secret.hash_key[0], secret.hash_key[1]);

	hash += ((__u64)source_port << 32 | isn) * secret.hash_key[0];
	return (hash ^ hash >> 32) * secret.hash_key[1];
}

/* Of a SYN. */
static __always_inline __u64 flow_of(const struct packet *pkt)
{
	return flow_hash(&pkt->source, pkt->source_port, bpf_ntohl(pkt->seq));
}

static __always_inline bool differs(const struct rule *rule, const struct syn_words *syn)
{
	__u64 difference = 0;

	for (int i = 0; i < SYN_WORDS; i++) {
		difference |= (syn->word[i] & rule->mask.word[i]) ^ rule->value.word[i];
		barrier_var(difference); /* or it becomes a branch for each word */
	}
	return difference;
}

/*
 * The first rule whose first word a SYN has: its place, counted from 1; 0: none. This much, and nothing
 * that waits for memory, is what a SYN pays that no rule is about.
 */
static __always_inline __u32 find_rule_head(const struct xdp_md *ctx, const struct packet *pkt)
{
	struct syn_headers at;
	__u64 word;

	if (!find_syn_headers(ctx, pkt, &at))
		return 0;
	word = first_syn_word(&at, pkt->family);
	for (__u32 i = 0; i < MAX_RULES && rule_heads.in_use >> i; i++)
		if ((word & rule_heads.of[i].mask) == rule_heads.of[i].value)
			return i + 1;
	return 0;
}

/*
 * Sets the rule that a SYN matches, of those from a place on: the first one in force; or else the first
 * one, as one that is watched must not hide others. The verifier does not follow what is in pkt.
 */
static __always_inline void find_rule(struct xdp_md *ctx, struct packet *pkt, __u32 from)
{
	struct syn_words syn = {};

	if (!read_syn_words(ctx, pkt, &syn))
		return;
	for (__u32 i = 0; i < MAX_RULES && rule_heads.in_use >> i; i++) {
		const struct rule *rule;
		__u32 key = i;

		/* Not the loop's start, of which Linux 6.1 would not know that it comes to an end. */
		if (i + 1 < from || !(rule_heads.in_use >> i & 1))
			continue;
		rule = bpf_map_lookup_elem(&rules, &key);
		if (!rule || rule->family != pkt->family || differs(rule, &syn))
			continue;
		if (rule->stage == RULE_IN_FORCE || !pkt->rule)
			pkt->rule = i + 1;
		if (rule->stage == RULE_IN_FORCE)
			return;
	}
}

static __always_inline bool has_connected_lately(const struct packet *pkt, __u64 now)
{
	const struct source_key key = source_key(&pkt->source, pkt->family, pkt->destination_port);
	const struct source *source = pkt->is_known ? bpf_map_lookup_elem(&sources, &key) : NULL;

	return source && source->last_connected &&
	       coarse_second(now) - source->last_connected < CONNECTED_LATELY_S;
}

/* Whether all of these bits stand in one of the words from a place on, the newest first. */
static __always_inline bool any_has(const __u64 *words, __u32 newest, int count, __u64 bits)
{
	for (int i = 0; i < count; i++)
		if ((words[(newest - i) % DROPPED_FLOWS_FILTERS] & bits) == bits)
			return true;
	return false;
}

static __always_inline __u64 three_bits(__u64 hash)
{
	return 1ULL << (hash & 63) | 1ULL << (hash >> 6 & 63) | 1ULL << (hash >> 12 & 63);
}

/*
 * Whether a SYN is the repetition of one that was dropped just before, and the first one for some
 * seconds that is let through. Enters it if not.
 */
static __always_inline bool is_first_repetition(__u64 flow)
{
	__u64 hash = (flow ^ flow >> 32) * secret.hash_key[0];
	__u64 dropped = three_bits(hash >> 46), repeated = three_bits(hash >> 28);
	__u32 index = flow >> (64 - DROPPED_FLOWS_BITS), newest = dropped_flows_filter;
	struct dropped_flows *word = bpf_map_lookup_elem(&dropped_flows, &index);

	if (!word)
		return true;
	/* Of two CPUs that enter a flow in one word at once one may lose: not worth a locked bus. */
	if (!any_has(word->filter, newest, DROPPED_FLOWS_FILTERS, dropped)) {
		word->filter[newest % DROPPED_FLOWS_FILTERS] |= dropped;
		return false;
	}
	if (any_has(word->filter, newest, 2, repeated))
		return false;
	word->filter[newest % DROPPED_FLOWS_FILTERS] |= repeated;
	return true;
}

/* A connection that comes of this flow is to be told as the rule's. */
static __always_inline void remember_match(__u64 flow, __u32 place, __u64 now)
{
	__u32 slot = flow >> (64 - MATCHED_FLOWS_BITS);
	__u64 *word = bpf_map_lookup_elem(&matched_flows, &slot);

	if (word)
		*word = (flow << MATCHED_FLOWS_BITS >> 32) << 32 | (__u64)place << 24 |
			(now >> MATCHED_FLOW_SHIFT & 0xffffff);
}

/* The rule that the SYN of a connection matched just before: its place, counted from 1; 0: none. */
static __always_inline __u32 recall_match(__u64 flow, __u64 now)
{
	__u32 slot = flow >> (64 - MATCHED_FLOWS_BITS), age;
	const __u64 *word = bpf_map_lookup_elem(&matched_flows, &slot);

	if (!word || *word >> 32 != (__u32)(flow << MATCHED_FLOWS_BITS >> 32))
		return 0;
	age = ((now >> MATCHED_FLOW_SHIFT) - *word) & 0xffffff;
	return age < MATCHED_FLOW_TICKS ? *word >> 24 & 0xff : 0;
}

/* A SYN that matches a rule in force. */
static __always_inline bool is_dropped_by_rule(const struct packet *pkt, struct rule_counts *counts,
					       __u64 flow, __u64 now)
{
	if (has_connected_lately(pkt, now)) {
		counts->spared++;
		return false;
	}
	if (counts->matched % CANARY_EACH == 0) {
		counts->canaries++;
		return false;
	}
	if (is_first_repetition(flow)) {
		counts->repeated++;
		return false;
	}
	counts->dropped++;
	return true;
}

/*
 * What the rules from a place on say to a SYN. Without user space, which watches what comes of them,
 * they say nothing. Not static, so that the verifier looks at it once.
 */
__noinline int judge_by_rules(struct xdp_md *ctx, struct packet *pkt, __u32 from)
{
	__u64 now = bpf_ktime_get_coarse_ns(), flow;
	struct rule_counts *counts;
	const struct rule *rule;
	__u32 index;

	if (!pkt || is_host_stale(now))
		return UNDECIDED;
	find_rule(ctx, pkt, from);
	if (!pkt->rule)
		return UNDECIDED;
	index = pkt->rule - 1;
	rule = bpf_map_lookup_elem(&rules, &index);
	counts = bpf_map_lookup_elem(&rule_counts, &index);
	if (!rule || !counts)
		return UNDECIDED;
	counts->matched++;
	counts->last = now;
	flow = flow_of(pkt);
	if (rule->stage == RULE_IN_FORCE && is_dropped_by_rule(pkt, counts, flow, now))
		return DROP_LEARNED_RULE;
	remember_match(flow, pkt->rule, now);
	return UNDECIDED;
}

/* An allowed source is not judged by rules. */
static __always_inline enum reason check_rules(struct xdp_md *ctx, struct packet *pkt)
{
	__u32 place = rule_heads.in_use && !pkt->is_allowed ? find_rule_head(ctx, pkt) : 0;

	return place ? judge_by_rules(ctx, pkt, place) : UNDECIDED;
}
