//! The language: which components there are, what stands where, what must be there.

mod groups;
mod implied;
mod kinds;

pub(super) use implied::implied;
pub(super) use kinds::KINDS;

/// A component that Headwater runs.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its `type`.
    pub(super) name: &'static str,
    /// Fields it cannot do without.
    pub(super) required: &'static [&'static str],
    /// Fields that hold components: one, or a list of them.
    pub(super) children: &'static [(&'static str, &'static [&'static str])],
}

const fn kind(
    name: &'static str,
    required: &'static [&'static str],
    children: &'static [(&'static str, &'static [&'static str])],
) -> Kind {
    Kind { name, required, children }
}

/// Fields that hold a component or a plain text, or a list of such.
pub(super) const TEXT_TOO: [&str; 4] = ["start_datetime", "end_datetime", "target_type", "items"];

/// Components that the language gives no `type`: their place says what they are.
pub(super) const UNTYPED: [&str; 6] = [
    "StreamGroup",
    "SchemaTypeIdentifier",
    "TypesMap",
    "ComplexFieldType",
    "Rate",
    "HttpRequestRegexMatcher",
];

/// The component of a name, when it runs.
pub(super) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
