//! GET, POST /api/admin/credit — the credit of members, for staff.

use sabor::http::{
    IdempotencyKeyParams, Idempotent, Json, PageParams, Query, Staff, StoredResponse,
};
use sabor::shop::credit;
use sabor::shop::credit::{ChangeCredit, CreditQuery, CreditView, StaffCreditView};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_credit, change_credit]
}

/// Returns a member's account credit: the balance, and the changes, newest first.
#[utoipa::path(get, path = "/api/admin/credit", tag = "administration", security(("session" = [])), params(CreditQuery, PageParams), responses(
    (status = 200, body = StaffCreditView, description = "The credit, with one page of its changes; zero if no member has this id"),
))]
async fn get_credit(
    app: App,
    _staff: Staff,
    Query(query): Query<CreditQuery>,
    page: Page,
) -> Result<Json<StaffCreditView>> {
    credit::find_of_member(&app, query, page).await.map(Json)
}

/// Adds to a member's credit, or deducts from it. No money changes hands. The member sees the reason.
#[utoipa::path(post, path = "/api/admin/credit", tag = "administration", security(("session" = [])), params(IdempotencyKeyParams), request_body = ChangeCredit, responses(
    (status = 201, body = CreditView, description = "The credit after the change"),
    (status = 403, description = "`own_purchase`: staff need a colleague to change their own credit"),
    (status = 404, description = "`not_found`: no open account has this id"),
    (status = 409, description = "`credit_not_enough`: the deduction is more than the balance. `idempotency_key_reused`: the key belongs to another request"),
))]
async fn change_credit(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Idempotent { key, form }: Idempotent<ChangeCredit>,
) -> Result<StoredResponse> {
    credit::change(&app, &caller, &staff, key, &form).await
}

fn main() -> Exit {
    serve(route())
}
