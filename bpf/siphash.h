/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SipHash-2-4: a keyed hash that nobody without the key can predict (Aumasson, Bernstein, SipHash: a
 * fast short-input PRF, 2012). The message is given in words of 8 bytes. The last word holds the bytes
 * that are left over, 7 at most, and the message's length in its highest byte.
 */
#pragma once

#include "types.h"

struct siphash {
	__u64 v0, v1, v2, v3;
};

static __always_inline __u64 siphash_rotate(__u64 word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static __always_inline struct siphash siphash_start(__u64 key0, __u64 key1)
{
	return (struct siphash){
		.v0 = 0x736f6d6570736575 ^ key0,
		.v1 = 0x646f72616e646f6d ^ key1,
		.v2 = 0x6c7967656e657261 ^ key0,
		.v3 = 0x7465646279746573 ^ key1,
	};
}

static __always_inline void siphash_round(struct siphash *state)
{
	state->v0 += state->v1;
	state->v1 = siphash_rotate(state->v1, 13) ^ state->v0;
	state->v0 = siphash_rotate(state->v0, 32);
	state->v2 += state->v3;
	state->v3 = siphash_rotate(state->v3, 16) ^ state->v2;
	state->v0 += state->v3;
	state->v3 = siphash_rotate(state->v3, 21) ^ state->v0;
	state->v2 += state->v1;
	state->v1 = siphash_rotate(state->v1, 17) ^ state->v2;
	state->v2 = siphash_rotate(state->v2, 32);
}

static __always_inline void siphash_add(struct siphash *state, __u64 word)
{
	state->v3 ^= word;
	siphash_round(state);
	siphash_round(state);
	state->v0 ^= word;
}

static __always_inline __u64 siphash_end(struct siphash *state)
{
	state->v2 ^= 0xff;
	siphash_round(state);
	siphash_round(state);
	siphash_round(state);
	siphash_round(state);
	return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}
