//! Amounts of money in the studio's currency.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::values::form::Problem;

/// An amount from 0 to 99999999.99 with at most two decimals. In JSON it is a string
/// such as `"25.00"`, because clients may round numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = r"^\d{1,8}(\.\d{1,2})?$", examples("25.00"))]
pub struct Money(Decimal);

impl Money {
    /// Parses an amount: digits, and at most two decimals after a point.
    ///
    /// # Errors
    ///
    /// Fails with a message for the user.
    pub fn parse(typed: &str) -> Result<Self, Problem> {
        let typed = typed.trim();
        let (whole, decimals) = typed.split_once('.').unwrap_or((typed, "0"));
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        if !digits(whole, 8) || !digits(decimals, 2) {
            return Err("must be an amount such as 25.00".to_owned());
        }
        let amount = Decimal::from_str_exact(typed).map_err(|error| error.to_string())?;
        Ok(Self::from_column(amount))
    }

    /// Converts from a `numeric(10, 2)` column.
    pub fn from_column(amount: Decimal) -> Self {
        let mut amount = amount;
        amount.rescale(2);
        Self(amount)
    }

    /// Converts to a statement parameter.
    pub fn as_column(self) -> Decimal {
        self.0
    }

    /// Returns whether the amount is zero.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let typed = String::deserialize(deserializer)?;
        Self::parse(&typed).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_formatted_with_two_decimals() {
        for (typed, shown) in [
            ("25", "25.00"),
            ("0.5", "0.50"),
            (" 99999999.99 ", "99999999.99"),
        ] {
            assert_eq!(Money::parse(typed).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_malformed_amount_is_rejected() {
        for typed in [
            "",
            "-1",
            "+1",
            "1.",
            ".5",
            "1.234",
            "1,50",
            "1e3",
            "123456789",
            "٣",
        ] {
            assert!(Money::parse(typed).is_err(), "{typed}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::text;
    use crate::values::minor_units::minor_units;

    proptest! {
        #[test]
        fn an_amount_is_read_back_and_converted_to_the_cent(
            cents in 0..9_999_999_999_i64, text in prop_oneof![text(), "[0-9]{0,9}[.,]?[0-9]{0,3}"],
        ) {
            let shown = format!("{}.{:02}", cents / 100, cents % 100);
            let amount = Money::parse(&shown).unwrap();
            assert_eq!(amount.to_string(), shown);
            assert_eq!(minor_units(amount, "USD"), Some(cents));
            assert_eq!(minor_units(amount, "JPY"), (cents % 100 == 0).then_some(cents / 100));
            if let Ok(amount) = Money::parse(&text) {
                assert_eq!(Money::parse(&amount.to_string()), Ok(amount));
                assert!(minor_units(amount, "EUR").is_some_and(|cents| cents < 10_000_000_000));
            }
        }
    }
}
