//! The number of decimals of amounts in a currency (ISO 4217).

use rust_decimal::Decimal;

/// Currencies without a smaller unit in use.
pub const CURRENCIES_WITHOUT_DECIMALS: [&str; 17] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND",
    "VUV", "XAF", "XOF", "XPF",
];

/// Returns whether amounts of a currency are whole numbers.
pub fn is_without_decimals(currency: &str) -> bool {
    CURRENCIES_WITHOUT_DECIMALS.contains(&currency)
}

/// Formats an amount with the decimals of its currency: `25.00` for USD, `2500` for JPY. An
/// amount that is not whole keeps two decimals in every currency, so that no part of the
/// amount is hidden.
pub fn format_amount(mut amount: Decimal, currency: &str) -> String {
    let is_whole = amount.fract().is_zero();
    amount.rescale(if is_whole && is_without_decimals(currency) {
        0
    } else {
        2
    });
    amount.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        for (amount, currency, formatted) in [
            ("25", "USD", "25.00"),
            ("-25.5", "EUR", "-25.50"),
            ("2500.00", "JPY", "2500"),
            ("-12000", "CLP", "-12000"),
            ("0.00", "KRW", "0"),
            ("2500.50", "JPY", "2500.50"),
            ("1.25", "KWD", "1.25"),
        ] {
            let amount = Decimal::from_str_exact(amount).unwrap();
            assert_eq!(format_amount(amount, currency), formatted);
        }
    }
}
