//! The least amount that Stripe takes by card (<https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>).

use rust_decimal::Decimal;

/// Returns the least amount of a card payment in a currency, whose code is in upper case. `None` if
/// Stripe does not state it, because it depends on the currency of the studio's bank account then.
pub fn card_minimum(currency: &str) -> Option<Decimal> {
    let hundredths = match currency {
        "AUD" | "BRL" | "CAD" | "CHF" | "EUR" | "INR" | "NZD" | "SGD" | "USD" => 50,
        "GBP" => 30,
        "BGN" => 100,
        "AED" | "MYR" | "PLN" | "RON" => 200,
        "DKK" => 250,
        "NOK" | "SEK" => 300,
        "HKD" => 400,
        "MXN" | "THB" => 1_000,
        "CZK" => 1_500,
        "JPY" => 5_000,
        "HUF" => 17_500,
        _ => return None,
    };
    Some(Decimal::new(hundredths, 2))
}
