//! All that is to be told of one class type.

use chrono::{DateTime, NaiveDateTime, Utc};
use uuid::Uuid;

use super::Shown;
use crate::error::{Error, Result};
use crate::models::from_json;
use crate::models::instructor::{self, instructor_json};
use crate::models::occurrence::{Occurrence, occurrence_columns};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A class type, who teaches it, and when it is next.
#[derive(Clone, Debug)]
pub struct Details {
    /// What is offered.
    pub class_type: Shown,
    /// Who teaches it, in the order of their names.
    pub instructors: Vec<instructor::Shown>,
    /// The next classes, and what the studio's clocks show when they begin.
    pub next: Vec<(Occurrence, NaiveDateTime)>,
}

// Type and instructors come as JSON, so that their columns are not in the way
// of the classes'.
static DETAILS: Statement = Statement::new(
    "class_type.details",
    concat!(
        "with offered as materialized (
            select t.id, jsonb_build_object('id', t.id, 'name', t.name,
                'description', t.description, 'styles', t.styles, 'level', t.difficulty_level,
                'durationMinutes', t.duration_minutes, 'maxParticipants', t.max_participants,
                'price', t.price_per_class::text, 'currency', $4::text,
                'imageUrl', t.image_url) as class_type,
                (select coalesce(jsonb_agg(",
        instructor_json!(),
        " order by i.name, i.id), '[]')
                from instructors i where i.is_active and i.id in (
                    select s.instructor_id from class_schedules s
                    where s.class_type_id = t.id and s.is_active and (s.effective_until is null
                      or s.effective_until >= ($2::timestamptz at time zone $3)::date)
                    union all
                    select c.instructor_id from scheduled_classes c
                    where c.class_type_id = t.id and c.start_time > $2 and not c.is_cancelled
                )) as instructors
            from class_types t where t.id = $1 and t.is_active
        )
        select offered.class_type, offered.instructors, next.*
        from offered left join lateral (
            select ",
        occurrence_columns!(),
        ", c.start_time at time zone $3 as local_start
            from scheduled_classes c
            join class_types t on t.id = c.class_type_id
            join instructors i on i.id = c.instructor_id
            where c.class_type_id = offered.id and c.start_time > $2 and not c.is_cancelled
            order by c.start_time, c.id limit 20
        ) next on true
        order by next.start_time, next.id"
    ),
);

/// A class type that is offered, with its next twenty classes after `now`, and
/// who teaches it. `time_zone` and `currency` are the studio's.
///
/// # Errors
///
/// [`Error::NotFound`], for a retired one too; [`Error::Unavailable`].
pub async fn details(
    client: &Client,
    id: Uuid,
    now: DateTime<Utc>,
    time_zone: &str,
    currency: &str,
) -> Result<Details> {
    let rows = DETAILS
        .all(client, &[&id, &now, &time_zone, &currency])
        .await?;
    let first = rows.first().ok_or(Error::NotFound)?;
    let mut details = Details {
        class_type: from_json(first.try_get("class_type")?)?,
        instructors: from_json(first.try_get("instructors")?)?,
        next: Vec::with_capacity(rows.len()),
    };
    for row in &rows {
        let local: Option<NaiveDateTime> = row.try_get("local_start")?;
        // The one row of a type without classes to come has none.
        if let Some(local) = local {
            details.next.push((Occurrence::from_row(row)?, local));
        }
    }
    Ok(details)
}
