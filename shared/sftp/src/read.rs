//! Reading: pieces of a file, many asked for at once.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use russh_sftp::client::error::Error;

use crate::connect::Session;
use crate::failure::is_end;

/// Requests on the way at once.
const SIDE_BY_SIDE: usize = 64;

/// What the file has of these bytes.
pub(crate) async fn range(
    session: &Session,
    handle: &str,
    offset: u64,
    len: usize,
) -> Result<Bytes, Error> {
    let step = session.piece as usize;
    let pieces = (0..len).step_by(step).map(|from| {
        let wanted = step.min(len - from);
        piece(session, handle, offset + from as u64, wanted)
    });
    let mut pieces = stream::iter(pieces).buffered(SIDE_BY_SIDE);
    let mut whole = BytesMut::with_capacity(len.min(1 << 20));
    while let Some(piece) = pieces.try_next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// One piece; servers may give less than was asked for.
async fn piece(
    session: &Session,
    handle: &str,
    offset: u64,
    wanted: usize,
) -> Result<Vec<u8>, Error> {
    let mut piece: Vec<u8> = Vec::new();
    while piece.len() < wanted {
        let rest = u32::try_from(wanted - piece.len()).unwrap_or(session.piece);
        let at = offset + piece.len() as u64;
        match session.sftp.read(handle, at, rest).await {
            Ok(data) if data.data.is_empty() => break,
            Ok(data) if piece.is_empty() => piece = data.data,
            Ok(data) => piece.extend_from_slice(&data.data),
            Err(error) if is_end(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(piece)
}
