/* SPDX-License-Identifier: GPL-2.0 */
/* Which SYNs pass unasked. Each step returns a reason, or UNDECIDED for the next step to go on. */
#pragma once

#include "learn.bpf.h"
#include "listener.bpf.h"
#include "lists.bpf.h"
#include "networks.bpf.h"
#include "parse.h"
#include "rate.bpf.h"
#include "ration.bpf.h"
#include "refusals.bpf.h"
#include "rules.bpf.h"

/* A denied source is dropped; an allowed one goes on, without limits of its own. */
static __always_inline enum reason check_lists(struct packet *pkt)
{
	if (!may_be_listed(&pkt->source, pkt->family))
		return UNDECIDED;
	switch (list_verdict(&pkt->source, pkt->family, true)) {
	case LIST_DENY:
		return DROP_DENIED;
	case LIST_ALLOW:
		pkt->is_allowed = true;
	}
	return UNDECIDED;
}

/* Whether a port (host byte order) is in a set of struct config. */
static __always_inline bool has_port(const volatile __u64 *ports, __u16 port)
{
	__u64 word = ports[port / 64];

	return word >> port % 64 & 1;
}

static __always_inline enum reason check_port(const struct packet *pkt)
{
	return has_port(config.protected_ports, pkt->destination_port) ? UNDECIDED
								       : PASS_UNPROTECTED_PORT;
}

static __always_inline bool own_cookies(void)
{
	return config.own_cookies && config.challenge != CHALLENGE_MODE_OFF;
}

/*
 * Takes a token of the source's SYN bucket. BPF_NOEXIST lets only one of several CPUs enter a source;
 * the others charge the entry that it made. If the entry is evicted in between, or the table refuses
 * it, the SYN passes.
 */
static __noinline enum reason take_syn_token(const struct packet *pkt, __u64 now)
{
	const struct source_key key = source_key(&pkt->source, pkt->family, pkt->destination_port);
	const struct limit limit = limit_of(&service_at(key.service)->limits.syns);
	struct source *source = pkt->is_known ? bpf_map_lookup_elem(&sources, &key) : NULL;
	enum bucket_answer answer;
	__u64 wait_ns;

	if (!source) {
		struct source first = {
			.syns_full_at = pkt->is_allowed ? now : bucket_after_first(&limit, now),
			.connections_full_at = now,
			.passed = 1,
		};

		if (!bpf_map_update_elem(&sources, &key, &first, BPF_NOEXIST)) {
			make_known(pkt->source_hash);
			return UNDECIDED;
		}
		source = bpf_map_lookup_elem(&sources, &key);
	}
	if (!source)
		return PASS_TABLE_ERROR;
	answer = pkt->is_allowed ? BUCKET_TAKEN
				 : bucket_take(&source->syns_full_at, &limit, now, &wait_ns);
	if (answer != BUCKET_TAKEN)
		return answer == BUCKET_EMPTY ? DROP_SYN_LIMIT : DROP_CONTENTION;
	__sync_fetch_and_add(&source->passed, 1);
	return UNDECIDED;
}

/*
 * What a known source may not do now; UNDECIDED if it may do all. Its entry is looked up only if one of
 * its buckets matters.
 */
static __always_inline enum reason check_source(const struct source_key *key, struct refusal *slot)
{
	const volatile struct source_limits *limits = &service_at(key->service)->limits;
	const struct limit connections = limit_of(&limits->connections);
	const struct limit syns = limit_of(&limits->syns);
	__u64 now = bpf_ktime_get_ns(), wait_ns;
	bool may_pass = rate_holds_token(&rates.pass, &config.pass_limit, now);
	struct source *source;

	if (!connections.interval_ns && !may_pass) {
		remember_refusal(slot, key, now, REFUSAL_MAX_NS, REFUSAL_COUNTS);
		return DROP_PASS_RATE;
	}
	source = bpf_map_lookup_elem(&sources, key);
	if (!source)
		return may_pass ? UNDECIDED : DROP_PASS_RATE;
	wait_ns = bucket_wait(&source->connections_full_at, &connections, now);
	if (connections.interval_ns && wait_ns) {
		remember_refusal(slot, key, now, wait_ns, REFUSAL_BLOCKED);
		return DROP_OVER_LIMIT;
	}
	wait_ns = bucket_wait(&source->syns_full_at, &syns, now);
	if (may_pass && !wait_ns)
		return UNDECIDED;
	if (wait_ns)
		remember_refusal(slot, key, now, wait_ns, REFUSAL_SYNS);
	return wait_ns ? DROP_SYN_LIMIT : DROP_PASS_RATE;
}

/* What a source was refused before, or may not do now. */
static __always_inline enum reason ask_source(const struct source_key *key, struct refusal *slot)
{
	switch (refused_still(slot, key)) {
	case REFUSAL_BLOCKED:
		return DROP_OVER_LIMIT;
	case REFUSAL_SYNS:
		return DROP_SYN_LIMIT;
	}
	return check_source(key, slot);
}

/*
 * Takes a token of the pass rate, and one of the source. The first pays for the look at the listener
 * too, so that there are no more looks than that. It may be spent for nothing, but none is granted
 * twice.
 */
static __noinline enum reason take_tokens(struct xdp_md *ctx, const struct packet *pkt)
{
	__u64 now = bpf_ktime_get_ns();
	enum reason reason;

	if (!rate_take(&rates.pass, &config.pass_limit, now))
		return DROP_PASS_RATE;
	/* The kernel would answer with a cookie of its own, which can be acknowledged again and again.
	 */
	if (own_cookies() && host.syncookies == 2)
		return DROP_PASS_RATE;
	if (!queue_has_room(ctx, pkt)) {
		note_refusal(&rates.pass, now);
		return DROP_PASS_RATE;
	}
	reason = take_syn_token(pkt, now);
	if (reason != UNDECIDED)
		return reason;
	return pkt->is_allowed ? PASS_ALLOWED : PASS_WITHIN_LIMIT;
}

/* Looks at the buckets of the networks, of the source and at the pass rate before it takes from any. */
static __always_inline enum reason admit(struct xdp_md *ctx, const struct packet *pkt,
					 const struct source_key *key, struct refusal *slot)
{
	enum reason reason;

	/* First, or a source of a limited network could have all the challenges that it wants. */
	if (config.networks && limits_networks && !pkt->is_allowed &&
	    network_refuses(key, pkt->is_known))
		return DROP_NETWORK_LIMIT;
	if (pkt->is_known && !pkt->is_allowed) {
		reason = ask_source(key, slot);
		if (reason != UNDECIDED)
			return reason;
	}
	/* The coarse clock is enough for a rate that is empty, as it is never ahead. */
	if (!rate_holds_token(&rates.pass, &config.pass_limit, bpf_ktime_get_coarse_ns()))
		return DROP_PASS_RATE;
	return take_tokens(ctx, pkt);
}

/* It may not pass unasked, but its source may have connections. */
static __always_inline bool is_refused_unasked(enum reason reason)
{
	return reason == DROP_SYN_LIMIT || reason == DROP_PASS_RATE;
}

static __always_inline bool is_challenged(enum reason reason)
{
	return config.challenge != CHALLENGE_MODE_OFF && is_refused_unasked(reason);
}

/*
 * Judges a SYN by lists, port, rules, source and rates. UNDECIDED: it is to be challenged.
 *
 * The verifier looks at a function that is neither static nor inline once, for any arguments (NULL
 * included), and not again on every way that leads to it.
 */
__noinline enum reason judge(struct xdp_md *ctx, struct packet *pkt)
{
	struct refusal *slot = NULL;
	enum reason reason;
	struct source_key key;

	if (!pkt)
		return DROP_PASS_RATE;
	reason = check_lists(pkt);
	if (reason == UNDECIDED)
		reason = check_port(pkt);
	if (reason != UNDECIDED)
		return reason;
	key = source_key(&pkt->source, pkt->family, pkt->destination_port);
	pkt->source_hash = source_hash(&key.addr);
	pkt->is_known = may_be_known(pkt->source_hash);
	if (pkt->is_known)
		slot = refusal_slot(pkt->source_hash, key.service);
	reason = check_rules(ctx, pkt);
	if (reason == UNDECIDED) {
		reason = admit(ctx, pkt, &key, slot);
		if (reason_passes(reason) || is_refused_unasked(reason))
			sample_syn(ctx, pkt, reason);
	}
	if (is_challenged(reason)) {
		if (ration_take(pkt->source_hash))
			return UNDECIDED;
		reason = DROP_CHALLENGE_RATION;
	}
	if (pkt->is_known && !reason_passes(reason))
		count_refused(slot, &key, reason);
	return reason;
}

/* A SYN that cannot be challenged because of where it goes. */
static __noinline enum reason admit_unchallenged(const struct packet *pkt)
{
	struct rate *rate = pkt->is_forwarded ? &rates.forwarded : &rates.unchallenged;
	__u64 now = bpf_ktime_get_ns();
	enum reason reason;

	if (!rate_holds_token(rate, &config.unchallenged_limit, now))
		return DROP_UNCHALLENGED_RATE;
	reason = take_syn_token(pkt, now);
	if (reason != UNDECIDED && !reason_passes(reason))
		return reason;
	if (!rate_take(rate, &config.unchallenged_limit, now))
		return DROP_UNCHALLENGED_RATE;
	return reason == UNDECIDED ? PASS_UNCHALLENGED : reason;
}
