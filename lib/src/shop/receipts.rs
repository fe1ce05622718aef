//! The receipts of members.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::Result;
use crate::http::List;
use crate::models::receipt::{self, Receipt, ReceiptLine, ReceiptLineKind, ReceiptPayment};
use crate::store::page::Page;
use crate::values::form::{Form, Problem};
use crate::values::money::Amount;
use crate::{App, BoxFuture};

/// A receipt. It never changes, but for what is refunded.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Receipt)]
pub struct ReceiptView {
    /// The id of the order or of the payment.
    id: Uuid,
    /// The year and the number in it. No number is left out.
    #[schema(examples("2026-17"))]
    number: String,
    issued_at: DateTime<Utc>,
    /// The member's name at the time of the payment.
    buyer: String,
    /// ISO 4217 code.
    currency: String,
    lines: Vec<ReceiptLineView>,
    /// The sum of the lines, with the tax.
    total: Amount,
    /// The tax in the total.
    tax: Amount,
    payments: Vec<ReceiptPaymentView>,
    /// The amount that was refunded or will be refunded.
    refunded: Amount,
    /// The tax in what was refunded.
    refunded_tax: Amount,
}

/// A line of a receipt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReceiptLine)]
struct ReceiptLineView {
    kind: ReceiptLineKind,
    /// The name of the product or the title of the class.
    description: String,
    /// When the class starts. Null for products.
    class_start: Option<DateTime<Utc>>,
    /// With the tax.
    amount: Amount,
    /// In percent.
    #[schema(examples("19"))]
    tax_rate: String,
    /// The tax in the amount.
    tax: Amount,
}

/// How a part of a receipt was paid.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReceiptPayment)]
struct ReceiptPaymentView {
    /// `card`, `cash`, `terminal` for the studio's own card reader, `transfer`, `gift` for a
    /// gift card, `credit` for the member's credit, or `desk` if it was paid at the desk in another way.
    #[schema(examples("card"))]
    tender: String,
    amount: Amount,
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        let currency = &receipt.currency;
        let line = |line: &ReceiptLine| ReceiptLineView {
            kind: line.kind,
            description: line.description.clone(),
            class_start: line.class_start,
            amount: line.amount.in_currency(currency),
            tax_rate: line.tax_rate.clone(),
            tax: line.tax.in_currency(currency),
        };
        let payment = |payment: &ReceiptPayment| ReceiptPaymentView {
            tender: payment.tender.clone(),
            amount: payment.amount.in_currency(currency),
        };
        Self {
            id: receipt.id,
            number: receipt.number_text(),
            issued_at: receipt.issued_at,
            lines: receipt.lines.iter().map(line).collect(),
            total: receipt.total().in_currency(currency),
            tax: receipt.tax().in_currency(currency),
            payments: receipt.payments.iter().map(payment).collect(),
            refunded: receipt.refunded.in_currency(currency),
            refunded_tax: receipt.refunded_tax().in_currency(currency),
            buyer: receipt.buyer,
            currency: receipt.currency,
        }
    }
}

/// The query of receipts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ReceiptsQuery {
    /// Only the receipt with this number.
    #[param(value_type = Option<String>, example = "2026-17", max_length = 20)]
    number: Option<String>,
}

/// Lists a page of a member's receipts, newest first.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a number that cannot be parsed;
/// [`Error::NotFound`](crate::Error::NotFound) when the member has no receipt with the number.
pub fn list(
    app: &App,
    user_id: Uuid,
    query: ReceiptsQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<ReceiptView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let number = form.check_filled("number", query.number.as_deref(), parse_number);
        form.finish()?;
        let rows = app
            .db()
            .read(async move |client| match number {
                Some((year, number)) => {
                    Ok(vec![receipt::find(client, user_id, year, number).await?])
                }
                None => receipt::list(client, user_id, &page).await,
            })
            .await?;
        Ok(List::new(rows, page, Receipt::position, ReceiptView::from))
    })
}

/// Parses a number such as `2026-17`.
fn parse_number(text: &str) -> Result<(i32, i32), Problem> {
    let parts = text.split_once('-');
    let parsed = parts.and_then(|(year, number)| Some((year.parse().ok()?, number.parse().ok()?)));
    parsed.ok_or_else(|| "must be a number such as 2026-17".to_owned())
}
