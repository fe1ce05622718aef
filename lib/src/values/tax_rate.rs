//! Rates of tax.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::values::form::Problem;

/// The highest rate, in percent.
const MAX: u32 = 100;

/// A rate of tax in percent, from 0 to 100 with at most two decimals, such as `"19"` or `"5.5"`.
/// The tax is included in prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, pattern = r"^\d{1,3}(\.\d{1,2})?$", examples("19"))]
pub struct TaxRate(Decimal);

impl TaxRate {
    /// Parses a rate.
    ///
    /// # Errors
    ///
    /// Fails with a message for the user.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let problem = "must be a percentage from 0 to 100, such as 19 or 5.5";
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |part: &str, max_length: usize| {
            (1..=max_length).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_digits(whole, 3) || !is_digits(decimals, 2) {
            return Err(problem.to_owned());
        }
        let rate = Decimal::from_str_exact(text).map_err(|_| problem)?;
        match rate <= MAX.into() {
            true => Ok(Self(rate.normalize())),
            false => Err(problem.to_owned()),
        }
    }

    /// Converts from a `numeric(5, 2)` column.
    pub fn from_column(rate: Decimal) -> Self {
        Self(rate.normalize())
    }

    /// Converts to a statement parameter.
    pub fn as_column(self) -> Decimal {
        self.0
    }

    /// Returns whether the rate is 0.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl Serialize for TaxRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TaxRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_percentage_with_at_most_two_decimals() {
        for (text, shown) in [
            ("0", "0"),
            ("19", "19"),
            ("19.00", "19"),
            ("5.5", "5.5"),
            ("100", "100"),
            ("08.25", "8.25"),
        ] {
            let rate = TaxRate::parse(text).unwrap();
            assert_eq!(serde_json::to_value(rate).unwrap(), shown);
        }
        for text in [
            "", " 19", "-1", "+1", "100.01", "101", "1.005", ".5", "5.", "1e1", "19 %",
        ] {
            assert!(TaxRate::parse(text).is_err(), "{text}");
        }
    }
}
