//! POST /api/payments/webhook — what Stripe tells of payments.

use axum::http::HeaderMap;
use sabor::http::{Json, RawJson, Success};
use sabor::payments::webhook;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![handle_stripe_webhook]
}

/// For Stripe alone: an event, signed in `Stripe-Signature`. Each takes effect
/// once, in whatever order and however often they come; what is of no concern
/// is answered alike.
#[utoipa::path(post, path = "/api/payments/webhook", tag = "payments", params(("Stripe-Signature" = String, Header, description = "As Stripe makes it of the body")), request_body(content = Object, description = "An event of Stripe's"), responses(
    (status = 200, body = Success, description = "Heard"),
    (status = 400, description = "`bad_signature`: not Stripe's, or older than five minutes; or it cannot be read"),
    (status = 404, description = "No card payments are configured"),
))]
async fn handle_stripe_webhook(
    app: App,
    caller: Caller,
    headers: HeaderMap,
    RawJson(body): RawJson,
) -> Result<Json<Success>> {
    webhook::hear(&app, &caller, &headers, &body).await?;
    Ok(Success::ANSWER)
}

fn main() -> Exit {
    serve(route())
}
