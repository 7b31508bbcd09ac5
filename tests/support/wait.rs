//! Waiting for facts instead of sleeping.

use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(20);

/// Asks until there is an answer; after `limit` it fails and says what never came.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            start.elapsed() < limit,
            "waited {limit:?} for {what}, and it never came"
        );
        std::thread::sleep(STEP);
    }
}

/// The same for an asynchronous question.
pub async fn wait_for_async<T, F: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            start.elapsed() < limit,
            "waited {limit:?} for {what}, and it never came"
        );
        tokio::time::sleep(STEP).await;
    }
}
