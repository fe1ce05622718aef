//! The operations of the session store.

use sabor::Error;
use sabor::session::NewAnonymousSession;
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn a_session_can_be_created_read_updated_and_destroyed() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let new_session = NewAnonymousSession {
        data: json!({ "basket": ["salsa"], "language": "es" }),
        caller: Some(Caller {
            address: "192.0.2.7".parse().unwrap(),
            user_agent: Some("a test".to_owned()),
            locale: None,
        }),
        ttl: None,
    };
    let (token, created) = sessions.create(new_session).await.unwrap();
    assert_eq!(token.expose().len(), 64);
    let key = token.key();
    let read = sessions.get(&key).await.unwrap().unwrap();
    assert_eq!(read.id, created.id);
    assert_eq!(read.data, json!({ "basket": ["salsa"], "language": "es" }));
    let listed = &sessions.all(Page::default()).await.unwrap()[0];
    assert_eq!(listed.ip_address, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(listed.user_agent.as_deref(), Some("a test"));

    let updated = sessions
        .update(&key, json!({ "language": "en" }))
        .await
        .unwrap();
    assert_eq!(updated, json!({ "basket": ["salsa"], "language": "en" }));
    assert_eq!(sessions.get(&key).await.unwrap().unwrap().data, updated);
    let replaced = sessions.set(&key, json!({ "only": 1 })).await.unwrap();
    assert_eq!(replaced, json!({ "only": 1 }));

    assert_eq!(sessions.destroy(&key).await.unwrap(), Some(None));
    assert!(sessions.get(&key).await.unwrap().is_none());
    assert_eq!(sessions.destroy(&key).await.unwrap(), None);
}

#[tokio::test]
async fn listing_counting_and_clearing_include_every_session() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let mut keys = Vec::new();
    for _ in 0..5 {
        let (token, _) = sessions
            .create(NewAnonymousSession::default())
            .await
            .unwrap();
        keys.push(token.key());
    }
    assert_eq!(sessions.length().await.unwrap(), 5);
    assert_eq!(sessions.all(Page::default()).await.unwrap().len(), 5);
    for key in &keys {
        assert!(sessions.get(key).await.unwrap().is_some());
    }
    assert_eq!(sessions.clear(None).await.unwrap(), 5);
    assert_eq!(sessions.length().await.unwrap(), 0);
    for key in &keys {
        assert!(sessions.get(key).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_write_to_an_ended_session_fails_and_creates_nothing() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let (token, _) = sessions
        .create(NewAnonymousSession::default())
        .await
        .unwrap();
    let key = token.key();
    sessions.destroy(&key).await.unwrap();
    for outcome in [
        sessions.set(&key, json!({})).await,
        sessions.update(&key, json!({})).await,
        sessions.increment(&key, "visits").await,
    ] {
        assert!(matches!(outcome, Err(Error::SessionGone)));
    }
    assert_eq!(sessions.length().await.unwrap(), 0);
}

#[tokio::test]
async fn invalid_session_data_is_rejected_and_the_old_data_is_kept() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let new_session = NewAnonymousSession {
        data: json!({ "kept": true }),
        ..NewAnonymousSession::default()
    };
    let (token, _) = sessions.create(new_session).await.unwrap();
    let key = token.key();
    let large_data = json!({ "text": "x".repeat(16 * 1024) });
    for invalid_data in [
        large_data,
        json!({ "text": "a\0b" }),
        json!({ "a\0b": 1 }),
        json!([]),
    ] {
        for outcome in [
            sessions.set(&key, invalid_data.clone()).await,
            sessions.update(&key, invalid_data).await,
        ] {
            assert!(matches!(outcome, Err(Error::Invalid(_))), "{outcome:?}");
        }
    }
    let data = sessions.get(&key).await.unwrap().unwrap().data;
    assert_eq!(data, json!({ "kept": true }));
}

#[tokio::test]
async fn concurrent_updates_of_different_fields_are_all_kept() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let (token, _) = sessions
        .create(NewAnonymousSession::default())
        .await
        .unwrap();
    let key = token.key();
    let writes: Vec<_> = (0..16)
        .map(|number| {
            let (sessions, key) = (sessions.clone(), key.clone());
            tokio::spawn(async move {
                let patch = json!({ format!("field{number}"): number });
                sessions.update(&key, patch).await.unwrap();
            })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    let data = sessions.get(&key).await.unwrap().unwrap().data;
    assert_eq!(data.as_object().unwrap().len(), 16);
}
