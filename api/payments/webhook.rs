//! POST /api/payments/webhook — receives events from Stripe.

use axum::http::HeaderMap;
use sabor::http::{Json, RawJson, Success};
use sabor::payments::webhook;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![handle_stripe_webhook]
}

/// Handles an event from Stripe, which `Stripe-Signature` authenticates. Events
/// may arrive repeatedly and in any order, and each takes effect once. Events of
/// types that we do not use are accepted and ignored.
#[utoipa::path(post, path = "/api/payments/webhook", tag = "payments", params(("Stripe-Signature" = String, Header, description = "Stripe's signature of the body")), request_body(content = Object, description = "An event from Stripe"), responses(
    (status = 200, body = Success, description = "The event was handled or ignored"),
    (status = 400, description = "`bad_signature`: the signature is wrong, or its time differs from the current time by more than five minutes"),
    (status = 404, description = "`not_found`: card payments are not configured"),
))]
async fn handle_stripe_webhook(
    app: App,
    caller: Caller,
    headers: HeaderMap,
    RawJson(body): RawJson,
) -> Result<Json<Success>> {
    webhook::handle(&app, &caller, &headers, &body).await?;
    Ok(Success::RESPONSE)
}

fn main() -> Exit {
    serve(route())
}
