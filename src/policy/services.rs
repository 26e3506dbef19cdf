// SPDX-License-Identifier: GPL-2.0-only
//! The services of a policy, by number.

use serde::{Serialize, Serializer};

use super::service::{MAX_SERVICES, Service};

/// Services with different names and ports. Each has a number, by which the tables know its sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Services([Option<Service>; MAX_SERVICES]);

impl Services {
    /// Numbered in their order. `services` are as [`super::service::check`] has them.
    pub fn new(services: Vec<Service>) -> Self {
        (1..).zip(services).collect()
    }

    /// The same services, so numbered that the tables of a program with the `old` ones still hold for them: a
    /// name keeps its number. The number of a name that is gone is used last.
    pub fn numbered_like(self, old: &Self) -> Self {
        let mut numbered = Self::default();
        let (kept, new): (Vec<_>, Vec<_>) =
            self.0.into_iter().flatten().partition(|service| old.number_of(&service.name).is_some());
        for service in kept {
            if let Some(number) = old.number_of(&service.name) {
                numbered.0[number - 1] = Some(service);
            }
        }
        for service in new {
            let free = |number: &usize| numbered.get(*number).is_none();
            let never_used = |number: &usize| free(number) && old.get(*number).is_none();
            let mut numbers = 1..=MAX_SERVICES;
            if let Some(number) = numbers.clone().find(never_used).or_else(|| numbers.find(free)) {
                numbered.0[number - 1] = Some(service);
            }
        }
        numbered
    }

    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Each with its number, from 1.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Service)> {
        (1..).zip(&self.0).filter_map(|(number, service)| Some((number, service.as_ref()?)))
    }

    pub fn get(&self, number: usize) -> Option<&Service> {
        self.0.get(number.checked_sub(1)?)?.as_ref()
    }

    fn number_of(&self, name: &str) -> Option<usize> {
        self.iter().find(|(_, service)| service.name == name).map(|(number, _)| number)
    }

    /// The service of a port.
    pub fn at(&self, port: u16) -> Option<&Service> {
        self.get(self.number_at(port))
    }

    /// The number of a port's service; 0: it is of none.
    pub fn number_at(&self, port: u16) -> usize {
        let mut services = self.iter();
        services.find(|(_, service)| service.ports.contains(port)).map_or(0, |(number, _)| number)
    }
}

/// By number. What has a number beyond the room is left out.
impl FromIterator<(usize, Service)> for Services {
    fn from_iter<All: IntoIterator<Item = (usize, Service)>>(all: All) -> Self {
        let mut services = Self::default();
        for (number, service) in all {
            if let Some(place) = number.checked_sub(1).and_then(|index| services.0.get_mut(index)) {
                *place = Some(service);
            }
        }
        services
    }
}

/// A list: the numbers are nobody's business.
impl Serialize for Services {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|(_, service)| service))
    }
}

#[cfg(test)]
mod tests {
    use super::Services;

    fn services(texts: &[&str]) -> Services {
        Services::new(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn names(services: &Services) -> Vec<(usize, &str)> {
        services.iter().map(|(number, service)| (number, service.name.as_str())).collect()
    }

    #[test]
    fn a_port_has_the_service_that_names_it() {
        let services = services(&["ssh=22", "web=80,8000-8010"]);
        let name_at = |port| services.at(port).map(|service| service.name.as_str());
        assert_eq!([22, 8005, 443].map(name_at), [Some("ssh"), Some("web"), None]);
    }

    #[test]
    fn names_keep_their_numbers() {
        let old = services(&["ssh=22", "web=80", "mail=25"]);
        let new = services(&["dns=53", "mail=25,587", "ssh=22"]).numbered_like(&old);
        assert_eq!(names(&new), [(1, "ssh"), (3, "mail"), (4, "dns")]);
        assert_eq!(new.get(3).unwrap().ports.to_string(), "25 587", "of the new one");
        let newer = services(&["web=80", "mail=25"]).numbered_like(&new);
        assert_eq!(names(&newer), [(2, "web"), (3, "mail")]);
    }

    #[test]
    fn a_number_that_was_in_use_is_taken_where_all_were() {
        let ports = 1..=16_u16;
        let old: Vec<String> = ports.map(|port| format!("s{port}={port}")).collect();
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let mut changed = old.clone();
        changed[4] = "other=99";
        changed.reverse();
        let new = services(&changed).numbered_like(&services(&old));
        assert_eq!((new.iter().count(), new.get(5).unwrap().name.as_str()), (16, "other"));
        assert_eq!(new.get(16).unwrap().name, "s16");
    }
}
