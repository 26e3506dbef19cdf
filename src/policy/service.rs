// SPDX-License-Identifier: GPL-2.0-only
//! Services: named ports with limits of their own.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use serde::Serialize;

use super::limit::{Limit, Rate, burst};
use super::ports::{PortRange, Ports};

/// Services that a policy has at most.
pub const MAX_SERVICES: usize = 16;
const MAX_NAME: usize = 15;

/// Ports whose connections are counted apart from those of all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    pub name: String,
    /// Never all.
    pub ports: Ports,
    /// None: as for all other ports, in buckets of its own.
    pub limit: Option<Limit>,
    /// Whether SYNs to it may be answered with a cookie.
    pub challenge: bool,
}

impl Service {
    /// What may stand behind the ports, as KEY=VALUE.
    pub const KEYS: [&str; 3] = ["burst", "rate", "challenge"];
}

/// "web=80,443,8000-8010,burst=20,rate=30/m,challenge=off".
impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, fields)) = text.split_once('=') else {
            return Err("give a name and ports, like ssh=22 or web=80,443,burst=20,rate=5".into());
        };
        check_name(name)?;
        let mut ports: Vec<PortRange> = Vec::new();
        let mut values = BTreeMap::new();
        for field in fields.split(',') {
            match field.split_once('=') {
                None if !values.is_empty() => {
                    return Err(format!("'{field}' stands behind {name}'s limits: ports come first"));
                }
                None => ports.push(field.parse()?),
                Some((key, _)) if !Self::KEYS.contains(&key) => {
                    let keys = Self::KEYS.join(", ");
                    return Err(format!("'{key}' is nothing that a service has: it has {keys}"));
                }
                Some((key, value)) if values.insert(key, value).is_some() => {
                    return Err(format!("{key} is given twice: keep one"));
                }
                Some(_) => {}
            }
        }
        if ports.is_empty() {
            return Err(format!(
                "{name} has no ports: give some, like {name}=443 or {name}=80,8000-8010"
            ));
        }
        Ok(Self {
            name: name.into(),
            ports: Ports::of(&ports),
            limit: limit(values.get("burst"), values.get("rate"))?,
            challenge: match values.get("challenge") {
                None | Some(&"all") => true,
                Some(&"off") => false,
                Some(other) => return Err(format!("challenge is off or all, not '{other}'")),
            },
        })
    }
}

/// As it is read.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.ports.to_string().replace(' ', ","))?;
        if let Some(Limit { burst, rate }) = self.limit {
            write!(f, ",burst={burst},rate={rate}")?;
        }
        f.write_str(if self.challenge { "" } else { ",challenge=off" })
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_fine) {
        return Ok(());
    }
    Err(format!(
        "'{name}' is no name for a service: give up to {MAX_NAME} of the characters a-z, A-Z, 0-9, - and \
         _, like ssh=22"
    ))
}

fn limit(burst_text: Option<&&str>, rate_text: Option<&&str>) -> Result<Option<Limit>, String> {
    let of = |key: &'static str| move |why: String| format!("{key}: {why}");
    match (burst_text, rate_text) {
        (None, None) => Ok(None),
        (Some(burst_text), Some(rate_text)) => {
            let burst = burst(burst_text).map_err(of("burst"))?;
            let rate = rate_text.parse::<Rate>().map_err(of("rate"))?;
            Limit::new(burst, rate).map(Some).map_err(|error| error.to_string())
        }
        (Some(_), None) => Err("burst needs a rate: give rate too, like rate=6/m".into()),
        (None, Some(_)) => Err("rate needs a burst: give burst too, like burst=5".into()),
    }
}

/// Why there cannot be so many.
pub fn too_many(count: usize) -> String {
    format!(
        "there are {count} services, and room for {MAX_SERVICES}: give ports with the same limits as one service"
    )
}

/// What services can get wrong together.
pub fn check(services: &[Service]) -> Result<()> {
    ensure!(services.len() <= MAX_SERVICES, too_many(services.len()));
    for (index, service) in services.iter().enumerate() {
        let Service { name, ports, .. } = service;
        ensure!(!ports.are_all(), "the service {name} has no ports: give some, like {name}=443");
        for other in &services[..index] {
            ensure!(other.name != *name, "two services have the name {name}: rename one");
            if let Some(port) = ports.first_common(&other.ports) {
                bail!(
                    "port {port} is in the services {} and {name}: leave it to one of them",
                    other.name
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Service, check};
    use crate::policy::{Limit, Ports};

    fn service(text: &str) -> Service {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_service_is_read() {
        let web = service("web=80,443,8000-8010,burst=20,rate=5");
        assert_eq!((web.name.as_str(), web.challenge), ("web", true));
        assert_eq!(web.ports.to_string(), "80 443 8000-8010");
        assert_eq!(web.limit, Some(Limit::new(20, "5".parse().unwrap()).unwrap()));
        let ssh = service("ssh=22,challenge=off,rate=6/m,burst=3");
        assert_eq!(ssh.to_string(), "ssh=22,burst=3,rate=6/m,challenge=off");
        let plain = service("the_other-one_1=1-65535,challenge=all");
        assert_eq!((plain.limit, plain.challenge), (None, true));
    }

    #[test]
    fn what_is_no_service_says_what_is_missing() {
        for (text, said) in [
            ("", "give a name and ports, like ssh=22"),
            ("22", "give a name and ports"),
            ("22,burst=3,rate=1", "'22,burst' is no name for a service"),
            ("=22", "'' is no name"),
            ("sixteen-letters_=22", "up to 15 of the characters"),
            ("a b=22", "'a b' is no name"),
            ("ssh=", "'' is no port"),
            ("ssh=0", "'0' is no port"),
            ("ssh=http", "'http' is no port"),
            ("ssh=8010-8000", "give 8000-8010"),
            ("ssh=burst=3,rate=1", "ssh has no ports: give some, like ssh=443"),
            ("ssh=22,burst=3", "burst needs a rate"),
            ("ssh=22,rate=3", "rate needs a burst"),
            ("ssh=22,burst=0,rate=3", "burst: with 0 nobody could connect"),
            ("ssh=22,burst=3,rate=5/d", "rate: the time after the slash"),
            ("ssh=22,burst=9999999999999,rate=1", "years to refill"),
            ("ssh=22,brust=3", "'brust' is nothing that a service has: it has burst, rate, challenge"),
            ("ssh=22,burst=3,burst=4,rate=1", "burst is given twice"),
            ("ssh=22,burst=3,rate=1,23", "'23' stands behind ssh's limits: ports come first"),
            ("ssh=22,challenge=no", "challenge is off or all, not 'no'"),
        ] {
            let error = text.parse::<Service>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn services_share_nothing() {
        let of = |texts: &[&str]| {
            let services: Vec<Service> = texts.iter().map(|text| service(text)).collect();
            check(&services).map_err(|error| error.to_string())
        };
        assert_eq!(of(&[]), Ok(()));
        assert_eq!(of(&["ssh=22", "web=80-443"]), Ok(()));
        let refused = |texts: &[&str], said: &str| {
            let error = of(texts).unwrap_err();
            assert!(error.contains(said), "{error}");
        };
        refused(&["ssh=22", "web=80", "ssh=2222"], "two services have the name ssh: rename one");
        refused(&["ssh=22", "web=20-30"], "port 22 is in the services ssh and web: leave it to one");
        let many: Vec<String> = (1..=17).map(|port| format!("s{port}={port}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(of(&many[..16]), Ok(()));
        refused(&many, "there are 17 services, and room for 16");
        let without_ports = Service { ports: Ports::default(), ..service("ssh=22") };
        assert!(check(&[without_ports]).unwrap_err().to_string().contains("ssh has no ports"));
    }

    fn services() -> impl Strategy<Value = Service> {
        let rate = ("[1-9][0-9]{0,5}(\\.[0-9]{1,3})?", prop_oneof![Just("s"), Just("m"), Just("h")]);
        let rate = rate.prop_map(|(count, unit)| format!("{count}/{unit}").parse().unwrap());
        let limit = (1..1_000_000_u64, rate).prop_map(|(burst, rate)| Limit { burst, rate });
        let ports = proptest::collection::btree_set(1..=u16::MAX, 1..20).prop_map(Ports::only);
        ("[a-zA-Z0-9_-]{1,15}", ports, proptest::option::of(limit), any::<bool>())
            .prop_map(|(name, ports, limit, challenge)| Service { name, ports, limit, challenge })
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(shown in services()) {
            prop_assert_eq!(shown.to_string().parse(), Ok(shown));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(ssh=)?[0-9,=a-z-]{0,30}") {
            if let Ok(read) = text.parse::<Service>() {
                prop_assert!(check(std::slice::from_ref(&read)).is_ok());
                prop_assert_eq!(read.to_string().parse(), Ok(read));
            }
        }
    }
}
