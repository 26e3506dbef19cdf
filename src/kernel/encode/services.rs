// SPDX-License-Identifier: GPL-2.0-only
//! Services, as the program has them among its constants.

use super::{read_limit, source_limits};
use crate::kernel::skel::types;
use crate::policy::{Policy, Ports, Service, Services};

/// Sets the limits of each source, at the ports of each service and of none.
pub fn write(policy: &Policy, config: &mut types::config) {
    config.services = Default::default();
    config.service_of_port = [0; _];
    config.services[0].limits = source_limits(policy.limits_of(None));
    for (number, service) in policy.services.iter() {
        config.services[number] = types::service {
            limits: source_limits(policy.limits_of(Some(service))),
            name: name_bytes(&service.name),
            has_own_limits: service.limit.is_some().into(),
            is_unchallenged: (!service.challenge).into(),
            ..Default::default()
        };
        service.ports.iter().for_each(|port| config.service_of_port[usize::from(port)] = number as u8);
    }
    config.has_services = (!policy.services.is_empty()).into();
}

/// The inverse of [`write()`], but for the ports of none.
pub fn read(config: &types::config) -> Services {
    let service = |(number, service): (usize, &types::service)| {
        let is_here = |port: &u16| usize::from(config.service_of_port[usize::from(*port)]) == number;
        let read = Service {
            name: read_name(&service.name)?,
            ports: Ports::only((0..=u16::MAX).filter(is_here)),
            limit: (service.has_own_limits != 0).then(|| read_limit(&service.limits.syns)),
            challenge: service.is_unchallenged == 0,
        };
        Some((number, read))
    };
    config.services.iter().enumerate().skip(1).filter_map(service).collect()
}

/// Filled up with zeros.
fn name_bytes(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    bytes
}

/// None: no name.
fn read_name(bytes: &[u8; 16]) -> Option<String> {
    let name = bytes.split(|&byte| byte == 0).next().filter(|name| !name.is_empty())?;
    Some(String::from_utf8_lossy(name).into_owned())
}
