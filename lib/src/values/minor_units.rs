//! Amounts as Stripe counts them: in the smallest unit of the currency
//! (<https://docs.stripe.com/currencies>).

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::values::currency::is_without_decimals;
use crate::values::money::Money;

/// Currencies without decimals that Stripe counts in hundredths: 5 ISK are sent as 500.
const IN_HUNDREDTHS: [&str; 2] = ["ISK", "UGX"];

/// Currencies with three decimals.
const THREE_DECIMAL: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// Returns how many smallest units make one whole unit of the currency, such as 100 cents
/// for USD.
fn units_per_whole(currency: &str) -> i64 {
    match currency {
        code if IN_HUNDREDTHS.contains(&code) => 100,
        code if is_without_decimals(code) => 1,
        code if THREE_DECIMAL.contains(&code) => 1_000,
        _ => 100,
    }
}

/// Converts from the smallest unit of a currency, whose code is in upper case. `None` when
/// the amount is negative, too large, or has more than two decimals.
pub fn from_minor_units(units: i64, currency: &str) -> Option<Money> {
    let amount = decimal_from_minor_units(units, currency);
    Money::parse(&amount.normalize().to_string()).ok()
}

/// Converts from the smallest unit of a currency, whose code is in upper case. The result can be
/// negative, and has up to three decimals.
pub fn decimal_from_minor_units(units: i64, currency: &str) -> Decimal {
    Decimal::from(units) / Decimal::from(units_per_whole(currency))
}

/// Converts an amount to the smallest unit of its currency. `None` when the amount would
/// have to be rounded.
pub fn minor_units(amount: Money, currency: &str) -> Option<i64> {
    let amount = amount.as_column();
    let factor = units_per_whole(currency);
    if is_without_decimals(currency) && !amount.fract().is_zero() {
        return None;
    }
    let units = amount * Decimal::from(factor);
    units.fract().is_zero().then(|| units.to_i64()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_converted_from_the_smallest_unit_of_its_currency() {
        for (units, currency, amount) in [
            (2_500, "USD", Some("25.00")),
            (1, "EUR", Some("0.01")),
            (9_999_999_999, "USD", Some("99999999.99")),
            (10_000_000_000, "USD", None),
            (-1, "USD", None),
            (2_500, "JPY", Some("2500.00")),
            (500, "ISK", Some("5.00")),
            (1_250, "KWD", Some("1.25")),
            (1_255, "KWD", None),
        ] {
            let amount = amount.map(|amount| Money::parse(amount).unwrap());
            assert_eq!(
                from_minor_units(units, currency),
                amount,
                "{units} {currency}"
            );
        }
    }

    #[test]
    fn an_amount_is_converted_to_the_smallest_unit_of_its_currency() {
        for (amount, currency, units) in [
            ("25.00", "USD", Some(2_500)),
            ("0.5", "EUR", Some(50)),
            ("99999999.99", "USD", Some(9_999_999_999)),
            ("2500", "JPY", Some(2_500)),
            ("2500.50", "JPY", None),
            ("5", "ISK", Some(500)),
            ("5", "UGX", Some(500)),
            ("5.5", "UGX", None),
            ("1.25", "KWD", Some(1_250)),
        ] {
            let amount = Money::parse(amount).unwrap();
            assert_eq!(
                minor_units(amount, currency),
                units,
                "{amount:?} {currency}"
            );
        }
    }
}
