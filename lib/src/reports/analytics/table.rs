//! The tables of the analytics, which are CSV files.

use utoipa::ToSchema;

use crate::values::form::Problem;

/// A table of the analytics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum Table {
    /// A row for each bucket.
    #[default]
    Buckets,
    /// A row for each class type.
    ClassTypes,
    /// A row for each hour of the week that has classes.
    HeatMap,
    /// The first visits in each bucket.
    Retention,
    /// The figures of the whole range, next to those of the period before.
    Totals,
}

impl Table {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "buckets" => Ok(Self::Buckets),
            "class_types" => Ok(Self::ClassTypes),
            "heat_map" => Ok(Self::HeatMap),
            "retention" => Ok(Self::Retention),
            "totals" => Ok(Self::Totals),
            _ => Err("must be buckets, class_types, heat_map, retention or totals".to_owned()),
        }
    }

    /// Returns the part of the file name that tells the tables apart.
    pub(super) fn file_name_part(self) -> &'static str {
        match self {
            Self::Buckets => "",
            Self::ClassTypes => "class-types-",
            Self::HeatMap => "heat-map-",
            Self::Retention => "retention-",
            Self::Totals => "totals-",
        }
    }
}
