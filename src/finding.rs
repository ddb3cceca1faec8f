//! The findings of `roomwatt check`, for an operator.

use std::fmt;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is as it should be.
    Ok,
    /// It works; something could be better.
    Advice,
    /// It works, but not all of it as expected.
    Warning,
    /// It can't be reached now: an error that may pass.
    Unreachable,
    /// It has to be changed: an error that stays.
    Wrong,
}

impl Level {
    /// The word at the beginning of its line.
    pub fn word(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Advice => "advice",
            Level::Warning => "warning",
            Level::Unreachable | Level::Wrong => "error",
        }
    }
}

/// The result of one check. Names in it are untrusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    /// What was checked.
    pub about: String,
    /// What was found, and what it means.
    pub says: String,
    /// What to do, if anything.
    pub remedy: Option<String>,
}

impl Finding {
    pub fn new(level: Level, about: impl Into<String>, says: impl Into<String>) -> Finding {
        Finding {
            level,
            about: about.into(),
            says: says.into(),
            remedy: None,
        }
    }

    pub fn ok(about: impl Into<String>, says: impl Into<String>) -> Finding {
        Finding::new(Level::Ok, about, says)
    }

    /// Adds what to do.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Finding {
        Finding {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}

/// The finding on one line.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8} {}: {}", self.level.word(), self.about, self.says)?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// Receives findings one by one.
pub type Report<'a> = &'a mut dyn FnMut(Finding);
