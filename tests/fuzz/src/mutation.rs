//! Texts made from texts.

/// Makes texts out of others; the same seed makes the same texts.
#[derive(Debug, Clone)]
pub struct Mutator {
    state: u64,
    words: &'static [&'static str],
}

/// Longest text that is made, in bytes.
const LONGEST: usize = 16 << 10;

/// Where readers of text are weak, whatever they read.
const ODD: [&str; 24] = [
    "\0",
    "\u{7f}",
    "\u{fffd}",
    "\u{1F600}",
    "\u{301}",
    "\u{2028}",
    "\\",
    "\"",
    "'",
    "\n",
    "\t",
    "-",
    "%",
    "0",
    "-1",
    "9223372036854775807",
    "18446744073709551616",
    "1e400",
    "-0.0",
    "0x7fffffff",
    "[",
    "{",
    "(",
    "null",
];

impl Mutator {
    /// From a seed; `words` are what this kind of text is made of.
    pub fn new(seed: u64, words: &'static [&'static str]) -> Self {
        Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, words }
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from((self.state >> 11) % end).unwrap_or(0)
    }

    /// A text made of one or two of these.
    pub fn text(&mut self, corpus: &[String]) -> String {
        let pick = |n: usize| corpus.get(n).map(String::as_str).unwrap_or_default();
        let mut text: Vec<char> = pick(self.below(corpus.len())).chars().collect();
        for _ in 0..=self.below(4) {
            match self.below(8) {
                0 => self.drop_some(&mut text),
                1 => self.repeat_some(&mut text),
                2 => self.nest(&mut text),
                3 => {
                    let other = pick(self.below(corpus.len()));
                    self.splice(&mut text, other);
                }
                4 => self.replace_one(&mut text),
                5 => self.insert(&mut text, ODD.as_slice()),
                _ => self.insert(&mut text, self.words),
            }
        }
        let mut made: String = text.into_iter().collect();
        let mut end = made.len().min(LONGEST);
        while !made.is_char_boundary(end) {
            end -= 1;
        }
        made.truncate(end);
        made
    }

    /// A piece of the text: mostly short.
    fn piece(&mut self, text: &[char]) -> std::ops::Range<usize> {
        let start = self.below(text.len() + 1);
        let most = if self.below(4) == 0 { text.len() } else { 12 };
        let length = self.below(most.min(text.len() - start) + 1);
        start..start + length
    }

    fn drop_some(&mut self, text: &mut Vec<char>) {
        let piece = self.piece(text);
        text.drain(piece);
    }

    fn repeat_some(&mut self, text: &mut Vec<char>) {
        let piece = self.piece(text);
        let most = if self.below(16) == 0 { 2_000 } else { 4 };
        let end = piece.end;
        let copy: Vec<char> = text.get(piece).unwrap_or_default().repeat(self.below(most));
        text.splice(end..end, copy);
    }

    /// Puts a bracket around a piece, often enough to hurt.
    fn nest(&mut self, text: &mut Vec<char>) {
        const PAIRS: [(&str, &str); 7] = [
            ("[", "]"),
            ("{", "}"),
            ("(", ")"),
            ("{{", "}}"),
            ("{a: ", "}"),
            ("- ", ""),
            ("not ", ""),
        ];
        let piece = self.piece(text);
        let (open, close) = PAIRS.get(self.below(PAIRS.len())).copied().unwrap_or_default();
        let times = if self.below(16) == 0 { self.below(3_000) } else { 1 };
        let (open, close) = (open.repeat(times), close.repeat(times));
        text.splice(piece.end..piece.end, close.chars());
        text.splice(piece.start..piece.start, open.chars());
    }

    fn splice(&mut self, text: &mut Vec<char>, other: &str) {
        let other: Vec<char> = other.chars().collect();
        let (to, from) = (self.piece(text), self.piece(&other));
        text.splice(to, other.get(from).unwrap_or_default().iter().copied());
    }

    fn replace_one(&mut self, text: &mut [char]) {
        let place = self.below(text.len());
        let code = if self.below(8) == 0 { self.below(0x11_0000) } else { self.below(0x80) };
        let new = u32::try_from(code).ok().and_then(char::from_u32);
        if let (Some(old), Some(new)) = (text.get_mut(place), new) {
            *old = new;
        }
    }

    fn insert(&mut self, text: &mut Vec<char>, words: &[&str]) {
        let word = words.get(self.below(words.len())).copied().unwrap_or_default();
        let piece = self.piece(text);
        let place = if self.below(2) == 0 { piece } else { piece.start..piece.start };
        text.splice(place, word.chars());
    }
}
