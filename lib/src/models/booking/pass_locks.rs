//! The locks of passes whose credits a change to bookings uses or gives back.

use uuid::Uuid;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

// All passes are locked by one statement, sorted by id, and after the classes. If two transactions
// locked them one by one, they could wait for each other. The waitlist gets one spot more than are
// free: the one that the booking leaves.
static LOCK_PASSES: Statement = Statement::new(
    "booking.lock_passes",
    "select p.id from passes p
    where p.id in (
        select b.pass_id from bookings b where b.id = any($1) and b.uses_credit
        union all
        select w.id from bookings b
        join scheduled_classes c on c.id = b.scheduled_class_id
        cross join lateral (
            select user_id from bookings
            where scheduled_class_id = c.id and status = 'waitlisted'
            order by waitlist_position
            limit greatest(0, c.max_participants - c.current_participants) + 1
        ) next
        join passes w on w.user_id = next.user_id and w.status = 'live'
        where b.id = any($1)
        union all
        select unnest($2::uuid[])
    )
    order by p.id for no key update",
);

/// Locks the passes of bookings that are being cancelled or moved, those of the members who are next
/// on the waitlists of their classes, and the passes `pass_ids`, which the transaction is about to
/// change. The transaction must hold the locks of the classes.
pub(in crate::models) async fn lock_passes(
    client: &Client,
    booking_ids: Vec<Uuid>,
    pass_ids: Vec<Uuid>,
) -> Result<()> {
    LOCK_PASSES.all(client, &[&booking_ids, &pass_ids]).await?;
    Ok(())
}
