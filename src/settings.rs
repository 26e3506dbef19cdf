// SPDX-License-Identifier: GPL-2.0-only
//! Makes the settings of a run from its options, and checks them against each other before anything is
//! attached.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ipnet::IpNet;

use crate::cli::{Cli, Protect};
use crate::policy::faults::Faults;
use crate::policy::{
    EventCommand, Limit, ListEntry, ListFile, Listed, Lists, MetricsAddress, Networks, Place, Policy,
    Ports, Rate, Services, Sizes, service,
};

/// On kernels before 6.16 an LRU map with fewer entries for each CPU evicts live ones (the kernel's
/// LOCAL_FREE_TARGET in kernel/bpf/bpf_lru_list.c).
const MIN_SOURCES_PER_CPU: u32 = 128;

/// All settings of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub policy: Policy,
    pub lists: Lists,
    pub place: Place,
    pub sizes: Sizes,
    /// Take the place of a run on these interfaces.
    pub replace: bool,
    /// Leave the kernel's settings alone.
    pub keep_sysctls: bool,
    /// The run ends after this time; None: it does not end by itself.
    pub stop_after: Option<Duration>,
    /// The time between two status lines; None: as usual.
    pub interval: Option<Duration>,
    /// No status lines.
    pub quiet: bool,
    pub json: bool,
    /// Where to give metrics; None: nowhere.
    pub metrics: Option<MetricsAddress>,
    /// Runs when something happens; None: nothing does.
    pub on_event: Option<EventCommand>,
}

impl TryFrom<&Cli> for Settings {
    type Error = anyhow::Error;

    fn try_from(cli: &Cli) -> Result<Self> {
        let mut settings = without_files(cli)
            .map_err(|error| cli.located(error, |less| without_files(less).is_ok()))?;
        settings.lists = lists(cli)?;
        Ok(settings)
    }
}

/// All that options say: the lists are still empty.
fn without_files(cli: &Cli) -> Result<Settings> {
    let words = &cli.protect;
    ensure!(!cli.all, "--all shows more of a dump: it goes with --dump");
    refuse_contradictions(words)?;
    check_services(words)?;
    Ok(Settings {
        policy: policy(words)?,
        lists: Lists::default(),
        place: place(cli)?,
        sizes: sizes(words)?,
        replace: words.replace,
        keep_sysctls: words.keep_sysctls,
        stop_after: words.stop_after,
        interval: words.interval,
        quiet: words.quiet,
        json: cli.json,
        metrics: words.metrics.clone(),
        on_event: words.on_event.clone(),
    })
}

/// SYNs that the kernel gets of each source unasked, without --burst and --rate: what a browser, an
/// office or a proxy sends at once.
const SYN_BURST: u64 = 100;
const SYNS_PER_SECOND: u64 = 20;

fn policy(words: &Protect) -> Result<Policy> {
    let limit = words.burst.zip(words.rate).map(|(burst, rate)| Limit::new(burst, rate));
    let limit = limit.transpose().context("--burst does not go with --rate")?;
    let unasked = Rate { interval_ns: 1_000_000_000 / SYNS_PER_SECOND };
    Ok(Policy {
        syn_limit: limit.unwrap_or(Limit { burst: SYN_BURST, rate: unasked }),
        connection_limit: limit,
        pass_rate: words.pass_rate,
        unchallenged_rate: words.unchallenged_rate,
        challenge: words.challenge,
        challenge_rate: words.challenge_rate,
        cookies: words.cookies,
        ipv4_prefix: words.ipv4_prefix,
        ipv6_prefix: words.ipv6_prefix,
        ports: Ports::of(&words.port),
        services: Services::new(words.service.clone()),
        networks: words.networks.flatten().unwrap_or(Networks::On),
        dry_run: words.dry_run,
        learn: words.learn,
    })
}

fn refuse_contradictions(words: &Protect) -> Result<()> {
    let denied: HashSet<_> = words.deny.iter().collect();
    if let Some(both) = words.allow.iter().find(|network| denied.contains(network)) {
        bail!("{both} is both allowed and denied: keep one of --allow and --deny for it");
    }
    Ok(())
}

fn check_services(words: &Protect) -> Result<()> {
    service::check(&words.service)?;
    let protected = Ports::of(&words.port);
    for service in &words.service {
        if let Some(port) = service.ports.first_outside(&protected) {
            bail!(
                "port {port} of the service {} is not protected: add it to --port, or leave --port out",
                service.name
            );
        }
    }
    Ok(())
}

fn lists(cli: &Cli) -> Result<Lists> {
    let words = &cli.protect;
    let mut files = of_files(cli, "allow-file", &words.allow_file, Listed::Allowed)?;
    files.extend(of_files(cli, "deny-file", &words.deny_file, Listed::Denied)?);
    let (allow, allowed_by) = of_option(cli, "allow", &words.allow, Listed::Allowed);
    let (deny, denied_by) = of_option(cli, "deny", &words.deny, Listed::Denied);
    let lists = Lists::merge(allow, deny, allowed_by.into_iter().chain(denied_by).collect(), files);
    lists.check_room()?;
    Ok(lists)
}

/// The files of an option. Of one that cannot be read, the line that names it has to be looked at; else its own lines.
fn of_files(cli: &Cli, option: &str, paths: &[PathBuf], listed: Listed) -> Result<Vec<ListFile>> {
    let located = |error: anyhow::Error| match cli.configured(option) {
        Some((config, line)) if !error.is::<Faults>() => {
            error.context(format!("{}:{line}", config.display()))
        }
        _ => error,
    };
    paths.iter().map(|path| ListFile::read(path, listed).map_err(located)).collect()
}

/// The networks of an option: as they are if the command line gives it, or with the line of the configuration that
/// does. Never both do.
fn of_option<'n>(
    cli: &Cli,
    option: &str,
    networks: &'n [IpNet],
    listed: Listed,
) -> (&'n [IpNet], Option<ListFile>) {
    let Some((path, line)) = cli.configured(option) else { return (networks, None) };
    let entries = networks.iter().map(|&network| ListEntry { network, line }).collect();
    (&[], Some(ListFile { path: path.into(), listed, entries }))
}

fn place(cli: &Cli) -> Result<Place> {
    if let Some(twice) = first_repeated(&cli.iface) {
        bail!("--iface {twice} is given twice: name each interface once");
    }
    Ok(Place { interfaces: cli.iface.clone(), mode: cli.protect.mode })
}

fn sizes(words: &Protect) -> Result<Sizes> {
    let max_sources = words.max_sources;
    let possible_cpus =
        libbpf_rs::num_possible_cpus().context("cannot count this machine's CPUs")? as u32;
    let least = MIN_SOURCES_PER_CPU * possible_cpus;
    ensure!(
        max_sources >= least,
        "--max-sources {max_sources} is too small: the kernel's table needs {MIN_SOURCES_PER_CPU} for each \
         of {possible_cpus} CPUs, or it forgets sources that are still active; give {least} or more"
    );
    Ok(Sizes { max_sources, possible_cpus })
}

fn first_repeated(names: &[String]) -> Option<&String> {
    names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
