//! Changes of staff to products and promo codes.

use serde_json::json;
use uuid::Uuid;

use crate::App;
use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::Member;
use crate::models::security_event::SecurityEventKind;
use crate::session::Tx;
use crate::values::caller::Caller;

/// Runs `work` in a transaction, and records the change as a security event of this kind and
/// action. Returns the row that was changed.
pub(super) async fn edit<R>(
    app: &App,
    caller: &Caller,
    staff: &Member,
    (kind, action): (SecurityEventKind, &str),
    id_of: fn(&R) -> Uuid,
    work: impl AsyncFnOnce(&Tx) -> Result<R> + Clone,
) -> Result<R> {
    let staff_action = StaffAction::by_staff(staff, caller)?;
    let transaction = app.transaction().authorize(&staff_action);
    transaction
        .run(async |tx| {
            let row = work(tx).await?;
            let detail = json!({ "id": id_of(&row), "action": action });
            staff_action.record(tx, kind, None, detail).await?;
            Ok(row)
        })
        .await
}
