// SPDX-License-Identifier: GPL-2.0-only
//! Options in bytes.

use super::Field;

/// What the options of one SYN say.
pub struct Values {
    pub mss: u16,
    pub scale: u8,
    pub time: u32,
}

pub fn encode(fields: &[Field], values: &Values) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(40);
    for field in fields {
        match field {
            Field::Mss => bytes.extend([2, 4, (values.mss >> 8) as u8, values.mss as u8]),
            Field::Nop => bytes.push(1),
            Field::SackOk => bytes.extend([4, 2]),
            Field::Timestamps => {
                bytes.extend([8, 10]);
                bytes.extend(values.time.to_be_bytes());
                bytes.extend([0; 4]);
            }
            Field::Scale => bytes.extend([3, 3, values.scale]),
            Field::FastOpen => bytes.extend([34, 2]),
            Field::Multipath => bytes.extend([30, 4, 0x01, 0x01]),
            Field::End => bytes.push(0),
        }
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
