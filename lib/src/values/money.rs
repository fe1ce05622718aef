//! Amounts of money in the studio's currency.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::values::currency::{format_amount, is_without_decimals};
use crate::values::form::Problem;

/// An amount from 0 to 99999999.99 with at most two decimals, and with none in a currency
/// without decimals such as JPY. In requests it is a string such as `"25.00"`, because
/// clients may round numbers.
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
        let amount =
            Decimal::from_str_exact(text).map_err(|_| "must be an amount such as 25.00")?;
        Ok(Self(amount))
    }

    /// Checks that an amount that was just parsed is possible in a currency. An amount in a
    /// currency such as JPY must not have decimals, because `25.00` is more likely a mistake
    /// than 25 yen.
    ///
    /// # Errors
    ///
    /// Fails with a message for the user.
    pub fn check_currency(self, currency: &str) -> Result<Self, Problem> {
        if is_without_decimals(currency) && self.0.scale() > 0 {
            return Err(format!(
                "must be a whole number such as 2500, because {currency} has no decimals"
            ));
        }
        Ok(self)
    }

    /// Converts from a `numeric(10, 2)` column.
    pub fn from_column(amount: Decimal) -> Self {
        Self(amount)
    }

    /// Returns the amount as responses and e-mails show it.
    pub fn in_currency(self, currency: &str) -> Amount {
        Amount(format_amount(self.0, currency))
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

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// An amount with the decimals of its currency, such as `"25.00"` for USD and `"2500"`
/// for JPY.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = String, pattern = r"^\d{1,8}(\.\d{2})?$", examples("25.00"))]
pub struct Amount(String);

impl Amount {
    /// Returns whether the amount is zero.
    pub fn is_zero(&self) -> bool {
        !self.0.contains(|digit: char| ('1'..='9').contains(&digit))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_formatted_with_the_decimals_of_its_currency() {
        for (text, currency, formatted) in [
            ("25", "USD", "25.00"),
            ("0.5", "EUR", "0.50"),
            (" 99999999.99 ", "USD", "99999999.99"),
            ("2500", "JPY", "2500"),
        ] {
            let amount = Money::parse(text).unwrap().in_currency(currency);
            assert_eq!(amount.to_string(), formatted);
        }
    }

    #[test]
    fn decimals_are_rejected_in_a_currency_without_them() {
        let check = |text, currency| Money::parse(text).unwrap().check_currency(currency);
        assert!(check("2500", "JPY").is_ok() && check("25.00", "USD").is_ok());
        for text in ["25.00", "25.5", "0.0"] {
            let problem = check(text, "CLP").unwrap_err();
            assert!(
                problem.ends_with("because CLP has no decimals"),
                "{problem}"
            );
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
        fn a_formatted_amount_is_parsed_and_converted_to_cents(
            cents in 0..9_999_999_999_i64, text in prop_oneof![text(), "[0-9]{0,9}[.,]?[0-9]{0,3}"],
        ) {
            let formatted = format!("{}.{:02}", cents / 100, cents % 100);
            let amount = Money::parse(&formatted).unwrap();
            assert_eq!(amount.in_currency("USD").to_string(), formatted);
            assert_eq!(minor_units(amount, "USD"), Some(cents));
            assert_eq!(minor_units(amount, "JPY"), (cents % 100 == 0).then_some(cents / 100));
            if let Ok(amount) = Money::parse(&text) {
                for currency in ["EUR", "JPY"] {
                    assert_eq!(Money::parse(&amount.in_currency(currency).to_string()), Ok(amount));
                }
                assert!(minor_units(amount, "EUR").is_some_and(|units| units < 10_000_000_000));
            }
        }
    }
}
