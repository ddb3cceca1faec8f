//! In which mode the baseline rule is used: the same in a whole simulation, or another one in each
//! instance, as after a SIGHUP with another configuration.

use std::sync::Arc;

use fastrand::Rng;

use roomwatt::engine::{BaselineMode, BaselineRules, Rules};

/// In which modes the instances of a simulation use the rule.
#[derive(Clone, Copy)]
pub struct Modes {
    /// At first, or always.
    mode: BaselineMode,
    /// Each instance has a configuration of its own.
    change: bool,
}

const MODES: [BaselineMode; 3] = [BaselineMode::Off, BaselineMode::Shadow, BaselineMode::On];

pub const OFF: Modes = Modes::always(BaselineMode::Off);

impl Modes {
    pub const fn always(mode: BaselineMode) -> Modes {
        Modes {
            mode,
            change: false,
        }
    }

    pub fn of(seed: u64) -> Modes {
        let mut rng = Rng::with_seed(seed);
        Modes {
            mode: [
                BaselineMode::Off,
                BaselineMode::Shadow,
                BaselineMode::On,
                BaselineMode::On,
            ][rng.usize(..4)],
            change: rng.u8(..4) == 0,
        }
    }

    /// Whether an instance may have the rule on.
    pub fn can_be_on(self) -> bool {
        self.change || self.mode == BaselineMode::On
    }

    /// As an instance has them; `dice` gives a number below.
    pub fn rules(self, rules: &Rules, dice: impl FnOnce(usize) -> usize) -> Arc<Rules> {
        let mode = match self.change {
            true => MODES[dice(MODES.len())],
            false => self.mode,
        };
        Arc::new(Rules {
            baseline: BaselineRules {
                mode,
                ..rules.baseline
            },
            ..rules.clone()
        })
    }
}
