//! A session as a request sees it, and its record in Redis.

use chrono::serde::ts_microseconds;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::crypto::token::SessionKey;
use crate::models::user::User;
use crate::store::cache::Entry;

/// A session, which a session cookie or an access token refers to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The public id. It is not a credential.
    pub id: Uuid,
    /// The member who is signed in; `None` for an anonymous session.
    pub user: Option<User>,
    /// The data that the application stores in the session: a JSON object.
    pub data: Value,
    /// Whether the member chose to stay signed in (`remember`).
    pub remembered: bool,
    /// When the session was created.
    #[serde(with = "ts_microseconds")]
    pub created_at: DateTime<Utc>,
    /// The last use that Postgres had recorded when the session was read. Not every
    /// use is recorded.
    #[serde(with = "ts_microseconds")]
    pub last_activity: DateTime<Utc>,
    /// When the session expires, unless it is used before then.
    #[serde(with = "ts_microseconds")]
    pub expires_at: DateTime<Utc>,
    /// When the session expires, even if it is in use.
    #[serde(with = "ts_microseconds")]
    pub absolute_expires_at: DateTime<Utc>,
}

/// The version of [`Record`]'s format. Records of other versions are ignored.
const FORMAT_VERSION: u32 = 3;

/// A session in Redis (`session:<key>`).
///
/// The record is valid only until `until_ms`, and only while the generation that was current
/// when the session was read from Postgres is still current. Every change replaces the
/// generation, so a record from before a change is ignored even if it is written late.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    key: String,
    #[serde(rename = "mark")]
    generation: Option<String>,
    until_ms: i64,
    session: Session,
}

impl Record {
    pub(super) fn new(
        key: &SessionKey,
        generation: Option<String>,
        until_ms: i64,
        session: Session,
    ) -> Self {
        Self {
            format: FORMAT_VERSION,
            key: key.as_str().to_owned(),
            generation,
            until_ms,
            session,
        }
    }

    /// Returns whether this is the record of `key`, has the current format, and has not
    /// expired. The cache checks its generation.
    pub(super) fn is_valid(&self, key: &SessionKey, now_ms: i64) -> bool {
        self.format == FORMAT_VERSION && self.key == key.as_str() && self.until_ms > now_ms
    }

    pub(super) fn into_session(self) -> Session {
        self.session
    }
}

impl Entry for Record {
    fn generation(&self) -> Option<&str> {
        self.generation.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::token::Token;
    use crate::models::user::ExperienceLevel;
    use crate::values::locale::Locale;

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
                locale: Some(Locale::Es),
                is_staff: false,
                is_admin: false,
                email_verified: false,
                has_second_factor: false,
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
    fn a_record_is_valid_only_for_its_key_its_time_and_its_format() {
        let (key, other) = (Token::generate().key(), Token::generate().key());
        let record = Record::new(&key, Some("g".into()), 1_000, session());
        let json = serde_json::to_string(&record).unwrap();
        let read = |json: &str| serde_json::from_str::<Record>(json).unwrap();
        assert_eq!(read(&json).generation(), Some("g"));
        assert!(read(&json).is_valid(&key, 999));
        assert!(!read(&json).is_valid(&key, 1_000));
        assert!(!read(&json).is_valid(&other, 999));
        let older = json.replacen("\"format\":3", "\"format\":2", 1);
        assert!(!read(&older).is_valid(&key, 999));
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::json;

    use super::*;
    use crate::crypto::token::Token;
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

    /// Reads a record as
    /// [`GenerationCache::get`](crate::store::cache::GenerationCache::get) does.
    fn read(
        json: &str,
        key: &SessionKey,
        generation: Option<&str>,
        now_ms: i64,
    ) -> Option<Session> {
        let record: Record = serde_json::from_str(json).ok()?;
        let is_current = record.generation() == generation && record.is_valid(key, now_ms);
        is_current.then(|| record.into_session())
    }

    fn generation() -> impl Strategy<Value = Option<String>> {
        proptest::option::of(text())
    }

    proptest! {
        #[test]
        fn a_record_is_read_back_under_its_key_and_generation_until_it_expires(
            id in uuid(), data in json(), generation in generation(), until in any::<i64>(),
            now in any::<i64>(),
        ) {
            let key = Token::generate().key();
            let record = Record::new(&key, generation.clone(), until, session(id, data.clone()));
            let json = serde_json::to_string(&record).unwrap();
            let read = read(&json, &key, generation.as_deref(), now);
            let read = read.map(|session| (session.id, session.data));
            // A fraction may lose its last bit in JSON, so the expected data is also
            // converted to JSON and back.
            let data: Value = serde_json::from_str(&data.to_string()).unwrap();
            assert_eq!(read, (until > now).then_some((id, data)));
        }

        #[test]
        fn arbitrary_text_is_never_a_session(
            bytes in bytes(), value in json(), generation in generation(),
        ) {
            let key = Token::generate().key();
            let text = String::from_utf8_lossy(&bytes);
            let record = json!({
                "format": 3, "key": key.as_str(), "mark": generation, "until_ms": 1, "session": value,
            });
            for text in [&*text, &value.to_string(), &record.to_string()] {
                assert!(read(text, &key, generation.as_deref(), 0).is_none());
            }
        }

        #[test]
        fn a_damaged_record_is_never_the_session_of_another_key(
            id in uuid(), data in json(), generation in generation(),
            other_generation in generation(), index in any::<Index>(), flip in any::<u8>(),
        ) {
            let (key, other_key) = (Token::generate().key(), Token::generate().key());
            let record = Record::new(&key, generation.clone(), 1_000, session(id, data));
            let json = serde_json::to_string(&record).unwrap();
            let end = json.floor_char_boundary(index.index(json.len()));
            assert!(read(&json[..end], &key, generation.as_deref(), 0).is_none());
            let altered = altered(json.as_bytes(), index, flip);
            let altered = String::from_utf8_lossy(&altered).into_owned();
            for json in [&json, &altered] {
                assert!(read(json, &other_key, generation.as_deref(), 0).is_none());
            }
            if generation != other_generation {
                assert!(read(&json, &key, other_generation.as_deref(), 0).is_none());
            }
        }
    }
}
