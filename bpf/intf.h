/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The contract with user space: every type here reaches Rust through BTF, none is written twice.
 */
#pragma once

#include "types.h"

/* Marks a map as ours, whatever the version ("SYNX"). */
#define CONFIG_MAGIC 0x53594e58

/* Counts up when what --dump reads changes: struct config, reasons, the tables' keys and values. */
#define DUMP_VERSION 9

/* Counts up when a new program could not go on with the tables of the one before it: when their keys or
 * values change, what these mean, or the hash of an address. */
#define TABLES_VERSION 5

/*
 * Every outcome that a frame can have. It indexes the counters, and user space reads the names from
 * BTF. The part before the first underscore is the class.
 *
 *   SKIP  not a SYN, passes unjudged
 *   PASS  a SYN that passes
 *   CHALLENGE  a SYN that is answered from here, with a cookie
 *   DROP  a SYN that is dropped, or a frame that only an evader sends in its place
 *   ANSWER  a segment that acknowledges a cookie of ours, or claims to
 *   CONNECTION  no frame
 *
 * The classes stand in this order: reason_passes() and reason_is_of_syn() rely on it.
 */
enum reason {
	UNDECIDED, /* go on with the next step; never a frame's outcome */

	SKIP_NOT_TCP,        /* not TCP over IPv4 or IPv6 */
	SKIP_NOT_SYN,        /* TCP, with SYN clear or ACK set */
	SKIP_LATER_FRAGMENT, /* a fragment behind the one that holds the TCP header */

	PASS_UNPROTECTED_PORT, /* not to one of the protected ports */
	PASS_ALLOWED,          /* source on the allow list, with a token of the pass rate */
	PASS_WITHIN_LIMIT,     /* a token of the source's SYN bucket and one of the pass rate taken */
	PASS_TABLE_ERROR,      /* as before, but the source table refused an entry: fail open */
	PASS_TIME_WAIT,        /* over a limit, but reopens a connection in TIME_WAIT */
	PASS_EXISTING_SOCKET,  /* over a limit, but on a flow that the kernel has: it asks the client */
	PASS_UNCHALLENGED, /* cannot be challenged where it goes: a token of the unchallenged rate taken
			    */

	CHALLENGE_SENT, /* over a limit, and answered with a SYN cookie */

	DROP_DENIED,            /* source on the deny list */
	DROP_LEARNED_RULE,      /* looks like the SYNs of a flood, by a rule */
	DROP_OVER_LIMIT,        /* no token in the source's connection bucket */
	DROP_NETWORK_LIMIT,     /* no token in the connection bucket of its source's network */
	DROP_SYN_LIMIT,         /* no token in the source's SYN bucket, and not challenged */
	DROP_PASS_RATE,         /* no token in the pass rate, and not challenged */
	DROP_CONTENTION,        /* so many CPUs take from this bucket that the retries ran out */
	DROP_CHALLENGE_RATION,  /* not challenged: its source had its share of answers just now */
	DROP_CHALLENGE_RATE,    /* not challenged: no token in the rate of challenges */
	DROP_UNCHALLENGED_RATE, /* cannot be challenged where it goes: no token in the unchallenged rate
				 */
	DROP_HALF_OPEN,         /* over a limit, and the kernel waits for the answer to its SYN-ACK */
	DROP_NO_LISTENER,       /* over a limit, and nobody listens */
	DROP_UNANSWERABLE,      /* over a limit, from an address that nobody may answer */
	DROP_OTHER_INTERFACE, /* over a limit, and its source is routed by another interface (rp_filter)
			       */
	DROP_EXTRA_HEADERS,   /* over a limit, with IP options, extension headers or fragments */
	DROP_SIGNED,          /* over a limit, with a signature that its listener cannot want */
	DROP_NO_ROOM,         /* over a limit, and the driver left no room for the answer */
	DROP_SYN_FIN,         /* SYN and FIN in one segment */
	DROP_SYN_RST,         /* SYN and RST in one segment */
	DROP_LAND,            /* source address and port are the destination's */
	DROP_MAPPED_SOURCE,   /* IPv6 from an IPv4-mapped address (RFC 4291, 2.5.5.2) */
	DROP_BAD_IP_HEADER,   /* wrong IP version, or an IPv4 header of under 20 bytes */
	DROP_BAD_TCP_HEADER,  /* a TCP header of under 20 bytes by its own data offset */
	DROP_TRUNCATED,       /* the packet ends within its TCP header */
	DROP_TINY_FRAGMENT,   /* a TCP header cut by fragmentation (RFC 1858, 3128, 7112) */
	DROP_TOO_MANY_TAGS,   /* more than VLAN_MAX_DEPTH VLAN tags */
	DROP_TOO_MANY_EXTENSIONS, /* more than IPV6_EXT_MAX_CHAIN IPv6 extension headers */

	ANSWER_REDEEMED,      /* handed to the kernel as a connection */
	ANSWER_OVER_LIMIT,    /* dropped: no token in the source's connection bucket */
	ANSWER_NETWORK_LIMIT, /* dropped: no token in the connection bucket of its source's network */
	ANSWER_REPEATED,      /* a right cookie once more: its connection is there already */
	ANSWER_NO_LISTENER,   /* a right cookie, but its listener is gone */
	ANSWER_REFUSED,       /* a right cookie, but the kernel makes no connection of it */
	ANSWER_WRONG,         /* no cookie of ours, and from a source without a connection */

	CONNECTION_OPENED, /* a connection of a protected port that stands or stood */

	REASON_COUNT,
};

static __always_inline bool reason_passes(enum reason reason)
{
	return reason < CHALLENGE_SENT;
}

/* Whether a frame with this outcome is a SYN, or was made to hide one. Not for those of answers. */
static __always_inline bool reason_is_of_syn(enum reason reason)
{
	return reason >= PASS_UNPROTECTED_PORT;
}

enum family {
	FAMILY_IPV4 = 4,
	FAMILY_IPV6 = 6,
};

/* An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d, in network byte order. */
struct addr {
	__be32 word[4];
};

/* How much a token bucket holds and how fast it refills, both as time: see bucket.h. */
struct limit {
	__u64 interval_ns; /* one token's refill; --rate */
	__u64 capacity_ns; /* the refill of a full bucket: burst times interval; --burst */
};

/* What each source has at the ports of one service. */
struct source_limits {
	struct limit syns;
	struct limit connections; /* an interval of 0: no limit */
};

#define MAX_SERVICES 16

/* Frames of one reason on one CPU, by the number of the service at whose port they are. What is no SYN
 * counts for 0. */
struct frame_counts {
	__u64 of_service[1 + MAX_SERVICES];
};
_Static_assert(sizeof(struct frame_counts) == 136, "the layout of struct frame_counts");

/* A named group of ports; --service. A source has buckets of its own at each. */
struct service {
	struct source_limits limits;
	__u8 name[16];        /* UTF-8, filled up with zeros; all zero: there is no such service */
	__u8 has_own_limits;  /* else they are those of the ports of no service */
	__u8 is_unchallenged; /* no cookies are sent for its ports */
	__u8 padding[14];
};
_Static_assert(sizeof(struct service) == 64, "the layout of struct service");

/* The networks of a source that have a bucket, from the narrowest on. */
#define NETWORK_STEPS 2

/* What makes a network, and what it may have: src/policy/networks.rs. */
struct network_step {
	__u8 ipv4_prefix; /* bits of the mapped address; 0: no wider than a source */
	__u8 ipv6_prefix;
	__u16 multiple; /* of what a source has, so many times as much */
};
_Static_assert(sizeof(struct network_step) == 4, "the layout of struct network_step");

/* Which SYNs are challenged instead of dropped. */
enum challenge_mode {
	CHALLENGE_MODE_OFF,
	CHALLENGE_MODE_ALL, /* whatever may not pass unasked */
};

/*
 * The constants, fixed when the program is loaded. They have a map of their own (.rodata.config), so
 * that every version of user space finds magic and versions at its start.
 */
struct config {
	__u32 magic;
	__u32 dump_version;
	__u32 tables_version;
	enum challenge_mode challenge;   /* --challenge */
	struct limit pass_limit;         /* --pass-rate; an interval of 0: no limit */
	struct limit unchallenged_limit; /* --unchallenged-rate; an interval of 0: no limit */
	struct limit challenge_limit;    /* --challenge-rate; an interval of 0: no limit */
	struct addr ipv4_mask; /* --ipv4-prefix, for the mapped address: at least 96 bits set */
	struct addr ipv6_mask; /* --ipv6-prefix */
	__u64 netns_cookie;    /* of the network namespace that is protected (SO_NETNS_COOKIE) */
	__u8 dry_run;          /* --dry-run: judge and count, drop nothing */
	__u8 multi_buffer;     /* the kernel has xdp.frags (5.18) */
	__u8 refusal_bits;     /* each CPU remembers 2^this refusals; 5 to 31 */
	__u8 known_bits;       /* the filter of known sources has 2^this bits; 6 to 32 */
	__u8 raw_cookies;      /* the kernel has bpf_tcp_raw_gen_syncookie_ipv4/6 (6.0) */
	__u8 own_cookies;      /* --cookies, and the kernel has bpf_sk_assign_tcp_reqsk (6.9) */
	__u8 has_services;     /* --service is given; without, no SYN pays for the look-up */
	__u8 learns;           /* --learn suggest or on: SYNs are sampled for the learner */
	__u8 networks;         /* --networks: they have buckets too */
	__u8 padding[7];
	__u32 generation;        /* drawn for each program; see charge.bpf.h */
	__u32 sample_spacing_ns; /* how often each CPU samples a SYN that does not pass */
	struct network_step network_steps[NETWORK_STEPS];
	__u64 protected_ports[65536 / 64]; /* --port: bit n of word n / 64; all set without it */
	/* The first is no service: the ports of none, with --burst and --rate. */
	struct service services[1 + MAX_SERVICES];
	__u8 service_of_port[65536]; /* the service of each port, by its place above */
};
_Static_assert(sizeof(struct config) == 136 + 8192 + 17 * 64 + 65536, "the layout of struct config");

/* Random words, drawn when the program is loaded. Nothing shows them. */
struct secret {
	__u64 cookie_key[2];
	__u64 hash_key[2]; /* odd; see addr_hash() */
};
_Static_assert(sizeof(struct secret) == 32, "the layout of struct secret");

/* What user space knew of this host so long ago no longer counts. */
#define HOST_STALE_NS 5000000000

/* The settings of this host that decide how to make a cookie; user space keeps them up to date. */
struct host {
	__u8 syncookies;      /* net.ipv4.tcp_syncookies */
	__u8 timestamps;      /* net.ipv4.tcp_timestamps */
	__u8 sack;            /* net.ipv4.tcp_sack */
	__u8 wscale;          /* net.ipv4.tcp_window_scaling */
	__u8 ecn;             /* net.ipv4.tcp_ecn */
	__u8 knows_rcv_space; /* else the kernel's cookies cannot promise a window scale */
	__u8 padding[2];
	__u32 rcv_space;    /* bytes that the window scale must cover: the larger of tcp_rmem[2] and
			       rmem_max */
	__u32 generation;   /* changes whenever an address or a link of this host changes */
	__u64 address_bits; /* bit n: the hash of one of this host's addresses has n in its upper 6 bits
			     */
	__u64 looked_at;    /* CLOCK_MONOTONIC ns: the last look of user space at this host */
};
_Static_assert(sizeof(struct host) == 32, "the layout of struct host");

/* An Ethernet address. */
struct mac {
	__u8 octet[6];
	__u8 padding[2];
};
_Static_assert(sizeof(struct mac) == 8, "the layout of struct mac");

/* How the next hop of an answer is found. */
enum next_hop {
	NEXT_HOP_SENDER,  /* it is whoever sent the SYN: user space does not know the routes */
	NEXT_HOP_GATEWAY, /* it is the gateway, if that sent the SYN; else the route says */
	NEXT_HOP_ROUTE,   /* the route says */
};

/* A protected interface. */
struct link {
	struct mac gateway; /* the only one; zero if there are none or several */
	__u32 group;        /* what is stacked on each other has the same; never 0 */
	enum next_hop next_hop;
	__u16 max_mss[2]; /* of IPv4 and IPv6, by the default route; 0: no limit */
	__u8 rp_filter;   /* a source that is routed by another interface is dropped */
	__u8 padding[3];
};
_Static_assert(sizeof(struct link) == 24, "the layout of struct link");

/* Where answers to a network go. */
struct route {
	struct mac next_hop; /* zero: whoever sent the SYN */
	__u32 group;         /* of the interface; 0: several */
	__u16 max_mss;       /* 0: no limit */
	__u8 is_default;
	__u8 padding;
};
_Static_assert(sizeof(struct route) == 16, "the layout of struct route");

/* Where frames for this host go. */
struct destination {
	struct mac mac;
	struct addr addr;
	struct link link;
	__u32 ifindex;
	__u32 mtu;        /* bytes; 0: unused */
	__u32 generation; /* of struct host, at the look-up */
	__u32 padding;
};
_Static_assert(sizeof(struct destination) == 64, "the layout of struct destination");

/* What is known of a TCP port of this host. */
struct port {
	__u16 max_mss;             /* the least that a listener set with TCP_MAXSEG; 0: no limit */
	__u8 listens;              /* on every address of this family */
	__u8 listens_here;         /* on the addresses in the map listeners */
	__u8 is_unchallenged;      /* the host's rules or a listener's keys forbid challenges */
	__u8 takes_kernel_cookies; /* and no others: MPTCP */
	__u8 padding[2];
};
_Static_assert(sizeof(struct port) == 8, "the layout of struct port");

/* A listener on a single address. */
struct listener_key {
	struct addr addr;
	__u32 port; /* host byte order */
};
_Static_assert(sizeof(struct listener_key) == 20, "the layout of struct listener_key");

/* A question about a listener, and the answer. */
struct listener_query {
	struct addr addr;
	__u16 port;    /* host byte order */
	__u8 family;   /* enum family */
	__u8 is_found; /* the answer, from here on */
	__u16 max_mss; /* TCP_MAXSEG; 0: not set */
	__u8 has_keys; /* TCP-MD5 (RFC 2385) or TCP-AO (RFC 5925) */
	__u8 is_mptcp;
};
_Static_assert(sizeof(struct listener_query) == 24, "the layout of struct listener_query");

/* Connections of a TCP port. */
struct port_connections {
	__u32 redeemed;  /* handed to the kernel by cookie */
	__u32 connected; /* that stand or stood, by cookie or not */
};
_Static_assert(sizeof(struct port_connections) == 8, "the layout of struct port_connections");

#define CHALLENGE_RESOLUTION_NS 100000000
#define REFUSAL_RESOLUTION_NS 100000000

/* A rate that refused nothing for so long no longer refuses. More than a second lies between two looks
 * of a run, and between a SYN and its repetition: with one second, clients in step with the looks were
 * overlooked until they gave up. */
#define REFUSAL_OVER_NS 2000000000

/* A bucket that all sources share, on a cache line of its own. Times are of CLOCK_MONOTONIC in ns. */
struct rate {
	__u64 full_at;        /* see bucket.h; 0: full */
	__u64 last_refusal;   /* to REFUSAL_RESOLUTION_NS; 0: never. Of the pass rate also where a
				 listener's queue refused, or the kernel a cookie */
	__u64 refusing_since; /* when refusals began that have not been over since */
	struct limit limit;   /* the one that full_at is meant by, written by rescale() */
	__u64 padding[3];
};
_Static_assert(sizeof(struct rate) == 64, "the layout of struct rate");

struct rates {
	struct rate pass;
	struct rate unchallenged; /* to this host's own ports */
	struct rate forwarded;    /* unchallenged too, but to other hosts */
	struct rate challenges;
	__u32 rescaled_by; /* the generation of the program whose limits the buckets have */
	__u32 padding[15];
};
_Static_assert(sizeof(struct rates) == 320, "the layout of struct rates");

/* The key of the table of sources: a source has an entry for each service that it used. The kernel
 * compares keys by words of 8 bytes, and what is left over byte by byte. */
struct source_key {
	struct addr addr; /* masked to the prefix length */
	__u32 service;    /* its place in struct config; 0: none */
	__u32 padding;
};
_Static_assert(sizeof(struct source_key) == 24, "the layout of struct source_key");

/* An entry of the table of sources. */
struct source {
	__u64 syns_full_at;        /* the SYN bucket, see bucket.h; CLOCK_MONOTONIC ns */
	__u64 connections_full_at; /* the connection bucket */
	__u64 passed;              /* SYNs */
	__u64 challenged;          /* SYNs answered with a cookie */
	__u64 dropped;             /* SYNs */
	__u64 connected;           /* connections that stand or stood */
	__u64 last_drop;           /* CLOCK_MONOTONIC ns; 0: never */
	/* CLOCK_MONOTONIC s, and 1 more; 0: never; see coarse_second(). The first time is a later one
	 * where the source then had all its connections while its network was limited. */
	__u32 first_connected;
	__u32 last_connected;
};
_Static_assert(sizeof(struct source) == 64, "the layout of struct source");

#define MAX_NETWORKS 16384

/* A network stays limited for so long after its last refusal. */
#define NETWORK_RELAX_NS 60000000000

/* The key of the table of networks. */
struct network_key {
	struct addr addr; /* masked */
	__u32 service;    /* its place in struct config; 0: none */
	__u32 prefix_len; /* of the mapped address */
};
_Static_assert(sizeof(struct network_key) == 24, "the layout of struct network_key");

/* An entry of the table of networks. Times are of CLOCK_MONOTONIC in ns. */
struct network {
	__u64 full_at;       /* the connection bucket of all its sources together, see bucket.h */
	__u64 old_full_at;   /* while it is limited, of those together that connected well before */
	__u64 limited_since; /* the last time that it became limited; 0: never */
	__u64 last_refusal;  /* to REFUSAL_RESOLUTION_NS; also where a charge left no token */
	__u64 connected;     /* connections that stand or stood */
	__u64 refused;       /* SYNs and answers */
};
_Static_assert(sizeof(struct network) == 48, "the layout of struct network");

/* Rates for which a dry run finds out what burst each source would have needed. */
#define ADVISED_RATES 5

/* Set before load, from src/policy/need.rs. */
struct advised_rates {
	__u64 interval_ns[ADVISED_RATES];
};
_Static_assert(sizeof(struct advised_rates) == 40, "the layout of struct advised_rates");

/* How full a bucket without end is at one rate, see advice.h. */
struct fill {
	__u64 full_at; /* see bucket.h; CLOCK_MONOTONIC ns */
	__u64 highest; /* ns, the most that was missing */
};

/* What a source would have needed at the ports of one service. */
struct need {
	struct fill fills[ADVISED_RATES];
};
_Static_assert(sizeof(struct need) == 80, "the layout of struct need");

/* How the table of needs came about. */
struct advice {
	__u64 since;   /* CLOCK_MONOTONIC ns: connections count from there on; user space writes it */
	__u64 entered; /* entries that were made; those that are not there were forgotten */
};
_Static_assert(sizeof(struct advice) == 16, "the layout of struct advice");

/* Why a refusal holds, in the lowest bits of struct refusal.until. */
#define REFUSAL_COUNTS 0  /* it does not: the slot only counts */
#define REFUSAL_SYNS 1    /* the SYN bucket is empty */
#define REFUSAL_BLOCKED 2 /* the connection bucket is empty */
#define REFUSAL_WHY 3

/* The bits above them are the service of the source's key; above these the time begins. */
#define REFUSAL_SERVICE_SHIFT 2
#define REFUSAL_SERVICE 31
#define REFUSAL_NO_TIME 127
_Static_assert(MAX_SERVICES <= REFUSAL_SERVICE, "the bits of a service");

/* What a CPU remembers of a source that it refused, see refusals.bpf.h. */
struct refusal {
	struct addr source; /* of the key in the table of sources */
	__u64 until;        /* CLOCK_MONOTONIC ns, but for REFUSAL_NO_TIME; 0: unused */
	__u32 dropped;      /* SYNs of at most a second, not yet counted in the source's entry */
	__u32 challenged;
};
_Static_assert(sizeof(struct refusal) == 32, "the layout of struct refusal");

/* Slots in which a CPU counts its answers, see ration.bpf.h. */
#define RATION_SLOTS 4096

/* What a CPU granted to sources of one slot. */
struct ration {
	__u32 tick;       /* of the last answer */
	__u16 given;      /* answers in this tick */
	__u16 last_query; /* the lowest bits of the tick of the last SYN for an existing socket */
};
_Static_assert(sizeof(struct ration) == 8, "the layout of struct ration");

/* Slots in which a CPU remembers what it redeemed, see batch.bpf.h. */
#define REDEEMED_SLOTS 256

/* A connection that was handed to the kernel just now. */
struct redeemed {
	__u64 at; /* CLOCK_MONOTONIC ns */
	__u32 cookie;
	__u32 isn;
};
_Static_assert(sizeof(struct redeemed) == 16, "the layout of struct redeemed");

/* What a run says of itself. Only user space writes and reads it: `status` asks for it. */
struct run_info {
	__u64 since;    /* CLOCK_MONOTONIC ns: the counters count from there on, over all successions */
	__u64 started;  /* CLOCK_REALTIME s: the process's start */
	__u64 reloaded; /* CLOCK_REALTIME s: the last reload that was done; 0: none */
	__u64 fault_since; /* CLOCK_REALTIME s: since the configuration cannot be read; 0: it can */
	__u64 flood_since; /* CLOCK_MONOTONIC ns: since a flood has been on; 0: none is */
	__u32 pid;
	__u8 version[28]; /* of the binary; text that ends with a zero, as the next one */
	__u8 flood[128];  /* what the flood is of */
	__u8 learner[88]; /* what the learner is at */
	__u8 fault[736];  /* what is wrong with the configuration */
};
_Static_assert(sizeof(struct run_info) == 1024, "the layout of struct run_info");

/* Bytes of a frame that an observer may ask for. */
#define OBSERVED_BYTES 2048

/* What is wanted of a frame whose TCP header is not known. */
#define OBSERVED_UNKNOWN 128

/*
 * Which frames somebody looks at. The command `observe` writes it, and renews its time. When that is
 * over, the program ends it.
 */
struct observation {
	__u64 reasons;      /* bit n: frames of reason n; 0: nobody observes */
	__u64 until;        /* CLOCK_MONOTONIC ns */
	struct limit limit; /* --rate, of the frames that are shown */
	struct addr net;    /* --from */
	struct addr mask;
	enum family family; /* of the network; 0: all */
	__u32 ifindex;      /* the interface */
	__u32 pid;          /* of the observer */
	__u16 port;         /* --port, host byte order; 0: all */
	__u16 snaplen;      /* --snaplen; 0: the headers */
	__u8 only_syns;     /* --syn: SYN and SYN-ACK */
	__u8 shows_answers; /* also the SYN-ACKs that the program sends */
	__u8 is_selective; /* more than the reason decides: then the program counts what it looks for */
	__u8 padding[13];
};
_Static_assert(sizeof(struct observation) == 96, "the layout of struct observation");
_Static_assert(REASON_COUNT <= 64, "a bit for each reason");

/* Chooses the frames that are shown of those that are observed. */
struct sampling {
	__u64 full_at;   /* see bucket.h */
	__u64 closed_in; /* the jiffy in which the bucket was empty: nobody asks it again in this one */
	__u64 padding[6];
};
_Static_assert(sizeof(struct sampling) == 64, "the layout of struct sampling");

/* A frame as an observer gets it; its first bytes follow. */
struct observed {
	__u64 at; /* CLOCK_MONOTONIC ns */
	__u32 ifindex;
	__u32 frame_len;
	__u16 len;   /* bytes that follow */
	__u8 reason; /* enum reason; 0: nobody judged it */
	__u8 is_out;
	__u8 rule; /* that the SYN matches: its place, counted from 1; 0: none */
	__u8 padding[3];
};
_Static_assert(sizeof(struct observed) == 24, "the layout of struct observed");

/* A source that was refused nothing for so long begins to be refused anew. */
#define REFUSED_ANEW_NS 10000000000

enum event_kind {
	EVENT_NONE,    /* set back by user space just as it was told */
	EVENT_REFUSED, /* a SYN of a source was dropped, and none for long before */
	EVENT_SAMPLE,  /* a SYN of the sample of those that did not pass */
};

/* What the program tells at once, see events.bpf.h. */
struct event {
	struct source_key
		source; /* of a sample perhaps not in the table, and ::/0 if it is not known */
	__u32 weight;   /* SYNs that the sample stands for */
	__u16 port;     /* of the sample, host byte order */
	__u8 kind;      /* enum event_kind */
	__u8 reason;    /* enum reason */
};
_Static_assert(sizeof(struct event) == 32, "the layout of struct event");

/* How a CPU chooses the SYNs of a sample, see pace.bpf.h. */
struct pace {
	__u64 last;  /* CLOCK_MONOTONIC ns: when it chose the last one */
	__u32 left;  /* SYNs until the next */
	__u32 drawn; /* what left began with */
	__u32 mean;  /* around which it is drawn */
	__u32 padding;
};

/* The sample of the SYNs that do not pass. */
struct sampler {
	struct pace pace;
	struct event chosen; /* the last one, as it was told */
};
_Static_assert(sizeof(struct sampler) == 56, "the layout of struct sampler");

/*
 * A SYN as rules see it: what stands at fixed places of its headers, as it is on the wire.
 *
 *   word 0  TTL or hop limit, minus 1; TOS or traffic class; total or payload length; window;
 *           destination port
 *        1  IPv4: identification, flags and fragment offset; IPv6: flow label; source port; data
 *           offset and flags
 *        2  sequence and acknowledgement number
 *      3-5  the first 24 bytes of the TCP options; zero from where the header ends
 *
 * As bytes in memory it is the same on any machine. src/learn/syn.rs has the same 48 bytes.
 */
#define SYN_WORDS 6
#define SYN_OPTION_WORDS 3 /* the last ones */
struct syn_words {
	__u64 word[SYN_WORDS];
};

#define MAX_RULES 16

/* What happens to a SYN that matches a rule. */
enum rule_stage {
	RULE_WATCHED,  /* it is counted, and judged as any other */
	RULE_IN_FORCE, /* it is dropped, but for those of which an answer is wanted, see rules.bpf.h */
};

/* SYNs whose bits under the mask are the value. */
struct rule {
	struct syn_words mask;
	struct syn_words value;
	__u8 family; /* enum family */
	__u8 stage;  /* enum rule_stage */
	/* Only user space reads and writes what follows. */
	__u8 is_learned; /* else an operator added it */
	__u8 padding[1];
	__u32 hits;       /* answered SYNs that it matched when it was found */
	__u32 bound_ppb;  /* of honest clients it matches at most so many, in a billion */
	__u32 covers_ppm; /* of the SYNs that were refused then, in a million */
	__u64 since;      /* CLOCK_MONOTONIC ns: when it was made */
	__u64 until;      /* CLOCK_MONOTONIC ns; 0: for ever */
};
_Static_assert(sizeof(struct rule) == 128, "the layout of struct rule");

/* Bits of the first word of a SYN. */
struct rule_head {
	__u64 mask;
	__u64 value;
};

/* No SYN has it. */
#define NO_RULE_HEAD { .mask = 0, .value = 1 }

/* What is to be known of the rules before one of them is looked at. */
struct rule_heads {
	__u32 in_use; /* bit n: rule n is in use */
	__u32 padding;
	struct rule_head of[MAX_RULES]; /* of those; of others NO_RULE_HEAD */
};
_Static_assert(sizeof(struct rule_heads) == 264, "the layout of struct rule_heads");

/* What a CPU counted of a rule's SYNs. */
struct rule_counts {
	__u64 matched;
	__u64 dropped;
	__u64 canaries; /* not dropped, to see whether they are answered */
	__u64 repeated; /* not dropped, as their flow was once just before */
	__u64 spared;   /* not dropped, as their source had connected lately */
	__u64 answered; /* not dropped, and a connection came of it */
	__u64 last;     /* CLOCK_MONOTONIC ns: the last match */
	__u64 padding;
};
_Static_assert(sizeof(struct rule_counts) == 64, "the layout of struct rule_counts");

/* The memory of flows of which a SYN was dropped by a rule, see rules.bpf.h. */
#define DROPPED_FLOWS_BITS 19 /* 2^this words of each filter */
#define DROPPED_FLOWS_FILTERS 4
struct dropped_flows {
	__u64 filter[DROPPED_FLOWS_FILTERS];
};
_Static_assert(sizeof(struct dropped_flows) == 32, "the layout of struct dropped_flows");

/* Slots in which flows are remembered whose SYN matched a rule and was not dropped. */
#define MATCHED_FLOWS_BITS 17

/* Slots in which SYNs are kept that may be answered. */
#define KEPT_SYNS_BITS 12

/* A SYN that may be answered, see learn.bpf.h. */
struct kept_syn {
	__u64 flow; /* its hash; 0: unused */
	struct syn_words syn;
	__u32 second; /* see coarse_second() */
	__u32 padding;
};
_Static_assert(sizeof(struct kept_syn) == 64, "the layout of struct kept_syn");

/* A SYN that a connection came of. Only user space reads and writes it. */
struct answered_syn {
	struct addr source;
	struct syn_words syn;
	__u8 family;    /* enum family; 0: unused */
	__u8 is_of_war; /* it came while a flood was on */
	__u8 is_seeded; /* from a capture that an operator gave */
	__u8 padding[5];
};
_Static_assert(sizeof(struct answered_syn) == 72, "the layout of struct answered_syn");

#define ANSWERED_SYNS 8192

enum lesson_kind {
	LESSON_REFUSED,  /* a SYN that may not pass unasked, of a sample */
	LESSON_ANSWERED, /* a connection that stands */
};

/* What the learner is told of. */
struct lesson {
	struct addr source;
	struct syn_words syn; /* of a connection all zero, if it is not known */
	__u8 family;          /* enum family */
	__u8 kind;            /* enum lesson_kind */
	__u8 rule; /* of a connection whose SYN matched a rule: its place, counted from 1; 0: none */
	__u8 padding[5];
};
_Static_assert(sizeof(struct lesson) == 72, "the layout of struct lesson");

/* How a CPU chooses the SYNs that the learner is told of. */
struct tutor {
	struct pace refused; /* those that may not pass unasked */
	struct pace kept;    /* those that may be answered */
	struct lesson told;  /* the last one of those that were refused */
};
_Static_assert(sizeof(struct tutor) == 120, "the layout of struct tutor");

/* The key of a table of networks; BPF_MAP_TYPE_LPM_TRIE wants the length first. */
struct list_key {
	__u32 prefix_len;   /* bits of what follows; at least 32, as family is matched whole */
	enum family family; /* ::/0 must not cover the mapped IPv4 addresses */
	struct addr addr;
	/* The value follows in a node of the trie. Its counter must not cross a cache line: an atomic
	 * operation would then lock the bus, and take a microsecond. */
	__u32 padding;
};
_Static_assert(sizeof(struct list_key) == 28, "the layout of struct list_key");
_Static_assert((sizeof(struct list_key) - sizeof(__u32)) % 8 == 0, "values behind it are aligned");

enum list_verdict {
	LIST_NONE, /* on no list */
	LIST_ALLOW,
	LIST_DENY,
};

/* The origin of what is no file's: --allow or --deny. */
#define LIST_ORIGIN_OPTION 0

/* A network of the lists. */
struct list_entry {
	__u64 until; /* CLOCK_MONOTONIC ns, from then on it does not count; 0: for ever */
	__u64 hits;  /* SYNs that it decided */
	enum list_verdict verdict;
	__u32 line;      /* of the file that it comes from, from 1 */
	__u16 origin;    /* the file: a number in the map list_origins, or LIST_ORIGIN_OPTION */
	__u8 prefix_len; /* as in its key */
	__u8 padding[5];
};
_Static_assert(sizeof(struct list_entry) == 32, "the layout of struct list_entry");

/* The limits that the words in the table of sources are meant by, of each service. */
struct bucket_limits {
	struct source_limits services[1 + MAX_SERVICES];
};
_Static_assert(sizeof(struct bucket_limits) == 17 * 32, "the layout of struct bucket_limits");

/* What rescale() is given. */
struct rescaling {
	__u32 only_slower; /* leave rates alone that stay as fast, or get faster */
	__u32 forgotten;   /* bit n: service n is another one now, or none: its entries are removed */
};
_Static_assert(sizeof(struct rescaling) == 8, "the layout of struct rescaling");

/* Bytes of a note, with the zero at its end. */
#define LIST_NOTE_SIZE 88

/* A network that was entered while the program runs. */
struct live_entry {
	struct list_entry entry;
	__u64 added;               /* CLOCK_REALTIME, s */
	__u8 note[LIST_NOTE_SIZE]; /* UTF-8, ended by a zero */
};
_Static_assert(sizeof(struct live_entry) == 128, "the layout of struct live_entry");

/* The path of a file with networks, ended by a zero. */
struct list_origin {
	__u8 path[256];
};
_Static_assert(sizeof(struct list_origin) == 256, "the layout of struct list_origin");

/* What is to be known of the lists before one of them is looked at. */
struct lists {
	__u32 in_use;       /* there may be an entry */
	__u32 levels;       /* the lengths that the filter knows networks by, see listed.bpf.h */
	__u32 live_changes; /* counts the changes of live entries */
	__u32 padding;
};
_Static_assert(sizeof(struct lists) == 16, "the layout of struct lists");

/* The filter in front of the lists, see listed.bpf.h: where its parts begin, in words of 64 bits. */
#define LIST_COARSE_BITS 18  /* 2^this bits */
#define LIST_COARSE6_BITS 14 /* 2^this words, as the next two */
#define LIST_BLOCKS_BITS 17
#define LIST_SURE_BITS 19
#define LIST_COARSE4_SHORT 0
#define LIST_COARSE4_LONG (LIST_COARSE4_SHORT + (1 << LIST_COARSE_BITS) / 64)
#define LIST_COARSE6 (LIST_COARSE4_LONG + (1 << LIST_COARSE_BITS) / 64)
#define LIST_SHORT6 (LIST_COARSE6 + (1 << LIST_COARSE6_BITS))
#define LIST_SHORT4 (LIST_SHORT6 + (1 << 16) / 64)
#define LIST_BLOCKS (LIST_SHORT4 + (1 << 24) / 64)
#define LIST_SURE (LIST_BLOCKS + (1 << LIST_BLOCKS_BITS))
#define LIST_FILTER_WORDS (LIST_SURE + (1 << LIST_SURE_BITS))
