// SPDX-License-Identifier: GPL-2.0-only
//! Network interfaces and their abilities.

use std::fs;
use std::net::IpAddr;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::errno::Errno;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{if_nameindex, if_nametoindex};

use super::sys;

/// An interface of this network namespace.
#[derive(Debug, Clone)]
pub struct Interface {
    pub name: String,
    pub index: u32,
}

impl Interface {
    /// An interface of any kind.
    pub fn by_name(name: &str) -> Result<Self> {
        match if_nametoindex(name) {
            Ok(index) => Ok(Self { name: name.into(), index }),
            Err(Errno::ENODEV | Errno::ENXIO) => Err(anyhow!(
                "there is no interface {name} in this network namespace: `ip link` lists those there are"
            )),
            Err(error) => bail!("cannot look up the interface {name}: {error}"),
        }
    }

    /// An interface whose frames have an Ethernet header. XDP would attach to others without protecting
    /// them.
    pub fn ethernet(name: &str) -> Result<Self> {
        let interface = Self::by_name(name)?;
        let mut addresses = getifaddrs().context("cannot list the interfaces")?;
        let is_ethernet = addresses.any(|each| {
            let link = each.address.as_ref().and_then(|address| address.as_link_addr());
            each.interface_name == name && link.is_some_and(|link| link.hatype() == libc::ARPHRD_ETHER)
        });
        ensure!(
            is_ethernet,
            "{name} is not an Ethernet interface: its frames have no Ethernet header, and all of them would \
             pass; protect the interface that carries it"
        );
        Ok(interface)
    }

    pub fn all() -> Result<Vec<Self>> {
        let all = if_nameindex().context("cannot list the interfaces")?;
        let interface = |each: &nix::net::if_::Interface| Self {
            name: each.name().to_string_lossy().into_owned(),
            index: each.index(),
        };
        Ok(all.iter().map(interface).collect())
    }

    /// Its addresses, but for those of the link alone.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let addresses =
            getifaddrs().into_iter().flatten().filter(|each| each.interface_name == self.name);
        let ip = |each: InterfaceAddress| {
            let address = each.address?;
            let ipv4 = address.as_sockaddr_in().map(|ipv4| IpAddr::V4(ipv4.ip()));
            ipv4.or_else(|| Some(IpAddr::V6(address.as_sockaddr_in6()?.ip())))
        };
        let is_of_the_link = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        addresses.filter_map(ip).filter(|ip| !is_of_the_link(ip)).collect()
    }

    /// The name of its driver, as `ethtool -i` shows it; None for an interface without one.
    pub fn driver(&self) -> Option<String> {
        sys::interface_driver(&self.name).ok().filter(|driver| !driver.is_empty())
    }

    /// Whether its driver can send from XDP. None: it does not say.
    pub fn can_transmit(&self) -> Option<bool> {
        sys::xdp_can_transmit(self.index).ok().flatten()
    }

    /// Whether it takes VLAN tags off the frames that arrive, before XDP sees them.
    pub fn strips_vlan_tags(&self) -> bool {
        sys::interface_strips_vlan_tags(&self.name).unwrap_or(false)
    }

    /// The first VLAN device on top of it.
    pub fn vlan_device(&self) -> Option<String> {
        uppers(&self.name).into_iter().find(|name| {
            let about = fs::read_to_string(format!("/sys/class/net/{name}/uevent"));
            about.is_ok_and(|about| about.lines().any(|line| line == "DEVTYPE=vlan"))
        })
    }
}

/// The names of the interfaces that are stacked directly on this one, like a bridge, a bond or a VLAN.
pub fn uppers(name: &str) -> Vec<String> {
    let entries = fs::read_dir(format!("/sys/class/net/{name}")).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.strip_prefix("upper_").map(String::from)).collect()
}
