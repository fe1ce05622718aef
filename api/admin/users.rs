//! GET, PATCH /api/admin/users — user accounts.

use sabor::admin::users;
use sabor::admin::users::{AccountQuery, AccountView, UpdateUser, UpdatedUser};
use sabor::http::{Admin, Json, List, PageParams, Query, SetCookie};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_users, update_user]
}

/// Lists user accounts, newest first. `search` matches e-mail addresses and
/// names.
#[utoipa::path(get, path = "/api/admin/users", tag = "administration", security(("session" = [])), params(AccountQuery, PageParams), responses(
    (status = 200, body = List<AccountView>, description = "One page of the list"),
))]
async fn list_users(
    app: App,
    _admin: Admin,
    Query(query): Query<AccountQuery>,
    page: Page,
) -> Result<Json<List<AccountView>>> {
    users::list(&app, query, page).await.map(Json)
}

/// Updates a user account. Fields that are left out keep their values. The
/// change applies to all sessions of the user immediately. To give the role of
/// staff or administrator, the caller must enter their own password. The caller's
/// session is then renewed.
#[utoipa::path(patch, path = "/api/admin/users", tag = "administration", security(("session" = [])), request_body = UpdateUser, responses(
    (status = 200, body = UpdatedUser, description = "The updated account. If a role was given, `Set-Cookie` carries the caller's renewed session"),
    (status = 403, description = "`own_role`: administrators cannot change their own role. `own_account`: administrators cannot deactivate their own account here. `own_second_factor`: administrators cannot remove their own second factor here. `wrong_password`: the caller's password is wrong. `sign_in_again`: the caller has no password and must have signed in within the last ten minutes"),
    (status = 404, description = "`not_found`: no user has this id"),
    (status = 409, description = "`account_closed`: the member has closed the account, and its data are erased. `email_not_verified`: the roles `staff` and `admin` need a confirmed e-mail address"),
    (status = 429, description = "`too_many_requests`: too many wrong passwords; wait for `Retry-After` seconds"),
))]
async fn update_user(
    app: App,
    caller: Caller,
    Admin(admin): Admin,
    Json(form): Json<UpdateUser>,
) -> Result<(Option<SetCookie>, Json<UpdatedUser>)> {
    let (cookie, updated) = users::update(&app, &caller, &admin, form).await?;
    Ok((cookie, Json(updated)))
}

fn main() -> Exit {
    serve(route())
}
