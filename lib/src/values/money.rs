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
    /// Parses an amount: up to eight digits, and at most two decimals after a point.
    ///
    /// # Errors
    ///
    /// Fails with a message for the user.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.trim();
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |part: &str, max_length: usize| {
            (1..=max_length).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_digits(whole, 8) || !is_digits(decimals, 2) {
            return Err("must be an amount such as 25.00".to_owned());
        }
        let amount = Decimal::from_str_exact(text).map_err(|error| error.to_string())?;
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
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_formatted_with_two_decimals() {
        for (text, formatted) in [
            ("25", "25.00"),
            ("0.5", "0.50"),
            (" 99999999.99 ", "99999999.99"),
        ] {
            assert_eq!(Money::parse(text).unwrap().to_string(), formatted);
        }
    }

    #[test]
    fn a_malformed_amount_is_rejected() {
        for text in [
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
            assert!(Money::parse(text).is_err(), "{text}");
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
            let formatted = format!("{}.{:02}", cents / 100, cents % 100);
            let amount = Money::parse(&formatted).unwrap();
            assert_eq!(amount.to_string(), formatted);
            assert_eq!(minor_units(amount, "USD"), Some(cents));
            assert_eq!(minor_units(amount, "JPY"), (cents % 100 == 0).then_some(cents / 100));
            if let Ok(amount) = Money::parse(&text) {
                assert_eq!(Money::parse(&amount.to_string()), Ok(amount));
                assert!(minor_units(amount, "EUR").is_some_and(|units| units < 10_000_000_000));
            }
        }
    }
}
