//! GET /api/classes/availability — how much room there is in several classes.

use sabor::classes::public_schedule;
use sabor::classes::public_schedule::Named;
use sabor::http::{CopyParams, List, Public, Query};
use sabor::models::occurrence::Availability;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_availability]
}

/// In the order of their start, each once; one that there is not is left out.
/// All of them are in the one answer: `nextCursor` is always null.
#[utoipa::path(get, path = "/api/classes/availability", tag = "classes", params(Named, CopyParams), responses(
    (status = 200, body = List<Availability>, description = "It has an `ETag`"),
    (status = 304, description = "As in the answer whose `ETag` was given"),
    (status = 400, description = "No ids, more than 100, or one that is none"),
))]
async fn list_availability(app: App, Query(named): Query<Named>) -> Result<Public> {
    public_schedule::availability(&app, named).await
}

fn main() -> Exit {
    serve(route())
}
