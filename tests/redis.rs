//! The Redis client and the response cache of the library.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis_endpoint::FaultMode;
use sabor::store::cache::GenerationCache;
use sabor::store::response_cache::ResponseCache;

use crate::harness::{TestApp, wait_until};

#[tokio::test]
async fn values_can_be_set_read_incremented_and_expired() {
    let app = TestApp::start().await;
    let kv = app.app.kv().unwrap();
    assert_eq!(kv.get("name").await.unwrap(), None);
    kv.set("name", "Ana María ñ 💃", Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(
        kv.get("name").await.unwrap().as_deref(),
        Some("Ana María ñ 💃")
    );
    assert!(kv.exists("name").await.unwrap());
    assert_eq!(kv.delete(&["name", "absent"]).await.unwrap(), 1);
    assert_eq!(kv.delete(&["name"]).await.unwrap(), 0);
    assert!(!kv.exists("name").await.unwrap());
    for number in 1..=3 {
        assert_eq!(kv.increment("count").await.unwrap(), number);
    }
    assert!(kv.expire("count", Duration::from_millis(50)).await.unwrap());
    assert!(!kv.expire("nothing", Duration::from_secs(1)).await.unwrap());
    wait_until(async || kv.get("count").await.unwrap().is_none()).await;
}

fn response_cache(app: &TestApp, namespace: &'static str) -> ResponseCache {
    ResponseCache::new(GenerationCache::new(app.app.kv().cloned()), namespace)
}

#[tokio::test]
async fn a_cached_value_is_computed_once_until_its_namespace_is_invalidated() {
    let app = TestApp::start().await;
    let cache = response_cache(&app, "schedule");
    let other = response_cache(&app, "classes");
    let computations = AtomicU32::new(0);
    let load = async || Ok(computations.fetch_add(1, Ordering::Relaxed));
    for _ in 0..3 {
        assert_eq!(cache.get_or_load("week", load()).await.unwrap(), 0);
    }
    other.invalidate().await;
    assert_eq!(cache.get_or_load("week", load()).await.unwrap(), 0);
    cache.invalidate().await;
    assert_eq!(cache.get_or_load("week", load()).await.unwrap(), 1);
    let ttl = app
        .redis
        .command(&["PTTL", "cache:schedule:week"])
        .await
        .unwrap();
    assert!((3_500_000..=3_600_000).contains(&ttl.as_i64().unwrap()));
}

#[tokio::test]
async fn a_value_computed_before_an_invalidation_is_not_used_after_it() {
    let app = TestApp::start().await;
    let cache = response_cache(&app, "schedule");
    // The namespace is invalidated while the old value is being computed.
    let stale = cache.get_or_load("week", async {
        cache.invalidate().await;
        Ok("old".to_owned())
    });
    assert_eq!(stale.await.unwrap(), "old");
    let fresh = cache.get_or_load("week", async { Ok("new".to_owned()) });
    assert_eq!(fresh.await.unwrap(), "new");
}

#[tokio::test]
async fn without_redis_values_are_computed_every_time() {
    let app = TestApp::start().await;
    let cache = response_cache(&app, "schedule");
    app.redis.set_mode(FaultMode::Unreachable).await.unwrap();
    for number in 0..5 {
        assert_eq!(
            cache
                .get_or_load("week", async { Ok(number) })
                .await
                .unwrap(),
            number
        );
    }
}

#[tokio::test]
async fn an_invalidation_during_an_outage_takes_effect_afterwards() {
    let app = TestApp::start().await;
    let (cache, other_cache) = (
        response_cache(&app, "schedule"),
        response_cache(&app, "schedule"),
    );
    let old_value = cache.get_or_load("week", async { Ok("old".to_owned()) });
    assert_eq!(old_value.await.unwrap(), "old");
    app.redis.set_mode(FaultMode::ReadOnly).await.unwrap();
    cache.invalidate().await;
    // This cache does not return the old value, although Redis still has it.
    let new_value = cache.get_or_load("week", async { Ok("new".to_owned()) });
    assert_eq!(new_value.await.unwrap(), "new");
    app.redis.set_mode(FaultMode::Normal).await.unwrap();
    wait_until(async || {
        let value = other_cache.get_or_load("week", async { Ok("new".to_owned()) });
        value.await.unwrap() == "new"
    })
    .await;
}

#[tokio::test]
async fn the_cache_has_a_bounded_number_of_slots_and_never_mixes_up_keys() {
    let app = TestApp::start().await;
    let cache = response_cache(&app, "schedule");
    let get_text = async |number: u32| {
        let load = Box::pin(async move { Ok(format!("response {number}")) });
        cache
            .get_or_load_text("week", number.to_string(), load)
            .await
            .unwrap()
    };
    for _ in 0..2 {
        for number in 0..3_000 {
            assert_eq!(get_text(number).await, format!("response {number}"));
        }
    }
    let keys = app.redis.command(&["KEYS", "cache:*"]).await.unwrap();
    assert!((500..=1_024).contains(&keys.as_array().unwrap().len()));
    // The last value is cached.
    let load = Box::pin(async { Ok("another".to_owned()) });
    let last = cache
        .get_or_load_text("week", "2999".to_owned(), load)
        .await
        .unwrap();
    assert_eq!(last, "response 2999");
}
