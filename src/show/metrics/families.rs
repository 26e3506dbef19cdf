// SPDX-License-Identifier: GPL-2.0-only
//! The families of metrics: names, units and meanings, each in one place.

use std::fmt::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::{Metrics, Networks, PortQueue, Run, Syns, Walk, rules};
use crate::show::model::SharedBucket;
use crate::show::status::Fill;

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut out = Families(encoder);
        self.run.encode(&mut out)?;
        self.encode_place(&mut out)?;
        self.encode_counters(&mut out)?;
        encode_rates(
            &self.rates.iter().map(|(name, rate)| (*name, *rate)).collect::<Vec<_>>(),
            &mut out,
        )?;
        out.gauge(
            "limited_networks",
            "Networks that are limited as a whole now, each counted for each service that limits it.",
            [([], self.limited_networks)],
        )?;
        rules::encode(&self.rules, &mut out)?;
        self.encode_floods(&mut out)?;
        self.encode_queues(&mut out)?;
        self.walk.encode(&mut out)
    }
}

impl Run {
    fn encode(&self, out: &mut Families<'_>) -> Result<(), Error> {
        let version = ("version", self.version.as_str());
        out.info("build", "The binary that runs.", [[version]])?;
        out.seconds(
            "start_time",
            "When the process was started, in seconds since 1970.",
            [([], unix(self.started))],
        )?;
        out.gauge(
            "config_last_reload_successful",
            "Whether the configuration that was read last is in force: 0 while that of before is, as there is a fault in it.",
            [([], u64::from(!self.has_fault))],
        )?;
        out.seconds(
            "config_last_reload_success_timestamp",
            "When the configuration in force was read, in seconds since 1970.",
            [([], unix(self.configured))],
        )
    }
}

impl Metrics {
    fn encode_place(&self, out: &mut Families<'_>) -> Result<(), Error> {
        let modes: Vec<_> =
            self.interfaces.iter().map(|each| (each.name.as_str(), each.mode.to_string())).collect();
        out.info(
            "interface",
            "The protected interfaces, and where on them the program is attached.",
            modes.iter().map(|(name, mode)| [("interface", *name), ("mode", mode.as_str())]),
        )?;
        let dry_run = u64::from(self.dry_run);
        out.gauge(
            "dry_run",
            "Whether SYNs are only judged and counted, and none is dropped.",
            [([], dry_run)],
        )
    }

    fn encode_counters(&self, out: &mut Families<'_>) -> Result<(), Error> {
        out.counter(
            "frames",
            "Frames that the program has judged, by the reason of its verdict.",
            self.frames.iter().map(|(reason, count)| ([("reason", reason.as_str())], *count)),
        )?;
        out.counter(
            "syns",
            "SYNs, and frames that were made to hide one, by verdict, its reason, and the service at whose ports they are, which is empty for the ports of none; dropped: would have been, in a dry run.",
            self.syns.iter().map(|Syns { verdict, reason, service, count }| {
                let labels =
                    [("verdict", *verdict), ("reason", reason.as_str()), ("service", service.as_str())];
                (labels, *count)
            }),
        )?;
        out.counter(
            "connections",
            "Connections of protected ports that stand or stood.",
            [([], self.connections)],
        )?;
        out.counter(
            "cookie_connections",
            "Those of synflood_connections that were made of a cookie of this program's own; the kernel's are not told apart.",
            [([], self.connections_by_cookie)],
        )
    }

    fn encode_floods(&self, out: &mut Families<'_>) -> Result<(), Error> {
        out.gauge(
            "flood_active",
            "Whether a flood is on: within the last ten seconds the pass rate, or a listener's queue, refused SYNs.",
            [([], u64::from(self.is_flooded))],
        )?;
        out.counter("floods", "Floods that began since the process was started.", [([], self.floods)])?;
        out.gauge(
            "failing_tasks",
            "Tasks of the run's upkeep that fail now and are tried again each second; the log says which.",
            [([], self.failing_tasks)],
        )?;
        out.counter(
            "task_failures",
            "How often a task of the upkeep began to fail, or to fail in another way.",
            [([], self.task_failures)],
        )
    }

    fn encode_queues(&self, out: &mut Families<'_>) -> Result<(), Error> {
        let ports: Vec<_> = self.queues.iter().map(|queue| (queue.port.to_string(), *queue)).collect();
        let of = |value: fn(PortQueue) -> u32| {
            ports.iter().map(move |(port, queue)| ([("port", port.as_str())], u64::from(value(*queue))))
        };
        out.gauge(
            "listener_queue_length",
            "Connections that wait to be accepted, at the listener of a protected port whose queue is the fullest.",
            of(|queue| queue.length),
        )?;
        out.gauge(
            "listener_queue_limit",
            "The length of that queue beyond which the kernel refuses connections.",
            of(|queue| queue.limit),
        )
    }
}

fn encode_rates(rates: &[(&str, SharedBucket)], out: &mut Families<'_>) -> Result<(), Error> {
    let since = |time: Duration| unix(SystemTime::now().checked_sub(time).unwrap_or(UNIX_EPOCH));
    out.gauge(
        "rate_limit_per_second",
        "SYNs per second that a rate of all sources together allows; rates without a limit are absent.",
        rates.iter().map(|(name, rate)| ([("rate", *name)], rate.per_second)),
    )?;
    out.gauge(
        "rate_left_tokens",
        "SYNs that the rate allows at once, now.",
        rates.iter().map(|(name, rate)| ([("rate", *name)], rate.left)),
    )?;
    out.gauge(
        "rate_refusing",
        "Whether the rate refuses SYNs: it did within the last two seconds.",
        rates.iter().map(|(name, rate)| ([("rate", *name)], u64::from(rate.refusing.is_some()))),
    )?;
    out.seconds(
        "rate_refusing_since_timestamp",
        "Since when the rate has been refusing SYNs, in seconds since 1970; absent while it does not.",
        rates.iter().filter_map(|(name, rate)| Some(([("rate", *name)], since(rate.refusing?)))),
    )?;
    out.seconds(
        "rate_last_refusal_timestamp",
        "When the rate last refused a SYN, in seconds since 1970; absent if it never did.",
        rates.iter().filter_map(|(name, rate)| Some(([("rate", *name)], since(rate.last_refusal?)))),
    )
}

impl Walk {
    fn encode(&self, out: &mut Families<'_>) -> Result<(), Error> {
        let tables = |value: fn(&Fill) -> usize| {
            self.tables.iter().map(move |(name, fill)| ([("table", *name)], value(fill) as u64))
        };
        out.gauge(
            "table_used_entries",
            "Entries of a table that are in use.",
            tables(|fill| fill.used),
        )?;
        out.gauge(
            "table_size_entries",
            "Entries that a table has room for.",
            tables(|fill| fill.room),
        )?;
        out.gauge(
            "blocked_sources",
            "Sources whose SYNs are dropped now, each counted for each service that blocks it.",
            [([], self.blocked_sources)],
        )?;
        let verdicts: Vec<_> =
            self.networks.iter().map(|each| (each.verdict.to_string(), each)).collect();
        let networks = |value: fn(&Networks) -> u64| {
            verdicts.iter().map(move |(verdict, each)| {
                ([("verdict", verdict.as_str()), ("origin", each.origin)], value(each))
            })
        };
        out.gauge(
            "list_networks",
            "Networks that are allowed or denied, by the commands (live), or by options and files (run).",
            networks(|each| each.count),
        )?;
        out.gauge(
            "list_hits",
            "SYNs that the networks decided which are on the lists now; less when one is removed.",
            networks(|each| each.syns),
        )?;
        out.gauge(
            "honest_syns",
            "SYNs of honest clients that are known, for rules to be held against; 500 of IPv4 or of IPv6 are needed.",
            [([], self.honest_syns)],
        )?;
        out.seconds(
            "walk_timestamp",
            "When the tables, the blocked sources, the lists and the honest SYNs were read, in seconds since 1970.",
            [([], unix(self.at))],
        )?;
        out.seconds("walk_duration", "How long it took to read them.", [([], self.took.as_secs_f64())])
    }
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

pub(super) type Labels<'a, const N: usize> = [(&'a str, &'a str); N];

/// Writes one family after the other.
pub(super) struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    pub(super) fn counter<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, u64)>,
    ) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    pub(super) fn gauge<'l, const N: usize, Value: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, Value)>,
    ) -> Result<(), Error> {
        self.gauge_of(name, help, None, samples)
    }

    /// The unit becomes the end of the name.
    fn seconds<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, f64)>,
    ) -> Result<(), Error> {
        self.gauge_of(name, help, Some(&Unit::Seconds), samples)
    }

    fn gauge_of<'l, const N: usize, Value: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        samples: impl IntoIterator<Item = (Labels<'l, N>, Value)>,
    ) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (labels, value) in samples {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    pub(super) fn info<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = Labels<'l, N>>,
    ) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Info)?;
        samples.into_iter().try_for_each(|labels| family.encode_info(&labels))
    }
}
