//! Which classes a change affects.

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::models::occurrence::change::LockedOccurrence;
use crate::values::form::Problem;

/// Which classes of a weekly class a change affects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ScheduleScope)]
pub(super) enum Scope {
    /// One class.
    #[default]
    This,
    /// One class and the later ones of its weekly class.
    Following,
    /// All upcoming classes of the weekly class.
    All,
}

impl Scope {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "this" => Ok(Self::This),
            "following" => Ok(Self::Following),
            "all" => Ok(Self::All),
            _ => Err("must be this, following or all".to_owned()),
        }
    }

    /// Returns the first date that the change affects, or `None` if the scope has no first
    /// date. `date` is the date of the class for which the change was requested.
    pub(super) fn start(self, date: NaiveDate) -> Option<NaiveDate> {
        (self == Self::Following).then_some(date)
    }
}

/// The options of a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChangeOptions {
    pub(super) scope: Scope,
    pub(super) preview: bool,
}

impl ChangeOptions {
    /// Returns the id of the weekly class to which the class belongs and the date for which
    /// the class was generated, or `None` if the change affects only this class.
    pub(super) fn series_of(
        &self,
        current: &LockedOccurrence,
    ) -> Result<Option<(Uuid, NaiveDate)>> {
        if self.scope == Scope::This {
            return Ok(None);
        }
        let problem = "must be this, because the class does not belong to a weekly class";
        match current.weekly {
            Some(weekly) => Ok(Some(weekly)),
            None => Err(Error::field("scope", problem)),
        }
    }
}
