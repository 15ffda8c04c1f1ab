//! Names with wildcards, as Python's `fnmatchcase` reads them.

/// Whether a name has no wildcard.
pub(super) fn plain(glob: &str) -> bool {
    !glob.contains(['*', '?', '['])
}

/// `fnmatchcase`: `*`, `?`, `[set]`, `[!set]`.
pub(crate) fn matches(text: &str, glob: &str) -> bool {
    if plain(glob) {
        return text == glob;
    }
    let (text, glob): (Vec<char>, Vec<char>) = (text.chars().collect(), glob.chars().collect());
    matches_from(&text, &glob)
}

fn matches_from(text: &[char], glob: &[char]) -> bool {
    match glob.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => {
            (0..=text.len()).any(|i| text.get(i..).is_some_and(|t| matches_from(t, rest)))
        }
        Some(('?', rest)) => text.split_first().is_some_and(|(_, t)| matches_from(t, rest)),
        Some(('[', rest)) => match set_of(rest) {
            Some((set, rest)) => {
                text.split_first().is_some_and(|(c, t)| set.holds(*c) && matches_from(t, rest))
            }
            None => text.split_first().is_some_and(|(c, t)| *c == '[' && matches_from(t, rest)),
        },
        Some((c, rest)) => text.split_first().is_some_and(|(t, r)| t == c && matches_from(r, rest)),
    }
}

struct Set<'g> {
    negated: bool,
    members: &'g [char],
}

impl Set<'_> {
    fn holds(&self, c: char) -> bool {
        let mut inside = false;
        let mut rest = self.members;
        loop {
            rest = match rest {
                [low, '-', high, tail @ ..] => {
                    inside |= (*low..=*high).contains(&c);
                    tail
                }
                [one, tail @ ..] => {
                    inside |= *one == c;
                    tail
                }
                [] => return inside != self.negated,
            };
        }
    }
}

fn set_of(glob: &[char]) -> Option<(Set<'_>, &[char])> {
    let (negated, glob) = match glob.split_first() {
        Some(('!', rest)) => (true, rest),
        _ => (false, glob),
    };
    // A bracket in first place is a member.
    let end = glob.iter().skip(1).position(|c| *c == ']')? + 1;
    let (members, rest) = glob.split_at_checked(end)?;
    Some((Set { negated, members }, rest.get(1..)?))
}
