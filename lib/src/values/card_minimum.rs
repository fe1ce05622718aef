//! Stripe's minimum charge amounts
//! (<https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>).

use rust_decimal::Decimal;

/// Returns the minimum amount of a card payment, in units of the currency, such as 0.50 for USD.
/// `currency` is an ISO 4217 code in upper case. `None` if Stripe states no minimum for the currency.
/// The minimum then depends on the currency of the studio's bank account.
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
