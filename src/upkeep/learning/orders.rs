// SPDX-License-Identifier: GPL-2.0-only
//! What the learner has decided and what is done of it. The learner takes for done what it decides: so what fails stays
//! here, with all that comes after it, until it is done, and the learner decides nothing meanwhile.

use std::collections::VecDeque;

use anyhow::Result;

use crate::learn::life::Action;

#[derive(Debug, Default)]
pub struct Orders(VecDeque<Action>);

impl Orders {
    pub fn add(&mut self, actions: Vec<Action>) {
        self.0.extend(actions);
    }

    /// Does them one after the other, until one fails.
    pub fn carry_out(&mut self, mut apply: impl FnMut(&Action) -> Result<()>) -> Result<()> {
        while let Some(action) = self.0.front() {
            apply(action)?;
            self.0.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::ensure;

    use super::*;
    use crate::learn::life::Why;
    use crate::learn::{Family, Rule};

    fn remove(slot: usize) -> Action {
        Action::Remove { slot, rule: Rule::any(Family::Ipv4), why: Why::Idle }
    }

    #[test]
    fn what_fails_is_done_later_and_nothing_before_it() {
        let mut orders = Orders::default();
        let mut done = Vec::new();
        orders.add(vec![remove(0), remove(1), remove(2)]);
        let outcome = orders.carry_out(|action| {
            ensure!(*action != remove(1), "no memory");
            done.push(action.clone());
            Ok(())
        });
        assert_eq!(outcome.unwrap_err().to_string(), "no memory");
        orders.add(vec![remove(3)]);
        orders
            .carry_out(|action| {
                done.push(action.clone());
                Ok(())
            })
            .unwrap();
        assert_eq!(done, [remove(0), remove(1), remove(2), remove(3)]);
        orders.carry_out(|action| panic!("{action:?} is done twice")).unwrap();
    }
}
