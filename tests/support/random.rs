//! Chance that can be repeated.

use std::time::{SystemTime, UNIX_EPOCH};

/// Numbers that look random and come again with the same seed.
pub struct Random(u64);

impl Random {
    /// From `LONDISTE_SEED`: a number, or `clock` for another one each time. Without it always the same, so that a change
    /// of the program is what makes the suite fail. Told, so that a failure can be repeated.
    pub fn seeded() -> Random {
        let seed = match std::env::var("LONDISTE_SEED").as_deref() {
            Ok("clock") => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .expect("a clock after 1970")
                .subsec_nanos()
                .into(),
            Ok(text) => text.parse().expect("LONDISTE_SEED is a number"),
            Err(_) => 4711,
        };
        println!("LONDISTE_SEED={seed}");
        Random(seed)
    }

    /// The next number below `limit` (splitmix64).
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
