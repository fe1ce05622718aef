//! `api/studio.rs`: what the site shows about the studio.

use serde_json::json;

use crate::harness::{Settings, StripeStandIn, TestApp};

#[tokio::test]
async fn the_studio_is_described_as_it_is_configured() {
    let settings = Settings::default()
        .with("STUDIO_NAME", "Casa Ritmo")
        .with("STUDIO_TIMEZONE", "Europe/Madrid")
        .with("STUDIO_CURRENCY", "EUR")
        .with("CANCELLATION_WINDOW_HOURS", "24")
        .with("FREE_CANCELLATION_GRACE_MINUTES", "15")
        .with("WAITLIST_CUTOFF_HOURS", "3")
        .with("MAX_UNPAID_BOOKINGS", "5")
        .with("LATE_CANCEL_FEE", "5")
        .with("STUDIO_TAX_NUMBER", "ES12345678Z")
        .with("STUDIO_ADDRESS", "Calle del Olmo 7")
        .with("STUDIO_CITY", "Madrid")
        .with("STUDIO_COUNTRY", "ES")
        .with("STUDIO_COORDINATES", "40.4108,-3.7001")
        .with("STUDIO_EMAIL", "hola@casa.example")
        .with("CONTACT_TO", "inbox@casa.example");
    let app = TestApp::start_with(settings).await;
    let response = app.visitor().get("/api/studio").await;
    assert_eq!(
        response.expect(200),
        json!({
            "name": "Casa Ritmo",
            "timeZone": "Europe/Madrid",
            "currency": "EUR",
            "cancellationWindowHours": 24,
            "freeCancellationGraceMinutes": 15,
            "lateCancellationFee": "5.00",
            "noShowFee": null,
            "waitlistCutoffHours": 3,
            "maxUnpaidBookings": 5,
            "paymentMethods": ["desk"],
            "address": {
                "street": "Calle del Olmo 7",
                "city": "Madrid",
                "region": null,
                "postalCode": null,
                "country": "ES",
                "latitude": 40.4108,
                "longitude": -3.7001,
            },
            // The inbox of the contact form is not public.
            "email": "hola@casa.example",
            "taxNumber": "ES12345678Z",
            "languages": ["en", "es"],
        })
    );
}

#[tokio::test]
async fn what_is_not_configured_is_null_and_stripe_adds_card_payments() {
    let stripe = StripeStandIn::start().await;
    let app = TestApp::start_with(stripe.settings()).await;
    let studio = app.visitor().get("/api/studio").await.expect(200);
    assert_eq!(studio["paymentMethods"], json!(["card", "desk"]));
    assert_eq!(studio["address"], json!(null));
    assert_eq!(studio["email"], json!(null));
}

#[tokio::test]
async fn the_studio_is_cacheable_and_needs_no_database() {
    let settings = Settings::default().with(
        "POSTGRES_URL",
        "postgres://nobody@127.0.0.1:1/none?sslmode=disable",
    );
    let app = TestApp::start().await.start_another_with(settings).await;
    let visitor = app.visitor();
    let response = visitor.get("/api/studio").await;
    response.expect(200);
    let cache_control = response.header("cache-control").unwrap();
    assert!(cache_control.starts_with("public, max-age=0, s-maxage="));
    let tag = response.header("etag").unwrap();
    let request = visitor.request(reqwest::Method::GET, "/api/studio");
    let current = visitor.send(request.header("if-none-match", tag)).await;
    assert_eq!((current.status, current.text.as_str()), (304, ""));
}
