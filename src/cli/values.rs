// SPDX-License-Identifier: GPL-2.0-only
//! What a single value of the command line can get wrong.

use std::time::Duration;

/// The longest name of an interface, without the trailing zero (IFNAMSIZ - 1).
const MAX_INTERFACE_NAME: usize = libc::IFNAMSIZ - 1;

pub fn interface(name: &str) -> Result<String, String> {
    if name.is_empty() {
        return Err("give the name of an interface; `ip link` lists them".into());
    }
    if name.len() > MAX_INTERFACE_NAME {
        return Err(format!(
            "an interface's name has at most {MAX_INTERFACE_NAME} characters; `ip link` lists them"
        ));
    }
    if name.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control()) {
        return Err("an interface's name has neither spaces nor slashes; `ip link` lists them".into());
    }
    Ok(name.into())
}

pub fn count(text: &str) -> Result<u32, String> {
    match text.parse::<u64>() {
        Ok(number) => number.try_into().map_err(|_| format!("at most {}", u32::MAX)),
        Err(_) => Err("give a whole number, like 262144".into()),
    }
}

pub fn stop_after(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("give more than no time, like 10m".into()),
        Ok(time) => Ok(time),
        Err(_) => Err("give a number with a unit, like 90s, 10m or 1h30m".into()),
    }
}

pub fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give seconds from 0.1 to 86400".into()),
    }
}
