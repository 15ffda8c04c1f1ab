//! What servers say, as errors of the port.

use ports::DropError;
use russh_sftp::client::error::Error;
use russh_sftp::protocol::{Status, StatusCode};

/// Whether a server says that there is no such file.
pub(crate) fn is_absent(error: &Error) -> bool {
    code(error) == Some(StatusCode::NoSuchFile)
}

/// Whether a server says that there is nothing more.
pub(crate) fn is_end(error: &Error) -> bool {
    code(error) == Some(StatusCode::Eof)
}

/// Whether a server says no more than that it failed.
pub(crate) fn is_plain_failure(error: &Error) -> bool {
    code(error) == Some(StatusCode::Failure)
}

fn code(error: &Error) -> Option<StatusCode> {
    match error {
        Error::Status(status) => Some(status.status_code),
        _ => None,
    }
}

/// The error of an operation on a path.
pub(crate) fn at(path: &str, what: &str, error: Error) -> DropError {
    match error {
        Error::Status(status) => told(path, what, status),
        Error::Limited(reason) => refused(path, what, reason),
        Error::IO(_) | Error::Timeout | Error::UnexpectedPacket | Error::UnexpectedBehavior(_) => {
            DropError::Unavailable { reason: format!("{what} `{path}`: {error}") }
        }
    }
}

fn told(path: &str, what: &str, status: Status) -> DropError {
    match status.status_code {
        StatusCode::NoSuchFile => DropError::NotFound { path: path.to_owned() },
        StatusCode::NoConnection | StatusCode::ConnectionLost => {
            DropError::Unavailable { reason: format!("{what} `{path}`: the connection is lost") }
        }
        StatusCode::PermissionDenied => refused(path, what, "permission denied".to_owned()),
        _ => refused(path, what, status.error_message),
    }
}

fn refused(path: &str, what: &str, reason: String) -> DropError {
    DropError::Refused { what: format!("{what} `{path}`"), reason }
}
