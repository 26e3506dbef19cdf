// SPDX-License-Identifier: GPL-2.0-only
//! The tables `[[service]]` of the configuration file. Each becomes a word, as `--service` takes it.

use clap::Arg;
use toml::de::{DeTable, DeValue};

use super::{Key, Reader, SERVICE, Value, in_order, value};
use crate::policy::faults::excerpt;
use crate::policy::service::{MAX_SERVICES, too_many};
use crate::policy::{PortRange, Service};

const NAME: &str = "name";
const PORTS: &str = "ports";

impl Reader<'_> {
    pub(super) fn services(&mut self, option: &Arg, key: &Key<'_>, services: &Value<'_>) {
        match services.get_ref() {
            DeValue::Array(services) if services.len() > MAX_SERVICES => {
                self.fault(key.span().start, too_many(services.len()));
            }
            DeValue::Array(services) => {
                for service in services.iter() {
                    let word = match service.get_ref() {
                        DeValue::Table(table) => self
                            .service(service, table)
                            .map(|word| format!("--{SERVICE}={word}").into()),
                        _ => self.word(option, key.get_ref(), service),
                    };
                    self.enter(SERVICE, service.span().start, word.into_iter().collect());
                }
            }
            DeValue::Table(_) => {
                let sentence = "give [[service]] in double brackets, one for each service";
                self.fault(key.span().start, sentence.into());
            }
            _ => self.values(option, key, services),
        }
    }

    /// The table as a word; None if something is wrong in it.
    fn service(&mut self, service: &Value<'_>, table: &DeTable<'_>) -> Option<String> {
        let faults_before = self.faults.count();
        let (mut name, mut ports, mut settings) = (None, None, Vec::new());
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                NAME => name = self.single(NAME, value),
                PORTS => ports = Some(self.ports(value)),
                setting if Service::KEYS.contains(&setting) => {
                    let value = self.single(setting, value);
                    settings.extend(value.map(|value| (key, format!("{setting}={value}"))));
                }
                other => {
                    let sentence = self.unknown_of_service(other, value);
                    self.fault(key.span().start, sentence);
                }
            }
        }
        if self.faults.count() > faults_before {
            return None;
        }
        let at = service.span().start;
        let Some(name) = name else {
            self.fault(at, "a service needs a name, like name = \"ssh\"".into());
            return None;
        };
        let Some(ports) = ports.filter(|ports| !ports.is_empty()) else {
            self.fault(at, format!("the service {name} needs ports, like ports = [80, 443]"));
            return None;
        };
        let texts = settings.iter().map(|(_, setting)| setting.clone());
        let word = format!("{name}={}", ports.into_iter().chain(texts).collect::<Vec<_>>().join(","));
        if let Err(why) = word.parse::<Service>() {
            // What is wrong with a setting begins with its name.
            let wrong = settings.iter().find(|(key, _)| why.starts_with(key.get_ref().as_ref()));
            let at = wrong.map_or(at, |(key, _)| key.span().start);
            self.fault(at, format!("service {}: {why}", excerpt(&name)));
            return None;
        }
        Some(word)
    }

    /// A value that is one field of the word.
    fn single(&mut self, key: &str, value: &Value<'_>) -> Option<String> {
        let text = match value.get_ref() {
            DeValue::Boolean(true) if key == "challenge" => Some("all".into()),
            DeValue::Boolean(false) if key == "challenge" => Some("off".into()),
            other => value::text(other).filter(|text| !text.contains([',', '='])),
        };
        if text.is_none() {
            self.wrong(key, value, "give a number or a text in quotes, without commas and =");
        }
        text
    }

    /// An integer, a string, or an array of both: each a port or several.
    fn ports(&mut self, value: &Value<'_>) -> Vec<String> {
        if let DeValue::Array(values) = value.get_ref() {
            return values.iter().flat_map(|value| self.some_ports(value)).collect();
        }
        self.some_ports(value)
    }

    fn some_ports(&mut self, value: &Value<'_>) -> Vec<String> {
        let Some(text) = value::text(value.get_ref()) else {
            self.wrong(PORTS, value, "give ports, like 80 or \"8000-8010\" or [80, 443]");
            return Vec::new();
        };
        let ports: Vec<String> = text.split(',').map(|port| port.trim().to_owned()).collect();
        if let Some(why) = ports.iter().find_map(|port| port.parse::<PortRange>().err()) {
            self.wrong(PORTS, value, &why);
        }
        ports
    }

    fn unknown_of_service(&self, key: &str, value: &Value<'_>) -> String {
        let keys = [NAME, PORTS].into_iter().chain(Service::KEYS);
        let key = excerpt(key);
        match value::nearest(&key, keys.clone()) {
            // The run's `port` leaves all others unprotected: nobody is sent there by a slip.
            Some(meant) if self.option(&key).is_some() => format!(
                "a service has `{meant}`: do you mean {meant} = {}? {key} is an option of the run, and would stand \
                 above the first [[service]]",
                excerpt(&self.text[value.span()])
            ),
            None if self.option(&key).is_some() => {
                format!("{key} is an option of the run: put it above the first [[service]]")
            }
            Some(meant) => format!("'{key}' is nothing that a service has: do you mean {meant}?"),
            None => {
                let keys = keys.collect::<Vec<_>>().join(", ");
                format!("'{key}' is nothing that a service has: it has {keys}")
            }
        }
    }
}
