//! A session as it is known to a request, and the record of it that Redis holds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::models::user::User;
use crate::session::Key;

/// What stands behind a cookie or an access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The name by which people and programs know it; worthless as a credential.
    pub id: Uuid,
    /// Who is signed in; `None` for a session that only keeps data.
    pub user: Option<User>,
    /// What applications keep in it: a JSON object.
    pub data: Value,
    /// Whether it was asked to last (`remember`).
    pub remembered: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, at most five minutes off.
    pub last_activity: DateTime<Utc>,
    /// When it ends unless it is used before.
    pub expires_at: DateTime<Utc>,
    /// When it ends whatever happens.
    pub absolute_expires_at: DateTime<Utc>,
}

/// The format below; a record of any other is not believed.
const FORMAT: u32 = 1;

/// What Redis holds of a session (`session:<key>`).
///
/// It is believed only under the mark that stood when it was read from
/// Postgres, and only until `until_ms`: whatever order things arrive in, a
/// record from before a change is recognised as such.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    format: u32,
    key: String,
    mark: Option<String>,
    until_ms: i64,
    session: Session,
}

impl Record {
    pub(crate) fn new(key: &Key, mark: Option<String>, until_ms: i64, session: Session) -> Self {
        Self {
            format: FORMAT,
            key: key.as_str().to_owned(),
            mark,
            until_ms,
            session,
        }
    }

    pub(crate) fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// The session, if the record may be believed now, under this mark.
    /// Whatever cannot be read is a miss: Redis only ever says yes.
    pub(crate) fn believed(
        json: &str,
        key: &Key,
        mark: Option<&str>,
        now_ms: i64,
    ) -> Option<Session> {
        let record: Self = serde_json::from_str(json).ok()?;
        let believed = record.format == FORMAT
            && record.key == key.as_str()
            && record.mark.as_deref() == mark
            && record.until_ms > now_ms;
        believed.then_some(record.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::user::ExperienceLevel;
    use crate::session::Token;

    fn session() -> Session {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Session {
            id: Uuid::nil(),
            user: Some(User {
                id: Uuid::nil(),
                email: "ana@example.com".to_owned(),
                first_name: "Ana".to_owned(),
                last_name: String::new(),
                phone: None,
                experience_level: ExperienceLevel::Beginner,
                is_staff: false,
                is_admin: false,
                email_verified: false,
                created_at: at,
            }),
            data: Value::Null,
            remembered: false,
            created_at: at,
            last_activity: at,
            expires_at: at,
            absolute_expires_at: at,
        }
    }

    #[test]
    fn a_record_is_believed_for_its_key_under_its_mark_in_its_time_only() {
        let (key, other) = (Token::generate().key(), Token::generate().key());
        let json = Record::new(&key, Some("m".into()), 1_000, session())
            .to_json()
            .unwrap();
        assert!(Record::believed(&json, &key, Some("m"), 999).is_some());
        assert!(Record::believed(&json, &key, Some("m"), 1_000).is_none());
        assert!(Record::believed(&json, &key, Some("n"), 999).is_none());
        assert!(Record::believed(&json, &key, None, 999).is_none());
        assert!(Record::believed(&json, &other, Some("m"), 999).is_none());
        let older = json.replacen("\"format\":1", "\"format\":0", 1);
        assert!(Record::believed(&older, &key, Some("m"), 999).is_none());
        assert!(Record::believed("{\"nonsense\"", &key, None, 0).is_none());
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::json;

    use super::*;
    use crate::session::Token;
    use crate::testing::arbitrary::{altered, bytes, json, text, uuid};

    fn session(id: Uuid, data: Value) -> Session {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Session {
            id,
            user: None,
            data,
            remembered: false,
            created_at: at,
            last_activity: at,
            expires_at: at,
            absolute_expires_at: at,
        }
    }

    fn mark() -> impl Strategy<Value = Option<String>> {
        proptest::option::of(text())
    }

    proptest! {
        #[test]
        fn any_session_comes_back_under_its_key_and_mark_until_its_time(
            id in uuid(), data in json(), mark in mark(), until in any::<i64>(), now in any::<i64>(),
        ) {
            let key = Token::generate().key();
            let record = Record::new(&key, mark.clone(), until, session(id, data.clone()));
            let read = Record::believed(&record.to_json().unwrap(), &key, mark.as_deref(), now);
            let read = read.map(|session| (session.id, session.data));
            // A fraction may lose its last bit, as on its way from Postgres.
            let data: Value = serde_json::from_str(&data.to_string()).unwrap();
            assert_eq!(read, (until > now).then_some((id, data)));
        }

        #[test]
        fn nothing_that_redis_makes_up_is_a_session(told in bytes(), value in json(), mark in mark()) {
            let key = Token::generate().key();
            let told = String::from_utf8_lossy(&told);
            let held = json!({ "format": 1, "key": key.as_str(), "mark": mark, "until_ms": 1, "session": value });
            for told in [&*told, &value.to_string(), &held.to_string()] {
                assert!(Record::believed(told, &key, mark.as_deref(), 0).is_none());
            }
        }

        #[test]
        fn a_record_that_was_cut_is_none_and_one_that_was_changed_is_nobody_elses(
            id in uuid(), data in json(), mark in mark(), other in mark(), place in any::<Index>(), flip in any::<u8>(),
        ) {
            let (key, stranger) = (Token::generate().key(), Token::generate().key());
            let json = Record::new(&key, mark.clone(), 1_000, session(id, data)).to_json().unwrap();
            let end = json.floor_char_boundary(place.index(json.len()));
            assert!(Record::believed(&json[..end], &key, mark.as_deref(), 0).is_none());
            // Redis is believed in what it says of a session, but not of which.
            let altered = String::from_utf8_lossy(&altered(json.as_bytes(), place, flip)).into_owned();
            for json in [&json, &altered] {
                assert!(Record::believed(json, &stranger, mark.as_deref(), 0).is_none());
            }
            if mark != other {
                assert!(Record::believed(&json, &key, other.as_deref(), 0).is_none());
            }
        }
    }
}
