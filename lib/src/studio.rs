//! What the site shows about the studio, and what search engines may read.

pub mod crawlers;

use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::error::Result;
use crate::http::{CacheableResponse, Freshness};
use crate::models::payment::PaymentMethod;
use crate::runtime::config::StudioAddress;
use crate::values::locale::Locale;
use crate::values::money::{Amount, Money};

/// The studio, as visitors see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Studio)]
pub struct StudioView {
    #[schema(examples("Sabor con Flow"))]
    name: String,
    /// The IANA time zone of the studio.
    time_zone: String,
    /// ISO 4217 code.
    currency: String,
    /// How many hours before the start of a class its free cancellation ends. The deadline
    /// of a booking is its `freeCancellationUntil`.
    #[schema(examples(12))]
    cancellation_window_hours: u64,
    /// For how many minutes after it was made a booking can always be cancelled free of charge.
    #[schema(examples(60))]
    free_cancellation_grace_minutes: u64,
    /// The fee for a late cancellation. Null: the price of the class. It is never more than the
    /// price. With a pass, a credit is used up instead, unless the pass is unlimited.
    late_cancellation_fee: Option<Amount>,
    /// The fee for a no-show, in the same form.
    no_show_fee: Option<Amount>,
    /// How many hours before the start of a class its waitlist closes. After that, a free
    /// spot goes to the first member who books it.
    #[schema(examples(2))]
    waitlist_cutoff_hours: u64,
    /// How many unpaid upcoming bookings a member can have, including waitlist entries.
    #[schema(examples(3))]
    max_unpaid_bookings: i32,
    /// How members can pay. `card` is left out if card payments are not configured.
    payment_methods: Vec<PaymentMethod>,
    /// Null if it is not configured.
    address: Option<StudioAddressView>,
    /// The e-mail address for visitors. Null if it is not configured.
    #[schema(examples("hello@studio.example"))]
    email: Option<String>,
    /// The studio's tax number, for receipts. Null if it is not configured.
    #[schema(examples("DE123456789"))]
    tax_number: Option<String>,
    /// The languages of the site and of e-mails. The first one is the default.
    languages: [Locale; 2],
}

/// The address of the studio.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StudioAddress)]
struct StudioAddressView {
    /// The street and the number.
    #[schema(examples("410 Larkspur Walk"))]
    street: String,
    #[schema(examples("Boulder"))]
    city: String,
    /// The state or province.
    #[schema(examples("CO"))]
    region: Option<String>,
    #[schema(examples("80302"))]
    postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 code.
    #[schema(examples("US"))]
    country: String,
    /// In degrees (WGS 84), for a link to a map. Null if it is not configured.
    #[schema(examples(40.0176))]
    latitude: Option<f64>,
    /// Null if `latitude` is null.
    #[schema(examples(-105.2797))]
    longitude: Option<f64>,
}

impl From<&StudioAddress> for StudioAddressView {
    fn from(address: &StudioAddress) -> Self {
        Self {
            street: address.street.clone(),
            city: address.city.clone(),
            region: address.region.clone(),
            postal_code: address.postal_code.clone(),
            country: address.country.clone(),
            latitude: address.coordinates.map(|point| point.latitude),
            longitude: address.coordinates.map(|point| point.longitude),
        }
    }
}

/// Returns what the site shows about the studio. It depends on the configuration alone.
///
/// # Errors
///
/// [`Error::Internal`](crate::Error::Internal) if the response cannot be serialized.
pub fn get(app: &App) -> Result<CacheableResponse> {
    let studio = &app.config().studio;
    let amount = |fee: Option<Money>| fee.map(|fee| fee.in_currency(&studio.currency));
    let card = app.stripe().map(|_| PaymentMethod::Card);
    let view = StudioView {
        name: studio.name.clone(),
        time_zone: studio.time_zone.clone(),
        currency: studio.currency.clone(),
        cancellation_window_hours: studio.cancellation_window.as_secs() / 3_600,
        free_cancellation_grace_minutes: studio.free_cancellation_grace.as_secs() / 60,
        late_cancellation_fee: amount(studio.late_cancel_fee),
        no_show_fee: amount(studio.no_show_fee),
        waitlist_cutoff_hours: studio.waitlist_cutoff.as_secs() / 3_600,
        max_unpaid_bookings: studio.max_unpaid_bookings,
        payment_methods: card.into_iter().chain([PaymentMethod::Desk]).collect(),
        address: studio.address.as_ref().map(StudioAddressView::from),
        email: studio.email.clone(),
        tax_number: studio.tax_number.clone(),
        languages: Locale::ALL,
    };
    let json = CacheableResponse::to_json(&view)?;
    Ok(CacheableResponse::json(json, Freshness::Catalog))
}
