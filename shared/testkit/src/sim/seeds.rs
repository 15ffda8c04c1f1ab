//! Many worlds, side by side, and one of them again.

use std::ops::Range;

/// Lives through a world of each seed, on all cores; gives those in which something is wrong.
pub fn worlds<V: Send>(
    seeds: Range<u64>,
    live: impl Fn(u64) -> Vec<V> + Copy + Send + Sync,
) -> Vec<(u64, Vec<V>)> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let lives = |core: u64| {
        let mine = seeds.clone().filter(move |seed| seed % cores == core);
        let lived = mine.map(|seed| (seed, live(seed)));
        lived.filter(|(_, found)| !found.is_empty()).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|core| scope.spawn(move || lives(core))).collect();
        let joined = threads.into_iter().flat_map(|thread| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        joined.collect()
    })
}

/// The worlds of a test: so many from 0 on, unless a person sets `SEED`, the first, and `WORLDS`,
/// how many.
pub fn seeds(worlds: u64) -> Range<u64> {
    let first = number("SEED").unwrap_or(0);
    first..first.saturating_add(number("WORLDS").unwrap_or(worlds))
}

/// A number that a person sets for a test: `SEED`, the world to replay; `WORLDS`, how many.
pub fn number(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a person names worlds to live through")]
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok())
}
