//! How many calls each token has left.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Longest pause that spreads calls over the time that is left.
const LONGEST_PAUSE: f64 = 10.0;
/// Shortest pause that is worth making.
const SHORTEST_PAUSE: f64 = 0.1;
/// Shortest wait for a reset: an instant of reset that has passed must not make a busy loop.
const SHORTEST_WAIT: Duration = Duration::from_secs(5);
/// How far before the known reset an answer may say its own and still be of the same window.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// The tokens of an authenticator, one of them active.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    tokens: Vec<(Token, Vec<Left>)>,
    active: usize,
}

/// Not shown.
#[derive(Clone, PartialEq, Eq)]
struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// What a token has left of one count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Left {
    pub(super) remaining: f64,
    pub(super) limit: f64,
    pub(super) reset: Timestamp,
    /// Whether anybody counts.
    pub(super) tracked: bool,
}

/// What an answer says of a count.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Told {
    pub(super) remaining: Option<f64>,
    pub(super) limit: Option<f64>,
    pub(super) reset: Option<Timestamp>,
}

/// What a request does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// Goes with this token, after a pause.
    Go { token: String, pause: Duration },
    /// Waits: no token has calls left.
    Spent { wait: Duration },
}

impl Left {
    pub(super) fn untracked(now: Timestamp) -> Self {
        Self { remaining: 0.0, limit: 0.0, reset: now, tracked: false }
    }

    fn is_spent(&self) -> bool {
        self.tracked && self.remaining <= 0.0
    }
}

impl Tokens {
    pub(super) fn new(seeded: Vec<(String, Vec<Left>)>) -> Self {
        let tokens = seeded.into_iter().map(|(token, left)| (Token(token), left)).collect();
        Self { tokens, active: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn reseed(&mut self, seeded: Vec<(String, Vec<Left>)>) {
        *self = Self { active: self.active, ..Self::new(seeded) };
    }

    /// What is left of one count, by token.
    fn of(&self, pool: usize) -> impl Iterator<Item = &Left> {
        self.tokens.iter().filter_map(move |(_, left)| left.get(pool))
    }

    fn next(&mut self) {
        self.active = (self.active + 1) % self.tokens.len().max(1);
    }

    /// The token of the next request, and its call taken off the count.
    pub(super) fn turn(
        &mut self,
        pool: usize,
        now: Timestamp,
        reserve: impl Fn(f64) -> f64,
    ) -> Turn {
        if self.of(pool).all(Left::is_spent) {
            let waits = self.of(pool).map(|left| left.reset.duration_since(now));
            let wait = waits.min().and_then(|wait| Duration::try_from(wait).ok());
            return Turn::Spent { wait: wait.unwrap_or_default().max(SHORTEST_WAIT) };
        }
        for _ in 0..self.tokens.len() {
            let at = self.active;
            let Some((token, left)) = self.tokens.get_mut(at) else { break };
            let token = token.0.clone();
            match left.get_mut(pool) {
                Some(left) if left.tracked && left.remaining > 0.0 => {
                    left.remaining -= 1.0;
                    let pause = self.pause(pool, now, &reserve);
                    return Turn::Go { token, pause };
                }
                Some(left) if !left.tracked => {
                    self.next();
                    return Turn::Go { token, pause: Duration::ZERO };
                }
                _ => self.next(),
            }
        }
        Turn::Spent { wait: SHORTEST_WAIT }
    }

    /// Spreads the last calls over the time that is left.
    fn pause(&self, pool: usize, now: Timestamp, reserve: &impl Fn(f64) -> f64) -> Duration {
        let low = |left: &Left| left.tracked && left.remaining <= reserve(left.limit);
        let active = self.tokens.get(self.active).and_then(|(_, left)| left.get(pool));
        let (true, Some(active)) = (self.of(pool).all(low), active) else { return Duration::ZERO };
        let seconds = active.reset.duration_since(now).as_secs_f64().max(0.0);
        let calls: f64 = self.of(pool).map(|left| left.remaining.max(0.0)).sum();
        let pause = if calls > 0.0 { (seconds / calls).min(LONGEST_PAUSE) } else { 0.0 };
        let pause = if pause < SHORTEST_PAUSE { 0.0 } else { pause };
        Duration::try_from_secs_f64(pause).unwrap_or_default()
    }

    /// Takes over what an answer says of a token's count.
    pub(super) fn heed(&mut self, (token, pool): (&str, usize), told: Told, exhausted: bool) {
        let known = self.tokens.iter_mut().find(|(known, _)| known.0 == token);
        let Some(left) = known.and_then(|(_, left)| left.get_mut(pool)) else { return };
        if !left.tracked {
            return;
        }
        if let Some(limit) = told.limit.filter(|limit| *limit > 0.0)
            && told.reset.is_none_or(|reset| reset >= left.reset)
        {
            left.limit = limit;
        }
        match (told.reset, told.remaining) {
            (Some(reset), remaining) if reset > left.reset => {
                left.reset = reset;
                left.remaining = remaining.unwrap_or(left.limit);
            }
            (reset, Some(remaining)) => {
                let same_window = reset.is_none_or(|reset| {
                    left.reset.checked_sub(SKEW).is_ok_and(|earliest| reset >= earliest)
                });
                if (remaining <= 0.0 && exhausted) || same_window {
                    left.remaining = left.remaining.min(remaining);
                }
            }
            (_, None) => {}
        }
    }

    /// Whether another token than this spent one has calls left.
    pub(super) fn has_another(&self, token: &str, pool: usize) -> bool {
        let of = |(known, left): &(Token, Vec<Left>)| (known.0 == token, left.get(pool).copied());
        let all: Vec<_> = self.tokens.iter().map(of).collect();
        let spent = all.iter().any(|(own, left)| *own && left.is_some_and(|l| l.is_spent()));
        let free = |left: &Left| left.remaining > 0.0;
        spent && all.iter().any(|(own, left)| !own && left.as_ref().is_some_and(free))
    }
}
