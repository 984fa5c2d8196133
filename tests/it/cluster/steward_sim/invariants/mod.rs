//! What always holds, one file each.

mod clean_stops;
mod exchanges;
mod fit;
mod odd;
mod one_change;
mod orders;
mod prompt;
mod quiet;
mod quorum;
mod removals;
mod silence;

use mgmt::cluster::mesh::steward::Order;
use mgmt::engine::sched::Time;

use super::world::World;

/// What a steward said.
pub struct Step<'a> {
    pub orders: &'a [Order],
    /// Nothing goes wrong any more.
    pub calm: bool,
}

/// Something that always holds. The world is as it really is, whatever the steward was shown.
pub trait Invariant {
    fn name(&self) -> &'static str;

    /// A steward has spoken; nothing of it is done yet.
    fn step(&mut self, _: &Step<'_>, _: &World, _: Time) -> Verdict {
        Ok(())
    }

    /// Something happened.
    fn moment(&mut self, _: &World, _: Time) -> Verdict {
        Ok(())
    }

    /// The life is over.
    fn end(&mut self, _: &World, _: Time) -> Verdict {
        Ok(())
    }
}

/// Whether it holds, and else why not.
pub type Verdict = Result<(), String>;

pub fn hold(holds: bool, text: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(text()) }
}

/// All invariants, for a new life.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(one_change::OneChange),
        Box::new(quorum::Quorum),
        Box::new(odd::Odd::default()),
        Box::new(fit::Fit),
        Box::new(silence::Silence),
        Box::new(exchanges::Exchanges::default()),
        Box::new(clean_stops::CleanStops),
        Box::new(removals::Removals),
        Box::new(prompt::Prompt::default()),
        Box::new(orders::Orders::default()),
        Box::new(quiet::Quiet::default()),
    ]
}
