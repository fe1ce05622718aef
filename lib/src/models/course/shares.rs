//! The shares of the classes in the price of a course.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::values::currency::is_without_decimals;

/// Divides an amount among `count` classes. All shares are equal, but the first one also has the
/// remainder, so that the sum is the amount. The shares are in the unit of the currency.
pub(in crate::models) fn split(amount: Decimal, count: usize, currency: &str) -> Vec<Decimal> {
    if count == 0 {
        return Vec::new();
    }
    let decimals = if is_without_decimals(currency) { 0 } else { 2 };
    let parts = Decimal::from(count);
    let share = (amount / parts).round_dp_with_strategy(decimals, RoundingStrategy::ToZero);
    let mut shares = vec![share; count];
    shares[0] = amount - share * (parts - Decimal::ONE);
    shares
}

/// Returns what a course with this price costs when only some of its classes are left: the sum of
/// their shares. `is_upcoming` has an entry for each class, earliest first.
pub(in crate::models) fn price_of_left(
    price: Decimal,
    is_upcoming: &[bool],
    currency: &str,
) -> Decimal {
    let shares = split(price, is_upcoming.len(), currency);
    let left = shares
        .iter()
        .zip(is_upcoming)
        .filter(|(_, is_upcoming)| **is_upcoming);
    left.map(|(share, _)| *share).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(amount: &str, count: usize, currency: &str) -> Vec<String> {
        let shares = split(Decimal::from_str_exact(amount).unwrap(), count, currency);
        shares.iter().map(Decimal::to_string).collect()
    }

    #[test]
    fn the_first_share_has_the_remainder() {
        assert_eq!(texts("100.00", 3, "USD"), ["33.34", "33.33", "33.33"]);
        assert_eq!(texts("0.05", 4, "USD"), ["0.02", "0.01", "0.01", "0.01"]);
        assert_eq!(texts("0.01", 2, "EUR"), ["0.01", "0.00"]);
        assert_eq!(texts("1000", 3, "JPY"), ["334", "333", "333"]);
        assert!(split(Decimal::ONE, 0, "USD").is_empty());
    }
}
